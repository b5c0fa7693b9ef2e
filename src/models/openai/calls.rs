//! Which streamed piece belongs to which call, whatever the server does with ids and indexes.

use super::arguments::ArgumentBuffer;
use super::ids;
use crate::models::{Arguments, ToolCall};
use serde_json::{Map, Value, json};

/// More calls than this in one answer are not believed.
const MOST_CALLS: usize = 128;

/// The calls of one answer, in order of their first piece.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    /// The call that got the last piece.
    current: usize,
}

#[derive(Debug, Default)]
struct Call {
    provider_id: Option<String>,
    index: Option<u64>,
    /// Another call had this index before; the pieces that follow may tell the right one.
    index_in_doubt: bool,
    name: String,
    arguments: ArgumentBuffer,
    /// Fields that we do not know, for sending back: signatures among them.
    unknown: Map<String, Value>,
}

/// The server sent more calls than anyone means.
#[derive(Debug)]
pub(super) struct TooManyCalls;

impl Calls {
    /// Takes one entry of `tool_calls`.
    pub(super) fn push(&mut self, piece: &Value) -> Result<(), TooManyCalls> {
        let Some(fields) = piece.as_object() else {
            return Ok(());
        };
        let function = fields.get("function");
        let id = fields.get("id").and_then(Value::as_str).filter(|id| !id.is_empty());
        let index = fields.get("index").and_then(as_index);
        let name = function
            .and_then(|function| function.get("name"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let arguments = function
            .and_then(|function| function.get("arguments"))
            .unwrap_or(&Value::Null);

        let place = match self.route(id, index, name, arguments) {
            Some(place) => place,
            None if self.calls.len() == MOST_CALLS => return Err(TooManyCalls),
            None => {
                let index_in_doubt = index.is_some() && self.calls.iter().any(|call| call.index == index);
                self.calls.push(Call {
                    index,
                    index_in_doubt,
                    ..Call::default()
                });
                self.calls.len() - 1
            }
        };
        self.current = place;
        let call = &mut self.calls[place];
        if call.index_in_doubt && index.is_some() && index != call.index {
            call.index = index;
            call.index_in_doubt = false;
        }
        if call.provider_id.is_none() {
            call.provider_id = id.map(str::to_owned);
        }
        // Some servers repeat the name on every piece.
        if call.name.is_empty() {
            name.clone_into(&mut call.name);
        }
        call.arguments.push(arguments);
        for (key, value) in fields {
            let is_known = matches!(key.as_str(), "id" | "index" | "type" | "function");
            if !is_known && !value.is_null() {
                call.unknown.insert(key.clone(), value.clone());
            }
        }
        Ok(())
    }

    /// The call that a piece continues, or `None` when it starts one.
    fn route(&self, id: Option<&str>, index: Option<u64>, name: &str, arguments: &Value) -> Option<usize> {
        let last_where = |wanted: &dyn Fn(&Call) -> bool| self.calls.iter().rposition(wanted);
        if let Some(id) = id {
            // A known id is its call, also when the index points elsewhere.
            if let Some(place) = last_where(&|call| call.provider_id.as_deref() == Some(id)) {
                let call = &self.calls[place];
                let other_place = index.is_some() && index != call.index;
                return (!(other_place && call.ends_before(name, arguments))).then_some(place);
            }
            // A new id is a new call, unless it is the late id of a call that has none yet.
            let place = last_where(&|call| index.is_some() && call.index == index)?;
            let call = &self.calls[place];
            let late_id = call.provider_id.is_none() && !call.ends_before(name, arguments);
            return late_id.then_some(place);
        }
        let current = self.calls.get(self.current)?;
        let place = match index {
            Some(_) => match last_where(&|call| call.index == index) {
                Some(place) => place,
                None if name.is_empty() && current.index_in_doubt => self.current,
                None => return None,
            },
            None => self.current,
        };
        (!self.calls[place].ends_before(name, arguments)).then_some(place)
    }

    /// The calls, and the same as the wire's entries for sending back.
    pub(super) fn finish(self, cut: bool) -> (Vec<ToolCall>, Vec<Value>) {
        self.calls
            .into_iter()
            .filter(|call| !call.is_ghost())
            .map(|call| call.finish(cut))
            .unzip()
    }
}

impl Call {
    /// An entry that never got anything.
    fn is_ghost(&self) -> bool {
        self.name.is_empty() && self.arguments.is_blank()
    }

    /// Whether a piece with this name and these arguments, which by its place belongs here, is the head of another call.
    fn ends_before(&self, name: &str, arguments: &Value) -> bool {
        if name.is_empty() || self.name.is_empty() {
            return false;
        }
        if name != self.name {
            return true;
        }
        let says_more = arguments.is_object() || arguments.as_str().is_some_and(|text| !text.trim().is_empty());
        says_more && self.arguments.is_closed() && !self.arguments.is_repeated_by(arguments)
    }

    fn finish(self, cut: bool) -> (ToolCall, Value) {
        let mut arguments = self.arguments.finish(cut);
        if self.name.is_empty() {
            arguments = Arguments::Malformed {
                raw: String::new().into(),
                problem: "the call names no tool".to_owned(),
            };
        }
        let name = if self.name.is_empty() {
            "unnamed".to_owned()
        } else {
            self.name
        };
        // What could not be read is sent back as an empty object: servers refuse, or fail on, arguments that are not JSON.
        let written = match &arguments {
            Arguments::Object(object) => object.to_string(),
            Arguments::Malformed { .. } => "{}".to_owned(),
        };
        let mut raw = Map::new();
        if let Some(id) = &self.provider_id {
            raw.insert("id".to_owned(), json!(id));
        }
        raw.insert("type".to_owned(), json!("function"));
        raw.insert("function".to_owned(), json!({"name": name, "arguments": written}));
        raw.extend(self.unknown);
        let call = ToolCall {
            id: ids::new_call_id(),
            provider_id: self.provider_id,
            name,
            arguments,
        };
        (call, Value::Object(raw))
    }
}

fn as_index(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

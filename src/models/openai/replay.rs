//! The assistant message as the provider sent it, put together from its pieces, for sending back verbatim.

use serde_json::{Map, Value, json};

/// Fields other than plain content that take more than this are not believed. Plain content is bounded by its stream.
const MOST_UNKNOWN_BYTES: usize = 4 << 20;
/// Fields that come in pieces, so that a piece that equals all before it is still more of it.
const PIECED_FIELDS: [&str; 5] = ["reasoning_content", "reasoning", "reasoning_text", "thinking", "refusal"];

/// The fields of the message but its calls.
#[derive(Debug, Default)]
pub(super) struct RawMessage {
    content: Option<Value>,
    unknown: Map<String, Value>,
    unknown_bytes: usize,
}

/// The server sent more than anyone means.
#[derive(Debug)]
pub(super) struct TooMuch;

impl RawMessage {
    /// Takes one `delta`, or a whole `message`.
    pub(super) fn push(&mut self, delta: &Map<String, Value>) -> Result<(), TooMuch> {
        for (key, value) in delta {
            match key.as_str() {
                "role" | "tool_calls" => {}
                _ if value.is_null() => {}
                "content" if value.is_string() => merge_content(&mut self.content, value),
                _ => {
                    self.unknown_bytes += key.len() + size_of_json(value);
                    if self.unknown_bytes > MOST_UNKNOWN_BYTES {
                        return Err(TooMuch);
                    }
                    if key == "content" {
                        merge_content(&mut self.content, value);
                    } else {
                        merge_field(&mut self.unknown, key, value);
                    }
                }
            }
        }
        Ok(())
    }

    /// The whole message, with its calls.
    pub(super) fn finish(self, calls: Vec<Value>) -> Value {
        let mut message = Map::new();
        message.insert("role".to_owned(), json!("assistant"));
        message.insert("content".to_owned(), self.content.unwrap_or_default());
        message.extend(self.unknown);
        if !calls.is_empty() {
            message.insert("tool_calls".to_owned(), Value::Array(calls));
        }
        Value::Object(message)
    }
}

/// A bound on what a value costs in memory, near enough: its bytes, and the room that each of its parts takes.
fn size_of_json(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(size_of_json).sum(),
            Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + size_of_json(value)).sum(),
            _ => 0,
        }
}

fn merge_content(content: &mut Option<Value>, piece: &Value) {
    match (content.as_mut(), piece) {
        (None, _) => *content = Some(piece.clone()),
        (Some(Value::String(text)), Value::String(more)) => text.push_str(more),
        (Some(Value::Array(parts)), Value::Array(more)) => more.iter().for_each(|part| push_part(parts, part)),
        (Some(Value::Array(parts)), Value::String(more)) => push_part(parts, &json!({"type": "text", "text": more})),
        (Some(Value::String(text)), Value::Array(more)) => {
            let mut parts = Vec::new();
            if !text.is_empty() {
                parts.push(json!({"type": "text", "text": text}));
            }
            for part in more {
                push_part(&mut parts, part);
            }
            *content = Some(Value::Array(parts));
        }
        _ => {}
    }
}

/// Adds a part of typed content; pieces of one text become one part.
fn push_part(parts: &mut Vec<Value>, part: &Value) {
    if let (Some(Value::Object(last)), Value::Object(part)) = (parts.last_mut(), part)
        && last.get("type") == part.get("type")
    {
        if let (Some(Value::String(text)), Some(Value::String(more))) = (last.get_mut("text"), part.get("text")) {
            text.push_str(more);
            return;
        }
        if let (Some(Value::Array(inner)), Some(Value::Array(more))) = (last.get_mut("thinking"), part.get("thinking")) {
            for part in more {
                push_part(inner, part);
            }
            return;
        }
    }
    parts.push(part.clone());
}

fn merge_field(fields: &mut Map<String, Value>, key: &str, value: &Value) {
    match (fields.get_mut(key), value) {
        (Some(Value::String(text)), Value::String(more)) => {
            if text != more || PIECED_FIELDS.contains(&key) {
                text.push_str(more);
            }
        }
        (Some(Value::Array(items)), Value::Array(more)) => more.iter().for_each(|item| merge_item(items, item)),
        (Some(Value::Object(old)), Value::Object(new)) => {
            for (key, value) in new.iter().filter(|(_, value)| !value.is_null()) {
                old.insert(key.clone(), value.clone());
            }
        }
        _ => {
            fields.insert(key.to_owned(), value.clone());
        }
    }
}

/// Adds an item of a list such as `reasoning_details`, where items of one type and index are pieces of one.
fn merge_item(items: &mut Vec<Value>, item: &Value) {
    if let (Some(Value::Object(last)), Value::Object(piece)) = (items.last_mut(), item)
        && piece.contains_key("index")
        && last.get("index") == piece.get("index")
        && last.get("type") == piece.get("type")
    {
        for (key, value) in piece.iter().filter(|(_, value)| !value.is_null()) {
            match (last.get_mut(key), value) {
                (Some(Value::String(text)), Value::String(more)) if matches!(key.as_str(), "text" | "summary" | "data") => {
                    text.push_str(more);
                }
                _ => {
                    last.insert(key.clone(), value.clone());
                }
            }
        }
        return;
    }
    items.push(item.clone());
}

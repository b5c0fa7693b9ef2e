//! The arguments of one streamed call: pieces of many shapes to one JSON object, or to a reason why there is none.
//!
//! When in doubt there is none: a call that was guessed at is never run.

use crate::models::Arguments;
use serde_json::{Map, Value};

/// Arguments longer than this are not read; a whole file fits.
const LONGEST_BYTES: usize = 4 << 20;
/// What a person or a log may need of arguments that could not be read.
const RAW_KEPT_BYTES: usize = 2000;

/// What came so far. Two readings are kept, as only the end shows which one the server meant: the pieces joined, or the last
/// piece alone where each one repeats the one before and goes on.
#[derive(Debug)]
pub(super) struct ArgumentBuffer {
    joined: Option<String>,
    snapshot: Option<String>,
    whole: Option<Value>,
    /// The last piece, where it starts a value of its own.
    last_start: Option<String>,
    nesting: Nesting,
}

impl Default for ArgumentBuffer {
    fn default() -> Self {
        Self {
            joined: Some(String::new()),
            snapshot: Some(String::new()),
            whole: None,
            last_start: None,
            nesting: Nesting::default(),
        }
    }
}

impl ArgumentBuffer {
    pub(super) fn push(&mut self, piece: &Value) {
        match piece {
            Value::Null => {}
            Value::String(piece) => self.push_str(piece),
            whole => self.whole = Some(whole.clone()),
        }
    }

    fn push_str(&mut self, piece: &str) {
        if piece.is_empty() {
            return;
        }
        self.last_start = self.nesting.is_outside().then(|| piece.to_owned());
        self.nesting.push(piece);
        self.joined = self.joined.take().and_then(|joined| {
            let fits = joined.len() + piece.len() <= LONGEST_BYTES;
            fits.then(|| joined + piece)
        });
        self.snapshot = self
            .snapshot
            .take()
            .filter(|before| piece.starts_with(before.as_str()))
            .map(|_| piece.to_owned());
    }

    /// Whether nothing came that says anything.
    pub(super) fn is_blank(&self) -> bool {
        self.whole.is_none() && self.joined.as_ref().is_some_and(|joined| joined.trim().is_empty())
    }

    /// Whether the pieces so far are a value that is closed.
    pub(super) fn is_closed(&self) -> bool {
        self.whole.is_some() || self.nesting.is_closed()
    }

    /// Whether a piece after a closed value is that value again, perhaps with more written of it, and not another call's.
    pub(super) fn is_repeated_by(&self, piece: &Value) -> bool {
        let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
        let later = match piece {
            Value::String(text) => parse(text),
            whole => Some(whole.clone()),
        };
        let earlier = match (&self.whole, &self.last_start, &self.joined) {
            (Some(whole), _, _) => Some(whole.clone()),
            (None, Some(last), _) => parse(last),
            // Read once at most, as a second closed value comes with the piece: a long answer stays cheap.
            (None, None, Some(joined)) if self.nesting.closed == 1 => parse(joined),
            _ => None,
        };
        matches!((earlier, later), (Some(earlier), Some(later)) if grows_into(&earlier, &later))
    }

    /// The arguments. `cut` says that the token limit ended the answer, so that nothing may mean "not written yet".
    pub(super) fn finish(self, cut: bool) -> Arguments {
        if cut && self.is_blank() {
            return malformed("", "the answer was cut off before the arguments were written");
        }
        if let Some(whole) = self.whole {
            return as_object(&whole)
                .unwrap_or_else(|| malformed(&whole.to_string(), "the arguments are not a JSON object"));
        }
        let object = self
            .joined
            .as_deref()
            .and_then(read)
            .or_else(|| self.snapshot.as_deref().and_then(read));
        if let Some(object) = object {
            return object;
        }
        let Some(joined) = self.joined else {
            return malformed("", "the arguments are too long");
        };
        let problem = match serde_json::from_str::<Value>(&joined) {
            Ok(_) => "the arguments are not a JSON object".to_owned(),
            Err(_) if cut => "the answer was cut off in the middle of the arguments".to_owned(),
            Err(error) if error.is_eof() => "the arguments end in the middle of the JSON".to_owned(),
            Err(error) => format!(
                "the arguments are not valid JSON (line {}, column {})",
                error.line(),
                error.column()
            ),
        };
        malformed(&joined, &problem)
    }
}

/// How deep in objects and lists the text is, kept piece by piece.
#[derive(Debug, Default)]
struct Nesting {
    depth: usize,
    in_string: bool,
    escaped: bool,
    closed: usize,
}

impl Nesting {
    fn push(&mut self, piece: &str) {
        for byte in piece.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        self.closed += 1;
                    }
                }
                _ => {}
            }
        }
    }

    fn is_outside(&self) -> bool {
        self.depth == 0 && !self.in_string
    }

    fn is_closed(&self) -> bool {
        self.closed > 0 && self.is_outside()
    }
}

fn malformed(raw: &str, problem: &str) -> Arguments {
    Arguments::Malformed {
        raw: raw[..raw.floor_char_boundary(RAW_KEPT_BYTES)].into(),
        problem: problem.to_owned(),
    }
}

/// Reads one object, or several of which the last says all that the earlier ones say.
fn read(text: &str) -> Option<Arguments> {
    let mut last = Value::Null;
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.ok()?;
        if !grows_into(&last, &value) {
            return None;
        }
        last = value;
    }
    as_object(&last)
}

fn as_object(value: &Value) -> Option<Arguments> {
    match value {
        Value::Null => Some(Arguments::Object(Value::Object(Map::new()))),
        Value::Object(_) => Some(Arguments::Object(value.clone())),
        // How a language without a difference between lists and maps writes an empty map.
        Value::Array(items) if items.is_empty() => Some(Arguments::Object(Value::Object(Map::new()))),
        // Encoded twice.
        Value::String(inner) => match serde_json::from_str(inner) {
            Ok(object @ Value::Object(_)) => Some(Arguments::Object(object)),
            _ if inner.trim().is_empty() => Some(Arguments::Object(Value::Object(Map::new()))),
            _ => None,
        },
        _ => None,
    }
}

/// Whether `later` is `earlier` with more written of it.
fn grows_into(earlier: &Value, later: &Value) -> bool {
    match (earlier, later) {
        (Value::Null, _) => true,
        (Value::Object(earlier), Value::Object(later)) => earlier
            .iter()
            .all(|(key, value)| later.get(key).is_some_and(|grown| grows_into(value, grown))),
        (Value::Array(earlier), Value::Array(later)) => {
            earlier.len() <= later.len() && earlier.iter().zip(later).all(|(value, grown)| grows_into(value, grown))
        }
        (Value::String(earlier), Value::String(later)) => later.starts_with(earlier.as_str()),
        _ => earlier == later,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn finish(pieces: &[Value], cut: bool) -> Arguments {
        let mut buffer = ArgumentBuffer::default();
        for piece in pieces {
            buffer.push(piece);
        }
        buffer.finish(cut)
    }

    fn object(pieces: &[Value]) -> Option<Value> {
        match finish(pieces, false) {
            Arguments::Object(object) => Some(object),
            Arguments::Malformed { .. } => None,
        }
    }

    #[test]
    fn all_that_means_no_arguments() {
        for piece in [
            json!(""),
            json!(null),
            json!("null"),
            json!(" \n"),
            json!("[]"),
            json!([]),
            json!({}),
            json!("{}"),
            json!("\"\""),
        ] {
            assert_eq!(object(std::slice::from_ref(&piece)), Some(json!({})), "{piece}");
        }
        assert_eq!(object(&[]), Some(json!({})));
    }

    #[test]
    fn pieces_snapshots_and_repeats() {
        let wanted = Some(json!({"q": "rust"}));
        assert_eq!(object(&[json!(null), json!(r#"{"q":"#), json!(r#""rust"}"#)]), wanted);
        assert_eq!(
            object(&[json!(r#"{"q":"#), json!(r#"{"q":"ru"#), json!(r#"{"q":"rust"}"#)]),
            wanted
        );
        assert_eq!(
            object(&[json!("{}"), json!(r#"{"q":"ru"}"#), json!(r#"{"q":"rust"}"#)]),
            wanted
        );
        assert_eq!(
            object(&[json!(r#"{"q":"#), json!(r#""rust"}"#), json!(r#"{"q":"rust"}"#)]),
            wanted
        );
        assert_eq!(object(&[json!({"q": "rust"})]), wanted);
        assert_eq!(object(&[json!(r#""{\"q\":\"rust\"}""#)]), wanted);
    }

    #[test]
    fn a_piece_that_looks_like_a_snapshot_is_joined() {
        let nested = Some(json!({"x": {"x": 1}}));
        assert_eq!(object(&[json!(r#"{"x":"#), json!(r#"{"x":1}}"#)]), nested);
    }

    #[test]
    fn two_different_objects_are_no_arguments() {
        assert_eq!(object(&[json!(r#"{"q":"a"}"#), json!(r#"{"q":"b"}"#)]), None);
        assert_eq!(object(&[json!("[1]")]), None);
        assert_eq!(object(&[json!("{\"q\":")]), None);
    }

    #[test]
    fn nothing_written_before_the_cut_is_malformed() {
        assert!(matches!(finish(&[], true), Arguments::Malformed { .. }));
        assert!(matches!(finish(&[json!("{}")], true), Arguments::Object(_)));
    }

    #[test]
    fn long_snapshots_outlive_the_joined_pieces() {
        let mut buffer = ArgumentBuffer::default();
        let body = "x".repeat(2000);
        for end in (0..=body.len()).step_by(4) {
            buffer.push(&json!(format!("{{\"q\":\"{}", &body[..end])));
        }
        assert!(buffer.joined.as_ref().is_none_or(|joined| joined.len() <= LONGEST_BYTES));
        buffer.push(&json!(format!("{{\"q\":\"{body}\"}}")));
        assert_eq!(buffer.finish(false), Arguments::Object(json!({"q": body})));
    }
}

//! What an answer looks like, and the bytes of it.

use serde::Deserialize;
use serde_json::json;
use std::io::Write as _;
use std::time::Duration;

/// How answers look.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Form {
    /// From the request to the first piece.
    first_ms: u64,
    /// From piece to piece.
    every_ms: u64,
    /// How many.
    pieces: usize,
    /// Each of them.
    piece: String,
    /// How much later the last one comes than the others.
    last_ms: u64,
    /// For whoever looks at the records.
    pub(crate) name: String,
}

impl Default for Form {
    fn default() -> Self {
        Self {
            first_ms: 0,
            every_ms: 0,
            pieces: 1,
            piece: "word ".to_owned(),
            last_ms: 0,
            name: String::new(),
        }
    }
}

impl Form {
    pub(crate) fn pieces(&self) -> usize {
        self.pieces.max(1)
    }

    /// When a piece is due, counted from the request.
    pub(crate) fn due(&self, piece: usize) -> Duration {
        let late = if piece + 1 == self.pieces() { self.last_ms } else { 0 };
        Duration::from_millis(self.first_ms + self.every_ms * piece as u64 + late)
    }

    pub(crate) fn text_of(&self, piece: usize) -> String {
        if piece + 1 == self.pieces() {
            format!("{}END", self.piece)
        } else {
            self.piece.clone()
        }
    }

    /// The chunk that every piece but the last one is.
    pub(crate) fn usual_chunk(&self) -> Vec<u8> {
        chunk(&piece_event(&self.piece))
    }

    pub(crate) fn last_chunk(&self) -> Vec<u8> {
        chunk(&piece_event(&self.text_of(self.pieces() - 1)))
    }

    /// The reason to end, the tokens and the end of the body.
    pub(crate) fn end(&self) -> Vec<u8> {
        let pieces = self.pieces();
        let choice = json!({"index": 0, "delta": {}, "finish_reason": "stop"});
        let usage = json!({"prompt_tokens": 10, "completion_tokens": pieces, "total_tokens": pieces + 10});
        let mut bytes = chunk(&event(&json!([choice]), None));
        bytes.extend(chunk(&event(&json!([]), Some(&usage))));
        bytes.extend(chunk("data: [DONE]\n\n"));
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }
}

fn piece_event(text: &str) -> String {
    event(
        &json!([{"index": 0, "delta": {"content": text}, "finish_reason": null}]),
        None,
    )
}

fn event(choices: &serde_json::Value, usage: Option<&serde_json::Value>) -> String {
    let mut event = json!({"id": "chatcmpl-load", "object": "chat.completion.chunk", "created": 0, "model": "load"});
    event["choices"] = choices.clone();
    if let Some(usage) = usage {
        event["usage"] = usage.clone();
    }
    format!("data: {event}\n\n")
}

/// A chunk of the transfer.
fn chunk(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 16);
    // A vector takes whatever is written.
    let _ = write!(bytes, "{:x}\r\n{text}\r\n", text.len());
    bytes
}

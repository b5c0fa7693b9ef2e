//! What the fake answers: status, headers, and a body given out piece by piece.

use crate::random::Random;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How the bytes of a body are cut into writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Split {
    /// Each piece as it is.
    #[default]
    Pieces,
    /// All in one.
    Whole,
    /// So many bytes at a time, through letters and events.
    Every(usize),
    /// At places that follow from the seed.
    Random(u64),
}

#[derive(Clone, Debug)]
pub(super) enum Piece {
    Bytes(Vec<u8>),
    Pause(Duration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As HTTP wants it.
    Proper,
    /// The connection goes away.
    Dropped,
    /// Nothing more comes, and the connection stays.
    Hangs,
}

/// One answer of the fake.
#[derive(Clone, Debug)]
pub struct Reply {
    /// No head either, when this is absent.
    pub(super) status: Option<u16>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Piece>,
    pub(super) split: Split,
    pub(super) ending: Ending,
}

impl Reply {
    /// A stream of exactly these bytes.
    pub fn raw(body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: Some(200),
            headers: vec![("content-type".to_owned(), "text/event-stream".to_owned())],
            pieces: vec![Piece::Bytes(body.into())],
            split: Split::Pieces,
            ending: Ending::Proper,
        }
    }

    /// A stream with these events and nothing after them.
    pub fn events<T: ToString>(events: impl IntoIterator<Item = T>) -> Self {
        let mut reply = Self::raw(Vec::new());
        for event in events {
            reply = reply.then(format!("data: {}\n\n", event.to_string()));
        }
        reply
    }

    /// A stream with these chunks and `[DONE]`.
    pub fn chunks(chunks: impl IntoIterator<Item = Value>) -> Self {
        Self::events(chunks).then("data: [DONE]\n\n")
    }

    /// An answer of text, a word at a time, with usage.
    pub fn text(text: &str) -> Self {
        Self::text_slowly(text, Duration::ZERO)
    }

    /// An answer of text with a pause before each word.
    pub fn text_slowly(text: &str, pause: Duration) -> Self {
        let mut reply = Self::raw(Vec::new());
        for word in text.split_inclusive(' ') {
            reply = reply.pause(pause).then(event(&delta(&json!({"content": word}))));
        }
        reply.then(ending("stop", words(text)))
    }

    /// An answer that calls tools.
    pub fn calls(calls: &[(&str, Value)]) -> Self {
        Self::text_and_calls("", calls)
    }

    /// An answer that says something and calls tools, as the contract has it: head first, arguments in fragments.
    pub fn text_and_calls(text: &str, calls: &[(&str, Value)]) -> Self {
        static NEXT_ID: AtomicU64 = AtomicU64::new(1);
        let mut reply = Self::raw(Vec::new());
        for word in text.split_inclusive(' ').filter(|word| !word.is_empty()) {
            reply = reply.then(event(&delta(&json!({"content": word}))));
        }
        for (index, (name, arguments)) in calls.iter().enumerate() {
            let id = format!("fake-{}", NEXT_ID.fetch_add(1, Ordering::Relaxed));
            let head = json!({"index": index, "id": id, "type": "function", "function": {"name": name, "arguments": ""}});
            reply = reply.then(event(&delta(&json!({"tool_calls": [head]}))));
            let letters: Vec<char> = arguments.to_string().chars().collect();
            for fragment in letters.chunks(7) {
                let fragment = json!({"index": index, "function": {"arguments": String::from_iter(fragment)}});
                reply = reply.then(event(&delta(&json!({"tool_calls": [fragment]}))));
            }
        }
        reply.then(ending("tool_calls", words(text) + calls.len()))
    }

    /// A plain answer.
    pub fn body(status: u16, content_type: &str, body: &str) -> Self {
        let mut reply = Self::raw(body).status(status);
        reply.headers = vec![("content-type".to_owned(), content_type.to_owned())];
        reply
    }

    /// A plain answer in JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", &body.to_string())
    }

    /// An error in the usual words.
    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({"error": {"message": message, "type": "error", "code": null}}))
    }

    /// No answer at all: the connection stays open and silent.
    pub fn never() -> Self {
        let mut reply = Self::raw(Vec::new()).hang();
        reply.status = None;
        reply
    }

    /// No answer at all: the connection is closed.
    pub fn hang_up() -> Self {
        let mut reply = Self::raw(Vec::new()).drop_connection();
        reply.status = None;
        reply
    }

    /// The same with more bytes.
    #[must_use]
    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.pieces.push(Piece::Bytes(bytes.into()));
        self
    }

    /// The same with a pause, then what is added next.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        if !pause.is_zero() {
            self.pieces.push(Piece::Pause(pause));
        }
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same, cut otherwise.
    #[must_use]
    pub fn split(mut self, split: Split) -> Self {
        self.split = split;
        self
    }

    /// The same, and then silence.
    #[must_use]
    pub fn hang(mut self) -> Self {
        self.ending = Ending::Hangs;
        self
    }

    /// The same, and then the connection breaks without a proper end.
    #[must_use]
    pub fn drop_connection(mut self) -> Self {
        self.ending = Ending::Dropped;
        self
    }

    /// The pieces as they are written.
    pub(super) fn writes(&self) -> Vec<Piece> {
        let mut random = Random::new(match self.split {
            Split::Random(seed) => seed,
            _ => 0,
        });
        let mut writes = Vec::new();
        let mut open = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Bytes(bytes) if self.split == Split::Pieces => writes.push(Piece::Bytes(bytes.clone())),
                Piece::Bytes(bytes) => open.extend_from_slice(bytes),
                Piece::Pause(pause) => {
                    cut(&std::mem::take(&mut open), self.split, &mut random, &mut writes);
                    writes.push(Piece::Pause(*pause));
                }
            }
        }
        cut(&open, self.split, &mut random, &mut writes);
        writes.retain(|write| !matches!(write, Piece::Bytes(bytes) if bytes.is_empty()));
        writes
    }
}

fn cut(bytes: &[u8], split: Split, random: &mut Random, writes: &mut Vec<Piece>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let size = match split {
            Split::Pieces | Split::Whole => rest.len(),
            Split::Every(size) => size.max(1),
            Split::Random(_) => 1 + random.place(40),
        };
        let (piece, others) = rest.split_at(size.min(rest.len()));
        writes.push(Piece::Bytes(piece.to_vec()));
        rest = others;
    }
}

fn event(chunk: &Value) -> String {
    format!("data: {chunk}\n\n")
}

fn delta(delta: &Value) -> Value {
    json!({
        "id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "fake",
        "choices": [{"index": 0, "delta": delta, "finish_reason": null}], "usage": null,
    })
}

fn ending(reason: &str, completion_tokens: usize) -> String {
    let finish = json!({"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]});
    let usage = json!({
        "object": "chat.completion.chunk", "choices": [],
        "usage": {"prompt_tokens": 10, "completion_tokens": completion_tokens, "total_tokens": 10 + completion_tokens},
    });
    format!("{}{}data: [DONE]\n\n", event(&finish), event(&usage))
}

fn words(text: &str) -> usize {
    text.split_whitespace().count()
}

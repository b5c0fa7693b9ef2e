//! When things happened, as the two fakes put it on record, on one clock: microseconds of the machine's monotonic one.

use anyhow::{Context as _, Result};
use serde_json::Value;
use std::collections::HashMap;

/// What happened in a chat.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChatTimes {
    pub(crate) chat: i64,
    /// What people wrote.
    pub(crate) said: Vec<u64>,
    /// When the daemon's poll got each of that.
    pub(crate) handed_out: Vec<u64>,
    /// New messages of the bot.
    pub(crate) sends: Vec<u64>,
    pub(crate) edits: Vec<u64>,
}

impl ChatTimes {
    /// When the chat showed something new for the last time.
    pub(crate) fn last_shown(&self) -> Option<u64> {
        self.sends.iter().chain(&self.edits).max().copied()
    }

    /// The times at which it showed something new.
    pub(crate) fn shown(&self) -> Vec<u64> {
        let mut shown: Vec<u64> = self.sends.iter().chain(&self.edits).copied().collect();
        shown.sort_unstable();
        shown
    }

    pub(crate) fn read(json: &Value, started: u64) -> Result<Self> {
        let times = |name: &str| times(&json[name], started);
        Ok(Self {
            chat: json["chat"].as_i64().context("a chat has an id")?,
            said: times("said"),
            handed_out: times("handed_out"),
            sends: times("sends"),
            edits: times("edits"),
        })
    }
}

fn times(json: &Value, started: u64) -> Vec<u64> {
    let times = json.as_array().into_iter().flatten();
    times.filter_map(Value::as_u64).map(|at| at + started).collect()
}

/// A request to the model and its answer.
#[derive(Clone, Debug)]
pub(crate) struct ModelCall {
    /// What the person had said last.
    pub(crate) text: String,
    pub(crate) received: u64,
    /// When each piece was written; empty while the answer is not over.
    pub(crate) pieces: Vec<u64>,
    pub(crate) request_bytes: u64,
}

impl ModelCall {
    pub(crate) fn last(&self) -> Option<u64> {
        self.pieces.last().copied()
    }

    pub(crate) fn read(json: &Value) -> Result<Self> {
        Ok(Self {
            text: json["text"].as_str().context("a call has a text")?.to_owned(),
            received: json["received"].as_u64().context("a call has a time")?,
            pieces: times(&json["pieces"], 0),
            request_bytes: json["request_bytes"].as_u64().unwrap_or(0),
        })
    }
}

/// What people write here ends with their chat, so that a call can be told to be about it.
pub(crate) fn words(number: usize, chat: i64) -> String {
    format!("Message {number} from {chat}")
}

/// The calls of each chat, in their order.
pub(crate) fn by_chat(calls: Vec<ModelCall>) -> HashMap<i64, Vec<ModelCall>> {
    let mut by_chat: HashMap<i64, Vec<ModelCall>> = HashMap::new();
    for call in calls {
        let chat = call.text.rsplit(' ').next().and_then(|chat| chat.parse().ok());
        by_chat.entry(chat.unwrap_or_default()).or_default().push(call);
    }
    for calls in by_chat.values_mut() {
        calls.sort_by_key(|call| call.received);
    }
    by_chat
}

//! A model made of a few rules, for the first minutes with Cortex: no network, no key, and it says what it is.
//!
//! It calls tools through the engine as any other model does, so that streaming, tools and the gate can be seen at work.

mod answer;
mod intent;

use crate::models::{
    Arguments, Finish, Message, ModelAnswer, ModelClient, ModelError, ModelIdentity, ModelRequest, OnText, TokenUsage,
    ToolCall,
};
use async_trait::async_trait;
use intent::Intent;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// What a person is shown as the model's name.
pub const DEMO_LABEL: &str = "demo (rule-based, not a language model)";
/// Fast enough not to bore, slow enough to be seen.
pub const DEMO_WORD_DELAY: Duration = Duration::from_millis(15);

/// The demo.
#[derive(Debug)]
pub struct Demo {
    identity: ModelIdentity,
    word_delay: Duration,
}

impl Demo {
    /// A demo that waits so long before each word.
    pub fn new(name: impl Into<String>, word_delay: Duration) -> Self {
        Self {
            identity: ModelIdentity {
                name: name.into(),
                kind: "demo".to_owned(),
                model: "demo".to_owned(),
                label: DEMO_LABEL.to_owned(),
            },
            word_delay,
        }
    }
}

#[async_trait]
impl ModelClient for Demo {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    async fn call(&self, request: &ModelRequest, on_text: &mut OnText<'_>) -> Result<ModelAnswer, ModelError> {
        let reply = reply_to(request);
        for word in reply.text.split_inclusive(char::is_whitespace) {
            if !self.word_delay.is_zero() {
                tokio::time::sleep(self.word_delay).await;
            }
            on_text(word);
        }
        let usage = TokenUsage {
            prompt: prompt_words(request),
            completion: count_words(&reply.text)
                + reply
                    .calls
                    .iter()
                    .map(|call| count_words(&call.arguments.to_string()))
                    .sum::<u64>(),
            ..TokenUsage::default()
        };
        let calls = reply.calls.into_iter().map(|call| ToolCall {
            id: format!("call_{}", Uuid::now_v7().simple()),
            provider_id: None,
            name: call.tool.to_owned(),
            arguments: Arguments::Object(call.arguments),
        });
        Ok(ModelAnswer {
            calls: calls.collect(),
            text: reply.text.into(),
            replay: None,
            usage,
            finish: Finish::Complete,
        })
    }
}

/// What the demo does in one round.
struct Reply {
    text: String,
    calls: Vec<PlannedCall>,
}

struct PlannedCall {
    tool: &'static str,
    arguments: Value,
}

/// What a tool gave in this turn.
struct Outcome<'a> {
    tool: &'a str,
    arguments: Value,
    /// Without the fence that the engine puts around it.
    text: &'a str,
}

impl Outcome<'_> {
    fn argument(&self, key: &str) -> &str {
        self.arguments.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// What stands in a file that was read, without the line in brackets that the tool puts before it.
    fn contents(&self) -> &str {
        match self.text.split_once('\n') {
            Some((head, rest)) if head.starts_with('[') && head.ends_with(']') => rest,
            _ => self.text,
        }
    }

    /// Whether it was denied or went wrong, which the engine tells in its first words.
    fn failed(&self) -> bool {
        let start = self.text.trim_start().to_ascii_lowercase();
        ["tool error", "error", "action denied", "denied", "not run"]
            .iter()
            .any(|word| start.starts_with(word))
    }
}

fn reply_to(request: &ModelRequest) -> Reply {
    let last_user = request
        .messages
        .iter()
        .rposition(|message| matches!(message, Message::User { .. }));
    let (said, turn) = match last_user.map(|place| (&request.messages[place], &request.messages[place + 1..])) {
        Some((Message::User { text }, turn)) => (text.as_str(), turn),
        _ => ("", &[][..]),
    };
    let intent = intent::understand(said);
    let outcomes = outcomes(turn);
    let calls = next_calls(&intent, &outcomes);
    if calls.is_empty() {
        return Reply {
            text: answer::to(&intent, &outcomes, &request.tools),
            calls,
        };
    }
    let missing = calls
        .iter()
        .find(|call| !request.tools.iter().any(|offer| offer.name == call.tool));
    let refusal = match missing {
        Some(call) => Some(answer::not_on_offer(call.tool)),
        None if !request.may_call_tools => Some(answer::NO_MORE_CALLS.to_owned()),
        None => None,
    };
    match refusal {
        Some(refusal) => Reply {
            text: answer::after_outcomes(&outcomes, &refusal),
            calls: Vec::new(),
        },
        None => Reply {
            text: answer::announce(&calls),
            calls,
        },
    }
}

/// The calls that the intent still needs; none when it is time to answer.
fn next_calls(intent: &Intent, outcomes: &[Outcome<'_>]) -> Vec<PlannedCall> {
    let plan = |tool, arguments| PlannedCall { tool, arguments };
    let reads = |paths: &[String]| paths.iter().map(|path| plan("file_read", json!({"path": path}))).collect();
    if let (Intent::ReadAndWrite { target, .. }, false) = (intent, outcomes.is_empty()) {
        let is_written = outcomes.iter().any(|outcome| outcome.tool == "file_write");
        let summary = answer::summary(outcomes).filter(|_| !is_written);
        let write = |content| plan("file_write", json!({"path": target, "content": content}));
        return summary.map(write).into_iter().collect();
    }
    if !outcomes.is_empty() {
        return Vec::new();
    }
    match intent {
        Intent::Help | Intent::Other | Intent::Unclear(_) => Vec::new(),
        Intent::Time => vec![plan("time_now", json!({}))],
        Intent::List { path } => vec![plan("file_list", with_path(json!({}), path.as_deref()))],
        Intent::Search { query, path } => vec![plan("file_search", with_path(json!({"query": query}), path.as_deref()))],
        Intent::Write { path, content } => vec![plan("file_write", json!({"path": path, "content": content}))],
        Intent::Read { paths } | Intent::ReadAndWrite { paths, .. } => reads(paths),
    }
}

fn with_path(mut arguments: Value, path: Option<&str>) -> Value {
    if let Some(path) = path {
        arguments["path"] = json!(path);
    }
    arguments
}

fn outcomes(turn: &[Message]) -> Vec<Outcome<'_>> {
    let calls = turn.iter().filter_map(|message| match message {
        Message::Assistant { calls, .. } => Some(calls),
        _ => None,
    });
    let calls: Vec<&ToolCall> = calls.flatten().collect();
    let results = turn.iter().filter_map(|message| match message {
        Message::ToolResult { call_id, tool, text } => Some((call_id, tool, text)),
        _ => None,
    });
    results
        .map(|(call_id, tool, text)| {
            let call = calls.iter().find(|call| call.id == *call_id);
            let arguments = match call.map(|call| &call.arguments) {
                Some(Arguments::Object(object)) => object.clone(),
                _ => Value::Null,
            };
            Outcome {
                tool,
                arguments,
                text: without_fence(text.as_str()),
            }
        })
        .collect()
}

/// Takes off the lines that the engine puts around a result so that a model does not take it for orders.
fn without_fence(text: &str) -> &str {
    let mut inner = text.trim();
    if inner.starts_with("[result ") {
        inner = inner.split_once('\n').map_or("", |(_, rest)| rest);
    }
    let (before, last) = inner.rsplit_once('\n').unwrap_or(("", inner));
    if last.starts_with("[end ") { before } else { inner }
}

/// Words in place of tokens: an honest estimate, as the demo has none.
fn prompt_words(request: &ModelRequest) -> u64 {
    let messages = request.messages.iter().map(|message| match message {
        Message::User { text } | Message::Assistant { text, .. } | Message::ToolResult { text, .. } => {
            count_words(text.as_str())
        }
    });
    count_words(request.system.as_str()) + messages.sum::<u64>()
}

fn count_words(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

//! The language models: one neutral form of a conversation, and a client for each wire.
//!
//! A client absorbs what is odd about its provider; the engine sees a [`ModelAnswer`] or a [`ModelError`] that says what to do.
//! Nothing here knows of turns, users or chats.

pub mod demo;
pub mod discover;
mod http;
pub mod openai;
mod retry;
pub mod sse;

pub use http::{HttpSettings, Proxy, http_client, http_client_with, http_client_without_tls};
pub use retry::RetryPolicy;

use async_trait::async_trait;
use cortex_chat::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// A model that can be called.
#[async_trait]
pub trait ModelClient: Send + Sync {
    /// What it is, for usage, labels and logs.
    fn identity(&self) -> &ModelIdentity;

    /// Makes one call. `on_text` gets the answer's text as it arrives; the pieces add up to [`ModelAnswer::text`].
    /// Dropping the future ends the call at once.
    async fn call(&self, request: &ModelRequest, on_text: &mut OnText<'_>) -> Result<ModelAnswer, ModelError>;
}

/// What gets the pieces of an answer's text. The name is needed: written out in the trait, `&str` would get one lifetime for
/// the whole call from `async_trait`, and no client could give out a text of its own.
pub type OnText<'a> = dyn FnMut(&str) + Send + 'a;

/// Which model answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The NAME of `[models.NAME]`.
    pub name: String,
    /// The kind of the wire, as in the config: `openai`, `demo`.
    pub kind: String,
    /// The provider's name of the model.
    pub model: String,
    /// What a person is shown, such as `qwen3:8b at localhost:11434`.
    pub label: String,
}

/// One call of a model.
#[derive(Clone, Debug, Default)]
pub struct ModelRequest {
    /// The system prompt.
    pub system: Text,
    /// The conversation, oldest first.
    pub messages: Vec<Message>,
    /// The tools on offer.
    pub tools: Vec<ToolOffer>,
    /// Whether it may call them in this call. Without this the offer still stands in the request, as providers want it
    /// beside a history of calls.
    pub may_call_tools: bool,
    /// The most tokens of the answer.
    pub max_output_tokens: Option<u32>,
    /// As providers define it.
    pub temperature: Option<f32>,
}

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolOffer {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: Value,
}

/// One entry of a conversation in neutral form. Persisted: a change of shape needs a new turn-state version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "role", rename_all = "snake_case")]
pub enum Message {
    /// What a person said.
    User {
        /// Their words.
        text: Text,
    },
    /// What a model said and which tools it called.
    Assistant {
        /// Its words, without reasoning.
        text: Text,
        /// Its calls, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
        /// The same as the provider sent it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replay: Option<Replay>,
    },
    /// What a tool gave; one for every call, in call order.
    ToolResult {
        /// The [`ToolCall::id`].
        call_id: String,
        /// The tool.
        tool: String,
        /// What the model reads.
        text: Text,
    },
}

/// A call of a tool by a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Our own id, unique in its turn.
    pub id: String,
    /// The provider's id, where it gave one; echoed to the same provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<String>,
    /// The tool's name as the model wrote it.
    pub name: String,
    /// What it is to be called with.
    pub arguments: Arguments,
}

/// The arguments of a call. `Debug` does not print them.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arguments {
    /// A JSON object.
    Object(Value),
    /// Not one; the call is never run, and the model is told.
    Malformed {
        /// What the model wrote, cut.
        raw: Text,
        /// What is wrong with it, without quoting it.
        problem: String,
    },
}

impl Arguments {
    /// As JSON for listeners; what is malformed is given as the text it is.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Object(value) => value.clone(),
            Self::Malformed { raw, .. } => Value::String(raw.as_str().to_owned()),
        }
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Object(_) => "<arguments>",
            Self::Malformed { .. } => "<malformed arguments>",
        })
    }
}

/// An assistant message as its provider sent it, sent back verbatim to the same provider: signatures, reasoning, unknown fields.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The wire, host and model that made it; another gets the neutral form.
    pub origin: String,
    /// The message in the wire's own form.
    pub raw: Value,
}

impl fmt::Debug for Replay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<replay for {}>", self.origin)
    }
}

/// What a model answered.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAnswer {
    /// Its words, without reasoning.
    pub text: Text,
    /// Its calls, in order.
    pub calls: Vec<ToolCall>,
    /// For sending back.
    pub replay: Option<Replay>,
    /// What it cost.
    pub usage: TokenUsage,
    /// Why it ended.
    pub finish: Finish,
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It was done, with or without calls.
    Complete,
    /// The token limit cut it; a call cut so is [`Arguments::Malformed`].
    Length,
    /// The provider's filter cut it.
    Filtered,
}

/// Tokens as the provider counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    /// Read by the model, cached ones included.
    pub prompt: u64,
    /// Written by the model, reasoning included.
    pub completion: u64,
    /// Of `prompt`, those served from a cache.
    #[serde(default)]
    pub cached: u64,
    /// Of `completion`, those of reasoning.
    #[serde(default)]
    pub reasoning: u64,
}

impl std::ops::AddAssign for TokenUsage {
    fn add_assign(&mut self, other: Self) {
        self.prompt += other.prompt;
        self.completion += other.completion;
        self.cached += other.cached;
        self.reasoning += other.reasoning;
    }
}

/// Why a call failed. Its text is for people: what happened, to which model, what to do; no secret, no message text.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct ModelError {
    /// What kind of failure.
    pub kind: ModelErrorKind,
    /// For the person.
    pub message: String,
    /// Whether text had already been given to `on_text`.
    pub after_text: bool,
}

/// Kinds of failure, by what can be done about them. The client has made its own retries before it says any of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelErrorKind {
    /// Nobody answers there.
    Unreachable,
    /// It took too long.
    TimedOut,
    /// The key is missing, wrong or not permitted.
    Unauthorized,
    /// There is no such model or endpoint.
    NotFound,
    /// Too many requests, or overloaded.
    RateLimited {
        /// When it says so.
        retry_after: Option<Duration>,
    },
    /// The conversation is too long for the model.
    ContextTooLong,
    /// The request was refused for another reason.
    Rejected,
    /// The provider failed.
    Provider,
    /// What came back could not be understood, was cut off, or was empty.
    Malformed,
}

//! What one server takes in a request, learned from what it refused.

use super::errors::{Failure, Refusal};
use serde_json::Value;

/// How to write requests for one server. It starts with what is usual and changes when the server refuses a part by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Quirks {
    pub(super) ask_usage: bool,
    pub(super) token_field: TokenField,
    pub(super) send_temperature: bool,
    pub(super) replay_verbatim: bool,
}

/// The field for the most tokens of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenField {
    MaxTokens,
    MaxCompletionTokens,
}

/// How servers say that they do not take a field.
const REFUSING_WORDS: [&str; 9] = [
    "unsupported",
    "not support",
    "unrecognized",
    "unknown",
    "unexpected",
    "extra",
    "not permitted",
    "not allowed",
    "forbidden",
];

impl Quirks {
    pub(super) fn new(model: &str, host: Option<&str>, ask_usage: bool) -> Self {
        let wants_new_field = host == Some("api.openai.com") || is_reasoning_model(model);
        Self {
            ask_usage,
            token_field: if wants_new_field {
                TokenField::MaxCompletionTokens
            } else {
                TokenField::MaxTokens
            },
            send_temperature: true,
            replay_verbatim: true,
        }
    }

    /// How to write a refused request so that it may be taken; `None` when the refusal is about something else.
    pub(super) fn after(self, failure: &Failure, sent: &Value) -> Option<Self> {
        let Failure::Refused(refusal) = failure else { return None };
        if !matches!(refusal.status.as_u16(), 400 | 422) {
            return None;
        }
        let body = refusal.body.as_str();
        let refuses = |field: &str| body.contains(field) && REFUSING_WORDS.iter().any(|word| body.contains(word));
        if sent.get("stream_options").is_some() && (body.contains("stream_options") || body.contains("include_usage")) {
            return Some(Self {
                ask_usage: false,
                ..self
            });
        }
        if sent.get("max_tokens").is_some() && (body.contains("max_completion_tokens") || refuses("max_tokens")) {
            return Some(Self {
                token_field: TokenField::MaxCompletionTokens,
                ..self
            });
        }
        if sent.get("max_completion_tokens").is_some() && (names_old_field(body) || refuses("max_completion_tokens")) {
            return Some(Self {
                token_field: TokenField::MaxTokens,
                ..self
            });
        }
        if sent.get("temperature").is_some() && refuses("temperature") {
            return Some(Self {
                send_temperature: false,
                ..self
            });
        }
        if self.replay_verbatim && refuses_a_replayed_field(refusal, sent) {
            return Some(Self {
                replay_verbatim: false,
                ..self
            });
        }
        None
    }
}

fn names_old_field(body: &str) -> bool {
    body.contains("max_tokens")
}

/// Whether a message that went back verbatim has a field that the server gives but does not take.
fn refuses_a_replayed_field(refusal: &Refusal, sent: &Value) -> bool {
    let body = refusal.body.as_str();
    let messages = sent.get("messages").and_then(Value::as_array);
    let calls = |message: &Value| {
        message
            .get("tool_calls")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let unknown = |value: &Value, known: &[&str]| {
        let fields = value.as_object().into_iter().flat_map(|fields| fields.keys());
        fields
            .filter(|field| !known.contains(&field.as_str()))
            .any(|field| body.contains(&field.to_lowercase()))
    };
    let is_refused = |message: &Value| {
        unknown(message, &["role", "content", "tool_calls", "tool_call_id"])
            || calls(message).iter().any(|call| unknown(call, &["id", "type", "function"]))
    };
    REFUSING_WORDS.iter().any(|word| body.contains(word)) && messages.into_iter().flatten().any(is_refused)
}

/// The models that refuse `max_tokens`, also behind other hosts.
fn is_reasoning_model(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model).to_ascii_lowercase();
    let is_series = |prefix: &str, first: u32| {
        let number = name
            .strip_prefix(prefix)
            .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        number
            .and_then(|number| number.parse::<u32>().ok())
            .is_some_and(|number| number >= first)
    };
    // gpt-oss and gpt-4o are not among them.
    is_series("gpt-", 5) || is_series("o", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_that_want_the_new_field() {
        let wants = |model, host| Quirks::new(model, host, true).token_field == TokenField::MaxCompletionTokens;
        for model in ["gpt-5", "gpt-5.2-mini", "openai/gpt-6", "o1", "o3-mini", "gpt-10"] {
            assert!(wants(model, None), "{model}");
        }
        for model in [
            "gpt-4o",
            "gpt-4.1",
            "gpt-oss:20b",
            "qwen3:8b",
            "olmo2",
            "openchat",
            "llama3.2",
        ] {
            assert!(!wants(model, None), "{model}");
        }
        assert!(wants("gpt-4o", Some("api.openai.com")));
    }
}

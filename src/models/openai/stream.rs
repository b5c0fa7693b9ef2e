//! The chunks of one answer, put together. It knows the many ways in which servers break the contract, and no I/O.
//!
//! Nothing is final before the stream has ended: some servers say that they are done in every chunk.

use super::calls::Calls;
use super::errors::{Fault, error_in};
use super::replay::RawMessage;
use super::visible::VisibleText;
use crate::models::{Finish, ModelAnswer, OnText, Replay, TokenUsage};
use serde_json::{Map, Value};

/// An answer in the making.
#[derive(Debug, Default)]
pub(super) struct Accumulator {
    text: VisibleText,
    calls: Calls,
    raw: RawMessage,
    usage: TokenUsage,
    reason: Option<String>,
    refused: bool,
    got_message: bool,
    /// Whether something was written after a reason to end was given, so that the reason proves nothing.
    wrote_after_reason: bool,
}

/// How the stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// With `[DONE]`, or as one whole body.
    Done,
    /// The server closed it, or the connection broke.
    Closed {
        /// Whether in good order.
        clean: bool,
    },
}

impl Accumulator {
    /// Takes one chunk, or a whole completion.
    pub(super) fn push(&mut self, chunk: &Value, on_text: &mut OnText<'_>) -> Result<(), Fault> {
        if let Some(error) = error_in(chunk) {
            return Err(Fault::Told(error));
        }
        self.take_usage(chunk);
        let choices = chunk.get("choices").and_then(Value::as_array);
        for choice in choices.into_iter().flatten() {
            let is_another_answer = choice.get("index").and_then(Value::as_u64).is_some_and(|index| index > 0);
            if is_another_answer {
                continue;
            }
            self.take_choice(choice, on_text)?;
        }
        Ok(())
    }

    /// Ends the answer; `origin` is who gets its raw form back.
    pub(super) fn finish(self, end: StreamEnd, origin: &str, on_text: &mut OnText<'_>) -> Result<ModelAnswer, Fault> {
        let is_whole = match end {
            StreamEnd::Done => true,
            StreamEnd::Closed { clean: true } => self.reason.is_some(),
            StreamEnd::Closed { clean: false } => self.reason.is_some() && !self.wrote_after_reason,
        };
        let nothing_came = !self.got_message && self.reason.is_none();
        let is_empty = nothing_came && end == (StreamEnd::Closed { clean: true });
        if !is_whole && !is_empty {
            return Err(Fault::Truncated);
        }
        let finish = match self.reason.as_deref().map(meaning).unwrap_or_default() {
            Reason::Failed => return Err(Fault::FailedReason),
            Reason::Complete if self.refused => Finish::Filtered,
            Reason::Complete => Finish::Complete,
            Reason::Length => Finish::Length,
            Reason::Filtered => Finish::Filtered,
        };
        let text = self.text.finish(on_text);
        let (calls, raw_calls) = self.calls.finish(finish == Finish::Length);
        if text.trim().is_empty() && calls.is_empty() && finish == Finish::Complete {
            return Err(Fault::Empty);
        }
        Ok(ModelAnswer {
            text: text.into(),
            calls,
            replay: Some(Replay {
                origin: origin.to_owned(),
                raw: self.raw.finish(raw_calls),
            }),
            usage: self.usage,
            finish,
        })
    }

    fn take_choice(&mut self, choice: &Value, on_text: &mut OnText<'_>) -> Result<(), Fault> {
        if let Some(error) = error_in(choice) {
            return Err(Fault::Told(error));
        }
        let delta = choice
            .get("delta")
            .and_then(Value::as_object)
            .filter(|delta| !delta.is_empty());
        // A whole message, in an answer that was not streamed; at the end of a stream it would only repeat it.
        let whole = choice.get("message").and_then(Value::as_object).filter(|_| !self.got_message);
        if let Some(message) = delta.or(whole) {
            self.take_message(message, on_text)?;
        }
        for key in ["native_finish_reason", "finish_reason"] {
            if let Some(reason) = choice.get(key).and_then(Value::as_str).filter(|reason| !reason.is_empty()) {
                // OpenRouter tells what really happened beside an `error` or a `stop`.
                let hides_failure = key == "finish_reason" && self.reason.as_deref().map(meaning) == Some(Reason::Failed);
                if !hides_failure {
                    self.reason = Some(reason.to_owned());
                }
            }
        }
        Ok(())
    }

    fn take_message(&mut self, message: &Map<String, Value>, on_text: &mut OnText<'_>) -> Result<(), Fault> {
        self.got_message = true;
        self.raw.push(message).map_err(|_| Fault::TooBig)?;
        let mut wrote = false;
        visible_parts(message.get("content").unwrap_or(&Value::Null), &mut |part| {
            wrote |= !part.is_empty();
            self.text.push(part, on_text);
        });
        if let Some(refusal) = message
            .get("refusal")
            .and_then(Value::as_str)
            .filter(|refusal| !refusal.is_empty())
        {
            self.refused = true;
            wrote = true;
            self.text.push(refusal, on_text);
        }
        for piece in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            wrote = true;
            self.calls.push(piece).map_err(|_| Fault::TooBig)?;
        }
        self.wrote_after_reason |= wrote && self.reason.is_some();
        Ok(())
    }

    fn take_usage(&mut self, chunk: &Value) {
        let places = [chunk.get("usage"), chunk.pointer("/x_groq/usage")];
        for usage in places.into_iter().flatten().filter(|usage| usage.is_object()) {
            let usage = read_usage(usage);
            // Each is a count from the start, so the last one holds; one of zeros after it says nothing.
            if usage != TokenUsage::default() {
                self.usage = usage;
            }
        }
    }
}

/// The text of plain or typed content; reasoning parts are not for people.
fn visible_parts(content: &Value, on_part: &mut dyn FnMut(&str)) {
    match content {
        Value::String(text) => on_part(text),
        Value::Array(parts) => {
            for part in parts {
                let kind = part.get("type").and_then(Value::as_str).unwrap_or("text");
                if matches!(kind, "text" | "output_text")
                    && let Some(text) = part.get("text").and_then(Value::as_str).or_else(|| part.as_str())
                {
                    on_part(text);
                }
            }
        }
        _ => {}
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Reason {
    #[default]
    Complete,
    Length,
    Filtered,
    /// The model wrote something that its provider could not read, or the provider failed.
    Failed,
}

/// What a reason means in the spellings of many providers. One that nobody knows is taken for an end in good order.
fn meaning(reason: &str) -> Reason {
    match reason.to_ascii_lowercase().as_str() {
        "length" | "max_tokens" | "model_length" | "max_output_tokens" | "model_context_window_exceeded" => Reason::Length,
        "content_filter" | "content-filter" | "safety" | "refusal" | "recitation" | "prohibited_content" | "blocklist"
        | "spii" => Reason::Filtered,
        "error" | "malformed_function_call" | "unexpected_tool_call" | "too_many_tool_calls" => Reason::Failed,
        _ => Reason::Complete,
    }
}

fn read_usage(usage: &Value) -> TokenUsage {
    let count = |pointers: &[&str]| {
        let found = pointers
            .iter()
            .filter_map(|pointer| usage.pointer(pointer))
            .find_map(as_count);
        found.unwrap_or_default()
    };
    TokenUsage {
        prompt: count(&["/prompt_tokens", "/input_tokens"]),
        completion: count(&["/completion_tokens", "/output_tokens"]),
        cached: count(&[
            "/prompt_tokens_details/cached_tokens",
            "/input_tokens_details/cached_tokens",
            "/prompt_cache_hit_tokens",
        ]),
        reasoning: count(&[
            "/completion_tokens_details/reasoning_tokens",
            "/output_tokens_details/reasoning_tokens",
        ]),
    }
}

fn as_count(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_f64().map(|number| number as u64))
}

//! The body of a request: the neutral conversation in the wire's form.
//!
//! What another provider made is written anew with ids that are valid everywhere; what this one made goes back verbatim.

use super::ids::WireIds;
use super::quirks::{Quirks, TokenField};
use crate::models::{Arguments, Message, ModelRequest, Replay, ToolCall};
use cortex_chat::Text;
use serde_json::{Map, Value, json};

/// What a call without a result gets, which only a conversation that was cut wrongly has: every wire refuses it otherwise.
const NO_RESULT: &str = "(no result)";
/// Google's word for a call that its model did not make, without which it refuses the conversation.
const SKIP_SIGNATURE: &str = "skip_thought_signature_validator";

/// Whose request it is.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) model: String,
    /// As in [`Replay::origin`].
    pub(super) origin: String,
    pub(super) is_google: bool,
    pub(super) max_output_tokens: Option<u32>,
}

/// Writes the body.
pub(super) fn body(request: &ModelRequest, target: &Target, quirks: Quirks) -> Value {
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(target.model));
    body.insert("messages".to_owned(), Value::Array(messages(request, target, quirks)));
    body.insert("stream".to_owned(), json!(true));
    if quirks.ask_usage {
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    if !request.tools.is_empty() {
        let tools = request.tools.iter().map(|tool| json!({"type": "function", "function": tool}));
        body.insert("tools".to_owned(), tools.collect());
        if !request.may_call_tools {
            body.insert("tool_choice".to_owned(), json!("none"));
        }
    }
    let limits = [request.max_output_tokens, target.max_output_tokens];
    if let Some(limit) = limits.into_iter().flatten().min() {
        let field = match quirks.token_field {
            TokenField::MaxTokens => "max_tokens",
            TokenField::MaxCompletionTokens => "max_completion_tokens",
        };
        body.insert(field.to_owned(), json!(limit));
    }
    if let Some(temperature) = request.temperature.filter(|_| quirks.send_temperature) {
        // Through text, as 0.2 would otherwise become 0.20000000298.
        let number = temperature.to_string().parse::<f64>().unwrap_or_default();
        body.insert("temperature".to_owned(), json!(number));
    }
    Value::Object(body)
}

fn messages(request: &ModelRequest, target: &Target, quirks: Quirks) -> Vec<Value> {
    let mut written = Vec::new();
    let mut ids = WireIds::default();
    if !request.system.is_blank() {
        written.push(json!({"role": "system", "content": request.system}));
    }
    let mut rest = request.messages.as_slice();
    while let Some((message, after)) = rest.split_first() {
        rest = after;
        match message {
            Message::User { text } => written.push(json!({"role": "user", "content": text})),
            Message::Assistant { text, calls, replay } => {
                let results = after
                    .iter()
                    .take_while(|next| matches!(next, Message::ToolResult { .. }))
                    .count();
                let (results, others) = after.split_at(results);
                rest = others;
                let ours = replay.as_ref().filter(|replay| replay.origin == target.origin);
                let call_ids = wire_ids(calls, ours.is_some(), &mut ids);
                let verbatim = ours
                    .filter(|_| quirks.replay_verbatim)
                    .and_then(|replay| verbatim(replay, &call_ids));
                if let Some(message) = verbatim.or_else(|| neutral(text, calls, &call_ids, target.is_google)) {
                    written.push(message);
                }
                for (call, id) in calls.iter().zip(&call_ids) {
                    written.push(json!({"role": "tool", "tool_call_id": id, "content": result_of(call, results)}));
                }
            }
            // A result whose call is gone answers nothing, and every wire refuses it.
            Message::ToolResult { .. } => {}
        }
    }
    written
}

fn result_of<'a>(call: &ToolCall, results: &'a [Message]) -> &'a str {
    let found = results.iter().find_map(|result| match result {
        Message::ToolResult { call_id, text, .. } if *call_id == call.id => Some(text.as_str()),
        _ => None,
    });
    found.unwrap_or(NO_RESULT)
}

fn wire_ids(calls: &[ToolCall], is_ours: bool, ids: &mut WireIds) -> Vec<String> {
    let id_of = |call: &ToolCall| match call.provider_id.as_deref().filter(|_| is_ours) {
        Some(provider_id) => ids.echo(provider_id, &call.id),
        None => ids.generate(&call.id),
    };
    calls.iter().map(id_of).collect()
}

/// The message as the provider sent it, with ids where it gave none; `None` when it does not fit its neutral form.
fn verbatim(replay: &Replay, call_ids: &[String]) -> Option<Value> {
    let mut message = replay.raw.as_object()?.clone();
    match message.get_mut("tool_calls") {
        Some(Value::Array(calls)) if calls.len() == call_ids.len() => {
            for (call, id) in calls.iter_mut().zip(call_ids) {
                call.as_object_mut()?.insert("id".to_owned(), json!(id));
            }
        }
        None if call_ids.is_empty() => {}
        _ => return None,
    }
    Some(Value::Object(message))
}

/// The message in the plainest form; `None` when it says nothing.
fn neutral(text: &Text, calls: &[ToolCall], call_ids: &[String], is_google: bool) -> Option<Value> {
    if calls.is_empty() {
        return (!text.is_blank()).then(|| json!({"role": "assistant", "content": text}));
    }
    let mut written: Vec<Value> = calls.iter().zip(call_ids).map(|(call, id)| neutral_call(call, id)).collect();
    if is_google && let Some(first) = written.first_mut() {
        first["extra_content"] = json!({"google": {"thought_signature": SKIP_SIGNATURE}});
    }
    let content = if text.is_blank() { Value::Null } else { json!(text) };
    Some(json!({"role": "assistant", "content": content, "tool_calls": written}))
}

fn neutral_call(call: &ToolCall, id: &str) -> Value {
    let arguments = match &call.arguments {
        Arguments::Object(object) => object.to_string(),
        Arguments::Malformed { .. } => "{}".to_owned(),
    };
    json!({"id": id, "type": "function", "function": {"name": valid_name(&call.name), "arguments": arguments}})
}

/// The name in the letters that every wire takes; models make up names that are not.
fn valid_name(name: &str) -> String {
    let is_valid = |letter: &char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let name: String = name
        .chars()
        .take(64)
        .map(|letter| if is_valid(&letter) { letter } else { '_' })
        .collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

//! The models: what servers do to the contract, what fails and what a person is told, the demo, the first model found.

mod demo;
mod discover;
mod failures;
mod wire_calls;
mod wire_framing;
mod wire_replay;

use cortex::models::openai::{OpenAi, Settings};
use cortex::models::{
    Arguments, Message, ModelAnswer, ModelClient, ModelError, ModelRequest, RetryPolicy, ToolCall, ToolOffer,
};
use cortex_test_support::llm::{LlmFake, Reply, Split};
use serde_json::{Value, json};
use std::time::Duration;

const SPLITS: [Split; 6] = [
    Split::Pieces,
    Split::Whole,
    Split::Every(1),
    Split::Every(5),
    Split::Random(1),
    Split::Random(2),
];

const LONG: Duration = Duration::from_secs(10);

/// Settings for the fake, with waits too short to notice.
fn settings(fake: &LlmFake) -> Settings {
    let mut settings = Settings::new("test", fake.base_url().parse().unwrap(), "test-model");
    settings.retry = RetryPolicy {
        retries: 2,
        first_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(4),
        longest_asked_wait: Duration::from_mins(1),
    };
    settings
}

fn client(fake: &LlmFake) -> OpenAi {
    OpenAi::new(settings(fake)).unwrap()
}

fn offer(name: &str) -> ToolOffer {
    ToolOffer {
        name: name.to_owned(),
        description: format!("Does {name}."),
        parameters: json!({"type": "object", "properties": {}}),
    }
}

fn user(text: &str) -> Message {
    Message::User { text: text.into() }
}

fn request(messages: Vec<Message>) -> ModelRequest {
    ModelRequest {
        system: "Be brief.".into(),
        messages,
        tools: vec![offer("look"), offer("write")],
        may_call_tools: true,
        ..ModelRequest::default()
    }
}

fn question() -> ModelRequest {
    request(vec![user("What is there?")])
}

/// Makes a call; the pieces that were shown come with it, and must add up to the answer.
async fn call(client: &dyn ModelClient, request: &ModelRequest) -> (Result<ModelAnswer, ModelError>, String) {
    let mut shown = String::new();
    let result = client.call(request, &mut |piece| shown.push_str(piece)).await;
    if let Ok(answer) = &result {
        assert_eq!(answer.text.as_str(), shown, "the pieces are not the answer");
    }
    (result, shown)
}

/// What an answer says, in a form for comparing: our own ids are random.
fn essence(answer: &ModelAnswer) -> Value {
    json!({
        "text": answer.text,
        "calls": answer.calls.iter().map(call_essence).collect::<Value>(),
        "raw": answer.replay.as_ref().map(|replay| &replay.raw),
        "usage": answer.usage,
        "finish": answer.finish,
    })
}

fn call_essence(call: &ToolCall) -> Value {
    match &call.arguments {
        Arguments::Object(object) => json!({"name": call.name, "id": call.provider_id, "arguments": object}),
        Arguments::Malformed { problem, .. } => json!({"name": call.name, "id": call.provider_id, "malformed": problem}),
    }
}

/// The answer that a reply gives however its bytes are split, from a server that is asked once for it.
async fn answer_to(reply: Reply) -> ModelAnswer {
    let mut first: Option<ModelAnswer> = None;
    for split in SPLITS {
        let fake = LlmFake::start();
        fake.reply(reply.clone().split(split));
        let (result, _) = call(&client(&fake), &question()).await;
        let answer = result.unwrap_or_else(|error| panic!("{split:?}: {error}"));
        if let Some(first) = &first {
            assert_eq!(essence(&answer), essence(first), "{split:?}");
        }
        first.get_or_insert(answer);
        fake.finish();
    }
    first.unwrap()
}

/// The error that a reply gives however its bytes are split; it is given as often as it is asked for.
async fn error_to(reply: Reply) -> (ModelError, usize) {
    let mut last = None;
    for split in SPLITS {
        let fake = LlmFake::start();
        let reply = reply.clone().split(split);
        fake.answer_with(move |_| reply.clone());
        let (result, _) = call(&client(&fake), &question()).await;
        let error = match result {
            Ok(answer) => panic!("{split:?}: {}", essence(&answer)),
            Err(error) => error,
        };
        last = Some((error, fake.requests().len()));
        fake.finish();
    }
    last.unwrap()
}

/// The calls of an answer as `(name, arguments)`; a malformed one has null.
fn calls(answer: &ModelAnswer) -> Vec<(&str, Value)> {
    let arguments = |call: &ToolCall| match &call.arguments {
        Arguments::Object(object) => object.clone(),
        Arguments::Malformed { .. } => Value::Null,
    };
    answer
        .calls
        .iter()
        .map(|call| (call.name.as_str(), arguments(call)))
        .collect()
}

/// A chunk with this delta.
#[expect(clippy::needless_pass_by_value, reason = "the callers write it in place")]
fn delta(delta: Value) -> Value {
    json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
}

/// A chunk with this entry of `tool_calls`.
#[expect(clippy::needless_pass_by_value, reason = "the callers write it in place")]
fn piece(entry: Value) -> Value {
    delta(json!({"tool_calls": [entry]}))
}

/// A chunk with this reason to end.
fn finish(reason: &str) -> Value {
    json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
}

/// The turn so far, after an answer with calls whose results are given.
fn history(answer: &ModelAnswer, results: &[&str]) -> Vec<Message> {
    let mut messages = vec![
        user("What is there?"),
        Message::Assistant {
            text: answer.text.clone(),
            calls: answer.calls.clone(),
            replay: answer.replay.clone(),
        },
    ];
    for (call, result) in answer.calls.iter().zip(results) {
        messages.push(Message::ToolResult {
            call_id: call.id.clone(),
            tool: call.name.clone(),
            text: (*result).into(),
        });
    }
    messages
}

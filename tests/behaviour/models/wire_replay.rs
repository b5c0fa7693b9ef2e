//! What is sent: the request's form, replay, ids, the token field: quirks C25 to C27 and C30.

use super::*;
use cortex::models::openai::Host;
use secrecy::SecretString;

async fn second_request(first: Reply) -> (ModelAnswer, Value) {
    let fake = LlmFake::start();
    fake.reply(first).reply(Reply::text("Done"));
    let client = client(&fake);
    let answer = call(&client, &question()).await.0.unwrap();
    let results: Vec<&str> = answer.calls.iter().map(|_| "result").collect();
    call(&client, &request(history(&answer, &results))).await.0.unwrap();
    let body = fake.last_request().body;
    fake.finish();
    (answer, body)
}

#[tokio::test]
async fn a_request_as_the_contract_has_it() {
    let fake = LlmFake::start();
    fake.reply(Reply::text("Hello"));
    let mut request = question();
    request.max_output_tokens = Some(100);
    request.temperature = Some(0.2);
    call(&client(&fake), &request).await.0.unwrap();
    let sent = fake.last_request();
    assert_eq!((sent.method.as_str(), sent.path.as_str()), ("POST", "/v1/chat/completions"));
    assert_eq!(sent.header("authorization"), None);
    let look = json!({"name": "look", "description": "Does look.", "parameters": {"type": "object", "properties": {}}});
    let write = json!({"name": "write", "description": "Does write.", "parameters": {"type": "object", "properties": {}}});
    assert_eq!(
        sent.body,
        json!({
            "model": "test-model",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is there?"}],
            "stream": true,
            "stream_options": {"include_usage": true},
            "tools": [{"type": "function", "function": look}, {"type": "function", "function": write}],
            "max_tokens": 100,
            "temperature": 0.2,
        })
    );
    fake.finish();
}

#[tokio::test]
async fn tools_stay_on_offer_when_they_may_not_be_called() {
    let fake = LlmFake::start();
    fake.answer_with(|_| Reply::text("Hello"));
    let mut request = question();
    request.may_call_tools = false;
    call(&client(&fake), &request).await.0.unwrap();
    let sent = fake.last_request().body;
    assert_eq!(
        (sent["tools"].as_array().unwrap().len(), &sent["tool_choice"]),
        (2, &json!("none"))
    );

    request.tools.clear();
    call(&client(&fake), &request).await.0.unwrap();
    let sent = fake.last_request().body;
    assert!(sent.get("tools").is_none() && sent.get("tool_choice").is_none());
}

#[tokio::test]
async fn the_key_is_sent_and_open_webui_has_its_path() {
    let fake = LlmFake::start();
    fake.reply(Reply::text("Hello"));
    let mut settings = settings(&fake);
    settings.base_url = fake.root_url().parse().unwrap();
    settings.host = Host::OpenWebUi;
    settings.api_key = Some(SecretString::from("sk-canary\n"));
    call(&OpenAi::new(settings).unwrap(), &question()).await.0.unwrap();
    let sent = fake.last_request();
    assert_eq!(sent.path, "/api/chat/completions");
    assert_eq!(sent.header("authorization"), Some("Bearer sk-canary"));
}

#[tokio::test]
async fn c25_signatures_and_long_ids_go_back_verbatim() {
    let long_id = format!("call_x__thought__{}", "QUJD".repeat(700));
    let signature = json!({"google": {"thought_signature": "c2ln"}});
    let (answer, body) = second_request(Reply::chunks([
        delta(json!({"role": "assistant", "content": null, "tool_calls": [
            {"index": 0, "id": long_id, "type": "function", "extra_content": signature, "function": {"name": "look", "arguments": "{\"at\":1}"}},
            {"index": 1, "id": "b|#1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
        ]})),
        delta(json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "I "}]})),
        delta(json!({"reasoning_details": [{"type": "reasoning.text", "index": 0, "text": "look", "signature": "s"}]})),
        delta(json!({"reasoning_details": [{"type": "reasoning.encrypted", "data": "eHg="}]})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(answer.calls[0].provider_id.as_deref(), Some(long_id.as_str()));
    assert_ne!(answer.calls[0].id, long_id);
    let sent = &body["messages"][2];
    assert_eq!(
        sent,
        &json!({
            "role": "assistant", "content": null,
            "reasoning_details": [
                {"type": "reasoning.text", "index": 0, "text": "I look", "signature": "s"},
                {"type": "reasoning.encrypted", "data": "eHg="},
            ],
            "tool_calls": [
                {"id": long_id, "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}, "extra_content": signature},
                {"id": "b|#1", "type": "function", "function": {"name": "look", "arguments": "{}"}},
            ],
        })
    );
    assert_eq!(body["messages"][3]["tool_call_id"], json!(long_id));
    assert_eq!(body["messages"][4]["tool_call_id"], "b|#1");
}

#[tokio::test]
async fn c26_reasoning_and_unknown_fields_go_back_to_the_same_server() {
    let (answer, body) = second_request(Reply::chunks([
        delta(json!({"role": "assistant", "reasoning_content": "I should "})),
        delta(json!({"reasoning_content": "look. "})),
        delta(json!({"reasoning_content": "look. ", "mood": "fine"})),
        delta(json!({"content": "Looking", "mood": "fine"})),
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(answer.text.as_str(), "Looking");
    let sent = &body["messages"][2];
    assert_eq!(sent["reasoning_content"], "I should look. look. ");
    assert_eq!((&sent["mood"], &sent["content"]), (&json!("fine"), &json!("Looking")));
}

#[tokio::test]
async fn c26_nothing_of_one_server_goes_to_another() {
    let first = LlmFake::start();
    first.reply(Reply::chunks([
        delta(json!({"reasoning_content": "canary"})),
        piece(json!({"index": 0, "id": "canary-id", "extra_content": {"x": "canary"}, "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        finish("tool_calls"),
    ]));
    let answer = call(&client(&first), &question()).await.0.unwrap();

    let second = LlmFake::start();
    second.answer_with(|_| Reply::text("Done"));
    let mut other_model = settings(&first);
    other_model.model = "other".to_owned();
    first.answer_with(|_| Reply::text("Done"));
    for (fake, client) in [(&second, client(&second)), (&first, OpenAi::new(other_model).unwrap())] {
        call(&client, &request(history(&answer, &["result"]))).await.0.unwrap();
        let body = fake.last_request().body;
        assert!(!body.to_string().contains("canary"), "{body}");
        let id = body["messages"][2]["tool_calls"][0]["id"].as_str().unwrap();
        assert_eq!(
            body["messages"][2],
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}
            ]})
        );
        assert_eq!(
            body["messages"][3],
            json!({"role": "tool", "tool_call_id": id, "content": "result"})
        );
    }
}

#[tokio::test]
async fn c26_a_server_that_refuses_its_own_fields_gets_the_plain_form() {
    let fake = LlmFake::start();
    fake.reply(Reply::chunks([
        delta(json!({"reasoning": "hm"})),
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}})),
        finish("tool_calls"),
    ]));
    fake.reply(Reply::error(400, "'messages.2' : property 'reasoning' is unsupported"));
    fake.reply(Reply::text("Done"));
    let client = client(&fake);
    let answer = call(&client, &question()).await.0.unwrap();
    assert_eq!(call(&client, &request(history(&answer, &["result"]))).await.1, "Done");
    let body = fake.last_request().body;
    assert!(body["messages"][2].get("reasoning").is_none());
    assert_eq!(body["messages"][2]["tool_calls"][0]["id"], "a");
    fake.finish();
}

#[tokio::test]
async fn c27_generated_ids_are_valid_everywhere_and_stable() {
    let fake = LlmFake::start();
    fake.answer_with(|_| Reply::text("Done"));
    let call_of = |id: &str, name: &str, arguments: Arguments| ToolCall {
        id: id.to_owned(),
        provider_id: Some("functions.look:0|é".to_owned()),
        name: name.to_owned(),
        arguments,
    };
    let malformed = Arguments::Malformed {
        raw: "{".into(),
        problem: "cut".to_owned(),
    };
    let answer = ModelAnswer {
        text: "".into(),
        calls: vec![
            call_of("call_1", "look", Arguments::Object(json!({"at": 1}))),
            call_of("call_2", "look at/it!", malformed),
        ],
        replay: None,
        usage: cortex::models::TokenUsage::default(),
        finish: cortex::models::Finish::Complete,
    };
    let request = request(history(&answer, &["one", "two"]));
    let client = client(&fake);
    let mut seen = Vec::new();
    for _ in 0..2 {
        call(&client, &request).await.0.unwrap();
        let calls = fake.last_request().body["messages"][2]["tool_calls"].clone();
        for call in calls.as_array().unwrap() {
            let id = call["id"].as_str().unwrap();
            assert!(id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{id}");
        }
        assert_eq!(calls[1]["function"], json!({"name": "look_at_it_", "arguments": "{}"}));
        seen.push(calls);
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn c27_missing_ids_and_broken_arguments_are_put_right_in_the_replay() {
    let (answer, body) = second_request(Reply::chunks([
        piece(json!({"index": 0, "id": null, "mark": 1, "function": {"name": "look", "arguments": ""}})),
        piece(json!({"index": 1, "function": {"name": "write", "arguments": "{\"at\":"}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({})), ("write", Value::Null)]);
    let sent = body["messages"][2]["tool_calls"].as_array().unwrap();
    assert_eq!(sent[0]["mark"], 1, "the rest is verbatim");
    for call in sent {
        assert_eq!(call["function"]["arguments"], "{}");
        assert_eq!(call["id"].as_str().unwrap().len(), 9);
    }
}

#[tokio::test]
async fn calls_without_results_and_results_without_calls_are_put_right() {
    let fake = LlmFake::start();
    fake.reply(Reply::calls(&[("look", json!({})), ("write", json!({}))]))
        .reply(Reply::text("Done"));
    let client = client(&fake);
    let answer = call(&client, &question()).await.0.unwrap();
    let mut messages = history(&answer, &["result"]);
    messages.insert(
        0,
        Message::ToolResult {
            call_id: "gone".to_owned(),
            tool: "look".to_owned(),
            text: "stray".into(),
        },
    );
    call(&client, &request(messages)).await.0.unwrap();
    let sent = fake.last_request();
    assert_eq!(sent.messages().len(), 5);
    assert_eq!(sent.messages()[3]["content"], "result");
    fake.finish();
}

#[tokio::test]
async fn c30_the_token_field_fits_the_model() {
    for (model, field) in [("gpt-5-mini", "max_completion_tokens"), ("qwen3:8b", "max_tokens")] {
        let fake = LlmFake::start();
        fake.reply(Reply::text("Hello"));
        let mut settings = settings(&fake);
        settings.model = model.to_owned();
        settings.max_output_tokens = Some(64);
        call(&OpenAi::new(settings).unwrap(), &question()).await.0.unwrap();
        assert_eq!(fake.last_request().body[field], 64, "{model}");
    }
}

#[tokio::test]
async fn c30_the_token_field_changes_when_the_server_names_the_other() {
    for (model, refusal, first, second) in [
        (
            "mine",
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_completion_tokens",
        ),
        (
            "gpt-5",
            "Unknown field: max_completion_tokens",
            "max_completion_tokens",
            "max_tokens",
        ),
    ] {
        let fake = LlmFake::start();
        fake.reply(Reply::error(400, refusal))
            .reply(Reply::text("One"))
            .reply(Reply::text("Two"));
        let mut settings = settings(&fake);
        settings.model = model.to_owned();
        settings.max_output_tokens = Some(64);
        let client = OpenAi::new(settings).unwrap();
        assert_eq!(call(&client, &question()).await.1, "One");
        assert_eq!(call(&client, &question()).await.1, "Two");
        let used: Vec<bool> = fake
            .requests()
            .iter()
            .map(|request| request.body.get(first).is_some())
            .collect();
        assert_eq!(used, [true, false, false]);
        assert_eq!(fake.last_request().body[second], 64);
        fake.finish();
    }
}

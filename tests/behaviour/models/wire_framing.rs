//! Errors in odd places, framing, usage, what is not for people: quirks C18 to C24, C28, C29.

use super::*;
use cortex::models::{Finish, ModelErrorKind, TokenUsage};

#[tokio::test]
async fn c18_error_in_the_stream_with_or_without_choices() {
    for (code, kind) in [
        (json!(502), ModelErrorKind::Provider),
        (json!("502"), ModelErrorKind::Provider),
        (json!(429), ModelErrorKind::RateLimited { retry_after: None }),
        (
            json!("rate_limit_exceeded"),
            ModelErrorKind::RateLimited { retry_after: None },
        ),
        (json!("server_error"), ModelErrorKind::Provider),
        (json!(401), ModelErrorKind::Unauthorized),
        (json!("context_length_exceeded"), ModelErrorKind::ContextTooLong),
    ] {
        let error = json!({"code": code, "message": "It broke."});
        for chunk in [
            json!({"error": error}),
            json!({"error": error, "choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "error"}]}),
        ] {
            let after_text = Reply::chunks([delta(json!({"content": "Hel"})), chunk.clone()]);
            let (told, requests) = error_to(after_text).await;
            assert_eq!((&told.kind, told.after_text, requests), (&kind, true, 1), "{code}");

            let (told, requests) = error_to(Reply::chunks([chunk])).await;
            let passes = matches!(kind, ModelErrorKind::Provider | ModelErrorKind::RateLimited { .. });
            assert_eq!(
                (&told.kind, told.after_text, requests),
                (&kind, false, if passes { 3 } else { 1 }),
                "{code}"
            );
        }
    }
}

#[tokio::test]
async fn c18_an_event_named_error_is_one() {
    let body =
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
    let (error, requests) = error_to(Reply::raw(body)).await;
    assert_eq!((error.kind, requests), (ModelErrorKind::RateLimited { retry_after: None }, 3));
}

#[tokio::test]
async fn c18_a_detail_in_an_event_is_an_error() {
    let (error, _) = error_to(Reply::events([json!({"detail": "Model exploded"})])).await;
    assert_eq!(error.kind, ModelErrorKind::Provider);
    assert!(error.message.contains("Model exploded"), "{error}");
}

#[tokio::test]
async fn c18_an_error_before_any_text_is_tried_again() {
    let fake = LlmFake::start();
    fake.reply(Reply::events([json!({"error": {"code": 502, "message": "It broke."}})]));
    fake.reply(Reply::text("All well"));
    let (answer, shown) = call(&client(&fake), &question()).await;
    assert_eq!((answer.unwrap().text.as_str(), shown.as_str()), ("All well", "All well"));
    fake.finish();
}

#[tokio::test]
async fn c19_empty_error_beside_data_is_none() {
    for error in [Value::Null, json!({}), json!(""), json!({"message": null, "code": null})] {
        let chunk =
            json!({"error": error, "choices": [{"index": 0, "delta": {"content": "Hello"}, "finish_reason": "stop"}]});
        assert_eq!(answer_to(Reply::chunks([chunk])).await.text.as_str(), "Hello", "{error}");
    }
}

#[tokio::test]
async fn c20_whole_completion_instead_of_a_stream() {
    let body = json!({
        "object": "chat.completion",
        "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
            "role": "assistant", "content": "Looking.",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}}],
        }}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2},
    });
    // The content type is no proof of either form.
    for content_type in ["application/json", "text/event-stream"] {
        let answer = answer_to(Reply::body(200, content_type, &body.to_string())).await;
        assert_eq!(answer.text.as_str(), "Looking.");
        assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);
        assert_eq!(answer.usage.prompt, 5);
    }
    let stream = Reply::text("Hello there").header("content-type", "application/json");
    assert_eq!(answer_to(stream).await.text.as_str(), "Hello there");
}

#[tokio::test]
async fn c20_error_in_json_with_status_200() {
    for body in [
        json!({"detail": "Model exploded"}),
        json!({"error": {"message": "Model exploded"}}),
        json!({"error": "Model exploded"}),
    ] {
        let (error, _) = error_to(Reply::json(200, &body)).await;
        assert_eq!(error.kind, ModelErrorKind::Provider, "{body}");
        assert!(error.message.contains("Model exploded"), "{error}");
    }
    let (error, _) = error_to(Reply::json(200, &json!({"hello": "world"}))).await;
    assert_eq!(error.kind, ModelErrorKind::Malformed);
    assert!(error.message.contains("base_url of [models.test]"), "{error}");
}

#[tokio::test]
async fn c21_error_bodies_of_every_shape() {
    for body in [
        json!([{"error": {"code": 400, "message": "Broken part", "status": "INVALID_ARGUMENT"}}]),
        json!({"detail": "Broken part"}),
        json!({"detail": [{"loc": ["body", "x"], "msg": "Broken part", "type": "extra"}]}),
        json!({"error": {"message": "Broken part"}}),
        json!({"error": "Broken part"}),
        json!({"message": "Broken part", "object": "error"}),
    ] {
        let (error, requests) = error_to(Reply::json(400, &body)).await;
        assert_eq!((&error.kind, requests), (&ModelErrorKind::Rejected, 1), "{body}");
        assert!(
            error.message.contains("(400)") && error.message.contains("Broken part"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn c21_web_pages_are_named_as_such() {
    for (status, requests) in [(200, 1), (404, 1), (405, 1)] {
        let page = Reply::body(status, "text/html", "<!doctype html><h1>canary page</h1>");
        let (error, made) = error_to(page).await;
        assert!(
            error.message.contains("web page") && error.message.contains("base_url"),
            "{error}"
        );
        assert!(!error.message.contains("canary"), "{error}");
        assert_eq!(made, requests);
    }
    let (error, made) = error_to(Reply::body(502, "text/html", "<h1>Bad Gateway</h1>")).await;
    assert_eq!((&error.kind, made), (&ModelErrorKind::Provider, 3));
    assert!(error.message.contains("(502)") && !error.message.contains("<h1>"), "{error}");
}

#[tokio::test]
async fn c22_empty_stream_is_asked_for_once_more() {
    for empty in [
        Reply::raw(""),
        Reply::chunks([]),
        Reply::chunks([finish("stop")]),
        Reply::chunks([delta(json!({"content": " \n"}))]),
    ] {
        let fake = LlmFake::start();
        fake.reply(empty.clone()).reply(Reply::text("Here I am"));
        let (answer, _) = call(&client(&fake), &question()).await;
        assert_eq!(answer.unwrap().text.as_str(), "Here I am");
        fake.finish();

        let (error, requests) = error_to(empty).await;
        assert_eq!(
            (error.kind, error.after_text, requests),
            (ModelErrorKind::Malformed, false, 2)
        );
    }
}

#[tokio::test]
async fn c22_nothing_but_a_cut_is_an_answer() {
    let answer = answer_to(Reply::chunks([delta(json!({"reasoning": "hm"})), finish("length")])).await;
    assert_eq!((answer.text.as_str(), answer.finish), ("", Finish::Length));
}

#[tokio::test]
async fn c23_comments_spaces_line_ends_and_marks() {
    let text = delta(json!({"content": "Grüße 🎉"})).to_string();
    let end = finish("stop").to_string();
    let many_lines = text.replacen(':', ":\ndata:", 1);
    for body in [
        format!(": OPENROUTER PROCESSING\n\n: keep-alive\n\ndata: {text}\n\n:\n\ndata: {end}\n\ndata: [DONE]\n\n"),
        format!("data:{text}\n\ndata:{end}\n\ndata:[DONE]\n\n"),
        format!("data: {text}\r\n\r\ndata: {end}\r\n\r\ndata: [DONE]\r\n\r\n"),
        format!("\u{feff}data: {text}\n\ndata: {end}\n\ndata: [DONE]\n\n"),
        format!("id: 1\nevent: message\ndata: {many_lines}\n\ndata: {end}\n\ndata: [DONE]\n\n"),
        format!("data: {text}\n\ndata: {end}"),
        format!("data: {text}\n\ndata: [DONE]"),
    ] {
        let answer = answer_to(Reply::raw(body.clone())).await;
        assert_eq!(answer.text.as_str(), "Grüße 🎉", "{body}");
    }
}

#[tokio::test]
async fn c23_half_an_event_at_the_end_is_a_cut() {
    let text = Reply::events([delta(json!({"content": "Hello"}))]);
    let (error, _) = error_to(text.then("data: {\"choi")).await;
    assert!(error.message.contains("broke off"), "{error}");
    let ended = Reply::events([delta(json!({"content": "Hello"})), finish("stop")]);
    assert_eq!(answer_to(ended.then("data: {\"choi")).await.text.as_str(), "Hello");
}

#[tokio::test]
async fn c24_usage_wherever_it_comes() {
    let usage = json!({
        "prompt_tokens": 100, "completion_tokens": 7, "total_tokens": 107,
        "prompt_tokens_details": {"cached_tokens": 80}, "completion_tokens_details": {"reasoning_tokens": 3},
    });
    let partial = json!({"prompt_tokens": 100, "completion_tokens": 1});
    let zero = json!({"prompt_tokens": 0, "completion_tokens": 0});
    let with = |mut chunk: Value, usage: &Value| {
        chunk["usage"] = usage.clone();
        chunk
    };
    let text = delta(json!({"content": "Hi"}));
    let only = json!({"choices": [], "usage": usage});
    let wanted = TokenUsage {
        prompt: 100,
        completion: 7,
        cached: 80,
        reasoning: 3,
    };
    for chunks in [
        vec![with(text.clone(), &Value::Null), finish("stop"), only.clone()],
        vec![text.clone(), with(finish("stop"), &usage)],
        vec![with(text.clone(), &partial), with(finish("stop"), &usage)],
        vec![
            with(text.clone(), &zero),
            finish("stop"),
            only.clone(),
            json!({"choices": [], "usage": zero}),
        ],
        vec![text.clone(), finish("stop"), json!({"usage": usage})],
    ] {
        assert_eq!(answer_to(Reply::chunks(chunks)).await.usage, wanted);
    }
    assert_eq!(
        answer_to(Reply::chunks([text, finish("stop")])).await.usage,
        TokenUsage::default()
    );
}

#[tokio::test]
async fn c24_stream_options_are_left_out_once_refused() {
    for refusal in [
        Reply::json(
            422,
            &json!({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}),
        ),
        Reply::error(400, "Unrecognized request argument supplied: stream_options"),
    ] {
        let fake = LlmFake::start();
        fake.reply(refusal).reply(Reply::text("One")).reply(Reply::text("Two"));
        let client = client(&fake);
        assert_eq!(call(&client, &question()).await.1, "One");
        assert_eq!(call(&client, &question()).await.1, "Two");
        let asked: Vec<bool> = fake
            .requests()
            .iter()
            .map(|request| request.body["stream_options"]["include_usage"] == true)
            .collect();
        assert_eq!(asked, [true, false, false]);
        fake.finish();
    }
}

#[tokio::test]
async fn c24_usage_is_not_asked_for_when_settings_say_so() {
    let fake = LlmFake::start();
    fake.reply(Reply::text("One"));
    let mut settings = settings(&fake);
    settings.ask_usage = false;
    assert_eq!(call(&OpenAi::new(settings).unwrap(), &question()).await.1, "One");
    assert!(fake.last_request().body.get("stream_options").is_none());
}

#[tokio::test]
async fn c28_reasoning_is_never_shown() {
    for secret in [
        delta(json!({"reasoning": "secret"})),
        delta(json!({"reasoning_content": "secret"})),
        delta(json!({"reasoning_details": [{"type": "reasoning.text", "text": "secret"}]})),
        delta(json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "secret"}]}]})),
        delta(json!({"content": "<think>secret</think>\n\n"})),
        delta(json!({"content": "<thinking>\nsecret\n</thinking>"})),
    ] {
        let answer = answer_to(Reply::chunks([
            secret.clone(),
            delta(json!({"content": "Hello"})),
            finish("stop"),
        ]))
        .await;
        assert_eq!(answer.text.as_str(), "Hello", "{secret}");
    }
}

#[tokio::test]
async fn c28_think_tags_are_found_across_deltas() {
    let pieces = ["<", "th", "ink", ">sec", "ret <b> </thin", "k", ">", "\n", "\nHel", "lo a<b"];
    let chunks = pieces.map(|content| delta(json!({"content": content})));
    let answer = answer_to(Reply::chunks(chunks)).await;
    assert_eq!(answer.text.as_str(), "Hello a<b");
}

#[tokio::test]
async fn c29_fields_missing_null_or_odd() {
    let answer = answer_to(Reply::chunks([
        json!({"object": "chat.completion.chunk", "created": 1.5e9}),
        json!({"choices": []}),
        json!({"choices": null}),
        json!({"choices": [{"index": 0}]}),
        json!({"choices": [{"delta": null, "logprobs": {"x": [1]}}]}),
        json!({"choices": [{"index": 0, "delta": {"role": null, "content": null, "tool_calls": null}}], "new": {"field": true}}),
        json!({"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}}]}),
        json!({"choices": [{"index": 1, "delta": {"content": "another answer"}}]}),
        finish("stop"),
    ]))
    .await;
    assert_eq!(answer.text.as_str(), "Hello");
}

//! How calls are put together from what servers send, and why an answer ends: quirks C01 to C17.

use super::*;
use cortex::models::{Finish, ModelErrorKind};
use std::collections::HashSet;

#[tokio::test]
async fn c01_missing_index_starts_a_new_call() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"at\":"}})),
        piece(json!({"function": {"arguments": "1}"}})),
        piece(json!({"id": "b", "type": "function", "function": {"name": "look", "arguments": "{\"at\":"}})),
        piece(json!({"function": {"arguments": "2}"}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1})), ("look", json!({"at": 2}))]);
    assert_eq!(answer.calls[1].provider_id.as_deref(), Some("b"));
}

#[tokio::test]
async fn c02_parallel_calls_with_one_index_stay_apart() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        piece(json!({"index": 0, "id": "b", "function": {"name": "write", "arguments": "{\"at\""}})),
        piece(json!({"index": 0, "function": {"arguments": ":2}"}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1})), ("write", json!({"at": 2}))]);
}

#[tokio::test]
async fn c02_parallel_calls_without_arguments_stay_apart() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": ""}})),
        piece(json!({"index": 0, "id": "b", "function": {"name": "look", "arguments": ""}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({})), ("look", json!({}))]);
}

#[tokio::test]
async fn c02_whole_calls_with_one_index_and_no_id_stay_apart() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        piece(json!({"index": 0, "function": {"name": "look", "arguments": "{\"at\":2}"}})),
        piece(json!({"index": 0, "function": {"name": "write", "arguments": {}}})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!(
        calls(&answer),
        [("look", json!({"at": 1})), ("look", json!({"at": 2})), ("write", json!({}))]
    );
}

#[tokio::test]
async fn c03_wrong_index_at_the_head_and_right_id() {
    // The id decides where both say something.
    let by_id = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        piece(json!({"index": 0, "id": "b", "function": {"name": "write", "arguments": ""}})),
        piece(json!({"index": 1, "id": "b", "function": {"arguments": "{\"at\":2}"}})),
    ]))
    .await;
    assert_eq!(calls(&by_id), [("look", json!({"at": 1})), ("write", json!({"at": 2}))]);

    // The fragments tell the right index later.
    let by_index = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        piece(json!({"index": 0, "id": "b", "function": {"name": "write", "arguments": ""}})),
        piece(json!({"index": 1, "function": {"arguments": "{\"at\""}})),
        piece(json!({"index": 1, "function": {"arguments": ":2}"}})),
    ]))
    .await;
    assert_eq!(calls(&by_index), [("look", json!({"at": 1})), ("write", json!({"at": 2}))]);
}

#[tokio::test]
async fn c03_fragments_that_take_turns_find_their_calls() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": ""}})),
        piece(json!({"index": 1, "id": "b", "function": {"name": "write", "arguments": ""}})),
        piece(json!({"index": 0, "function": {"arguments": "{\"at\""}})),
        piece(json!({"index": 1, "function": {"arguments": "{\"at\":2"}})),
        piece(json!({"index": 0, "function": {"arguments": ":1}"}})),
        piece(json!({"index": 1, "function": {"arguments": "}"}})),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1})), ("write", json!({"at": 2}))]);
}

#[tokio::test]
async fn c04_missing_ids_are_made_up_and_all_differ() {
    let mut ids = HashSet::new();
    for id in [Value::Null, json!("")] {
        let answer = answer_to(Reply::chunks([
            piece(json!({"index": 0, "id": id, "function": {"name": "look", "arguments": "{}"}})),
            piece(json!({"index": 1, "id": id, "function": {"name": "look", "arguments": "{}"}})),
            piece(json!({"index": 2, "function": {"name": "look", "arguments": "{}"}})),
        ]))
        .await;
        assert_eq!(answer.calls.len(), 3);
        for call in answer.calls {
            assert_eq!(call.provider_id, None);
            assert!(
                !call.id.is_empty() && ids.insert(call.id),
                "an id came twice, also across rounds"
            );
        }
    }
}

#[tokio::test]
async fn c04_an_id_that_comes_late_is_of_the_same_call() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": null, "function": {"name": "look", "arguments": "{\"at\""}})),
        piece(json!({"index": 0, "id": "a", "function": {"arguments": ":1}"}})),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);
    assert_eq!(answer.calls[0].provider_id.as_deref(), Some("a"));
}

#[tokio::test]
async fn c05_name_on_every_piece_is_one_name() {
    for id in [json!("a"), Value::Null] {
        let answer = answer_to(Reply::chunks([
            piece(json!({"index": 0, "id": id, "function": {"name": "look", "arguments": ""}})),
            piece(json!({"index": 0, "id": id, "function": {"name": "look", "arguments": "{\"at\""}})),
            piece(json!({"index": 0, "id": id, "function": {"name": "look", "arguments": ":1}"}})),
            piece(json!({"index": 0, "id": id, "function": {"name": "look", "arguments": ""}})),
        ]))
        .await;
        assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);
    }
}

#[tokio::test]
async fn c06_whole_call_and_reason_in_one_chunk() {
    let answer = answer_to(Reply::chunks([json!({"choices": [{
        "index": 0,
        "delta": {"role": "assistant", "content": "", "tool_calls": [
            {"index": 0, "id": "a", "type": "function", "function": {"name": "look", "arguments": "{\"at\":1}"}},
            {"index": 1, "id": "b", "type": "function", "function": {"name": "look", "arguments": "{\"at\":2}"}},
        ]},
        "finish_reason": "tool_calls",
    }]})]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1})), ("look", json!({"at": 2}))]);
    assert_eq!(answer.finish, Finish::Complete);
}

#[tokio::test]
async fn c07_arguments_as_an_object_or_encoded_twice() {
    for arguments in [json!({"at": 1}), json!("\"{\\\"at\\\":1}\"")] {
        let answer = answer_to(Reply::chunks([piece(
            json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": arguments}}),
        )]))
        .await;
        assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);
        // What goes back is a string all the same.
        let raw = answer.replay.unwrap().raw;
        assert_eq!(raw["tool_calls"][0]["function"]["arguments"], "{\"at\":1}");
    }
}

#[tokio::test]
async fn c08_no_arguments_are_an_empty_object() {
    let functions = [
        json!({"name": "look", "arguments": ""}),
        json!({"name": "look", "arguments": null}),
        json!({"name": "look"}),
        json!({"name": "look", "arguments": "null"}),
    ];
    for function in functions {
        let answer = answer_to(Reply::chunks([piece(json!({"index": 0, "id": "a", "function": function}))])).await;
        assert_eq!(calls(&answer), [("look", json!({}))], "{function}");
    }
}

#[tokio::test]
async fn c08_null_before_fragments_is_no_part_of_them() {
    for first in [Value::Null, json!("{}")] {
        let answer = answer_to(Reply::chunks([
            piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": first}})),
            piece(json!({"index": 0, "function": {"arguments": "{\"at\""}})),
            piece(json!({"index": 0, "function": {"arguments": ":1}"}})),
        ]))
        .await;
        assert_eq!(calls(&answer), [("look", json!({"at": 1}))], "{first}");
    }
}

#[tokio::test]
async fn c09_cumulative_snapshots_are_not_joined() {
    let snapshots = ["{", "{\"q\":", "{\"q\":\"ru", "{\"q\":\"rust\"}", "{\"q\":\"rust\"}"];
    let pieces = snapshots
        .map(|arguments| piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": arguments}})));
    assert_eq!(
        calls(&answer_to(Reply::chunks(pieces)).await),
        [("look", json!({"q": "rust"}))]
    );

    let whole = ["{}", "{\"q\":\"ru\"}", "{\"q\":\"rust\"}"];
    let pieces = whole.map(|arguments| piece(json!({"index": 0, "function": {"name": "look", "arguments": arguments}})));
    assert_eq!(
        calls(&answer_to(Reply::chunks(pieces)).await),
        [("look", json!({"q": "rust"}))]
    );
}

#[tokio::test]
async fn c10_arguments_that_are_not_json_are_malformed() {
    for arguments in ["{\"path\": \"/etc", "path=/etc", "[1]", "7", "{\"a\":1}{\"b\":2}"] {
        let answer = answer_to(Reply::chunks([
            piece(json!({"index": 0, "id": "a", "function": {"name": "write", "arguments": arguments}})),
            finish("tool_calls"),
        ]))
        .await;
        let Arguments::Malformed { raw, problem } = &answer.calls[0].arguments else {
            panic!("{arguments} was taken for arguments");
        };
        assert_eq!(raw.as_str(), arguments);
        assert!(!problem.is_empty() && !problem.contains("etc"), "{problem}");
    }
}

#[tokio::test]
async fn c10_calls_cut_by_the_limit_are_malformed() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"at\":1}"}})),
        piece(json!({"index": 1, "id": "b", "function": {"name": "write", "arguments": "{\"at\":"}})),
        piece(json!({"index": 2, "id": "c", "function": {"name": "write", "arguments": ""}})),
        finish("length"),
    ]))
    .await;
    assert_eq!(
        calls(&answer),
        [("look", json!({"at": 1})), ("write", Value::Null), ("write", Value::Null)]
    );
    assert_eq!(answer.finish, Finish::Length);
}

#[tokio::test]
async fn c11_arguments_before_the_name() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"arguments": "{\"at\""}})),
        piece(json!({"index": 0, "function": {"arguments": ":1}"}})),
        piece(json!({"index": 0, "function": {"name": "look"}})),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);
}

#[tokio::test]
async fn c12_stop_with_calls_is_calls() {
    let answer = answer_to(Reply::chunks([
        piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}})),
        finish("stop"),
    ]))
    .await;
    assert_eq!(calls(&answer), [("look", json!({}))]);
}

#[tokio::test]
async fn c13_tool_calls_with_an_empty_list_is_an_answer() {
    let answer = answer_to(Reply::chunks([
        delta(json!({"content": "Hello", "tool_calls": []})),
        finish("tool_calls"),
    ]))
    .await;
    assert_eq!((answer.text.as_str(), answer.calls.len()), ("Hello", 0));
    assert_eq!(answer.finish, Finish::Complete);
}

#[tokio::test]
async fn c14_other_spellings_of_the_reason() {
    for (reason, meaning) in [
        ("end_turn", Finish::Complete),
        ("eos", Finish::Complete),
        ("end", Finish::Complete),
        ("function_call", Finish::Complete),
        ("STOP", Finish::Complete),
        ("never heard of", Finish::Complete),
        ("model_length", Finish::Length),
        ("MAX_TOKENS", Finish::Length),
        ("content_filter", Finish::Filtered),
    ] {
        let answer = answer_to(Reply::chunks([delta(json!({"content": "Hello"})), finish(reason)])).await;
        assert_eq!(answer.finish, meaning, "{reason}");
    }
}

#[tokio::test]
async fn c14_a_reason_that_is_a_failure_is_one() {
    for last in [
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "error", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}]}),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "MALFORMED_FUNCTION_CALL"}]}),
    ] {
        let (error, requests) = error_to(Reply::chunks([last])).await;
        assert_eq!(error.kind, ModelErrorKind::Provider);
        assert_eq!(requests, 3, "it is worth another try");
    }
}

#[tokio::test]
async fn c15_stop_in_every_chunk_ends_nothing() {
    let chunk = |delta: Value| json!({"choices": [{"index": 0, "delta": delta, "finish_reason": "stop"}]});
    let answer = answer_to(Reply::chunks([
        chunk(json!({"content": "One "})),
        chunk(json!({"content": "two"})),
        chunk(json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "look", "arguments": "{\"at\""}}]})),
        chunk(json!({"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]})),
    ]))
    .await;
    assert_eq!(answer.text.as_str(), "One two");
    assert_eq!(calls(&answer), [("look", json!({"at": 1}))]);

    let cut = Reply::events([chunk(json!({"content": "One "})), chunk(json!({"content": "two"}))]).drop_connection();
    let (error, _) = error_to(cut).await;
    assert_eq!(error.kind, ModelErrorKind::Malformed, "such a stop proves no end");
}

#[tokio::test]
async fn c15_the_last_reason_holds() {
    let answer = answer_to(Reply::chunks([
        delta(json!({"content": "a"})),
        finish("stop"),
        finish("length"),
    ]))
    .await;
    assert_eq!(answer.finish, Finish::Length);
}

#[tokio::test]
async fn c16_no_reason_at_all_is_an_end_with_done() {
    let chunk = json!({"choices": [{"delta": {"content": "Hello"}}]});
    let answer = answer_to(Reply::chunks([chunk])).await;
    assert_eq!((answer.text.as_str(), answer.finish), ("Hello", Finish::Complete));
}

#[tokio::test]
async fn c17_end_without_done_needs_a_reason() {
    let answer = answer_to(Reply::events([delta(json!({"content": "Hello"})), finish("stop")])).await;
    assert_eq!(answer.text.as_str(), "Hello");

    let (error, requests) = error_to(Reply::events([delta(json!({"content": "Hello"}))])).await;
    assert_eq!(error.kind, ModelErrorKind::Malformed);
    assert!(error.after_text);
    assert_eq!(requests, 1, "text was shown, so it is not asked again");

    let call = piece(json!({"index": 0, "id": "a", "function": {"name": "look", "arguments": "{}"}}));
    let (error, requests) = error_to(Reply::events([call])).await;
    assert_eq!(
        (error.kind, error.after_text, requests),
        (ModelErrorKind::Malformed, false, 3)
    );
}

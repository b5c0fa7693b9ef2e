//! Streams with something wrong in them, in any split: an answer or a fault, the same however the bytes come, and nothing larger
//! than they are.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::*;
use crate::models::Arguments;
use cortex_test_support::hostile::{spoiled, spoiled_text};
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;
use proptest::prelude::*;
use serde_json::json;
use std::fmt::Write as _;

/// What a call may have beyond its bytes: an id, words about what is wrong with it.
const OURS_BYTES: usize = 256;

fn chunks() -> Vec<Value> {
    let delta = |delta: Value| json!({"id": "c1", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]});
    let call = |call: Value| delta(json!({"tool_calls": [call]}));
    let arguments = |index: u64, text: &str| call(json!({"index": index, "function": {"arguments": text}}));
    vec![
        delta(json!({"role": "assistant", "content": ""})),
        delta(json!({"reasoning_content": "hm", "content": null})),
        delta(json!({"content": "Hello <think>no</thi"})),
        delta(json!({"content": "nking> <thought"})),
        delta(json!({"content": [{"type": "text", "text": "world"}, {"type": "output_text", "text": "!"}]})),
        call(json!({"index": 0, "id": "a", "type": "function", "function": {"name": "file_read", "arguments": ""}})),
        arguments(0, "{\"path\": \"no"),
        arguments(0, "tes/a.md\"}"),
        call(json!({"index": 1, "id": "b", "function": {"name": "file_list", "arguments": "{}"}, "signature": "x"})),
        arguments(1, "{}"),
        json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
        json!({"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 1}}}),
        json!({"choices": [{"index": 0, "message": {"content": "whole", "refusal": "no"}, "finish_reason": "stop"}]}),
        json!({"error": {"message": "out of luck", "type": "server_error", "code": 500}}),
    ]
}

/// A stream that is almost right.
fn stream(random: &mut Random) -> Vec<u8> {
    let whole = random.chance(10);
    let mut stream = String::new();
    for chunk in chunks() {
        let is_there = !matches!(random.below(8), 0) && (chunk.get("error").is_none() || random.chance(10));
        for _ in 0..=random.below(12) / 11 {
            let changes = random.below(8) / 5;
            let chunk = spoiled(&chunk, changes, random).to_string();
            let chunk = if random.chance(4) {
                spoiled_text(&chunk, random)
            } else {
                chunk
            };
            if is_there && whole {
                stream.push_str(&chunk);
            } else if is_there {
                let _ = write!(stream, "data: {chunk}\n\n");
            }
        }
    }
    if random.chance(70) {
        stream.push_str("data: [DONE]\n\n");
    }
    if random.chance(10) {
        stream = spoiled_text(&stream, random);
    }
    stream.into_bytes()
}

/// What comes of it, and what was shown meanwhile.
fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Result<ModelAnswer, Fault>, String) {
    let limits = Limits {
        event_bytes: 1 << 16,
        answer_bytes: 1 << 18,
    };
    let mut reader = Reader::new(limits);
    let mut shown = String::new();
    let mut end = StreamEnd::Closed { clean: true };
    for piece in pieces {
        match reader.take(piece, &mut |text| shown.push_str(text)) {
            Ok(true) => {
                end = StreamEnd::Done;
                break;
            }
            Ok(false) => {}
            Err(fault) => return (Err(fault), shown),
        }
    }
    let answer = reader.finish(end, "https://model.example", &mut |text| shown.push_str(text));
    (answer, shown)
}

/// All of an answer but what is made up anew each time.
fn told(answer: &Result<ModelAnswer, Fault>) -> String {
    match answer {
        Ok(answer) => {
            let calls = answer
                .calls
                .iter()
                .map(|call| (&call.name, &call.provider_id, call.arguments.to_value()));
            let calls: Vec<_> = calls.collect();
            format!("{} {calls:?} {:?} {:?}", answer.text.as_str(), answer.usage, answer.finish)
        }
        Err(fault) => format!("{fault:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    #[test]
    fn spoiled_streams_are_answers_or_faults(seed: u64) {
        let mut random = Random::new(seed);
        let bytes = stream(&mut random);
        let (answer, shown) = read([bytes.as_slice()]);
        let longest = 1 + random.place(200);
        let mut rest = bytes.as_slice();
        let pieces = std::iter::from_fn(|| {
            let (piece, others) = rest.split_at(rest.len().min(1 + random.place(longest)));
            rest = others;
            (!piece.is_empty()).then_some(piece)
        });
        let (in_pieces, shown_in_pieces) = read(pieces);
        prop_assert_eq!(told(&in_pieces), told(&answer));
        prop_assert_eq!(&shown_in_pieces, &shown);
        prop_assert!(shown.len() <= bytes.len());
        let Ok(answer) = answer else { return Ok(()) };
        prop_assert_eq!(answer.text.as_str(), &shown);
        let mut kept = 0;
        for call in &answer.calls {
            kept += call.name.len();
            kept += match &call.arguments {
                Arguments::Object(arguments) => arguments.to_string().len(),
                Arguments::Malformed { raw, problem } => raw.as_str().len() + problem.len(),
            };
        }
        let raw = answer.replay.unwrap().raw.to_string().len();
        // Each of it is written once as it is used, and once as it goes back; escapes may double it.
        prop_assert!(kept + raw <= 4 * bytes.len() + OURS_BYTES * (1 + answer.calls.len()), "{} and {} of {}", kept, raw, bytes.len());
    }
}

#[test]
fn endless_streams_end() {
    let piece = json!({"choices": [{"index": 0, "delta": {"content": "x".repeat(1000)}}]});
    let event = format!("data: {piece}\n\n");
    let calls = |number: usize| {
        let call = json!({"index": number, "id": number.to_string(), "function": {"name": "f", "arguments": "{}"}});
        format!(
            "data: {}\n\n",
            json!({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
        )
    };
    let field = |number: usize| format!("data: {}\n\n", json!({"choices": [{"delta": {number.to_string(): "x"}}]}));
    let streams: [Box<dyn Fn(usize) -> String>; 5] = [
        Box::new(move |_| event.clone()),
        Box::new(calls),
        Box::new(field),
        Box::new(|_| ": still here\n\n".to_owned()),
        Box::new(|_| "data: {\"a\": \n".to_owned()),
    ];
    for stream in streams {
        let mut reader = Reader::new(Limits {
            event_bytes: 1 << 16,
            answer_bytes: 1 << 18,
        });
        let ended = (0..100_000).any(|number| reader.take(stream(number).as_bytes(), &mut |_| ()).is_err());
        assert!(ended, "it is never enough: {}", stream(0));
    }
}

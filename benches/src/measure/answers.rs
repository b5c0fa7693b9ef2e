//! Answers that grow: when the first text is seen, when the final one, and with how many calls.

use crate::Bench;
use crate::figures::{Must, Unit, millis};
use crate::report::Report;
use crate::timeline::{ChatTimes, ModelCall, by_chat, words};
use crate::world::{Form, Settings, World, wait_for};
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

const FIRST_CHAT: i64 = 1_000_000;
/// The hold-back of Telegram: so many characters, or so long.
const HELD_CHARACTERS: usize = 30;
const HELD_MS: f64 = 700.0;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let chats = bench.pick(40, 8);
    let fast = Form {
        pieces: 20,
        ..Form::LONG
    };
    let lags = first_texts(&grown(bench, &fast, chats)?, |call| {
        call.pieces.get(HELD_CHARACTERS.div_ceil(fast.letters) - 1).copied()
    });
    let what = "30 characters written → first visible text";
    let musts = [Must::Below(10.0), Must::Nothing];
    report.add_spread("first_text.enough", what, musts, &lags);
    let slow = Form {
        every_ms: 400,
        pieces: 4,
        ..Form::LONG
    };
    let lags = first_texts(&grown(bench, &slow, chats)?, |call| call.pieces.first().copied());
    let lags: Vec<f64> = lags.into_iter().map(|lag| lag - HELD_MS).collect();
    let what = "first token + 700 ms → first visible text, where the model is slow";
    report.add_spread("first_text.slow", what, musts, &lags);

    // The last token comes long after the last picture, so that no interval has to be kept.
    let late = Form {
        pieces: 10,
        last_ms: 3_000,
        ..Form::LONG
    };
    let seen = grown(bench, &late, chats)?;
    let lags: Vec<f64> = seen
        .iter()
        .filter_map(|(chat, call)| Some(millis(call.last()?, chat.last_shown()?)))
        .collect();
    let what = "model's last token → final text requested, of an answer that stands already";
    report.add_spread("final.standing", what, [Must::Below(2.0), Must::Nothing], &lags);
    long_answers(bench, report)
}

/// Has answers grow in so many chats, one begun every little while, and gives what the fakes saw of each.
fn grown(bench: &Bench, form: &Form, chats: usize) -> Result<Vec<(ChatTimes, ModelCall)>> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(form)?;
    for chat in (FIRST_CHAT..).take(chats) {
        world.telegram.say(chat, &words(1, chat))?;
        std::thread::sleep(Duration::from_millis(60));
    }
    world.wait_answered(chats, Duration::from_mins(1))?;
    let mut calls = by_chat(world.model.calls(0)?);
    let times = world.telegram.times()?.into_iter();
    let seen = times.filter_map(|chat| calls.remove(&chat.chat)?.pop().map(|call| (chat, call)));
    Ok(seen.collect())
}

fn first_texts(seen: &[(ChatTimes, ModelCall)], ready: impl Fn(&ModelCall) -> Option<u64>) -> Vec<f64> {
    let lags = seen.iter().filter_map(|(chat, call)| {
        let (ready, first) = (ready(call)?, chat.sends.first()?);
        Some(millis(ready, *first))
    });
    lags.collect()
}

fn long_answers(bench: &Bench, report: &mut Report) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::LONG)?;
    let chats = bench.pick(20, 4);
    for chat in (FIRST_CHAT..).take(chats) {
        world.telegram.say(chat, &words(1, chat))?;
        std::thread::sleep(Duration::from_millis(50));
    }
    wait_for("the end of long answers", Duration::from_mins(1), || {
        Ok((world.telegram.count_whole()? == chats).then_some(()))
    })?;
    let calls = world.telegram.call("calls", &json!({}))?;
    let calls: Vec<i64> = calls
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|call| call["chat"].as_i64())
        .collect();
    let most = (FIRST_CHAT..)
        .take(chats)
        .map(|chat| calls.iter().filter(|called| **called == chat).count())
        .max();
    let gaps = world.telegram.times()?.into_iter().flat_map(|chat| {
        let shown = chat.shown();
        shown.windows(2).map(|pair| millis(pair[0], pair[1])).collect::<Vec<_>>()
    });
    let smallest = gaps.fold(f64::INFINITY, f64::min);
    let what = "calls for an answer of 400 tokens at 50 a second, the sign of typing included";
    report.add(
        "calls.most",
        what,
        Unit::Count,
        Must::Below(12.0),
        most.unwrap_or_default() as f64,
    );
    let what = "the smallest gap between two of them in a chat";
    report.add("calls.gap", what, Unit::Milliseconds, Must::AtLeast(1000.0), smallest);
    let violations = world.telegram.call("violations", &Value::Null);
    if let Some(first) = violations.ok().as_ref().and_then(|list| list.get(0)) {
        report.failed("answers", &format!("a call was wrong: {first}"));
    }
    Ok(())
}

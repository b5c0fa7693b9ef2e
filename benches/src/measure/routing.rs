//! From the update to the model's request, and from its last token to the final text, where nothing stands in the way.

use crate::Bench;
use crate::figures::{Must, millis};
use crate::report::Report;
use crate::timeline::{ChatTimes, ModelCall, by_chat, words};
use crate::world::{Form, Settings, World};
use anyhow::Result;
use std::collections::HashMap;
use std::time::{Duration, Instant};

const FIRST_CHAT: i64 = 1_000_000;
/// Fifty messages a second.
const EVERY: Duration = Duration::from_millis(20);

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::SHORT)?;
    world.say_one_by_one(FIRST_CHAT, bench.pick(150, 60), bench.pick(3, 1))?;
    let (times, calls) = (world.telegram.times()?, by_chat(world.model.calls(0)?));
    let what = "update received → model request received";
    let musts = [Must::Below(1.5), Must::Below(8.0)];
    report.add_spread("routing.alone", what, musts, &routing(&times, &calls));
    drop(world);

    // An answer that is over before the hold-back ends: its final text is the first that is shown, and keeps no interval.
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form {
        first_ms: 150,
        every_ms: 20,
        pieces: 5,
        letters: 5,
        last_ms: 0,
    })?;
    let begun = Instant::now();
    let (chats, messages) = (200, bench.pick(500, 100));
    for number in 0..messages {
        let chat = FIRST_CHAT + i64::from(number % chats);
        world.telegram.say(chat, &words(number as usize, chat))?;
        let next = begun + EVERY * (number + 1);
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    world.wait_answered(messages.min(chats) as usize, Duration::from_secs(30))?;
    // The last ones of chats that were answered before.
    std::thread::sleep(Duration::from_secs(2));
    let (times, calls) = (world.telegram.times()?, by_chat(world.model.calls(0)?));
    let what = "update received → model request received, 50 messages a second";
    let nothing = [Must::Nothing, Must::Nothing];
    report.add_spread("routing.steady", what, nothing, &routing(&times, &calls));
    let what = "model's last token → final text requested, 50 short answers a second";
    let musts = [Must::Below(2.0), Must::Nothing];
    report.add_spread("final.short", what, musts, &finals(&times, &calls));
    Ok(())
}

/// For each message, from when the daemon got it to when the model had the request.
fn routing(times: &[ChatTimes], calls: &HashMap<i64, Vec<ModelCall>>) -> Vec<f64> {
    let pairs = times.iter().flat_map(|chat| {
        let calls = calls.get(&chat.chat).map_or(&[][..], Vec::as_slice);
        chat.handed_out.iter().zip(calls)
    });
    pairs.map(|(handed_out, call)| millis(*handed_out, call.received)).collect()
}

/// For each answer that is one message, from the last token to the call that showed it.
fn finals(times: &[ChatTimes], calls: &HashMap<i64, Vec<ModelCall>>) -> Vec<f64> {
    let pairs = times.iter().flat_map(|chat| {
        let calls = calls.get(&chat.chat).map_or(&[][..], Vec::as_slice);
        chat.sends.iter().zip(calls)
    });
    pairs.filter_map(|(sent, call)| Some(millis(call.last()?, *sent))).collect()
}

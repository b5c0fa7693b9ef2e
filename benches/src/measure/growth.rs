//! What a message costs as conversations and history grow: it should cost the same.

use crate::Bench;
use crate::figures::{Must, Unit, millis, percentile};
use crate::report::Report;
use crate::timeline::by_chat;
use crate::world::{Form, Settings, World, wait_for};
use anyhow::Result;
use std::time::Duration;

const FIRST_CHAT: i64 = 1_000_000;
/// Other people's chats begin here.
const FIRST_OTHER: i64 = 2_000_000;
/// No more than this many times the first is flat, as far as can be told on a machine that does other things too.
const FLAT: f64 = 1.3;

/// What a block of messages has cost.
struct Cost {
    cpu_ms: f64,
    routing_ms: f64,
    request_bytes: u64,
}

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    conversations(bench, report)?;
    history(bench, report)
}

fn conversations(bench: &Bench, report: &mut Report) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::SHORT)?;
    let block_chats = bench.pick(100, 30);
    // The first block makes the conversations, which costs a little more than going on with one.
    block(&world, block_chats, 1)?;
    let mut first = None;
    let mut there = block_chats;
    for conversations in bench.pick([0, 1_000, 5_000], [0, 300, 600]) {
        if let Some(missing) = usize::checked_sub(conversations, there) {
            let first_other = FIRST_OTHER + i64::try_from(there)?;
            world.telegram.say_many(first_other, missing, 1)?;
            world.wait_answered(conversations, Duration::from_mins(3))?;
            there = conversations;
        }
        let cost = block(&world, block_chats, 2)?;
        let first = first.get_or_insert(Cost { ..cost });
        tell(
            report,
            &format!("growth.conversations.{there}"),
            &format!("with {there} conversations"),
            &cost,
            first,
        );
    }
    Ok(())
}

fn history(bench: &Bench, report: &mut Report) -> Result<()> {
    // Hundreds of turns in one chat would otherwise take as many seconds.
    let settings = Settings {
        pace: "one_to_one = \"1ms\"",
        ..Settings::default()
    };
    let world = World::start(bench, &settings)?;
    world.model.answers(&Form {
        letters: 60,
        ..Form::SHORT
    })?;
    let chats = bench.pick(20, 10);
    let mut first = None;
    let mut turns = 0;
    for until in bench.pick([0, 50, 200], [0, 20, 40]) {
        if until > turns {
            let more = until - turns;
            let asked = world.model.asked()?;
            world.telegram.say_many(FIRST_CHAT, chats, more)?;
            wait_for("a long history", Duration::from_mins(3), || {
                let done = world.model.asked()? == asked + chats * more && world.model.running()? == 0;
                Ok(done.then_some(()))
            })?;
            std::thread::sleep(Duration::from_secs(1));
        }
        let rounds = 5;
        let cost = block(&world, chats, rounds)?;
        turns = until + rounds;
        let first = first.get_or_insert(Cost { ..cost });
        tell(
            report,
            &format!("growth.history.{until}"),
            &format!("after {until} turns in its chat"),
            &cost,
            first,
        );
        let what = format!("the request after {until} turns, in KiB");
        let kib = cost.request_bytes as f64 / 1024.0;
        report.add(
            format!("growth.history.{until}.kib"),
            what,
            Unit::Count,
            Must::Nothing,
            kib.round(),
        );
    }
    Ok(())
}

fn tell(report: &mut Report, key: &str, what: &str, cost: &Cost, first: &Cost) {
    let add = |report: &mut Report, name: &str, what: String, unit, must, value: f64| {
        report.add(format!("{key}.{name}"), what, unit, must, value);
    };
    let (cpu, routing) = (cost.cpu_ms, cost.routing_ms);
    add(
        report,
        "cpu",
        format!("processor time of a message {what}"),
        Unit::Milliseconds,
        Must::Nothing,
        cpu,
    );
    add(
        report,
        "routing",
        format!("update → model request {what}, p50"),
        Unit::Milliseconds,
        Must::Nothing,
        routing,
    );
    let times = cpu / first.cpu_ms;
    if (times - 1.0).abs() > f64::EPSILON {
        add(
            report,
            "times",
            format!("processor time {what}, as that of the first"),
            Unit::Times,
            Must::Below(FLAT),
            times,
        );
    }
}

/// Messages one after the other.
fn block(world: &World, chats: usize, rounds: usize) -> Result<Cost> {
    let (asked, cpu) = (world.model.asked()?, world.daemon.cpu_ms()?);
    world.say_one_by_one(FIRST_CHAT, chats, rounds)?;
    let cpu_ms = (world.daemon.cpu_ms()? - cpu) / (chats * rounds) as f64;
    let calls = world.model.calls(asked)?;
    let request_bytes = calls.iter().map(|call| call.request_bytes).max().unwrap_or(0);
    let calls = by_chat(calls);
    let mut routing = Vec::new();
    for chat in world.telegram.times()? {
        let Some(calls) = calls.get(&chat.chat) else { continue };
        let newest = chat.handed_out.iter().rev().zip(calls.iter().rev());
        routing.extend(newest.map(|(handed_out, call)| millis(*handed_out, call.received)));
    }
    Ok(Cost {
        cpu_ms,
        routing_ms: percentile(&routing, 0.5),
        request_bytes,
    })
}

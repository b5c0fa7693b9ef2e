//! What breaks other bots: killed in mid-answer, written to while down, told to wait in mid-answer.

use crate::Bench;
use crate::figures::{Must, Unit, millis};
use crate::process::monotonic_micros;
use crate::report::Report;
use crate::timeline::words;
use crate::world::{Form, Settings, World, wait_for};
use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use std::time::Duration;

const CHAT: i64 = 1_000_000;
/// What Telegram asks for in the measurement.
const PENALTY_SECONDS: u64 = 4;
/// An answer that is over in a second, so that what is left of the time is ours.
const BRISK: Form = Form {
    first_ms: 50,
    every_ms: 20,
    pieces: 40,
    letters: 5,
    last_ms: 0,
};

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut slowest: f64 = 0.0;
    let mut most_messages = 0;
    for _ in 0..bench.pick(5, 1) {
        let (seconds, messages) = killed(bench)?;
        slowest = slowest.max(seconds);
        most_messages = most_messages.max(messages);
    }
    let what = "killed in mid-answer: from the next start to the whole answer, a second of the model's in it";
    report.add("killed.whole", what, Unit::Seconds, Must::Below(3.0), slowest);
    let what = "killed in mid-answer: messages of the bot that stand then";
    report.add("killed.messages", what, Unit::Count, Must::Be(1.0), f64::from(most_messages));
    while_down(bench, report)?;
    told_to_wait(bench, report)
}

/// How long the answer took after the start, and how many messages stand.
fn killed(bench: &Bench) -> Result<(f64, u32)> {
    let mut world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::LONG)?;
    world.telegram.say(CHAT, &words(1, CHAT))?;
    // The message stands, and was edited since.
    wait_for("a growing answer", Duration::from_secs(20), || {
        let times = world.telegram.times_of(CHAT)?.unwrap_or_default();
        Ok((times.edits.len() > 1).then_some(()))
    })?;
    world.daemon.kill()?;
    world.model.answers(&BRISK)?;
    let begun = monotonic_micros();
    world.start_daemon_again()?;
    ensure!(
        world.wait_answered(1, Duration::from_secs(30))? == 1,
        "the answer was not completed"
    );
    let times = world.telegram.times_of(CHAT)?.context("the chat is there")?;
    let whole = times.last_shown().context("the bot has answered")?;
    // Whatever would come twice comes now.
    std::thread::sleep(Duration::from_millis(1500));
    let messages = world.telegram.messages(CHAT)?.len();
    Ok((millis(begun, whole) / 1000.0, u32::try_from(messages)?))
}

fn while_down(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::SHORT)?;
    world.daemon.kill()?;
    world.telegram.say(CHAT, &words(1, CHAT))?;
    world.start_daemon_again()?;
    ensure!(world.wait_answered(1, Duration::from_secs(30))? == 1, "no answer came");
    std::thread::sleep(Duration::from_secs(1));
    let answers = world.telegram.messages(CHAT)?.len();
    let what = "message sent while down: answers";
    report.add("down.answers", what, Unit::Count, Must::Be(1.0), answers as f64);
    Ok(())
}

fn told_to_wait(bench: &Bench, report: &mut Report) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&Form::LONG)?;
    world.telegram.say(CHAT, &words(1, CHAT))?;
    wait_for("a growing answer", Duration::from_secs(20), || {
        let times = world.telegram.times_of(CHAT)?.unwrap_or_default();
        Ok((times.edits.len() > 1).then_some(()))
    })?;
    let fault =
        json!({"method": "editMessageText", "kind": {"too_many_requests": PENALTY_SECONDS}, "chat": CHAT, "times": 1});
    world.telegram.call("fault", &fault)?;
    let whole = world.wait_answered(1, Duration::from_mins(1))?;
    let inside = world.telegram.call("stats", &json!({}))?["inside_windows"].as_u64();
    let what = "429 in mid-answer: final texts that are whole";
    report.add("limited.whole", what, Unit::Count, Must::Be(1.0), whole as f64);
    let what = "429 in mid-answer: calls inside the penalty window";
    report.add(
        "limited.inside",
        what,
        Unit::Count,
        Must::Be(0.0),
        inside.context("the fake counts them")? as f64,
    );
    Ok(())
}

//! What a message costs the processor.

use crate::Bench;
use crate::figures::{Must, Unit};
use crate::report::Report;
use crate::timeline::words;
use crate::world::{Form, Settings, World, wait_for};
use anyhow::Result;
use std::time::Duration;

const FIRST_CHAT: i64 = 1_000_000;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let chats = bench.pick(300, 60);
    let cost = cost(bench, &Form::SHORT, chats, Duration::from_millis(20))?;
    let what = "processor time of a short message";
    report.add("cost.short", what, Unit::Milliseconds, Must::Below(3.0), cost);
    let chats = bench.pick(30, 6);
    let cost = self::cost(bench, &Form::LONG, chats, Duration::from_millis(100))?;
    let what = "processor time of an answer of 400 tokens";
    report.add("cost.long", what, Unit::Milliseconds, Must::Below(20.0), cost);
    Ok(())
}

fn cost(bench: &Bench, form: &Form, chats: usize, every: Duration) -> Result<f64> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(form)?;
    let before = world.daemon.cpu_ms()?;
    for chat in (FIRST_CHAT..).take(chats) {
        world.telegram.say(chat, &words(1, chat))?;
        std::thread::sleep(every);
    }
    wait_for("all answers", Duration::from_mins(1), || {
        Ok((world.telegram.count_whole()? == chats).then_some(()))
    })?;
    Ok((world.daemon.cpu_ms()? - before) / chats as f64)
}

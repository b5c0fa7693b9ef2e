//! The daemon's share of the memory.

use crate::Bench;
use crate::figures::{Must, Unit};
use crate::report::Report;
use crate::timeline::words;
use crate::world::{Form, Settings, World, wait_for};
use anyhow::{Result, ensure};
use std::time::Duration;

const FIRST_CHAT: i64 = 1_000_000;
/// A conversation begins so often where they need not be at the same instant.
const EVERY: Duration = Duration::from_millis(10);

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    std::thread::sleep(Duration::from_secs(2));
    let pss = world.daemon.pss_mib()?;
    report.add(
        "memory.idle",
        "PSS idle, Telegram and SQLite",
        Unit::Mebibytes,
        Must::Below(15.0),
        pss,
    );

    let chats = bench.pick(1_000, 100);
    world.model.answers(&Form::SHORT)?;
    for chat in (FIRST_CHAT..).take(chats) {
        world.telegram.say(chat, &words(1, chat))?;
        std::thread::sleep(EVERY);
    }
    let answered = world.wait_answered(chats, Duration::from_mins(1))?;
    ensure!(answered == chats, "{answered} of {chats} were answered");
    std::thread::sleep(Duration::from_secs(3));
    let what = format!("PSS after {chats} conversations, a hundred begun each second");
    let pss = world.daemon.pss_mib()?;
    report.add("memory.after", what, Unit::Mebibytes, Must::Below(30.0), pss);
    drop(world);

    let world = World::start(bench, &Settings::default())?;
    // It grows for 20 s, of which some are looked at.
    world.model.answers(&Form {
        first_ms: 500,
        every_ms: 200,
        pieces: 100,
        letters: 20,
        last_ms: 0,
    })?;
    world.telegram.say_many(FIRST_CHAT, chats, 1)?;
    let mut running = 0;
    let _ = wait_for("all of the turns", Duration::from_secs(8), || {
        running = world.model.running()?;
        Ok((running == chats).then_some(()))
    });
    let mut most = 0.0;
    for _ in 0..bench.pick(8, 3) {
        std::thread::sleep(Duration::from_millis(500));
        running = running.max(world.model.running()?);
        most = f64::max(most, world.daemon.pss_mib()?);
    }
    report.add(
        "memory.running",
        format!("PSS with {running} running"),
        Unit::Mebibytes,
        Must::Below(150.0),
        most,
    );
    report.add(
        "memory.at_once",
        format!("of {chats} turns running at once"),
        Unit::Count,
        Must::Be(chats as f64),
        running as f64,
    );
    Ok(())
}

//! Many chats at the same instant.

use crate::Bench;
use crate::figures::{Must, Unit, millis, percentile};
use crate::report::Report;
use crate::world::{Form, Settings, World};
use anyhow::{Context as _, Result};
use std::time::Duration;

const FIRST_CHAT: i64 = 1_000_000;
/// Two seconds in pieces of some five tokens, as servers under load write them.
const TWO_SECONDS: Form = Form {
    first_ms: 0,
    every_ms: 100,
    pieces: 21,
    letters: 20,
    last_ms: 0,
};

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    for (chats, seconds) in [(200, 2.3), (1_000, 4.0), (5_000, 15.0)] {
        if bench.quick && chats > 200 {
            break;
        }
        at_once(bench, report, chats, seconds)?;
    }
    Ok(())
}

fn at_once(bench: &Bench, report: &mut Report, chats: usize, seconds: f64) -> Result<()> {
    let world = World::start(bench, &Settings::default())?;
    world.model.answers(&TWO_SECONDS)?;
    let cpu = world.daemon.cpu_ms()?;
    world.telegram.say_many(FIRST_CHAT, chats, 1)?;
    world.wait_answered(chats, Duration::from_mins(2))?;
    let answered = world.telegram.count_answered_in_one_message()?;
    let cpu = world.daemon.cpu_ms()? - cpu;
    let pss = world.daemon.pss_mib()?;
    let times = world.telegram.times()?;
    let begun = times
        .iter()
        .filter_map(|chat| chat.said.first())
        .min()
        .context("somebody wrote")?;
    let ends: Vec<f64> = times
        .iter()
        .filter_map(|chat| Some(millis(*begun, chat.last_shown()?) / 1000.0))
        .collect();
    let key = |what: &str| format!("chats.{chats}.{what}");
    let add = |report: &mut Report, name: &str, what: String, unit, must, reached| {
        report.add(
            key(name),
            format!("{chats} chats at the same instant: {what}"),
            unit,
            must,
            reached,
        );
    };
    let all = percentile(&ends, 1.0);
    add(
        report,
        "all",
        "until all are answered".to_owned(),
        Unit::Seconds,
        Must::Below(seconds),
        all,
    );
    let must = Must::Be(chats as f64);
    add(
        report,
        "answered",
        "answered whole and in one message".to_owned(),
        Unit::Count,
        must,
        answered as f64,
    );
    let half = percentile(&ends, 0.5);
    add(
        report,
        "half",
        "until half are".to_owned(),
        Unit::Seconds,
        Must::Nothing,
        half,
    );
    let cpu = cpu / chats as f64;
    add(
        report,
        "cpu",
        "processor time of each".to_owned(),
        Unit::Milliseconds,
        Must::Nothing,
        cpu,
    );
    add(
        report,
        "pss",
        "PSS at the end".to_owned(),
        Unit::Mebibytes,
        Must::Nothing,
        pss,
    );
    Ok(())
}

//! From the start of the process to its first poll.

use crate::Bench;
use crate::figures::{Must, Unit, millis, percentile};
use crate::process::monotonic_micros;
use crate::report::Report;
use crate::world::{Settings, World};
use anyhow::Result;
use std::time::Duration;

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let mut world = World::start(bench, &Settings::default())?;
    let mut again = Vec::new();
    let mut anew = Vec::new();
    for round in 0..bench.pick(20, 6) {
        let is_anew = round % 2 == 1;
        world.daemon.end(Duration::from_secs(20))?;
        if is_anew {
            world.forget_database()?;
        }
        let polls = world.telegram.polls()?.len();
        let begun = monotonic_micros();
        world.start_daemon_again()?;
        let taken = millis(begun, world.wait_for_poll(polls)?);
        if is_anew { &mut anew } else { &mut again }.push(taken);
    }
    let p50 = percentile(&again, 0.5);
    report.add(
        "start.again",
        "cold start to first poll, p50",
        Unit::Milliseconds,
        Must::Below(30.0),
        p50,
    );
    let p50 = percentile(&anew, 0.5);
    let what = "the same with a database that has to be made, p50";
    report.add("start.anew", what, Unit::Milliseconds, Must::Nothing, p50);
    Ok(())
}

//! The disk's own time: what no daemon that stores before it answers can be faster than.

use crate::Bench;
use crate::figures::{Must, Unit, percentile};
use crate::report::Report;
use anyhow::Result;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::time::Instant;

/// What a commit of SQLite's log writes at least: a page with its head.
const WRITE: [u8; 4096 + 24] = [1; 4096 + 24];

pub(super) fn measure(bench: &Bench, report: &mut Report) -> Result<()> {
    let path = bench.disk.join("commit.tmp");
    let file = File::create(&path)?;
    let mut times = Vec::new();
    for number in 0..bench.pick(200, 50) {
        let begun = Instant::now();
        file.write_all_at(&WRITE, number * WRITE.len() as u64)?;
        file.sync_data()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    std::fs::remove_file(&path)?;
    for (key, what, share) in [("disk.p50", "p50", 0.5), ("disk.p99", "p99", 0.99)] {
        let what = format!("the disk's own commit of 4 KiB, {what}");
        report.add(key, what, Unit::Milliseconds, Must::Nothing, percentile(&times, share));
    }
    Ok(())
}

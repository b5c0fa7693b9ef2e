//! The benchmark: the daemon as people build it, against a Telegram and a model server in processes of their own on this machine.
//!
//! Each measurement starts a world of its own (`world`), lets people write, and joins what the two fakes put on record; both tell
//! times on the machine's monotonic clock. It is no test: it prints what was reached beside what must be.

mod build;
mod control;
mod figures;
mod measure;
mod process;
mod report;
mod timeline;
mod world;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use measure::{MEASUREMENTS, Measurement};
use report::Report;
use std::path::PathBuf;
use std::process::ExitCode;

/// Measures the daemon against fakes, and prints what was reached beside what must be
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
struct Arguments {
    /// Only these measurements; all of them when none is named
    measurements: Vec<String>,
    /// Everything small, for a look in under a minute
    #[arg(long)]
    quick: bool,
    /// Write the figures as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the table into this project's README, between its marks
    #[arg(long)]
    readme: bool,
    /// Take the programs that are in this folder, and build none
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Where databases are made: a folder on the disk that is to be measured
    #[arg(long, value_name = "FOLDER")]
    disk: Option<PathBuf>,
    /// Show what the daemon writes to its log
    #[arg(long)]
    verbose: bool,
    /// Tell which measurements there are
    #[arg(long)]
    list: bool,
}

/// What all measurements are made with.
struct Bench {
    quick: bool,
    verbose: bool,
    programs: PathBuf,
    /// On the disk that is measured.
    disk: PathBuf,
}

impl Bench {
    /// A number for a full run, and one for a quick look.
    fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("cortex-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every figure was reached.
fn run(arguments: &Arguments) -> Result<bool> {
    if arguments.list {
        for measurement in MEASUREMENTS {
            println!("{:12} {}", measurement.name, measurement.about);
        }
        return Ok(true);
    }
    let wanted = wanted(&arguments.measurements)?;
    let programs = match &arguments.programs {
        Some(folder) => folder.clone(),
        None => build::programs()?,
    };
    let disk = arguments.disk.clone().unwrap_or_else(|| programs.join("bench"));
    std::fs::create_dir_all(&disk).with_context(|| format!("{} cannot be made", disk.display()))?;
    let bench = Bench {
        quick: arguments.quick,
        verbose: arguments.verbose,
        programs,
        disk,
    };
    let mut report = Report::of_this_machine(bench.quick);
    for measurement in wanted {
        eprintln!("{}: {}", measurement.name, measurement.about);
        let before = report.figures.len();
        if let Err(error) = (measurement.run)(&bench, &mut report) {
            eprintln!("  failed: {error:#}");
            report.failed(measurement.name, &format!("{error:#}"));
        }
        for figure in &report.figures[before..] {
            eprintln!("  {figure}");
        }
    }
    println!("{}", report.table());
    if let Some(path) = &arguments.json {
        std::fs::write(path, format!("{:#}\n", report.json()))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.readme {
        report::into_readme(&build::workspace().join("README.md"), &report.table())?;
    }
    Ok(report.holds())
}

fn wanted(names: &[String]) -> Result<Vec<&'static Measurement>> {
    if names.is_empty() {
        return Ok(MEASUREMENTS.iter().collect());
    }
    let find = |name: &String| {
        let found = MEASUREMENTS.iter().find(|measurement| measurement.name == name);
        found.with_context(|| format!("there is no measurement {name}; --list tells which there are"))
    };
    let found: Vec<_> = names.iter().map(find).collect::<Result<_>>()?;
    if found.is_empty() {
        bail!("nothing is to be measured");
    }
    Ok(found)
}

//! The report: a table for people, JSON for programs, and the README's own.

use crate::figures::{Figure, Must, Unit, percentile};
use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

/// Between these lines of the README stands what this program wrote.
const BEGINS: &str = "<!-- benchmark: written by `cargo run --release -p cortex-bench -- --readme` -->";
const ENDS: &str = "<!-- benchmark: end -->";

/// All that was measured.
pub(crate) struct Report {
    pub(crate) figures: Vec<Figure>,
    failures: Vec<(String, String)>,
    machine: String,
    quick: bool,
}

impl Report {
    pub(crate) fn of_this_machine(quick: bool) -> Self {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let cpu = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .map_or("an unknown processor", |name| name.trim_start_matches([' ', '\t', ':']))
            .to_owned();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let load = read("/proc/loadavg");
        let load = load.split(' ').next().unwrap_or("?").to_owned();
        let kernel = read("/proc/sys/kernel/osrelease");
        Self {
            figures: Vec::new(),
            failures: Vec::new(),
            machine: format!("{cores} cores ({cpu}), Linux {}, load {load} before", kernel.trim()),
            quick,
        }
    }

    pub(crate) fn add(&mut self, key: impl Into<String>, what: impl Into<String>, unit: Unit, must: Must, reached: f64) {
        self.figures.push(Figure {
            key: key.into(),
            what: what.into(),
            unit,
            must,
            reached,
        });
    }

    /// The middle and the slow end of many, in milliseconds.
    pub(crate) fn add_spread(&mut self, key: &str, what: &str, musts: [Must; 2], values: &[f64]) {
        for (name, share, must) in [("p50", 0.5, musts[0]), ("p99", 0.99, musts[1])] {
            let value = percentile(values, share);
            self.add(
                format!("{key}.{name}"),
                format!("{what}, {name} of {}", values.len()),
                Unit::Milliseconds,
                must,
                value,
            );
        }
    }

    pub(crate) fn failed(&mut self, measurement: &str, why: &str) {
        self.failures.push((measurement.to_owned(), why.to_owned()));
    }

    /// Whether all was measured and every figure was reached.
    pub(crate) fn holds(&self) -> bool {
        self.failures.is_empty() && self.figures.iter().all(|figure| figure.holds() != Some(false))
    }

    pub(crate) fn table(&self) -> String {
        let mut table = String::from("| what | must reach | reached |\n|---|---|---|\n");
        for figure in &self.figures {
            let (must, reached) = (figure.must_text(), figure.reached_text());
            let reached = if figure.holds() == Some(false) {
                format!("**{reached}**")
            } else {
                reached
            };
            // A string takes whatever is written.
            let _ = writeln!(table, "| {} | {must} | {reached} |", figure.what);
        }
        for (measurement, why) in &self.failures {
            let _ = writeln!(table, "| {measurement} | | **failed: {}** |", why.replace(['|', '\n'], " "));
        }
        let size = if self.quick { "A quick look" } else { "Measured" };
        let _ = write!(table, "\n{size} on {}. Bold is what was not reached.", self.machine);
        table
    }

    pub(crate) fn json(&self) -> Value {
        let figures: Vec<Value> = self.figures.iter().map(Figure::json).collect();
        let failures = self
            .failures
            .iter()
            .map(|(name, why)| json!({"measurement": name, "why": why}));
        json!({
            "machine": self.machine, "quick": self.quick, "figures": figures, "failures": failures.collect::<Vec<_>>(),
            "holds": self.holds(),
        })
    }
}

/// Puts a table between the marks of a README.
pub(crate) fn into_readme(path: &Path, table: &str) -> Result<()> {
    let text = std::fs::read_to_string(path)?;
    let new = between_marks(&text, table).with_context(|| format!("{} has no marks for the table", path.display()))?;
    std::fs::write(path, new)?;
    Ok(())
}

fn between_marks(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGINS)?;
    let (_, after) = rest.split_once(ENDS)?;
    Some(format!("{before}{BEGINS}\n\n{table}\n\n{ENDS}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_goes_between_the_marks() {
        let text = format!("# A\n\n{BEGINS}\nold\n{ENDS}\n\nB\n");
        let new = between_marks(&text, "| new |").expect("it has marks");
        assert_eq!(new, format!("# A\n\n{BEGINS}\n\n| new |\n\n{ENDS}\n\nB\n"));
        assert_eq!(between_marks("no marks", "x"), None);
    }
}

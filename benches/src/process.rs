//! Processes of ours: started, looked at in `/proc`, ended by their id.

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A process, ended when it is dropped.
pub(crate) struct Process {
    child: Child,
    name: String,
}

impl Process {
    pub(crate) fn start(name: &str, command: &mut Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        Ok(Self {
            child,
            name: name.to_owned(),
        })
    }

    /// Starts a fake, which says in its first line where it is, and ends when we do.
    pub(crate) fn start_fake(program: &Path, arguments: &[&str]) -> Result<(Self, Value)> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new(program);
        command
            .args(arguments)
            .arg("--stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = Self::start(&name, &mut command)?;
        let stdout = process.child.stdout.take().context("its output was asked for")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let place = serde_json::from_str(&line).with_context(|| format!("{name} does not say where it is"))?;
        Ok((process, place))
    }

    /// Kills it on the spot.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn end(&mut self, longest: Duration) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let until = Instant::now() + longest;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("{} did not end in {longest:?}", self.name);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Its share of the memory, in MiB.
    pub(crate) fn pss_mib(&self) -> Result<f64> {
        let rollup = self.proc("smaps_rollup")?;
        let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        Ok(kib.context("smaps_rollup has no Pss")? / 1024.0)
    }

    /// The time that it has computed, in milliseconds, its own and the kernel's for it.
    pub(crate) fn cpu_ms(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        // The name may have blanks; what follows its bracket has none.
        let (_, rest) = stat.rsplit_once(')').context("stat has a name")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("stat has times")?;
        Ok((user + system) * 1000.0 / rustix::param::clock_ticks_per_second() as f64)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        std::fs::read_to_string(&path).with_context(|| format!("{path} of {} cannot be read", self.name))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Microseconds of the machine's monotonic clock, on which the fakes tell their times too.
pub(crate) fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs());
    seconds * 1_000_000 + nanos / 1000
}

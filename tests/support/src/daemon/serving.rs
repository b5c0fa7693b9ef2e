//! The program as a service: no terminal, its log in a file.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often it is looked whether the process has ended.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running daemon. Dropping it kills it.
pub struct Serving {
    child: Child,
    log: PathBuf,
    /// Where the log of this run begins.
    log_start: u64,
}

impl Serving {
    pub(super) fn start(mut command: Command, log: &Path) -> Self {
        let open = || OpenOptions::new().create(true).append(true).open(log);
        let output: File = open().expect("the home can be written");
        let log_start = output.metadata().expect("a file has a size").len();
        let errors = output.try_clone().expect("a file can be opened twice");
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("the program starts");
        Self {
            child,
            log: log.to_owned(),
            log_start,
        }
    }

    /// What this run has logged.
    pub fn log(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let start = usize::try_from(self.log_start).unwrap_or_default().min(bytes.len());
        String::from_utf8_lossy(&bytes[start..]).into_owned()
    }

    /// Waits until something is logged; panics when it does not come in time.
    #[track_caller]
    pub fn wait_for_log(&mut self, needle: &str, longest: Duration) {
        let deadline = Instant::now() + longest;
        while !self.log().contains(needle) {
            let ended = self.has_ended();
            assert!(
                !ended && Instant::now() < deadline,
                "{needle:?} is not logged (ended: {ended}):\n{}",
                self.log()
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// Kills it with SIGKILL, at once.
    pub fn kill(&mut self) {
        // It may have died by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, as systemd does, and waits.
    #[track_caller]
    pub fn stop(&mut self, longest: Duration) -> ExitStatus {
        let asked = Command::new("kill").arg(self.id().to_string()).status();
        assert!(
            asked.is_ok_and(|status| status.success()),
            "the process could not be asked to end"
        );
        self.wait_for_exit(longest)
    }

    /// Waits for the end of the process; panics when it does not come in time.
    #[track_caller]
    pub fn wait_for_exit(&mut self, longest: Duration) -> ExitStatus {
        let deadline = Instant::now() + longest;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be asked whether it ended") {
                return status;
            }
            assert!(Instant::now() < deadline, "still running after {longest:?}:\n{}", self.log());
            std::thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

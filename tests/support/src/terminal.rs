//! A pseudo-terminal for tests: a program runs in it, keys are typed, and the screen is read as a person would see it.

pub use portable_pty::{CommandBuilder, ExitStatus};

use anyhow::{Context as _, Result};
use portable_pty::{Child, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often the screen is looked at while something is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// The end of the output follows the end of the program at once.
const LAST_OUTPUT_WITHIN: Duration = Duration::from_secs(1);
/// Lines that scrolled off the screen and are still remembered.
const SCROLLBACK_LINES: usize = 10_000;
const READ_BYTES: usize = 16 * 1024;

/// A program in a terminal; killed when dropped.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    keys: Box<dyn Write + Send>,
    seen: Arc<Mutex<Seen>>,
    reader: Option<JoinHandle<()>>,
}

struct Seen {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

impl Terminal {
    /// Starts a program in a terminal of this size; in the home folder, unless the command names another.
    pub fn start(command: CommandBuilder, columns: u16, rows: u16) -> Result<Self> {
        let size = pty_size(columns, rows);
        let pair = native_pty_system().openpty(size).context("opening a pseudo-terminal")?;
        let child = pair.slave.spawn_command(command).context("starting the program")?;
        // The end of the program is seen as the end of its output only when nobody else holds the other side.
        drop(pair.slave);
        let seen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(rows, columns, SCROLLBACK_LINES),
            bytes: Vec::new(),
        }));
        let output = pair.master.try_clone_reader().context("reading the pseudo-terminal")?;
        let keys = pair.master.take_writer().context("writing to the pseudo-terminal")?;
        let reader = std::thread::spawn({
            let seen = Arc::clone(&seen);
            move || watch(output, &seen)
        });
        Ok(Self {
            child,
            master: Some(pair.master),
            keys,
            seen,
            reader: Some(reader),
        })
    }

    /// Types this, byte by byte as it is; Enter is `\r`.
    pub fn type_keys(&mut self, keys: &str) -> Result<()> {
        self.keys.write_all(keys.as_bytes())?;
        self.keys.flush()?;
        Ok(())
    }

    /// Types a line and Enter.
    pub fn type_line(&mut self, line: &str) -> Result<()> {
        self.type_keys(&format!("{line}\r"))
    }

    /// Presses Ctrl-C.
    pub fn press_ctrl_c(&mut self) -> Result<()> {
        self.type_keys("\u{3}")
    }

    /// Presses Ctrl-D.
    pub fn press_ctrl_d(&mut self) -> Result<()> {
        self.type_keys("\u{4}")
    }

    /// Gives the window another size.
    pub fn resize(&mut self, columns: u16, rows: u16) -> Result<()> {
        self.seen().parser.screen_mut().set_size(rows, columns);
        if let Some(master) = &self.master {
            master.resize(pty_size(columns, rows))?;
        }
        Ok(())
    }

    /// What stands on the screen now.
    pub fn screen_text(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// What scrolled off the screen and what stands on it, from the beginning.
    pub fn transcript(&self) -> String {
        let mut seen = self.seen();
        let screen = seen.parser.screen_mut();
        let (rows, columns) = screen.size();
        screen.set_scrollback(usize::MAX);
        let scrolled_off = screen.scrollback();
        let mut lines: Vec<String> = Vec::new();
        for offset in (1..=scrolled_off).rev() {
            screen.set_scrollback(offset);
            lines.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns).take(usize::from(rows)));
        lines.join("\n").trim_end().to_owned()
    }

    /// All bytes that the program wrote, escape codes included.
    pub fn raw_output(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Waits until a text stands on the screen; a text that the terminal broke into rows is found row by row only.
    #[track_caller]
    pub fn wait_for(&self, text: &str, timeout: Duration) {
        self.wait_until(&format!("{text:?} on the screen"), timeout, |screen| screen.contains(text));
    }

    /// Waits until a text no longer stands on the screen.
    #[track_caller]
    pub fn wait_until_gone(&self, text: &str, timeout: Duration) {
        self.wait_until(&format!("{text:?} gone from the screen"), timeout, |screen| {
            !screen.contains(text)
        });
    }

    /// Waits until a text is in the [`Terminal::transcript`], also when it scrolled off meanwhile.
    #[track_caller]
    pub fn wait_for_in_transcript(&self, text: &str, timeout: Duration) {
        let deadline = Instant::now() + timeout;
        while !self.transcript().contains(text) {
            assert!(
                Instant::now() < deadline,
                "no {text:?} in the transcript within {timeout:?}:\n{}",
                framed(&self.transcript())
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    #[track_caller]
    fn wait_until(&self, what: &str, timeout: Duration, holds: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + timeout;
        loop {
            let screen = self.screen_text();
            if holds(&screen) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "no {what} within {timeout:?}; the screen is\n{}",
                framed(&screen)
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Whether the program has ended, however it did.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until the program ends, and for the last of its output.
    #[track_caller]
    pub fn wait_for_exit(&mut self, timeout: Duration) -> ExitStatus {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(status) = self.child.try_wait().expect("the program can be asked whether it ended") {
                self.master = None;
                self.join_reader();
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "still running after {timeout:?}; the screen is\n{}",
                framed(&self.screen_text())
            );
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// Ends the program at once, without a chance to tidy up (kill -9), and waits until it is gone.
    pub fn kill(&mut self) {
        // Once it has ended, its process id may be another program's.
        let running = matches!(self.child.try_wait(), Ok(None));
        if let Some(process) = self.child.process_id().filter(|_| running) {
            // The library's own `kill` hangs up first and gives the program time to tidy up.
            let killed = std::process::Command::new("kill").args(["-9", &process.to_string()]).status();
            if killed.is_ok_and(|status| status.success()) {
                let _ = self.child.wait();
            }
        }
        self.join_reader();
    }

    /// The process id, while it runs.
    pub fn process_id(&self) -> Option<u32> {
        self.child.process_id()
    }

    /// Waits for the last of the output, though not for a process that outlived the program and holds the terminal.
    fn join_reader(&mut self) {
        let deadline = Instant::now() + LAST_OUTPUT_WITHIN;
        if let Some(reader) = self.reader.take() {
            while !reader.is_finished() && Instant::now() < deadline {
                std::thread::sleep(LOOK_EVERY);
            }
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.kill();
    }
}

fn watch(mut output: Box<dyn Read + Send>, seen: &Mutex<Seen>) {
    let mut buffer = vec![0; READ_BYTES];
    // A terminal whose program ended reads as an error on some systems, as an end on others.
    while let Ok(count @ 1..) = output.read(&mut buffer) {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.parser.process(&buffer[..count]);
        seen.bytes.extend_from_slice(&buffer[..count]);
    }
}

fn pty_size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn framed(screen: &str) -> String {
    let lines: Vec<String> = screen.lines().map(|line| format!("  │ {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn shell(script: &str) -> CommandBuilder {
        let mut command = CommandBuilder::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn keys_screen_and_exit_status() {
        let mut terminal = Terminal::start(shell("read line; echo \"got $line\"; exit 3"), 40, 5).unwrap();
        terminal.type_line("hello").unwrap();
        terminal.wait_for("got hello", SOON);
        assert_eq!(terminal.wait_for_exit(SOON).exit_code(), 3);
    }

    #[test]
    fn transcript_holds_what_scrolled_off() {
        let mut terminal = Terminal::start(shell("for n in 1 2 3 4 5 6 7 8 9; do echo line $n; done"), 40, 4).unwrap();
        terminal.wait_for_exit(SOON);
        let expected: Vec<String> = (1..10).map(|number| format!("line {number}")).collect();
        assert_eq!(terminal.transcript(), expected.join("\n"));
        assert!(!terminal.screen_text().contains("line 1"));
    }

    #[test]
    fn ctrl_c_interrupts() {
        let mut terminal = Terminal::start(
            shell("trap 'echo caught; exit 7' INT; echo ready; while :; do sleep 0.05; done"),
            40,
            5,
        )
        .unwrap();
        terminal.wait_for("ready", SOON);
        terminal.press_ctrl_c().unwrap();
        assert_eq!(terminal.wait_for_exit(SOON).exit_code(), 7);
    }

    #[test]
    fn kill_leaves_no_time_to_tidy_up() {
        let mut terminal = Terminal::start(
            shell("trap 'echo bye' HUP TERM; echo ready; while :; do sleep 0.05; done"),
            40,
            5,
        )
        .unwrap();
        terminal.wait_for("ready", SOON);
        terminal.kill();
        assert!(!terminal.wait_for_exit(SOON).success());
        assert!(!terminal.screen_text().contains("bye"));
    }

    #[test]
    #[should_panic(expected = "the screen is\n  │ something else")]
    fn failed_wait_shows_the_screen() {
        let terminal = Terminal::start(shell("echo something else; sleep 60"), 40, 5).unwrap();
        terminal.wait_for("something else", SOON);
        terminal.wait_for("something", Duration::ZERO);
        terminal.wait_for("never", Duration::from_millis(50));
    }
}

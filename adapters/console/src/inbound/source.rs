//! Where keys and lines come from: blocking reads on threads of their own.

use crate::config::Input;
use crossterm::event::{self, Event};
use crossterm::terminal;
use std::io::{self, BufRead};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;

/// Keys typed faster than they are handled, a pasted page of them, wait here.
const KEY_CAPACITY: usize = 1024;
/// How soon the reading thread notices that it is no longer needed.
const POLL: Duration = Duration::from_millis(100);

/// Events of a terminal. Dropping it ends the reading and gives the terminal back as it was.
pub(super) struct Keys {
    pub(super) events: mpsc::Receiver<Event>,
    _terminal: Option<RawTerminal>,
}

pub(super) fn keys(input: Input) -> io::Result<Keys> {
    if let Input::Events(events) = input {
        return Ok(Keys { events, _terminal: None });
    }
    let terminal = RawTerminal::open()?;
    let (sender, events) = mpsc::channel(KEY_CAPACITY);
    let unused = Arc::clone(&terminal.unused);
    std::thread::Builder::new()
        .name("console-keys".to_owned())
        .spawn(move || read_keys(&unused, &sender))?;
    Ok(Keys {
        events,
        _terminal: Some(terminal),
    })
}

/// Lines up to the end of the input. The thread blocks in a read that nothing can end: it goes when the process does.
pub(super) fn lines(input: Input) -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(1);
    if let Input::Lines(reader) = input {
        std::thread::spawn(move || read_lines(reader, &sender));
    }
    lines
}

fn read_keys(unused: &AtomicBool, sender: &mpsc::Sender<Event>) {
    while !unused.load(Ordering::SeqCst) {
        let event = match event::poll(POLL) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        match event {
            Ok(event) => {
                if sender.blocking_send(event).is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the terminal can no longer be read");
                return;
            }
        }
    }
}

fn read_lines(mut reader: Box<dyn BufRead + Send>, sender: &mpsc::Sender<String>) {
    loop {
        let mut bytes = Vec::new();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the input can no longer be read");
                return;
            }
        }
        let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
        if sender.blocking_send(line).is_err() {
            return;
        }
    }
}

/// The process's terminal in raw mode.
struct RawTerminal {
    unused: Arc<AtomicBool>,
}

impl RawTerminal {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        Ok(Self {
            unused: Arc::new(AtomicBool::new(false)),
        })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        self.unused.store(true, Ordering::SeqCst);
        if let Err(error) = terminal::disable_raw_mode() {
            tracing::warn!(%error, "the terminal could not be set back");
        }
    }
}

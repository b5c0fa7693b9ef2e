//! What the console is told: how to talk, where to read and write, and whom to tell that the person left.

use cortex_chat::{ConnectorName, Text};
use crossterm::event::Event;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The size of a terminal that does not tell it.
const FALLBACK_SIZE: (u16, u16) = (80, 24);

/// How a console talks.
pub struct Settings {
    /// The connector's name.
    pub name: ConnectorName,
    /// With whom and how.
    pub mode: Mode,
    /// Cancelled when the person leaves, or when everything asked is answered and no more input comes.
    pub quit: CancellationToken,
    /// Tells afterwards whether it went well.
    pub outcome: Outcome,
    /// Where the lines typed are remembered, for their owner alone; `None` forgets them.
    pub history: Option<PathBuf>,
    /// Whether bold, dim and the like are used.
    pub styled: bool,
}

impl Settings {
    /// Settings without a history, styled unless the environment says `NO_COLOR`.
    pub fn new(name: ConnectorName, mode: Mode, quit: CancellationToken) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            name,
            mode,
            quit,
            outcome: Outcome::default(),
            history: None,
            styled: !no_color,
        }
    }
}

/// With whom the console talks, and how.
#[derive(Clone, Debug)]
pub enum Mode {
    /// A person at a terminal.
    Interactive,
    /// Lines from a pipe or file; each waits for the answer to the one before it.
    Plain,
    /// One message; the console leaves with its answer.
    Once {
        /// The message.
        text: Text,
        /// What to answer when the gate asks.
        gate: GateAnswer,
    },
}

impl Mode {
    /// Interactive where both ends are terminals, else plain.
    pub fn of_process() -> Self {
        if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
            Self::Interactive
        } else {
            Self::Plain
        }
    }
}

/// What is answered to the gate where nobody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateAnswer {
    /// Allow once: the caller said yes beforehand.
    Yes,
    /// Deny: the caller said no beforehand.
    No,
    /// Deny because nothing was said.
    Deny,
}

/// Whether what was asked went well; shared with whoever sets the exit code.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    failed: Arc<AtomicBool>,
}

impl Outcome {
    /// Notes that something asked for was not done. The daemon calls it when a turn ends as an error.
    pub fn mark_failed(&self) {
        self.failed.store(true, Ordering::SeqCst);
    }

    /// Whether something asked for was not done.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }
}

/// Where keys or lines come from.
pub enum Input {
    /// The terminal of the process; put into raw mode while the console runs.
    Terminal,
    /// Events as a terminal would send them.
    Events(mpsc::Receiver<Event>),
    /// Lines.
    Lines(Box<dyn BufRead + Send>),
    /// Nothing is read.
    Nothing,
}

/// Where the console reads and writes.
pub struct Streams {
    /// Keys or lines.
    pub input: Input,
    /// Messages.
    pub output: Box<dyn Write + Send>,
    /// In plain mode, what is no answer.
    pub errors: Box<dyn Write + Send>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
}

impl Streams {
    /// The process's own, as the mode needs them.
    pub fn of_process(mode: &Mode) -> Self {
        let input = match mode {
            Mode::Interactive => Input::Terminal,
            Mode::Plain => Input::Lines(Box::new(BufReader::new(std::io::stdin()))),
            Mode::Once { .. } => Input::Nothing,
        };
        Self {
            input,
            output: Box::new(std::io::stdout()),
            errors: Box::new(std::io::stderr()),
            size: crossterm::terminal::size().unwrap_or(FALLBACK_SIZE),
        }
    }
}

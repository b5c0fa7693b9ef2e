//! The terminal as a chat platform: it shows messages, reads lines, and knows nothing of what an answer is made of.
//!
//! With a terminal at both ends there is a line editor below the messages, and answers are redrawn in place while they grow.
//! Otherwise lines are read and finished messages written as plain text. A third way sends one message and leaves with its
//! answer.
//!
//! Everything that is shown goes through `printable`: what a model or a file name contains never reaches the terminal as a
//! control sequence.

mod config;
mod editor;
mod exchange;
mod history;
mod inbound;
mod outbound;
mod plain;
mod printable;
mod render;
mod screen;
mod strings;
mod ui;
mod wrap;

#[cfg(test)]
mod tests;

pub use config::{GateAnswer, Input, Mode, Outcome, Settings, Streams};

use cortex_chat::Connector;
use exchange::Exchange;
use inbound::ConsoleInbound;
use outbound::{ConsoleOutbound, Display};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Makes a connector of the process's own terminal or streams.
pub fn build(settings: Settings) -> Connector {
    let streams = Streams::of_process(&settings.mode);
    build_on(settings, streams)
}

/// Makes a connector that reads and writes elsewhere; for tests.
pub fn build_on(settings: Settings, streams: Streams) -> Connector {
    let exchange = Arc::new(Exchange::default());
    let (decide, decisions) = mpsc::unbounded_channel();
    let Streams {
        input,
        output,
        errors,
        size,
    } = streams;
    let display = match &settings.mode {
        Mode::Interactive => Display::Screen(Box::new(ui::Ui::new(&settings, output, size))),
        Mode::Plain => Display::Plain(plain::Printer::new(output, errors)),
        Mode::Once { text, gate } => {
            let is_command = text.as_str().trim_start().starts_with('/');
            Display::Plain(plain::Printer::new(output, errors).answering_once(*gate, is_command, decide))
        }
    };
    let display = Arc::new(Mutex::new(display));
    let outbound = ConsoleOutbound::new(Arc::clone(&exchange), Arc::clone(&display));
    Connector {
        name: settings.name.clone(),
        inbound: Box::new(ConsoleInbound {
            settings,
            exchange,
            display,
            input,
            decisions,
        }),
        outbound: Arc::new(outbound),
    }
}

//! The display for pipes: finished messages as plain text, no escape codes. Sends decisions of its own where one message is
//! asked and nobody can decide.

use crate::config::GateAnswer;
use crate::exchange::Change;
use crate::printable::printable;
use crate::{render, strings, ui};
use cortex_chat::{ChoiceId, ChoiceStyle, MessageKind, MessageRef, OutgoingMessage};
use std::io::{self, Write};
use tokio::sync::mpsc;

/// A decision made without a person; `None` where a question offers nothing that would do.
pub(crate) type Decision = Option<(MessageRef, ChoiceId)>;

/// Writes finished messages.
pub(crate) struct Printer {
    output: Box<dyn Write + Send>,
    errors: Box<dyn Write + Send>,
    once: Option<Once>,
}

/// One message is asked.
struct Once {
    gate: GateAnswer,
    /// A command's result comes as a notice and is what was asked for.
    is_command: bool,
    decide: mpsc::UnboundedSender<Decision>,
}

impl Printer {
    pub(crate) fn new(output: Box<dyn Write + Send>, errors: Box<dyn Write + Send>) -> Self {
        Self {
            output,
            errors,
            once: None,
        }
    }

    /// Keeps the output for the answer and decides at the gate by itself.
    pub(crate) fn answering_once(
        mut self,
        gate: GateAnswer,
        is_command: bool,
        decide: mpsc::UnboundedSender<Decision>,
    ) -> Self {
        self.once = Some(Once {
            gate,
            is_command,
            decide,
        });
        self
    }

    /// Writes what a message of the bot came to. Where one message is asked, what does not concern it is written aside, and
    /// questions of earlier requests are left for their person.
    pub(crate) fn show(
        &mut self,
        reference: &MessageRef,
        message: &OutgoingMessage,
        change: &Change,
        concerns_us: bool,
    ) -> io::Result<()> {
        match change {
            Change::Live | Change::Unchanged => Ok(()),
            Change::Finished { .. } => {
                let text = render::plain(&message.body);
                let was_asked_for = self
                    .once
                    .as_ref()
                    .is_none_or(|once| concerns_us && (once.is_command || message.kind == MessageKind::Answer));
                write_lines(if was_asked_for { &mut self.output } else { &mut self.errors }, &text)
            }
            Change::Asked => {
                let text = format!("{}\n{}", render::plain(&message.body), ui::question_lines(message).join("\n"));
                write_lines(self.aside(), &text)?;
                if concerns_us {
                    self.decide(reference, message)
                } else {
                    Ok(())
                }
            }
            Change::Decided { outcome } => write_lines(self.aside(), &printable(&outcome.join("\n"))),
        }
    }

    /// Writes a word of the console itself.
    pub(crate) fn tell(&mut self, sentence: &str) -> io::Result<()> {
        write_lines(&mut self.errors, sentence)
    }

    fn aside(&mut self) -> &mut Box<dyn Write + Send> {
        if self.once.is_some() {
            &mut self.errors
        } else {
            &mut self.output
        }
    }

    fn decide(&mut self, reference: &MessageRef, message: &OutgoingMessage) -> io::Result<()> {
        let Some(once) = &self.once else {
            return Ok(());
        };
        let (style, sentence) = match once.gate {
            GateAnswer::Yes => (ChoiceStyle::Positive, strings::ALLOWED_BEFOREHAND),
            GateAnswer::No => (ChoiceStyle::Negative, strings::DENIED_BEFOREHAND),
            GateAnswer::Deny => (ChoiceStyle::Negative, strings::DENIED_UNASKED),
        };
        // The gate offers the narrowest allowance first.
        let choice = message.choices.iter().find(|choice| choice.style == style);
        let decision = choice.map(|choice| (reference.clone(), choice.id.clone()));
        let sentence = if decision.is_some() {
            sentence
        } else {
            strings::NO_SUCH_CHOICE
        };
        // Where the reading half is gone, the process is leaving and the question stays open.
        let _ = once.decide.send(decision);
        self.tell(sentence)
    }
}

fn write_lines(to: &mut Box<dyn Write + Send>, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())?;
    to.write_all(b"\n")?;
    to.flush()
}

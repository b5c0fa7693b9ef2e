//! Storing and showing how the turn ended.

use super::Run;
use crate::engine::Left;
use crate::failpoint;
use crate::store::{DesiredMessage, HistoryAppend, MessageId, StoreError};
use crate::strings;
use crate::turn::{Limits, Mode, Outcome, Phase, TurnEvent, history_entries};
use cortex_chat::{Document, MessageKind, OutgoingMessage, Text};
use serde_json::json;
use std::ops::Range;

impl Run<'_> {
    pub(super) async fn finish(&mut self) -> Result<Left, StoreError> {
        let Phase::Over(outcome) = self.state.phase.clone() else {
            return Ok(Left::Interrupted);
        };
        let (text, event) = match outcome {
            Outcome::Answered { text } => self.answered(&text),
            Outcome::Failed { message } => (
                strings::failed(&message),
                TurnEvent::Error {
                    message: Text::new(message),
                },
            ),
            Outcome::Stopped { shown } if shown.is_blank() => (strings::STOPPED.to_owned(), TurnEvent::Cancelled),
            Outcome::Stopped { shown } => (format!("{}\n\n{}", shown.as_str(), strings::STOPPED), TurnEvent::Cancelled),
        };
        let messages = self.final_messages(&text);
        let history = HistoryAppend {
            entries: history_entries(&self.state),
            metadata: self.metadata(),
            tainted: self.state.tainted,
        };
        self.draft.events.push(event.clone());
        failpoint::hit("finish.before_commit");
        let committed = self
            .commit(Limits::NONE, |step| {
                step.messages = messages;
                step.history = Some(history);
            })
            .await?;
        failpoint::hit("finish.after_commit");
        self.tell_listeners(&event);
        Ok(Left::Slot(committed.next.map(Box::new)))
    }

    /// The answer as it is shown; listeners get what the model did not write itself, so that their pieces add up to it.
    fn answered(&mut self, answer: &Text) -> (String, TurnEvent) {
        let mut shown = answer.as_str().to_owned();
        if self.state.cut_short {
            shown = format!("{shown}\n\n{}", strings::CUT_SHORT);
        }
        let streamed = self.answer.text();
        match shown.strip_prefix(streamed.as_str()) {
            Some("") => {}
            Some(rest) => self.emit(TurnEvent::Token { text: Text::from(rest) }),
            None => {
                self.emit(TurnEvent::Reset);
                self.emit(TurnEvent::Token {
                    text: Text::new(shown.clone()),
                });
            }
        }
        let (backend, backend_label) = self.backend();
        let event = TurnEvent::Done {
            response: Text::new(shown.clone()),
            backend,
            backend_label,
        };
        (shown, event)
    }

    /// The answer in as many messages as it needs; what stands beyond them is taken away.
    fn final_messages(&self, text: &str) -> Vec<DesiredMessage> {
        let standing = self.answer.close();
        let Some(showing) = &self.showing else {
            return Vec::new();
        };
        let parts = Document::parse(text).split(showing.pacer.capabilities.text_limit);
        let count = parts.len();
        let mut messages: Vec<DesiredMessage> = parts
            .into_iter()
            .enumerate()
            .map(|(part, body)| DesiredMessage {
                id: MessageId::answer(self.fence.turn, self.state.segment, part),
                content: Some(OutgoingMessage {
                    kind: MessageKind::Answer,
                    body,
                    choices: Vec::new(),
                    reply_to: self.state.request.reply_to.clone().filter(|_| part == 0),
                    live: false,
                    last: part + 1 == count,
                }),
            })
            .collect();
        messages.extend(self.withdrawn_parts(count..standing));
        messages
    }

    /// Messages of the growing answer that are no longer wanted.
    pub(super) fn withdrawn_parts(&self, parts: Range<usize>) -> Vec<DesiredMessage> {
        parts
            .map(|part| MessageId::answer(self.fence.turn, self.state.segment, part))
            .map(|id| DesiredMessage { id, content: None })
            .collect()
    }

    fn metadata(&self) -> serde_json::Value {
        let (backend, backend_label) = self.backend();
        json!({
            "backend": backend, "backend_label": backend_label, "host": self.engine.host,
            "off_record": self.state.request.mode == Mode::Otr,
        })
    }
}

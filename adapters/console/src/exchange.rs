//! What is going on between the person and the bot: questions that are open, answers that grow, messages without an answer.

use cortex_chat::{Choice, ChoiceId, Document, MessageKind, MessageRef, OutgoingMessage};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many finished messages are remembered, to tell a repeated edit from a new text; and how many that were taken away.
const REMEMBERED_MESSAGES: usize = 64;

/// Shared by the reading and the writing half.
#[derive(Default)]
pub(crate) struct Exchange {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Open ones, the one shown last at the end.
    prompts: Vec<OpenPrompt>,
    /// Every question there was; an answer may reply to one.
    asked: Vec<MessageRef>,
    live: Vec<LiveAnswer>,
    finished: VecDeque<(MessageRef, Document)>,
    taken_away: VecDeque<MessageRef>,
    awaiting: Vec<Awaiting>,
    refused: bool,
}

struct OpenPrompt {
    reference: MessageRef,
    choices: Vec<Choice>,
    lines: Vec<String>,
    /// Whether something was typed for it, whose effect is not seen yet.
    answered: bool,
}

struct LiveAnswer {
    reference: MessageRef,
    reply_to: Option<MessageRef>,
}

/// A message of the person that is not answered.
struct Awaiting {
    reference: MessageRef,
    /// Typed while a question was open, so it may have been a decision.
    at_prompt: bool,
}

/// What a message of the bot means for the display.
#[derive(Debug, PartialEq)]
pub(crate) enum Change {
    /// The answer grows.
    Live,
    /// It stands as it is; `corrected` if it stood otherwise before.
    Finished { corrected: bool },
    /// It stands already.
    Unchanged,
    /// A question is open.
    Asked,
    /// A question is decided; the lines say how.
    Decided { outcome: Vec<String> },
}

/// What a typed line is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Nothing,
    Message(String),
    Reply { to: MessageRef, text: String },
    Choice { of: MessageRef, choice: ChoiceId },
}

impl Exchange {
    /// Takes note of a message that was sent or edited.
    pub(crate) fn apply(&self, reference: &MessageRef, message: &OutgoingMessage) -> Change {
        let mut state = self.state();
        match message.kind {
            MessageKind::Answer if message.live => state.grow(reference, message),
            MessageKind::Answer => {
                state.finish(reference, message);
                state.stands(reference, message)
            }
            MessageKind::Notice => {
                state.expect_effects_no_longer();
                // A growing answer that must wait for a decision says so and grows no more.
                state.live.retain(|live| live.reference != *reference);
                let settled = message.last && message.reply_to.is_some() && state.settle(message.reply_to.as_ref());
                state.refused |= settled;
                state.stands(reference, message)
            }
            MessageKind::Prompt if message.choices.is_empty() => state.decide(reference, message),
            MessageKind::Prompt => state.ask(reference, message),
        }
    }

    /// Takes note of a message that was taken away.
    pub(crate) fn forget(&self, reference: &MessageRef) {
        let mut state = self.state();
        state.live.retain(|live| live.reference != *reference);
        state.prompts.retain(|prompt| prompt.reference != *reference);
        state.taken_away.push_back(reference.clone());
        if state.taken_away.len() > REMEMBERED_MESSAGES {
            state.taken_away.pop_front();
        }
    }

    /// Whether a message was taken away, so that it cannot be edited.
    pub(crate) fn is_gone(&self, reference: &MessageRef) -> bool {
        self.state().taken_away.contains(reference)
    }

    /// Whether a message of the bot belongs to something said here; what is left from earlier replies to other messages.
    pub(crate) fn concerns_us(&self, message: &OutgoingMessage) -> bool {
        let state = self.state();
        message
            .reply_to
            .as_ref()
            .is_none_or(|replied| state.awaiting.iter().any(|awaiting| awaiting.reference == *replied))
    }

    /// Takes note of what the person says, before it is handed on.
    pub(crate) fn expect_answer(&self, reference: &MessageRef) {
        let mut state = self.state();
        let at_prompt = state.expect_effect();
        state.awaiting.push(Awaiting {
            reference: reference.clone(),
            at_prompt,
        });
    }

    /// Takes note that what the person said was not taken; it is not awaited any more.
    pub(crate) fn not_taken(&self, reference: Option<&MessageRef>) {
        let mut state = self.state();
        state.awaiting.retain(|awaiting| Some(&awaiting.reference) != reference);
        state.expect_effects_no_longer();
    }

    /// Takes note that a choice was made, before it is handed on.
    pub(crate) fn expect_decision(&self) {
        self.state().expect_effect();
    }

    /// Reads a typed line in the light of the open questions.
    pub(crate) fn read(&self, line: &str) -> Said {
        let line = line.trim();
        if line.is_empty() {
            return Said::Nothing;
        }
        let state = self.state();
        let Some(newest) = state.prompts.last() else {
            return Said::Message(line.to_owned());
        };
        if let Some(reason) = line.strip_prefix("> ") {
            return Said::Reply {
                to: newest.reference.clone(),
                text: reason.trim().to_owned(),
            };
        }
        let chosen = line
            .parse::<usize>()
            .ok()
            .and_then(|number| newest.choices.get(number.checked_sub(1)?));
        match chosen {
            Some(choice) => Said::Choice {
                of: newest.reference.clone(),
                choice: choice.id.clone(),
            },
            None => Said::Message(line.to_owned()),
        }
    }

    /// The question that a number would answer.
    pub(crate) fn newest_prompt(&self) -> Option<MessageRef> {
        self.state().prompts.last().map(|prompt| prompt.reference.clone())
    }

    pub(crate) fn open_prompts(&self) -> usize {
        self.state().prompts.len()
    }

    /// Whether the bot is at work on something that could be stopped.
    pub(crate) fn is_working(&self) -> bool {
        let state = self.state();
        !state.live.is_empty() || (!state.awaiting.is_empty() && state.prompts.is_empty())
    }

    /// Whether everything said is answered.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.state();
        state.awaiting.is_empty() && state.live.is_empty()
    }

    /// Whether it is the person's turn: everything is answered, or a question waits for them.
    pub(crate) fn is_persons_turn(&self) -> bool {
        let state = self.state();
        match state.prompts.last() {
            Some(newest) => !newest.answered,
            None => state.awaiting.is_empty() && state.live.is_empty(),
        }
    }

    /// Whether a message was answered with a notice instead of an answer.
    pub(crate) fn was_refused(&self) -> bool {
        self.state().refused
    }

    /// Wakes those who wait; called when what was applied is also shown.
    pub(crate) fn announce(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until a condition holds. Cancel safe.
    pub(crate) async fn until(&self, condition: impl Fn(&Self) -> bool) {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if condition(self) {
                return;
            }
            changed.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn grow(&mut self, reference: &MessageRef, message: &OutgoingMessage) -> Change {
        if !self.live.iter().any(|live| live.reference == *reference) {
            self.live.push(LiveAnswer {
                reference: reference.clone(),
                reply_to: message.reply_to.clone(),
            });
        }
        Change::Live
    }

    fn finish(&mut self, reference: &MessageRef, message: &OutgoingMessage) {
        let index = self.live.iter().position(|live| live.reference == *reference);
        let sent_in_reply_to = index.and_then(|index| self.live.remove(index).reply_to);
        if message.last {
            self.expect_effects_no_longer();
            self.settle(sent_in_reply_to.as_ref().or(message.reply_to.as_ref()));
        }
    }

    /// Remembers how the message stands, and tells what that means.
    fn stands(&mut self, reference: &MessageRef, message: &OutgoingMessage) -> Change {
        if let Some((_, body)) = self.finished.iter_mut().find(|(finished, _)| finished == reference) {
            if *body == message.body {
                return Change::Unchanged;
            }
            body.clone_from(&message.body);
            return Change::Finished { corrected: true };
        }
        self.finished.push_back((reference.clone(), message.body.clone()));
        if self.finished.len() > REMEMBERED_MESSAGES {
            self.finished.pop_front();
        }
        Change::Finished { corrected: false }
    }

    fn ask(&mut self, reference: &MessageRef, message: &OutgoingMessage) -> Change {
        self.prompts.retain(|prompt| prompt.reference != *reference);
        self.asked.push(reference.clone());
        self.prompts.push(OpenPrompt {
            reference: reference.clone(),
            choices: message.choices.clone(),
            lines: text_lines(&message.body),
            answered: false,
        });
        Change::Asked
    }

    fn decide(&mut self, reference: &MessageRef, message: &OutgoingMessage) -> Change {
        let mut outcome = text_lines(&message.body);
        if let Some(index) = self.prompts.iter().position(|prompt| prompt.reference == *reference) {
            let prompt = self.prompts.remove(index);
            let news: Vec<String> = outcome.iter().filter(|line| !prompt.lines.contains(line)).cloned().collect();
            if !news.is_empty() {
                outcome = news;
            }
            self.expect_effects_no_longer();
            if let Some(index) = self.awaiting.iter().rposition(|awaiting| awaiting.at_prompt) {
                self.awaiting.remove(index);
            }
        }
        Change::Decided { outcome }
    }

    /// Takes a message off the unanswered ones; says whether there was one.
    fn settle(&mut self, reply_to: Option<&MessageRef>) -> bool {
        let index = match reply_to {
            Some(reference) if !self.asked.contains(reference) => {
                self.awaiting.iter().position(|awaiting| awaiting.reference == *reference)
            }
            _ => (!self.awaiting.is_empty()).then_some(0),
        };
        index.map(|index| self.awaiting.remove(index)).is_some()
    }

    /// Says whether a question was open.
    fn expect_effect(&mut self) -> bool {
        let newest = self.prompts.last_mut();
        newest.map(|prompt| prompt.answered = true).is_some()
    }

    fn expect_effects_no_longer(&mut self) {
        for prompt in &mut self.prompts {
            prompt.answered = false;
        }
    }
}

fn text_lines(body: &Document) -> Vec<String> {
    let text = body.to_plain_text();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(str::to_owned).collect()
}

//! One growing answer as the pacer shows it: in which messages it stands, and what of it should be shown next.

use super::job::{Show, Task};
use super::live::LiveAnswer;
use super::pacer::LiveStart;
use super::queue::Urgency;
use crate::store::{MessageId, MessageRow};
use cortex_chat::{Capabilities, ChatId, ChatKind, MessageRef, OutboundError, OutgoingMessage, Signal};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Text waits so long for what may come right after it. A model's last word is followed by its end, and a picture of the word
/// would hold up the final form for an interval.
const LINGER: Duration = Duration::from_millis(5);

pub(super) struct Growing {
    start: LiveStart,
    begun: Instant,
    parts: Vec<Part>,
    /// What the parts should show, as rendered last.
    wanted: Vec<OutgoingMessage>,
    typing_at: Option<Instant>,
    /// The message that it answers is one of another chat.
    has_moved: bool,
    /// When something of it was shown last, counted by its chat, so that threads take turns.
    pub(super) served: u64,
}

/// One message of the answer.
#[derive(Default)]
struct Part {
    reference: Option<MessageRef>,
    maybe_sent: bool,
    shown: Option<OutgoingMessage>,
    /// It was taken away, can no longer be edited, or we may not write there: nothing more is shown before the final form,
    /// which is sent anew.
    gone: bool,
    /// Passing pictures of it that were shown.
    pictures: u32,
}

/// What a growing answer wants.
pub(super) struct Wish {
    pub(super) urgency: Urgency,
    /// Not before.
    pub(super) from: Instant,
}

impl Growing {
    pub(super) fn new(start: LiveStart) -> Self {
        let mut growing = Self {
            begun: Instant::now(),
            parts: Vec::new(),
            wanted: Vec::new(),
            typing_at: None,
            has_moved: false,
            served: 0,
            start,
        };
        let standing = std::mem::take(&mut growing.start.standing);
        for row in standing {
            if let Some(position) = growing.position(&row.id) {
                growing
                    .parts
                    .resize_with(growing.parts.len().max(position + 1), Part::default);
                growing.parts[position] = Part {
                    reference: row.reference,
                    maybe_sent: row.maybe_sent,
                    ..Part::default()
                };
            }
        }
        growing.start.answer.parts_stand(growing.parts.len());
        growing
    }

    /// Whether it is this answer that grows here.
    pub(super) fn shows(&self, answer: &Arc<LiveAnswer>) -> bool {
        Arc::ptr_eq(&self.start.answer, answer)
    }

    /// Goes on where an earlier run of the turn is not yet known to have ended.
    pub(super) fn take_over(&mut self, earlier: Self) {
        if earlier.start.segment != self.start.segment {
            return;
        }
        self.parts
            .resize_with(self.parts.len().max(earlier.parts.len()), Part::default);
        for (part, earlier) in self.parts.iter_mut().zip(earlier.parts) {
            part.reference = earlier.reference.or_else(|| part.reference.take());
            part.maybe_sent |= earlier.maybe_sent;
            part.pictures = earlier.pictures;
        }
        self.start.answer.parts_stand(self.parts.len());
    }

    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.begun)
    }

    /// Tells a row of the final form what is known of the message that it replaces.
    pub(super) fn hand_over(&self, row: &mut MessageRow) {
        let Some(part) = self.position(&row.id).and_then(|position| self.parts.get(position)) else {
            return;
        };
        row.reference = part.reference.clone().or_else(|| row.reference.take());
        row.maybe_sent |= part.maybe_sent;
    }

    /// What it wants to show, and how much that matters.
    pub(super) fn wish(&self, now: Instant, capabilities: &Capabilities) -> Option<Wish> {
        let answer = &self.start.answer;
        if answer.is_closed() {
            return None;
        }
        let nothing_shown = self.parts.iter().all(|part| part.reference.is_none());
        let first_text = answer.first_text(capabilities.hold_back.characters);
        if nothing_shown && !answer.has_more_than_text() {
            match &first_text {
                None => return self.typing(capabilities),
                Some(text) if !text.is_enough && text.since + capabilities.hold_back.wait > now => {
                    // More of it may be enough.
                    answer.tell_again();
                    return Some(Wish {
                        urgency: Urgency::FirstText,
                        from: text.since + capabilities.hold_back.wait,
                    });
                }
                Some(_) => {}
            }
        }
        if !answer.is_dirty() && self.unshown_part(capabilities).is_none() {
            return None;
        }
        let urgency = match first_text {
            Some(_) if nothing_shown => Urgency::FirstText,
            Some(_) => Urgency::Picture,
            None => Urgency::Progress,
        };
        let from = match urgency {
            Urgency::Progress => now,
            _ => answer
                .unshown_since()
                .map_or(now, |since| since + LINGER.min(capabilities.hold_back.wait)),
        };
        Some(Wish { urgency, from })
    }

    /// What fulfils its wish; `None` where nothing is left of it.
    pub(super) fn task(&mut self, now: Instant, capabilities: &Capabilities) -> Option<Task> {
        if self.wish(now, capabilities)?.urgency == Urgency::Typing {
            self.typing_at = Some(now);
            return Some(Task::Signal(Signal::Typing));
        }
        if self.start.answer.is_dirty() {
            self.wanted = self.start.answer.render()?;
            if self.has_moved {
                self.forget_what_it_answers();
            }
            self.parts.resize_with(self.parts.len().max(self.wanted.len()), Part::default);
        }
        let position = self.unshown_part(capabilities)?;
        let part = &self.parts[position];
        Some(Task::Show(Box::new(Show {
            id: MessageId::answer(self.start.turn, self.start.segment, position),
            reference: part.reference.clone(),
            sent_at: None,
            maybe_sent: part.maybe_sent,
            is_last_try: false,
            content: self.wanted.get(position).cloned(),
            version: None,
            live: Some((self.start.conversation, self.start.turn)),
        })))
    }

    /// Where it is shown.
    pub(super) fn address(&self) -> &cortex_chat::Address {
        &self.start.address
    }

    /// Takes the outcome of showing one of its messages.
    pub(super) fn take_result(
        &mut self,
        id: &MessageId,
        result: &Result<Option<MessageRef>, OutboundError>,
        content: Option<&OutgoingMessage>,
    ) {
        let position = self.position(id);
        if let Some(part) = position.and_then(|position| self.parts.get_mut(position)) {
            part.take_result(result, content);
        }
    }

    /// Goes on in a chat where nothing of it stands.
    pub(super) fn move_to(&mut self, chat: &ChatId) {
        self.start.address.chat = chat.clone();
        self.parts.fill_with(Part::default);
        self.has_moved = true;
        self.forget_what_it_answers();
    }

    fn forget_what_it_answers(&mut self) {
        for message in &mut self.wanted {
            message.reply_to = None;
        }
    }

    /// Which part of the answer a message is.
    fn position(&self, id: &MessageId) -> Option<usize> {
        id.part_of_answer(self.start.turn, self.start.segment)
    }

    /// The first part that does not stand as it should.
    fn unshown_part(&self, capabilities: &Capabilities) -> Option<usize> {
        (0..self.parts.len()).find(|position| {
            let part = &self.parts[*position];
            // Enough pictures for its readers' clients; what is still to come is seen with the final form.
            let is_burden = capabilities.edits_per_message.is_some_and(|most| part.pictures >= most);
            if part.gone || is_burden {
                return false;
            }
            match self.wanted.get(*position) {
                Some(wanted) => part.shown.as_ref() != Some(wanted),
                // Withdrawn text: the message goes.
                None => part.reference.is_some() && !self.wanted.is_empty(),
            }
        })
    }

    fn typing(&self, capabilities: &Capabilities) -> Option<Wish> {
        let every = capabilities.typing_every?;
        let pace = match self.start.chat_kind {
            ChatKind::OneToOne => &capabilities.one_to_one_pace,
            ChatKind::Room => &capabilities.room_pace,
        };
        // A sign of life holds up the text after it for an interval, so it is given where nobody has seen a word for as long.
        let first = self.begun + pace.interval_at(Duration::ZERO);
        Some(Wish {
            urgency: Urgency::Typing,
            from: self.typing_at.map_or(first, |last| last + every),
        })
    }
}

impl Part {
    fn take_result(&mut self, result: &Result<Option<MessageRef>, OutboundError>, content: Option<&OutgoingMessage>) {
        match result {
            Ok(reference) => {
                self.reference.clone_from(reference);
                self.maybe_sent = false;
                self.shown = content.cloned();
                self.pictures += 1;
            }
            Err(OutboundError::Gone(_)) => {
                self.reference = None;
                self.gone = true;
            }
            // A passing picture is not worth a second copy; the final form asks the platform or is sent anew.
            Err(OutboundError::Unknown(_)) if self.reference.is_none() => {
                self.maybe_sent = true;
                self.gone = true;
            }
            Err(OutboundError::Forbidden(_)) => self.gone = true,
            Err(
                OutboundError::Unknown(_)
                | OutboundError::RateLimited { .. }
                | OutboundError::Transient(_)
                | OutboundError::Moved { .. },
            ) => {}
            // A passing picture that is refused is passed over; the final one tries again.
            Err(_) => self.shown = content.cloned(),
        }
    }
}

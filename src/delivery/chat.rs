//! One chat as the pacer sees it: what waits to be shown there, what grows there, and what it needs next.

use super::growing::Growing;
use super::job::{Ended, Show, Task};
use super::live::LiveAnswer;
use super::pace::Pace;
use super::pacer::LiveStart;
use super::queue::Urgency;
use crate::domain::TurnId;
use crate::store::{MessageId, MessageRow};
use cortex_chat::{Address, Capabilities, ChatId, ChatKind, MessageKind, OutboundError};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Versions shown lately that are remembered: a row can overtake a newer one on its way here, by moments.
const SHOWN_REMEMBERED: usize = 32;

/// How long it is waited before a message is sent again that may have arrived, where nobody can be asked. It is sent again once, at
/// a time when the platform answers: one that arrives each time without a word would fill the chat.
const SECOND_TRY_AFTER: Duration = Duration::from_secs(2);

pub(super) struct Chat {
    kind: ChatKind,
    busy: bool,
    /// Who waits for the end of the call in flight.
    settling: Vec<oneshot::Sender<()>>,
    pace: Pace,
    /// When the pacer looks at it again.
    pub(super) wake: Option<Instant>,
    /// By urgency, then by order.
    rows: BTreeMap<(Urgency, u64), Waiting>,
    order: u64,
    /// What was shown last, oldest first.
    shown: VecDeque<(MessageId, u64)>,
    growing: HashMap<TurnId, Growing>,
    served: u64,
}

/// A message that is to be shown.
struct Waiting {
    row: MessageRow,
    /// A send of this content may have arrived.
    is_unanswered: bool,
    /// It is not sent again before this; others go past it.
    due: Option<Instant>,
}

/// What a chat needs.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// A call now, and another look then, in case the call is not made before: something more urgent may be due.
    Call(Urgency, Option<Instant>),
    /// Another look then.
    Look(Instant),
    Nothing,
}

impl Chat {
    pub(super) fn new(kind: ChatKind) -> Self {
        Self {
            kind,
            busy: false,
            settling: Vec::new(),
            pace: Pace::default(),
            wake: None,
            rows: BTreeMap::new(),
            order: 0,
            shown: VecDeque::new(),
            growing: HashMap::new(),
            served: 0,
        }
    }

    /// Whether all that is stored is shown.
    pub(super) fn is_drained(&self) -> bool {
        self.rows.is_empty() && !self.busy
    }

    /// Whether nothing was called here for so long, and nothing of its pace must be remembered.
    pub(super) fn is_quiet_for(&mut self, time: Duration, now: Instant) -> bool {
        self.is_idle() && self.pace.is_fresh_after(time, now)
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.rows.is_empty() && self.growing.is_empty()
    }

    /// Begins to show a growing answer.
    pub(super) fn begin_live(&mut self, start: LiveStart) {
        let turn = start.turn;
        let mut growing = Growing::new(start);
        if let Some(earlier) = self.growing.remove(&turn) {
            growing.take_over(earlier);
        }
        self.growing.insert(turn, growing);
    }

    /// Ends the showing of a growing answer. Another that its turn has begun since goes on.
    pub(super) fn end_live(&mut self, turn: TurnId, answer: &Arc<LiveAnswer>) {
        if self.growing.get(&turn).is_none_or(|growing| !growing.shows(answer)) {
            return;
        }
        if let Some(growing) = self.growing.remove(&turn) {
            for waiting in self.rows.values_mut() {
                growing.hand_over(&mut waiting.row);
            }
        }
        // Room for some answers is a kilobyte, in each of thousands of chats.
        self.growing.shrink_to_fit();
    }

    /// Tells when the call in flight is over; at once where there is none.
    pub(super) fn tell_when_settled(&mut self, done: oneshot::Sender<()>) {
        if self.busy {
            // Whoever waited may have given up.
            self.settling.retain(|waiting| !waiting.is_closed());
            self.settling.push(done);
        } else {
            let _ = done.send(());
        }
    }

    /// Takes a row; a newer picture of the same message replaces the older one in its place, never the other way round.
    pub(super) fn put(&mut self, mut row: MessageRow) {
        if self.was_shown(&row.id, row.desired_version) {
            return;
        }
        for growing in self.growing.values() {
            growing.hand_over(&mut row);
        }
        if let Some(waiting) = self.rows.values_mut().find(|waiting| waiting.row.id == row.id) {
            let is_newer = row.desired_version > waiting.row.desired_version;
            if is_newer || row.desired_version == waiting.row.desired_version {
                row.reference = row.reference.or_else(|| waiting.row.reference.clone());
                row.maybe_sent |= waiting.row.maybe_sent;
                waiting.row = row;
            }
            if is_newer {
                (waiting.is_unanswered, waiting.due) = (false, None);
            }
            return;
        }
        self.order += 1;
        let waiting = Waiting {
            row,
            is_unanswered: false,
            due: None,
        };
        self.rows.insert((urgency_of(&waiting.row), self.order), waiting);
    }

    fn was_shown(&self, id: &MessageId, version: u64) -> bool {
        self.shown.iter().any(|(shown, newest)| shown == id && *newest >= version)
    }

    fn note_shown(&mut self, id: MessageId, version: u64) {
        self.shown.retain(|(shown, _)| *shown != id);
        if self.shown.len() == SHOWN_REMEMBERED {
            self.shown.pop_front();
        }
        self.shown.push_back((id, version));
    }

    /// What this chat needs now, as far as it goes by the chat alone.
    pub(super) fn need(&mut self, now: Instant, capabilities: &Capabilities) -> Need {
        if self.busy {
            return Need::Nothing;
        }
        if let Some(until) = self.pace.blocked_until(now) {
            return Need::Look(until);
        }
        let limits = match self.kind {
            ChatKind::OneToOne => &capabilities.one_to_one_pace,
            ChatKind::Room => &capabilities.room_pace,
        };
        let age = self
            .growing
            .values()
            .map(|growing| growing.age(now))
            .max()
            .unwrap_or_default();
        let due_later = self.rows.values().filter_map(|waiting| waiting.due).filter(|due| *due > now);
        let mut earliest = due_later.min();
        if let Some((urgency, _)) = self.next_row(now) {
            let free_at = self.pace.free_at(now, urgency, age, limits);
            return free_at.map_or(Need::Call(urgency, earliest), Need::Look);
        }
        let mut most_urgent: Option<Urgency> = None;
        for wish in self.growing.values().filter_map(|growing| growing.wish(now, capabilities)) {
            let free_at = self.pace.free_at(now, wish.urgency, age, limits).max(Some(wish.from));
            match free_at.filter(|at| *at > now) {
                Some(at) => earliest = Some(earliest.map_or(at, |earlier| earlier.min(at))),
                None => most_urgent = Some(most_urgent.map_or(wish.urgency, |other| other.min(wish.urgency))),
            }
        }
        match (most_urgent, earliest) {
            (Some(urgency), at) => Need::Call(urgency, at),
            (None, Some(at)) => Need::Look(at),
            (None, None) => Need::Nothing,
        }
    }

    /// The row whose turn it is. What is not due is passed by, but not by the parts that follow it in the same text.
    fn next_row(&self, now: Instant) -> Option<(Urgency, &Waiting)> {
        let waits_before = |place: &(Urgency, u64), row: &MessageRow| {
            let earlier = self.rows.range(..place).map(|(_, waiting)| waiting);
            let mut held_up = earlier.filter(|waiting| !waiting.is_due(now));
            held_up.any(|waiting| row.id.follows(&waiting.row.id))
        };
        self.rows
            .iter()
            .find(|(place, waiting)| waiting.is_due(now) && !waits_before(place, &waiting.row))
            .map(|((urgency, _), waiting)| (*urgency, waiting))
    }

    /// Begins the call that it needs; `None` where it no longer needs one.
    pub(super) fn begin_call(&mut self, now: Instant, capabilities: &Capabilities) -> Option<(Address, Task)> {
        let Need::Call(urgency, _) = self.need(now, capabilities) else {
            return None;
        };
        let begun = match self.next_row(now) {
            Some((_, waiting)) => Some((waiting.row.address.clone(), waiting.task(capabilities))),
            None => self.growing_task(urgency, now, capabilities),
        };
        self.busy = begun.is_some();
        begun
    }

    /// What a growing answer with such a wish wants: of several, the one that was served the longest ago.
    fn growing_task(&mut self, urgency: Urgency, now: Instant, capabilities: &Capabilities) -> Option<(Address, Task)> {
        let has_its_turn = |growing: &&mut Growing| {
            let wish = growing.wish(now, capabilities);
            wish.is_some_and(|wish| wish.urgency == urgency && wish.from <= now)
        };
        let growing = self
            .growing
            .values_mut()
            .filter(has_its_turn)
            .min_by_key(|growing| growing.served)?;
        self.served += 1;
        growing.served = self.served;
        let task = growing.task(now, capabilities)?;
        Some((growing.address().clone(), task))
    }

    /// Takes the outcome of the call in flight. Gives the wait that the platform asks for.
    pub(super) fn finish(&mut self, ended: Ended, now: Instant) -> Option<Duration> {
        self.busy = false;
        for done in self.settling.drain(..) {
            let _ = done.send(());
        }
        let was_typing = matches!(ended.task, Task::Signal(_));
        // The pace is that of the calls themselves, not of the intents stored before them.
        self.pace.count(&ended.calls);
        let asked_wait = self.pace.take_outcome(now, &ended.result, was_typing);
        if let Err(OutboundError::Moved { .. }) = ended.result {
            // What else waited is not wanted in the new chat: questions are put again there under other names.
            let wanted = |waiting: &Waiting| ended.instead.iter().any(|row| row.id == waiting.row.id);
            self.rows.retain(|_, waiting| wanted(waiting));
        }
        for row in ended.instead {
            self.put(row);
        }
        if let Task::Show(show) = ended.task {
            self.finish_show(*show, ended.result, ended.is_new, now);
        }
        asked_wait
    }

    fn finish_show(
        &mut self,
        show: Show,
        result: Result<Option<cortex_chat::MessageRef>, OutboundError>,
        is_new: bool,
        now: Instant,
    ) {
        for growing in self.growing.values_mut() {
            growing.take_result(&show.id, &result, show.content.as_ref());
        }
        let Some((place, waiting)) = self.rows.iter_mut().find(|(_, waiting)| waiting.row.id == show.id) else {
            return;
        };
        let (place, row) = (*place, &mut waiting.row);
        // A newer content may have come while this one was on its way.
        let newest = show.version.filter(|version| *version >= row.desired_version);
        if is_new {
            row.reference = None;
        }
        match result {
            Ok(reference) => {
                row.reference = reference;
                row.maybe_sent = false;
                if let Some(version) = newest {
                    self.rows.remove(&place);
                    self.note_shown(show.id, version);
                }
            }
            // It can no longer be edited, so its text is sent as a new message.
            Err(OutboundError::Gone(_)) if !is_new => {
                row.reference = None;
                row.maybe_sent = false;
            }
            Err(OutboundError::Unknown(_)) if is_new && show.is_last_try && newest.is_some() => {
                tracing::error!(message.id = %show.id, "nobody knows whether a message has arrived; it is given up");
                self.rows.remove(&place);
            }
            Err(OutboundError::Unknown(_)) if is_new => {
                row.maybe_sent = true;
                if newest.is_some() {
                    (waiting.is_unanswered, waiting.due) = (true, Some(now + SECOND_TRY_AFTER));
                }
            }
            Err(
                OutboundError::Unknown(_)
                | OutboundError::RateLimited { .. }
                | OutboundError::Transient(_)
                | OutboundError::Moved { .. },
            ) => {}
            // Nothing more can be done; the outcome is on record.
            Err(error) if newest.is_some() => {
                tracing::warn!(%error, message.id = %show.id, "the platform refuses a message");
                self.rows.remove(&place);
            }
            Err(_) => {}
        }
    }

    /// Goes on as the chat of this id, where nothing of it stands.
    pub(super) fn move_to(&mut self, chat: &ChatId) {
        for waiting in self.rows.values_mut() {
            waiting.row.move_to(chat);
            (waiting.is_unanswered, waiting.due) = (false, None);
        }
        for growing in self.growing.values_mut() {
            growing.move_to(chat);
        }
    }

    /// Takes over what another chat has that has become this one.
    pub(super) fn join(&mut self, other: Self) {
        self.settling.extend(other.settling);
        self.pace.join(other.pace);
        self.growing.extend(other.growing);
        for (id, version) in other.shown {
            if !self.was_shown(&id, version) {
                self.note_shown(id, version);
            }
        }
        for waiting in other.rows.into_values() {
            self.put(waiting.row);
        }
    }
}

impl Waiting {
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn task(&self, capabilities: &Capabilities) -> Task {
        let row = &self.row;
        let can_be_asked = capabilities.can_find_sends || capabilities.idempotent_sends;
        Task::Show(Box::new(Show {
            id: row.id.clone(),
            reference: row.reference.clone(),
            sent_at: row.sent_at,
            maybe_sent: row.maybe_sent,
            is_last_try: !can_be_asked && self.is_unanswered,
            content: row.desired.clone(),
            version: Some(row.desired_version),
            live: None,
        }))
    }
}

/// What a turn asks and what it ends with go first. What is left standing of its progress, or taken away, is in nobody's way.
fn urgency_of(row: &MessageRow) -> Urgency {
    match &row.desired {
        Some(desired) if desired.kind != MessageKind::Notice => Urgency::PromptOrFinal,
        Some(_) if row.turn.is_none() => Urgency::Notice,
        Some(_) | None => Urgency::Progress,
    }
}

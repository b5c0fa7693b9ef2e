//! One chat as the pacer sees it: what waits to be shown there, what grows there, and what it needs next.

use super::job::{Ended, Task};
use super::pacer::LiveStart;
use crate::domain::TurnId;
use crate::store::{MessageId, MessageRow};
use cortex_chat::{Address, Capabilities, ChatKind, MessageKind, MessageRef, OutboundError, OutgoingMessage, Signal};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// First wait after a call that did not arrive; doubles with each failure.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait.
const RETRY_LONGEST: Duration = Duration::from_mins(1);
/// Added to the wait that a platform asks for, so that clocks that differ a little do not renew it.
const RATE_LIMIT_MARGIN: Duration = Duration::from_millis(250);

pub(super) struct Chat {
    kind: ChatKind,
    busy: bool,
    /// Who waits for the end of the call in flight.
    settling: Vec<oneshot::Sender<()>>,
    not_before: Option<Instant>,
    failures: u32,
    last_call: Option<Instant>,
    calls: VecDeque<Instant>,
    /// When the pacer looks at it again.
    pub(super) wake: Option<Instant>,
    /// By urgency, then by order.
    rows: BTreeMap<(Urgency, u64), MessageRow>,
    order: u64,
    live: HashMap<TurnId, Live>,
}

struct Live {
    start: LiveStart,
    begun: Instant,
    parts: Vec<Part>,
    /// What the parts should show, as rendered last.
    wanted: Vec<OutgoingMessage>,
    typing_at: Option<Instant>,
}

#[derive(Default)]
struct Part {
    reference: Option<MessageRef>,
    maybe_sent: bool,
    shown: Option<OutgoingMessage>,
    /// It was taken away or can no longer be edited: nothing more is shown before the final form, which is sent anew.
    gone: bool,
    /// Calls made for passing pictures of it.
    pictures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Urgency {
    PromptOrFinal,
    Notice,
}

/// What a chat needs.
pub(super) enum Need {
    Do(Address, Box<Task>),
    At(Instant),
    Nothing,
}

impl Chat {
    pub(super) fn new(kind: ChatKind) -> Self {
        Self {
            kind,
            busy: false,
            settling: Vec::new(),
            not_before: None,
            failures: 0,
            last_call: None,
            calls: VecDeque::new(),
            wake: None,
            rows: BTreeMap::new(),
            order: 0,
            live: HashMap::new(),
        }
    }

    /// Whether all that is stored is shown.
    pub(super) fn is_drained(&self) -> bool {
        self.rows.is_empty() && !self.busy
    }

    /// Whether nothing was called here for so long.
    pub(super) fn is_quiet_for(&self, time: Duration, now: Instant) -> bool {
        self.is_idle()
            && self.last_call.is_none_or(|last| now - last >= time)
            // A wait that the platform asked for is not forgotten.
            && self.not_before.is_none_or(|not_before| not_before <= now)
    }

    /// Begins to show a growing answer.
    pub(super) fn begin_live(&mut self, start: LiveStart) {
        self.live.insert(start.turn, Live::new(start));
    }

    /// Tells when the call in flight is over; at once where there is none.
    pub(super) fn tell_when_settled(&mut self, done: oneshot::Sender<()>) {
        if self.busy {
            self.settling.push(done);
        } else {
            // Whoever waited may have given up.
            let _ = done.send(());
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        !self.busy && self.rows.is_empty() && self.live.is_empty()
    }

    /// Takes a row; a newer picture of the same message replaces the older one in its place, never the other way round.
    pub(super) fn put(&mut self, mut row: MessageRow) {
        if let Some(part) = self.live.values_mut().find_map(|live| live.part_of(&row.id)) {
            row.reference = part.reference.clone().or(row.reference);
            row.maybe_sent |= part.maybe_sent;
        }
        if let Some(waiting) = self.rows.values_mut().find(|waiting| waiting.id == row.id) {
            if row.desired_version >= waiting.desired_version {
                row.reference = row.reference.or_else(|| waiting.reference.clone());
                row.maybe_sent |= waiting.maybe_sent;
                *waiting = row;
            }
            return;
        }
        let is_notice = row
            .desired
            .as_ref()
            .is_some_and(|desired| desired.kind == MessageKind::Notice);
        let urgency = if is_notice && row.turn.is_none() {
            Urgency::Notice
        } else {
            Urgency::PromptOrFinal
        };
        self.order += 1;
        self.rows.insert((urgency, self.order), row);
    }

    pub(super) fn end_live(&mut self, turn: TurnId) {
        let Some(live) = self.live.remove(&turn) else { return };
        for row in self.rows.values_mut() {
            if let Some(part) = live.position(&row.id).and_then(|part| live.parts.get(part)) {
                row.reference = row.reference.take().or_else(|| part.reference.clone());
                row.maybe_sent |= part.maybe_sent;
            }
        }
    }

    pub(super) fn begin_call(&mut self, now: Instant) {
        self.busy = true;
        self.last_call = Some(now);
        self.calls.push_back(now);
    }

    /// What to do now in this chat.
    pub(super) fn need(&mut self, now: Instant, account_free_at: Option<Instant>, capabilities: &Capabilities) -> Need {
        if self.busy {
            return Need::Nothing;
        }
        if let Some(not_before) = self.not_before.filter(|not_before| *not_before > now) {
            return Need::At(not_before);
        }
        let pace = match self.kind {
            ChatKind::OneToOne => &capabilities.one_to_one_pace,
            ChatKind::Room => &capabilities.room_pace,
        };
        let age = self.live.values().map(|live| now - live.begun).max().unwrap_or_default();
        let interval = pace.interval_at(age);
        while self.calls.front().is_some_and(|call| now - *call >= Duration::from_mins(1)) {
            self.calls.pop_front();
        }
        let by_interval = self.last_call.map(|last| last + interval).filter(|at| *at > now);
        let by_minute = pace
            .calls_per_minute
            .filter(|limit| self.calls.len() >= *limit as usize)
            .and_then(|_| self.calls.front().map(|first| *first + Duration::from_mins(1)));
        let pace_allows_at = by_interval.max(by_minute).max(account_free_at);

        if let Some(row) = self.rows.values().next() {
            if let Some(at) = pace_allows_at {
                return Need::At(at);
            }
            let task = Task::Show {
                id: row.id.clone(),
                reference: row.reference.clone(),
                maybe_sent: row.maybe_sent,
                content: row.desired.clone(),
                version: Some(row.desired_version),
                live: None,
            };
            return Need::Do(row.address.clone(), Box::new(task));
        }
        let mut earliest: Option<Instant> = None;
        for live in self.live.values_mut() {
            match live.need(now, pace_allows_at, capabilities) {
                Need::Do(address, task) => return Need::Do(address, task),
                Need::At(at) => earliest = Some(earliest.map_or(at, |earlier| earlier.min(at))),
                Need::Nothing => {}
            }
        }
        earliest.map_or(Need::Nothing, Need::At)
    }

    pub(super) fn finish(&mut self, ended: Ended) {
        self.busy = false;
        // The pace is that of the calls themselves, not of the intents stored before them.
        self.last_call = Some(ended.called_at);
        if let Some(call) = self.calls.back_mut() {
            *call = ended.called_at;
        }
        for done in self.settling.drain(..) {
            let _ = done.send(());
        }
        self.take_pace(&ended.result);
        let Task::Show {
            id,
            content,
            version,
            reference: had_reference,
            ..
        } = ended.task
        else {
            return;
        };
        if let Some(part) = self.live.values_mut().find_map(|live| live.part_of(&id)) {
            part.take_result(&ended.result, content.as_ref());
        }
        let Some((place, row)) = self.rows.iter_mut().find(|(_, row)| row.id == id) else {
            return;
        };
        let place = *place;
        // A newer content may have come while this one was on its way.
        let is_newest = version.is_some_and(|version| version >= row.desired_version);
        match ended.result {
            Ok(reference) => {
                row.reference = reference;
                row.maybe_sent = false;
                if is_newest {
                    self.rows.remove(&place);
                }
            }
            // It can no longer be edited, so its text is sent as a new message.
            Err(OutboundError::Gone(_)) if had_reference.is_some() => {
                row.reference = None;
                row.maybe_sent = false;
            }
            Err(OutboundError::Unknown(_)) if ended.is_last_try && is_newest => {
                self.rows.remove(&place);
            }
            Err(OutboundError::Unknown(_)) => row.maybe_sent |= had_reference.is_none(),
            Err(OutboundError::RateLimited { .. } | OutboundError::Transient(_)) => {}
            // Nothing more can be done; the outcome is on record.
            Err(error) if is_newest => {
                tracing::warn!(%error, message.id = %id, "the platform refuses a message");
                self.rows.remove(&place);
            }
            Err(_) => {}
        }
    }

    /// What the outcome of a call means for the next one in this chat, whatever it was about.
    fn take_pace(&mut self, result: &Result<Option<MessageRef>, OutboundError>) {
        let now = Instant::now();
        match result {
            Ok(_) => self.failures = 0,
            Err(OutboundError::RateLimited { retry_after }) => {
                self.not_before = Some(now + *retry_after + RATE_LIMIT_MARGIN);
            }
            Err(OutboundError::Transient(_) | OutboundError::Unknown(_)) => {
                let wait = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY_LONGEST);
                self.failures += 1;
                self.not_before = Some(now + wait);
            }
            Err(_) => {}
        }
    }
}

impl Live {
    fn new(start: LiveStart) -> Self {
        let mut live = Self {
            begun: Instant::now(),
            parts: Vec::new(),
            wanted: Vec::new(),
            typing_at: None,
            start,
        };
        let standing = std::mem::take(&mut live.start.standing);
        for row in standing {
            if let Some(position) = live.position(&row.id) {
                live.parts.resize_with(live.parts.len().max(position + 1), Part::default);
                live.parts[position] = Part {
                    reference: row.reference,
                    maybe_sent: row.maybe_sent,
                    ..Part::default()
                };
            }
        }
        live.start.answer.parts_stand(live.parts.len());
        live
    }

    /// Which part of the answer a message is.
    fn position(&self, id: &MessageId) -> Option<usize> {
        let most = self.parts.len().max(self.start.answer.parts_rendered());
        (0..=most).find(|part| &MessageId::answer(self.start.turn, self.start.segment, *part) == id)
    }

    fn part_of(&mut self, id: &MessageId) -> Option<&mut Part> {
        let position = self.position(id)?;
        self.parts.get_mut(position)
    }

    fn need(&mut self, now: Instant, pace_allows_at: Option<Instant>, capabilities: &Capabilities) -> Need {
        let answer = &self.start.answer;
        let nothing_shown = self.parts.iter().all(|part| part.reference.is_none());
        if nothing_shown && !answer.has_more_than_text() {
            match answer.first_text() {
                Some((length, since)) if length < capabilities.hold_back.characters => {
                    let enough_at = since + capabilities.hold_back.wait;
                    if enough_at > now {
                        answer.tell_again();
                        return Need::At(enough_at);
                    }
                }
                Some(_) => {}
                None => return self.typing(now, pace_allows_at, capabilities),
            }
        }
        if let Some(at) = pace_allows_at {
            return if answer.is_dirty() || self.unshown_part().is_some() {
                Need::At(at)
            } else {
                Need::Nothing
            };
        }
        if answer.is_dirty() {
            let Some(wanted) = answer.render() else {
                return Need::Nothing;
            };
            self.wanted = wanted;
            self.parts.resize_with(self.parts.len().max(self.wanted.len()), Part::default);
        }
        let Some(position) = self.unshown_part() else {
            return Need::Nothing;
        };
        let part = &mut self.parts[position];
        if capabilities.edits_per_message.is_some_and(|most| part.pictures >= most) {
            // Enough for its readers' clients; what is still to come is seen with the final form.
            return Need::Nothing;
        }
        part.pictures += 1;
        let task = Task::Show {
            id: MessageId::answer(self.start.turn, self.start.segment, position),
            reference: part.reference.clone(),
            maybe_sent: part.maybe_sent,
            content: self.wanted.get(position).cloned(),
            version: None,
            live: Some((self.start.conversation, self.start.turn)),
        };
        Need::Do(self.start.address.clone(), Box::new(task))
    }

    /// The first part that does not stand as it should.
    fn unshown_part(&self) -> Option<usize> {
        (0..self.parts.len().max(self.wanted.len())).find(|position| {
            let part = &self.parts[*position];
            if part.gone {
                return false;
            }
            match self.wanted.get(*position) {
                Some(wanted) => part.shown.as_ref() != Some(wanted),
                // Withdrawn text: the message goes.
                None => part.reference.is_some() && !self.wanted.is_empty(),
            }
        })
    }

    fn typing(&mut self, now: Instant, pace_allows_at: Option<Instant>, capabilities: &Capabilities) -> Need {
        let Some(every) = capabilities.typing_every else {
            return Need::Nothing;
        };
        let due = self.typing_at.map(|last| last + every).filter(|due| *due > now);
        match due.max(pace_allows_at) {
            Some(at) => Need::At(at),
            None => {
                self.typing_at = Some(now);
                Need::Do(self.start.address.clone(), Box::new(Task::Signal(Signal::Typing)))
            }
        }
    }
}

impl Part {
    fn take_result(&mut self, result: &Result<Option<MessageRef>, OutboundError>, content: Option<&OutgoingMessage>) {
        match result {
            Ok(reference) => {
                self.reference.clone_from(reference);
                self.maybe_sent = false;
                self.shown = content.cloned();
            }
            Err(OutboundError::Gone(_)) => {
                self.reference = None;
                self.gone = true;
            }
            // A passing picture is not worth a second copy; the final form asks the platform or is sent once more.
            Err(OutboundError::Unknown(_)) if self.reference.is_none() => {
                self.maybe_sent = true;
                self.gone = true;
            }
            Err(OutboundError::Unknown(_) | OutboundError::RateLimited { .. } | OutboundError::Transient(_)) => {}
            // A passing picture that is refused is passed over; the final one tries again.
            Err(_) => self.shown = content.cloned(),
        }
    }
}

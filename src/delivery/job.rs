//! One thing to do on a platform, with its intent on disk before it and its outcome on disk after it.

use super::pace::asked_wait;
use super::pacer::ChatKey;
use crate::clock::Clock;
use crate::domain::TurnId;
use crate::failpoint;
use crate::store::{MessageId, MessageRow, Shown, Store};
use cortex_chat::{
    Address, ChatKind, ConnectorName, Document, MessageKind, MessageRef, Outbound, OutboundError, OutgoingMessage, Signal,
    TextLimit,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A sign of life that takes longer is not worth the wait of what comes after it.
const SIGNAL_TIMEOUT: Duration = Duration::from_secs(2);
/// A text that is too long when it is as short as this is not too long for its length.
const SHORTEST_PART: usize = 32;
/// So long before a message becomes too old to be edited, it is no longer tried.
const EDIT_AGE_MARGIN: Duration = Duration::from_mins(1);

/// What to do on the platform.
pub(super) enum Task {
    /// Bring a message to a content.
    Show(Box<Show>),
    /// Show a sign of life.
    Signal(Signal),
}

/// A message and what it should show.
pub(super) struct Show {
    /// Which message.
    pub(super) id: MessageId,
    /// Where it stands, if it does.
    pub(super) reference: Option<MessageRef>,
    /// When it was sent, for messages whose age matters.
    pub(super) sent_at: Option<Timestamp>,
    /// Whether an earlier send may have arrived.
    pub(super) maybe_sent: bool,
    /// It may have arrived twice after this, and nobody can be asked: more copies would be worse than none.
    pub(super) is_last_try: bool,
    /// What it should show; `None` takes it away.
    pub(super) content: Option<OutgoingMessage>,
    /// The stored version; `None` for a passing picture.
    pub(super) version: Option<u64>,
    /// For the row of a live answer's part.
    pub(super) live: Option<(i64, TurnId)>,
}

/// A task with its place.
pub(super) struct Job {
    pub(super) chat: ChatKey,
    pub(super) chat_kind: ChatKind,
    pub(super) address: Address,
    pub(super) task: Task,
}

/// How a job ended.
pub(super) struct Ended {
    pub(super) chat: ChatKey,
    pub(super) task: Task,
    pub(super) result: Result<Option<MessageRef>, OutboundError>,
    /// When the platform was called, each time.
    pub(super) calls: Vec<Instant>,
    /// Whether it was shown as a new message, be it that one stood before.
    pub(super) is_new: bool,
    /// What is to be shown instead of a text that was too long, or in the chat that this one has become.
    pub(super) instead: Vec<MessageRow>,
}

/// What jobs are carried out with.
pub(super) struct Platform {
    pub(super) connector: ConnectorName,
    pub(super) outbound: Arc<dyn Outbound>,
    pub(super) store: Store,
    pub(super) clock: Clock,
}

impl Platform {
    /// Carries a job out. Errors of the store while recording are logged: the message is shown again at the next start.
    pub(super) async fn carry_out(self: Arc<Self>, job: Job) -> Ended {
        let mut line = Line {
            outbound: &*self.outbound,
            at: &job.address,
            calls: Vec::new(),
        };
        let mut is_new = false;
        let mut instead = Vec::new();
        let mut result = match &job.task {
            Task::Signal(signal) => line.signal(*signal).await.map(|()| None),
            Task::Show(show) => {
                let standing = self.forget_if_too_old(show).await;
                is_new = matches!(standing, Ok(None));
                let mut shown = match standing {
                    Ok(standing) => self.show(&mut line, show, standing).await,
                    Err(error) => Err(error),
                };
                if let Err(OutboundError::TooLong) = shown {
                    match self.split(show, is_new).await {
                        Ok(rows) => instead = rows,
                        Err(error) => shown = Err(error),
                    }
                }
                if let Some(outcome) = outcome(shown.as_ref(), show, is_new, !instead.is_empty()) {
                    self.record(&show.id, outcome).await;
                }
                shown
            }
        };
        if let Err(OutboundError::RateLimited { retry_after }) = &result {
            // Kept over a restart: a call inside the wait would make it longer.
            let (connector, chat) = (self.connector.clone(), job.chat.clone());
            let noted = self
                .store
                .record_wait(connector, chat, job.chat_kind, asked_wait(*retry_after))
                .await;
            if let Err(error) = noted {
                tracing::warn!(%error, connector.name = %self.connector, "a wait that the platform asks for could not be put on record");
            }
        }
        if let Err(OutboundError::Moved { to }) = &result {
            let moved = self
                .store
                .move_chat(self.connector.clone(), job.chat.clone(), to.clone())
                .await;
            match moved {
                Ok(rows) => instead = rows,
                // The old id is tried again, and tells again where the chat has gone.
                Err(error) => {
                    result = Err(OutboundError::Transient(format!(
                        "a chat's move could not be stored: {error}"
                    )));
                }
            }
        }
        Ended {
            calls: line.calls,
            chat: job.chat,
            task: job.task,
            result,
            is_new,
            instead,
        }
    }

    /// Splits a stored text again that the platform finds too long, although it is within the limit by our count. The half of
    /// what was refused is less than that, however often it is tried.
    async fn split(&self, show: &Show, is_new: bool) -> Result<Vec<MessageRow>, OutboundError> {
        let (Some(version), Some(content)) = (show.version, &show.content) else {
            return Ok(Vec::new());
        };
        let TextLimit { max, unit } = self.outbound.capabilities().text_limit;
        let max = unit.length(&content.body.to_plain_text()).min(max) / 2;
        if content.kind == MessageKind::Prompt || max < SHORTEST_PART {
            return Ok(Vec::new());
        }
        tracing::warn!(message.id = %show.id, "the platform finds a message too long, so it is split again");
        if is_new && !show.maybe_sent {
            // So that its parts are not taken for a second try.
            self.record(&show.id, Shown::NotSent).await;
        }
        let limit = TextLimit { max, unit };
        let split = self.store.split_message(show.id.clone(), version, limit).await;
        split.map_err(|error| OutboundError::Transient(format!("the parts of a long text could not be stored: {error}")))
    }

    async fn show(
        &self,
        line: &mut Line<'_>,
        show: &Show,
        standing: Option<MessageRef>,
    ) -> Result<Option<MessageRef>, OutboundError> {
        match (standing, &show.content) {
            (None, None) => {
                // It may stand there, and nothing refers to it.
                if show.maybe_sent {
                    self.note_possible_duplicate(&show.id).await;
                }
                Ok(None)
            }
            (Some(reference), None) => line.delete(&reference).await.map(|()| None),
            (Some(reference), Some(content)) => {
                let edited = line.edit(&reference, content).await;
                failpoint::hit("edit.after_effect");
                edited.map(|()| Some(reference))
            }
            (None, Some(content)) => self.send(line, show, content).await,
        }
    }

    /// Where a message stands that may be edited. One that is too old for it is forgotten, so that a new one takes its place.
    async fn forget_if_too_old(&self, show: &Show) -> Result<Option<MessageRef>, OutboundError> {
        let edit_age = self.outbound.capabilities().edit_age;
        let (Some(reference), Some(_), Some(sent_at), Some(edit_age)) =
            (&show.reference, &show.content, show.sent_at, edit_age)
        else {
            return Ok(show.reference.clone());
        };
        let longest = SignedDuration::try_from(edit_age.saturating_sub(EDIT_AGE_MARGIN)).unwrap_or(SignedDuration::MAX);
        if self.clock.now().duration_since(sent_at) < longest {
            return Ok(Some(reference.clone()));
        }
        let forgotten = self.store.record_shown(show.id.clone(), Shown::Gone).await;
        forgotten.map_err(|error| {
            OutboundError::Transient(format!("what is too old to be edited could not be noted: {error}"))
        })?;
        Ok(None)
    }

    async fn send(
        &self,
        line: &mut Line<'_>,
        show: &Show,
        content: &OutgoingMessage,
    ) -> Result<Option<MessageRef>, OutboundError> {
        let stands = self
            .store
            .begin_send(show.id.clone(), show.live)
            .await
            .map_err(|error| OutboundError::Transient(format!("the intent to send could not be stored: {error}")))?;
        if let Some(reference) = stands {
            match line.edit(&reference, content).await {
                // Sent anew below.
                Err(OutboundError::Gone(_)) => {}
                edited => return edited.map(|()| Some(reference)),
            }
        }
        if show.maybe_sent {
            // Also where the platform cannot tell: there is one more try, which is not for a time when it does not answer.
            let found = line.find(&show.id).await?;
            let can = self.outbound.capabilities();
            if let Some(reference) = found {
                line.edit(&reference, content).await?;
                return Ok(Some(reference));
            }
            if !can.can_find_sends && !can.idempotent_sends {
                self.note_possible_duplicate(&show.id).await;
            }
        }
        failpoint::hit("send.after_intent");
        let sent = line.send(&show.id, content).await;
        failpoint::hit("send.after_effect");
        sent.map(Some)
    }

    async fn note_possible_duplicate(&self, id: &MessageId) {
        if let Err(error) = self.store.record_possible_duplicate(id.clone()).await {
            tracing::warn!(%error, message.id = %id, "a possible duplicate could not be put on record");
        }
    }

    async fn record(&self, id: &MessageId, shown: Shown) {
        if let Err(error) = self.store.record_shown(id.clone(), shown).await {
            tracing::warn!(%error, message.id = %id, "what a chat shows could not be put on record");
        }
        failpoint::hit("send.after_record");
    }
}

/// Calls to one place on the platform, each noted with its time.
struct Line<'a> {
    outbound: &'a dyn Outbound,
    at: &'a Address,
    calls: Vec<Instant>,
}

impl Line<'_> {
    /// Sends a new message, in plain text where the platform refuses its markup.
    async fn send(&mut self, id: &MessageId, content: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let key = id.send_key();
        self.note_call();
        match self.outbound.send(self.at, &key, content).await {
            Err(error) if is_about_markup(&error, content) => {
                self.note_call();
                self.outbound.send(self.at, &key, &without_markup(content)).await
            }
            other => other,
        }
    }

    /// Edits a message, in plain text where the platform refuses its markup.
    async fn edit(&mut self, reference: &MessageRef, content: &OutgoingMessage) -> Result<(), OutboundError> {
        self.note_call();
        let edited = match self.outbound.edit(self.at, reference, content).await {
            Err(error) if is_about_markup(&error, content) => {
                self.note_call();
                self.outbound.edit(self.at, reference, &without_markup(content)).await
            }
            other => other,
        };
        match edited {
            Err(OutboundError::NotModified) => Ok(()),
            other => other,
        }
    }

    async fn delete(&mut self, reference: &MessageRef) -> Result<(), OutboundError> {
        self.note_call();
        self.outbound.delete(self.at, reference).await
    }

    async fn find(&mut self, id: &MessageId) -> Result<Option<MessageRef>, OutboundError> {
        self.note_call();
        match self.outbound.find(self.at, &id.send_key()).await {
            // To ask is not to send: nothing can have arrived by it.
            Err(OutboundError::Unknown(problem)) => Err(OutboundError::Transient(problem)),
            other => other,
        }
    }

    async fn signal(&mut self, signal: Signal) -> Result<(), OutboundError> {
        self.note_call();
        let signalled = tokio::time::timeout(SIGNAL_TIMEOUT, self.outbound.signal(self.at, signal)).await;
        signalled.unwrap_or_else(|_| Err(OutboundError::Transient("a sign of life took too long".to_owned())))
    }

    fn note_call(&mut self) {
        self.calls.push(Instant::now());
    }
}

/// What is put on record of a message, where anything is.
fn outcome(shown: Result<&Option<MessageRef>, &OutboundError>, show: &Show, is_new: bool, is_split: bool) -> Option<Shown> {
    match (shown, show.version) {
        (Err(OutboundError::TooLong), _) if is_split => None,
        // A passing picture of a message that already stands leaves no trace.
        (Ok(Some(_)), None) if !is_new => None,
        (Ok(Some(reference)), version) => Some(Shown::At {
            reference: reference.clone(),
            version,
        }),
        // A surplus part of a growing answer was taken away, or it stands no more: what comes in its place is a new message.
        (Ok(None), None) | (Err(OutboundError::Gone(_)), _) if !is_new => Some(Shown::Gone),
        (Ok(None), version) => version.map(|version| Shown::Removed { version }),
        (Err(OutboundError::RateLimited { .. } | OutboundError::Transient(_) | OutboundError::Moved { .. }), _)
            if is_new && !show.maybe_sent =>
        {
            Some(Shown::NotSent)
        }
        (Err(error), Some(version)) => {
            let hopeless =
                is_hopeless(error, is_new) || is_new && show.is_last_try && matches!(error, OutboundError::Unknown(_));
            hopeless.then(|| Shown::Undeliverable {
                version,
                reason: error.to_string(),
            })
        }
        (Err(_), None) => None,
    }
}

/// Whether trying again would end the same way.
fn is_hopeless(error: &OutboundError, is_new: bool) -> bool {
    match error {
        OutboundError::Forbidden(_) | OutboundError::TooLong | OutboundError::BadMarkup(_) => true,
        // What cannot be edited is sent anew; where a new message cannot be sent, there is no chat.
        OutboundError::Gone(_) => is_new,
        OutboundError::RateLimited { .. }
        | OutboundError::NotModified
        | OutboundError::Unknown(_)
        | OutboundError::Moved { .. }
        | OutboundError::Transient(_) => false,
    }
}

/// Whether the same text might be taken without its markup. A question is one message: it cannot be split like others.
fn is_about_markup(error: &OutboundError, content: &OutgoingMessage) -> bool {
    match error {
        OutboundError::BadMarkup(_) => true,
        OutboundError::TooLong => content.kind == MessageKind::Prompt,
        _ => false,
    }
}

fn without_markup(content: &OutgoingMessage) -> OutgoingMessage {
    OutgoingMessage {
        body: Document::plain(&content.body.to_plain_text()),
        ..content.clone()
    }
}

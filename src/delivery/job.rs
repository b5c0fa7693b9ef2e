//! One call to a platform, with its intent on disk before it and its outcome on disk after it.

use super::pacer::ChatKey;
use crate::domain::TurnId;
use crate::failpoint;
use crate::store::{MessageId, Shown, Store};
use cortex_chat::{Address, Document, MessageRef, Outbound, OutboundError, OutgoingMessage, Signal};
use std::sync::Arc;
use std::time::Instant;

/// What to do on the platform.
#[derive(Clone)]
pub(super) enum Task {
    /// Bring a message to this content; `None` takes it away.
    Show {
        /// Which message.
        id: MessageId,
        /// Where it stands, if it does.
        reference: Option<MessageRef>,
        /// Whether an earlier send may have arrived.
        maybe_sent: bool,
        /// What it should show.
        content: Option<OutgoingMessage>,
        /// The stored version; `None` for a passing picture.
        version: Option<u64>,
        /// For the row of a live answer's part.
        live: Option<(i64, TurnId)>,
    },
    /// Show a sign of life.
    Signal(Signal),
}

/// A task with its place.
pub(super) struct Job {
    pub(super) chat: ChatKey,
    pub(super) address: Address,
    pub(super) task: Task,
}

/// How a job ended.
pub(super) struct Ended {
    pub(super) chat: ChatKey,
    pub(super) task: Task,
    pub(super) result: Result<Option<MessageRef>, OutboundError>,
    /// When the platform was called; later than the job began where its intent was stored first.
    pub(super) called_at: Instant,
    /// It may have arrived twice by now and nobody can be asked: more copies would be worse than none.
    pub(super) is_last_try: bool,
}

/// Carries a job out. Errors of the store while recording are logged: the message is shown again at the next start.
pub(super) async fn carry_out(job: Job, outbound: Arc<dyn Outbound>, store: Store) -> Ended {
    let mut is_last_try = false;
    let mut called_at = Instant::now();
    let result = match &job.task {
        Task::Signal(signal) => outbound.signal(&job.address, *signal).await.map(|()| None),
        Task::Show {
            id,
            reference,
            maybe_sent,
            content,
            version,
            live,
        } => {
            let at = &job.address;
            let shown = match (reference, content) {
                (None, None) => Ok(None),
                (Some(reference), None) => outbound.delete(at, reference).await.map(|()| None),
                (Some(reference), Some(content)) => {
                    let edited = edit(&*outbound, at, reference, content).await;
                    failpoint::hit("edit.after_effect");
                    edited.map(|()| Some(reference.clone()))
                }
                (None, Some(content)) => {
                    let can = outbound.capabilities();
                    is_last_try = *maybe_sent && !can.can_find_sends && !can.idempotent_sends;
                    send(&*outbound, &store, at, id, content, *maybe_sent, *live, &mut called_at).await
                }
            };
            let outcome = outcome(shown.as_ref(), reference.is_none(), *maybe_sent, is_last_try, *version);
            if let Some(outcome) = outcome {
                record(&store, id, outcome).await;
            }
            shown
        }
    };
    Ended {
        chat: job.chat,
        task: job.task,
        result,
        called_at,
        is_last_try,
    }
}

async fn edit(
    outbound: &dyn Outbound,
    at: &Address,
    reference: &MessageRef,
    content: &OutgoingMessage,
) -> Result<(), OutboundError> {
    match outbound.edit(at, reference, content).await {
        Err(OutboundError::NotModified) => Ok(()),
        Err(OutboundError::BadMarkup(_)) => outbound.edit(at, reference, &without_markup(content)).await,
        other => other,
    }
}

#[expect(clippy::too_many_arguments, reason = "one send with all that belongs to it")]
async fn send(
    outbound: &dyn Outbound,
    store: &Store,
    at: &Address,
    id: &MessageId,
    content: &OutgoingMessage,
    maybe_sent: bool,
    live: Option<(i64, TurnId)>,
    called_at: &mut Instant,
) -> Result<Option<MessageRef>, OutboundError> {
    let key = id.send_key();
    let stands = store
        .begin_send(id.clone(), live)
        .await
        .map_err(|error| OutboundError::Transient(format!("the intent to send could not be stored: {error}")))?;
    *called_at = Instant::now();
    if let Some(reference) = stands {
        match edit(outbound, at, &reference, content).await {
            // Sent anew below.
            Err(OutboundError::Gone(_)) => {}
            edited => return edited.map(|()| Some(reference)),
        }
    }
    if maybe_sent {
        if outbound.capabilities().can_find_sends {
            if let Some(reference) = outbound.find(at, &key).await? {
                edit(outbound, at, &reference, content).await?;
                return Ok(Some(reference));
            }
        } else if !outbound.capabilities().idempotent_sends
            && let Err(error) = store.record_possible_duplicate(id.clone()).await
        {
            tracing::warn!(%error, message.id = %id, "a possible duplicate could not be put on record");
        }
    }
    failpoint::hit("send.after_intent");
    let sent = match outbound.send(at, &key, content).await {
        Err(OutboundError::BadMarkup(_)) => outbound.send(at, &key, &without_markup(content)).await,
        other => other,
    };
    failpoint::hit("send.after_effect");
    sent.map(Some)
}

/// What is put on record of a message, where anything is.
fn outcome(
    shown: Result<&Option<MessageRef>, &OutboundError>,
    is_new: bool,
    maybe_sent: bool,
    is_last_try: bool,
    version: Option<u64>,
) -> Option<Shown> {
    match (shown, version) {
        // A passing picture of a message that already stands leaves no trace.
        (Ok(Some(_)), None) if !is_new => None,
        (Ok(Some(reference)), version) => Some(Shown::At {
            reference: reference.clone(),
            version,
        }),
        // A surplus part of a growing answer was taken away, or it stands no more: what comes in its place is a new message.
        (Ok(None), None) | (Err(OutboundError::Gone(_)), _) if !is_new => Some(Shown::Gone),
        (Ok(None), version) => version.map(|version| Shown::Removed { version }),
        (Err(OutboundError::RateLimited { .. } | OutboundError::Transient(_)), _) if is_new && !maybe_sent => {
            Some(Shown::NotSent)
        }
        (Err(error), Some(version)) => {
            let hopeless = is_hopeless(error, is_new) || matches!(error, OutboundError::Unknown(_)) && is_last_try;
            hopeless.then(|| Shown::Undeliverable {
                version,
                reason: error.to_string(),
            })
        }
        (Err(_), None) => None,
    }
}

async fn record(store: &Store, id: &MessageId, shown: Shown) {
    if let Err(error) = store.record_shown(id.clone(), shown).await {
        tracing::warn!(%error, message.id = %id, "what a chat shows could not be put on record");
    }
    failpoint::hit("send.after_record");
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

fn without_markup(content: &OutgoingMessage) -> OutgoingMessage {
    OutgoingMessage {
        body: Document::plain(&content.body.to_plain_text()),
        ..content.clone()
    }
}

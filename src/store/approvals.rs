//! Questions in the store: looked up here; put in `ask`, decided and expired in `decide`.

mod ask;
mod decide;

pub(super) use ask::{Asking, ask, void};
use decide::expire;
pub(super) use decide::{Decided, DecisionRecord, decide, granted};

use super::message::{self, Desire, MessageId, MessageRow, desire};
use super::rows::{from_id, from_json, from_word, time};
use super::{Store, StoreError};
use crate::domain::{ApprovalId, Risk, TurnId, UserName};
use crate::gate::{Approval, ApprovalStatus, preview};
use crate::router::ApprovalView;
use crate::turn::TurnEvent;
use cortex_chat::{ChatId, ConnectorName, MessageRef, OutgoingMessage};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Decided questions that a conversation still knows, to answer a late press or reply.
const REMEMBERED: i64 = 20;

/// What came of questions whose time was over.
#[derive(Debug, Default)]
pub struct Expired {
    /// Messages that changed.
    pub messages: Vec<MessageRow>,
    /// For the turns' listeners.
    pub events: Vec<(TurnId, TurnEvent)>,
}

const COLUMNS: &str = "id, code, turn, session, asker, question, binding, status, expires_at, shown_with";

impl Store {
    /// Ends the questions whose time is over.
    pub async fn expire_approvals(&self) -> Result<Expired, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let due: Vec<String> = connection
                .prepare_cached("SELECT id FROM approval WHERE status = 'pending' AND expires_at <= ?1 LIMIT 100")?
                .query_map([now], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut expired = Expired::default();
            for id in due {
                let Decided { messages, event, .. } = expire(connection, now, from_id(&id, "approval.id")?)?;
                expired.messages.extend(messages);
                expired.events.extend(event);
            }
            Ok(expired)
        })
        .await
    }

    /// Whether anybody is asked anything in a chat.
    pub async fn has_open_question(&self, connector: ConnectorName, chat: ChatId) -> Result<bool, StoreError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM conversation JOIN approval ON approval.conversation = conversation.id
                     WHERE conversation.connector = ?1 AND conversation.chat = ?2 AND approval.status = 'pending')",
                )?
                .query_row([connector.as_str(), chat.as_str()], |row| row.get(0))?)
        })
        .await
    }

    /// When the next question expires, in milliseconds since 1970.
    pub async fn next_expiry(&self) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT min(expires_at) FROM approval WHERE status = 'pending'")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// Puts the open questions of a connector again as new messages, where messages do not outlive the process.
    pub async fn announce_again(&self, connector: ConnectorName) -> Result<Vec<MessageRow>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| announce_of(connection, now, &connector)).await
    }
}

/// Puts the open questions of a connector again as new messages.
pub(super) fn announce_of(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
) -> Result<Vec<MessageRow>, StoreError> {
    let open: Vec<(String, i64)> = connection
        .prepare_cached(
            "SELECT approval.id, approval.conversation FROM approval
             JOIN conversation ON conversation.id = approval.conversation
             WHERE approval.status = 'pending' AND approval.expires_at > ?2 AND conversation.connector = ?1
             ORDER BY approval.created_at, approval.id",
        )?
        .query_map(params![connector.as_str(), now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    announce(connection, now, open)
}

/// Puts the open questions of a connector again whose prompts stand since before a time. The others are shown anyway, or were shown
/// so lately that no answer to them is lost.
pub(super) fn announce_after_absence(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    shown_before: i64,
) -> Result<Vec<MessageRow>, StoreError> {
    let open: Vec<(String, i64)> = connection
        .prepare_cached(
            "SELECT approval.id, approval.conversation FROM approval
             JOIN conversation ON conversation.id = approval.conversation
             WHERE approval.status = 'pending' AND approval.expires_at > ?2 AND conversation.connector = ?1
             AND (SELECT sent_at FROM message WHERE message.approval = approval.id ORDER BY number DESC LIMIT 1) < ?3
             ORDER BY approval.created_at, approval.id",
        )?
        .query_map(params![connector.as_str(), now, shown_before], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?
        .collect::<Result<_, _>>()?;
    announce(connection, now, open)
}

/// Puts the open questions of a conversation again as new messages.
pub(super) fn announce_in(connection: &Connection, now: i64, conversation: i64) -> Result<Vec<MessageRow>, StoreError> {
    let open: Vec<(String, i64)> = connection
        .prepare_cached(
            "SELECT id, conversation FROM approval WHERE conversation = ?1 AND status = 'pending' AND expires_at > ?2
             ORDER BY created_at, id",
        )?
        .query_map(params![conversation, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    announce(connection, now, open)
}

fn announce(connection: &Connection, now: i64, open: Vec<(String, i64)>) -> Result<Vec<MessageRow>, StoreError> {
    let mut messages = Vec::new();
    for (id, conversation) in open {
        let approval = match by_id(connection, from_id(&id, "approval.id")?) {
            Ok(Some(approval)) => approval,
            Ok(None) => continue,
            // The others must not wait for it.
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(%error, "a question cannot be read and is not put again");
                continue;
            }
            Err(error) => return Err(error),
        };
        let earlier = message::of_approval(connection, &id)?;
        for old in earlier.iter().filter(|old| old.desired.is_some()) {
            // What was never sent must not turn up beside the new one; what stands is closed.
            let content = old
                .reference
                .as_ref()
                .map(|_| preview::outcome(&approval.question, "asked again below"));
            messages.push(desire_prompt(
                connection,
                now,
                old.id.clone(),
                conversation,
                &approval,
                content,
            )?);
        }
        let next = MessageId::prompt(approval.id, u32::try_from(earlier.len()).unwrap_or(u32::MAX));
        let mut content = preview::prompt(approval.id, &approval.question);
        content.reply_to = request_message(connection, approval.turn)?;
        messages.push(desire_prompt(connection, now, next, conversation, &approval, Some(content))?);
    }
    Ok(messages)
}

/// The message that asked for a turn.
fn request_message(connection: &Connection, turn: TurnId) -> Result<Option<MessageRef>, StoreError> {
    let json: String = connection.query_row("SELECT state FROM turn WHERE id = ?1", [turn.to_string()], |row| row.get(0))?;
    // A turn that cannot be read is ended with its decision; its question must be seen until then.
    Ok(super::claim::read_state(&json, turn)
        .ok()
        .and_then(|state| state.request.reply_to))
}

fn desire_prompt(
    connection: &Connection,
    now: i64,
    id: MessageId,
    conversation: i64,
    approval: &Approval,
    content: Option<OutgoingMessage>,
) -> Result<MessageRow, StoreError> {
    let (turn, approval) = (Some(approval.turn), Some(approval.id));
    desire(
        connection,
        now,
        &Desire {
            id,
            conversation,
            turn,
            approval,
            content,
        },
    )
}

/// A question by its id.
pub(super) fn by_id(connection: &Connection, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM approval WHERE id = ?1"))?;
    statement
        .query_row([id.to_string()], read_row)
        .optional()?
        .map(finish_row)
        .transpose()
}

/// The open questions of a user in a conversation, oldest first, with their codes.
pub(super) fn open_of(
    connection: &Connection,
    conversation: i64,
    user: &UserName,
) -> Result<Vec<(ApprovalId, String)>, StoreError> {
    let rows: Vec<(String, String)> = connection
        .prepare_cached(
            "SELECT id, code FROM approval WHERE conversation = ?1 AND asker = ?2 AND status = 'pending'
             ORDER BY created_at, id",
        )?
        .query_map(params![conversation, user.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, code)| Ok((from_id(&id, "approval.id")?, code)))
        .collect()
}

/// The open questions of a conversation, but for those that cannot be read.
pub(super) fn open_in(connection: &Connection, conversation: i64) -> Result<Vec<Approval>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM approval WHERE conversation = ?1 AND status = 'pending' ORDER BY created_at, id"
    ))?;
    let rows = statement
        .query_map([conversation], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    let read = rows.into_iter().filter_map(|row| match finish_row(row) {
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "a question cannot be read and is passed over");
            None
        }
        read => Some(read),
    });
    read.collect()
}

/// What the router sees: the open questions of the conversation, with `decided` those decided lately too, and the one that was
/// named, however old.
pub(super) fn views(
    connection: &Connection,
    conversation: i64,
    decided: bool,
    named: Option<ApprovalId>,
) -> Result<Vec<ApprovalView>, StoreError> {
    const VIEW: &str = "SELECT id, code, asker, risk, status, shown_with FROM approval";
    let mut rows = view_rows(
        connection,
        &format!("{VIEW} WHERE conversation = ?1 AND status = 'pending' ORDER BY created_at, id"),
        params![conversation],
    )?;
    if decided {
        rows.extend(view_rows(
            connection,
            &format!("{VIEW} WHERE conversation = ?1 AND status != 'pending' ORDER BY decided_at DESC LIMIT {REMEMBERED}"),
            params![conversation],
        )?);
    }
    if let Some(named) = named.filter(|named| rows.iter().all(|row| row.id != *named)) {
        let sql = format!("{VIEW} WHERE conversation = ?1 AND id = ?2");
        rows.extend(view_rows(connection, &sql, params![conversation, named.to_string()])?);
    }
    Ok(rows)
}

fn view_rows(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<ApprovalView>, StoreError> {
    type Columns = (String, String, String, String, String, String);
    let rows: Vec<Columns> = connection
        .prepare_cached(sql)?
        .query_map(parameters, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, code, asker, risk, status, shown_with)| {
            let place = |column: &str| format!("approval.{column} of {id}");
            let id: ApprovalId = from_id(&id, &place("id"))?;
            Ok(ApprovalView {
                id,
                asker: UserName(asker),
                risk: from_word(&risk, &place("risk"), Risk::from_word)?,
                status: from_word(&status, &place("status"), ApprovalStatus::from_word)?,
                prompts: prompts(connection, id)?,
                // Where it cannot be read, "all" covers nothing, and the person says which one they mean.
                shown_with: from_json(&shown_with, &place("shown_with")).unwrap_or_default(),
                code,
            })
        })
        .collect()
}

fn prompts(connection: &Connection, approval: ApprovalId) -> Result<Vec<MessageRef>, StoreError> {
    let references = connection
        .prepare_cached("SELECT reference FROM message WHERE approval = ?1 AND reference IS NOT NULL")?
        .query_map([approval.to_string()], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(references.into_iter().map(Into::into).collect())
}

/// The newest message of ours in a conversation, where it is the prompt of a question.
pub(super) struct NewestPrompt {
    pub(super) approval: ApprovalId,
    /// Where it stands; `None` while it is being sent.
    pub(super) reference: Option<MessageRef>,
    /// When it was on record that it was sent.
    pub(super) sent_at: Option<i64>,
}

/// The prompt that is the newest message of ours in a conversation, if one is.
pub(super) fn newest_prompt(connection: &Connection, conversation: i64) -> Result<Option<NewestPrompt>, StoreError> {
    type Columns = (Option<String>, Option<String>, Option<i64>);
    let newest: Option<Columns> = connection
        .prepare_cached(
            // A growing answer has no desired content yet, and a question that was not sent is nobody's newest message.
            "SELECT CASE WHEN send_state IN ('sending', 'sent') THEN approval END, reference, sent_at FROM message
             WHERE conversation = ?1 AND (desired IS NOT NULL OR send_state IN ('sending', 'sent'))
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row([conversation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((Some(approval), reference, sent_at)) = newest else {
        return Ok(None);
    };
    Ok(Some(NewestPrompt {
        approval: from_id(&approval, "message.approval")?,
        reference: reference.map(Into::into),
        sent_at,
    }))
}

struct RawRow {
    id: String,
    code: String,
    turn: String,
    session: String,
    asker: String,
    question: String,
    binding: String,
    status: String,
    expires_at: i64,
    shown_with: String,
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    Ok(RawRow {
        id: row.get(0)?,
        code: row.get(1)?,
        turn: row.get(2)?,
        session: row.get(3)?,
        asker: row.get(4)?,
        question: row.get(5)?,
        binding: row.get(6)?,
        status: row.get(7)?,
        expires_at: row.get(8)?,
        shown_with: row.get(9)?,
    })
}

fn finish_row(raw: RawRow) -> Result<Approval, StoreError> {
    let place = |column: &str| format!("approval.{column} of {}", raw.id);
    Ok(Approval {
        id: from_id(&raw.id, &place("id"))?,
        turn: from_id(&raw.turn, &place("turn"))?,
        session: from_id(&raw.session, &place("session"))?,
        question: from_json(&raw.question, &place("question"))?,
        binding: from_json(&raw.binding, &place("binding"))?,
        status: from_word(&raw.status, &place("status"), ApprovalStatus::from_word)?,
        shown_with: from_json(&raw.shown_with, &place("shown_with"))?,
        code: raw.code,
        asker: UserName(raw.asker),
        expires_at: time(raw.expires_at),
    })
}

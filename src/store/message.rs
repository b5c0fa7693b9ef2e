//! What the chats should show: desired and shown versions of every message of ours.

mod split;

use super::rows::{address, from_json, time, to_json};
use super::{Store, StoreError};
use crate::domain::{ApprovalId, TurnId};
use cortex_chat::{
    Address, ChatId, ChatKind, ConnectorName, Document, MessageKind, MessageRef, OutgoingMessage, SendKey, TextLimit,
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::fmt;

/// The name of one of our messages, made from what it is for, so that making it twice is making it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// A part of a turn's answer.
    pub fn answer(turn: TurnId, segment: u32, part: usize) -> Self {
        Self(format!("{turn}.a{segment}.{part}"))
    }

    /// Which part of a turn's answer it is; `None` for any other message.
    pub fn part_of_answer(&self, turn: TurnId, segment: u32) -> Option<usize> {
        let part = self.0.strip_prefix(&turn.to_string())?.strip_prefix(".a")?;
        part.strip_prefix(&segment.to_string())?.strip_prefix('.')?.parse().ok()
    }

    /// What the parts of the same text have in common, and which of them it is; `None` for a question, which has no parts.
    fn part(&self) -> Option<(&str, usize)> {
        let stem = self.0.trim_end_matches(|character: char| character.is_ascii_digit());
        let part = self.0[stem.len()..].parse().ok()?;
        let has_parts = stem.strip_suffix('n').unwrap_or(stem).ends_with('.');
        has_parts.then_some((stem, part))
    }

    /// Whether it is a later part of the same text.
    pub fn follows(&self, other: &Self) -> bool {
        let (Some((stem, part)), Some((others_stem, others_part))) = (self.part(), other.part()) else {
            return false;
        };
        stem == others_stem && part > others_part
    }

    /// A question; it is put again under a new number.
    pub fn prompt(approval: ApprovalId, announcement: u32) -> Self {
        Self(format!("{approval}.p{announcement}"))
    }

    /// A word of the daemon about something that happened once.
    pub fn notice(about: &str, part: usize) -> Self {
        Self(format!("{about}.n{part}"))
    }

    /// As it stands in the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same name for every attempt to send it.
    pub fn send_key(&self) -> SendKey {
        SendKey::new(self.0.clone())
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A message as the store knows it.
#[derive(Clone, Debug)]
pub struct MessageRow {
    /// Its name.
    pub id: MessageId,
    /// Where it stands.
    pub address: Address,
    /// One-to-one or not.
    pub chat_kind: ChatKind,
    /// The turn that it belongs to.
    pub turn: Option<TurnId>,
    /// What it should show; `None`: it should not be there.
    pub desired: Option<OutgoingMessage>,
    /// Counts changes of `desired`.
    pub desired_version: u64,
    /// The version that the platform confirmed.
    pub shown_version: u64,
    /// Whether a send was begun whose outcome is unknown.
    pub maybe_sent: bool,
    /// The platform's reference.
    pub reference: Option<MessageRef>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
}

impl MessageRow {
    /// Whether it stands in its chat, may stand there, or is to.
    pub(super) fn is_wanted(&self) -> bool {
        self.reference.is_some() || self.maybe_sent || self.desired.is_some()
    }

    /// The same message in a chat that has moved: what stood in the old one is no message of the new one.
    pub fn move_to(&mut self, chat: &ChatId) {
        self.address.chat = chat.clone();
        self.reference = None;
        self.sent_at = None;
        self.maybe_sent = false;
        if let Some(desired) = &mut self.desired {
            desired.reply_to = None;
        }
    }
}

/// What became of a message on the platform.
#[derive(Clone, Debug)]
pub enum Shown {
    /// It stands there in this version.
    At {
        /// The platform's reference.
        reference: MessageRef,
        /// The stored version; `None` for a passing picture of a growing answer.
        version: Option<u64>,
    },
    /// It was taken away.
    Removed {
        /// The stored version.
        version: u64,
    },
    /// It did not arrive and will be sent again.
    NotSent,
    /// It stood there and can no longer be edited; the next text is a new message.
    Gone,
    /// The platform will not have it; nothing more is tried.
    Undeliverable {
        /// The stored version.
        version: u64,
        /// Why, without content.
        reason: String,
    },
}

/// A change of what should be shown.
pub(super) struct Desire {
    pub(super) id: MessageId,
    pub(super) conversation: i64,
    pub(super) turn: Option<TurnId>,
    pub(super) approval: Option<ApprovalId>,
    pub(super) content: Option<OutgoingMessage>,
}

const COLUMNS: &str = "message.id, conversation.connector, conversation.chat, conversation.thread, conversation.chat_kind, \
     message.turn, message.desired, message.desired_version, message.shown_version, message.send_state, message.reference, \
     message.sent_at";
const TABLES: &str = "message JOIN conversation ON conversation.id = message.conversation";

impl Store {
    /// Notes on disk that a message is about to be sent. Makes the row of a live answer at its first showing. Gives the
    /// platform's reference where the message stands already: a decision can be stored in the moment in which its prompt is
    /// sent, before the prompt's reference is.
    pub async fn begin_send(
        &self,
        id: MessageId,
        conversation: Option<(i64, TurnId)>,
    ) -> Result<Option<MessageRef>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let known: Option<Option<String>> = connection
                .prepare_cached(
                    "UPDATE message SET send_state = CASE WHEN reference IS NULL THEN 'sending' ELSE send_state END
                     WHERE id = ?1 RETURNING reference",
                )?
                .query_row([id.as_str()], |row| row.get(0))
                .optional()?;
            if known.is_none()
                && let Some((conversation, turn)) = conversation
            {
                connection
                    .prepare_cached(
                        "INSERT INTO message
                         (id, connector, conversation, turn, desired_version, shown_version, send_state, created_at)
                         SELECT ?1, connector, id, ?3, 0, 0, 'sending', ?4 FROM conversation WHERE id = ?2",
                    )?
                    .execute(params![id.as_str(), conversation, turn.to_string(), now])?;
            }
            Ok(known.flatten().map(MessageRef::from))
        })
        .await
    }

    /// Notes what the platform made of a message.
    pub async fn record_shown(&self, id: MessageId, shown: Shown) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            match shown {
                Shown::At { reference, version } => connection
                    .prepare_cached(
                        "UPDATE message SET send_state = 'sent', reference = ?2, shown_version = max(shown_version, ?3),
                         sent_at = CASE WHEN reference = ?2 THEN coalesce(sent_at, ?4) ELSE ?4 END WHERE id = ?1",
                    )?
                    .execute(params![id.as_str(), reference.as_str(), version.unwrap_or(0) as i64, now])?,
                Shown::Removed { version } => connection
                    .prepare_cached(
                        "UPDATE message SET send_state = 'unsent', reference = NULL, sent_at = NULL, shown_version = ?2
                         WHERE id = ?1",
                    )?
                    .execute(params![id.as_str(), version as i64])?,
                Shown::NotSent => connection
                    .prepare_cached("UPDATE message SET send_state = 'unsent' WHERE id = ?1 AND reference IS NULL")?
                    .execute([id.as_str()])?,
                Shown::Gone => connection
                    .prepare_cached(
                        "UPDATE message SET send_state = 'unsent', reference = NULL, sent_at = NULL WHERE id = ?1",
                    )?
                    .execute([id.as_str()])?,
                Shown::Undeliverable { version, reason } => {
                    super::step::audit(
                        connection,
                        now,
                        "",
                        None,
                        "undeliverable",
                        &serde_json::json!({"message": id.as_str(), "reason": reason}),
                    )?;
                    connection
                        .prepare_cached("UPDATE message SET send_state = 'failed', shown_version = ?2 WHERE id = ?1")?
                        .execute(params![id.as_str(), version as i64])?
                }
            };
            Ok(())
        })
        .await
    }

    /// Notes that a message is sent again although it may have arrived.
    pub async fn record_possible_duplicate(&self, id: MessageId) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let body = serde_json::json!({"message": id.as_str()});
            super::step::audit(connection, now, "", None, "possible_duplicate", &body)
        })
        .await
    }

    /// The messages of a turn as they stand now.
    pub async fn messages_of(&self, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
        self.read(move |connection| of_turn(connection, turn)).await
    }

    /// The messages of a connector that do not yet stand as they should. One that cannot be read is put on record as
    /// undeliverable, and holds up none of the others.
    pub async fn messages_to_show(&self, connector: ConnectorName) -> Result<Vec<MessageRow>, StoreError> {
        let found = self
            .read(move |connection| {
                let mut statement = connection.prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM {TABLES}
                     WHERE message.connector = ?1 AND message.shown_version < message.desired_version ORDER BY message.number"
                ))?;
                let rows = statement.query_map([connector.as_str()], read_row)?;
                Ok(rows.collect::<Result<Vec<_>, _>>()?)
            })
            .await?;
        let mut readable = Vec::with_capacity(found.len());
        for (row, unreadable) in found.into_iter().map(finish_row) {
            let Some(error) = unreadable else {
                readable.push(row);
                continue;
            };
            tracing::error!(%error, message.id = %row.id, "a message cannot be read and is not shown");
            let undeliverable = Shown::Undeliverable {
                version: row.desired_version,
                reason: error.to_string(),
            };
            self.record_shown(row.id, undeliverable).await?;
        }
        Ok(readable)
    }
}

/// Sets what a message should show, and gives the row for the pacer.
pub(super) fn desire(connection: &Connection, now: i64, desire: &Desire) -> Result<MessageRow, StoreError> {
    let content = desire.content.as_ref().map(to_json).transpose()?;
    connection
        .prepare_cached(
            "INSERT INTO message
             (id, connector, conversation, turn, approval, desired, desired_version, shown_version, send_state, created_at)
             SELECT ?1, connector, id, ?3, ?4, ?5, 1, 0, 'unsent', ?6 FROM conversation WHERE id = ?2
             ON CONFLICT (id) DO UPDATE SET desired = excluded.desired, desired_version = desired_version + 1,
             -- What was left behind in a chat that has moved cannot change any more.
             shown_version = CASE WHEN send_state = 'left' THEN desired_version + 1 ELSE shown_version END",
        )?
        .execute(params![
            desire.id.as_str(),
            desire.conversation,
            desire.turn.map(|turn| turn.to_string()),
            desire.approval.map(|approval| approval.to_string()),
            content,
            now
        ])?;
    row_by_id(connection, &desire.id)?.ok_or_else(|| StoreError::Corrupt {
        place: format!("message {}", desire.id),
        problem: "its conversation is not there".to_owned(),
    })
}

/// A word of the daemon to a conversation.
pub(super) struct Notice<'a> {
    pub(super) conversation: i64,
    /// What it is about; makes its name.
    pub(super) about: &'a str,
    pub(super) body: Document,
    pub(super) reply_to: Option<&'a MessageRef>,
    /// Whether it is all that the message it replies to gets.
    pub(super) settles: bool,
    pub(super) limit: TextLimit,
}

/// Says it in as many messages as it needs.
pub(super) fn notify(connection: &Connection, now: i64, notice: Notice<'_>) -> Result<Vec<MessageRow>, StoreError> {
    let parts = notice.body.split(notice.limit);
    let last_part = parts.len().saturating_sub(1);
    let mut rows = Vec::with_capacity(parts.len());
    for (part, body) in parts.into_iter().enumerate() {
        let content = OutgoingMessage {
            kind: MessageKind::Notice,
            body,
            choices: Vec::new(),
            reply_to: notice.reply_to.filter(|_| part == 0).cloned(),
            live: false,
            last: notice.settles && part == last_part,
        };
        let id = MessageId::notice(notice.about, part);
        let (conversation, content) = (notice.conversation, Some(content));
        rows.push(desire(
            connection,
            now,
            &Desire {
                id,
                conversation,
                turn: None,
                approval: None,
                content,
            },
        )?);
    }
    Ok(rows)
}

/// The messages of a chat that do not yet stand as they should. Those that cannot be read are left to the next start.
pub(super) fn to_show_in(
    connection: &Connection,
    connector: &ConnectorName,
    chat: &ChatId,
) -> Result<Vec<MessageRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES}
         WHERE message.connector = ?1 AND message.shown_version < message.desired_version AND conversation.chat = ?2
         ORDER BY message.number"
    ))?;
    let rows = statement
        .query_map([connector.as_str(), chat.as_str()], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    let readable = |(row, unreadable): (MessageRow, Option<StoreError>)| unreadable.is_none().then_some(row);
    Ok(rows.into_iter().map(finish_row).filter_map(readable).collect())
}

/// Whether a message was ever wanted.
pub(super) fn exists(connection: &Connection, id: &MessageId) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT 1 FROM message WHERE id = ?1")?
        .exists([id.as_str()])?)
}

/// The messages of a turn. Where the content of one cannot be read, the row has none.
pub(super) fn of_turn(connection: &Connection, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE message.turn = ?1 ORDER BY message.number"
    ))?;
    let rows = statement
        .query_map([turn.to_string()], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().map(finish_row).map(|(row, _)| row).collect())
}

/// The messages that were handed over and do not yet stand as they should.
pub(super) fn handed_over(connection: &Connection) -> Result<Vec<MessageRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} JOIN handover ON handover.message = message.id
         WHERE message.shown_version < message.desired_version ORDER BY message.number"
    ))?;
    let rows = statement.query_map([], read_row)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().map(finish_row).map(|(row, _)| row).collect())
}

/// Takes away what stands of a growing answer that will have no final form.
pub(super) fn withdraw_growing(
    connection: &Connection,
    now: i64,
    conversation: i64,
    turn: TurnId,
) -> Result<Vec<MessageRow>, StoreError> {
    let growing = of_turn(connection, turn)?.into_iter().filter(|row| row.desired_version == 0);
    growing
        .map(|row| {
            let nothing = Desire {
                id: row.id,
                conversation,
                turn: Some(turn),
                approval: None,
                content: None,
            };
            desire(connection, now, &nothing)
        })
        .collect()
}

/// The messages that showed a question. Where the content of one cannot be read, the row has none.
pub(super) fn of_approval(connection: &Connection, approval: &str) -> Result<Vec<MessageRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM {TABLES} WHERE message.approval = ?1 ORDER BY message.number"
    ))?;
    let rows = statement.query_map([approval], read_row)?.collect::<Result<Vec<_>, _>>()?;
    Ok(rows.into_iter().map(finish_row).map(|(row, _)| row).collect())
}

fn row_by_id(connection: &Connection, id: &MessageId) -> Result<Option<MessageRow>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM {TABLES} WHERE message.id = ?1"))?;
    let row = statement.query_row([id.as_str()], read_row).optional()?;
    row.map(finish_row)
        .map(|(row, unreadable)| unreadable.map_or(Ok(row), Err))
        .transpose()
}

struct RawRow {
    id: String,
    address: Address,
    chat_kind: ChatKind,
    turn: Option<String>,
    desired: Option<String>,
    desired_version: i64,
    shown_version: i64,
    send_state: String,
    reference: Option<String>,
    sent_at: Option<i64>,
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    let (address, chat_kind) = address(row, 1)?;
    Ok(RawRow {
        id: row.get(0)?,
        address,
        chat_kind,
        turn: row.get(5)?,
        desired: row.get(6)?,
        desired_version: row.get(7)?,
        shown_version: row.get(8)?,
        send_state: row.get(9)?,
        reference: row.get(10)?,
        sent_at: row.get(11)?,
    })
}

/// A message, and what is wrong with its content where that cannot be read.
fn finish_row(raw: RawRow) -> (MessageRow, Option<StoreError>) {
    let place = format!("message.desired of {}", raw.id);
    let (desired, unreadable) = match raw.desired.map(|json| from_json(&json, &place)).transpose() {
        Ok(desired) => (desired, None),
        Err(error) => (None, Some(error)),
    };
    let row = MessageRow {
        address: raw.address,
        chat_kind: raw.chat_kind,
        turn: raw.turn.and_then(|turn| turn.parse().ok()),
        desired,
        desired_version: raw.desired_version as u64,
        shown_version: raw.shown_version as u64,
        maybe_sent: raw.send_state == "sending",
        reference: raw.reference.map(Into::into),
        sent_at: raw.sent_at.map(time),
        id: MessageId(raw.id),
    };
    (row, unreadable)
}

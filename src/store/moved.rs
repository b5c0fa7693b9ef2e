//! Chats that go on under another id: their conversations go with them, and what stood in the old chat is left there.

use super::message::{self, MessageRow};
use super::rows::from_id;
use super::{Store, StoreError, approvals};
use crate::domain::TurnId;
use cortex_chat::{ChatId, ConnectorName};
use rusqlite::{Connection, OptionalExtension as _, params};

/// What came of a move.
#[derive(Debug, Default)]
pub(super) struct Moved {
    /// What is still to be shown in the new chat.
    pub(super) messages: Vec<MessageRow>,
    /// Turns that were at work and go on in another conversation, with their versions.
    pub(super) replaced: Vec<(TurnId, u64)>,
}

impl Store {
    /// Notes that a chat has gone on under another id, and gives what is still to be shown there. Nothing changes where that is
    /// known.
    pub async fn move_chat(
        &self,
        connector: ConnectorName,
        from: ChatId,
        to: ChatId,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| Ok(move_chat(connection, now, &connector, &from, &to)?.messages))
            .await
    }
}

/// The id by which a chat goes now.
pub(super) fn current_chat(connection: &Connection, connector: &ConnectorName, chat: &ChatId) -> Result<ChatId, StoreError> {
    let moved: Option<String> = connection
        .prepare_cached("SELECT moved_to FROM moved_chat WHERE connector = ?1 AND chat = ?2")?
        .query_row([connector.as_str(), chat.as_str()], |row| row.get(0))
        .optional()?;
    Ok(moved.map_or_else(|| chat.clone(), ChatId::from))
}

/// Moves the conversations of a chat.
pub(super) fn move_chat(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    from: &ChatId,
    to: &ChatId,
) -> Result<Moved, StoreError> {
    let mut moved = Moved::default();
    if from != to && current_chat(connection, connector, from)? != *to {
        note_move(connection, connector, from, to)?;
        for (conversation, thread) in conversations_of(connection, connector, from)? {
            leave_what_stands(connection, conversation)?;
            connection.execute(
                "UPDATE conversation SET moved_at = ?2 WHERE id = ?1",
                params![conversation, now],
            )?;
            let there = conversation_at(connection, connector, to, &thread)?;
            if let Some(there) = there {
                tracing::warn!(
                    connector.name = %connector, conversation, conversation.there = there,
                    "a chat has moved to one that has a conversation already; what is open goes on there"
                );
                moved.replaced.extend(hand_over(connection, now, conversation, there)?);
            } else {
                connection.execute(
                    "UPDATE conversation SET chat = ?2 WHERE id = ?1",
                    params![conversation, to.as_str()],
                )?;
            }
            approvals::announce_in(connection, now, there.unwrap_or(conversation))?;
        }
    }
    moved.messages = message::to_show_in(connection, connector, to)?;
    Ok(moved)
}

/// Whoever still speaks of the old id means the new one.
fn note_move(connection: &Connection, connector: &ConnectorName, from: &ChatId, to: &ChatId) -> Result<(), StoreError> {
    let (connector, from, to) = (connector.as_str(), from.as_str(), to.as_str());
    connection.execute(
        "UPDATE moved_chat SET moved_to = ?3 WHERE connector = ?1 AND moved_to = ?2",
        [connector, from, to],
    )?;
    connection.execute("DELETE FROM moved_chat WHERE connector = ?1 AND chat = ?2", [connector, to])?;
    connection.execute(
        "INSERT OR REPLACE INTO moved_chat (connector, chat, moved_to) VALUES (?1, ?2, ?3)",
        [connector, from, to],
    )?;
    Ok(())
}

/// The old chat's messages have no reference any more, and nothing refers to them. What was not shown whole is to be sent in the new
/// chat; what was is not sent again, and its change is not either.
fn leave_what_stands(connection: &Connection, conversation: i64) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE message SET desired = NULL, shown_version = desired_version
         WHERE conversation = ?1 AND approval IN (SELECT id FROM approval WHERE status = 'pending')",
        [conversation],
    )?;
    connection.execute(
        "UPDATE message SET reference = NULL, sent_at = NULL,
         desired = CASE WHEN json_valid(desired) THEN json_remove(desired, '$.reply_to') ELSE desired END,
         send_state = CASE WHEN shown_version < desired_version OR desired_version = 0 THEN 'unsent' ELSE 'left' END
         WHERE conversation = ?1",
        [conversation],
    )?;
    connection.execute(
        "UPDATE request_part SET reference = NULL WHERE conversation = ?1",
        [conversation],
    )?;
    // What runs hears of it with its next step.
    connection.execute(
        "UPDATE turn SET state = json_remove(state, '$.request.reply_to')
         WHERE conversation = ?1 AND status IN ('queued', 'awaiting_confirmation') AND json_valid(state)",
        [conversation],
    )?;
    Ok(())
}

/// Gives what is open in a conversation to the one that stands where it has moved to. What runs begins again there, as after a crash.
fn hand_over(connection: &Connection, now: i64, from: i64, to: i64) -> Result<Vec<(TurnId, u64)>, StoreError> {
    connection.execute("UPDATE conversation SET running_turn = NULL WHERE id = ?1", [from])?;
    let running: Vec<(String, i64)> = connection
        .prepare(
            "UPDATE turn SET status = 'queued', resumed = 1, version = version + 1, updated_at = ?2
             WHERE conversation = ?1 AND status = 'running' RETURNING id, version",
        )?
        .query_map([from, now], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let open = "SELECT id FROM turn WHERE conversation = ?1 AND status IN ('queued', 'awaiting_confirmation')";
    connection.execute(
        &format!(
            "UPDATE message SET conversation = ?2 WHERE conversation = ?1
             AND (shown_version < desired_version OR turn IN ({open}))"
        ),
        [from, to],
    )?;
    connection.execute(
        "UPDATE approval SET conversation = ?2 WHERE conversation = ?1 AND status = 'pending'",
        [from, to],
    )?;
    connection.execute(
        "UPDATE turn SET conversation = ?2 WHERE conversation = ?1 AND status IN ('queued', 'awaiting_confirmation')",
        [from, to],
    )?;
    running
        .into_iter()
        .map(|(id, version)| Ok((from_id(&id, "turn.id")?, version as u64)))
        .collect()
}

fn conversations_of(
    connection: &Connection,
    connector: &ConnectorName,
    chat: &ChatId,
) -> Result<Vec<(i64, String)>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id, thread FROM conversation WHERE connector = ?1 AND chat = ?2 ORDER BY id")?
        .query_map([connector.as_str(), chat.as_str()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?)
}

fn conversation_at(
    connection: &Connection,
    connector: &ConnectorName,
    chat: &ChatId,
    thread: &str,
) -> Result<Option<i64>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT id FROM conversation WHERE connector = ?1 AND chat = ?2 AND thread = ?3")?
        .query_row([connector.as_str(), chat.as_str(), thread], |row| row.get(0))
        .optional()?)
}

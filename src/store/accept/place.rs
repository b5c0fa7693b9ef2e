//! Where an event happened: its conversation, found or made.

use super::Acceptance;
use crate::domain::{SessionId, TurnId};
use crate::store::rows::{chat_kind_word, from_id};
use crate::store::{StoreError, moved};
use cortex_chat::Event;
use rusqlite::{OptionalExtension as _, params};

/// The conversation of an event, found or made.
pub(super) struct Place {
    pub(super) conversation: i64,
    pub(super) session: SessionId,
    pub(super) running: Option<TurnId>,
}

impl Acceptance<'_> {
    /// Found, or made.
    pub(super) fn place(&self, event: &Event) -> Result<Place, StoreError> {
        self.find_place(event)?.map_or_else(|| self.make_place(event), Ok)
    }

    pub(super) fn find_place(&self, event: &Event) -> Result<Option<Place>, StoreError> {
        let address = &event.address;
        let chat = moved::current_chat(self.connection, &address.connector, &address.chat)?;
        let thread = address.thread.as_ref().map_or("", |thread| thread.as_str());
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, session, running_turn FROM conversation WHERE connector = ?1 AND chat = ?2 AND thread = ?3",
            )?
            .query_row(params![address.connector.as_str(), chat.as_str(), thread], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .optional()?;
        let Some((conversation, session, running)) = found else {
            return Ok(None);
        };
        let place = format!("conversation.session of {conversation}");
        Ok(Some(Place {
            conversation,
            session: from_id(&session, &place)?,
            running: running.and_then(|turn| turn.parse().ok()),
        }))
    }

    pub(super) fn make_place(&self, event: &Event) -> Result<Place, StoreError> {
        let address = &event.address;
        let chat = moved::current_chat(self.connection, &address.connector, &address.chat)?;
        let thread = address.thread.as_ref().map_or("", |thread| thread.as_str());
        let session = SessionId::new();
        self.connection
            .prepare_cached(
                "INSERT INTO conversation (connector, chat, thread, chat_kind, session, epoch) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            )?
            .execute(params![
                address.connector.as_str(),
                chat.as_str(),
                thread,
                chat_kind_word(event.chat_kind),
                session.to_string()
            ])?;
        let conversation = self.connection.last_insert_rowid();
        self.start_session(conversation, session)?;
        Ok(Place {
            conversation,
            session,
            running: None,
        })
    }

    pub(super) fn start_session(&self, conversation: i64, session: SessionId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO session (id, conversation, started_at) VALUES (?1, ?2, ?3)")?
            .execute(params![session.to_string(), conversation, self.now])?;
        Ok(())
    }
}

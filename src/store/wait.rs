//! Waits that platforms have asked for, which a start must keep too.

use super::rows::{chat_kind_of, chat_kind_word};
use super::{Store, StoreError};
use cortex_chat::{ChatId, ChatKind, ConnectorName};
use rusqlite::params;
use std::time::Duration;

/// A chat in which nothing may be called for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatWait {
    /// Which chat, with all its threads.
    pub chat: ChatId,
    /// One-to-one or not.
    pub chat_kind: ChatKind,
    /// For how long from now on.
    pub left: Duration,
}

impl Store {
    /// Notes that nothing may be called in a chat for so long, and forgets waits that are over.
    pub async fn record_wait(
        &self,
        connector: ConnectorName,
        chat: ChatId,
        kind: ChatKind,
        wait: Duration,
    ) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        let until = now.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        self.write(move |connection| {
            connection.execute("DELETE FROM chat_wait WHERE until <= ?1", [now])?;
            connection.execute(
                "INSERT INTO chat_wait (connector, chat, chat_kind, until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (connector, chat) DO UPDATE SET until = max(until, excluded.until)",
                params![connector.as_str(), chat.as_str(), chat_kind_word(kind), until],
            )?;
            Ok(())
        })
        .await
    }

    /// The waits of a connector that are not over.
    pub async fn waits(&self, connector: ConnectorName) -> Result<Vec<ChatWait>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.read(move |connection| {
            let mut statement =
                connection.prepare("SELECT chat, chat_kind, until FROM chat_wait WHERE connector = ?1 AND until > ?2")?;
            let waits = statement.query_map(params![connector.as_str(), now], |row| {
                let until: i64 = row.get(2)?;
                Ok(ChatWait {
                    chat: row.get::<_, String>(0)?.into(),
                    chat_kind: chat_kind_of(&row.get::<_, String>(1)?),
                    left: Duration::from_millis(u64::try_from(until - now).unwrap_or(0)),
                })
            })?;
            Ok(waits.collect::<Result<_, _>>()?)
        })
        .await
    }
}

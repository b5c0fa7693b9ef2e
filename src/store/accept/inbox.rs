//! The inbox: each event once, with its attempts; and what becomes of one that cannot be handled.

use super::{Acceptance, Accepted, RouterSettings};
use crate::store::message::MessageRow;
use crate::store::rows::to_json;
use crate::store::{Store, StoreError, identity};
use crate::strings;
use cortex_chat::{ConnectorName, Event};
use rusqlite::{Connection, params};
use std::sync::Arc;
use std::time::Duration;

/// The outcome of an event that was not handled.
const SET_ASIDE: &str = "set aside";

/// No platform delivers an event again after so long.
const IGNORED_KEPT: Duration = Duration::from_hours(7 * 24);
/// Rows that one command takes away, so that nobody waits for it.
const FORGOTTEN_AT_ONCE: usize = 1_000;

impl Store {
    /// Forgets events that nobody was served for; tells whether there may be more of them.
    pub async fn forget_ignored(&self) -> Result<bool, StoreError> {
        let kept = i64::try_from(IGNORED_KEPT.as_millis()).unwrap_or(i64::MAX);
        let before = self.clock.now().as_millisecond() - kept;
        self.write(move |connection| {
            let forgotten = connection.execute(
                "DELETE FROM event WHERE id IN (SELECT id FROM event
                 WHERE outcome >= 'ignored' AND outcome < 'ignoree' AND received_at < ?1 LIMIT ?2)",
                params![before, FORGOTTEN_AT_ONCE],
            )?;
            Ok(forgotten == FORGOTTEN_AT_ONCE)
        })
        .await
    }

    /// Counts an attempt to handle an event, before it is handled; used after an unclean stop. When it took the daemon down too
    /// often, it is set aside instead, and what its sender is told is given back. The first time is not counted on disk: only
    /// after an unclean stop are attempts counted, so a count of three means three.
    pub async fn count_event_attempt(
        &self,
        connector: ConnectorName,
        event: &Event,
        settings: Arc<RouterSettings>,
    ) -> Result<Option<Vec<MessageRow>>, StoreError> {
        let (event, now) = (event.clone(), self.clock.now().as_millisecond());
        self.write(move |connection| {
            let known: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM event WHERE connector = ?1 AND event_id = ?2)",
                [connector.as_str(), event.id.as_str()],
                |row| row.get(0),
            )?;
            if known {
                return Ok(None);
            }
            let attempts: i64 = connection.query_row(
                "INSERT INTO event_attempt (connector, event_id, attempts) VALUES (?1, ?2, 1)
                 ON CONFLICT (connector, event_id) DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
                [connector.as_str(), event.id.as_str()],
                |row| row.get(0),
            )?;
            if attempts < i64::from(settings.max_attempts) {
                return Ok(None);
            }
            Ok(Some(set_aside(connection, now, &connector, &event, &settings)?))
        })
        .await
    }

    /// Sets an event aside that cannot be handled, and gives what its sender is told, as far as even that can be stored.
    pub async fn set_event_aside(
        &self,
        connector: ConnectorName,
        event: &Event,
        settings: Arc<RouterSettings>,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let (event, now) = (event.clone(), self.clock.now().as_millisecond());
        let (same, again) = (connector.clone(), event.clone());
        let told = self
            .write(move |connection| set_aside(connection, now, &same, &again, &settings))
            .await;
        match told {
            Err(error) if error.is_about_content() => {
                self.write(move |connection| {
                    insert_event(connection, now, &connector, &event, SET_ASIDE)?;
                    Ok(Vec::new())
                })
                .await
            }
            other => other,
        }
    }
}

fn set_aside(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    event: &Event,
    settings: &RouterSettings,
) -> Result<Vec<MessageRow>, StoreError> {
    let mut acceptance = Acceptance {
        connection,
        settings,
        now,
        claim_up_to: 0,
        accepted: Accepted::default(),
    };
    if let Some(event_number) = insert_event(connection, now, connector, event, SET_ASIDE)?
        && identity::user_of(connection, connector.as_str(), event.sender.id.as_str())?.is_some()
    {
        let place = acceptance.place(event)?;
        acceptance.say(&place, &format!("e{event_number}"), event, strings::EVENT_SET_ASIDE)?;
    }
    Ok(acceptance.accepted.messages)
}

/// Puts an event into the inbox; `None` when it is already there.
pub(super) fn insert_event(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    event: &Event,
    outcome: &str,
) -> Result<Option<i64>, StoreError> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO event (connector, event_id, received_at, occurred_at, sender, body, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (connector, event_id) DO NOTHING",
        )?
        .execute(params![
            connector.as_str(),
            event.id.as_str(),
            now,
            event.at.as_millisecond(),
            event.sender.id.as_str(),
            to_json(event)?,
            outcome
        ])?;
    Ok((inserted > 0).then(|| connection.last_insert_rowid()))
}

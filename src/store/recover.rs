//! What is put right at a start: turns that were cut off, messages of a platform that forgets, attempts that were too many.

use super::message::MessageRow;
use super::rows::from_id;
use super::step;
use super::{Store, StoreError};
use crate::domain::TurnId;
use cortex_chat::ConnectorName;
use rusqlite::{Connection, params};

/// What a start found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Whether the last stop was a crash.
    pub unclean: bool,
    /// Turns that go on.
    pub resumed: usize,
    /// Turns that were given up; their chats are told.
    pub set_aside: usize,
}

impl Store {
    /// Puts the store right after whatever ended the last run, and notes that a run has begun.
    ///
    /// `max_attempts` is how often a turn may be taken up without storing a step.
    pub async fn recover(&self, max_attempts: u32) -> Result<Recovered, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let unclean = connection
                .prepare("SELECT value FROM meta WHERE name = 'running'")?
                .query_map([], |row| row.get::<_, String>(0))?
                .next()
                .is_some();
            connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('running', '1')", [])?;
            connection.execute(
                "UPDATE conversation SET running_turn = NULL WHERE running_turn IS NOT NULL",
                [],
            )?;
            if !unclean {
                // A stop in order is nobody's failure.
                connection.execute("UPDATE turn SET attempts = 0 WHERE status = 'running'", [])?;
            }
            let given_up = turns(connection, "status = 'running' AND attempts >= ?1", max_attempts)?;
            let set_aside = given_up.len();
            for turn in given_up {
                step::set_aside(connection, now, turn)?;
            }
            // What was at work goes before what only waited.
            let resumed =
                connection.execute("UPDATE turn SET status = 'queued', resumed = 1 WHERE status = 'running'", [])?;
            Ok(Recovered {
                unclean,
                resumed,
                set_aside,
            })
        })
        .await
    }

    /// Forgets what a connector showed whose messages did not outlive the last process: finished ones that were never shown
    /// whole are shown anew, growing ones begin anew.
    pub async fn forget_shown(&self, connector: ConnectorName) -> Result<(), StoreError> {
        self.write(move |connection| {
            connection.execute(
                "UPDATE message SET send_state = 'unsent', reference = NULL
                 WHERE connector = ?1 AND (shown_version < desired_version OR desired_version = 0)
                 AND send_state IN ('sending', 'sent')",
                params![connector.as_str()],
            )?;
            // Open questions are put again as new messages; the old ones stand nowhere.
            connection.execute(
                "UPDATE message SET desired = NULL, shown_version = desired_version, send_state = 'unsent', reference = NULL
                 WHERE connector = ?1 AND approval IN (SELECT id FROM approval WHERE status = 'pending')",
                params![connector.as_str()],
            )?;
            Ok(())
        })
        .await
    }

    /// Takes a turn back from a worker that broke down: it is queued again, or set aside when it was taken up often enough.
    /// Gives what the chat is told.
    pub async fn give_back(&self, turn: TurnId, max_attempts: u32) -> Result<Vec<MessageRow>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let id = turn.to_string();
            connection.execute("UPDATE conversation SET running_turn = NULL WHERE running_turn = ?1", [&id])?;
            let attempts: u32 = connection.query_row("SELECT attempts FROM turn WHERE id = ?1", [&id], |row| row.get(0))?;
            if attempts >= max_attempts {
                return step::set_aside(connection, now, turn);
            }
            connection.execute(
                "UPDATE turn SET status = 'queued', resumed = 1 WHERE id = ?1 AND status = 'running'",
                [&id],
            )?;
            Ok(Vec::new())
        })
        .await
    }

    /// Notes that this run ended as it should.
    pub async fn note_clean_stop(&self) -> Result<(), StoreError> {
        self.write(|connection| {
            connection.execute("DELETE FROM meta WHERE name = 'running'", [])?;
            connection.execute("DELETE FROM event_attempt", [])?;
            Ok(())
        })
        .await
    }
}

fn turns(connection: &Connection, condition: &str, limit: u32) -> Result<Vec<TurnId>, StoreError> {
    let ids: Vec<String> = connection
        .prepare(&format!("SELECT id FROM turn WHERE {condition} ORDER BY number"))?
        .query_map([limit], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    ids.iter().map(|id| from_id(id, "turn.id")).collect()
}

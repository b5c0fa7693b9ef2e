//! The store for command-line tools, which work beside a daemon that may be running on it.
//!
//! They do not take the store's lock, which is for one daemon. Each command is one short transaction of its own, for which SQLite
//! lets the daemon and the tool wait for one another. The daemon looks up everything that they change when it needs it; only
//! messages must come to its notice, through the table `handover`.

use super::identity::{self, KnownUser, Removal};
use super::message::{self, MessageRow};
use super::pairing::{self, PairingAnswer, PairingAttempt};
use super::sqlite::{connect_beside, is_current, newest_time};
use super::{OpenError, Store, StoreError};
use crate::clock::Clock;
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// The store, opened beside a daemon.
pub struct StoreBeside {
    connection: Connection,
    clock: Clock,
}

impl StoreBeside {
    /// Opens a store that is there and of exactly this version.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, OpenError> {
        let connection = connect_beside(path)?;
        let newest = newest_time(&connection).map_err(|error| OpenError::Unusable {
            path: path.to_owned(),
            problem: error.to_string(),
        })?;
        clock.not_before(newest);
        Ok(Self { connection, clock })
    }

    /// Every user there is, by name.
    pub fn users(&mut self) -> Result<Vec<KnownUser>, StoreError> {
        self.transact(|connection, _| identity::all(connection))
    }

    /// Looks at a pairing code, or lets its stranger in; they are told by the daemon, at once if it runs.
    pub fn pair(&mut self, attempt: &PairingAttempt<'_>) -> Result<PairingAnswer, StoreError> {
        self.transact(|connection, now| {
            let answer = pairing::attempt(connection, now, attempt)?;
            if let PairingAnswer::Accepted(accepted) = &answer {
                hand_over(connection, &accepted.messages)?;
            }
            Ok(answer)
        })
    }

    /// Removes a user whom an admin let in, or an identity (`CONNECTOR:ID`) that an admin gave to a user.
    pub fn remove(&mut self, name: &str, by: &str) -> Result<Removal, StoreError> {
        self.transact(|connection, now| identity::remove(connection, now, name, by))
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Connection, i64) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let now = self.clock.now().as_millisecond();
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // A daemon of another version may have been started since this was opened.
        if !is_current(&transaction)? {
            return Err(StoreError::Database("another version of cortex has taken it over".to_owned()));
        }
        let value = work(&transaction, now)?;
        transaction.commit()?;
        Ok(value)
    }
}

impl Store {
    /// The messages that command-line tools stored since the last call and that do not yet stand as they should.
    pub async fn take_handed_over(&self) -> Result<Vec<MessageRow>, StoreError> {
        let is_any = self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM handover)")?;
            Ok(statement.query_row([], |row| row.get::<_, bool>(0))?)
        });
        if !is_any.await? {
            return Ok(Vec::new());
        }
        self.write(|connection| {
            let rows = message::handed_over(connection)?;
            connection.execute("DELETE FROM handover", [])?;
            Ok(rows)
        })
        .await
    }
}

/// A daemon that does not run shows all that is not shown when it starts, so it does not matter whether one takes this up.
fn hand_over(connection: &Connection, messages: &[MessageRow]) -> Result<(), StoreError> {
    for message in messages {
        connection.execute("INSERT OR IGNORE INTO handover (message) VALUES (?1)", [message.id.as_str()])?;
    }
    Ok(())
}

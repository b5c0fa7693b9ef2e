//! What must outlive the process: a small set of closed commands, each one transaction, and queries.
//!
//! Nobody outside sees a transaction, so the one writing connection can commit many commands with one sync to disk.

mod accept;
mod approvals;
mod beside;
mod claim;
mod condition;
mod identity;
mod message;
mod moved;
mod pairing;
mod query;
mod recover;
mod rows;
mod sqlite;
mod step;
mod toolrun;
mod wait;

pub use accept::{Accepted, RouterSettings};
pub use approvals::Expired;
pub use beside::StoreBeside;
pub use claim::{ClaimedTurn, HistoryEntry};
pub use identity::{DeclaredUser, KnownUser, Origin, PersonContext, Removal};
pub use message::{MessageId, MessageRow, Shown};
pub use pairing::{PairingAnswer, PairingAttempt, PairingRefusal, Stranger};
pub use query::{OpenTurn, StatusFacts, UsageTotals};
pub use recover::Recovered;
pub use sqlite::{OpenError, Store};
pub use step::{AuditRecord, Committed, DesiredMessage, Fence, HistoryAppend, NewQuestion, StepCommit, UsageRecord};
pub use toolrun::{FinishedRun, ToolStart};
pub use wait::ChatWait;

use thiserror::Error;

/// Why a command of the store did not take effect. Nothing of it did.
#[derive(Debug, Error)]
pub enum StoreError {
    /// No room: on the disk or within the store's own size limit.
    #[error("the store is full ({0}); free some space, or raise store.max_size_mib, and try again")]
    Full(String),
    /// Somebody else moved the turn on; the caller's work is void.
    #[error("the turn has moved on since (version {expected} expected)")]
    Superseded {
        /// What the caller had.
        expected: u64,
    },
    /// Stored data that cannot be; names the place, not the content.
    #[error("the store holds something impossible in {place}: {problem}")]
    Corrupt {
        /// Table, column and row.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(String),
    /// What was to be stored, or what was found stored, breaks the rules of the tables.
    #[error("the database refuses this: {0}")]
    Refused(String),
    /// The command broke down on the way.
    #[error("a command of the store ended in a panic")]
    Panicked,
    /// The store is closing.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Whether it is about what was asked of the store, so that the same would happen again: neither the disk, nor the end of the
    /// daemon, nor another hand.
    pub fn is_about_content(&self) -> bool {
        matches!(self, Self::Corrupt { .. } | Self::Refused(_) | Self::Panicked)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(error.to_string()),
            // Without a code of the database it is a value that is not what its column should hold.
            None
            | Some(
                ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch
                | ErrorCode::TooBig
                | ErrorCode::ParameterOutOfRange,
            ) => Self::Refused(error.to_string()),
            Some(_) => Self::Database(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;

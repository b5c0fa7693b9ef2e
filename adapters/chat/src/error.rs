//! What can go wrong between the daemon and a platform. Each outbound error says what its caller should do.
//!
//! No error carries message text, a token or a request address.

use crate::ChatId;
use std::time::Duration;
use thiserror::Error;

/// Why a call to a platform did not do what was asked.
#[derive(Debug, Error)]
pub enum OutboundError {
    /// Wait at least so long before the next call there, and do not go round it by another way.
    #[error("the platform asks to wait {} s", .retry_after.as_secs_f32())]
    RateLimited {
        /// Counted from now.
        retry_after: Duration,
    },
    /// The message already stands as asked: done.
    #[error("the message already stands as asked")]
    NotModified,
    /// The message or chat is no more, or can no longer be edited: send a new one.
    #[error("the message or chat is gone: {0}")]
    Gone(String),
    /// The chat has gone on under another id: send it there.
    #[error("the chat has moved")]
    Moved {
        /// The chat's new id.
        to: ChatId,
    },
    /// Split it and try again.
    #[error("the text is too long for one message")]
    TooLong,
    /// Send it as plain text.
    #[error("the platform refuses the markup: {0}")]
    BadMarkup(String),
    /// It may have arrived: ask the platform where it can be asked.
    #[error("no answer, so it may have arrived: {0}")]
    Unknown(String),
    /// It did not arrive: try again later.
    #[error("it did not arrive: {0}")]
    Transient(String),
    /// We may not write there: do not try again.
    #[error("not allowed to write there: {0}")]
    Forbidden(String),
}

/// Why events could not be stored. The platform must not be told that they were received.
#[derive(Debug, Error)]
#[error("the events could not be stored: {0}")]
pub struct InboxError(pub String);

/// Why a connector can no longer read; it takes the daemon down with this sentence.
#[derive(Debug, Error)]
pub enum InboundError {
    /// A setting or a credential must be mended by a person.
    #[error("{0}")]
    Fatal(String),
    /// The inbox refused.
    #[error(transparent)]
    Inbox(#[from] InboxError),
}

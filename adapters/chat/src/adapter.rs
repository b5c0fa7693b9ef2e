//! The two traits that an adapter implements.
//!
//! # How to add an adapter
//!
//! Make a crate beside the others with the same files (`config`, `inbound`, `outbound`, `render`, `tests`), build a
//! [`Connector`] from its settings, name it in the root package's `cli::run::connectors`, and hold it to the contract, which is in the
//! module `contract` behind the feature of that name, as words and as tests. In short:
//!
//! - Inbound hands events over in the order in which they happened, each batch with the cursor that follows it, and
//!   confirms to the platform only after [`Inbox::accept`] has returned `Ok`.
//! - The same platform event always carries the same event id, so that a redelivery does nothing.
//! - Outbound never waits out a rate limit by itself, never retries a send, and never writes without being told.

use crate::{
    Address, Capabilities, ConnectorName, EventBatch, EventId, InboundError, InboxError, MessageRef, OutboundError,
    OutgoingMessage, SendKey, Signal, Text,
};
use async_trait::async_trait;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Where a connector hands its events over. When `accept` returns `Ok`, they are on disk.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Stores the batch and its cursor in one transaction.
    async fn accept(&self, connector: &ConnectorName, batch: EventBatch) -> Result<Receipt, InboxError>;

    /// The cursor stored last for a scope.
    async fn cursor(&self, connector: &ConnectorName, scope: &str) -> Result<Option<String>, InboxError>;

    /// Tells how the reading goes, each time it is known.
    fn report(&self, connector: &ConnectorName, condition: Condition);
}

/// What came of a batch at once.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// What those who took a choice are told, where [`Capabilities::replies_to_choices`] says that they can be.
    pub replies: Vec<ChoiceReply>,
}

/// A word for the one person who took a choice.
#[derive(Clone, Debug)]
pub struct ChoiceReply {
    /// The event of the choice.
    pub event: EventId,
    /// What they are told; at most 200 characters.
    pub text: Text,
}

/// How a connector's reading goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The account is read by us alone, as far as the platform tells.
    Alone,
    /// Somebody else reads the same account, so that each gets a part of the events. Acting on a part is dangerous: until the
    /// account is ours alone again, no tools run for this connector.
    Contested,
}

/// The reading half of a connector.
#[async_trait]
pub trait Inbound: Send {
    /// Reads until `shutdown`, or until a person must mend something.
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError>;
}

/// The writing half of a connector.
#[async_trait]
pub trait Outbound: Send + Sync {
    /// What the platform can do.
    fn capabilities(&self) -> &Capabilities;

    /// Sends a new message. `key` is the same for every attempt at the same message.
    async fn send(&self, to: &Address, key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError>;

    /// Brings a sent message to this content.
    async fn edit(&self, at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError>;

    /// Takes a sent message away.
    async fn delete(&self, at: &Address, reference: &MessageRef) -> Result<(), OutboundError>;

    /// Shows or ends a sign of life.
    async fn signal(&self, at: &Address, signal: Signal) -> Result<(), OutboundError>;

    /// Whether a send whose answer was lost has arrived. Asked before it is made again, also where
    /// [`Capabilities::can_find_sends`] says that nothing can be found: an error says that now is no time to try.
    async fn find(&self, at: &Address, key: &SendKey) -> Result<Option<MessageRef>, OutboundError>;
}

/// A configured account, ready to run.
pub struct Connector {
    /// Its name in the config.
    pub name: ConnectorName,
    /// The reading half.
    pub inbound: Box<dyn Inbound>,
    /// The writing half.
    pub outbound: Arc<dyn Outbound>,
}

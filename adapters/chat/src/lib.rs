//! The vocabulary that Cortex and its chat adapters share: ids, events coming in, messages going out, what a platform
//! can do, what can go wrong, the two adapter traits, and markup parsed once for all of them.
//!
//! It knows no platform by name, and nothing of turns, tools, models or the store.

mod adapter;
mod capabilities;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod error;
mod event;
mod id;
pub mod markup;
mod outgoing;
mod text;

pub use adapter::{ChoiceReply, Condition, Connector, Inbound, Inbox, Outbound, Receipt};
pub use capabilities::{Capabilities, ChatPace, ChoiceDisplay, HoldBack, TextLimit, TextUnit};
pub use error::{InboundError, InboxError, OutboundError};
pub use event::{
    Attachment, ChatKind, Event, EventBatch, EventKind, IncomingMessage, MoreToCome, Provenance, Quote, Sender, SenderKind,
};
pub use id::{Address, ChatId, ChoiceId, ConnectorName, EventId, MessageRef, SendKey, SenderId, ThreadId};
pub use markup::Document;
pub use outgoing::{Choice, ChoiceStyle, MessageKind, OutgoingMessage, Signal};
pub use text::Text;

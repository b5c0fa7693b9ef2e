//! Names of things on a platform. Each is the platform's own immutable id as text; none is a display name.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as the platform writes it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as the platform writes it.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    };
}

text_id!(
    /// The name of a configured account, the NAME of `[connectors.NAME]`.
    ConnectorName
);
text_id!(
    /// A chat or room of a connector.
    ChatId
);
text_id!(
    /// A thread or topic inside a chat.
    ThreadId
);
text_id!(
    /// Who wrote or pressed, by the platform's immutable id.
    SenderId
);
text_id!(
    /// One event of a connector; the same event delivered again carries the same id.
    EventId
);
text_id!(
    /// A message on the platform, unique within its chat.
    MessageRef
);
text_id!(
    /// The opaque id of an offered choice, at most 64 bytes, made by the gate.
    ChoiceId
);
text_id!(
    /// Our own stable name of a send, the same for every attempt; platforms that can, deduplicate or look up by it.
    SendKey
);

/// Where a conversation is held: a chat, or a thread in it, on a connector.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Address {
    /// The account that reads and writes there.
    pub connector: ConnectorName,
    /// The chat or room.
    pub chat: ChatId,
    /// The thread, where the platform has threads and the conversation is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<ThreadId>,
}

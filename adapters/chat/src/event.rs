//! What comes in from a platform, in the words that all platforms share.

use crate::{Address, ChatId, ChoiceId, EventId, MessageRef, SenderId, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Events that are stored together with the cursor that follows them: either all of it is kept, or nothing.
#[derive(Clone, Debug)]
pub struct EventBatch {
    /// What the cursor counts: an account's update stream, or one room.
    pub scope: String,
    /// Where to go on reading after these events; `None` where the platform keeps no position.
    pub cursor: Option<String>,
    /// In the order in which they happened.
    pub events: Vec<Event>,
    /// Whether the platform had nothing more at this moment. The time between two such batches is an absence: what people
    /// pressed in a long one may be lost, so open questions are put again after it.
    pub caught_up: bool,
}

/// One thing that happened on a platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// The platform's id of the event; a redelivery is recognised by it.
    pub id: EventId,
    /// Where it happened.
    pub address: Address,
    /// One-to-one or not.
    pub chat_kind: ChatKind,
    /// When, by the platform's clock.
    pub at: Timestamp,
    /// Who did it.
    pub sender: Sender,
    /// What happened.
    pub kind: EventKind,
}

/// Who may read along in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    /// One person and the bot.
    OneToOne,
    /// A group or room.
    Room,
}

/// Who did something on a platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sender {
    /// The platform's immutable id.
    pub id: SenderId,
    /// Person, bot or hidden.
    pub kind: SenderKind,
    /// What to call them in a sentence; never used to tell who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text>,
}

/// What stands behind a sender id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SenderKind {
    /// A person's own account.
    Person,
    /// Another bot, a bridge or a webhook.
    Bot,
    /// A channel or an anonymous admin: nobody that could be checked.
    Anonymous,
}

/// What happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum EventKind {
    /// A new message.
    Message(IncomingMessage),
    /// An earlier message has a new text.
    Edit(IncomingMessage),
    /// A choice offered with a message was taken: a button, a number.
    Choice {
        /// The message that offered it.
        message: MessageRef,
        /// Which one.
        choice: ChoiceId,
    },
    /// A reaction was put on a message of the bot, or taken back.
    Reaction {
        /// The message it is on.
        message: MessageRef,
        /// The emoji as the platform sent it.
        emoji: String,
        /// Put (true) or taken back (false).
        added: bool,
    },
    /// The person asked to stop what is running here: a Stop button, Ctrl-C.
    Stop,
    /// The chat has gone on under another id; its conversations go with it. Not done by a person.
    Moved {
        /// The chat's new id.
        to: ChatId,
    },
    /// Something we keep and do not act on.
    Other {
        /// The platform's name of the kind of event.
        name: String,
        /// The event as the platform sent it, where it is of a kind that we do not know and of a size that can be kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content: Option<Text>,
    },
}

/// A message from a platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IncomingMessage {
    /// The platform's reference, for replies to it.
    pub reference: MessageRef,
    /// What it says, with mentions and placeholders resolved to text.
    pub text: Text,
    /// The message that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageRef>,
    /// What the sender shows of that message along with their own words, where the bot did not write it or only a part of it is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<Quote>,
    /// Whether it speaks to the bot: always in one-to-one chats; in rooms by mention, reply or command.
    pub addressed: bool,
    /// Whether the sender typed it now.
    pub provenance: Provenance,
    /// Files that came with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Whether messages that belong to it may follow at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more: Option<MoreToCome>,
}

/// A part of another message that a message carries along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// What it says.
    pub text: Text,
    /// Whether neither the sender nor the bot wrote it.
    pub foreign: bool,
}

/// Why a message may be the first of several that are one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoreToCome {
    /// It is one of an album of this id, whose items are messages of their own.
    Album(String),
    /// It is as long as a message can be, so that the sender's client has probably cut a longer text here.
    LongText,
}

/// How a text came into its message. Only what is typed now may decide or command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Typed by the sender, now.
    Typed,
    /// Somebody else's words passed on.
    Forwarded,
    /// Posted through a bot.
    ViaBot,
    /// Made from speech.
    Transcript,
}

/// A file that came with a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachment {
    /// The name its sender gave it; hostile, never a path.
    pub name: Text,
    /// The media type as the platform tells it.
    pub media_type: String,
    /// Its size, where the platform tells it.
    pub size_bytes: Option<u64>,
    /// What the adapter needs to fetch it.
    pub reference: String,
}

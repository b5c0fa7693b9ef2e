//! What goes out to a platform.

use crate::{ChoiceId, Document, MessageRef};
use serde::{Deserialize, Serialize};

/// A message as it should stand in the chat. An edit carries the whole of it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutgoingMessage {
    /// What the message is for.
    pub kind: MessageKind,
    /// What it says.
    pub body: Document,
    /// What the person may choose with it; empty on an edit takes the choices away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The message that it answers; counts when it is sent, not when it is edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageRef>,
    /// Whether more of it will follow.
    #[serde(default)]
    pub live: bool,
    /// Whether it is the last message of its answer, once it is no longer live. False where the answer goes on in a further
    /// message, be it that the text is long or that a decision is waited for. A notice that replies to a request and is the
    /// last takes the place of its answer; false where it is a word in passing.
    #[serde(default = "yes")]
    pub last: bool,
}

fn yes() -> bool {
    true
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The answer to a request, with its progress while it is made.
    Answer,
    /// A question of the confirmation gate.
    Prompt,
    /// A short word of the daemon itself.
    Notice,
}

/// One thing that a person may choose under a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Comes back in the event when it is chosen.
    pub id: ChoiceId,
    /// What stands on the button.
    pub label: String,
    /// What can be typed instead.
    pub keyword: String,
    /// The reaction that stands for it, where the platform shows choices so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emoji: Option<String>,
    /// How it should look.
    pub style: ChoiceStyle,
}

/// How a choice should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceStyle {
    /// Goes ahead.
    Positive,
    /// Neither.
    Neutral,
    /// Refuses.
    Negative,
}

/// A passing sign of life in a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The bot is at work on an answer.
    Typing,
    /// It no longer is.
    Idle,
}

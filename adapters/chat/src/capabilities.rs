//! What a platform can do, as data: the daemon reads it and never asks for a platform by name.

use std::time::Duration;

/// What a connector's platform can do and what it can bear.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own about the platform")]
pub struct Capabilities {
    /// How long one message may be.
    pub text_limit: TextLimit,
    /// Edits and sends in a one-to-one chat.
    pub one_to_one_pace: ChatPace,
    /// Edits and sends in a room.
    pub room_pace: ChatPace,
    /// Calls per second for the whole account; `None` where there is no such limit.
    pub account_calls_per_second: Option<u32>,
    /// What is waited for before a first text is sent.
    pub hold_back: HoldBack,
    /// Edits of one message before it becomes a burden for its readers' clients.
    pub edits_per_message: Option<u32>,
    /// How long after its sending a message may be edited.
    pub edit_age: Option<Duration>,
    /// How choices are shown.
    pub choices: ChoiceDisplay,
    /// Whether the references of a chat are numbers that grow with each message in it, whoever sends it.
    pub references_count_up: bool,
    /// Whether the person who takes a choice can be told something that nobody else sees.
    pub replies_to_choices: bool,
    /// Whether a conversation can be a thread of a chat.
    pub threads: bool,
    /// How often typing must be signalled again; `None` where there is no such signal.
    pub typing_every: Option<Duration>,
    /// Whether a repeated send with the same key is the same message.
    pub idempotent_sends: bool,
    /// Whether [`crate::Outbound::find`] can tell if a send arrived.
    pub can_find_sends: bool,
    /// Whether messages outlive the connector's process: false for a terminal, whose open messages are shown anew.
    pub keeps_messages: bool,
    /// Pending prompts are announced again after the connector was away for longer than this.
    pub announce_again_after: Duration,
}

/// How long a text may be, and in what that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextLimit {
    /// The most units in one message.
    pub max: usize,
    /// The unit.
    pub unit: TextUnit,
}

/// In what a platform counts the length of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextUnit {
    /// Bytes of UTF-8.
    Bytes,
    /// Unicode scalar values.
    Characters,
    /// UTF-16 code units.
    Utf16,
}

impl TextUnit {
    /// The length of a text in this unit.
    pub fn length(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::Characters => text.chars().count(),
            Self::Utf16 => text.encode_utf16().count(),
        }
    }
}

/// How often one message may change while its answer grows.
#[derive(Clone, Debug)]
pub struct ChatPace {
    /// Steps by the age of the answer: from that age on, at least this long between two calls. Ascending; the first is at zero.
    pub intervals: Vec<(Duration, Duration)>,
    /// Calls per minute for the whole chat.
    pub calls_per_minute: Option<u32>,
}

impl ChatPace {
    /// The least time between two calls when the answer is this old.
    pub fn interval_at(&self, age: Duration) -> Duration {
        self.intervals
            .iter()
            .rev()
            .find(|(from, _)| *from <= age)
            .map_or(Duration::ZERO, |(_, interval)| *interval)
    }
}

/// A first text is sent when it has this many characters or has waited this long.
#[derive(Clone, Copy, Debug)]
pub struct HoldBack {
    /// Enough to be worth showing.
    pub characters: usize,
    /// No longer than this.
    pub wait: Duration,
}

/// How choices are shown to the person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoiceDisplay {
    /// Buttons of the platform.
    Buttons,
    /// Reactions that the bot seeds on its own message.
    Reactions,
    /// Numbers or keywords to type.
    Typed,
}

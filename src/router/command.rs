//! The commands that a person can type.

use crate::gate::keywords::is_code;
use cortex_chat::Text;

/// The commands that everybody can type, with what they do, for `/help` and for platforms that offer a menu of them.
/// Names are `[a-z0-9_]{1,32}`, descriptions up to 256 characters without markup.
pub const COMMANDS: &[(&str, &str)] = &[
    ("new", "starts a new session"),
    ("stop", "stops what is running here"),
    ("status", "shows what is going on"),
    ("approvals", "lists what waits for your decision"),
    ("deny", "denies one of them: its CODE and a reason; or all of them: all"),
    ("usage", "shows the tokens used"),
    ("help", "shows what I can do"),
];

/// A command of the chat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What can I do here?
    Help,
    /// Begin a new session.
    New,
    /// Stop what runs for the sender in this conversation.
    Stop,
    /// What is going on?
    Status,
    /// What waits for a decision?
    Approvals,
    /// Deny a question, or all of them.
    Deny {
        /// Which one.
        which: Which,
        /// Why.
        reason: Option<Text>,
    },
    /// What was used?
    Usage,
    /// Let a stranger in; not set where the words after it are no such request.
    Pair(Option<PairRequest>),
    /// There is no such command.
    Unknown(String),
}

/// What an admin says of a stranger who shall be let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRequest {
    /// The code that the stranger was given.
    pub code: Text,
    /// The stranger's id on their platform. Not set: who is it?
    pub id: Option<String>,
    /// The user whom they are, or become.
    pub name: Option<String>,
}

/// Which questions a command is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this code.
    Code(String),
    /// All that are open.
    All,
    /// Not said; clear only where one is open.
    Unnamed,
}

impl Command {
    /// Reads a command: `/name` or `!name`, perhaps with the bot's name after an `@`, and its words. `None` where the text is
    /// none: a path such as `/etc/hosts`, a lone mark, ordinary words.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let body = text.strip_prefix(['/', '!'])?;
        let (head, rest) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
        let name = head.split_once('@').map_or(head, |(name, _)| name).to_lowercase();
        let starts_with_letter = name.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
        if !starts_with_letter
            || !name
                .chars()
                .all(|character| character.is_ascii_alphanumeric() || character == '_')
        {
            return None;
        }
        let rest = rest.trim();
        Some(match name.as_str() {
            "help" | "start" => Self::Help,
            "new" => Self::New,
            "stop" => Self::Stop,
            "status" => Self::Status,
            "approvals" => Self::Approvals,
            "deny" => Self::deny(rest),
            "usage" => Self::Usage,
            "pair" => Self::Pair(pair(rest)),
            _ => Self::Unknown(name),
        })
    }

    fn deny(rest: &str) -> Self {
        let (first, others) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (which, reason) = match first {
            "all" => (Which::All, others),
            code if is_code(code) => (Which::Code(code.to_uppercase()), others),
            _ => (Which::Unnamed, rest),
        };
        let reason = Some(reason.trim()).filter(|reason| !reason.is_empty()).map(Text::from);
        Self::Deny { which, reason }
    }
}

fn pair(rest: &str) -> Option<PairRequest> {
    let mut words = rest.split_whitespace();
    let request = PairRequest {
        code: words.next()?.into(),
        id: words.next().map(str::to_owned),
        name: words.next().map(str::to_owned),
    };
    words.next().is_none().then_some(request)
}

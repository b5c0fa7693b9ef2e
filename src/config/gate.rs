//! `[gate]`: how a person is asked and how they answer.

use std::time::Duration;

/// A person looks into their chats once a day.
const EXPIRES_AFTER: Duration = Duration::from_hours(24);
/// More prompts than this at once are approved unread.
const MAX_PENDING_PER_ROUND: u32 = 8;

/// How a person is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateSettings {
    /// When an unanswered prompt counts as denied.
    pub expires_after: Duration,
    /// The most prompts of one round; calls beyond are refused.
    pub max_pending_per_round: u32,
    /// Whether "always" is offered at all.
    pub allow_always: bool,
    /// The words that answer a prompt.
    pub keywords: KeywordSettings,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            expires_after: EXPIRES_AFTER,
            max_pending_per_round: MAX_PENDING_PER_ROUND,
            allow_always: true,
            keywords: KeywordSettings::default(),
        }
    }
}

/// The words that answer a prompt: single words in lower case, none in two lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeywordSettings {
    /// Allow once.
    pub yes: Vec<String>,
    /// Allow for this session.
    pub session: Vec<String>,
    /// Allow always.
    pub always: Vec<String>,
    /// Deny.
    pub no: Vec<String>,
    /// After a `yes` or `no`: the whole set that was shown.
    pub all: Vec<String>,
    /// Show the prompt uncut.
    pub show: Vec<String>,
}

impl Default for KeywordSettings {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|&word| word.to_owned()).collect();
        Self {
            yes: words(&["yes", "y", "ok", "approve", "confirm"]),
            session: words(&["session"]),
            always: words(&["always"]),
            no: words(&["no", "n", "deny", "cancel"]),
            all: words(&["all"]),
            show: words(&["show"]),
        }
    }
}

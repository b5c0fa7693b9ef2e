//! `[profiles.NAME]`: set-ups of a model for a purpose.

use std::collections::BTreeSet;

/// The profile that answers people where nothing else is said; it always exists.
pub const CHAT_PROFILE: &str = "chat";

/// A set-up of a model for a purpose.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileSettings {
    /// The NAME of its `[models.NAME]`.
    pub model: String,
    /// Added to the end of the system prompt.
    pub system_append: String,
    /// Whether the prompt tells date, time and zone.
    pub inject_datetime: bool,
    /// Whether the prompt tells the mode of the conversation.
    pub inject_mode: bool,
    /// The only tools offered; `None` narrows nothing, an empty set offers none.
    pub tools: Option<BTreeSet<String>>,
    /// The most rounds of a turn; the smallest of all such limits holds.
    pub max_rounds: Option<u32>,
    /// Takes the place of the model's temperature.
    pub temperature: Option<f32>,
}

impl ProfileSettings {
    /// A profile of a model with the defaults of all else.
    pub fn new(model: impl Into<String>) -> Self {
        Self {
            model: model.into(),
            system_append: String::new(),
            inject_datetime: true,
            inject_mode: true,
            tools: None,
            max_rounds: None,
            temperature: None,
        }
    }
}

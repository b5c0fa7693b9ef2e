//! `[profiles.NAME]`: set-ups of a model for a purpose.

use super::engine::ROUNDS;
use super::models::TEMPERATURES;
use super::reader::{Section, Value};
use std::collections::{BTreeMap, BTreeSet};

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

/// Reads all of `[profiles]`; `models` are the names of those that there are, in the order of the file.
pub(super) fn read_all(profiles: Vec<(&str, Section<'_>)>, models: &[&str]) -> BTreeMap<String, ProfileSettings> {
    let mut named: BTreeMap<&str, (Option<&str>, ProfileSettings)> = profiles
        .into_iter()
        .map(|(name, section)| (name, read_one(section, models)))
        .collect();
    named.entry(CHAT_PROFILE).or_insert_with(|| (None, ProfileSettings::new("")));
    let of_chat = named.get(CHAT_PROFILE).and_then(|(model, _)| *model);
    let default = of_chat.or(models.first().copied()).unwrap_or_default();
    let with_model = |(name, (model, profile)): (&str, (Option<&str>, ProfileSettings))| {
        (
            name.to_owned(),
            ProfileSettings {
                model: model.unwrap_or(default).to_owned(),
                ..profile
            },
        )
    };
    named.into_iter().map(with_model).collect()
}

/// The model that the profile names, and all else.
fn read_one<'a>(mut section: Section<'a>, models: &[&str]) -> (Option<&'a str>, ProfileSettings) {
    let model = section.read("model", |value| value.declared("models", models));
    let default = ProfileSettings::new("");
    let profile = ProfileSettings {
        system_append: section.read("system_append", Value::string).unwrap_or_default().to_owned(),
        inject_datetime: section
            .read("inject_datetime", Value::boolean)
            .unwrap_or(default.inject_datetime),
        inject_mode: section.read("inject_mode", Value::boolean).unwrap_or(default.inject_mode),
        tools: section.read("tools", Value::tools),
        max_rounds: section.read("max_rounds", |value| value.integer(ROUNDS)),
        temperature: section.read("temperature", |value| value.number(TEMPERATURES)),
        ..default
    };
    section.finish();
    (model, profile)
}

//! `[gate]`: how a person is asked and how they answer.

use super::reader::{Section, Value};
use super::words;
use crate::gate::Keywords;
use std::collections::BTreeMap;
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
    /// The words that answer a prompt: single words in lower case, none in two lists.
    pub keywords: Keywords,
}

impl Default for GateSettings {
    fn default() -> Self {
        Self {
            expires_after: EXPIRES_AFTER,
            max_pending_per_round: MAX_PENDING_PER_ROUND,
            allow_always: true,
            keywords: Keywords::default(),
        }
    }
}

impl GateSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let settings = Self {
            expires_after: section
                .read("expires_after", Value::duration)
                .unwrap_or(default.expires_after),
            max_pending_per_round: section
                .read("max_pending_per_round", |value| value.integer(1..=32))
                .unwrap_or(default.max_pending_per_round),
            allow_always: section.read("allow_always", Value::boolean).unwrap_or(default.allow_always),
            keywords: read_keywords(section.section("keywords")),
        };
        section.finish();
        settings
    }
}

fn read_keywords(mut section: Section<'_>) -> Keywords {
    let default = Keywords::default();
    let settings = Keywords {
        yes: section.read("yes", some_keywords).unwrap_or(default.yes),
        session: section.read("session", keywords).unwrap_or(default.session),
        always: section.read("always", keywords).unwrap_or(default.always),
        no: section.read("no", some_keywords).unwrap_or(default.no),
        all: section.read("all", keywords).unwrap_or(default.all),
        show: section.read("show", keywords).unwrap_or(default.show),
    };
    check_meanings(&settings, &section);
    section.finish();
    settings
}

fn check_meanings(keywords: &Keywords, section: &Section<'_>) {
    let mut meanings = BTreeMap::new();
    for (name, words) in lists(keywords) {
        for word in words {
            let Some(other) = meanings.insert(word, name) else { continue };
            // One of the two may be a list of defaults; the other is the one that the operator wrote.
            let (place, other) = if section.has(name) { (name, other) } else { (other, name) };
            let word = words::quoted(word);
            if place == other {
                section.complain_about(place, format!("names {word} twice"), "name it once");
            } else {
                let help = "a word has one meaning; lists that are left out have their defaults";
                section.complain_about(place, format!("names {word}, as `{other}` does"), help);
            }
        }
    }
}

fn lists(keywords: &Keywords) -> [(&'static str, &[String]); 6] {
    [
        ("yes", &keywords.yes),
        ("session", &keywords.session),
        ("always", &keywords.always),
        ("no", &keywords.no),
        ("all", &keywords.all),
        ("show", &keywords.show),
    ]
}

/// For what nobody could answer in text without a word.
fn some_keywords(value: &Value<'_>) -> Option<Vec<String>> {
    if value.list()?.is_empty() {
        value.complain("is empty", "without a word for it nobody could answer in text");
        return None;
    }
    keywords(value)
}

fn keywords(value: &Value<'_>) -> Option<Vec<String>> {
    Some(value.list()?.iter().filter_map(keyword).collect())
}

/// Full stops and white space around an answer are ignored, so a keyword that has them would never match.
fn keyword(entry: &Value<'_>) -> Option<String> {
    let word = entry.string()?;
    if word.is_empty() || word.contains(char::is_whitespace) || word.starts_with('.') || word.ends_with('.') {
        let help = "write a single word without full stops around it";
        entry.complain(format!("{} is no keyword", words::quoted(word)), help);
        return None;
    }
    Some(word.to_lowercase())
}

//! `[log]`: what the process writes to its log.

use super::reader::{Section, Value};
use super::words;

/// What the daemon does, not each item.
const FILTER: &str = "info";
/// From quiet to loud.
const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// What the process writes to its log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogSettings {
    /// A level, or levels by module as in `info,cortex::engine=debug`.
    pub filter: String,
    /// How lines look.
    pub format: LogFormat,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            filter: FILTER.to_owned(),
            format: LogFormat::default(),
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

impl LogSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        let default = Self::default();
        let settings = Self {
            filter: section.read("filter", filter).unwrap_or(default.filter),
            format: section.read("format", |value| value.choice(&formats)).unwrap_or_default(),
        };
        section.finish();
        settings
    }
}

/// Checked here, since the subscriber takes a misspelt level for the name of a module.
fn filter(value: &Value<'_>) -> Option<String> {
    let text = value.nonblank()?;
    for directive in text.split(',') {
        let (module, level) = directive
            .split_once('=')
            .map_or((None, directive), |(module, level)| (Some(module), level));
        if !LEVELS.contains(&level.trim()) {
            let levels = words::either(LEVELS.map(words::quoted));
            value.complain(
                format!("{} is no level", words::quoted(level.trim())),
                format!("it must be {levels}"),
            );
            return None;
        }
        if module.is_some_and(|module| !is_module(module.trim())) {
            let help = "write levels as in \"info\" or \"info,cortex::engine=debug\"";
            value.complain(format!("{} is no module", words::quoted(directive)), help);
            return None;
        }
    }
    Some(text.split(',').map(str::trim).collect::<Vec<_>>().join(","))
}

fn is_module(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':')
}

//! `[connectors.NAME]`: the accounts the daemon listens on.

#[cfg(feature = "telegram")]
mod telegram;

#[cfg(feature = "telegram")]
pub use telegram::TelegramSettings;

use super::reader::{Section, Value};
use super::words;
use cortex_chat::ConnectorName;
use std::collections::BTreeMap;

/// Platforms that are planned or left out of this build; a config that names one deserves a better answer than "unknown".
const ABSENT_KINDS: &[&str] = &[
    #[cfg(not(feature = "telegram"))]
    "telegram",
    "matrix",
    "nextcloud-talk",
];

/// The platforms of this build as a config names them.
const KINDS: &str = if cfg!(feature = "telegram") {
    "\"telegram\" or \"console\""
} else {
    "\"console\""
};

/// An account on a platform.
#[derive(Clone, Debug)]
pub struct ConnectorSettings {
    /// The platform, with what only that platform needs.
    pub kind: ConnectorKind,
}

/// The platforms of this build.
#[derive(Clone, Debug)]
pub enum ConnectorKind {
    /// The terminal that the daemon runs in.
    Console,
    /// A Telegram bot.
    #[cfg(feature = "telegram")]
    Telegram(TelegramSettings),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Platform {
    Console,
    #[cfg(feature = "telegram")]
    Telegram,
}

/// Reads all of `[connectors]`.
pub(super) fn read_all(connectors: Vec<(&str, Section<'_>)>) -> BTreeMap<ConnectorName, ConnectorSettings> {
    let mut settings = BTreeMap::new();
    for (name, mut section) in connectors {
        let Some(platform) = section.require("kind", &format!("it must be {KINDS}"), platform) else {
            continue;
        };
        let has_console = settings
            .values()
            .any(|other: &ConnectorSettings| matches!(other.kind, ConnectorKind::Console));
        if platform == Platform::Console && has_console {
            section.complain_about("kind", "is a second console", "there is one terminal; remove one of the two");
        }
        let kind = match platform {
            Platform::Console => Some(ConnectorKind::Console),
            #[cfg(feature = "telegram")]
            Platform::Telegram => TelegramSettings::read(&mut section).map(ConnectorKind::Telegram),
        };
        section.finish();
        if let Some(kind) = kind {
            settings.insert(ConnectorName::new(name), ConnectorSettings { kind });
        }
    }
    settings
}

fn platform(value: &Value<'_>) -> Option<Platform> {
    if let Some(kind) = value.raw.as_str().filter(|kind| ABSENT_KINDS.contains(kind)) {
        value.complain(
            format!("{} is not part of this build", words::quoted(kind)),
            format!("it has {KINDS}"),
        );
        return None;
    }
    value.choice(&[
        #[cfg(feature = "telegram")]
        ("telegram", Platform::Telegram),
        ("console", Platform::Console),
    ])
}

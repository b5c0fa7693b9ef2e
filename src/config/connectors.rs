//! `[connectors.NAME]`: the accounts the daemon listens on.

use super::reader::{Section, Value};
use super::words;
use cortex_chat::ConnectorName;
use std::collections::BTreeMap;

/// Platforms that are planned; a config that names one deserves a better answer than "unknown".
const PLANNED_KINDS: [&str; 3] = ["telegram", "matrix", "nextcloud-talk"];

/// An account on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// The platform, with what only that platform needs.
    pub kind: ConnectorKind,
}

/// The platforms of this build.
// The size is set because one variant alone would have none, and a map of nothing is a set to the compiler's eye.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ConnectorKind {
    /// The terminal that the daemon runs in.
    Console,
}

/// Reads all of `[connectors]`.
pub(super) fn read_all(connectors: Vec<(&str, Section<'_>)>) -> BTreeMap<ConnectorName, ConnectorSettings> {
    let mut settings = BTreeMap::new();
    for (name, mut section) in connectors {
        let Some(kind) = section.require("kind", "it must be \"console\"", kind) else {
            continue;
        };
        let has_console = settings
            .values()
            .any(|other: &ConnectorSettings| other.kind == ConnectorKind::Console);
        if kind == ConnectorKind::Console && has_console {
            section.complain_about("kind", "is a second console", "there is one terminal; remove one of the two");
        }
        section.finish();
        settings.insert(ConnectorName::new(name), ConnectorSettings { kind });
    }
    settings
}

fn kind(value: &Value<'_>) -> Option<ConnectorKind> {
    if let Some(kind) = value.raw.as_str().filter(|kind| PLANNED_KINDS.contains(kind)) {
        value.complain(
            format!("{} is not part of this build", words::quoted(kind)),
            "it has \"console\"",
        );
        return None;
    }
    value.choice(&[("console", ConnectorKind::Console)])
}

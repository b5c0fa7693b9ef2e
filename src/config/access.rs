//! `[access]`: who is served.

use super::reader::Section;

/// Who is served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessSettings {
    /// Whether strangers are.
    pub mode: AccessMode,
    /// The tokens that one user may use up in a day; always present when the mode is open.
    pub daily_tokens_per_user: Option<u64>,
}

/// Whether strangers are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessMode {
    /// Only the users in the config and the store.
    #[default]
    Known,
    /// Anybody who can write to a connector.
    Open,
}

impl AccessSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let modes = [("known", AccessMode::Known), ("open", AccessMode::Open)];
        let mode = section.read("mode", |value| value.choice(&modes)).unwrap_or_default();
        let budget = section.value("daily_tokens_per_user");
        if mode == AccessMode::Open && budget.is_none() {
            section.complain_about(
                "daily_tokens_per_user",
                "is missing",
                "open access needs a budget: strangers would spend without end",
            );
        }
        let daily_tokens_per_user = budget.and_then(|value| value.integer(1..=u64::from(u32::MAX)));
        section.finish();
        Self {
            mode,
            daily_tokens_per_user,
        }
    }
}

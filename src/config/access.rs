//! `[access]`: who is served.

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

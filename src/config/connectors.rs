//! `[connectors.NAME]`: the accounts the daemon listens on.

/// An account on a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectorSettings {
    /// The platform, with what only that platform needs.
    pub kind: ConnectorKind,
}

/// The platforms of this build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectorKind {
    /// The terminal that the daemon runs in.
    Console,
}

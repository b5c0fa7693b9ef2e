//! `[users.NAME]`: the people the daemon knows.

use crate::domain::{Risk, Role};
use cortex_chat::{ConnectorName, SenderId};
use std::collections::BTreeSet;

/// One person, however they reach the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSettings {
    /// What they are to the daemon.
    pub role: Role,
    /// Who they are on the connectors; each belongs to one user only.
    pub identities: BTreeSet<Identity>,
    /// The highest risk of tools offered to them.
    pub max_risk: Risk,
    /// Tools that run unasked for them, unless the tool always asks.
    pub allow: BTreeSet<String>,
    /// Tools that ask every time; beats `allow`.
    pub ask: BTreeSet<String>,
    /// Tools never offered and never run; beats the others.
    pub block: BTreeSet<String>,
    /// Tools offered although their risk is above `max_risk`.
    pub include: BTreeSet<String>,
    /// Tools not offered whatever their risk.
    pub exclude: BTreeSet<String>,
    /// Whether they may answer a prompt with "always".
    pub may_grant_always: bool,
    /// IANA name of their time zone.
    pub time_zone: Option<String>,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            role: Role::default(),
            identities: BTreeSet::new(),
            max_risk: Risk::default(),
            allow: BTreeSet::new(),
            ask: BTreeSet::new(),
            block: BTreeSet::new(),
            include: BTreeSet::new(),
            exclude: BTreeSet::new(),
            may_grant_always: true,
            time_zone: None,
        }
    }
}

/// A person's id on a connector, written `CONNECTOR:ID`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity {
    /// The connector.
    pub connector: ConnectorName,
    /// The platform's immutable id of the person.
    pub sender: SenderId,
}

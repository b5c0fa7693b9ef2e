//! `[users.NAME]`: the people the daemon knows.

use super::reader::{Section, Value};
use super::words;
use crate::domain::{Risk, Role, UserName};
use cortex_chat::{ConnectorName, SenderId};
use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether they are made up for this run, since the config does not name who sits at the terminal.
    pub for_this_run: bool,
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
            for_this_run: false,
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

/// Reads all of `[users]`; `connectors` are the names of those that there are.
pub(super) fn read_all(users: Vec<(&str, Section<'_>)>, connectors: &[&str]) -> BTreeMap<UserName, UserSettings> {
    let mut taken = BTreeMap::new();
    let read = |(name, section)| (UserName(String::from(name)), read_one(name, section, connectors, &mut taken));
    users.into_iter().map(read).collect()
}

fn read_one<'a>(
    name: &'a str,
    mut section: Section<'_>,
    connectors: &[&str],
    taken: &mut BTreeMap<Identity, &'a str>,
) -> UserSettings {
    let roles = [("user", Role::User), ("admin", Role::Admin)];
    let risks = [("low", Risk::Low), ("medium", Risk::Medium), ("high", Risk::High)];
    let default = UserSettings::default();
    let settings = UserSettings {
        role: section.read("role", |value| value.choice(&roles)).unwrap_or_default(),
        identities: section
            .read("identities", |value| identities(value, name, connectors, taken))
            .unwrap_or_default(),
        max_risk: section.read("max_risk", |value| value.choice(&risks)).unwrap_or_default(),
        allow: section.read("allow", Value::tools).unwrap_or_default(),
        ask: section.read("ask", Value::tools).unwrap_or_default(),
        block: section.read("block", Value::tools).unwrap_or_default(),
        include: section.read("include", Value::tools).unwrap_or_default(),
        exclude: section.read("exclude", Value::tools).unwrap_or_default(),
        may_grant_always: section
            .read("may_grant_always", Value::boolean)
            .unwrap_or(default.may_grant_always),
        time_zone: section.read("time_zone", time_zone),
        for_this_run: false,
    };
    check_lists(&settings, &section);
    section.finish();
    settings
}

fn identities<'a>(
    list: &Value<'_>,
    user: &'a str,
    connectors: &[&str],
    taken: &mut BTreeMap<Identity, &'a str>,
) -> Option<BTreeSet<Identity>> {
    let mut identities = BTreeSet::new();
    for entry in list.list()? {
        let Some(identity) = identity(&entry, connectors) else {
            continue;
        };
        if let Some(owner) = taken.insert(identity.clone(), user) {
            let owner = if owner == user {
                "this user".to_owned()
            } else {
                format!("[users.{}]", words::key(owner))
            };
            entry.complain(
                format!("already belongs to {owner}"),
                "an identity belongs to one user and is named once",
            );
        }
        identities.insert(identity);
    }
    Some(identities)
}

fn identity(entry: &Value<'_>, connectors: &[&str]) -> Option<Identity> {
    let text = entry.string()?;
    let parts = text
        .split_once(':')
        .filter(|(connector, id)| !connector.is_empty() && is_id(id));
    let Some((connector, sender)) = parts else {
        entry.complain(
            format!("{} is no identity", words::quoted(text)),
            "write \"CONNECTOR:ID\" with the platform's own id of the person, such as \"console:local\"",
        );
        return None;
    };
    if !connectors.contains(&connector) {
        let help = if connectors.is_empty() {
            "add it; the config has no connector yet".to_owned()
        } else {
            words::instead(connector, connectors.iter().copied())
        };
        entry.complain(format!("there is no [connectors.{}]", words::key(connector)), help);
        return None;
    }
    Some(Identity {
        connector: ConnectorName::new(connector),
        sender: SenderId::new(sender),
    })
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && !id.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn time_zone(value: &Value<'_>) -> Option<String> {
    let name = value.string()?;
    if jiff::tz::TimeZone::get(name).is_err() {
        let help = "write an IANA name such as \"Europe/Berlin\" or \"UTC\"";
        value.complain(format!("{} is no known time zone", words::quoted(name)), help);
        return None;
    }
    Some(name.to_owned())
}

/// `include` and `exclude` contradict each other; a weaker list beside a stronger one is only pointless.
fn check_lists(user: &UserSettings, section: &Section<'_>) {
    for tool in user.include.intersection(&user.exclude) {
        section.complain_about(
            "include",
            format!("names `{tool}`, as `exclude` does"),
            "name it in one of them",
        );
    }
    for (weaker, tools, stronger, others) in [
        ("allow", &user.allow, "ask", &user.ask),
        ("allow", &user.allow, "block", &user.block),
        ("ask", &user.ask, "block", &user.block),
    ] {
        for tool in tools.intersection(others) {
            section.warn_about(
                weaker,
                format!("has no effect on `{tool}`"),
                format!("`{stronger}` names it too and wins"),
            );
        }
    }
}

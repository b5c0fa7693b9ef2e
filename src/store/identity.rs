//! Users, their identities and policies.

use super::rows::{from_json, to_json};
use super::{Store, StoreError};
use crate::domain::{Risk, Role, UserName};
use crate::gate::Policy;
use cortex_chat::{ConnectorName, SenderId};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeSet;

/// A user as the config declares them.
#[derive(Clone, Debug)]
pub struct DeclaredUser {
    /// The NAME of `[users.NAME]`.
    pub name: UserName,
    /// What they may do.
    pub policy: Policy,
    /// How they reach the bot.
    pub identities: Vec<(ConnectorName, SenderId)>,
}

/// A user as the store knows them now.
#[derive(Clone, Debug)]
pub struct PersonContext {
    /// Who.
    pub name: UserName,
    /// What they may do now; `None` when they are no longer a user.
    pub policy: Option<Policy>,
}

impl Store {
    /// Makes the users those of the config: new ones are added, changed ones changed, others removed (their records stay).
    pub async fn declare_users(&self, users: Vec<DeclaredUser>) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            connection.execute("UPDATE user SET removed_at = coalesce(removed_at, ?1)", [now])?;
            connection.execute("DELETE FROM identity", [])?;
            for user in users {
                connection.execute(
                    "INSERT INTO user (name, policy) VALUES (?1, ?2)
                     ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, removed_at = NULL",
                    params![user.name.0, to_json(&user.policy)?],
                )?;
                for (connector, sender) in user.identities {
                    connection.execute(
                        "INSERT INTO identity (connector, sender, user) VALUES (?1, ?2, ?3)",
                        params![connector.as_str(), sender.as_str(), user.name.0],
                    )?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// The user behind a sender.
pub(super) fn user_of(connection: &Connection, connector: &str, sender: &str) -> Result<Option<UserName>, StoreError> {
    Ok(connection
        .prepare_cached("SELECT user FROM identity WHERE connector = ?1 AND sender = ?2")?
        .query_row([connector, sender], |row| row.get(0))
        .optional()?
        .map(UserName))
}

/// What a user may do now; `None` when they are no longer a user.
pub(super) fn policy_of(connection: &Connection, user: &UserName) -> Result<Option<Policy>, StoreError> {
    let json: Option<String> = connection
        .prepare_cached("SELECT policy FROM user WHERE name = ?1 AND removed_at IS NULL")?
        .query_row([&user.0], |row| row.get(0))
        .optional()?;
    json.map(|json| from_json(&json, &format!("user.policy of {user}")))
        .transpose()
}

/// Makes a stranger a user without rights beyond the defaults, where everybody is served. Their name tells where they come from.
pub(super) fn welcome(
    connection: &Connection,
    connector: &ConnectorName,
    sender: &SenderId,
) -> Result<UserName, StoreError> {
    let name = UserName(format!("{connector}:{sender}"));
    let policy = Policy {
        role: Role::User,
        max_risk: Risk::default(),
        allow: BTreeSet::new(),
        ask: BTreeSet::new(),
        block: BTreeSet::new(),
        include: BTreeSet::new(),
        exclude: BTreeSet::new(),
        // Standing permissions are for people that somebody knows.
        may_grant_always: false,
        time_zone: None,
    };
    connection.execute(
        "INSERT INTO user (name, policy) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, removed_at = NULL",
        params![name.0, to_json(&policy)?],
    )?;
    connection.execute(
        "INSERT INTO identity (connector, sender, user) VALUES (?1, ?2, ?3)",
        params![connector.as_str(), sender.as_str(), name.0],
    )?;
    Ok(name)
}

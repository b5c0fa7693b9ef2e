//! Users, their identities and policies: those of the config, those whom an admin let in, and everybody where access is open.

use super::rows::{from_json, from_word, to_json};
use super::{Store, StoreError, step};
use crate::domain::{Risk, Role, UserName};
use crate::gate::Policy;
use cortex_chat::{ConnectorName, SenderId};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;
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
    /// Whether they are declared for this run alone, such as whoever sits at the terminal. Somebody of that name whom an admin
    /// let in is then the same person, and stays what they are.
    pub for_this_run: bool,
}

/// Where a user or an identity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The config names them.
    Config,
    /// An admin let them in; they stay until an admin removes them, or the config names them itself.
    Paired,
    /// Access is open.
    Open,
}

impl Origin {
    /// The word in the store and in sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Paired => "paired",
            Self::Open => "open",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Config, Self::Paired, Self::Open]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// A user with all that there is to tell about them.
#[derive(Clone, Debug)]
pub struct KnownUser {
    /// Who.
    pub name: UserName,
    /// What they are to the daemon.
    pub role: Role,
    /// Where they come from.
    pub origin: Origin,
    /// How they reach the bot, and where each of these comes from.
    pub identities: Vec<(ConnectorName, SenderId, Origin)>,
}

/// What came of a wish to remove somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// The user is one no more, by no identity.
    User(UserName),
    /// An identity is this user's no more; the user stays.
    Identity(UserName),
    /// They were not let in by an admin, so that no admin can remove them here.
    NotPaired(Origin),
    /// There is nobody of that name.
    Nobody,
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
    /// Makes the users those of the config and those whom an admin let in. Of the config's, new ones are added, changed ones
    /// changed, others removed (their records stay), with every identity that they had. The config wins: an identity that it
    /// names belongs to the user it says, and a user it names is what it says. Whom open access has let in stays while it is
    /// open: what they asked before a crash goes on after it.
    pub async fn declare_users(&self, users: Vec<DeclaredUser>, open_access: bool) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let goes = if open_access {
                "origin = 'config'"
            } else {
                "origin != 'paired'"
            };
            connection.execute(
                &format!("UPDATE user SET removed_at = coalesce(removed_at, ?1) WHERE {goes}"),
                [now],
            )?;
            connection.execute(&format!("DELETE FROM identity WHERE {goes}"), [])?;
            for user in users {
                if !(user.for_this_run && is_paired(connection, &user.name)?) {
                    put_user(connection, &user.name, &user.policy, Origin::Config)?;
                }
                for (connector, sender) in user.identities {
                    put_identity(connection, &connector, &sender, &user.name, Origin::Config)?;
                }
            }
            // What was linked to a user who is gone must not lead to another one of that name later.
            connection.execute(
                "DELETE FROM identity WHERE user IN (SELECT name FROM user WHERE removed_at IS NOT NULL)",
                [],
            )?;
            // Nobody can be a user whose identities the config gave to others.
            connection.execute(
                "UPDATE user SET removed_at = ?1
                 WHERE origin != 'config' AND removed_at IS NULL AND name NOT IN (SELECT user FROM identity)",
                [now],
            )?;
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

/// Every user there is, by name.
pub(super) fn all(connection: &Connection) -> Result<Vec<KnownUser>, StoreError> {
    let rows: Vec<(String, String, String)> = connection
        .prepare("SELECT name, policy, origin FROM user WHERE removed_at IS NULL ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    let mut users = Vec::with_capacity(rows.len());
    for (name, policy, origin) in rows {
        let policy: Policy = from_json(&policy, &format!("user.policy of {name}"))?;
        users.push(KnownUser {
            identities: identities_of(connection, &name)?,
            role: policy.role,
            origin: from_word(&origin, "user.origin", Origin::from_word)?,
            name: UserName(name),
        });
    }
    Ok(users)
}

fn identities_of(connection: &Connection, user: &str) -> Result<Vec<(ConnectorName, SenderId, Origin)>, StoreError> {
    let rows: Vec<(String, String, String)> = connection
        .prepare_cached("SELECT connector, sender, origin FROM identity WHERE user = ?1 ORDER BY connector, sender")?
        .query_map([user], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(connector, sender, origin)| {
            let origin = from_word(&origin, "identity.origin", Origin::from_word)?;
            Ok((connector.into(), sender.into(), origin))
        })
        .collect()
}

/// Makes a stranger a user without rights beyond the defaults, where everybody is served. Their name tells where they come from.
pub(super) fn welcome(
    connection: &Connection,
    connector: &ConnectorName,
    sender: &SenderId,
) -> Result<UserName, StoreError> {
    let name = UserName(format!("{connector}:{sender}"));
    // Standing permissions are for people that somebody knows.
    let policy = Policy {
        may_grant_always: false,
        ..newcomer()
    };
    put_user(connection, &name, &policy, Origin::Open)?;
    put_identity(connection, connector, sender, &name, Origin::Open)?;
    Ok(name)
}

/// Makes a name that is no user's a user whom an admin let in, with the rights that the config gives where it says nothing. That
/// includes "always": an admin has confirmed who this is, the gate still asks first, and a standing permission covers one thing in
/// their own conversation. `gate.allow_always` takes it from everybody, and an entry in the config from them alone.
pub(super) fn pair_user(connection: &Connection, now: i64, name: &UserName) -> Result<Role, StoreError> {
    // Somebody may have had the name before.
    revoke_grants(connection, now, name)?;
    let policy = newcomer();
    put_user(connection, name, &policy, Origin::Paired)?;
    Ok(policy.role)
}

/// Gives a user an identity for good.
pub(super) fn pair_identity(
    connection: &Connection,
    connector: &ConnectorName,
    sender: &SenderId,
    user: &UserName,
) -> Result<(), StoreError> {
    put_identity(connection, connector, sender, user, Origin::Paired)
}

/// Removes a user whom an admin let in, or an identity (`CONNECTOR:ID`) that an admin gave to a user. `by` is for the audit.
pub(super) fn remove(connection: &Connection, now: i64, name: &str, by: &str) -> Result<Removal, StoreError> {
    let users = all(connection)?;
    let removal = if let Some(user) = users.iter().find(|user| user.name.0 == name) {
        if user.origin != Origin::Paired {
            return Ok(Removal::NotPaired(user.origin));
        }
        remove_user(connection, now, &user.name)?;
        Removal::User(user.name.clone())
    } else {
        let identity = |user: &KnownUser| {
            let named = |(connector, sender, _): &&_| name == format!("{connector}:{sender}");
            user.identities.iter().find(named).cloned()
        };
        let Some((user, (connector, sender, origin))) = users.iter().find_map(|user| Some((user, identity(user)?))) else {
            return Ok(Removal::Nobody);
        };
        if origin != Origin::Paired {
            return Ok(Removal::NotPaired(origin));
        }
        if user.origin == Origin::Paired && user.identities.len() == 1 {
            remove_user(connection, now, &user.name)?;
            Removal::User(user.name.clone())
        } else {
            connection.execute(
                "DELETE FROM identity WHERE connector = ?1 AND sender = ?2",
                [connector.as_str(), sender.as_str()],
            )?;
            Removal::Identity(user.name.clone())
        }
    };
    step::audit(connection, now, by, None, "user_removed", &json!({"name": name}))?;
    Ok(removal)
}

fn is_paired(connection: &Connection, user: &UserName) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE name = ?1 AND origin = 'paired' AND removed_at IS NULL)")?
        .query_row([&user.0], |row| row.get(0))?)
}

fn remove_user(connection: &Connection, now: i64, user: &UserName) -> Result<(), StoreError> {
    revoke_grants(connection, now, user)?;
    connection.execute("DELETE FROM identity WHERE user = ?1", [&user.0])?;
    connection.execute("UPDATE user SET removed_at = ?2 WHERE name = ?1", params![user.0, now])?;
    Ok(())
}

fn revoke_grants(connection: &Connection, now: i64, user: &UserName) -> Result<(), StoreError> {
    connection.execute(
        "UPDATE grant SET revoked_at = ?2 WHERE user = ?1 AND revoked_at IS NULL",
        params![user.0, now],
    )?;
    Ok(())
}

fn put_user(connection: &Connection, name: &UserName, policy: &Policy, origin: Origin) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO user (name, policy, origin) VALUES (?1, ?2, ?3)
         ON CONFLICT (name) DO UPDATE SET policy = excluded.policy, origin = excluded.origin, removed_at = NULL",
        params![name.0, to_json(policy)?, origin.as_str()],
    )?;
    Ok(())
}

fn put_identity(
    connection: &Connection,
    connector: &ConnectorName,
    sender: &SenderId,
    user: &UserName,
    origin: Origin,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO identity (connector, sender, user, origin) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (connector, sender) DO UPDATE SET user = excluded.user, origin = excluded.origin",
        params![connector.as_str(), sender.as_str(), user.0, origin.as_str()],
    )?;
    Ok(())
}

/// What somebody may do of whom the config says nothing.
fn newcomer() -> Policy {
    Policy {
        role: Role::User,
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

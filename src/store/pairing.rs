//! Letting strangers in: the codes that they are given, and what becomes of one that somebody names.
//!
//! A code belongs to one identity, is given out in a one-to-one chat alone, holds for ten minutes and lets in once. It lets in only
//! together with the platform's own id of the stranger, which whoever accepts has seen: a display name proves nothing.

mod code;

use super::message::{MessageRow, Notice, notify};
use super::{StoreError, identity, step};
use crate::domain::{Role, UserName, is_name};
use crate::strings;
use cortex_chat::{ConnectorName, Document, Event, SenderId, Text, TextLimit, TextUnit};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};
use std::time::Duration;
use thiserror::Error;

/// How long a code holds: time to pass it on, and too short to find one out.
pub(super) const CODE_VALID: Duration = Duration::from_mins(10);
/// How many codes a stranger is given within [`CODES_COUNTED`]: enough for some who are slow, and no way to make the bot chatter.
const MOST_CODES: i64 = 3;
const CODES_COUNTED: Duration = Duration::from_hours(24);
/// This many wrong codes or ids within [`FAILURES_COUNTED`], whoever tried them, lock the pairing for [`LOCKED`].
const MOST_FAILURES: usize = 5;
const FAILURES_COUNTED: Duration = Duration::from_mins(10);
const LOCKED: Duration = Duration::from_mins(10);

/// The word that tells a stranger fits into a message of any platform.
const NOTICE_LIMIT: TextLimit = TextLimit {
    max: 1_000,
    unit: TextUnit::Utf16,
};

/// Somebody's try at letting a stranger in. They may do so; that is checked before.
#[derive(Clone, Copy, Debug)]
pub struct PairingAttempt<'a> {
    /// The code as it was typed.
    pub code: &'a Text,
    /// The stranger's id as it was confirmed. Not set: nobody is let in, it is only told who would be.
    pub id: Option<&'a str>,
    /// The user whom they are, or become; not set for a name made from connector and id.
    pub name: Option<&'a str>,
    /// Who tries, for the audit.
    pub by: &'a str,
    /// By which way, for the audit.
    pub via: &'a str,
}

/// What came of a try.
#[derive(Debug)]
pub enum PairingAnswer {
    /// The code is this stranger's; nothing has changed.
    Found(Stranger),
    /// The stranger is a user now.
    Accepted(Accepted),
    /// Nobody was let in.
    Refused(PairingRefusal),
}

/// Somebody who was given a code.
#[derive(Debug)]
pub struct Stranger {
    /// Where they write.
    pub connector: ConnectorName,
    /// Who they are there.
    pub sender: SenderId,
    /// What they call themselves: foreign words that prove nothing.
    pub display_name: Option<Text>,
}

/// Somebody who was let in.
#[derive(Debug)]
pub struct Accepted {
    /// Who it is.
    pub stranger: Stranger,
    /// The user whom they are now.
    pub user: UserName,
    /// What that user is to the daemon.
    pub role: Role,
    /// The word to them.
    pub(super) messages: Vec<MessageRow>,
}

/// Why nobody was let in. The sentences are for whoever tried.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PairingRefusal {
    /// No such code, or not any more.
    #[error("{}", strings::PAIRING_NO_SUCH_CODE)]
    NoSuchCode,
    /// The code is somebody else's.
    #[error("{}", strings::PAIRING_OTHER_ID)]
    OtherId,
    /// Too many wrong tries.
    #[error("{}", strings::PAIRING_LOCKED)]
    Locked,
    /// No name for a user.
    #[error("{}", strings::PAIRING_UNUSABLE_NAME)]
    UnusableName,
    /// They became a user in another way.
    #[error("{}", strings::pairing_of_user(.0))]
    AlreadyUser(UserName),
}

impl PairingRefusal {
    fn as_str(&self) -> &'static str {
        match self {
            Self::NoSuchCode => "wrong code",
            Self::OtherId => "wrong id",
            Self::Locked => "locked",
            Self::UnusableName => "unusable name",
            Self::AlreadyUser(_) => "a user already",
        }
    }
}

/// Whether a stranger is to be given a code: they have none that still holds, and were not given too many lately.
pub(super) fn may_offer(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    sender: &SenderId,
) -> Result<bool, StoreError> {
    let (given, holds): (i64, bool) = connection
        .prepare_cached(
            "SELECT count(*), coalesce(max(accepted_at IS NULL AND expires_at > ?4), 0) FROM pairing
             WHERE connector = ?1 AND sender = ?2 AND offered_at > ?3",
        )?
        .query_row(
            params![connector.as_str(), sender.as_str(), now - millis(CODES_COUNTED), now],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )?;
    Ok(given < MOST_CODES && !holds)
}

/// Makes a code for the sender of an event, which came from a one-to-one chat.
pub(super) fn offer(connection: &Connection, now: i64, event: &Event, conversation: i64) -> Result<String, StoreError> {
    connection
        .prepare_cached("DELETE FROM pairing WHERE offered_at <= ?1")?
        .execute([now - millis(CODES_COUNTED)])?;
    let (connector, sender) = (&event.address.connector, &event.sender.id);
    let code = code::unused(connection)?;
    connection
        .prepare_cached(
            "INSERT INTO pairing (code, connector, sender, display_name, conversation, offered_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            code,
            connector.as_str(),
            sender.as_str(),
            event.sender.display_name.as_ref().map(Text::as_str),
            conversation,
            now,
            now + millis(CODE_VALID)
        ])?;
    let body = json!({"connector": connector, "sender": sender});
    step::audit(connection, now, "", None, "pairing_offered", &body)?;
    Ok(code)
}

/// Looks at a code, and lets its stranger in where their id is confirmed.
pub(super) fn attempt(connection: &Connection, now: i64, attempt: &PairingAttempt<'_>) -> Result<PairingAnswer, StoreError> {
    if is_locked(connection, now)? {
        return refuse(connection, now, attempt, None, PairingRefusal::Locked);
    }
    let Some(offer) = find(connection, now, attempt.code)? else {
        return fail(connection, now, attempt, None, PairingRefusal::NoSuchCode);
    };
    let stranger = &offer.stranger;
    let (connector, sender) = (stranger.connector.as_str(), stranger.sender.as_str());
    if let Some(user) = identity::user_of(connection, connector, sender)? {
        return refuse(connection, now, attempt, Some(stranger), PairingRefusal::AlreadyUser(user));
    }
    let Some(id) = attempt.id else {
        return Ok(PairingAnswer::Found(offer.stranger));
    };
    let as_identity = format!("{connector}:{sender}");
    if id != sender && id != as_identity {
        return fail(connection, now, attempt, Some(stranger), PairingRefusal::OtherId);
    }
    let user = UserName(attempt.name.map_or(as_identity, str::to_owned));
    let known = identity::policy_of(connection, &user)?;
    if known.is_none() && attempt.name.is_some_and(|name| !is_name(name)) {
        return refuse(connection, now, attempt, Some(stranger), PairingRefusal::UnusableName);
    }
    let role = match known {
        Some(policy) => policy.role,
        None => identity::pair_user(connection, now, &user)?,
    };
    identity::pair_identity(connection, &stranger.connector, &stranger.sender, &user)?;
    connection.execute(
        "UPDATE pairing SET accepted_at = ?2 WHERE number = ?1",
        params![offer.number, now],
    )?;
    let body = json!({"connector": connector, "sender": sender, "user": user, "via": attempt.via});
    step::audit(connection, now, attempt.by, None, "pairing_accepted", &body)?;
    let messages = notify(
        connection,
        now,
        Notice {
            conversation: offer.conversation,
            about: &format!("pairing{}.{now}", offer.number),
            body: Document::parse(strings::PAIRED),
            reply_to: None,
            settles: false,
            limit: NOTICE_LIMIT,
        },
    )?;
    Ok(PairingAnswer::Accepted(Accepted {
        stranger: offer.stranger,
        user,
        role,
        messages,
    }))
}

/// Puts a try of somebody who may not let people in on record.
pub(super) fn refuse_person(connection: &Connection, now: i64, by: &str, via: &str, why: &str) -> Result<(), StoreError> {
    let body = json!({"reason": why, "via": via});
    step::audit(connection, now, by, None, "pairing_refused", &body)
}

struct Offer {
    number: i64,
    conversation: i64,
    stranger: Stranger,
}

fn find(connection: &Connection, now: i64, code: &Text) -> Result<Option<Offer>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT number, conversation, connector, sender, display_name FROM pairing
             WHERE code = ?1 AND accepted_at IS NULL AND expires_at > ?2",
        )?
        .query_row(params![code.as_str().to_uppercase(), now], |row| {
            Ok(Offer {
                number: row.get(0)?,
                conversation: row.get(1)?,
                stranger: Stranger {
                    connector: row.get::<_, String>(2)?.into(),
                    sender: row.get::<_, String>(3)?.into(),
                    display_name: row.get::<_, Option<String>>(4)?.map(Text::from),
                },
            })
        })
        .optional()?)
}

/// Refuses a try that was wrong, and counts it.
fn fail(
    connection: &Connection,
    now: i64,
    attempt: &PairingAttempt<'_>,
    stranger: Option<&Stranger>,
    why: PairingRefusal,
) -> Result<PairingAnswer, StoreError> {
    connection.execute("INSERT INTO pairing_failure (at) VALUES (?1)", [now])?;
    connection.execute(
        "DELETE FROM pairing_failure WHERE at < ?1",
        [now - millis(FAILURES_COUNTED + LOCKED)],
    )?;
    let answer = refuse(connection, now, attempt, stranger, why)?;
    if is_locked(connection, now)? {
        return Ok(PairingAnswer::Refused(PairingRefusal::Locked));
    }
    Ok(answer)
}

fn refuse(
    connection: &Connection,
    now: i64,
    attempt: &PairingAttempt<'_>,
    stranger: Option<&Stranger>,
    why: PairingRefusal,
) -> Result<PairingAnswer, StoreError> {
    let mut body = json!({"reason": why.as_str(), "via": attempt.via});
    if let (Value::Object(body), Some(stranger)) = (&mut body, stranger) {
        body.insert("connector".to_owned(), json!(stranger.connector));
        body.insert("sender".to_owned(), json!(stranger.sender));
    }
    step::audit(connection, now, attempt.by, None, "pairing_refused", &body)?;
    Ok(PairingAnswer::Refused(why))
}

/// Whether the newest wrong tries came too fast and the last of them is not long ago. Tries while it is locked are not looked
/// at, so they do not prolong it.
fn is_locked(connection: &Connection, now: i64) -> Result<bool, StoreError> {
    let newest: Vec<i64> = connection
        .prepare_cached("SELECT at FROM pairing_failure ORDER BY number DESC LIMIT ?1")?
        .query_map([MOST_FAILURES as i64], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let (Some(last), Some(first)) = (newest.first(), newest.get(MOST_FAILURES - 1)) else {
        return Ok(false);
    };
    Ok(last - first <= millis(FAILURES_COUNTED) && now < last + millis(LOCKED))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

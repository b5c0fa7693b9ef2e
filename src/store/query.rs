//! Questions that the store answers about itself.

use super::rows::from_id;
use super::{Store, StoreError, approvals};
use crate::domain::{TurnId, UserName};
use crate::turn::TurnEvent;
use jiff::ToSpan as _;
use rusqlite::{Connection, params};
use std::fmt::Write as _;

/// A turn that is queued or running.
#[derive(Debug)]
pub struct OpenTurn {
    /// Which one.
    pub id: TurnId,
    /// Whose.
    pub user: UserName,
    /// Whether it waits for the conversation's slot.
    pub is_queued: bool,
    /// Whether it goes on after a decision or a crash.
    pub is_resumed: bool,
}

/// What `/status` tells.
#[derive(Debug)]
pub struct StatusFacts {
    /// Turns at work in this conversation.
    pub running: usize,
    /// Turns that wait for the slot.
    pub queued: usize,
    /// Codes of open questions.
    pub waiting: Vec<String>,
    /// Finished requests in this session.
    pub session_turns: u64,
    /// The asker.
    pub user: UserName,
}

/// Tokens over a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UsageTotals {
    /// Turns that used a model.
    pub turns: u64,
    /// Read by models.
    pub prompt: u64,
    /// Of those, from a cache.
    pub cached: u64,
    /// Written by models.
    pub completion: u64,
    /// What that cost, in millionths of the currency; `None` where no price was known.
    pub cost_micros: Option<u64>,
}

impl Store {
    /// The events of a turn after a number, oldest first, with their numbers.
    pub async fn turn_events(&self, turn: TurnId, after: u64) -> Result<Vec<(u64, TurnEvent)>, StoreError> {
        self.read(move |connection| {
            let rows: Vec<(i64, String)> = connection
                .prepare_cached("SELECT number, body FROM turn_event WHERE turn = ?1 AND number > ?2 ORDER BY number")?
                .query_map(params![turn.to_string(), after as i64], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            rows.into_iter()
                .map(|(number, body)| Ok((number as u64, super::rows::from_json(&body, "turn_event.body")?)))
                .collect()
        })
        .await
    }
}

/// The queued and running turns of a conversation, in order.
pub(super) fn open_turns(connection: &Connection, conversation: i64) -> Result<Vec<OpenTurn>, StoreError> {
    let rows: Vec<(String, String, String, bool)> = connection
        .prepare_cached(
            "SELECT id, user, status, resumed FROM turn WHERE conversation = ?1 AND status IN ('queued', 'running')
             ORDER BY number",
        )?
        .query_map([conversation], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, user, status, is_resumed)| {
            Ok(OpenTurn {
                id: from_id(&id, "turn.id")?,
                user: UserName(user),
                is_queued: status == "queued",
                is_resumed,
            })
        })
        .collect()
}

/// How many turns of a conversation come before this one. One that waits for more of its request lets others go first.
pub(super) fn open_turns_before(
    connection: &Connection,
    now: i64,
    conversation: i64,
    turn: TurnId,
) -> Result<usize, StoreError> {
    let before: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM turn WHERE conversation = ?1 AND status IN ('queued', 'running') AND ready_at <= ?2
             AND number < (SELECT number FROM turn WHERE id = ?3)",
        )?
        .query_row(params![conversation, now, turn.to_string()], |row| row.get(0))?;
    Ok(usize::try_from(before).unwrap_or(0))
}

/// The facts of `/status`.
pub(super) fn status(connection: &Connection, conversation: i64, user: &UserName) -> Result<StatusFacts, StoreError> {
    let open = open_turns(connection, conversation)?;
    let session_turns: i64 = connection.query_row(
        "SELECT count(*) FROM turn JOIN conversation ON conversation.session = turn.session
         WHERE conversation.id = ?1 AND turn.completed_at IS NOT NULL",
        [conversation],
        |row| row.get(0),
    )?;
    Ok(StatusFacts {
        running: open.iter().filter(|turn| !turn.is_queued).count(),
        queued: open.iter().filter(|turn| turn.is_queued).count(),
        waiting: approvals::open_in(connection, conversation)?
            .into_iter()
            .map(|approval| approval.code)
            .collect(),
        session_turns: session_turns as u64,
        user: user.clone(),
    })
}

/// `/status` in words.
pub(super) fn status_text(facts: &StatusFacts, model: &str) -> String {
    let waiting = if facts.waiting.is_empty() {
        "none".to_owned()
    } else {
        facts.waiting.join(", ")
    };
    format!(
        "- You are: {}\n- Model: {model}\n- Running here: {}, queued: {}\n- Waiting for a decision: {waiting}\n\
         - Requests finished in this session: {}",
        facts.user, facts.running, facts.queued, facts.session_turns
    )
}

/// `/approvals` in words.
pub(super) fn approvals_text(connection: &Connection, conversation: i64) -> Result<String, StoreError> {
    let open = approvals::open_in(connection, conversation)?;
    if open.is_empty() {
        return Ok("Nothing waits for a decision here.".to_owned());
    }
    let mut text = String::from("Waiting for a decision:\n");
    for approval in open {
        let affects = crate::gate::make_visible(approval.question.prepared.affects.as_str());
        let affects: String = affects.chars().filter(|character| *character != '`').take(200).collect();
        let _ = write!(
            text,
            "\n- **{}** `{}` ({} risk), asked by {}, until {}",
            approval.code,
            approval.question.tool,
            approval.question.risk,
            approval.asker,
            approval.expires_at.strftime("%Y-%m-%d %H:%M UTC")
        );
        if !affects.is_empty() {
            let _ = write!(text, ": `{}`", affects.replace('\n', " "));
        }
    }
    Ok(text)
}

/// `/usage` in words: this user's last turn, today, and the last 30 days, in UTC days.
pub(super) fn usage_text(connection: &Connection, now: i64, user: &UserName) -> Result<String, StoreError> {
    let today = super::rows::time(now);
    let day = today.strftime("%Y-%m-%d").to_string();
    let month_ago = today
        .checked_sub((30 * 24).hours())
        .unwrap_or(today)
        .strftime("%Y-%m-%d")
        .to_string();
    let last = totals(
        connection,
        "turn = (SELECT turn FROM usage WHERE user = ?1 ORDER BY number DESC LIMIT 1) AND user = ?1 AND day >= ?2",
        user,
        "",
    )?;
    let today = totals(connection, "user = ?1 AND day >= ?2", user, &day)?;
    let month = totals(connection, "user = ?1 AND day >= ?2", user, &month_ago)?;
    let mut text = String::from("Tokens used (read, of those cached, written):\n");
    for (name, totals) in [("Last request", last), ("Today", today), ("Last 30 days", month)] {
        let requests = if name == "Last request" {
            String::new()
        } else {
            format!(" in {} requests", totals.turns)
        };
        let cost = totals
            .cost_micros
            .map(|micros| format!(", cost {}.{:06}", micros / 1_000_000, micros % 1_000_000));
        let cost = cost.unwrap_or_default();
        let _ = write!(
            text,
            "\n- {name}: {}, {}, {}{requests}{cost}",
            totals.prompt, totals.cached, totals.completion
        );
    }
    Ok(text)
}

/// Tokens that a user has used today, read and written, in UTC days.
pub(super) fn tokens_today(connection: &Connection, now: i64, user: &UserName) -> Result<u64, StoreError> {
    let day = super::rows::time(now).strftime("%Y-%m-%d").to_string();
    let today = totals(connection, "user = ?1 AND day >= ?2", user, &day)?;
    Ok(today.prompt + today.completion)
}

fn totals(connection: &Connection, condition: &str, user: &UserName, since: &str) -> Result<UsageTotals, StoreError> {
    let sql = format!(
        "SELECT count(DISTINCT turn), coalesce(sum(prompt), 0), coalesce(sum(cached), 0), coalesce(sum(completion), 0),
         sum(cost)
         FROM usage WHERE {condition}"
    );
    Ok(connection.prepare_cached(&sql)?.query_row(params![user.0, since], |row| {
        Ok(UsageTotals {
            turns: row.get::<_, i64>(0)? as u64,
            prompt: row.get::<_, i64>(1)? as u64,
            cached: row.get::<_, i64>(2)? as u64,
            completion: row.get::<_, i64>(3)? as u64,
            cost_micros: row.get::<_, Option<i64>>(4)?.map(|cost| cost as u64),
        })
    })?)
}

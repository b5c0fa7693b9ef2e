//! Taking up turns: one at a time in each conversation, decided ones first, attempts counted before they are made.

use super::message::{self, MessageRow};
use super::rows::{from_id, from_json};
use super::{Store, StoreError, approvals, identity};
use crate::domain::TurnId;
use crate::gate::Policy;
use crate::models::Message;
use crate::turn::TurnState;
use rusqlite::{Connection, OptionalExtension as _, params};

/// A turn that this daemon now works on, with all that it needs to begin.
#[derive(Debug)]
pub struct ClaimedTurn {
    /// Which one.
    pub id: TurnId,
    /// Its conversation's row.
    pub conversation: i64,
    /// The taking of the slot; later writes must carry it.
    pub epoch: i64,
    /// Stored steps so far.
    pub version: u64,
    /// Times taken up since its last stored step, this one included.
    pub attempts: u32,
    /// Where it stands.
    pub state: TurnState,
    /// What was said in its session before, oldest first.
    pub history: Vec<HistoryEntry>,
    /// What its asker may do now; `None` when they are no longer a user.
    pub policy: Option<Policy>,
    /// Its messages so far.
    pub messages: Vec<MessageRow>,
    /// Codes of other turns' questions that wait in this conversation.
    pub waiting: Vec<String>,
}

/// One entry of a session's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// The turn it belongs to; a turn's entries are kept or dropped together.
    pub turn: TurnId,
    /// What was said.
    pub message: Message,
    /// Whether it comes from somebody who is not trusted.
    pub tainted: bool,
}

impl Store {
    /// Takes up to this many turns that wait in free conversations.
    pub async fn claim(&self, up_to: usize, history_tokens: u64) -> Result<Vec<ClaimedTurn>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let conversations: Vec<i64> = connection
                .prepare_cached(
                    "SELECT DISTINCT turn.conversation FROM turn
                     JOIN conversation ON conversation.id = turn.conversation
                     WHERE turn.status = 'queued' AND conversation.running_turn IS NULL
                     ORDER BY turn.number LIMIT ?1",
                )?
                .query_map([i64::try_from(up_to).unwrap_or(i64::MAX)], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut claimed = Vec::new();
            for conversation in conversations {
                claimed.extend(next_in(connection, now, conversation, history_tokens)?);
            }
            Ok(claimed)
        })
        .await
    }
}

/// Takes the next turn of a conversation, if its slot is free and one waits.
pub(super) fn next_in(
    connection: &Connection,
    now: i64,
    conversation: i64,
    history_tokens: u64,
) -> Result<Option<ClaimedTurn>, StoreError> {
    let next: Option<String> = connection
        .prepare_cached(
            "SELECT turn.id FROM turn JOIN conversation ON conversation.id = turn.conversation
             WHERE turn.conversation = ?1 AND turn.status = 'queued' AND conversation.running_turn IS NULL
             ORDER BY turn.resumed DESC, turn.number LIMIT 1",
        )?
        .query_row([conversation], |row| row.get(0))
        .optional()?;
    let Some(next) = next else { return Ok(None) };
    let id: TurnId = from_id(&next, "turn.id")?;
    let epoch: i64 = connection
        .prepare_cached("UPDATE conversation SET running_turn = ?2, epoch = epoch + 1 WHERE id = ?1 RETURNING epoch")?
        .query_row(params![conversation, next], |row| row.get(0))?;
    let (version, attempts, json): (i64, u32, String) = connection
        .prepare_cached(
            "UPDATE turn SET status = 'running', resumed = 0, attempts = attempts + 1, updated_at = ?2 WHERE id = ?1
             RETURNING version, attempts, state",
        )?
        .query_row(params![next, now], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let state: TurnState = from_json(&json, &format!("turn.state of {id}"))?;
    let history = history_of(connection, &state.request.session.to_string(), history_tokens)?;
    let waiting = approvals::open_in(connection, conversation)?;
    Ok(Some(ClaimedTurn {
        id,
        conversation,
        epoch,
        version: version as u64,
        attempts,
        history,
        policy: identity::policy_of(connection, &state.request.user)?,
        messages: message::of_turn(connection, id)?,
        waiting: waiting
            .into_iter()
            .filter(|approval| approval.turn != id)
            .map(|approval| approval.code)
            .collect(),
        state,
    }))
}

/// The newest part of a session's history that fits the budget, in whole turns, oldest first. Reads no more rows than that.
fn history_of(connection: &Connection, session: &str, budget_tokens: u64) -> Result<Vec<HistoryEntry>, StoreError> {
    let mut statement = connection
        .prepare_cached("SELECT turn, body, tainted FROM history WHERE session = ?1 AND open = 0 ORDER BY number DESC")?;
    let mut rows = statement.query([session])?;
    let mut newest_first: Vec<HistoryEntry> = Vec::new();
    let mut tokens = 0;
    let mut complete = true;
    while let Some(row) = rows.next()? {
        let (turn, body): (String, String) = (row.get(0)?, row.get(1)?);
        tokens += estimated_tokens(&body);
        if tokens > budget_tokens {
            complete = false;
            break;
        }
        newest_first.push(HistoryEntry {
            turn: from_id(&turn, "history.turn")?,
            message: from_json(&body, "history.body")?,
            tainted: row.get(2)?,
        });
    }
    if !complete && let Some(cut) = newest_first.last().map(|entry| entry.turn) {
        newest_first.retain(|entry| entry.turn != cut);
    }
    newest_first.reverse();
    Ok(newest_first)
}

/// A guess that errs on the high side for most languages: four bytes of JSON a token.
fn estimated_tokens(json: &str) -> u64 {
    (json.len() as u64).div_ceil(4)
}

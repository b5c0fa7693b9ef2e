//! Taking up turns: one at a time in each conversation, decided ones first, attempts counted before they are made.

use super::message::{self, MessageRow};
use super::rows::{self, from_id, from_json};
use super::{Store, StoreError, approvals, identity, step};
use crate::domain::{TurnId, UserName};
use crate::gate::Policy;
use crate::models::Message;
use crate::turn::{Enclosed, STATE_VERSION, TurnState};
use cortex_chat::Address;
use rusqlite::{Connection, OptionalExtension as _, params};

/// A turn that this daemon now works on, with all that it needs to begin.
#[derive(Debug)]
pub struct ClaimedTurn {
    /// Which one.
    pub id: TurnId,
    /// Its conversation's row.
    pub conversation: i64,
    /// Where that is held now; the chat may have moved since the request.
    pub address: Address,
    /// The taking of the slot; later writes must carry it.
    pub epoch: i64,
    /// Stored steps so far.
    pub version: u64,
    /// Times taken up since its last stored step, this one included.
    pub attempts: u32,
    /// Whether its asker wants it stopped.
    pub stop_requested: bool,
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

impl ClaimedTurn {
    /// Whether an earlier run of it came so far that its steps were stored, and it begins anew nevertheless: its request has
    /// changed since. What that run showed may still stand.
    pub fn begins_anew(&self) -> bool {
        self.version > 0 && self.state.exchange.is_empty() && self.state.round.is_empty()
    }
}

/// One entry of a session's history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEntry {
    /// The turn it belongs to; a turn's entries are kept or dropped together.
    pub turn: TurnId,
    /// What was said.
    pub message: Message,
    /// What came with it, where it is a request.
    pub enclosed: Enclosed,
    /// Whether it comes from somebody who is not trusted.
    pub tainted: bool,
}

impl Store {
    /// When the first turn that waits for more of its request is to be taken up, of those whose time comes after `after`; both in
    /// milliseconds since 1970.
    pub async fn next_ready(&self, after: i64) -> Result<Option<i64>, StoreError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT min(ready_at) FROM turn WHERE status = 'queued' AND ready_at > 0 AND ready_at > ?1")?
                .query_row([after], |row| row.get(0))?)
        })
        .await
    }

    /// Takes up to this many turns that wait in free conversations, oldest first.
    pub async fn claim(&self, up_to: usize, history_tokens: u64) -> Result<Vec<ClaimedTurn>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let mut claimed = Vec::new();
            while claimed.len() < up_to
                && let Some(turn) = next_anywhere(connection, now, history_tokens)?
            {
                claimed.push(turn);
            }
            Ok(claimed)
        })
        .await
    }
}

/// Takes the turn that has waited longest in any free conversation; decided ones go first in theirs.
pub(super) fn next_anywhere(
    connection: &Connection,
    now: i64,
    history_tokens: u64,
) -> Result<Option<ClaimedTurn>, StoreError> {
    loop {
        let conversation: Option<i64> = connection
            .prepare_cached(
                "SELECT turn.conversation FROM turn JOIN conversation ON conversation.id = turn.conversation
                 WHERE turn.status = 'queued' AND turn.ready_at <= ?1 AND conversation.running_turn IS NULL
                 ORDER BY turn.number LIMIT 1",
            )?
            .query_row([now], |row| row.get(0))
            .optional()?;
        let Some(conversation) = conversation else { return Ok(None) };
        if let Some(claimed) = next_in(connection, now, conversation, history_tokens)? {
            return Ok(Some(claimed));
        }
    }
}

/// Takes the next turn of a conversation, if its slot is free and one waits. A turn whose stored form cannot be read is ended,
/// so that it holds up nobody else.
pub(super) fn next_in(
    connection: &Connection,
    now: i64,
    conversation: i64,
    history_tokens: u64,
) -> Result<Option<ClaimedTurn>, StoreError> {
    loop {
        let next: Option<(String, String)> = connection
            .prepare_cached(
                "SELECT turn.id, turn.state FROM turn JOIN conversation ON conversation.id = turn.conversation
                 WHERE turn.conversation = ?1 AND turn.status = 'queued' AND turn.ready_at <= ?2
                 AND conversation.running_turn IS NULL
                 ORDER BY turn.resumed DESC, turn.number LIMIT 1",
            )?
            .query_row([conversation, now], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let Some((next, json)) = next else { return Ok(None) };
        let id: TurnId = from_id(&next, "turn.id")?;
        match read_state(&json, id) {
            Ok(state) => return take(connection, now, conversation, id, state, history_tokens).map(Some),
            // What its chat is told is shown with the next start; the step that claims has no hand on other chats.
            Err(error) => drop(step::end_unreadable(connection, now, id, &error)?),
        }
    }
}

/// Reads a stored state of this or an earlier version.
pub(super) fn read_state(json: &str, id: TurnId) -> Result<TurnState, StoreError> {
    let state: TurnState = from_json(json, &format!("turn.state of {id}"))?;
    if state.version > STATE_VERSION {
        let problem = format!("it was written by a newer cortex (form {})", state.version);
        return Err(StoreError::Corrupt {
            place: format!("turn.state of {id}"),
            problem,
        });
    }
    Ok(state)
}

fn take(
    connection: &Connection,
    now: i64,
    conversation: i64,
    id: TurnId,
    mut state: TurnState,
    history_tokens: u64,
) -> Result<ClaimedTurn, StoreError> {
    let (epoch, address): (i64, Address) = connection
        .prepare_cached(
            "UPDATE conversation SET running_turn = ?2, epoch = epoch + 1 WHERE id = ?1
             RETURNING epoch, connector, chat, thread, chat_kind",
        )?
        .query_row(params![conversation, id.to_string()], |row| {
            Ok((row.get(0)?, rows::address(row, 1)?.0))
        })?;
    let (version, attempts, stop_requested): (i64, u32, bool) = connection
        .prepare_cached(
            "UPDATE turn SET status = 'running', resumed = 0, attempts = attempts + 1, updated_at = ?2 WHERE id = ?1
             RETURNING version, attempts, stop_requested",
        )?
        .query_row(params![id.to_string(), now], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })?;
    let history = history_of(connection, &state.request.session.to_string(), history_tokens)?;
    // What was read before is in this turn's context too.
    state.tainted |= history.iter().any(|entry| entry.tainted);
    let waiting = approvals::open_in(connection, conversation)?;
    Ok(ClaimedTurn {
        id,
        conversation,
        address,
        epoch,
        version: version as u64,
        attempts,
        stop_requested,
        history,
        policy: readable_policy(connection, &state.request.user)?,
        messages: message::of_turn(connection, id)?,
        waiting: waiting
            .into_iter()
            .filter(|approval| approval.turn != id)
            .map(|approval| approval.code)
            .collect(),
        state,
    })
}

/// What a user may do. Where that cannot be read it is nothing: the turn goes on without tools.
fn readable_policy(connection: &Connection, user: &UserName) -> Result<Option<Policy>, StoreError> {
    match identity::policy_of(connection, user) {
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "what a user may do cannot be read, so it is nothing");
            Ok(None)
        }
        read => read,
    }
}

/// The newest part of a session's history that fits the budget, oldest first. A turn that does not fit whole leaves its words
/// and its answer, without what its tools gave; a call is never parted from its result. Reads no more rows than it needs.
fn history_of(connection: &Connection, session: &str, budget_tokens: u64) -> Result<Vec<HistoryEntry>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT turn, body, tainted, enclosed FROM history WHERE session = ?1 AND open = 0 ORDER BY number DESC",
    )?;
    let mut rows = statement.query([session])?;
    let mut kept = Vec::new();
    let mut left = budget_tokens;
    let mut block: Vec<Stored> = Vec::new();
    loop {
        let row = rows.next()?;
        let turn: Option<String> = row.map(|row| row.get(0)).transpose()?;
        let block_ends = block.first().is_some_and(|first| turn.as_ref() != Some(&first.turn));
        if block_ends && !keep(&mut kept, &mut left, std::mem::take(&mut block))? {
            break;
        }
        let (Some(row), Some(turn)) = (row, turn) else { break };
        block.push(Stored {
            turn,
            body: row.get(1)?,
            tainted: row.get(2)?,
            enclosed: row.get(3)?,
        });
    }
    kept.reverse();
    Ok(kept)
}

struct Stored {
    turn: String,
    body: String,
    tainted: bool,
    enclosed: Option<String>,
}

/// Keeps a turn's entries, newest first, as far as they fit; false when not even the short form does.
fn keep(kept: &mut Vec<HistoryEntry>, left: &mut u64, block: Vec<Stored>) -> Result<bool, StoreError> {
    let tokens = |block: &[Stored]| block.iter().map(Stored::tokens).sum::<u64>();
    let mut block = block;
    if tokens(&block) > *left && block.len() > 2 {
        let request = block.pop();
        block.truncate(1);
        block.extend(request);
    }
    let needed = tokens(&block);
    if needed > *left {
        return Ok(false);
    }
    let entries = block.into_iter().map(Stored::read).collect::<Result<Vec<_>, _>>();
    match entries {
        Ok(entries) => {
            *left -= needed;
            kept.extend(entries);
        }
        // Nobody is the better off for not being answered any more.
        Err(error @ StoreError::Corrupt { .. }) => {
            tracing::error!(%error, "a turn of the history cannot be read, and is left out of it");
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}

impl Stored {
    fn read(self) -> Result<HistoryEntry, StoreError> {
        Ok(HistoryEntry {
            turn: from_id(&self.turn, "history.turn")?,
            message: from_json(&self.body, &format!("history.body of turn {}", self.turn))?,
            enclosed: self
                .enclosed
                .map(|json| from_json(&json, &format!("history.enclosed of turn {}", self.turn)))
                .transpose()?
                .unwrap_or_default(),
            tainted: self.tainted,
        })
    }

    /// A guess that errs on the high side for most languages: four bytes of JSON a token.
    fn tokens(&self) -> u64 {
        let enclosed = self.enclosed.as_ref().map_or(0, String::len);
        ((self.body.len() + enclosed) as u64).div_ceil(4)
    }
}

//! Requests: made of a message, joined by those that belong to it, changed by edits of them.

use super::{Acceptance, Place};
use crate::domain::{TurnId, UserName};
use crate::models::Message;
use crate::router::{self, EditedRequest, Stage, Unfinished};
use crate::store::message::{self, MessageId};
use crate::store::rows::{from_id, from_json, time, to_json};
use crate::store::{StoreError, claim};
use crate::strings;
use crate::turn::{Enclosed, MemorySwitches, Mode, Request, TurnState};
use cortex_chat::{Event, EventKind, IncomingMessage, MessageRef, MoreToCome, Text};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::time::Duration;

/// How long a request waits for the next message that may belong to it. A client sends them in one go, so that they follow each
/// other within a fraction of a second; a person who waits for an answer hardly notices one second.
const WAIT_FOR_MORE: Duration = Duration::from_secs(1);

/// The messages that one request may have, so that nobody makes one without end. The largest album has ten.
const MOST_PARTS: i64 = 50;

/// The times that one request may be changed while it is worked on: each begins a new model call, which costs.
const MOST_EDITS: i64 = 10;

impl Acceptance<'_> {
    pub(super) fn new_turn(
        &mut self,
        event: &Event,
        event_number: i64,
        place: &Place,
        user: &UserName,
    ) -> Result<TurnId, StoreError> {
        let message = message_in(event)?;
        let whole = compose(&[Part {
            separator: String::new(),
            message: message.clone(),
        }]);
        let request = Request {
            text: whole.text,
            enclosed: whole.enclosed,
            user: user.clone(),
            session: place.session,
            address: event.address.clone(),
            chat_kind: event.chat_kind,
            reply_to: Some(message.reference.clone()),
            profile: self.settings.profile.clone(),
            persona: None,
            mode: Mode::Chat,
            tier: 2,
            memory: MemorySwitches::default(),
            respond: true,
            tainted: whole.tainted || self.quotes_tainted(place, message)?,
        };
        let turn = TurnId::new();
        let state = TurnState::new(request, new_fence());
        let wait = self.wait_for_more(message);
        self.connection
            .prepare_cached(
                "INSERT INTO turn (id, conversation, session, user, status, resumed, attempts, version, state, created_at, updated_at,
                 ready_at, more)
                 VALUES (?1, ?2, ?3, ?4, 'queued', 0, 0, 0, ?5, ?6, ?6, ?7, ?8)",
            )?
            .execute(params![
                turn.to_string(),
                place.conversation,
                place.session.to_string(),
                user.0,
                to_json(&state)?,
                self.now,
                wait.ready_at,
                wait.more
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO history (session, turn, open, body, metadata, tainted, at, enclosed)
                 VALUES (?1, ?2, 1, ?3, '{}', ?4, ?5, ?6)",
            )?
            .execute(params![
                place.session.to_string(),
                turn.to_string(),
                to_json(&words(&state))?,
                state.tainted,
                self.now,
                enclosed_json(&state)?
            ])?;
        self.insert_part(turn, 0, place, message, "", event_number)?;
        Ok(turn)
    }

    /// Adds a message to the request that waits for it.
    pub(super) fn join(&mut self, turn: TurnId, event: &Event, event_number: i64, place: &Place) -> Result<(), StoreError> {
        let message = message_in(event)?;
        let (number, more): (i64, Option<String>) = self
            .connection
            .prepare_cached("SELECT (SELECT count(*) FROM request_part WHERE turn = ?1), more FROM turn WHERE id = ?1")?
            .query_row([turn.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        // A text that was cut goes on where it was cut.
        let cut = matches!(read_more(more.as_deref(), turn)?, Some(MoreToCome::LongText));
        let separator = if cut { "" } else { "\n" };
        self.insert_part(turn, number, place, message, separator, event_number)?;
        let wait = self.wait_for_more(message);
        self.connection
            .prepare_cached("UPDATE turn SET ready_at = ?2, more = ?3 WHERE id = ?1")?
            .execute(params![turn.to_string(), wait.ready_at, wait.more])?;
        let state = self.recomposed(turn)?;
        self.store_request(turn, &state)
    }

    /// Replaces the words of a request for which nothing was done yet. A run of it that is under way loses the turn here and now:
    /// what it would write is void, and another begins with the new words.
    pub(super) fn replace(
        &mut self,
        turn: TurnId,
        event: &Event,
        event_number: i64,
        place: &Place,
        user: &UserName,
    ) -> Result<String, StoreError> {
        let runs = place.running == Some(turn);
        if runs && self.is_over_budget(user)? {
            self.tell(place, &format!("e{event_number}"), event, strings::OVER_BUDGET)?;
            return Ok("over budget".to_owned());
        }
        self.connection
            .prepare_cached("UPDATE request_part SET event = ?3 WHERE turn = ?1 AND reference = ?2")?
            .execute(params![turn.to_string(), message_in(event)?.reference.as_str(), event_number])?;
        let before = self.recomposed(turn)?;
        let mut state = TurnState::new(before.request, new_fence());
        // The same message of ours goes on, and what was spent is spent.
        (state.segment, state.usage) = (before.segment, before.usage);
        self.store_request(turn, &state)?;
        if runs {
            let version: i64 = self
                .connection
                .prepare_cached(
                    "UPDATE turn SET status = 'queued', resumed = 1, attempts = 0, version = version + 1, edits = edits + 1
                     WHERE id = ?1 RETURNING version",
                )?
                .query_row([turn.to_string()], |row| row.get(0))?;
            self.connection
                .prepare_cached("UPDATE conversation SET running_turn = NULL WHERE id = ?1")?
                .execute([place.conversation])?;
            self.accepted.replaced.push((turn, version as u64));
        }
        Ok(format!("replaced in turn {turn}"))
    }

    /// Tells the sender of an edit that it comes too late; once in a turn.
    pub(super) fn tell_begun(&mut self, turn: TurnId, event: &Event, place: &Place) -> Result<(), StoreError> {
        let about = format!("{turn}.begun");
        if message::exists(self.connection, &MessageId::notice(&about, 0))? {
            return Ok(());
        }
        self.tell(place, &about, event, strings::WORK_HAS_BEGUN)
    }

    /// The request that a message belongs to, for an edit of it.
    pub(super) fn edited(&self, place: &Place, reference: &MessageRef) -> Result<Option<EditedRequest>, StoreError> {
        let found: Option<(String, String, String)> = self
            .connection
            .prepare_cached(
                "SELECT part.turn, event.body,
                 CASE WHEN turn.status = 'awaiting_confirmation' THEN 'begun'
                      WHEN turn.status NOT IN ('queued', 'running') OR turn.stop_requested THEN 'over'
                      WHEN turn.edits >= ?3 OR EXISTS (SELECT 1 FROM tool_run WHERE tool_run.turn = part.turn)
                           OR EXISTS (SELECT 1 FROM approval WHERE approval.turn = part.turn) THEN 'begun'
                      ELSE 'untouched' END
                 FROM request_part AS part JOIN event ON event.id = part.event JOIN turn ON turn.id = part.turn
                 WHERE part.conversation = ?1 AND part.reference = ?2 ORDER BY turn.number DESC LIMIT 1",
            )?
            .query_row(params![place.conversation, reference.as_str(), MOST_EDITS], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((turn, body, stage)) = found else { return Ok(None) };
        let turn: TurnId = from_id(&turn, "turn.id")?;
        let event: Event = from_json(&body, &format!("event.body of a part of {turn}"))?;
        Ok(Some(EditedRequest {
            turn,
            text: message_in(&event)?.text.clone(),
            author: event.sender.id,
            stage: match stage.as_str() {
                "untouched" => Stage::Untouched,
                "begun" => Stage::Begun,
                _ => Stage::Over,
            },
        }))
    }

    /// The sender's request in this conversation that still waits for more messages.
    pub(super) fn unfinished(&self, event: &Event, place: &Place) -> Result<Option<Unfinished>, StoreError> {
        type Columns = (String, String, String, i64, i64);
        let found: Option<Columns> = self
            .connection
            .prepare_cached(
                "SELECT turn.id, turn.more, event.body, event.occurred_at, part.number FROM turn
                 JOIN request_part AS part ON part.turn = turn.id JOIN event ON event.id = part.event
                 WHERE turn.conversation = ?1 AND turn.status = 'queued' AND turn.ready_at > ?2 AND turn.more IS NOT NULL
                 AND event.sender = ?3
                 ORDER BY turn.number DESC, part.number DESC LIMIT 1",
            )?
            .query_row(params![place.conversation, self.now, event.sender.id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
            .optional()?;
        let Some((turn, more, last, at, _)) = found.filter(|(.., number)| number + 1 < MOST_PARTS) else {
            return Ok(None);
        };
        let turn: TurnId = from_id(&turn, "turn.id")?;
        let last: Event = from_json(&last, &format!("event.body of the last part of {turn}"))?;
        let Some(more) = read_more(Some(&more), turn)? else {
            return Ok(None);
        };
        Ok(Some(Unfinished {
            turn,
            more,
            provenance: message_in(&last)?.provenance,
            last_at: time(at),
        }))
    }

    /// Takes a request up without waiting any longer: its sender has gone on to something else.
    pub(super) fn wait_no_longer(&self, turn: TurnId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE turn SET ready_at = 0, more = NULL WHERE id = ?1 AND status = 'queued'")?
            .execute([turn.to_string()])?;
        Ok(())
    }

    fn wait_for_more(&mut self, message: &IncomingMessage) -> Wait {
        let more = message.more.as_ref().and_then(|more| to_json(more).ok());
        let ready_at = match more {
            Some(_) => self.now + WAIT_FOR_MORE.as_millis() as i64,
            None => 0,
        };
        self.accepted.waits |= more.is_some();
        Wait { ready_at, more }
    }

    fn insert_part(
        &self,
        turn: TurnId,
        number: i64,
        place: &Place,
        message: &IncomingMessage,
        separator: &str,
        event_number: i64,
    ) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO request_part (turn, number, conversation, reference, separator, event)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                turn.to_string(),
                number,
                place.conversation,
                message.reference.as_str(),
                separator,
                event_number
            ])?;
        Ok(())
    }

    /// The stored state with the words of the request's parts.
    fn recomposed(&self, turn: TurnId) -> Result<TurnState, StoreError> {
        let json: String = self
            .connection
            .prepare_cached("SELECT state FROM turn WHERE id = ?1")?
            .query_row([turn.to_string()], |row| row.get(0))?;
        let mut state = claim::read_state(&json, turn)?;
        let whole = compose(&parts_of(self.connection, turn)?);
        state.request.text = whole.text;
        state.request.enclosed = whole.enclosed;
        // What came in with an earlier form of it may have been read already.
        state.request.tainted |= whole.tainted;
        state.tainted = state.request.tainted;
        Ok(state)
    }

    /// Whether a message quotes words of ours that came of what strangers wrote. What cannot be told counts as that.
    fn quotes_tainted(&self, place: &Place, message: &IncomingMessage) -> Result<bool, StoreError> {
        let (Some(_), Some(replied)) = (&message.quote, &message.reply_to) else {
            return Ok(false);
        };
        let quoted: Option<(String, String)> = self
            .connection
            .prepare_cached(
                "SELECT turn.id, turn.state FROM message JOIN turn ON turn.id = message.turn
                 WHERE message.conversation = ?1 AND message.reference = ?2",
            )?
            .query_row(params![place.conversation, replied.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let Some((turn, state)) = quoted else {
            return Ok(false);
        };
        let turn = from_id(&turn, "turn.id")?;
        Ok(claim::read_state(&state, turn).map_or(true, |state| state.tainted))
    }

    /// Stores a state whose request has changed, and the words of it that stand in the history.
    fn store_request(&self, turn: TurnId, state: &TurnState) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE turn SET state = ?2, updated_at = ?3 WHERE id = ?1")?
            .execute(params![turn.to_string(), to_json(state)?, self.now])?;
        self.connection
            .prepare_cached("UPDATE history SET body = ?2, enclosed = ?3, tainted = ?4 WHERE turn = ?1 AND open = 1")?
            .execute(params![
                turn.to_string(),
                to_json(&words(state))?,
                enclosed_json(state)?,
                state.tainted
            ])?;
        Ok(())
    }
}

/// Until when a request waits, and for what.
struct Wait {
    ready_at: i64,
    more: Option<String>,
}

/// One message of a request.
struct Part {
    separator: String,
    message: IncomingMessage,
}

/// What a request's messages say together.
struct Whole {
    text: Text,
    enclosed: Enclosed,
    tainted: bool,
}

fn compose(parts: &[Part]) -> Whole {
    let mut whole = Whole {
        text: Text::default(),
        enclosed: Enclosed::default(),
        tainted: false,
    };
    for part in parts {
        let words = part.message.text.as_str();
        if !words.is_empty() && !whole.text.as_str().is_empty() {
            whole.text.push_str(&part.separator);
        }
        whole.text.push_str(words);
        whole.enclosed.quotes.extend(part.message.quote.clone());
        whole.enclosed.attachments.extend(part.message.attachments.iter().cloned());
        whole.tainted |= router::is_foreign(&part.message);
    }
    whole
}

fn parts_of(connection: &Connection, turn: TurnId) -> Result<Vec<Part>, StoreError> {
    let rows: Vec<(String, String)> = connection
        .prepare_cached(
            "SELECT part.separator, event.body FROM request_part AS part JOIN event ON event.id = part.event
             WHERE part.turn = ?1 ORDER BY part.number",
        )?
        .query_map([turn.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(separator, body)| {
            let event: Event = from_json(&body, &format!("event.body of a part of {turn}"))?;
            let message = message_in(&event)?.clone();
            Ok(Part { separator, message })
        })
        .collect()
}

fn read_more(json: Option<&str>, turn: TurnId) -> Result<Option<MoreToCome>, StoreError> {
    json.map(|json| from_json(json, &format!("turn.more of {turn}"))).transpose()
}

fn message_in(event: &Event) -> Result<&IncomingMessage, StoreError> {
    match &event.kind {
        EventKind::Message(message) | EventKind::Edit(message) => Ok(message),
        _ => Err(StoreError::Corrupt {
            place: format!("event {}", event.id),
            problem: "a part of a request that is no message".to_owned(),
        }),
    }
}

fn words(state: &TurnState) -> Message {
    let text = state.request.text.clone();
    Message::User { text }
}

/// What came with a request's words, as the history keeps it; nothing for most.
pub(in crate::store) fn enclosed_json(state: &TurnState) -> Result<Option<String>, StoreError> {
    let enclosed = &state.request.enclosed;
    (!enclosed.is_empty()).then(|| to_json(enclosed)).transpose()
}

fn new_fence() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

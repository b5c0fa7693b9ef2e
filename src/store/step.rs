//! `commit_step`: a turn's new state and everything that follows from it, in one transaction.

use super::approvals::{self, Asking};
use super::claim::{self, ClaimedTurn};
use super::message::{Desire, MessageId, MessageRow, desire, withdraw_growing};
use super::rows::to_json;
use super::toolrun::{self, FinishedRun, StartVerdict, ToolStart};
use super::{Store, StoreError, accept};
use crate::domain::{ApprovalId, TurnId};
use crate::gate::{Binding, Question};
use crate::models::{Message, ModelIdentity, TokenUsage};
use crate::strings;
use crate::tools::Prepared;
use crate::turn::{CallOutcome, CallResult, Input, Limits, Phase, TurnEvent, TurnState};
use cortex_chat::{Document, MessageKind, OutgoingMessage, Text};
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::{Value, json};

/// Who holds a turn, and which of its steps they know: whoever is late is told so and writes nothing.
#[derive(Clone, Copy, Debug)]
pub struct Fence {
    /// The turn.
    pub turn: TurnId,
    /// Its conversation's row.
    pub conversation: i64,
    /// The taking of the conversation's slot.
    pub epoch: i64,
    /// Stored steps so far.
    pub version: u64,
}

/// One step of a turn.
#[derive(Debug)]
pub struct StepCommit {
    /// Who writes.
    pub fence: Fence,
    /// The state after the step. With `starts` or `questions`: before them; the store finishes the step.
    pub state: TurnState,
    /// The limits for what the store finishes.
    pub limits: Limits,
    /// For the turn's listeners.
    pub events: Vec<TurnEvent>,
    /// What the chat should show.
    pub messages: Vec<DesiredMessage>,
    /// Results of tools.
    pub finished: Vec<FinishedRun>,
    /// Tools about to run.
    pub starts: Vec<ToolStart>,
    /// Questions to put.
    pub questions: Vec<NewQuestion>,
    /// Tokens used.
    pub usage: Vec<UsageRecord>,
    /// For the audit.
    pub audit: Vec<AuditRecord>,
    /// What the session keeps, when the turn is over.
    pub history: Option<HistoryAppend>,
    /// When the slot is given back: take the turn that has waited longest, with this many tokens of history.
    pub claim_next: Option<u64>,
}

/// What a message should show from now on.
#[derive(Debug)]
pub struct DesiredMessage {
    /// Which message.
    pub id: MessageId,
    /// `None`: it should not be there.
    pub content: Option<OutgoingMessage>,
}

/// A question to a person.
#[derive(Debug)]
pub struct NewQuestion {
    /// Its call's place in the round.
    pub index: usize,
    /// Its id.
    pub id: ApprovalId,
    /// Its call's id.
    pub call_id: String,
    /// What is shown; the store gives it its code.
    pub question: Question,
    /// What the decision is bound to.
    pub binding: Binding,
}

/// Tokens of one model call.
#[derive(Debug)]
pub struct UsageRecord {
    /// The model that was called.
    pub model: ModelIdentity,
    /// What it used.
    pub tokens: TokenUsage,
    /// What that cost, in millionths of the currency, where the config names a price.
    pub cost_micros: Option<u64>,
}

/// Something for the audit; never any message text.
#[derive(Debug)]
pub struct AuditRecord {
    /// What kind of thing.
    pub kind: &'static str,
    /// What about it.
    pub body: Value,
}

/// What a finished turn leaves in its session.
#[derive(Debug)]
pub struct HistoryAppend {
    /// The request, what was said and done, and the answer.
    pub entries: Vec<Message>,
    /// The model that answered and the host.
    pub metadata: Value,
    /// Whether any of it comes from strangers.
    pub tainted: bool,
}

/// What a step gave.
#[derive(Debug)]
pub struct Committed {
    /// The state as stored.
    pub state: TurnState,
    /// Its version.
    pub version: u64,
    /// Messages that changed.
    pub messages: Vec<MessageRow>,
    /// Calls that were not started, with their results.
    pub refused: Vec<(usize, CallResult)>,
    /// For listeners: the questions put.
    pub confirm: Option<TurnEvent>,
    /// The next turn, of this conversation or another.
    pub next: Option<ClaimedTurn>,
}

impl Store {
    /// Stores a step.
    pub async fn commit_step(&self, step: std::sync::Arc<StepCommit>) -> Result<Committed, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| commit(connection, now, &step)).await
    }

    /// What is known of calls that a crash cut off.
    pub async fn results_of(&self, turn: TurnId, call_ids: Vec<String>) -> Result<Vec<Option<FinishedRun>>, StoreError> {
        self.read(move |connection| {
            call_ids
                .iter()
                .map(|call_id| toolrun::result_of(connection, turn, call_id))
                .collect()
        })
        .await
    }
}

fn commit(connection: &Connection, now: i64, step: &StepCommit) -> Result<Committed, StoreError> {
    let Fence {
        turn,
        conversation,
        epoch,
        version,
    } = step.fence;
    let moved: Option<bool> = connection
        .prepare_cached(
            "SELECT coalesce(conversation.moved_at >= turn.created_at, 0)
             FROM turn JOIN conversation ON conversation.id = turn.conversation
             WHERE turn.id = ?1 AND turn.version = ?2 AND conversation.id = ?3 AND conversation.epoch = ?4
             AND conversation.running_turn = turn.id",
        )?
        .query_row(params![turn.to_string(), version as i64, conversation, epoch], |row| {
            row.get(0)
        })
        .optional()?;
    let Some(moved) = moved else {
        return Err(StoreError::Superseded { expected: version });
    };
    let mut state = step.state.clone();
    if moved {
        // The request stands in the old chat, and cannot be replied to from the new one.
        state.request.reply_to = None;
    }
    let mut messages = Vec::new();
    for run in &step.finished {
        toolrun::finish(connection, now, turn, run)?;
    }
    for usage in &step.usage {
        record_usage(connection, now, turn, &state, usage)?;
    }
    for record in &step.audit {
        audit(connection, now, &state.request.user.0, Some(turn), record.kind, &record.body)?;
    }
    for event in &step.events {
        record_event(connection, now, turn, event)?;
    }
    let refused = start_tools(connection, now, turn, &mut state, &step.starts, step.limits)?;
    for message in &step.messages {
        let mut content = message.content.clone();
        if let Some(content) = content.as_mut().filter(|_| moved) {
            content.reply_to = None;
        }
        let desire_this = Desire {
            id: message.id.clone(),
            conversation,
            turn: Some(turn),
            approval: None,
            content,
        };
        messages.push(desire(connection, now, &desire_this)?);
    }
    let (prompts, confirm) = put_questions(connection, now, step.fence, &mut state, &step.questions, step.limits)?;
    messages.extend(prompts);
    if let Some(history) = &step.history {
        append_history(connection, now, turn, &state, history)?;
    }
    let over = matches!(state.phase, Phase::Over(_));
    if over {
        messages.extend(approvals::void(connection, now, turn)?);
    }
    let version = version + 1;
    connection
        .prepare_cached(
            "UPDATE turn SET state = ?2, version = ?3, status = ?4, updated_at = ?5,
             attempts = CASE WHEN ?7 THEN attempts ELSE 0 END, completed_at = CASE WHEN ?6 THEN ?5 END WHERE id = ?1",
        )?
        .execute(params![
            turn.to_string(),
            to_json(&state)?,
            version as i64,
            state.status().as_str(),
            now,
            over,
            // A start is no progress: a tool that takes the daemon down is not tried for ever.
            !step.starts.is_empty()
        ])?;
    let mut next = None;
    if over || state.phase == Phase::AwaitingConfirmation {
        connection
            .prepare_cached("UPDATE conversation SET running_turn = NULL WHERE id = ?1")?
            .execute([conversation])?;
        if let Some(history_tokens) = step.claim_next {
            next = claim::next_anywhere(connection, now, history_tokens)?;
        }
    }
    Ok(Committed {
        state,
        version,
        messages,
        refused,
        confirm,
        next,
    })
}

/// Puts starts on record; gives those that must not run, with their results.
fn start_tools(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    state: &mut TurnState,
    starts: &[ToolStart],
    limits: Limits,
) -> Result<Vec<(usize, CallResult)>, StoreError> {
    let mut refused = Vec::new();
    for start in starts {
        let input = match toolrun::start(connection, now, turn, state, start)? {
            StartVerdict::Started => Input::Started(vec![(start.index, start.prepared.clone())]),
            StartVerdict::Changed => Input::Changed(start.index),
            StartVerdict::Refused(reason) => {
                let text = strings::tool_error(&reason);
                let result = CallResult {
                    text,
                    outcome: CallOutcome::Refused,
                    tainted: false,
                };
                refused.push((start.index, result.clone()));
                Input::Finished(vec![(start.index, result)])
            }
        };
        let _ = state.step(input, limits);
    }
    Ok(refused)
}

fn put_questions(
    connection: &Connection,
    now: i64,
    fence: Fence,
    state: &mut TurnState,
    questions: &[NewQuestion],
    limits: Limits,
) -> Result<(Vec<MessageRow>, Option<TurnEvent>), StoreError> {
    if questions.is_empty() {
        return Ok((Vec::new(), None));
    }
    let Fence { turn, conversation, .. } = fence;
    let asked: Vec<(usize, ApprovalId, Prepared)> = questions
        .iter()
        .map(|new| (new.index, new.id, new.question.prepared.clone()))
        .collect();
    let askings = questions
        .iter()
        .map(|new| Asking {
            id: new.id,
            turn,
            conversation,
            state,
            call_id: &new.call_id,
            question: new.question.clone(),
            binding: &new.binding,
        })
        .collect();
    let messages = approvals::ask(connection, now, askings)?;
    let notices = asked
        .iter()
        .zip(questions)
        .filter_map(|((_, id, _), new)| {
            let code = approvals::by_id(connection, *id).ok().flatten()?.code;
            let question = &new.question;
            let (name, args) = (question.tool.clone(), question.arguments.to_value());
            Some(crate::turn::Notice {
                approval: *id,
                code,
                name,
                args,
            })
        })
        .collect();
    let event = TurnEvent::Confirm {
        tools: notices,
        message: Text::from(strings::CONFIRM_MESSAGE),
    };
    record_event(connection, now, turn, &event)?;
    let _ = state.step(Input::Asked(asked), limits);
    Ok((messages, Some(event)))
}

/// Numbers an event of a turn and stores it.
pub(super) fn record_event(connection: &Connection, now: i64, turn: TurnId, event: &TurnEvent) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO turn_event (turn, number, at, body)
             SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3 FROM turn_event WHERE turn = ?1",
        )?
        .execute(params![turn.to_string(), now, to_json(event)?])?;
    Ok(())
}

/// Writes a line of the audit.
pub(super) fn audit(
    connection: &Connection,
    now: i64,
    user: &str,
    turn: Option<TurnId>,
    kind: &str,
    body: &Value,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO audit (at, user, turn, kind, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![now, user, turn.map(|turn| turn.to_string()), kind, body.to_string()])?;
    Ok(())
}

fn record_usage(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    state: &TurnState,
    usage: &UsageRecord,
) -> Result<(), StoreError> {
    let day = super::rows::time(now).strftime("%Y-%m-%d").to_string();
    connection
        .prepare_cached(
            "INSERT INTO usage (turn, user, model, provider, day, prompt, completion, cached, reasoning, at, cost)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            turn.to_string(),
            state.request.user.0,
            usage.model.name,
            usage.model.kind,
            day,
            usage.tokens.prompt as i64,
            usage.tokens.completion as i64,
            usage.tokens.cached as i64,
            usage.tokens.reasoning as i64,
            now,
            usage.cost_micros.map(|cost| cost as i64)
        ])?;
    Ok(())
}

/// Replaces the words of an open turn by the whole of a finished one, at the end of the history: it is ordered by completion.
fn append_history(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    state: &TurnState,
    history: &HistoryAppend,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM history WHERE turn = ?1")?
        .execute([turn.to_string()])?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO history (session, turn, open, body, metadata, tainted, at, enclosed) VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let (session, metadata) = (state.request.session.to_string(), history.metadata.to_string());
    for (number, entry) in history.entries.iter().enumerate() {
        // The request comes first, and with it what came with it.
        let enclosed = if number == 0 { accept::enclosed_json(state)? } else { None };
        insert.execute(params![
            session,
            turn.to_string(),
            to_json(entry)?,
            metadata,
            history.tainted,
            now,
            enclosed
        ])?;
    }
    Ok(())
}

/// Ends a turn that nobody works on: its words stay in the history with a marked outcome.
fn end_idle(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    input: Input,
    event: &TurnEvent,
    word: &str,
) -> Result<Vec<MessageRow>, StoreError> {
    let found: Option<(i64, String)> = connection
        .prepare_cached("SELECT conversation, state FROM turn WHERE id = ?1")?
        .query_row([turn.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((conversation, json)) = found else {
        return Ok(Vec::new());
    };
    let mut state = match claim::read_state(&json, turn) {
        Ok(state) => state,
        Err(error) => return end_unreadable(connection, now, turn, &error),
    };
    let _ = state.step(input, Limits::NONE);
    let history = HistoryAppend {
        entries: crate::turn::history_entries(&state),
        metadata: json!({}),
        tainted: state.tainted,
    };
    append_history(connection, now, turn, &state, &history)?;
    record_event(connection, now, turn, event)?;
    connection
        .prepare_cached(
            "UPDATE turn SET state = ?2, version = version + 1, status = ?3, updated_at = ?4, completed_at = ?4 WHERE id = ?1",
        )?
        .execute(params![turn.to_string(), to_json(&state)?, state.status().as_str(), now])?;
    let mut messages = approvals::void(connection, now, turn)?;
    messages.push(accept::last_word(connection, now, conversation, turn, &state, word)?);
    messages.extend(withdraw_growing(connection, now, conversation, turn)?);
    Ok(messages)
}

/// Ends a turn whose stored form cannot be read, so that it holds up nobody else, and tells its chat.
pub(super) fn end_unreadable(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    error: &StoreError,
) -> Result<Vec<MessageRow>, StoreError> {
    tracing::error!(%error, turn.id = %turn, "a turn cannot be read and is ended");
    let conversation: i64 = connection
        .prepare_cached(
            "UPDATE turn SET status = 'error', updated_at = ?2, completed_at = ?2 WHERE id = ?1 RETURNING conversation",
        )?
        .query_row(params![turn.to_string(), now], |row| row.get(0))?;
    let mut messages = approvals::void(connection, now, turn)?;
    let told = Desire {
        id: MessageId::notice(&turn.to_string(), 0),
        conversation,
        turn: Some(turn),
        approval: None,
        content: Some(OutgoingMessage {
            kind: MessageKind::Notice,
            body: Document::plain(strings::UNREADABLE),
            choices: Vec::new(),
            reply_to: None,
            live: false,
            last: true,
        }),
    };
    messages.push(desire(connection, now, &told)?);
    messages.extend(withdraw_growing(connection, now, conversation, turn)?);
    Ok(messages)
}

/// Cancels a turn that still waits for its conversation's slot.
pub(super) fn cancel_queued(connection: &Connection, now: i64, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
    let input = Input::Stopped { shown: Text::default() };
    end_idle(connection, now, turn, input, &TurnEvent::Cancelled, strings::STOPPED)
}

/// Sets a turn aside that took the daemon down again and again.
pub(super) fn set_aside(connection: &Connection, now: i64, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
    let message = strings::SET_ASIDE.to_owned();
    let event = TurnEvent::Error {
        message: Text::from(strings::SET_ASIDE),
    };
    let input = Input::Failed(crate::turn::ModelFailure { message });
    end_idle(connection, now, turn, input, &event, &strings::failed(strings::SET_ASIDE))
}

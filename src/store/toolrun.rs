//! Runs of tools: the start is on disk before the effect, with authority checked afresh; the result right after it.

use super::{StoreError, approvals, identity};
use crate::domain::{ApprovalId, TurnId};
use crate::gate::{ApprovalStatus, Binding, Requirement};
use crate::strings;
use crate::tools::{Prepared, ToolDefinition};
use crate::turn::{CallOutcome, TurnState};
use rusqlite::{Connection, OptionalExtension as _, params};

/// A call that is about to run.
#[derive(Clone, Debug)]
pub struct ToolStart {
    /// Its place in the round.
    pub index: usize,
    /// Its id in the turn.
    pub call_id: String,
    /// The tool as it is now.
    pub definition: ToolDefinition,
    /// What it would do now.
    pub prepared: Prepared,
    /// The call as it is now, to be compared with what was shown.
    pub binding: Binding,
    /// The question that allowed it, where one was put.
    pub approval: Option<ApprovalId>,
}

/// A run that has ended.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    /// The call.
    pub call_id: String,
    /// How it ended.
    pub outcome: CallOutcome,
    /// What the model reads.
    pub result: String,
    /// Whether it comes from strangers.
    pub tainted: bool,
}

/// What the store says to a start.
pub(super) enum StartVerdict {
    Started,
    /// It is no longer what was allowed: ask again.
    Changed,
    /// It must not run.
    Refused(String),
}

/// Checks a start against everything as it is now, and puts it on record.
pub(super) fn start(
    connection: &Connection,
    now: i64,
    turn: TurnId,
    state: &TurnState,
    start: &ToolStart,
) -> Result<StartVerdict, StoreError> {
    let user = &state.request.user;
    let Some(policy) = identity::policy_of(connection, user)? else {
        return Ok(StartVerdict::Refused(strings::USER_REMOVED.to_owned()));
    };
    if let Err(reason) = policy.permits(&start.definition) {
        return Ok(StartVerdict::Refused(reason));
    }
    match start.approval {
        Some(id) => {
            let approval = approvals::by_id(connection, id)?.filter(|approval| {
                approval.status == ApprovalStatus::Allowed && approval.turn == turn && &approval.asker == user
            });
            let Some(approval) = approval else {
                return Ok(StartVerdict::Refused("nobody allowed this call".to_owned()));
            };
            if approval.expires_at.as_millisecond() <= now {
                return Ok(StartVerdict::Refused(strings::APPROVAL_RAN_OUT.to_owned()));
            }
            if approval.binding != start.binding {
                return Ok(StartVerdict::Changed);
            }
        }
        None => {
            let covered = match policy.requirement(&start.definition, state.tainted) {
                Requirement::Run => true,
                Requirement::ConfirmAlways => false,
                Requirement::Confirm => match &start.prepared.grant_shape {
                    Some(shape) => {
                        let (name, hash) = (&start.definition.name, &start.binding.definition_hash);
                        approvals::granted(connection, user, turn, name, shape, hash)?
                    }
                    None => false,
                },
            };
            if !covered {
                return Ok(StartVerdict::Changed);
            }
        }
    }
    connection
        .prepare_cached(
            "INSERT INTO tool_run (turn, call_id, run, tool, arguments_hash, approval, started_at, tainted)
             SELECT ?1, ?2, coalesce(max(run), 0) + 1, ?3, ?4, ?5, ?6, ?7 FROM tool_run WHERE turn = ?1 AND call_id = ?2",
        )?
        .execute(params![
            turn.to_string(),
            start.call_id,
            start.definition.name,
            start.binding.arguments_hash,
            start.approval.map(|approval| approval.to_string()),
            now,
            state.tainted
        ])?;
    Ok(StartVerdict::Started)
}

/// Puts a result on record.
pub(super) fn finish(connection: &Connection, now: i64, turn: TurnId, run: &FinishedRun) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE tool_run SET finished_at = ?3, outcome = ?4, result = ?5, tainted = ?6
             WHERE turn = ?1 AND call_id = ?2 AND finished_at IS NULL",
        )?
        .execute(params![
            turn.to_string(),
            run.call_id,
            now,
            outcome_word(run.outcome),
            run.result,
            run.tainted
        ])?;
    Ok(())
}

/// The result of a call's newest run, where it is known.
pub(super) fn result_of(connection: &Connection, turn: TurnId, call_id: &str) -> Result<Option<FinishedRun>, StoreError> {
    let row: Option<(Option<String>, Option<String>, bool)> = connection
        .prepare_cached(
            "SELECT outcome, result, tainted FROM tool_run WHERE turn = ?1 AND call_id = ?2 ORDER BY run DESC LIMIT 1",
        )?
        .query_row(params![turn.to_string(), call_id], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    let Some((Some(outcome), Some(result), tainted)) = row else {
        return Ok(None);
    };
    let outcome = if outcome == outcome_word(CallOutcome::Succeeded) {
        CallOutcome::Succeeded
    } else {
        CallOutcome::Failed
    };
    Ok(Some(FinishedRun {
        call_id: call_id.to_owned(),
        outcome,
        result,
        tainted,
    }))
}

/// The word in the store and in the audit.
pub(super) fn outcome_word(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Succeeded => "succeeded",
        CallOutcome::Failed => "failed",
        CallOutcome::Refused => "refused",
        CallOutcome::Denied => "denied",
        CallOutcome::Unknown => "unknown",
        CallOutcome::Cancelled => "cancelled",
    }
}

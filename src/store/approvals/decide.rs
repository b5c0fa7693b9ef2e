//! Deciding a question: at most once, by its asker, in time, with authority as it is now; and what follows from it.

use super::{by_id, desire_prompt};
use crate::domain::{ApprovalId, TurnId, UserName};
use crate::gate::{Approval, ApprovalStatus, Choice, preview};
use crate::store::message::{self, MessageRow};
use crate::store::rows::{time, to_json};
use crate::store::step::{audit, end_unreadable, record_event};
use crate::store::{Store, StoreError, claim, identity};
use crate::strings;
use crate::turn::{Decision, Input, Limits, Phase, TurnEvent};
use cortex_chat::Text;
use rusqlite::{Connection, params};
use serde_json::json;
use std::time::Duration;

/// A decision by a person.
pub(in crate::store) struct DecisionRecord<'a> {
    pub(in crate::store) choice: Choice,
    pub(in crate::store) by: &'a UserName,
    pub(in crate::store) via: &'a str,
    pub(in crate::store) reason: Option<&'a Text>,
}

/// What came of an attempt to decide.
#[derive(Default)]
pub(in crate::store) struct Decided {
    /// Messages that changed.
    pub(in crate::store) messages: Vec<MessageRow>,
    /// For the turn's listeners.
    pub(in crate::store) event: Option<(TurnId, TurnEvent)>,
    /// What the person who tried is told.
    pub(in crate::store) tell: Option<String>,
    /// What they are told only where nobody else sees it: the chat shows it anyway.
    pub(in crate::store) word: Option<&'static str>,
}

/// Decides a question, if it is open, in time, and the person may.
pub(in crate::store) fn decide(
    connection: &Connection,
    now: i64,
    id: ApprovalId,
    record: &DecisionRecord<'_>,
) -> Result<Decided, StoreError> {
    let tell = |word: &str| {
        Ok(Decided {
            tell: Some(word.to_owned()),
            ..Decided::default()
        })
    };
    let Some(approval) = by_id(connection, id)? else {
        return tell(strings::NOTHING_TO_DECIDE);
    };
    if approval.status != ApprovalStatus::Pending {
        return tell(&strings::already_decided(&approval.code, approval.status.as_str()));
    }
    if &approval.asker != record.by {
        return tell(strings::NOT_YOURS_TO_DECIDE);
    }
    if approval.expires_at.as_millisecond() <= now {
        let expired = expire(connection, now, id)?;
        return Ok(Decided {
            word: Some(strings::TOO_LATE),
            ..expired
        });
    }
    // Authority as it is now, not as it was when the question was put.
    let policy = identity::policy_of(connection, record.by)?;
    let permitted = match &policy {
        None => Err(strings::USER_REMOVED.to_owned()),
        Some(policy) => policy.reaches(&approval.question.tool, approval.question.risk),
    };
    if let Err(why) = permitted
        && record.choice != Choice::Deny
    {
        let reason = Text::new(why.clone());
        let denial = DecisionRecord {
            choice: Choice::Deny,
            reason: Some(&reason),
            ..*record
        };
        let mut decided = close(connection, now, &approval, &denial)?;
        decided.tell = Some(why);
        return Ok(decided);
    }
    let grantable = match record.choice {
        Choice::Session => approval.question.session_offered,
        Choice::Always => {
            approval.question.always_offered
                && !preview::is_cut(&approval.question)
                && policy.as_ref().is_some_and(|policy| policy.may_grant_always)
        }
        _ => true,
    };
    if !grantable {
        return tell(strings::ALWAYS_FORBIDDEN);
    }
    close(connection, now, &approval, record)
}

fn close(
    connection: &Connection,
    now: i64,
    approval: &Approval,
    record: &DecisionRecord<'_>,
) -> Result<Decided, StoreError> {
    let denied = record.choice == Choice::Deny;
    let status = if denied {
        ApprovalStatus::Denied
    } else {
        ApprovalStatus::Allowed
    };
    connection
        .prepare_cached(
            "UPDATE approval SET status = ?2, choice = ?3, decided_by = ?4, decided_via = ?5, decided_at = ?6, reason = ?7
             WHERE id = ?1 AND status = 'pending'",
        )?
        .execute(params![
            approval.id.to_string(),
            status.as_str(),
            record.choice.as_str(),
            record.by.0,
            record.via,
            now,
            record.reason.map(Text::as_str)
        ])?;
    if matches!(record.choice, Choice::Session | Choice::Always) {
        insert_grant(connection, now, approval, record.choice)?;
    }
    let body = json!({"approval": approval.id, "code": approval.code, "tool": approval.question.tool,
        "choice": record.choice.as_str(), "via": record.via, "asker": approval.asker});
    audit(connection, now, &record.by.0, Some(approval.turn), "decision", &body)?;
    let decision = if denied {
        Decision::Denied {
            reason: record.reason.cloned(),
        }
    } else {
        Decision::Allowed
    };
    let sentence = preview::decision_sentence(record.choice, &record.by.0, time(now), record.reason.map(Text::as_str));
    let messages = settle(connection, now, approval, decision, status, &sentence)?;
    let event = TurnEvent::Decided {
        approval: approval.id,
        decision: status.as_str().to_owned(),
    };
    Ok(Decided {
        messages,
        event: Some((approval.turn, event)),
        tell: None,
        word: Some(strings::decided(record.choice)),
    })
}

fn insert_grant(connection: &Connection, now: i64, approval: &Approval, choice: Choice) -> Result<(), StoreError> {
    let Some(shape) = &approval.question.prepared.grant_shape else {
        return Ok(());
    };
    let session = (choice == Choice::Session).then(|| approval.session.to_string());
    connection.execute(
        "INSERT INTO grant (user, conversation, session, tool, shape, definition_hash, approval, created_at)
         SELECT ?1, conversation, ?2, ?3, ?4, ?5, id, ?6 FROM approval WHERE id = ?7",
        params![
            approval.asker.0,
            session,
            approval.question.tool,
            shape,
            approval.binding.definition_hash,
            now,
            approval.id.to_string()
        ],
    )?;
    Ok(())
}

impl Store {
    /// Whether a standing permission of this user covers a call of this shape in this turn.
    pub async fn is_granted(
        &self,
        user: UserName,
        turn: TurnId,
        tool: String,
        shape: String,
        definition_hash: String,
    ) -> Result<bool, StoreError> {
        self.read(move |connection| granted(connection, &user, turn, &tool, &shape, &definition_hash))
            .await
    }
}

/// Whether a standing permission covers a call.
pub(in crate::store) fn granted(
    connection: &Connection,
    user: &UserName,
    turn: TurnId,
    tool: &str,
    shape: &str,
    definition_hash: &str,
) -> Result<bool, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM grant JOIN turn ON turn.id = ?2
             WHERE grant.user = ?1 AND grant.tool = ?3 AND grant.shape = ?4 AND grant.definition_hash = ?5
             AND grant.revoked_at IS NULL AND grant.conversation = turn.conversation
             AND (grant.session IS NULL OR grant.session = turn.session))",
        )?
        .query_row(params![user.0, turn.to_string(), tool, shape, definition_hash], |row| {
            row.get(0)
        })?)
}

/// Denies a question because its time is over.
pub(super) fn expire(connection: &Connection, now: i64, id: ApprovalId) -> Result<Decided, StoreError> {
    let Some(approval) = by_id(connection, id)?.filter(|approval| approval.status == ApprovalStatus::Pending) else {
        return Ok(Decided::default());
    };
    connection
        .prepare_cached("UPDATE approval SET status = 'expired', decided_at = ?2 WHERE id = ?1")?
        .execute(params![id.to_string(), now])?;
    let body = json!({"approval": approval.id, "code": approval.code, "tool": approval.question.tool});
    audit(connection, now, &approval.asker.0, Some(approval.turn), "expiry", &body)?;
    let created: i64 = connection.query_row("SELECT created_at FROM approval WHERE id = ?1", [id.to_string()], |row| {
        row.get(0)
    })?;
    // To the nearest second: the question was stored a moment after its time began, and 24 hours are not 23.
    let after_ms = u64::try_from(approval.expires_at.as_millisecond() - created).unwrap_or(0);
    let after = Duration::from_secs((after_ms + 500) / 1000);
    let sentence = preview::expiry_sentence(after);
    let messages = settle(
        connection,
        now,
        &approval,
        Decision::Expired,
        ApprovalStatus::Expired,
        &sentence,
    )?;
    let event = TurnEvent::Decided {
        approval: approval.id,
        decision: ApprovalStatus::Expired.as_str().to_owned(),
    };
    Ok(Decided {
        messages,
        event: Some((approval.turn, event)),
        ..Decided::default()
    })
}

/// Tells the turn and the chat how a question was decided.
fn settle(
    connection: &Connection,
    now: i64,
    approval: &Approval,
    decision: Decision,
    status: ApprovalStatus,
    sentence: &str,
) -> Result<Vec<MessageRow>, StoreError> {
    let mut messages = Vec::new();
    for prompt in message::of_approval(connection, &approval.id.to_string())? {
        if !prompt.is_wanted() {
            continue;
        }
        let content = preview::outcome(&approval.question, sentence);
        let conversation = conversation_of(connection, approval.id)?;
        messages.push(desire_prompt(
            connection,
            now,
            prompt.id,
            conversation,
            approval,
            Some(content),
        )?);
    }
    let (version, json): (i64, String) = connection
        .prepare_cached("SELECT version, state FROM turn WHERE id = ?1")?
        .query_row([approval.turn.to_string()], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut state = match claim::read_state(&json, approval.turn) {
        Ok(state) => state,
        Err(error) => {
            messages.extend(end_unreadable(connection, now, approval.turn, &error)?);
            return Ok(messages);
        }
    };
    let _ = state.step(
        Input::Decided {
            approval: approval.id,
            decision,
        },
        Limits::NONE,
    );
    let resumes = !matches!(state.phase, Phase::AwaitingConfirmation);
    connection
        .prepare_cached(
            "UPDATE turn SET state = ?2, version = ?3, updated_at = ?4, attempts = 0,
             status = CASE WHEN ?5 THEN 'queued' ELSE status END, resumed = CASE WHEN ?5 THEN 1 ELSE resumed END
             WHERE id = ?1 AND status = 'awaiting_confirmation'",
        )?
        .execute(params![
            approval.turn.to_string(),
            to_json(&state)?,
            version + 1,
            now,
            resumes
        ])?;
    let event = TurnEvent::Decided {
        approval: approval.id,
        decision: status.as_str().to_owned(),
    };
    record_event(connection, now, approval.turn, &event)?;
    Ok(messages)
}

pub(super) fn conversation_of(connection: &Connection, approval: ApprovalId) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT conversation FROM approval WHERE id = ?1")?
        .query_row([approval.to_string()], |row| row.get(0))?)
}

//! Questions in the store: made with a turn's step, decided at most once, expired in time.

use super::message::{self, Desire, MessageId, MessageRow, desire};
use super::rows::{from_id, from_json, from_word, time, to_json};
use super::step::{audit, record_event};
use super::{Store, StoreError, identity};
use crate::domain::{ApprovalId, Risk, TurnId, UserName};
use crate::gate::{Approval, ApprovalStatus, Choice, Question, preview};
use crate::router::ApprovalView;
use crate::strings;
use crate::turn::{Decision, Input, Limits, Phase, TurnEvent, TurnState};
use cortex_chat::{ConnectorName, MessageRef, OutgoingMessage, Text};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde_json::json;
use std::time::Duration;

/// Decided questions that a conversation still knows, to answer a late press or reply.
const REMEMBERED: i64 = 20;

/// A decision by a person.
pub(super) struct DecisionRecord<'a> {
    pub(super) choice: Choice,
    pub(super) by: &'a UserName,
    pub(super) via: &'a str,
    pub(super) reason: Option<&'a Text>,
}

/// What came of an attempt to decide.
#[derive(Default)]
pub(super) struct Decided {
    /// Messages that changed.
    pub(super) messages: Vec<MessageRow>,
    /// For the turn's listeners.
    pub(super) event: Option<(TurnId, TurnEvent)>,
    /// What the person who tried is told.
    pub(super) tell: Option<String>,
}

/// What came of questions whose time was over.
#[derive(Debug, Default)]
pub struct Expired {
    /// Messages that changed.
    pub messages: Vec<MessageRow>,
    /// For the turns' listeners.
    pub events: Vec<(TurnId, TurnEvent)>,
}

const COLUMNS: &str = "id, code, turn, session, asker, question, binding, status, expires_at, shown_with";

impl Store {
    /// Ends the questions whose time is over.
    pub async fn expire_approvals(&self) -> Result<Expired, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let due: Vec<String> = connection
                .prepare_cached("SELECT id FROM approval WHERE status = 'pending' AND expires_at <= ?1 LIMIT 100")?
                .query_map([now], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            let mut expired = Expired::default();
            for id in due {
                let Decided { messages, event, .. } = expire(connection, now, from_id(&id, "approval.id")?)?;
                expired.messages.extend(messages);
                expired.events.extend(event);
            }
            Ok(expired)
        })
        .await
    }

    /// When the next question expires, in milliseconds since 1970.
    pub async fn next_expiry(&self) -> Result<Option<i64>, StoreError> {
        self.read(|connection| {
            Ok(connection
                .prepare_cached("SELECT min(expires_at) FROM approval WHERE status = 'pending'")?
                .query_row([], |row| row.get(0))?)
        })
        .await
    }

    /// Puts the open questions of a connector again as new messages: after an absence, or where messages do not outlive
    /// the process.
    pub async fn announce_again(&self, connector: ConnectorName) -> Result<Vec<MessageRow>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let open: Vec<(String, i64)> = connection
                .prepare_cached(
                    "SELECT approval.id, approval.conversation FROM approval
                     JOIN conversation ON conversation.id = approval.conversation
                     WHERE approval.status = 'pending' AND approval.expires_at > ?2 AND conversation.connector = ?1
                     ORDER BY approval.created_at, approval.id",
                )?
                .query_map(params![connector.as_str(), now], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            let mut messages = Vec::new();
            for (id, conversation) in open {
                let Some(approval) = by_id(connection, from_id(&id, "approval.id")?)? else {
                    continue;
                };
                let earlier = message::of_approval(connection, &id)?;
                for old in earlier.iter().filter(|old| old.desired.is_some()) {
                    // What was never sent must not turn up beside the new one; what stands is closed.
                    let content = old
                        .reference
                        .as_ref()
                        .map(|_| preview::outcome(&approval.question, "asked again below"));
                    messages.push(desire_prompt(
                        connection,
                        now,
                        old.id.clone(),
                        conversation,
                        &approval,
                        content,
                    )?);
                }
                let next = MessageId::prompt(approval.id, u32::try_from(earlier.len()).unwrap_or(u32::MAX));
                let mut content = preview::prompt(approval.id, &approval.question);
                content.reply_to = request_message(connection, approval.turn)?;
                messages.push(desire_prompt(connection, now, next, conversation, &approval, Some(content))?);
            }
            Ok(messages)
        })
        .await
    }
}

/// The message that asked for a turn.
fn request_message(connection: &Connection, turn: TurnId) -> Result<Option<MessageRef>, StoreError> {
    let json: String = connection.query_row("SELECT state FROM turn WHERE id = ?1", [turn.to_string()], |row| row.get(0))?;
    let state: TurnState = from_json(&json, &format!("turn.state of {turn}"))?;
    Ok(state.request.reply_to)
}

fn desire_prompt(
    connection: &Connection,
    now: i64,
    id: MessageId,
    conversation: i64,
    approval: &Approval,
    content: Option<OutgoingMessage>,
) -> Result<MessageRow, StoreError> {
    let (turn, approval) = (Some(approval.turn), Some(approval.id));
    desire(
        connection,
        now,
        &Desire {
            id,
            conversation,
            turn,
            approval,
            content,
        },
    )
}

/// A question by its id.
pub(super) fn by_id(connection: &Connection, id: ApprovalId) -> Result<Option<Approval>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("SELECT {COLUMNS} FROM approval WHERE id = ?1"))?;
    statement
        .query_row([id.to_string()], read_row)
        .optional()?
        .map(finish_row)
        .transpose()
}

/// The open questions of a user in a conversation, oldest first, with their codes.
pub(super) fn open_of(
    connection: &Connection,
    conversation: i64,
    user: &UserName,
) -> Result<Vec<(ApprovalId, String)>, StoreError> {
    let rows: Vec<(String, String)> = connection
        .prepare_cached(
            "SELECT id, code FROM approval WHERE conversation = ?1 AND asker = ?2 AND status = 'pending'
             ORDER BY created_at, id",
        )?
        .query_map(params![conversation, user.0], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, code)| Ok((from_id(&id, "approval.id")?, code)))
        .collect()
}

/// The open questions of a conversation.
pub(super) fn open_in(connection: &Connection, conversation: i64) -> Result<Vec<Approval>, StoreError> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM approval WHERE conversation = ?1 AND status = 'pending' ORDER BY created_at, id"
    ))?;
    let rows = statement
        .query_map([conversation], read_row)?
        .collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(finish_row).collect()
}

/// What the router sees: the open questions of the conversation, with `decided` those decided lately too, and the one that was
/// named, however old.
pub(super) fn views(
    connection: &Connection,
    conversation: i64,
    decided: bool,
    named: Option<ApprovalId>,
) -> Result<Vec<ApprovalView>, StoreError> {
    const VIEW: &str = "SELECT id, code, asker, risk, status, shown_with FROM approval";
    let mut rows = view_rows(
        connection,
        &format!("{VIEW} WHERE conversation = ?1 AND status = 'pending' ORDER BY created_at, id"),
        params![conversation],
    )?;
    if decided {
        rows.extend(view_rows(
            connection,
            &format!("{VIEW} WHERE conversation = ?1 AND status != 'pending' ORDER BY decided_at DESC LIMIT {REMEMBERED}"),
            params![conversation],
        )?);
    }
    if let Some(named) = named.filter(|named| rows.iter().all(|row| row.id != *named)) {
        let sql = format!("{VIEW} WHERE conversation = ?1 AND id = ?2");
        rows.extend(view_rows(connection, &sql, params![conversation, named.to_string()])?);
    }
    Ok(rows)
}

fn view_rows(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<ApprovalView>, StoreError> {
    type Columns = (String, String, String, String, String, String);
    let rows: Vec<Columns> = connection
        .prepare_cached(sql)?
        .query_map(parameters, |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?
        .collect::<Result<_, _>>()?;
    rows.into_iter()
        .map(|(id, code, asker, risk, status, shown_with)| {
            let place = |column: &str| format!("approval.{column} of {id}");
            let id: ApprovalId = from_id(&id, &place("id"))?;
            Ok(ApprovalView {
                id,
                asker: UserName(asker),
                risk: from_word(&risk, &place("risk"), Risk::from_word)?,
                status: from_word(&status, &place("status"), ApprovalStatus::from_word)?,
                prompts: prompts(connection, id)?,
                shown_with: from_json(&shown_with, &place("shown_with"))?,
                code,
            })
        })
        .collect()
}

fn prompts(connection: &Connection, approval: ApprovalId) -> Result<Vec<MessageRef>, StoreError> {
    let references = connection
        .prepare_cached("SELECT reference FROM message WHERE approval = ?1 AND reference IS NOT NULL")?
        .query_map([approval.to_string()], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    Ok(references.into_iter().map(Into::into).collect())
}

/// The open question whose prompt is the newest message of ours that stands in a conversation.
pub(super) fn newest_message_is_prompt_of(
    connection: &Connection,
    conversation: i64,
) -> Result<Option<ApprovalId>, StoreError> {
    let approval: Option<Option<String>> = connection
        .prepare_cached(
            // A growing answer has no desired content yet, and a question that was not sent is nobody's newest message. One
            // that is being sent may stand there already: an answer can be quicker than our record of it.
            "SELECT CASE WHEN send_state IN ('sending', 'sent') THEN approval END FROM message
             WHERE conversation = ?1 AND (desired IS NOT NULL OR send_state IN ('sending', 'sent'))
             ORDER BY number DESC LIMIT 1",
        )?
        .query_row([conversation], |row| row.get(0))
        .optional()?;
    approval.flatten().map(|id| from_id(&id, "message.approval")).transpose()
}

/// Decides a question, if it is open, in time, and the person may.
pub(super) fn decide(
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
        return expire(connection, now, id);
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
pub(super) fn granted(
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
fn expire(connection: &Connection, now: i64, id: ApprovalId) -> Result<Decided, StoreError> {
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
        tell: None,
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
        let shown_or_to_be = prompt.reference.is_some() || prompt.maybe_sent || prompt.desired.is_some();
        if !shown_or_to_be {
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
    let mut state: TurnState = from_json(&json, &format!("turn.state of {}", approval.turn))?;
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

fn conversation_of(connection: &Connection, approval: ApprovalId) -> Result<i64, StoreError> {
    Ok(connection
        .prepare_cached("SELECT conversation FROM approval WHERE id = ?1")?
        .query_row([approval.to_string()], |row| row.get(0))?)
}

/// A question as a turn puts it.
pub(super) struct Asking<'a> {
    pub(super) id: ApprovalId,
    pub(super) turn: TurnId,
    pub(super) conversation: i64,
    pub(super) state: &'a TurnState,
    pub(super) call_id: &'a str,
    pub(super) question: Question,
    pub(super) binding: &'a crate::gate::Binding,
}

/// Stores the questions of one round with fresh codes, and their prompts.
pub(super) fn ask(connection: &Connection, now: i64, askings: Vec<Asking<'_>>) -> Result<Vec<MessageRow>, StoreError> {
    let Some(first) = askings.first() else { return Ok(Vec::new()) };
    let mut already_open = open_in(connection, first.conversation)?;
    already_open.retain(|approval| approval.asker == first.state.request.user);
    let mut codes = Vec::with_capacity(askings.len());
    for _ in &askings {
        codes.push(next_code(connection)?);
    }
    let shown_with: Vec<String> = already_open
        .iter()
        .map(|approval| approval.code.clone())
        .chain(codes.iter().cloned())
        .collect();
    let high = |question: &Question| question.risk == Risk::High;
    let coverable: Vec<String> = already_open
        .iter()
        .filter(|approval| !high(&approval.question))
        .map(|approval| approval.code.clone())
        .chain(
            askings
                .iter()
                .zip(&codes)
                .filter(|(asking, _)| !high(&asking.question))
                .map(|(_, code)| code.clone()),
        )
        .collect();
    let mut messages = Vec::with_capacity(askings.len());
    for (asking, code) in askings.into_iter().zip(codes) {
        let mut question = asking.question;
        question.code.clone_from(&code);
        if coverable.len() > 1 {
            question.all_covers.clone_from(&coverable);
        }
        connection
            .prepare_cached(
                "INSERT INTO approval (id, code, turn, call_id, conversation, session, asker, question, binding, shown_with,
                 tainted, status, created_at, expires_at, risk)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, 'pending', ?12, ?13, ?14)",
            )?
            .execute(params![
                asking.id.to_string(),
                code,
                asking.turn.to_string(),
                asking.call_id,
                asking.conversation,
                asking.state.request.session.to_string(),
                asking.state.request.user.0,
                to_json(&question)?,
                to_json(asking.binding)?,
                to_json(&shown_with)?,
                asking.state.tainted,
                now,
                question.expires_at.as_millisecond(),
                question.risk.as_str()
            ])?;
        let mut content = preview::prompt(asking.id, &question);
        content.reply_to.clone_from(&asking.state.request.reply_to);
        messages.push(desire(
            connection,
            now,
            &Desire {
                id: MessageId::prompt(asking.id, 0),
                conversation: asking.conversation,
                turn: Some(asking.turn),
                approval: Some(asking.id),
                content: Some(content),
            },
        )?);
    }
    Ok(messages)
}

/// Closes the open questions of a turn that has ended otherwise.
pub(super) fn void(connection: &Connection, now: i64, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
    let open: Vec<String> = connection
        .prepare_cached("SELECT id FROM approval WHERE turn = ?1 AND status = 'pending'")?
        .query_map([turn.to_string()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    let mut messages = Vec::new();
    for id in open {
        connection.execute(
            "UPDATE approval SET status = 'void', decided_at = ?2 WHERE id = ?1",
            params![id, now],
        )?;
        let Some(approval) = by_id(connection, from_id(&id, "approval.id")?)? else {
            continue;
        };
        for prompt in message::of_approval(connection, &id)? {
            let conversation = conversation_of(connection, approval.id)?;
            let content = preview::outcome(&approval.question, "no longer needed: the request has ended");
            messages.push(desire_prompt(
                connection,
                now,
                prompt.id,
                conversation,
                &approval,
                Some(content),
            )?);
        }
    }
    Ok(messages)
}

fn next_code(connection: &Connection) -> Result<String, StoreError> {
    let number: i64 = connection
        .prepare_cached(
            "INSERT INTO meta (name, value) VALUES ('next_code', '1')
             ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT)
             RETURNING CAST(value AS INTEGER)",
        )?
        .query_row([], |row| row.get(0))?;
    Ok(crate::gate::keywords::code(u64::try_from(number - 1).unwrap_or(0)))
}

struct RawRow {
    id: String,
    code: String,
    turn: String,
    session: String,
    asker: String,
    question: String,
    binding: String,
    status: String,
    expires_at: i64,
    shown_with: String,
}

fn read_row(row: &Row<'_>) -> rusqlite::Result<RawRow> {
    Ok(RawRow {
        id: row.get(0)?,
        code: row.get(1)?,
        turn: row.get(2)?,
        session: row.get(3)?,
        asker: row.get(4)?,
        question: row.get(5)?,
        binding: row.get(6)?,
        status: row.get(7)?,
        expires_at: row.get(8)?,
        shown_with: row.get(9)?,
    })
}

fn finish_row(raw: RawRow) -> Result<Approval, StoreError> {
    let place = |column: &str| format!("approval.{column} of {}", raw.id);
    Ok(Approval {
        id: from_id(&raw.id, &place("id"))?,
        turn: from_id(&raw.turn, &place("turn"))?,
        session: from_id(&raw.session, &place("session"))?,
        question: from_json(&raw.question, &place("question"))?,
        binding: from_json(&raw.binding, &place("binding"))?,
        status: from_word(&raw.status, &place("status"), ApprovalStatus::from_word)?,
        shown_with: from_json(&raw.shown_with, &place("shown_with"))?,
        code: raw.code,
        asker: UserName(raw.asker),
        expires_at: time(raw.expires_at),
    })
}

//! Putting the questions of a round, with fresh codes and their prompts; and closing those that nobody needs any more.

use super::decide::conversation_of;
use super::{by_id, desire_prompt, open_in};
use crate::domain::{ApprovalId, Risk, TurnId};
use crate::gate::{Question, preview};
use crate::store::StoreError;
use crate::store::message::{self, Desire, MessageId, MessageRow, desire};
use crate::store::rows::{from_id, to_json};
use crate::turn::TurnState;
use rusqlite::{Connection, params};

/// A question as a turn puts it.
pub(in crate::store) struct Asking<'a> {
    pub(in crate::store) id: ApprovalId,
    pub(in crate::store) turn: TurnId,
    pub(in crate::store) conversation: i64,
    pub(in crate::store) state: &'a TurnState,
    pub(in crate::store) call_id: &'a str,
    pub(in crate::store) question: Question,
    pub(in crate::store) binding: &'a crate::gate::Binding,
}

/// Stores the questions of one round with fresh codes, and their prompts.
pub(in crate::store) fn ask(
    connection: &Connection,
    now: i64,
    askings: Vec<Asking<'_>>,
) -> Result<Vec<MessageRow>, StoreError> {
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
pub(in crate::store) fn void(connection: &Connection, now: i64, turn: TurnId) -> Result<Vec<MessageRow>, StoreError> {
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
            if !prompt.is_wanted() {
                continue;
            }
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

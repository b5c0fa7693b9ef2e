//! Splitting a message again that its platform finds too long.

use super::{COLUMNS, Desire, MessageId, MessageRow, TABLES, desire, finish_row, read_row};
use crate::store::{Store, StoreError};
use cortex_chat::{Document, OutgoingMessage, TextLimit};
use rusqlite::{Connection, OptionalExtension as _};

impl Store {
    /// Splits a message that should show this version, with the parts of the same text after it, into parts within a limit. The
    /// first takes its place, the others take the names of the parts after it, so that it is done once however often it is
    /// tried. Gives the rows to show; none where the message has changed since or has no parts.
    pub async fn split_message(&self, id: MessageId, version: u64, limit: TextLimit) -> Result<Vec<MessageRow>, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| split(connection, now, &id, version, limit))
            .await
    }
}

fn split(
    connection: &Connection,
    now: i64,
    id: &MessageId,
    version: u64,
    limit: TextLimit,
) -> Result<Vec<MessageRow>, StoreError> {
    let Some((stem, first)) = id.part() else {
        return Ok(Vec::new());
    };
    let name = |part: usize| MessageId(format!("{stem}{part}"));
    let mut old = Vec::new();
    while let Some(part) = stored(connection, &name(first + old.len()))? {
        old.push(part);
    }
    let Some((conversation, whole)) = old.first().filter(|(_, row)| row.desired_version == version) else {
        return Ok(Vec::new());
    };
    let (conversation, turn) = (*conversation, whole.turn);
    let contents: Vec<&OutgoingMessage> = old.iter().filter_map(|(_, row)| row.desired.as_ref()).collect();
    let (Some(head), Some(tail)) = (contents.first(), contents.last()) else {
        return Ok(Vec::new());
    };
    let blocks = contents.iter().flat_map(|content| content.body.blocks.clone()).collect();
    let bodies = Document { blocks }.split(limit);
    let count = bodies.len();
    let mut new: Vec<Option<OutgoingMessage>> = Vec::with_capacity(count.max(old.len()));
    for (part, body) in bodies.into_iter().enumerate() {
        let is_last = part + 1 == count;
        new.push(Some(OutgoingMessage {
            kind: head.kind,
            body,
            choices: if is_last { tail.choices.clone() } else { Vec::new() },
            reply_to: head.reply_to.clone().filter(|_| part == 0),
            live: false,
            last: is_last && tail.last,
        }));
    }
    new.resize(count.max(old.len()), None);
    new.into_iter()
        .enumerate()
        .map(|(part, content)| {
            let desire_this = Desire {
                id: name(first + part),
                conversation,
                turn,
                approval: None,
                content,
            };
            desire(connection, now, &desire_this)
        })
        .collect()
}

/// A message with its conversation; without its content where that cannot be read.
fn stored(connection: &Connection, id: &MessageId) -> Result<Option<(i64, MessageRow)>, StoreError> {
    let sql = format!("SELECT {COLUMNS}, message.conversation FROM {TABLES} WHERE message.id = ?1");
    let found = connection
        .prepare_cached(&sql)?
        .query_row([id.as_str()], |row| Ok((row.get("conversation")?, read_row(row)?)))
        .optional()?;
    Ok(found.map(|(conversation, raw)| (conversation, finish_row(raw).0)))
}

//! Between columns and types.

use super::StoreError;
use cortex_chat::{Address, ChatKind};
use jiff::Timestamp;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::str::FromStr;

/// Writes a value as JSON for a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt {
        place: "a value to be stored".to_owned(),
        problem: error.to_string(),
    })
}

/// Reads a JSON column. The error names the place and the kind of mistake, never the content.
pub(super) fn from_json<T: DeserializeOwned>(json: &str, place: &str) -> Result<T, StoreError> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt {
        place: place.to_owned(),
        problem: format!("{:?} at byte {}", error.classify(), error.column()),
    })
}

/// Reads a column that holds one of our words or ids.
pub(super) fn from_word<T>(word: &str, place: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
    read(word).ok_or_else(|| StoreError::Corrupt {
        place: place.to_owned(),
        problem: "an unknown word".to_owned(),
    })
}

/// Reads a column that holds an id.
pub(super) fn from_id<T: FromStr>(text: &str, place: &str) -> Result<T, StoreError> {
    from_word(text, place, |text| text.parse().ok())
}

/// The time of a column.
pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The word for a chat's kind.
pub(super) fn chat_kind_word(kind: ChatKind) -> &'static str {
    match kind {
        ChatKind::OneToOne => "one_to_one",
        ChatKind::Room => "room",
    }
}

pub(super) fn chat_kind_of(word: &str) -> ChatKind {
    if word == "one_to_one" {
        ChatKind::OneToOne
    } else {
        ChatKind::Room
    }
}

/// The address and kind of a conversation from its columns `connector, chat, thread, chat_kind`, which start at `first`.
pub(super) fn address(row: &Row<'_>, first: usize) -> rusqlite::Result<(Address, ChatKind)> {
    let connector: String = row.get(first)?;
    let chat: String = row.get(first + 1)?;
    let thread: String = row.get(first + 2)?;
    let kind: String = row.get(first + 3)?;
    let address = Address {
        connector: connector.into(),
        chat: chat.into(),
        thread: Some(thread).filter(|thread| !thread.is_empty()).map(Into::into),
    };
    Ok((address, chat_kind_of(&kind)))
}

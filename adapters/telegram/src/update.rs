//! Updates as Telegram sends them, read leniently: a field that is missing, new or of another form than expected is passed
//! over, and never the whole update. What is known of a user's text is never lost over what is not known beside it.

#![expect(clippy::struct_field_names, reason = "the names are Telegram's")]

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An update: its number and what it is about.
pub(crate) struct Update {
    pub(crate) id: i64,
    pub(crate) kind: UpdateKind,
}

pub(crate) enum UpdateKind {
    Message(Box<Message>),
    EditedMessage(Box<Message>),
    CallbackQuery(Box<CallbackQuery>),
    /// One that we do not know, or that has no form we could read.
    Other(String),
}

impl Update {
    /// Reads an update; `None` where it has not even a number.
    pub(crate) fn read(raw: &Value) -> Option<Self> {
        let id = raw.get("update_id")?.as_i64()?;
        let kind = raw.as_object()?.iter().find(|(name, _)| *name != "update_id");
        let kind = match kind {
            Some((name, value)) => UpdateKind::read(name, value),
            None => UpdateKind::Other("empty".to_owned()),
        };
        Some(Self { id, kind })
    }
}

impl UpdateKind {
    fn read(name: &str, value: &Value) -> Self {
        let known = match name {
            "message" => from_value(value).map(Self::Message),
            "edited_message" => from_value(value).map(Self::EditedMessage),
            "callback_query" => from_value(value).map(Self::CallbackQuery),
            _ => None,
        };
        known.unwrap_or_else(|| Self::Other(name.chars().take(64).collect()))
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Message {
    #[serde(deserialize_with = "lenient")]
    pub(crate) message_id: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) message_thread_id: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) is_topic_message: bool,
    #[serde(deserialize_with = "lenient")]
    pub(crate) from: Option<User>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) sender_chat: Option<Chat>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) date: i64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) edit_date: i64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) chat: Option<Chat>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) forward_origin: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) forward_date: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) via_bot: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) reply_to_message: Option<Box<Message>>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) quote: Option<Quote>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) media_group_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) caption: Option<String>,
    #[serde(deserialize_with = "each")]
    pub(crate) entities: Vec<Entity>,
    #[serde(deserialize_with = "each")]
    pub(crate) caption_entities: Vec<Entity>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) rich_message: Option<Value>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) migrate_to_chat_id: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) migrate_from_chat_id: Option<i64>,
    #[serde(deserialize_with = "each")]
    pub(crate) photo: Vec<File>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) location: Option<Location>,
    /// All that has no field of its own: files, stickers, polls, service messages.
    #[serde(flatten)]
    pub(crate) rest: serde_json::Map<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct User {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<i64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) is_bot: bool,
    #[serde(deserialize_with = "lenient")]
    pub(crate) first_name: String,
    #[serde(deserialize_with = "lenient")]
    pub(crate) last_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) username: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) can_read_all_group_messages: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Chat {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: Option<i64>,
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "lenient")]
    pub(crate) title: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Entity {
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub(crate) kind: String,
    #[serde(deserialize_with = "lenient")]
    pub(crate) offset: usize,
    #[serde(deserialize_with = "lenient")]
    pub(crate) length: usize,
    #[serde(deserialize_with = "lenient")]
    pub(crate) url: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) user: Option<User>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Quote {
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct File {
    #[serde(deserialize_with = "lenient")]
    pub(crate) file_id: String,
    #[serde(deserialize_with = "lenient")]
    pub(crate) file_name: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) mime_type: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) file_size: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Location {
    #[serde(deserialize_with = "lenient")]
    pub(crate) latitude: f64,
    #[serde(deserialize_with = "lenient")]
    pub(crate) longitude: f64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct CallbackQuery {
    #[serde(deserialize_with = "lenient")]
    pub(crate) id: String,
    #[serde(deserialize_with = "lenient")]
    pub(crate) from: Option<User>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) message: Option<Box<Message>>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) data: Option<String>,
}

fn from_value<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

/// What can be read, else the default.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(from_value(&Value::deserialize(deserializer)?).unwrap_or_default())
}

/// Those entries of a list that can be read.
fn each<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let list: Vec<Value> = lenient(deserializer)?;
    Ok(list.iter().filter_map(from_value).collect())
}

//! From Telegram's updates to events: who, where, what, and whether it speaks to the bot. Pure.

mod words;

use crate::update::{CallbackQuery, Chat, File, Message, Update, UpdateKind, User};
use cortex_chat::{
    Address, Attachment, ChatId, ChatKind, ChoiceId, ConnectorName, Event, EventId, EventKind, IncomingMessage, MessageRef,
    MoreToCome, Provenance, Quote, Sender, SenderId, SenderKind, Text, ThreadId,
};
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;

/// Writes for admins of a group who hide behind it.
const GROUP_ANONYMOUS_BOT: i64 = 1_087_968_824;
/// Writes for channels in groups, for clients that do not know better.
const CHANNEL_BOT: i64 = 136_817_688;
/// Telegram itself; also forwards a channel's posts into its group.
const TELEGRAM: i64 = 777_000;

/// Clients cut a longer text into messages of at most 4,096 units, some a little before, at a word's end.
const LONG_TEXT_UNITS: usize = 3_900;
/// Where a client had no room for even one unit more.
const FULL_TEXT_UNITS: usize = 4_096;

/// Updates of unknown kinds are kept up to this size, in bytes.
const LARGEST_KEPT: usize = 16 * 1024;

/// Content that is more than text, each with what it is called when nothing better is known.
const FILES: [(&str, &str, &str); 8] = [
    ("document", "document", "application/octet-stream"),
    ("voice", "voice message", "audio/ogg"),
    ("audio", "audio", "audio/mpeg"),
    ("video", "video", "video/mp4"),
    ("video_note", "video message", "video/mp4"),
    ("animation", "animation", "video/mp4"),
    ("sticker", "sticker", "image/webp"),
    ("live_photo", "live photo", "image/jpeg"),
];
/// Content without a file.
const OTHER_CONTENT: [&str; 9] = [
    "poll",
    "contact",
    "venue",
    "dice",
    "story",
    "game",
    "invoice",
    "paid_media",
    "checklist",
];

/// What is known of the bot itself.
#[derive(Clone, Debug)]
pub(crate) struct Bot {
    pub(crate) id: i64,
    /// Without the `@`, in lower case.
    pub(crate) username: String,
}

/// Makes events of updates for one connector.
pub(crate) struct Converter {
    pub(crate) connector: ConnectorName,
    pub(crate) bot: Bot,
    /// The names of our commands, which in groups are meant for us even without our name.
    pub(crate) commands: BTreeSet<String>,
}

/// An update as an event.
pub(crate) struct Converted {
    pub(crate) update_id: i64,
    pub(crate) event: Event,
    /// The query to be answered, where a button was pressed.
    pub(crate) press: Option<String>,
}

impl Converter {
    /// Makes an event of an update; `None` where it has no number, so that it could not even be confirmed.
    pub(crate) fn convert(&self, raw: &Value) -> Option<Converted> {
        let Update { id, kind } = Update::read(raw)?;
        let known = match &kind {
            UpdateKind::Message(message) => self.message(message, false).map(|event| (event, None)),
            UpdateKind::EditedMessage(message) => self.message(message, true).map(|event| (event, None)),
            UpdateKind::CallbackQuery(query) => self.press(query).map(|event| (event, Some(query.id.clone()))),
            UpdateKind::Other(_) => None,
        };
        let (event, press) = known.unwrap_or_else(|| (self.other(id, kind_name(&kind), raw), None));
        Some(Converted {
            update_id: id,
            event,
            press,
        })
    }

    fn message(&self, message: &Message, edited: bool) -> Option<Event> {
        let chat = message.chat.as_ref()?;
        let (chat_id, message_id) = (chat.id?, message.message_id?);
        // Both the old chat and the new one tell, in either order.
        let moved = match (message.migrate_to_chat_id, message.migrate_from_chat_id) {
            (Some(to), _) => Some((chat_id, to)),
            (None, Some(from)) => Some((from, chat_id)),
            (None, None) => None,
        };
        let kind = match moved {
            Some((_, to)) => EventKind::Moved {
                to: ChatId::new(to.to_string()),
            },
            None => match self.content(message, chat) {
                Some(content) if edited => EventKind::Edit(content),
                Some(content) => EventKind::Message(content),
                None => EventKind::Other {
                    name: "service message".to_owned(),
                    content: None,
                },
            },
        };
        let id = if edited {
            // Several edits within a second differ in what they say.
            let version = hash(
                &[message.text.as_deref(), message.caption.as_deref()]
                    .map(Option::unwrap_or_default)
                    .concat(),
            );
            format!("e:{chat_id}:{message_id}:{}:{version}", message.edit_date)
        } else {
            format!("m:{chat_id}:{message_id}")
        };
        Some(Event {
            id: self.event_id(&id),
            address: self.address(moved.map_or(chat_id, |(from, _)| from), message),
            chat_kind: chat_kind(chat),
            at: time(if edited { message.edit_date } else { message.date }),
            sender: sender(message),
            kind,
        })
    }

    fn content(&self, message: &Message, chat: &Chat) -> Option<IncomingMessage> {
        let (text, entities) = match (&message.text, &message.caption) {
            (Some(text), _) => (text.clone(), &message.entities),
            (None, Some(caption)) => (caption.clone(), &message.caption_entities),
            (None, None) => (other_words(message), &message.entities),
        };
        let attachments = attachments(message);
        if text.is_empty() && attachments.is_empty() {
            return None;
        }
        let words = words::Words::read(&text, entities, &self.bot);
        let reply = message
            .reply_to_message
            .as_deref()
            .filter(|replied| !is_topic_root(message, replied));
        let replies_to_us = reply
            .and_then(|replied| replied.from.as_ref())
            .is_some_and(|from| from.id == Some(self.bot.id));
        let addressed = chat_kind(chat) == ChatKind::OneToOne
            || match &words.command {
                Some(command) => command.for_us.unwrap_or_else(|| self.commands.contains(&command.name)),
                None => words.mentions_us || replies_to_us,
            };
        let length = text.encode_utf16().count();
        let is_long = length >= LONG_TEXT_UNITS && message.text.is_some();
        let mut said = words.text;
        if is_long && length < FULL_TEXT_UNITS {
            // The client has cut at a word's end and dropped the white space there.
            said.push('\n');
        }
        Some(IncomingMessage {
            reference: reference(message.message_id?),
            text: Text::new(said),
            reply_to: reply.and_then(|replied| replied.message_id).map(reference),
            quote: self.quote(message, reply),
            addressed,
            provenance: provenance(message),
            attachments,
            more: match &message.media_group_id {
                Some(album) => Some(MoreToCome::Album(album.clone())),
                None => is_long.then_some(MoreToCome::LongText),
            },
        })
    }

    /// What the message carries of another one: a part that its sender has marked, or all of it where the bot did not write it.
    fn quote(&self, message: &Message, reply: Option<&Message>) -> Option<Quote> {
        let author = reply.and_then(|replied| replied.from.as_ref()).and_then(|from| from.id);
        let own = message.from.as_ref().and_then(|from| from.id);
        let by_us = author == Some(self.bot.id);
        let text = match (&message.quote, reply) {
            (Some(quote), _) => quote.text.clone(),
            (None, Some(replied)) if !by_us => replied.text.clone().or_else(|| replied.caption.clone()).unwrap_or_default(),
            (None, _) => String::new(),
        };
        let hides = reply.is_some_and(|replied| replied.sender_chat.is_some() || provenance(replied) != Provenance::Typed);
        (!text.trim().is_empty()).then(|| Quote {
            text: Text::new(text),
            foreign: hides || !(by_us || (author.is_some() && author == own)),
        })
    }

    fn press(&self, query: &CallbackQuery) -> Option<Event> {
        let from = query.from.as_ref()?;
        let id = from.id?;
        let message = query.message.as_deref();
        let chat = message.and_then(|message| message.chat.as_ref());
        // Without a message there is the chat with the presser, which has their id.
        let chat_id = chat.and_then(|chat| chat.id).unwrap_or(id);
        let none = Message::default();
        Some(Event {
            id: self.event_id(&format!("c:{}", query.id)),
            address: self.address(chat_id, message.unwrap_or(&none)),
            chat_kind: chat.map_or(ChatKind::OneToOne, chat_kind),
            // Telegram does not tell when; presses are delivered within minutes or never.
            at: Timestamp::now(),
            sender: person(from, id),
            kind: EventKind::Choice {
                message: reference(message.and_then(|message| message.message_id).unwrap_or(0)),
                choice: ChoiceId::new(query.data.clone().unwrap_or_default()),
            },
        })
    }

    /// Kept and passed over. Its id is made of what it holds, since update ids begin anew after a week of silence.
    fn other(&self, update_id: i64, name: String, raw: &Value) -> Event {
        let written = raw.to_string();
        Event {
            id: self.event_id(&format!("u:{update_id}:{}", hash(&written))),
            address: Address {
                connector: self.connector.clone(),
                chat: ChatId::from("unknown"),
                thread: None,
            },
            chat_kind: ChatKind::Room,
            at: Timestamp::now(),
            sender: Sender {
                id: SenderId::from("unknown"),
                kind: SenderKind::Anonymous,
                display_name: None,
            },
            kind: EventKind::Other {
                name,
                content: (written.len() <= LARGEST_KEPT).then(|| Text::new(written)),
            },
        }
    }

    /// Message ids are only unique to a bot, and a connector may be given another one.
    fn event_id(&self, id: &str) -> EventId {
        EventId::new(format!("{}:{id}", self.bot.id))
    }

    fn address(&self, chat: i64, message: &Message) -> Address {
        let topic = message.message_thread_id.filter(|_| message.is_topic_message);
        Address {
            connector: self.connector.clone(),
            chat: ChatId::new(chat.to_string()),
            thread: topic.map(|topic| ThreadId::new(topic.to_string())),
        }
    }
}

fn kind_name(kind: &UpdateKind) -> String {
    match kind {
        UpdateKind::Message(_) => "unreadable message".to_owned(),
        UpdateKind::EditedMessage(_) => "unreadable edit".to_owned(),
        UpdateKind::CallbackQuery(_) => "unreadable press".to_owned(),
        UpdateKind::Other(name) => name.clone(),
    }
}

fn reference(message_id: i64) -> MessageRef {
    MessageRef::new(message_id.to_string())
}

fn chat_kind(chat: &Chat) -> ChatKind {
    if chat.kind == "private" {
        ChatKind::OneToOne
    } else {
        ChatKind::Room
    }
}

/// In a forum each message counts as a reply to the one that opened its topic.
fn is_topic_root(message: &Message, replied: &Message) -> bool {
    message.is_topic_message && replied.message_id == message.message_thread_id
}

fn sender(message: &Message) -> Sender {
    let from = message.from.as_ref();
    match (&message.sender_chat, from.and_then(|from| Some((from, from.id?)))) {
        (Some(chat), _) => nobody(&chat.id.map_or_else(|| "unknown".to_owned(), |id| id.to_string())),
        (None, Some((from, id))) => person(from, id),
        (None, None) => nobody("unknown"),
    }
}

fn person(from: &User, id: i64) -> Sender {
    let kind = if matches!(id, GROUP_ANONYMOUS_BOT | CHANNEL_BOT | TELEGRAM) {
        SenderKind::Anonymous
    } else if from.is_bot {
        SenderKind::Bot
    } else {
        SenderKind::Person
    };
    let last = from.last_name.as_deref().unwrap_or_default();
    let name = format!("{} {last}", from.first_name).trim().to_owned();
    Sender {
        id: SenderId::new(id.to_string()),
        kind,
        display_name: (!name.is_empty()).then(|| Text::new(name)),
    }
}

fn nobody(id: &str) -> Sender {
    Sender {
        id: SenderId::from(id),
        kind: SenderKind::Anonymous,
        display_name: None,
    }
}

fn provenance(message: &Message) -> Provenance {
    if message.forward_origin.is_some() || message.forward_date.is_some() {
        Provenance::Forwarded
    } else if message.via_bot.is_some() {
        Provenance::ViaBot
    } else {
        Provenance::Typed
    }
}

/// The words of a message that has neither text nor caption.
fn other_words(message: &Message) -> String {
    if let Some(location) = &message.location {
        return format!("[location: {:.5}, {:.5}]", location.latitude, location.longitude);
    }
    let mut words = Vec::new();
    if let Some(rich) = &message.rich_message {
        collect_text(rich, &mut words);
    }
    words.join("\n")
}

/// Every `text` of a tree whose form we do not know.
fn collect_text(tree: &Value, words: &mut Vec<String>) {
    match tree {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if matches!(name.as_str(), "text" | "markdown" | "html") => words.push(text.clone()),
                    Value::String(_) => {}
                    deeper => collect_text(deeper, words),
                }
            }
        }
        Value::Array(entries) => entries.iter().for_each(|entry| match entry {
            Value::String(text) => words.push(text.clone()),
            deeper => collect_text(deeper, words),
        }),
        _ => {}
    }
}

fn attachments(message: &Message) -> Vec<Attachment> {
    let mut found = Vec::new();
    // Telegram offers a photo in several sizes; the last is the largest.
    if let Some(photo) = message.photo.last() {
        found.push(attachment(photo, "photo", "image/jpeg"));
    }
    for (field, name, media_type) in FILES {
        // An animation comes as a document too.
        let twice = field == "document" && message.rest.contains_key("animation");
        if let Some(value) = message.rest.get(field).filter(|_| !twice) {
            let file: File = serde::Deserialize::deserialize(value).unwrap_or_default();
            found.push(attachment(&file, name, media_type));
        }
    }
    for field in OTHER_CONTENT {
        if message.rest.contains_key(field) {
            found.push(attachment(&File::default(), field, "application/octet-stream"));
        }
    }
    found
}

fn attachment(file: &File, name: &str, media_type: &str) -> Attachment {
    Attachment {
        name: Text::new(file.file_name.clone().unwrap_or_else(|| name.to_owned())),
        media_type: file.mime_type.clone().unwrap_or_else(|| media_type.to_owned()),
        size_bytes: file.file_size,
        reference: file.file_id.clone(),
    }
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Enough of a SHA-256 to tell two texts apart.
fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let head = digest[..8].iter().fold(0_u64, |head, byte| head << 8 | u64::from(*byte));
    format!("{head:016x}")
}

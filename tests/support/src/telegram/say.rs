//! What people write.

use super::Control;
use super::chat::{Kind, Message, MessageHandle};
use super::entities;
use super::methods::without_reply;
use super::state::State;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// A message that someone is about to send.
#[must_use = "nothing is sent before `send`"]
pub struct Say<'a> {
    control: &'a Control,
    chat: i64,
    user: i64,
    text: String,
    reply_to: Option<i64>,
    thread: Option<i64>,
    fields: Map<String, Value>,
}

impl Control {
    /// Has someone write a text.
    pub fn say(&self, chat: i64, user: i64, text: &str) -> MessageHandle {
        self.compose(chat, user, text).send()
    }

    /// Begins a message that is more than a text.
    pub fn compose(&self, chat: i64, user: i64, text: &str) -> Say<'_> {
        Say {
            control: self,
            chat,
            user,
            text: text.to_owned(),
            reply_to: None,
            thread: None,
            fields: Map::new(),
        }
    }
}

impl Say<'_> {
    /// Replies to a message of the same chat.
    pub fn reply_to(mut self, message: MessageHandle) -> Self {
        self.reply_to = Some(message.message_id);
        self
    }

    /// Writes in a topic of a forum.
    pub fn thread(mut self, thread: i64) -> Self {
        self.thread = Some(thread);
        self
    }

    /// Sets any field of the message.
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Sends it.
    pub fn send(self) -> MessageHandle {
        let Self { chat, user, .. } = self;
        self.control.shared.change(|state| {
            let from = state.people.get(&user).map(super::chat::Person::json);
            let from = from.unwrap_or_else(|| panic!("there is no user {user}"));
            let mut content = Map::new();
            content.insert("from".to_owned(), from);
            let found = entities::detect(&self.text);
            content.insert("text".to_owned(), json!(self.text));
            if !found.is_empty() {
                content.insert("entities".to_owned(), Value::Array(found));
            }
            content.extend(self.fields);
            state.add_message(chat, content, self.reply_to, self.thread)
        })
    }
}

impl State {
    /// Puts a message that is not the bot's into a chat, and queues its update.
    pub(super) fn add_message(
        &mut self,
        chat: i64,
        content: Map<String, Value>,
        reply_to: Option<i64>,
        thread: Option<i64>,
    ) -> MessageHandle {
        let date = self.date();
        let now = self.now();
        let at = Instant::now();
        let chat = self.chat(chat);
        let id = chat.new_message_id();
        let mut json = Map::from_iter([
            ("message_id".to_owned(), json!(id)),
            ("chat".to_owned(), chat.json()),
            ("date".to_owned(), json!(date)),
        ]);
        if let Some(thread) = thread {
            json.insert("message_thread_id".to_owned(), json!(thread));
            json.insert("is_topic_message".to_owned(), json!(true));
        }
        // In a topic, what replies to nothing replies to the message that began the topic.
        let replied = reply_to.or(thread).and_then(|id| chat.messages.get(&id));
        if let Some(replied) = replied {
            json.insert("reply_to_message".to_owned(), without_reply(replied));
        }
        json.extend(content);
        let message = Message {
            json: json.clone(),
            is_bots: false,
            at,
            edits: Vec::new(),
            is_deleted: false,
            sent: now,
            link_preview_disabled: false,
            is_silent: false,
        };
        chat.messages.insert(id, message);
        chat.timeline.said.push(at);
        let handle = MessageHandle {
            chat: chat.id,
            message_id: id,
        };
        let kind = if chat.kind == Kind::Channel {
            "channel_post"
        } else {
            "message"
        };
        self.push_update(kind, Value::Object(json), Some(handle.chat));
        handle
    }
}

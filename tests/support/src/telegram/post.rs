//! Puts messages that are not the bot's into chats, and tells the bot of those that it may hear.

use super::chat::{BotStatus, Kind, Message, MessageHandle};
use super::methods::without_reply;
use super::say::is_for_the_bot;
use super::state::State;
use serde_json::{Map, Value, json};
use std::time::Instant;

/// A message before it has an id.
pub(super) struct Post {
    /// Fields beyond chat, id and date.
    pub(super) content: Map<String, Value>,
    pub(super) reply_to: Option<i64>,
    pub(super) thread: Option<i64>,
    /// Whether Telegram writes it, about something that happened.
    pub(super) is_service: bool,
}

impl Post {
    /// What Telegram writes when something happened.
    pub(super) fn service(from: Value, name: &str, value: Value) -> Self {
        Self {
            content: Map::from_iter([("from".to_owned(), from), (name.to_owned(), value)]),
            reply_to: None,
            thread: None,
            is_service: true,
        }
    }
}

impl State {
    /// Puts a message that is not the bot's into a chat, and queues its update if the bot gets it.
    pub(super) fn post(&mut self, chat: i64, post: Post) -> MessageHandle {
        let date = self.date();
        let now = self.now();
        let at = Instant::now();
        let reads_all = self.reads_all_group_messages;
        let chat = self.chat(chat);
        let message_id = chat.new_message_id();
        let mut json = Map::from_iter([
            ("message_id".to_owned(), json!(message_id)),
            ("chat".to_owned(), chat.json()),
            ("date".to_owned(), json!(date)),
        ]);
        let begins_topic = post.content.contains_key("forum_topic_created");
        let thread = if begins_topic { Some(message_id) } else { post.thread };
        // In a topic, what replies to nothing replies to the message that began the topic.
        let replied = post.reply_to.or(post.thread).and_then(|id| chat.messages.get(&id));
        if let Some(thread) = thread {
            json.insert("message_thread_id".to_owned(), json!(thread));
            json.insert("is_topic_message".to_owned(), json!(true));
        } else if let Some(replied) = replied
            && chat.kind == Kind::Supergroup
        {
            // A thread of replies, which is no topic.
            let root = replied.thread().or(post.reply_to);
            json.insert("message_thread_id".to_owned(), json!(root));
        }
        if let Some(replied) = replied {
            json.insert("reply_to_message".to_owned(), without_reply(replied));
        }
        json.extend(post.content);
        json.retain(|_, value| !value.is_null());
        let message = Message {
            json: json.clone(),
            is_bots: false,
            at,
            edits: Vec::new(),
            is_deleted: false,
            sent: now,
            link_preview_disabled: false,
            is_silent: false,
            reaction: None,
        };
        chat.messages.insert(message_id, message);
        chat.end_drafts(thread, now);
        if chat.bot == BotStatus::NotStarted {
            chat.bot = BotStatus::Member;
        }
        let handle = MessageHandle {
            chat: chat.id,
            message_id,
        };
        let is_there = chat.has_bot();
        let hears_all = reads_all || chat.bot == BotStatus::Administrator || chat.kind == Kind::Private;
        if is_there && (hears_all || post.is_service || is_for_the_bot(&json)) {
            chat.timeline.said.push(at);
            let kind = if chat.kind == Kind::Channel {
                "channel_post"
            } else {
                "message"
            };
            self.push_update(kind, Value::Object(json), Some(handle.chat));
        }
        handle
    }

    /// A message that a test knows of.
    pub(super) fn stored(&mut self, message: MessageHandle) -> &mut Message {
        let found = self.chat(message.chat).messages.get_mut(&message.message_id);
        found.unwrap_or_else(|| panic!("there is no message {message:?}"))
    }

    /// Counts an edit of someone's message, and queues its update.
    pub(super) fn tell_of_edit(&mut self, message: MessageHandle) {
        let date = self.date();
        let stored = self.stored(message);
        stored.json.insert("edit_date".to_owned(), json!(date));
        stored.edits.push((stored.text().to_owned(), Instant::now()));
        let json = Value::Object(stored.json.clone());
        let chat = self.chat(message.chat);
        if chat.has_bot() {
            let is_post = chat.kind == Kind::Channel;
            let kind = if is_post { "edited_channel_post" } else { "edited_message" };
            self.push_update(kind, json, Some(message.chat));
        }
    }
}

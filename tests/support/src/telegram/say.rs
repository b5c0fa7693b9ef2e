//! What people write, and what becomes of it.

use super::Control;
use super::chat::MessageHandle;
use super::entities::{self, units};
use super::people::group_admin;
use super::post::Post;
use super::state::{BOT_ID, BOT_NAME};
use serde_json::{Map, Value, json};

const LONGEST_TEXT: usize = 4096;

/// A message that someone is about to send.
#[must_use = "nothing is sent before `send`"]
pub struct Say<'a> {
    control: &'a Control,
    chat: i64,
    author: Author,
    text: String,
    entities: Vec<Value>,
    media: Option<(&'static str, String, Vec<u8>)>,
    reply_to: Option<i64>,
    thread: Option<i64>,
    fields: Map<String, Value>,
}

enum Author {
    User(i64),
    /// An administrator in the name of the group.
    Group,
    /// A channel that is linked to the group; its posts come by themselves.
    LinkedChannel(i64),
    /// Nobody: it is a post in a channel.
    Channel,
}

impl Control {
    /// Has someone write a text.
    pub fn say(&self, chat: i64, user: i64, text: &str) -> MessageHandle {
        self.compose(chat, user, text).send()
    }

    /// Begins a message that is more than a text. With a file, the text is its caption.
    pub fn compose(&self, chat: i64, user: i64, text: &str) -> Say<'_> {
        self.compose_as(chat, Author::User(user), text)
    }

    /// Begins a message of an administrator who writes in the name of the group.
    pub fn compose_as_group(&self, group: i64, text: &str) -> Say<'_> {
        self.compose_as(group, Author::Group, text)
    }

    /// Begins a post in a channel.
    pub fn compose_post(&self, channel: i64, text: &str) -> Say<'_> {
        self.compose_as(channel, Author::Channel, text)
    }

    /// Begins a post of a channel as it comes into the group that is linked to it.
    pub fn compose_linked(&self, group: i64, channel: i64, text: &str) -> Say<'_> {
        self.compose_as(group, Author::LinkedChannel(channel), text)
    }

    fn compose_as(&self, chat: i64, author: Author, text: &str) -> Say<'_> {
        Say {
            control: self,
            chat,
            author,
            text: text.to_owned(),
            entities: entities::detect(text),
            media: None,
            reply_to: None,
            thread: None,
            fields: Map::new(),
        }
    }

    /// Has each of these people write messages in their private chats, all at once. `{n}` and `{chat}` in the text stand for the
    /// number of the message and the chat.
    pub fn say_each(&self, people: &[i64], messages: usize, text: &str) {
        self.shared.change(|state| {
            for number in 1..=messages {
                for user in people {
                    let text = text.replace("{n}", &number.to_string()).replace("{chat}", &user.to_string());
                    let content = Map::from_iter([
                        ("from".to_owned(), state.person(*user).json()),
                        ("text".to_owned(), json!(text)),
                    ]);
                    let post = Post {
                        content,
                        reply_to: None,
                        thread: None,
                        is_service: false,
                    };
                    state.post(*user, post);
                }
            }
        });
    }

    /// Has someone paste a long text, which their client sends in as many messages as it needs.
    pub fn paste(&self, chat: i64, user: i64, text: &str) -> Vec<MessageHandle> {
        let mut parts = vec![String::new()];
        let mut length = 0;
        for letter in text.chars() {
            if length + letter.len_utf16() > LONGEST_TEXT {
                parts.push(String::new());
                length = 0;
            }
            length += letter.len_utf16();
            if let Some(part) = parts.last_mut() {
                part.push(letter);
            }
        }
        parts.iter().map(|part| self.say(chat, user, part)).collect()
    }

    /// Has someone send photos together: messages with one `media_group_id`, of which the first has the caption.
    pub fn album(&self, chat: i64, user: i64, photos: usize, caption: &str) -> Vec<MessageHandle> {
        let group = format!("13{:015}", self.shared.change(super::state::State::new_id));
        let captions = std::iter::once(caption).chain(std::iter::repeat(""));
        let photos = captions.take(photos).map(|caption| {
            let photo = self.compose(chat, user, caption).photo(b"\xff\xd8 a photo");
            photo.field("media_group_id", json!(group)).send()
        });
        photos.collect()
    }

    /// Has someone change the text of an earlier message, or its caption.
    pub fn edit(&self, message: MessageHandle, text: &str) {
        self.shared.change(|state| {
            let stored = state.stored(message);
            let (text_name, entities_name) = if stored.json.contains_key("text") {
                ("text", "entities")
            } else {
                ("caption", "caption_entities")
            };
            stored.json.insert(text_name.to_owned(), json!(text));
            stored.json.remove(entities_name);
            let found = entities::detect(text);
            if !found.is_empty() {
                stored.json.insert(entities_name.to_owned(), Value::Array(found));
            }
            state.tell_of_edit(message);
        });
    }

    /// Has Telegram tell of an edit although the text is the same, as it does when a preview came.
    pub fn edit_without_change(&self, message: MessageHandle) {
        self.shared.change(|state| state.tell_of_edit(message));
    }

    /// Has someone delete a message, of which no bot hears.
    pub fn delete(&self, message: MessageHandle) {
        self.shared.change(|state| state.stored(message).is_deleted = true);
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

    /// Marks those words as a mention of someone who has no username.
    pub fn mentioning(mut self, words: &str, user: i64) -> Self {
        let at = self
            .text
            .find(words)
            .unwrap_or_else(|| panic!("{words:?} is not in {:?}", self.text));
        let person = self.control.shared.state().person(user).json();
        let entity = json!({
            "offset": units(&self.text[..at]),
            "length": units(words),
            "type": "text_mention",
            "user": person,
        });
        self.entities.push(entity);
        self
    }

    /// Formats those words, with any type that an entity can have, or none has.
    pub fn entity(mut self, words: &str, kind: &str) -> Self {
        let at = self
            .text
            .find(words)
            .unwrap_or_else(|| panic!("{words:?} is not in {:?}", self.text));
        let entity = json!({"offset": units(&self.text[..at]), "length": units(words), "type": kind});
        self.entities.push(entity);
        self
    }

    /// Forwards what someone else wrote.
    pub fn forwarded_from(self, user: i64) -> Self {
        let (person, date) = {
            let state = self.control.shared.state();
            (state.person(user).json(), state.date() - 3600)
        };
        self.field("forward_origin", json!({"type": "user", "sender_user": person, "date": date}))
    }

    /// Writes with the help of an inline bot.
    pub fn via_bot(self, bot: i64) -> Self {
        let bot = self.control.shared.state().person(bot).json();
        self.field("via_bot", bot)
    }

    /// Adds a photo.
    pub fn photo(self, bytes: &[u8]) -> Self {
        self.media("photo", "photo.jpg", bytes)
    }

    /// Makes it a voice message.
    pub fn voice(self, bytes: &[u8]) -> Self {
        self.media("voice", "voice.oga", bytes)
    }

    /// Adds a document.
    pub fn document(self, name: &str, bytes: &[u8]) -> Self {
        self.media("document", name, bytes)
    }

    fn media(mut self, kind: &'static str, name: &str, bytes: &[u8]) -> Self {
        self.media = Some((kind, name.to_owned(), bytes.to_owned()));
        self
    }

    /// Sets any field of the message; null removes it. So it can be one that no server would send.
    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// Sends it.
    pub fn send(self) -> MessageHandle {
        self.control.shared.change(|state| {
            let mut content = Map::new();
            let mut insert = |name: &str, value: Value| content.insert(name.to_owned(), value);
            match self.author {
                Author::User(user) => {
                    insert("from", state.person(user).json());
                    state.chat(self.chat).members.insert(user);
                }
                Author::Group => {
                    insert("from", group_admin());
                    insert("sender_chat", state.chat(self.chat).json());
                }
                Author::Channel => {
                    insert("sender_chat", state.chat(self.chat).json());
                }
                Author::LinkedChannel(channel) => {
                    let channel = state.chat(channel).json();
                    let date = state.date();
                    insert("from", json!({"id": 777_000, "is_bot": false, "first_name": "Telegram"}));
                    insert("sender_chat", channel.clone());
                    insert("is_automatic_forward", json!(true));
                    let origin = json!({"type": "channel", "chat": channel, "message_id": 1, "date": date});
                    insert("forward_origin", origin);
                }
            }
            let (text_name, entities_name) = if let Some((kind, name, bytes)) = self.media {
                let file = state.add_file(kind, &name, bytes);
                insert(kind, state.describe_file(&file, kind));
                ("caption", "caption_entities")
            } else {
                ("text", "entities")
            };
            if !self.text.is_empty() || text_name == "text" {
                insert(text_name, json!(self.text));
            }
            if !self.entities.is_empty() {
                insert(entities_name, Value::Array(self.entities));
            }
            content.extend(self.fields);
            let post = Post {
                content,
                reply_to: self.reply_to,
                thread: self.thread,
                is_service: false,
            };
            state.post(self.chat, post)
        })
    }
}

/// Whether a text is for the bot, as Telegram decides that in groups whose messages the bot does not all get.
pub(super) fn is_for_the_bot(json: &Map<String, Value>) -> bool {
    let text = json.get("text").or_else(|| json.get("caption"));
    let text = text.and_then(Value::as_str).unwrap_or_default().to_lowercase();
    let entities = json.get("entities").or_else(|| json.get("caption_entities"));
    let kinds = entities.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let has = |kind: &str| kinds.iter().any(|entity| entity["type"] == kind);
    let replied = json
        .get("reply_to_message")
        .is_some_and(|replied| replied["from"]["id"] == BOT_ID);
    let named = text.contains(&format!("@{BOT_NAME}"));
    let commanded = has("bot_command") && (named || !text.split_whitespace().next().unwrap_or_default().contains('@'));
    replied || named || commanded
}

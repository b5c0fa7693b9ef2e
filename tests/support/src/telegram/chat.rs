//! People, chats and the messages in them, as the server stores them.

use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

/// Which message; valid for messages of people and of the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageHandle {
    /// The chat's id.
    pub chat: i64,
    /// The message's id, which counts within its chat.
    pub message_id: i64,
}

/// Someone who is not the bot.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: i64,
    pub(super) first_name: String,
    /// Without the at sign.
    pub(super) username: Option<String>,
    pub(super) is_bot: bool,
}

impl Person {
    pub(super) fn json(&self) -> Value {
        let mut json = json!({"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name});
        if let Some(username) = &self.username {
            json["username"] = json!(username);
        }
        if !self.is_bot {
            json["language_code"] = json!("en");
        }
        json
    }
}

/// A file that someone sent.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Where it is downloaded, once `getFile` was called.
    pub(super) path: String,
    pub(super) name: String,
    pub(super) bytes: Arc<[u8]>,
}

/// What kind of chat it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Private,
    Group,
    Supergroup,
    Forum,
    Channel,
}

impl Kind {
    /// The word in the wire's `type`.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Group => "group",
            Self::Supergroup | Self::Forum => "supergroup",
            Self::Channel => "channel",
        }
    }

    /// Whether other people can be in it.
    pub(super) fn is_shared(self) -> bool {
        self != Self::Private
    }
}

/// How the bot stands to a chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BotStatus {
    Member,
    Administrator,
    /// The person has not written to the bot yet.
    NotStarted,
    /// Blocked by the person of a private chat, or removed from a group.
    Kicked,
    /// Not in the group, and was not removed.
    Left,
}

/// A message of anyone.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "none of them says anything of another")]
pub(super) struct Message {
    /// As the Bot API writes it.
    pub(super) json: Map<String, Value>,
    /// Whether the bot sent it.
    pub(super) is_bots: bool,
    pub(super) at: Instant,
    /// Text after each edit, and when.
    pub(super) edits: Vec<(String, Instant)>,
    pub(super) is_deleted: bool,
    /// The fake's time.
    pub(super) sent: Instant,
    pub(super) link_preview_disabled: bool,
    pub(super) is_silent: bool,
    /// What the bot put under it.
    pub(super) reaction: Option<String>,
}

impl Message {
    /// Text or caption.
    pub(super) fn text(&self) -> &str {
        let text = self.json.get("text").or_else(|| self.json.get("caption"));
        text.and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn thread(&self) -> Option<i64> {
        self.json.get("message_thread_id").and_then(Value::as_i64)
    }
}

/// What a person sees of an answer that is being written; it is no message.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The id that the bot gave it.
    pub draft_id: i64,
    /// Its topic.
    pub thread: Option<i64>,
    /// May be empty.
    pub text: String,
    /// The formatting of the text.
    pub entities: Vec<Value>,
    /// The rich message that it shows in place of a text.
    pub rich_message: Option<Value>,
    /// Whether it has a button to stop.
    pub can_stop: bool,
    /// When it came.
    pub at: Instant,
    /// By the fake's clock.
    pub(super) ends: Instant,
}

/// A sign that the bot is at work.
#[derive(Clone, Debug)]
pub struct Action {
    /// `typing` and the like.
    pub action: String,
    /// Its topic.
    pub thread: Option<i64>,
    /// When it came.
    pub at: Instant,
    /// By the fake's clock.
    pub(super) ends: Instant,
}

/// When things happened in a chat, for measuring.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    /// When people's messages were queued.
    pub(super) said: Vec<Instant>,
    /// When their updates were first handed out.
    pub(super) handed_out: Vec<Instant>,
    pub(super) sends: Vec<Instant>,
    pub(super) edits: Vec<Instant>,
}

/// A chat with all that was ever in it.
#[derive(Clone, Debug)]
pub(super) struct Chat {
    pub(super) id: i64,
    pub(super) kind: Kind,
    /// The title, or the first name of the person.
    pub(super) title: String,
    pub(super) username: Option<String>,
    pub(super) members: BTreeSet<i64>,
    pub(super) admins: BTreeSet<i64>,
    pub(super) bot: BotStatus,
    pub(super) messages: BTreeMap<i64, Message>,
    last_message: i64,
    /// Names by thread.
    pub(super) topics: BTreeMap<i64, String>,
    pub(super) upgraded_to: Option<i64>,
    /// Signs such as typing.
    pub(super) actions: Vec<Action>,
    pub(super) timeline: Timeline,
    /// All that were ever shown; see [`Self::draft`].
    pub(super) drafts: Vec<Draft>,
}

impl Chat {
    pub(super) fn new(id: i64, kind: Kind, title: &str) -> Self {
        Self {
            id,
            kind,
            title: title.to_owned(),
            username: None,
            members: BTreeSet::new(),
            admins: BTreeSet::new(),
            bot: if kind == Kind::Channel {
                BotStatus::Administrator
            } else {
                BotStatus::Member
            },
            messages: BTreeMap::new(),
            // In a forum, 1 is the topic that is there always.
            last_message: i64::from(kind == Kind::Forum),
            topics: BTreeMap::new(),
            upgraded_to: None,
            actions: Vec::new(),
            timeline: Timeline::default(),
            drafts: Vec::new(),
        }
    }

    pub(super) fn json(&self) -> Value {
        let mut json = json!({"id": self.id, "type": self.kind.word()});
        if self.kind == Kind::Private {
            json["first_name"] = json!(self.title);
        } else {
            json["title"] = json!(self.title);
        }
        if self.kind == Kind::Forum {
            json["is_forum"] = json!(true);
        }
        if let Some(username) = &self.username {
            json["username"] = json!(username);
        }
        json
    }

    /// Whether people see the bot typing.
    pub(super) fn shows_typing(&self, now: Instant) -> bool {
        let mut typing = self.actions.iter().rev().filter(|action| action.action == "typing");
        typing.next().is_some_and(|action| action.ends > now)
    }

    /// An id for a new message.
    pub(super) fn new_message_id(&mut self) -> i64 {
        self.last_message += 1;
        self.last_message
    }

    /// The message, unless it was deleted or never there.
    pub(super) fn message(&self, id: i64) -> Option<&Message> {
        self.messages.get(&id).filter(|message| !message.is_deleted)
    }

    /// As [`Self::message`], to change it.
    pub(super) fn message_mut(&mut self, id: i64) -> Option<&mut Message> {
        self.messages.get_mut(&id).filter(|message| !message.is_deleted)
    }

    /// The draft that is seen now. A newer one takes its place, a message or the end of its time removes it.
    pub(super) fn draft(&self, now: Instant) -> Option<&Draft> {
        self.drafts.last().filter(|draft| draft.ends > now)
    }

    /// A message of the bot came, so it does not seem at work in that topic any more.
    pub(super) fn end_actions(&mut self, thread: Option<i64>, now: Instant) {
        let actions = self.actions.iter_mut().filter(|action| action.thread == thread);
        for action in actions {
            action.ends = action.ends.min(now);
        }
    }

    /// A message came, so no draft of its topic is seen any more.
    pub(super) fn end_drafts(&mut self, thread: Option<i64>, now: Instant) {
        let drafts = self.drafts.iter_mut().filter(|draft| draft.thread == thread);
        for draft in drafts {
            draft.ends = draft.ends.min(now);
        }
    }

    /// Whether the bot hears of what happens in it.
    pub(super) fn has_bot(&self) -> bool {
        matches!(self.bot, BotStatus::Member | BotStatus::Administrator) && self.upgraded_to.is_none()
    }

    /// What the bot is in it, as the Bot API names it.
    pub(super) fn bot_status(&self) -> &'static str {
        match self.bot {
            BotStatus::Member => "member",
            BotStatus::Administrator => "administrator",
            BotStatus::Kicked => "kicked",
            BotStatus::Left | BotStatus::NotStarted => "left",
        }
    }
}

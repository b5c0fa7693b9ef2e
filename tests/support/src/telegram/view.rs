//! What can be seen in the chats.

use super::Control;
use super::chat::{Action, Chat, Draft, Message, MessageHandle};
use serde_json::Value;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// A message as it stands in its chat.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "none of them says anything of another")]
pub struct BotMessage {
    /// The chat's id.
    pub chat: i64,
    /// The message's id.
    pub message_id: i64,
    /// Text or caption.
    pub text: String,
    /// The formatting of the text.
    pub entities: Vec<Value>,
    /// Rows of buttons.
    pub keyboard: Vec<Vec<Button>>,
    /// The message that it replies to.
    pub reply_to: Option<i64>,
    /// Its topic.
    pub thread: Option<i64>,
    /// When it was sent.
    pub sent_at: Instant,
    /// What became of it, in order.
    pub edits: Vec<Edit>,
    /// Whether it is gone.
    pub is_deleted: bool,
    /// Whether links are shown without a preview.
    pub link_preview_disabled: bool,
    /// Whether it came without a sound.
    pub is_silent: bool,
    /// Whether it is the bot's.
    pub is_bots: bool,
    /// As the Bot API writes it.
    pub json: Value,
}

impl BotMessage {
    /// Which message it is.
    pub fn handle(&self) -> MessageHandle {
        MessageHandle {
            chat: self.chat,
            message_id: self.message_id,
        }
    }

    /// The labels of its buttons.
    pub fn labels(&self) -> Vec<&str> {
        self.keyboard.iter().flatten().map(|button| button.label.as_str()).collect()
    }
}

/// A button under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// What stands on it.
    pub label: String,
    /// What a press of it sends, if it does.
    pub data: Option<String>,
    /// Its colour.
    pub style: Option<String>,
}

/// A change of a message.
#[derive(Clone, Debug)]
pub struct Edit {
    /// The text after it; empty when bodies are not kept.
    pub text: String,
    /// When it came.
    pub at: Instant,
}

impl BotMessage {
    fn new(chat: i64, message_id: i64, message: &Message) -> Self {
        let json = &message.json;
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let entities = json.get("entities").or_else(|| json.get("caption_entities"));
        let rows = json.get("reply_markup").and_then(|markup| markup.get("inline_keyboard"));
        let text = |button: &Value, name: &str| button[name].as_str().map(str::to_owned);
        let button = |button: &Value| Button {
            label: text(button, "text").unwrap_or_default(),
            data: text(button, "callback_data"),
            style: text(button, "style"),
        };
        let row = |row: &Value| list(Some(row)).iter().map(button).collect();
        let edits = message.edits.iter().cloned();
        Self {
            chat,
            message_id,
            text: message.text().to_owned(),
            entities: list(entities),
            keyboard: list(rows).iter().map(row).collect(),
            reply_to: json
                .get("reply_to_message")
                .and_then(|replied| replied["message_id"].as_i64()),
            thread: message.thread(),
            sent_at: message.at,
            edits: edits.map(|(text, at)| Edit { text, at }).collect(),
            is_deleted: message.is_deleted,
            link_preview_disabled: message.link_preview_disabled,
            is_silent: message.is_silent,
            is_bots: message.is_bots,
            json: Value::Object(json.clone()),
        }
    }
}

impl Chat {
    fn view(&self, of: impl Fn(&Message) -> bool) -> Vec<BotMessage> {
        let messages = self.messages.iter().filter(|(_, message)| of(message));
        messages.map(|(id, message)| BotMessage::new(self.id, *id, message)).collect()
    }
}

impl Control {
    /// A message, even if it is deleted.
    pub fn message(&self, handle: MessageHandle) -> BotMessage {
        let state = self.shared.state();
        let message = state
            .chats
            .get(&handle.chat)
            .and_then(|chat| chat.messages.get(&handle.message_id));
        let message = message.unwrap_or_else(|| panic!("there is no message {handle:?}"));
        BotMessage::new(handle.chat, handle.message_id, message)
    }

    /// The bot's messages that stand in the chat.
    pub fn messages(&self, chat: i64) -> Vec<BotMessage> {
        let state = self.shared.state();
        let chat = state.chats.get(&chat);
        chat.map_or_else(Vec::new, |chat| chat.view(|message| message.is_bots && !message.is_deleted))
    }

    /// All messages that were ever in the chat, of people too, and deleted ones.
    pub fn all_messages(&self, chat: i64) -> Vec<BotMessage> {
        let state = self.shared.state();
        state.chats.get(&chat).map_or_else(Vec::new, |chat| chat.view(|_| true))
    }

    /// The chat as one can read it.
    pub fn transcript(&self, chat: i64) -> String {
        let mut transcript = String::new();
        for message in self.all_messages(chat) {
            let from = &message.json["from"]["first_name"];
            let from = from.as_str().unwrap_or("channel");
            let _ = write!(transcript, "[{}] {from}", message.message_id);
            if let Some(thread) = message.thread {
                let _ = write!(transcript, " in topic {thread}");
            }
            if let Some(reply_to) = message.reply_to {
                let _ = write!(transcript, " to [{reply_to}]");
            }
            if !message.edits.is_empty() {
                let _ = write!(transcript, " (edited {} times)", message.edits.len());
            }
            if message.is_deleted {
                transcript.push_str(" (deleted)");
            }
            let _ = writeln!(transcript, ": {}", message.text);
            for row in &message.keyboard {
                let labels = row.iter().map(|button| format!("[ {} ]", button.label));
                let _ = writeln!(transcript, "    {}", labels.collect::<Vec<_>>().join(" "));
            }
        }
        transcript
    }

    /// Waits until the bot's messages in the chat are so; panics with the transcript when that does not come in time. Blocks
    /// the thread: a client in the same test needs a runtime with more than one.
    pub fn wait_for(&self, chat: i64, is_so: impl Fn(&[BotMessage]) -> bool, longest: Duration) -> Vec<BotMessage> {
        let mut messages = Vec::new();
        let came = self.wait_until(longest, |control| {
            messages = control.messages(chat);
            is_so(&messages)
        });
        assert!(
            came,
            "what was waited for did not come within {longest:?}:\n{}",
            self.transcript(chat)
        );
        messages
    }

    /// Waits for a message of the bot with that in its text; panics with the transcript when it does not come in time.
    pub fn wait_for_text(&self, chat: i64, needle: &str, longest: Duration) -> BotMessage {
        let mut found = None;
        self.wait_until(longest, |control| {
            let messages = control.messages(chat);
            found = messages.into_iter().rfind(|message| message.text.contains(needle));
            found.is_some()
        });
        found.unwrap_or_else(|| {
            let transcript = self.transcript(chat);
            panic!("{needle:?} did not come within {longest:?}:\n{transcript}")
        })
    }

    /// The actions, such as typing, that the bot showed in the chat.
    pub fn actions(&self, chat: i64) -> Vec<Action> {
        let state = self.shared.state();
        state.chats.get(&chat).map_or_else(Vec::new, |chat| chat.actions.clone())
    }

    /// What the bot put under a message.
    pub fn reaction(&self, message: MessageHandle) -> Option<String> {
        let state = self.shared.state();
        let chat = state.chats.get(&message.chat)?;
        chat.messages.get(&message.message_id)?.reaction.clone()
    }

    /// The draft that the chat shows now.
    pub fn draft(&self, chat: i64) -> Option<Draft> {
        let state = self.shared.state();
        state.chats.get(&chat)?.draft(state.now()).cloned()
    }

    /// All drafts that the chat ever showed.
    pub fn drafts(&self, chat: i64) -> Vec<Draft> {
        let state = self.shared.state();
        state.chats.get(&chat).map_or_else(Vec::new, |chat| chat.drafts.clone())
    }

    /// Name and content of the file in a message.
    pub fn file(&self, message: MessageHandle) -> Option<(String, Vec<u8>)> {
        let seen = self.message(message);
        let file = ["document", "voice", "photo"].iter().find_map(|kind| seen.json.get(*kind))?;
        // Of a photo, the greatest size.
        let file = file.as_array().and_then(|sizes| sizes.last()).unwrap_or(file);
        let state = self.shared.state();
        let file = state.files.get(file["file_id"].as_str()?)?;
        Some((file.name.clone(), file.bytes.to_vec()))
    }

    /// How many chats got a message of the bot.
    pub fn answered_chats(&self) -> usize {
        let state = self.shared.state();
        let chats = state.chats.values();
        chats.filter(|chat| !chat.timeline.sends.is_empty()).count()
    }

    /// Whether the chat shows the bot as typing now: for five seconds, or until a message of its comes.
    pub fn typing(&self, chat: i64) -> bool {
        let state = self.shared.state();
        state.chats.get(&chat).is_some_and(|chat| chat.shows_typing(state.now()))
    }

    /// Names and descriptions of the commands of a scope, which is a type such as `default`, or type and chat id.
    pub fn commands(&self, scope: &str) -> Vec<(String, String)> {
        self.commands_in(scope, "")
    }

    /// As [`Self::commands`], in a language.
    pub fn commands_in(&self, scope: &str, language: &str) -> Vec<(String, String)> {
        let state = self.shared.state();
        let commands = state.commands.get(&(scope.to_owned(), language.to_owned()));
        let commands = commands.and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |command: &Value, name: &str| command[name].as_str().unwrap_or_default().to_owned();
        let commands = commands
            .iter()
            .map(|command| (text(command, "command"), text(command, "description")));
        commands.collect()
    }
}

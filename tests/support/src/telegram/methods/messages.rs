//! Methods that make and change messages of text.

use super::{Answer, ApiError, Context};
use crate::telegram::chat::{BotStatus, Kind, Message};
use crate::telegram::entities::{self, Formatted, units};
use crate::telegram::keyboard;
use crate::telegram::state::bot;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// In UTF-16 units, after parsing.
const LONGEST_TEXT: usize = 4096;
/// In bytes, before parsing.
const LONGEST_RAW_TEXT: usize = 32_768;
const DELETABLE_FOR: Duration = Duration::from_hours(48);
const NOT_MODIFIED: &str = "message is not modified: specified new message content and reply markup are exactly the same as a \
    current content and reply markup of the message";

impl Context<'_> {
    /// The text of the call in the form in which it is kept.
    pub(super) fn formatted(
        &mut self,
        text: &str,
        entities: &str,
        limit: usize,
        too_long: &str,
    ) -> Result<Formatted, ApiError> {
        let text = self.params.text(text).unwrap_or_default();
        if text.len() > LONGEST_RAW_TEXT {
            return Err(self.wrong("Text is too long"));
        }
        if self.params.has("parse_mode") {
            if self.params.has(entities) {
                self.note("parse_mode and entities are both there");
            }
            let mode = self.params.text("parse_mode").unwrap_or_default();
            if !["html", "markdown", "markdownv2"].contains(&mode.to_ascii_lowercase().as_str()) {
                return Err(self.wrong("unsupported parse_mode"));
            }
        }
        let list = entities::list(self.params, entities)?;
        if let Some(mistake) = entities::mistake(&text, &list) {
            return Err(self.wrong(format!("can't parse entities: {mistake}")));
        }
        let formatted = entities::clean(&text, list);
        if units(&formatted.text) > limit {
            return Err(self.wrong(too_long));
        }
        Ok(formatted)
    }

    pub(super) fn message_text(&mut self, too_long: &str) -> Result<Formatted, ApiError> {
        let formatted = self.formatted("text", "entities", LONGEST_TEXT, too_long)?;
        if formatted.text.is_empty() {
            return Err(self.wrong("message text is empty"));
        }
        Ok(formatted)
    }

    /// The keyboard of the call.
    pub(super) fn keyboard(&mut self) -> Result<Option<Value>, ApiError> {
        match self.params.object("reply_markup")? {
            None => Ok(None),
            Some(markup) => keyboard::read(&markup).map_err(|mistake| self.wrong(mistake)),
        }
    }

    fn has_no_link_preview(&self) -> bool {
        let options = self.params.object("link_preview_options").ok().flatten();
        options.is_some_and(|options| options["is_disabled"] == Value::Bool(true))
    }

    /// Puts a message of the bot into the chat, and answers with it.
    pub(super) fn post(&mut self, chat: i64, content: Map<String, Value>) -> Answer {
        let thread = self.thread(chat)?;
        let reply_to = self.reply_to(chat)?;
        let keyboard = self.keyboard()?;
        let is_silent = self.params.flag("disable_notification");
        let link_preview_disabled = self.has_no_link_preview();
        let date = self.state.date();
        let now = self.state.now();
        let Some(chat) = self.state.chats.get_mut(&chat) else {
            return Err(ApiError::bad("chat not found"));
        };
        let id = chat.new_message_id();
        let mut json = Map::new();
        json.insert("message_id".to_owned(), json!(id));
        if chat.kind == Kind::Channel {
            json.insert("sender_chat".to_owned(), chat.json());
        } else {
            json.insert("from".to_owned(), bot());
        }
        json.insert("chat".to_owned(), chat.json());
        json.insert("date".to_owned(), json!(date));
        if let Some(thread) = thread {
            json.insert("message_thread_id".to_owned(), json!(thread));
            json.insert("is_topic_message".to_owned(), json!(true));
        }
        let replied = reply_to.or(thread).and_then(|id| chat.message(id));
        if let Some(replied) = replied {
            json.insert("reply_to_message".to_owned(), without_reply(replied));
        }
        json.extend(content);
        if let Some(keyboard) = keyboard {
            json.insert("reply_markup".to_owned(), keyboard);
        }
        let message = Message {
            json: json.clone(),
            is_bots: true,
            at: self.at,
            edits: Vec::new(),
            is_deleted: false,
            sent: now,
            link_preview_disabled,
            is_silent,
            reaction: None,
        };
        chat.messages.insert(id, message);
        chat.timeline.sends.push(self.at);
        chat.end_actions(thread, now);
        chat.end_drafts(thread, now);
        self.message_id = Some(id);
        Ok(Value::Object(json))
    }

    /// The message of the call, which must be there.
    pub(super) fn message_id(&mut self) -> Result<i64, ApiError> {
        match self.params.integer("message_id") {
            Some(id) if id > 0 => Ok(id),
            _ => Err(self.wrong("message identifier is not specified")),
        }
    }

    /// A message of the bot that can be changed: its chat and id.
    pub(super) fn own_message(&mut self) -> Result<(i64, i64), ApiError> {
        let chat = self.open_chat()?;
        let id = self.message_id()?;
        match self.state.chats[&chat].message(id) {
            None => Err(ApiError::bad("message to edit not found")),
            Some(message) if !message.is_bots => Err(ApiError::bad("message can't be edited")),
            Some(_) => Ok((chat, id)),
        }
    }

    /// Changes fields of a message and counts that as an edit; an empty value removes the field.
    pub(super) fn change(&mut self, chat: i64, id: i64, fields: Vec<(&str, Option<Value>)>) -> Answer {
        let date = self.state.date();
        let keeps_bodies = self.options.keeps_bodies;
        let at = self.at;
        let Some(chat) = self.state.chats.get_mut(&chat) else {
            return Err(ApiError::bad("chat not found"));
        };
        chat.timeline.edits.push(at);
        let Some(message) = chat.message_mut(id) else {
            return Err(ApiError::bad("message to edit not found"));
        };
        let is_same = fields.iter().all(|(name, value)| message.json.get(*name) == value.as_ref());
        if is_same {
            chat.timeline.edits.pop();
            return Err(ApiError::bad(NOT_MODIFIED));
        }
        for (name, value) in fields {
            match value {
                Some(value) => message.json.insert(name.to_owned(), value),
                None => message.json.remove(name),
            };
        }
        message.json.insert("edit_date".to_owned(), json!(date));
        let text = if keeps_bodies {
            message.text().to_owned()
        } else {
            String::new()
        };
        message.edits.push((text, at));
        Ok(Value::Object(message.json.clone()))
    }
}

/// A message as it stands in a reply to it, which shows no further replies.
pub(in crate::telegram) fn without_reply(message: &Message) -> Value {
    let mut json = message.json.clone();
    json.remove("reply_to_message");
    Value::Object(json)
}

/// The fields of a text.
pub(super) fn text_fields(formatted: Formatted) -> [(&'static str, Option<Value>); 2] {
    let entities = (!formatted.entities.is_empty()).then_some(Value::Array(formatted.entities));
    [("text", Some(json!(formatted.text))), ("entities", entities)]
}

pub(super) fn send_message(context: &mut Context<'_>) -> Answer {
    let chat = context.open_chat()?;
    let formatted = context.message_text("message is too long")?;
    let fields = text_fields(formatted).into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name.to_owned(), value?)));
    context.post(chat, fields.collect())
}

pub(super) fn edit_message_text(context: &mut Context<'_>) -> Answer {
    let (chat, id) = context.own_message()?;
    let shown = if context.options.rich_messages && context.params.has("rich_message") {
        let rich = context.rich_message()?;
        [("rich_message", Some(rich)), ("text", None), ("entities", None)]
    } else {
        let [text, entities] = text_fields(context.message_text("MESSAGE_TOO_LONG")?);
        [("rich_message", None), text, entities]
    };
    let keyboard = context.keyboard()?;
    let json = &context.state.chats[&chat].messages[&id].json;
    if !json.contains_key("text") && !json.contains_key("rich_message") {
        return Err(ApiError::bad("there is no text in the message to edit"));
    }
    let link_preview_disabled = context.has_no_link_preview();
    let mut fields = Vec::from(shown);
    // Without one, the old one goes.
    fields.push(("reply_markup", keyboard));
    let answer = context.change(chat, id, fields)?;
    let message = context.state.chats.get_mut(&chat).and_then(|chat| chat.message_mut(id));
    if let Some(message) = message {
        message.link_preview_disabled = link_preview_disabled;
    }
    Ok(answer)
}

pub(super) fn edit_message_reply_markup(context: &mut Context<'_>) -> Answer {
    let (chat, id) = context.own_message()?;
    let keyboard = context.keyboard()?;
    context.change(chat, id, vec![("reply_markup", keyboard)])
}

pub(super) fn delete_message(context: &mut Context<'_>) -> Answer {
    let chat = context.open_chat()?;
    let id = context.message_id()?;
    let now = context.state.now();
    let Some(chat) = context.state.chats.get_mut(&chat) else {
        return Err(ApiError::bad("chat not found"));
    };
    let may_any = chat.kind == Kind::Private || chat.bot == BotStatus::Administrator;
    let Some(message) = chat.message_mut(id) else {
        return Err(ApiError::bad("message to delete not found"));
    };
    let is_old = now.duration_since(message.sent) > DELETABLE_FOR;
    if is_old || !(message.is_bots || may_any) {
        return Err(ApiError::bad("message can't be deleted"));
    }
    message.is_deleted = true;
    Ok(json!(true))
}

//! Which chat a call is for, and whether the bot may speak there.

use super::{ApiError, Context};
use crate::telegram::chat::{BotStatus, Chat, Kind};
use serde_json::{Value, json};

impl Context<'_> {
    /// The chat of the call.
    pub(super) fn chat_id(&mut self) -> Result<i64, ApiError> {
        let Some(text) = self.params.text("chat_id").filter(|text| !text.is_empty()) else {
            return Err(ApiError::bad("chat_id is empty"));
        };
        let id = match text.strip_prefix('@') {
            Some(name) => {
                let mut chats = self.state.chats.values();
                let named = |chat: &&Chat| chat.kind.is_shared() && chat.username.as_deref() == Some(name);
                chats.find(named).map(|chat| chat.id)
            }
            None => text.parse().ok(),
        };
        let id = id.filter(|id| self.state.chats.contains_key(id));
        id.ok_or_else(|| ApiError::bad("chat not found"))
    }

    /// The chat of the call, once it is sure that the bot may speak there.
    pub(super) fn open_chat(&mut self) -> Result<i64, ApiError> {
        let id = self.chat_id()?;
        let chat = &self.state.chats[&id];
        if let Some(new) = chat.upgraded_to {
            let error = ApiError::bad("group chat was upgraded to a supergroup chat");
            return Err(error.with(json!({"migrate_to_chat_id": new})));
        }
        let refused = match (chat.bot, chat.kind) {
            (BotStatus::Member | BotStatus::Administrator, _) => return Ok(id),
            (BotStatus::NotStarted, _) => "bot can't initiate conversation with a user",
            (_, Kind::Private) => "bot was blocked by the user",
            (BotStatus::Kicked, Kind::Group) => "bot was kicked from the group chat",
            (BotStatus::Kicked, Kind::Channel) => "bot was kicked from the channel chat",
            (BotStatus::Kicked, _) => "bot was kicked from the supergroup chat",
            (BotStatus::Left, Kind::Group) => "bot is not a member of the group chat",
            (BotStatus::Left, Kind::Channel) => "bot is not a member of the channel chat",
            (BotStatus::Left, _) => "bot is not a member of the supergroup chat",
        };
        Err(ApiError::forbidden(refused))
    }

    /// The topic of the call. Only topics of a forum can be named, and not the one that is there always.
    pub(super) fn thread(&mut self, chat: i64) -> Result<Option<i64>, ApiError> {
        let Some(thread) = self.params.integer("message_thread_id").filter(|thread| *thread != 0) else {
            return Ok(None);
        };
        if self.state.chats[&chat].topics.contains_key(&thread) {
            Ok(Some(thread))
        } else {
            Err(ApiError::bad("message thread not found"))
        }
    }

    /// The message that the call replies to.
    pub(super) fn reply_to(&mut self, chat: i64) -> Result<Option<i64>, ApiError> {
        let reply = self.params.object("reply_parameters")?;
        let Some(reply) = reply else {
            return Ok(None);
        };
        let Some(id) = reply["message_id"].as_i64() else {
            return Err(self.wrong("can't parse reply parameters: message_id is missing"));
        };
        let Some(message) = self.state.chats[&chat].message(id) else {
            let may_lack = reply["allow_sending_without_reply"] == Value::Bool(true);
            return if may_lack {
                Ok(None)
            } else {
                Err(ApiError::bad("message to be replied not found"))
            };
        };
        if let Some(quote) = reply["quote"].as_str()
            && !message.text().contains(quote)
        {
            return Err(ApiError::bad("QUOTE_TEXT_INVALID"));
        }
        Ok(Some(id))
    }
}

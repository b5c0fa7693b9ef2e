//! Methods that answer presses and show small signs.

use super::{Answer, ApiError, Context};
use crate::telegram::chat::Action;
use crate::telegram::entities::units;
use crate::telegram::press::CallbackAnswer;
use serde_json::json;
use std::time::Duration;

/// A press must be answered within this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// An action is shown for this long, or until a message of the bot comes.
const SHOWN_FOR: Duration = Duration::from_secs(5);
const LONGEST_ANSWER: usize = 200;
const ACTIONS: [&str; 11] = [
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// All that a bot may use.
const REACTIONS: &str = "❤ 👍 👎 🔥 🥰 👏 😁 🤔 🤯 😱 🤬 😢 🎉 🤩 🤮 💩 🙏 👌 🕊 🤡 🥱 🥴 😍 🐳 ❤‍🔥 🌚 🌭 💯 🤣 ⚡ 🍌 🏆 💔 🤨 😐 🍓 🍾 💋 🖕 😈 😴 😭 \
    🤓 👻 👨‍💻 👀 🎃 🙈 😇 😨 🤝 ✍ 🤗 🫡 🎅 🎄 ☃ 💅 🤪 🗿 🆒 💘 🙉 🦄 😘 💊 🙊 😎 👾 🤷‍♂ 🤷 🤷‍♀ 😡";

pub(super) fn answer_callback_query(context: &mut Context<'_>) -> Answer {
    let id = context.params.text("callback_query_id").unwrap_or_default();
    let text = context.params.text("text").unwrap_or_default();
    if units(&text) > LONGEST_ANSWER {
        return Err(context.wrong("MESSAGE_TOO_LONG"));
    }
    let now = context.state.now();
    let answer = CallbackAnswer {
        text,
        show_alert: context.params.flag("show_alert"),
        at: context.at,
    };
    let press = context.state.presses.get_mut(&id);
    let press = press.filter(|press| press.answer.is_none() && now.duration_since(press.pressed) <= ANSWER_WITHIN);
    let Some(press) = press else {
        return Err(ApiError::bad(
            "query is too old and response timeout expired or query ID is invalid",
        ));
    };
    press.answer = Some(answer);
    Ok(json!(true))
}

pub(super) fn send_chat_action(context: &mut Context<'_>) -> Answer {
    let chat = context.open_chat()?;
    let thread = context.thread(chat)?;
    let action = context.params.text("action").unwrap_or_default();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(context.wrong("wrong parameter action in request"));
    }
    let action = Action {
        action,
        thread,
        at: context.at,
        ends: context.state.now() + SHOWN_FOR,
    };
    if let Some(chat) = context.state.chats.get_mut(&chat) {
        chat.actions.push(action);
    }
    Ok(json!(true))
}

pub(super) fn set_message_reaction(context: &mut Context<'_>) -> Answer {
    let chat = context.open_chat()?;
    let id = context.message_id()?;
    let list = context.params.object("reaction")?.unwrap_or_else(|| json!([]));
    let Some(list) = list.as_array() else {
        return Err(context.wrong("can't parse reaction types JSON object"));
    };
    if list.len() > 1 {
        return Err(context.wrong("REACTIONS_TOO_MANY"));
    }
    let emoji = list
        .first()
        .map(|reaction| reaction["emoji"].as_str().unwrap_or_default().to_owned());
    if emoji
        .as_deref()
        .is_some_and(|emoji| !REACTIONS.split(' ').any(|known| known == emoji))
    {
        return Err(context.wrong("REACTION_INVALID"));
    }
    let message = context.state.chats.get_mut(&chat).and_then(|chat| chat.message_mut(id));
    let message = message.ok_or_else(|| ApiError::bad("message to react not found"))?;
    message.reaction = emoji;
    Ok(json!(true))
}

//! Methods that tell of chats and who is in them.

use super::{Answer, ApiError, Context};
use crate::telegram::chat::BotStatus;
use crate::telegram::state::{BOT_ID, bot};
use serde_json::json;

pub(super) fn get_chat(context: &mut Context<'_>) -> Answer {
    let id = context.open_chat()?;
    let chat = &context.state.chats[&id];
    let mut full = chat.json();
    full["accent_color_id"] = json!(0);
    full["max_reaction_count"] = json!(11);
    full["accepted_gift_types"] = json!({
        "unlimited_gifts": false,
        "limited_gifts": false,
        "unique_gifts": false,
        "premium_subscription": false,
        "gifts_from_channels": false,
    });
    if chat.kind.is_shared() {
        full["permissions"] = json!({"can_send_messages": true, "can_invite_users": true});
    }
    Ok(full)
}

pub(super) fn get_chat_member(context: &mut Context<'_>) -> Answer {
    let id = context.open_chat()?;
    let user = context.params.integer("user_id").unwrap_or_default();
    let chat = &context.state.chats[&id];
    if user == BOT_ID {
        return Ok(json!({"user": bot(), "status": chat.bot_status()}));
    }
    let Some(person) = context.state.people.get(&user) else {
        return Err(ApiError::bad("PARTICIPANT_ID_INVALID"));
    };
    let status = if chat.admins.contains(&user) {
        "administrator"
    } else if chat.members.contains(&user) {
        "member"
    } else {
        "left"
    };
    Ok(json!({"user": person.json(), "status": status}))
}

pub(super) fn leave_chat(context: &mut Context<'_>) -> Answer {
    let id = context.open_chat()?;
    if !context.state.chats[&id].kind.is_shared() {
        return Err(ApiError::bad("chat member status can't be changed in private chats"));
    }
    context.state.set_bot(id, BotStatus::Left, None);
    Ok(json!(true))
}

//! Methods about the bot itself.

use super::{Answer, ApiError, Context};
use crate::telegram::Options;
use crate::telegram::state::bot;
use serde_json::{Value, json};

/// The bot as `getMe` tells of it.
pub(in crate::telegram) fn me(options: &Options) -> Value {
    let mut me = bot();
    me["can_join_groups"] = json!(true);
    me["can_read_all_group_messages"] = json!(options.reads_all_group_messages);
    for lacking in [
        "supports_inline_queries",
        "can_connect_to_business",
        "has_main_web_app",
        "has_topics_enabled",
        "allows_users_to_create_topics",
    ] {
        me[lacking] = json!(false);
    }
    me
}

pub(super) fn get_me(context: &mut Context<'_>) -> Answer {
    Ok(me(context.options))
}

fn is_command_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    (1..=32).contains(&name.len()) && name.chars().all(is_allowed)
}

pub(super) fn set_my_commands(context: &mut Context<'_>) -> Answer {
    let commands = context.params.object("commands")?.unwrap_or_default();
    let Some(list) = commands.as_array() else {
        return Err(context.wrong("can't parse commands: expected an Array of BotCommand"));
    };
    if list.len() > 100 {
        return Err(context.wrong("BOT_COMMANDS_TOO_MUCH"));
    }
    for command in list {
        let name = command["command"].as_str().unwrap_or_default().trim_start_matches('/');
        let description = command["description"].as_str().unwrap_or_default();
        if !is_command_name(name) {
            return Err(context.wrong("BOT_COMMAND_INVALID"));
        }
        if !(1..=256).contains(&description.encode_utf16().count()) {
            return Err(context.wrong("BOT_COMMAND_DESCRIPTION_INVALID"));
        }
    }
    let key = scope(context)?;
    context.state.commands.insert(key, commands);
    Ok(json!(true))
}

pub(super) fn get_my_commands(context: &mut Context<'_>) -> Answer {
    let key = scope(context)?;
    Ok(context.state.commands.get(&key).cloned().unwrap_or_else(|| json!([])))
}

/// Scope and language as a key.
fn scope(context: &Context<'_>) -> Result<(String, String), ApiError> {
    let scope = context.params.object("scope")?;
    let scope = scope.unwrap_or_else(|| json!({"type": "default"}));
    Ok((scope_key(&scope), context.params.text("language_code").unwrap_or_default()))
}

/// A scope as text: its type, and chat and user where it has them.
pub(in crate::telegram) fn scope_key(scope: &Value) -> String {
    let parts = ["type", "chat_id", "user_id"].into_iter().filter_map(|name| scope.get(name));
    let parts = parts.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned));
    parts.collect::<Vec<_>>().join(" ")
}

//! Methods about the bot itself.

#![expect(clippy::unnecessary_wraps, reason = "all methods have one form")]

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

pub(super) fn delete_my_commands(context: &mut Context<'_>) -> Answer {
    let key = scope(context)?;
    context.state.commands.remove(&key);
    Ok(json!(true))
}

pub(super) fn set_webhook(context: &mut Context<'_>) -> Answer {
    let url = context.params.text("url").unwrap_or_default();
    if url.is_empty() {
        return delete_webhook(context);
    }
    if !url.starts_with("https://") {
        return Err(context.wrong("bad webhook: An HTTPS URL must be provided for webhook"));
    }
    let secret = context.params.text("secret_token").unwrap_or_default();
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if secret.len() > 256 || !secret.chars().all(is_allowed) {
        return Err(context.wrong("secret token contains unallowed characters"));
    }
    let allowed = context.params.object("allowed_updates")?;
    context.state.updates.allow(allowed)?;
    context.state.updates.webhook = Some(url);
    drop_pending_if_asked(context);
    Ok(json!(true))
}

pub(super) fn delete_webhook(context: &mut Context<'_>) -> Answer {
    context.state.updates.webhook = None;
    drop_pending_if_asked(context);
    Ok(json!(true))
}

fn drop_pending_if_asked(context: &mut Context<'_>) {
    if context.params.flag("drop_pending_updates") {
        context.state.updates.drop_pending();
    }
}

pub(super) fn get_webhook_info(context: &mut Context<'_>) -> Answer {
    let updates = &context.state.updates;
    Ok(json!({
        "url": updates.webhook.as_deref().unwrap_or_default(),
        "has_custom_certificate": false,
        "pending_update_count": updates.pending(),
    }))
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

//! Drafts: an answer while it is written. They are seen in private chats, for a while, and are no messages.

use super::{Answer, ApiError, Context};
use crate::telegram::chat::{Draft, Kind};
use crate::telegram::entities::Formatted;
use serde_json::{Value, json};
use std::time::Duration;

const SEEN_FOR: Duration = Duration::from_secs(30);
const LONGEST_DRAFT: usize = 4096;

pub(super) fn send_message_draft(context: &mut Context<'_>) -> Answer {
    let chat = private_chat(context)?;
    let formatted = context.formatted("text", "entities", LONGEST_DRAFT, "message is too long")?;
    show(context, chat, formatted, None)
}

pub(super) fn send_rich_message_draft(context: &mut Context<'_>) -> Answer {
    context.needs_rich_messages()?;
    let chat = private_chat(context)?;
    let rich = context.rich_message()?;
    let nothing = Formatted {
        text: String::new(),
        entities: Vec::new(),
    };
    show(context, chat, nothing, Some(rich))
}

fn private_chat(context: &mut Context<'_>) -> Result<i64, ApiError> {
    let chat = context.open_chat()?;
    if context.state.chats[&chat].kind == Kind::Private {
        Ok(chat)
    } else {
        Err(ApiError::bad("TEXTDRAFT_PEER_INVALID"))
    }
}

fn show(context: &mut Context<'_>, chat: i64, formatted: Formatted, rich_message: Option<Value>) -> Answer {
    let draft_id = context.params.integer("draft_id").unwrap_or(0);
    if draft_id == 0 {
        return Err(context.wrong("draft_id must be non-zero"));
    }
    let draft = Draft {
        draft_id,
        thread: context.thread(chat)?,
        text: formatted.text,
        entities: formatted.entities,
        rich_message,
        can_stop: context.params.flag("can_stop"),
        at: context.at,
        ends: context.state.now() + SEEN_FOR,
    };
    if let Some(chat) = context.state.chats.get_mut(&chat) {
        chat.drafts.push(draft);
    }
    Ok(json!(true))
}

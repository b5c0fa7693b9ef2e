//! The writing half: one call for each message that is sent, edited or taken away.

use crate::client::{CALL_TIMEOUT, CallError, Client, Refusal};
use crate::config::Pace;
use crate::render::{self, Rendered};
use crate::strings;
use async_trait::async_trait;
use cortex_chat::{
    Address, Capabilities, ChatId as Chat, ChoiceDisplay, HoldBack, MessageRef, Outbound, OutboundError, OutgoingMessage,
    SendKey, Signal, TextLimit, TextUnit,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use teloxide::ApiError;
use teloxide::payloads::{
    DeleteMessage, EditMessageText, EditMessageTextSetters as _, SendChatAction, SendChatActionSetters as _, SendMessage,
    SendMessageSetters as _,
};
use teloxide::requests::Payload;
use teloxide::types::{ChatAction, ChatId, LinkPreviewOptions, MessageId, ReplyParameters, ThreadId};

/// A first text of this length, or after this time, makes a notification worth reading.
const HOLD_BACK: HoldBack = HoldBack {
    characters: 30,
    wait: Duration::from_millis(700),
};
/// A sign of typing lasts 5 s.
const TYPING_EVERY: Duration = Duration::from_millis(4_500);
/// Telegram keeps presses for 150 s, and a poll of 30 s may lie between the last sign of life and the absence.
const ANNOUNCE_AGAIN_AFTER: Duration = Duration::from_mins(2);

pub(crate) struct TelegramOutbound {
    client: Arc<Client>,
    capabilities: Capabilities,
}

impl TelegramOutbound {
    pub(crate) fn new(client: Arc<Client>, pace: Pace) -> Self {
        let capabilities = Capabilities {
            text_limit: TextLimit {
                max: render::MAX_TEXT_UNITS,
                unit: TextUnit::Utf16,
            },
            one_to_one_pace: pace.in_private(),
            room_pace: pace.in_rooms(),
            account_calls_per_second: pace.account_calls_per_second,
            hold_back: HOLD_BACK,
            edits_per_message: None,
            edit_age: None,
            choices: ChoiceDisplay::Buttons,
            references_count_up: true,
            replies_to_choices: true,
            threads: true,
            typing_every: Some(TYPING_EVERY),
            idempotent_sends: false,
            can_find_sends: false,
            keeps_messages: true,
            announce_again_after: ANNOUNCE_AGAIN_AFTER,
        };
        Self { client, capabilities }
    }
}

#[async_trait]
impl Outbound for TelegramOutbound {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let Rendered { text, entities } = rendered(message)?;
        let mut payload = SendMessage::new(chat_id(to)?, text)
            .entities(entities)
            .link_preview_options(no_preview());
        if let Some(thread) = &to.thread {
            payload = payload.message_thread_id(ThreadId(MessageId(number(thread.as_str())?)));
        }
        if let Some(replied) = &message.reply_to {
            let replied = ReplyParameters::new(message_id(replied)?).allow_sending_without_reply();
            payload = payload.reply_parameters(replied);
        }
        let sent: Sent = self.call(&payload, message).await?;
        Ok(MessageRef::new(sent.message_id.to_string()))
    }

    async fn edit(&self, at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        let Rendered { text, entities } = rendered(message)?;
        let payload = EditMessageText::new(chat_id(at)?, message_id(reference)?, text)
            .entities(entities)
            .link_preview_options(no_preview());
        // The answer is the message again, which nobody needs.
        self.call::<_, Value>(&payload, message).await.map(drop)
    }

    async fn delete(&self, at: &Address, reference: &MessageRef) -> Result<(), OutboundError> {
        let payload = DeleteMessage::new(chat_id(at)?, message_id(reference)?);
        match self.client.call::<_, Value>(&payload).await {
            Ok(_) => Ok(()),
            Err(CallError::Refused(refusal)) if refusal.error == ApiError::MessageToDeleteNotFound => Ok(()),
            Err(error) => Err(outbound(error)),
        }
    }

    async fn signal(&self, at: &Address, signal: Signal) -> Result<(), OutboundError> {
        if signal == Signal::Idle {
            // It ends by itself, with the next message at the latest.
            return Ok(());
        }
        let mut payload = SendChatAction::new(chat_id(at)?, ChatAction::Typing);
        if let Some(thread) = &at.thread {
            payload = payload.message_thread_id(ThreadId(MessageId(number(thread.as_str())?)));
        }
        self.client.call::<_, Value>(&payload).await.map(drop).map_err(outbound)
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        // Telegram cannot be asked for it; `can_find_sends` says so. But it can be asked whether it answers.
        match self.client.call_with::<Value>("getMe", &json!({}), CALL_TIMEOUT).await {
            Ok(_) => Ok(None),
            Err(CallError::NotSent(problem) | CallError::Unanswered(problem)) => Err(OutboundError::Transient(problem)),
            Err(CallError::Refused(refusal)) => Err(refused(*refusal)),
        }
    }
}

/// All that is needed of a sent message.
#[derive(Deserialize)]
struct Sent {
    message_id: i64,
}

impl TelegramOutbound {
    /// Sends a payload with the message's buttons, which have styles that teloxide does not know yet. Without any, an edit
    /// takes those away that stand there.
    async fn call<P, T>(&self, payload: &P, message: &OutgoingMessage) -> Result<T, OutboundError>
    where
        P: Payload + Serialize,
        T: serde::de::DeserializeOwned,
    {
        let mut body = serde_json::to_value(payload).map_err(|error| OutboundError::Forbidden(error.to_string()))?;
        if !message.choices.is_empty() {
            body["reply_markup"] = render::buttons(&message.choices);
        }
        self.client.call_with(P::NAME, &body, CALL_TIMEOUT).await.map_err(outbound)
    }
}

/// The message as Telegram takes it; one that is too long is not worth a call.
fn rendered(message: &OutgoingMessage) -> Result<Rendered, OutboundError> {
    let rendered = render::render(&message.body);
    if rendered.text.trim().is_empty() {
        return Ok(Rendered {
            text: strings::NOTHING_TO_SHOW.to_owned(),
            entities: Vec::new(),
        });
    }
    if rendered.fits() {
        Ok(rendered)
    } else {
        Err(OutboundError::TooLong)
    }
}

fn no_preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: true,
        url: None,
        prefer_small_media: false,
        prefer_large_media: false,
        show_above_text: false,
    }
}

fn chat_id(address: &Address) -> Result<ChatId, OutboundError> {
    number(address.chat.as_str()).map(ChatId)
}

fn message_id(reference: &MessageRef) -> Result<MessageId, OutboundError> {
    number(reference.as_str()).map(MessageId)
}

/// Ids that are no numbers never came from Telegram.
fn number<N: std::str::FromStr>(id: &str) -> Result<N, OutboundError> {
    id.parse()
        .map_err(|_| OutboundError::Forbidden("an id that is none of Telegram's".to_owned()))
}

/// What a failed call means for whoever wanted to show something.
fn outbound(error: CallError) -> OutboundError {
    match error {
        CallError::NotSent(problem) => OutboundError::Transient(problem),
        CallError::Unanswered(problem) => OutboundError::Unknown(problem),
        CallError::Refused(refusal) => refused(*refusal),
    }
}

fn refused(refusal: Refusal) -> OutboundError {
    let Refusal {
        code,
        error,
        description,
        retry_after,
        migrate_to,
    } = refusal;
    if let Some(retry_after) = retry_after {
        return OutboundError::RateLimited { retry_after };
    }
    if let Some(to) = migrate_to {
        return OutboundError::Moved {
            to: Chat::new(to.to_string()),
        };
    }
    match error {
        ApiError::MessageNotModified => OutboundError::NotModified,
        ApiError::MessageIsTooLong | ApiError::EditedMessageIsTooLong => OutboundError::TooLong,
        ApiError::MessageToEditNotFound
        | ApiError::MessageCantBeEdited
        | ApiError::MessageCantBeDeleted
        | ApiError::MessageIdInvalid => OutboundError::Gone(description),
        ApiError::CantParseEntities(_) => OutboundError::BadMarkup(description),
        _ if description.contains("message is not modified") => OutboundError::NotModified,
        _ if description.contains("message thread not found") => OutboundError::Gone(description),
        _ if description.contains("ENTITY_") || description.contains("entities") => OutboundError::BadMarkup(description),
        // The reading finds out too and tells what to do; until then nothing is given up.
        _ if matches!(code, 401 | 404) => OutboundError::Transient(description),
        _ => OutboundError::Forbidden(description),
    }
}

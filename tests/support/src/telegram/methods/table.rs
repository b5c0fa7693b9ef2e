//! Every method but `getUpdates`, which waits, with the parameters that it must and may have.

use super::{Answer, Context, Method, account, chats, drafts, media, messages, rich, small};

/// What all methods take that put a message into a chat.
const SENDING: &[&str] = &[
    "allow_paid_broadcast",
    "business_connection_id",
    "direct_messages_topic_id",
    "disable_notification",
    "message_effect_id",
    "message_thread_id",
    "protect_content",
    "reply_markup",
    "reply_parameters",
    "suggested_post_parameters",
];
const CAPTION: &[&str] = &["caption", "parse_mode", "caption_entities"];
const TEXT: &[&str] = &["entities", "parse_mode", "link_preview_options"];
const SCOPE: &[&str] = &["scope", "language_code"];
const DRAFT: &[&str] = &["message_thread_id", "can_stop", "keep_on_stop"];

type Run = fn(&mut Context<'_>) -> Answer;

const fn method(
    name: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static [&'static str]],
    run: Run,
) -> Method {
    Method {
        name,
        required,
        optional,
        run,
    }
}

pub(super) static METHODS: &[Method] = &[
    method("getMe", &[], &[], account::get_me),
    method("setMyCommands", &["commands"], &[SCOPE], account::set_my_commands),
    method("getMyCommands", &[], &[SCOPE], account::get_my_commands),
    method("deleteMyCommands", &[], &[SCOPE], account::delete_my_commands),
    method(
        "setWebhook",
        &["url"],
        &[&[
            "certificate",
            "ip_address",
            "max_connections",
            "allowed_updates",
            "drop_pending_updates",
            "secret_token",
        ]],
        account::set_webhook,
    ),
    method("deleteWebhook", &[], &[&["drop_pending_updates"]], account::delete_webhook),
    method("getWebhookInfo", &[], &[], account::get_webhook_info),
    method("getChat", &["chat_id"], &[], chats::get_chat),
    method("getChatMember", &["chat_id", "user_id"], &[], chats::get_chat_member),
    method("leaveChat", &["chat_id"], &[], chats::leave_chat),
    method("sendMessage", &["chat_id", "text"], &[SENDING, TEXT], messages::send_message),
    method(
        "editMessageText",
        &["chat_id", "message_id"],
        &[TEXT, &["text", "rich_message", "reply_markup", "business_connection_id"]],
        messages::edit_message_text,
    ),
    method(
        "editMessageReplyMarkup",
        &["chat_id", "message_id"],
        &[&["reply_markup", "business_connection_id"]],
        messages::edit_message_reply_markup,
    ),
    method("deleteMessage", &["chat_id", "message_id"], &[], messages::delete_message),
    method(
        "answerCallbackQuery",
        &["callback_query_id"],
        &[&["text", "show_alert", "url", "cache_time"]],
        small::answer_callback_query,
    ),
    method(
        "sendChatAction",
        &["chat_id", "action"],
        &[&["message_thread_id", "business_connection_id"]],
        small::send_chat_action,
    ),
    method(
        "setMessageReaction",
        &["chat_id", "message_id"],
        &[&["reaction", "is_big"]],
        small::set_message_reaction,
    ),
    method("getFile", &["file_id"], &[], media::get_file),
    method(
        "sendDocument",
        &["chat_id", "document"],
        &[SENDING, CAPTION, &["thumbnail", "disable_content_type_detection"]],
        media::send_document,
    ),
    method(
        "sendPhoto",
        &["chat_id", "photo"],
        &[SENDING, CAPTION, &["show_caption_above_media", "has_spoiler"]],
        media::send_photo,
    ),
    method(
        "sendVoice",
        &["chat_id", "voice"],
        &[SENDING, CAPTION, &["duration"]],
        media::send_voice,
    ),
    method(
        "sendMessageDraft",
        &["chat_id", "draft_id"],
        &[DRAFT, &["text", "parse_mode", "entities"]],
        drafts::send_message_draft,
    ),
    method(
        "sendRichMessage",
        &["chat_id", "rich_message"],
        &[SENDING],
        rich::send_rich_message,
    ),
    method(
        "sendRichMessageDraft",
        &["chat_id", "draft_id", "rich_message"],
        &[DRAFT],
        drafts::send_rich_message_draft,
    ),
];

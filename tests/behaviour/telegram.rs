//! The daemon on Telegram, seen from the chat.

mod story;

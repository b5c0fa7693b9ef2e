//! The daemon on Telegram, seen from the chat.

mod crash;
mod pace;
mod story;

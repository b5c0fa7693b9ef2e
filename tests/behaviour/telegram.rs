//! The daemon on Telegram, seen from the chat.

mod bad_input;
mod crash;
mod pace;
mod scene;
mod story;

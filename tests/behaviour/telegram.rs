//! The daemon on Telegram, seen from the chat.

mod bad_input;
mod crash;
mod gate;
mod groups;
mod pace;
mod scene;
mod story;

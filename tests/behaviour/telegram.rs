//! The daemon on Telegram, seen from the chat.

mod bad_input;
mod crash;
mod gate;
mod groups;
mod killed;
mod pace;
mod requests;
mod scene;
mod story;

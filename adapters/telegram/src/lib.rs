//! Telegram as a chat platform.

mod render;

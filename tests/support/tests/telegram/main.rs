//! What the Telegram fake does, seen over plain HTTP.

mod basics;
mod client;

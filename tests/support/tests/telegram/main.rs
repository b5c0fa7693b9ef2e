//! What the Telegram fake does, seen over plain HTTP.

mod authors;
mod basics;
mod chats;
mod client;
mod drafts;
mod faults;
mod limits;
mod media;
mod messages;
mod polling;
mod presses;
mod program;
mod wire;

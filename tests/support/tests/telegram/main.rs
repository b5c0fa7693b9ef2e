//! What the Telegram fake does, seen over plain HTTP.

mod basics;
mod client;
mod faults;
mod limits;
mod messages;
mod polling;
mod presses;
mod wire;

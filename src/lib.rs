//! Cortex: a chat-bot daemon that thinks with the models its owner chooses, acts with tools, and asks before anything dangerous.
//!
//! ARCHITECTURE.md draws the map of these modules.

pub mod cli;
pub mod clock;
pub mod config;
pub mod contested;
pub mod daemon;
pub mod delivery;
pub mod domain;
pub mod engine;
pub mod failpoint;
pub mod gate;
pub mod models;
pub mod router;
pub mod store;
pub mod strings;
pub mod tools;
pub mod turn;

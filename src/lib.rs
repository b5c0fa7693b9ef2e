//! Cortex: a chat-bot daemon that thinks with the models its owner chooses, acts with tools, and asks before anything dangerous.
//!
//! ARCHITECTURE.md draws the map of these modules.

pub mod config;
pub mod domain;
pub mod models;
pub mod tools;

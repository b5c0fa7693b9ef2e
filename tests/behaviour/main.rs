//! What a person or an operator would notice, tested from the outside.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod access;
mod bad_input;
mod config;
mod contested;
mod crash;
mod gate;
mod models;
mod story;
mod support;
#[cfg(feature = "telegram")]
mod telegram;
mod tools;

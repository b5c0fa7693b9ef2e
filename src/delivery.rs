//! From what a turn does to what the chats show: the growing answer, and the pacer that brings a platform to what is desired.
//!
//! Nothing here names a platform; what one can do it tells by its capabilities.

mod chat;
mod growing;
mod job;
mod live;
mod pace;
mod pacer;
mod queue;

pub(crate) use live::progress_document;
pub use live::{LiveAnswer, LiveForm};
pub use pacer::{LiveStart, Pacer, PacerHandle};

#[cfg(test)]
mod tests;

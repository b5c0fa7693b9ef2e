//! From what a turn does to what the chats show: the growing answer, and the pacer that brings a platform to what is desired.
//!
//! Nothing here names a platform; what one can do it tells by its capabilities.

mod chat;
mod job;
mod live;
mod pacer;

pub use live::LiveAnswer;
pub(crate) use live::progress_document;
pub use pacer::{LiveStart, Pacer, PacerHandle};

#[cfg(test)]
mod tests;

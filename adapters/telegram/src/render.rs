//! From a parsed text to a text with entities. No markup language of Telegram's is used, so that nothing needs escaping, no
//! message is refused for its markup, and lengths are known.
//!
//! It knows what Telegram does to a text (it trims, drops and merges), and nothing of requests.

mod canvas;
mod characters;
mod keyboard;
mod layout;
mod link;
mod table;

#[cfg(test)]
mod tests;

pub(crate) use keyboard::buttons;

use cortex_chat::{Document, TextUnit};
use layout::Layout;
use teloxide::types::MessageEntity;

/// The longest text of one message, in UTF-16 units.
pub(crate) const MAX_TEXT_UNITS: usize = 4096;

/// A text as Telegram takes it. The offsets of its entities count UTF-16 units.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) entities: Vec<MessageEntity>,
}

impl Rendered {
    /// Whether Telegram takes so long a text.
    pub(crate) fn fits(&self) -> bool {
        TextUnit::Utf16.length(&self.text) <= MAX_TEXT_UNITS
    }
}

/// How much a rendering adds to the plain text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detail {
    /// Aligned tables, tabs as wide as they are, addresses that a reader should see.
    Full,
    /// Tables line by line.
    Compact,
    /// Nothing that the plain text does not have.
    Bare,
}

/// Renders a document. It fits in a message whenever its plain text does: what makes it longer is left out step by step.
pub(crate) fn render(document: &Document) -> Rendered {
    let rendered = [Detail::Full, Detail::Compact, Detail::Bare]
        .into_iter()
        .map(|detail| Layout::of(&document.blocks, detail))
        .find(Rendered::fits)
        .unwrap_or_else(|| Rendered {
            text: characters::shown(&document.to_plain_text(), characters::Tab::Space),
            entities: Vec::new(),
        });
    if !rendered.text.is_empty() && rendered.text.chars().all(characters::is_nothing_to_telegram) {
        // It would be refused as empty.
        return Rendered {
            text: characters::REPLACEMENT.to_string(),
            entities: Vec::new(),
        };
    }
    rendered
}

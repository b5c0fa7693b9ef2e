//! A text that is being written, with the stretches of it that look different; and what Telegram demands of those.

use super::Rendered;
use std::ops::Range;
use teloxide::types::{MessageEntity, MessageEntityKind};
use url::Url;

/// Telegram keeps so many entities of a message.
const MAX_ENTITIES: usize = 100;
/// The white space that Telegram takes off the ends of a text and the beginnings of entities.
const TRIMMED: [char; 2] = [' ', '\n'];

/// How a stretch of text looks.
#[derive(Clone, PartialEq)]
pub(super) enum Look {
    Quote { expandable: bool },
    Pre { language: Option<String> },
    Code,
    Link(Url),
    Bold,
    Struck,
    Italic,
}

impl Look {
    /// The least is dropped last where there are too many.
    fn dispensability(&self) -> u8 {
        match self {
            Self::Pre { .. } => 0,
            Self::Link(_) => 1,
            Self::Code => 2,
            Self::Quote { .. } => 3,
            Self::Bold => 4,
            Self::Struck => 5,
            Self::Italic => 6,
        }
    }

    /// Of two over the same text, the lower one holds the other.
    fn nesting(&self) -> u8 {
        match self {
            Self::Quote { .. } => 0,
            Self::Pre { .. } | Self::Code => 1,
            Self::Link(_) => 2,
            Self::Bold => 3,
            Self::Italic => 4,
            Self::Struck => 5,
        }
    }

    fn is_monospaced(&self) -> bool {
        matches!(self, Self::Pre { .. } | Self::Code)
    }

    /// Whether it may neither hold nor be within code, and is interrupted there.
    fn is_interrupted_by_code(&self) -> bool {
        matches!(self, Self::Bold | Self::Struck | Self::Italic)
    }

    fn into_kind(self) -> MessageEntityKind {
        match self {
            Self::Quote { expandable: false } => MessageEntityKind::Blockquote,
            Self::Quote { expandable: true } => MessageEntityKind::ExpandableBlockquote,
            Self::Pre { language } => MessageEntityKind::Pre { language },
            Self::Code => MessageEntityKind::Code,
            Self::Link(url) => MessageEntityKind::TextLink { url },
            Self::Bold => MessageEntityKind::Bold,
            Self::Struck => MessageEntityKind::Strikethrough,
            Self::Italic => MessageEntityKind::Italic,
        }
    }
}

/// A stretch, in bytes of the text.
#[derive(Clone)]
struct Stretch {
    look: Look,
    range: Range<usize>,
}

/// A text that is being written.
#[derive(Default)]
pub(super) struct Canvas {
    text: String,
    stretches: Vec<Stretch>,
}

impl Canvas {
    /// Where the next character will stand.
    pub(super) fn position(&self) -> usize {
        self.text.len()
    }

    pub(super) fn since(&self, start: usize) -> &str {
        self.text.get(start..).unwrap_or_default()
    }

    pub(super) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    pub(super) fn new_line(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.extend(std::iter::repeat_n(' ', indent));
    }

    /// Goes to the beginning of a line: this one if nothing stands on it, else the next.
    pub(super) fn fresh_line(&mut self) {
        self.text.truncate(self.text.trim_end_matches(' ').len());
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// Gives everything written since `start` a look. Stretches lie within each other or apart.
    pub(super) fn mark(&mut self, start: usize, look: Look) {
        let range = start..self.text.len();
        if range.start < range.end {
            self.stretches.push(Stretch { look, range });
        }
    }

    /// The text as Telegram keeps it, and its entities in order, legal each and together.
    pub(super) fn finish(self) -> Rendered {
        let trimmed = self.text.trim_matches(TRIMMED);
        let cut_off = self.text.len() - self.text.trim_start_matches(TRIMMED).len();
        let mut stretches: Vec<Stretch> = interrupted(self.stretches)
            .into_iter()
            .filter_map(|stretch| within_text(&stretch, trimmed, cut_off))
            .collect();
        drop_the_least(&mut stretches);
        stretches.sort_by_key(|stretch| {
            let Range { start, end } = stretch.range;
            (start, std::cmp::Reverse(end), stretch.look.nesting())
        });
        Rendered {
            text: trimmed.to_owned(),
            entities: entities(trimmed, stretches),
        }
    }
}

/// Nothing may hold code but a quote: bold text with code in it is bold before and after the code.
fn interrupted(stretches: Vec<Stretch>) -> Vec<Stretch> {
    let mut code: Vec<Range<usize>> = stretches
        .iter()
        .filter(|stretch| stretch.look.is_monospaced())
        .map(|stretch| stretch.range.clone())
        .collect();
    code.sort_by_key(|range| range.start);
    let mut pieces = Vec::new();
    for stretch in stretches {
        if !stretch.look.is_interrupted_by_code() {
            pieces.push(stretch);
            continue;
        }
        let mut start = stretch.range.start;
        let first = code.partition_point(|code| code.end <= start);
        for code in code[first..].iter().take_while(|code| code.start < stretch.range.end) {
            pieces.push(Stretch {
                look: stretch.look.clone(),
                range: start..code.start.max(start),
            });
            start = code.end;
        }
        pieces.push(Stretch {
            look: stretch.look,
            range: start.min(stretch.range.end)..stretch.range.end,
        });
    }
    pieces
}

/// The stretch without white space at its ends, counted in the trimmed text; `None` where nothing else is in it.
fn within_text(stretch: &Stretch, trimmed: &str, cut_off: usize) -> Option<Stretch> {
    let start = stretch.range.start.saturating_sub(cut_off);
    let end = stretch.range.end.saturating_sub(cut_off).min(trimmed.len());
    let covered = trimmed.get(start..end)?;
    if covered.trim().is_empty() {
        return None;
    }
    let start = start + (covered.len() - covered.trim_start_matches(TRIMMED).len());
    let end = end - (covered.len() - covered.trim_end_matches(TRIMMED).len());
    Some(Stretch {
        look: stretch.look.clone(),
        range: start..end,
    })
}

/// Keeps as many as Telegram does, earlier ones of a kind before later ones.
fn drop_the_least(stretches: &mut Vec<Stretch>) {
    if stretches.len() <= MAX_ENTITIES {
        return;
    }
    stretches.sort_by_key(|stretch| (stretch.look.dispensability(), stretch.range.start));
    stretches.truncate(MAX_ENTITIES);
}

fn entities(text: &str, stretches: Vec<Stretch>) -> Vec<MessageEntity> {
    let mut units_before = vec![0; text.len() + 1];
    let mut units = 0;
    for (offset, character) in text.char_indices() {
        units_before[offset] = units;
        units += character.len_utf16();
    }
    units_before[text.len()] = units;
    stretches
        .into_iter()
        .map(|stretch| {
            let offset = units_before[stretch.range.start];
            let length = units_before[stretch.range.end] - offset;
            MessageEntity::new(stretch.look.into_kind(), offset, length)
        })
        .collect()
}

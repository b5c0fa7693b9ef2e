//! Lays the blocks of a document out as text.

use super::canvas::{Canvas, Look};
use super::characters::{Tab, shown, shown_in_line};
use super::{Detail, Rendered, link, table};
use cortex_chat::markup::{Block, Inline, List, ListItem};

const RULE: &str = "———";
/// A quote of more lines is folded.
const MAX_OPEN_QUOTE_LINES: usize = 8;
/// Telegram takes spaces off the beginning of code, but not this one.
const UNTRIMMED_SPACE: &str = "\u{a0}";

/// What holds a run of blocks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Document,
    Quote,
    Item,
}

/// Where a block stands.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Spaces before each of its lines.
    pub(super) indent: usize,
    holder: Holder,
    in_quote: bool,
}

/// How the text around an inline looks already.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "any of them goes with any other")]
pub(super) struct Marks {
    bold: bool,
    italic: bool,
    struck: bool,
    linked: bool,
}

impl Marks {
    pub(super) const BOLD: Self = Self {
        bold: true,
        italic: false,
        struck: false,
        linked: false,
    };
}

/// Writes blocks onto a canvas.
pub(super) struct Layout {
    pub(super) canvas: Canvas,
    pub(super) detail: Detail,
}

impl Layout {
    pub(super) fn of(blocks: &[Block], detail: Detail) -> Rendered {
        let mut layout = Self {
            canvas: Canvas::default(),
            detail,
        };
        let place = Place {
            indent: 0,
            holder: Holder::Document,
            in_quote: false,
        };
        layout.blocks(blocks, place);
        layout.canvas.finish()
    }

    fn blocks(&mut self, blocks: &[Block], place: Place) {
        for (index, block) in blocks.iter().enumerate() {
            if index > 0 {
                let list_under_its_item = place.holder == Holder::Item && matches!(block, Block::List(_));
                if !list_under_its_item {
                    self.canvas.push("\n");
                }
                self.canvas.new_line(place.indent);
            }
            self.block(block, place);
        }
    }

    fn block(&mut self, block: &Block, place: Place) {
        match block {
            Block::Paragraph(content) => self.inlines(content, place.indent, Marks::default()),
            Block::Heading { content, .. } => self.bold(content, place.indent),
            Block::List(list) => self.list(list, place),
            Block::Code { language, text } => {
                let tab = if self.detail == Detail::Bare {
                    Tab::Space
                } else {
                    Tab::Indent
                };
                self.pre(language.as_deref(), &shown(text, tab));
            }
            Block::Quote(blocks) => self.quote(blocks, place),
            Block::Table(table) => table::write(self, table, place),
            Block::Rule => self.canvas.push(RULE),
        }
    }

    /// A quote within a quote is part of it: Telegram has no nested ones.
    fn quote(&mut self, blocks: &[Block], place: Place) {
        if place.in_quote {
            return self.blocks(blocks, place);
        }
        self.canvas.fresh_line();
        let start = self.canvas.position();
        let inside = Place {
            indent: 0,
            holder: Holder::Quote,
            in_quote: true,
        };
        self.blocks(blocks, inside);
        let expandable = self.canvas.since(start).lines().count() > MAX_OPEN_QUOTE_LINES;
        self.canvas.mark(start, Look::Quote { expandable });
    }

    fn list(&mut self, list: &List, place: Place) {
        for (index, item) in list.items.iter().enumerate() {
            if index > 0 {
                self.canvas.new_line(place.indent);
            }
            let mark = item_mark(list, index, item);
            let inside = Place {
                indent: place.indent + mark.chars().count(),
                holder: Holder::Item,
                ..place
            };
            if !item.continued {
                self.canvas.push(&mark);
            }
            self.blocks(&item.blocks, inside);
        }
    }

    /// Lines to show as they are, on lines of their own; without empty ones at the ends.
    pub(super) fn pre(&mut self, language: Option<&str>, text: &str) {
        self.canvas.fresh_line();
        let lines = text.trim_end();
        let blank = &lines[..lines.len() - lines.trim_start().len()];
        let first_line = blank.rfind('\n').map_or(0, |line_break| line_break + 1);
        let lines = &lines[first_line..];
        let start = self.canvas.position();
        match lines.strip_prefix(' ') {
            Some(rest) => {
                self.canvas.push(UNTRIMMED_SPACE);
                self.canvas.push(rest);
            }
            None => self.canvas.push(lines),
        }
        let language = language.filter(|language| is_language(language)).map(str::to_owned);
        self.canvas.mark(start, Look::Pre { language });
    }

    pub(super) fn bold(&mut self, content: &[Inline], indent: usize) {
        let start = self.canvas.position();
        self.inlines(content, indent, Marks::BOLD);
        self.canvas.mark(start, Look::Bold);
    }

    pub(super) fn inlines(&mut self, content: &[Inline], indent: usize, marks: Marks) {
        for inline in content {
            self.inline(inline, indent, marks);
        }
    }

    fn inline(&mut self, inline: &Inline, indent: usize, marks: Marks) {
        let start = self.canvas.position();
        match inline {
            Inline::Text(text) => self.canvas.push(&shown_in_line(text)),
            Inline::Code(code) => {
                self.canvas.push(&shown_in_line(code));
                if !marks.linked {
                    self.canvas.mark(start, Look::Code);
                }
            }
            Inline::Strong(content) => {
                self.inlines(content, indent, Marks { bold: true, ..marks });
                self.mark_unless(marks.bold, start, Look::Bold);
            }
            Inline::Emphasis(content) => {
                self.inlines(content, indent, Marks { italic: true, ..marks });
                self.mark_unless(marks.italic, start, Look::Italic);
            }
            Inline::Strikethrough(content) => {
                self.inlines(content, indent, Marks { struck: true, ..marks });
                self.mark_unless(marks.struck, start, Look::Struck);
            }
            Inline::Link { content, .. } if marks.linked => self.inlines(content, indent, marks),
            Inline::Link { url, content } => self.link(url, content, indent, marks),
            Inline::SoftBreak | Inline::HardBreak => self.canvas.new_line(indent),
        }
    }

    fn mark_unless(&mut self, marked: bool, start: usize, look: Look) {
        if !marked {
            self.canvas.mark(start, look);
        }
    }

    fn link(&mut self, url: &str, content: &[Inline], indent: usize, marks: Marks) {
        let start = self.canvas.position();
        self.inlines(content, indent, Marks { linked: true, ..marks });
        let link = link::show(self.canvas.since(start), url, self.detail);
        if let Some(target) = link.target {
            self.canvas.mark(start, Look::Link(target));
        }
        if let Some(address) = link.address {
            self.canvas.push(&format!(" ({})", shown_in_line(&address)));
        }
    }
}

/// The mark of an item with the space after it.
fn item_mark(list: &List, index: usize, item: &ListItem) -> String {
    let check_box = match item.task {
        None => "",
        Some(false) => "☐ ",
        Some(true) => "☑ ",
    };
    match list.number(index) {
        Some(number) => format!("{number}. {check_box}"),
        None if check_box.is_empty() => "• ".to_owned(),
        None => check_box.to_owned(),
    }
}

fn is_language(word: &str) -> bool {
    word.chars()
        .all(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '_' | '#' | '.'))
}

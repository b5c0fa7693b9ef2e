//! The plain text of a tree, with the places that splitting needs to know.

use super::{Block, Inline, List, ListItem};
use std::ops::Range;

/// What a line across looks like as text.
const RULE: &str = "———";

/// A tree laid out as plain text.
#[derive(Default)]
pub(super) struct Layout {
    /// The plain text, not trimmed.
    pub(super) text: String,
    /// Where each leaf of the tree stands in it, in the order of the tree: literal texts, breaks, lines of code, marks of list
    /// items (empty where an item is continued) and rules.
    pub(super) leaves: Vec<Range<usize>>,
    /// Where a block of the document ends and the next begins after it; not after a heading, which belongs to what follows.
    pub(super) block_ends: Vec<usize>,
    /// What must not be cut, nor stand at the end of a part: marks of list items; and rules.
    pub(super) atoms: Vec<Range<usize>>,
}

/// What holds a run of blocks.
#[derive(Clone, Copy, PartialEq)]
enum Holder {
    Document,
    Quote,
    Item,
}

impl Layout {
    pub(super) fn of(blocks: &[Block]) -> Self {
        let mut layout = Self::default();
        layout.blocks(blocks, 0, Holder::Document);
        layout
    }

    fn blocks(&mut self, blocks: &[Block], indent: usize, holder: Holder) {
        for (index, block) in blocks.iter().enumerate() {
            if index > 0 {
                self.separate(&blocks[index - 1], block, indent, holder);
            }
            self.block(block, indent);
        }
    }

    fn separate(&mut self, previous: &Block, next: &Block, indent: usize, holder: Holder) {
        if holder == Holder::Document && !matches!(previous, Block::Heading { .. }) {
            self.block_ends.push(self.text.len());
        }
        let list_under_its_item = holder == Holder::Item && matches!(next, Block::List(_));
        if !list_under_its_item {
            self.text.push('\n');
        }
        self.new_line(indent);
    }

    fn block(&mut self, block: &Block, indent: usize) {
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => self.inlines(content, indent),
            Block::List(list) => self.list(list, indent),
            Block::Code { text, .. } => {
                for (index, line) in text.split('\n').enumerate() {
                    if index > 0 {
                        self.new_line(indent);
                    }
                    self.leaf(line);
                }
            }
            Block::Quote(blocks) => self.blocks(blocks, indent, Holder::Quote),
            Block::Table(table) => {
                let header = (!table.header.is_empty()).then_some(&table.header);
                for (index, cells) in header.into_iter().chain(&table.rows).enumerate() {
                    if index > 0 {
                        self.new_line(indent);
                    }
                    self.row(cells, indent);
                }
            }
            Block::Rule => self.atom(RULE),
        }
    }

    fn list(&mut self, list: &List, indent: usize) {
        for (index, item) in list.items.iter().enumerate() {
            if index > 0 {
                self.new_line(indent);
            }
            let mark = item_mark(list, index, item);
            let indent_inside = indent + mark.chars().count();
            self.atom(if item.continued { "" } else { &mark });
            self.blocks(&item.blocks, indent_inside, Holder::Item);
        }
    }

    fn row(&mut self, cells: &[Vec<Inline>], indent: usize) {
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                self.text.push('\t');
            }
            self.inlines(cell, indent);
        }
    }

    fn inlines(&mut self, inlines: &[Inline], indent: usize) {
        for inline in inlines {
            match inline {
                Inline::Text(text) | Inline::Code(text) => self.leaf(text),
                Inline::Strong(content)
                | Inline::Emphasis(content)
                | Inline::Strikethrough(content)
                | Inline::Link { content, .. } => self.inlines(content, indent),
                Inline::SoftBreak | Inline::HardBreak => {
                    self.leaf("\n");
                    self.indent(indent);
                }
            }
        }
    }

    fn leaf(&mut self, text: &str) {
        let start = self.text.len();
        self.text.push_str(text);
        self.leaves.push(start..self.text.len());
    }

    fn atom(&mut self, text: &str) {
        self.leaf(text);
        self.atoms.extend(self.leaves.last().filter(|leaf| !leaf.is_empty()).cloned());
    }

    fn new_line(&mut self, indent: usize) {
        self.text.push('\n');
        self.indent(indent);
    }

    fn indent(&mut self, indent: usize) {
        self.text.extend(std::iter::repeat_n(' ', indent));
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

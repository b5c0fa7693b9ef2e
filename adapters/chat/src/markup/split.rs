//! Splitting: where to cut is decided on the plain text, then the tree is divided at those places.

use super::plain::Layout;
use super::{Block, Inline, List, ListItem, Table};
use crate::{TextLimit, TextUnit};
use std::collections::HashSet;
use std::ops::Range;
use unicode_segmentation::GraphemeCursor;

/// The longest mark of a list item must fit.
const MIN_LIMIT: usize = 16;

pub(super) fn split(blocks: Vec<Block>, limit: TextLimit) -> Vec<Vec<Block>> {
    let layout = Layout::of(&blocks);
    let parts = Cutter::new(&layout, limit).parts();
    if parts.len() <= 1 {
        return parts.iter().map(|_| blocks.clone()).collect();
    }
    let divided = Divider {
        leaves: layout.leaves.into_iter(),
        parts: &parts,
        current: 0,
    }
    .blocks(blocks);
    divided.into_iter().map(|(_, blocks)| blocks).collect()
}

/// How good a place for a cut is; the first is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seam {
    Block,
    Line,
    Sentence,
    Word,
}

/// Finds the parts as ranges of the plain text.
struct Cutter<'a> {
    text: &'a str,
    block_ends: HashSet<usize>,
    atoms: &'a [Range<usize>],
    unit: TextUnit,
    max: usize,
}

impl<'a> Cutter<'a> {
    fn new(layout: &'a Layout, limit: TextLimit) -> Self {
        Self {
            text: layout.text.trim_end(),
            block_ends: layout.block_ends.iter().copied().collect(),
            atoms: &layout.atoms,
            unit: limit.unit,
            max: limit.max.max(MIN_LIMIT),
        }
    }

    fn parts(&self) -> Vec<Range<usize>> {
        let mut parts = Vec::new();
        let mut start = self.text.len() - self.text.trim_start().len();
        while start < self.text.len() {
            let (end, next) = self.cut(start);
            if !self.text[start..end].trim().is_empty() {
                parts.push(start..end);
            }
            start = next;
        }
        parts
    }

    /// Where the part that begins at `start` ends, and where the next begins.
    fn cut(&self, start: usize) -> (usize, usize) {
        let Some((half, full)) = self.reach(start) else {
            return (self.text.len(), self.text.len());
        };
        let seam = self.best_seam(start, half, full);
        let (end, next) = seam.unwrap_or_else(|| {
            let end = self.grapheme_floor(start, full);
            (end, end)
        });
        match self.before_atom(start, end) {
            Some(before) => (before, before),
            None => (end, next),
        }
    }

    /// How far half the limit and the whole limit reach; `None` where all that is left fits.
    fn reach(&self, start: usize) -> Option<(usize, usize)> {
        let mut used = 0;
        let mut half = None;
        for (offset, character) in self.text[start..].char_indices() {
            used += match self.unit {
                TextUnit::Bytes => character.len_utf8(),
                TextUnit::Characters => 1,
                TextUnit::Utf16 => character.len_utf16(),
            };
            if used > self.max {
                return Some((half.unwrap_or(start), start + offset));
            }
            if half.is_none() && used * 2 >= self.max {
                half = Some(start + offset);
            }
        }
        None
    }

    /// The best seam in the second half, else the last one in the first half.
    fn best_seam(&self, start: usize, half: usize, full: usize) -> Option<(usize, usize)> {
        let mut best: Option<(Seam, (usize, usize))> = None;
        let mut position = full;
        while position > start {
            if position < half && best.is_some() {
                break;
            }
            if let Some((kind, place)) = self.seam_at(start, position)
                && best.is_none_or(|(best_kind, _)| kind < best_kind)
            {
                best = Some((kind, place));
                if kind == Seam::Block || position < half {
                    break;
                }
            }
            position = self.text.floor_char_boundary(position - 1);
        }
        best.map(|(_, place)| place)
    }

    /// The seam whose white space begins at `position`, or that lies between two sentences there.
    fn seam_at(&self, start: usize, position: usize) -> Option<(Seam, (usize, usize))> {
        let before = self.text[start..position].chars().next_back()?;
        let after = &self.text[position..];
        if is_breaking_space(before) || self.inside_atom(position) {
            return None;
        }
        let space = &after[..after.len() - after.trim_start_matches(is_breaking_space).len()];
        if space.is_empty() {
            let sentence_without_space = matches!(before, '。' | '！' | '？');
            return (sentence_without_space && self.between_graphemes(position))
                .then_some((Seam::Sentence, (position, position)));
        }
        let kind = if self.block_ends.contains(&position) {
            Seam::Block
        } else if space.contains('\n') {
            Seam::Line
        } else if ends_sentence(&self.text[start..position]) {
            Seam::Sentence
        } else {
            Seam::Word
        };
        // Code keeps the indentation of its next line.
        let skipped = space.rfind('\n').map_or(space.len(), |line_break| line_break + 1);
        let next = position + skipped;
        (self.between_graphemes(position) && self.between_graphemes(next)).then_some((kind, (position, next)))
    }

    fn inside_atom(&self, position: usize) -> bool {
        let index = self.atoms.partition_point(|atom| atom.start < position);
        self.atoms[..index].last().is_some_and(|atom| position < atom.end)
    }

    fn between_graphemes(&self, position: usize) -> bool {
        GraphemeCursor::new(position, self.text.len(), true)
            .is_boundary(self.text, 0)
            .unwrap_or(true)
    }

    fn grapheme_floor(&self, start: usize, position: usize) -> usize {
        if self.between_graphemes(position) {
            return position;
        }
        let previous = GraphemeCursor::new(position, self.text.len(), true).prev_boundary(self.text, 0);
        match previous {
            Ok(Some(boundary)) if boundary > start => boundary,
            _ => position,
        }
    }

    /// Where to cut instead when `end` would cut an atom or leave the mark of a list item alone at the end.
    fn before_atom(&self, start: usize, end: usize) -> Option<usize> {
        let mut moved = None;
        let mut end = end;
        loop {
            let index = self.atoms.partition_point(|atom| atom.start < end);
            let atom = self.atoms[..index].last()?;
            let rule_at_the_end = atom.end == end && !self.text[..end].ends_with(' ');
            let touched = end <= atom.end || self.text[atom.end..end].trim().is_empty();
            if !touched || rule_at_the_end || atom.start <= start {
                return moved;
            }
            end = atom.start;
            moved = Some(end);
        }
    }
}

fn is_breaking_space(character: char) -> bool {
    character.is_whitespace() && !matches!(character, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»'])
        .ends_with(['.', '!', '?', '…', '。', '！', '？'])
}

/// Things in order, each with the part it belongs to.
type ByPart<T> = Vec<(usize, T)>;

fn add<T>(groups: &mut ByPart<Vec<T>>, part: usize, thing: T) {
    match groups.last_mut() {
        Some((last, things)) if *last == part => things.push(thing),
        _ => groups.push((part, vec![thing])),
    }
}

/// Walks the tree in the order of its leaves and gives each piece to its part.
struct Divider<'a> {
    leaves: std::vec::IntoIter<Range<usize>>,
    parts: &'a [Range<usize>],
    current: usize,
}

impl Divider<'_> {
    fn blocks(&mut self, blocks: Vec<Block>) -> ByPart<Vec<Block>> {
        let mut groups = Vec::new();
        for block in blocks {
            for (part, piece) in self.block(block) {
                add(&mut groups, part, piece);
            }
        }
        groups
    }

    fn block(&mut self, block: Block) -> ByPart<Block> {
        match block {
            Block::Paragraph(content) => map(self.inlines(content), Block::Paragraph),
            Block::Heading { level, content } => map(self.inlines(content), |content| Block::Heading { level, content }),
            Block::List(list) => self.list(list),
            Block::Code { language, text } => map(self.lines(&text), |lines| Block::Code {
                language: language.clone(),
                text: lines.join("\n"),
            }),
            Block::Quote(blocks) => map(self.blocks(blocks), Block::Quote),
            Block::Table(table) => self.table(table),
            Block::Rule => vec![(self.atom(), Block::Rule)],
        }
    }

    fn lines(&mut self, text: &str) -> ByPart<Vec<String>> {
        let mut groups = Vec::new();
        for line in text.split('\n') {
            for (part, range) in self.leaf() {
                add(&mut groups, part, line[range].to_owned());
            }
        }
        groups
    }

    fn list(&mut self, list: List) -> ByPart<Block> {
        let mut groups: ByPart<List> = Vec::new();
        let start = list.start;
        for (index, item) in list.items.into_iter().enumerate() {
            for (part, piece) in self.item(item) {
                match groups.last_mut() {
                    Some((latest, pieces)) if *latest == part => pieces.items.push(piece),
                    _ => groups.push((
                        part,
                        List {
                            start: start.map(|start| start.saturating_add(index as u64)),
                            items: vec![piece],
                        },
                    )),
                }
            }
        }
        map(groups, Block::List)
    }

    fn item(&mut self, item: ListItem) -> ByPart<ListItem> {
        let home = self.atom();
        let pieces = self.blocks(item.blocks);
        let mut items: ByPart<ListItem> = Vec::new();
        let mark_stands_alone = !item.continued && pieces.first().is_none_or(|(part, _)| *part != home);
        if mark_stands_alone {
            items.push((
                home,
                ListItem {
                    task: item.task,
                    ..ListItem::default()
                },
            ));
        }
        for (part, blocks) in pieces {
            items.push((
                part,
                ListItem {
                    task: item.task,
                    continued: item.continued || part != home,
                    blocks,
                },
            ));
        }
        items
    }

    fn table(&mut self, table: Table) -> ByPart<Block> {
        let mut groups: ByPart<Table> = Vec::new();
        let alignments = table.alignments;
        let mut of_part = |part: usize, place: fn(&mut Table, Vec<Vec<Inline>>), cells| {
            if groups.last().is_none_or(|(last, _)| *last != part) {
                groups.push((
                    part,
                    Table {
                        alignments: alignments.clone(),
                        ..Table::default()
                    },
                ));
            }
            if let Some((_, table)) = groups.last_mut() {
                place(table, cells);
            }
        };
        if !table.header.is_empty() {
            for (part, cells) in self.row(table.header) {
                of_part(part, |table, cells| table.header = cells, cells);
            }
        }
        for row in table.rows {
            for (part, cells) in self.row(row) {
                of_part(part, |table, cells| table.rows.push(cells), cells);
            }
        }
        map(groups, Block::Table)
    }

    /// A row cut between cells goes on in the same columns.
    fn row(&mut self, cells: Vec<Vec<Inline>>) -> ByPart<Vec<Vec<Inline>>> {
        let mut groups: ByPart<Vec<Vec<Inline>>> = Vec::new();
        for (column, cell) in cells.into_iter().enumerate() {
            for (part, content) in self.inlines(cell) {
                if groups.last().is_none_or(|(last, _)| *last != part) {
                    groups.push((part, Vec::new()));
                }
                if let Some((_, row)) = groups.last_mut() {
                    row.resize(column, Vec::new());
                    row.push(content);
                }
            }
        }
        if groups.is_empty() {
            groups.push((self.current, Vec::new()));
        }
        groups
    }

    fn inlines(&mut self, inlines: Vec<Inline>) -> ByPart<Vec<Inline>> {
        let mut groups = Vec::new();
        for inline in inlines {
            for (part, piece) in self.inline(inline) {
                add(&mut groups, part, piece);
            }
        }
        groups
    }

    fn inline(&mut self, inline: Inline) -> ByPart<Inline> {
        match inline {
            Inline::Text(text) => map(self.leaf(), |range| Inline::Text(text[range].to_owned())),
            Inline::Code(text) => map(self.leaf(), |range| Inline::Code(text[range].to_owned())),
            Inline::Strong(content) => map(self.inlines(content), Inline::Strong),
            Inline::Emphasis(content) => map(self.inlines(content), Inline::Emphasis),
            Inline::Strikethrough(content) => map(self.inlines(content), Inline::Strikethrough),
            Inline::Link { url, content } => map(self.inlines(content), |content| Inline::Link {
                url: url.clone(),
                content,
            }),
            line_break @ (Inline::SoftBreak | Inline::HardBreak) => map(self.leaf(), |_| line_break.clone()),
        }
    }

    /// The part of the next leaf, which is in one piece.
    fn atom(&mut self) -> usize {
        self.leaf().first().map_or(self.current, |(part, _)| *part)
    }

    /// The parts that the next leaf belongs to, each with the piece of it, counted from the leaf's start. What lies in a seam
    /// belongs to none.
    fn leaf(&mut self) -> ByPart<Range<usize>> {
        let Some(leaf) = self.leaves.next() else {
            return Vec::new();
        };
        let mut pieces = Vec::new();
        loop {
            let part = &self.parts[self.current];
            let piece = leaf.start.max(part.start)..leaf.end.min(part.end);
            let empty_leaf_inside = leaf.is_empty() && piece.start == piece.end;
            if piece.start < piece.end || empty_leaf_inside {
                pieces.push((self.current, piece.start - leaf.start..piece.end - leaf.start));
            }
            let goes_on = leaf.end > part.end && self.current + 1 < self.parts.len();
            if !goes_on {
                return pieces;
            }
            self.current += 1;
        }
    }
}

fn map<T, U>(groups: ByPart<T>, mut make: impl FnMut(T) -> U) -> ByPart<U> {
    groups.into_iter().map(|(part, thing)| (part, make(thing))).collect()
}

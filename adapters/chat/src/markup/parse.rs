//! From the parser's events to the tree, with bounded depth: what is nested deeper joins what holds it.

use super::{Alignment, Block, Inline, List, ListItem, Table};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

/// Quotes and list levels within each other. Nobody reads deeper ones, and stored trees must stay within the depth that
/// JSON readers accept.
const MAX_BLOCK_DEPTH: usize = 12;
/// Inline marks within each other.
const MAX_INLINE_DEPTH: usize = 8;
/// A fence can name anything; a language is a short word.
const MAX_LANGUAGE_BYTES: usize = 40;

pub(super) fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS
}

pub(super) fn blocks(markdown: &str) -> Vec<Block> {
    let mut builder = Builder {
        events: Parser::new_ext(markdown, options()),
        task: None,
    };
    builder.blocks(0)
}

/// One paragraph whose lines are the lines of the text.
pub(super) fn literal(text: &str) -> Vec<Block> {
    let inlines = literal_lines(text, &Inline::HardBreak);
    if inlines.is_empty() {
        return Vec::new();
    }
    vec![Block::Paragraph(inlines)]
}

fn literal_lines(text: &str, line_break: &Inline) -> Vec<Inline> {
    let mut inlines = Vec::new();
    let unix_text = text.replace("\r\n", "\n").replace('\r', "\n");
    for (index, line) in unix_text.trim_end().split('\n').enumerate() {
        if index > 0 {
            inlines.push(line_break.clone());
        }
        push_text(&mut inlines, line);
    }
    inlines
}

fn push_text(inlines: &mut Vec<Inline>, text: &str) {
    if text.is_empty() {
        return;
    }
    match inlines.last_mut() {
        Some(Inline::Text(last)) => last.push_str(text),
        _ => inlines.push(Inline::Text(text.to_owned())),
    }
}

struct Builder<'a> {
    events: Parser<'a>,
    /// The check box met last and not yet taken by its item.
    task: Option<bool>,
}

impl Builder<'_> {
    /// Reads blocks up to the end of their container.
    fn blocks(&mut self, depth: usize) -> Vec<Block> {
        let mut blocks = Vec::new();
        // Items of a tight list hold their text without a paragraph around it.
        let mut bare_text = Vec::new();
        let mut containers_passed_over = 0_usize;
        while let Some(event) = self.events.next() {
            let Some(event) = self.bare_inline(event, &mut bare_text) else {
                continue;
            };
            flush_paragraph(&mut blocks, &mut bare_text);
            match event {
                Event::End(_) if containers_passed_over == 0 => return blocks,
                Event::End(_) => containers_passed_over -= 1,
                Event::Start(tag) => match self.block(tag, depth) {
                    Some(block) if worth_keeping(&block) => blocks.push(block),
                    Some(_) => {}
                    None => containers_passed_over += 1,
                },
                Event::Rule => blocks.push(Block::Rule),
                _ => {}
            }
        }
        flush_paragraph(&mut blocks, &mut bare_text);
        blocks
    }

    /// Takes an event of running text; gives back any other.
    fn bare_inline<'e>(&mut self, event: Event<'e>, text: &mut Vec<Inline>) -> Option<Event<'e>> {
        match event {
            Event::Start(ref tag) if !is_inline(tag) => Some(event),
            Event::Rule | Event::End(_) => Some(event),
            event => {
                self.inline(event, 0, text);
                None
            }
        }
    }

    /// Reads one block; `None` is a container too deep to be one, whose content belongs to its parent.
    fn block(&mut self, tag: Tag<'_>, depth: usize) -> Option<Block> {
        let block = match tag {
            Tag::Paragraph => Block::Paragraph(self.inlines(0)),
            Tag::Heading { level, .. } => Block::Heading {
                level: level as u8,
                content: self.inlines(0),
            },
            Tag::CodeBlock(kind) => Block::Code {
                language: language(&kind),
                text: self.literal_text(),
            },
            Tag::HtmlBlock => Block::Paragraph(literal_lines(&self.literal_text(), &Inline::SoftBreak)),
            Tag::Table(alignments) => Block::Table(self.table(&alignments)),
            Tag::BlockQuote(_) if depth < MAX_BLOCK_DEPTH => Block::Quote(self.blocks(depth + 1)),
            Tag::List(start) if depth < MAX_BLOCK_DEPTH => Block::List(List {
                start,
                items: self.items(depth + 1),
            }),
            _ => return None,
        };
        Some(block)
    }

    fn items(&mut self, depth: usize) -> Vec<ListItem> {
        let mut items = Vec::new();
        while let Some(Event::Start(_)) = self.events.next() {
            let task_outside = self.task.take();
            let blocks = self.blocks(depth);
            items.push(ListItem {
                task: std::mem::replace(&mut self.task, task_outside),
                continued: false,
                blocks,
            });
        }
        items
    }

    fn table(&mut self, alignments: &[pulldown_cmark::Alignment]) -> Table {
        let mut table = Table {
            alignments: alignments.iter().copied().map(alignment).collect(),
            ..Table::default()
        };
        loop {
            match self.events.next() {
                Some(Event::Start(Tag::TableHead)) => table.header = self.cells(),
                Some(Event::Start(Tag::TableRow)) => {
                    let cells = self.cells();
                    table.rows.push(cells);
                }
                _ => return table,
            }
        }
    }

    fn cells(&mut self) -> Vec<Vec<Inline>> {
        let mut cells = Vec::new();
        while let Some(Event::Start(_)) = self.events.next() {
            cells.push(self.inlines(0));
        }
        cells
    }

    /// Reads running text up to the end of what holds it.
    fn inlines(&mut self, depth: usize) -> Vec<Inline> {
        let mut inlines = Vec::new();
        let mut marks_passed_over = 0_usize;
        while let Some(event) = self.events.next() {
            match event {
                Event::End(_) if marks_passed_over == 0 => return inlines,
                Event::End(_) => marks_passed_over -= 1,
                Event::Start(_) if depth >= MAX_INLINE_DEPTH => marks_passed_over += 1,
                event => self.inline(event, depth, &mut inlines),
            }
        }
        inlines
    }

    fn inline(&mut self, event: Event<'_>, depth: usize, into: &mut Vec<Inline>) {
        let inline = match event {
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) | Event::FootnoteReference(text) => {
                return push_lines(into, &text);
            }
            Event::Code(code) | Event::InlineMath(code) | Event::DisplayMath(code) => Inline::Code(code.into_string()),
            Event::SoftBreak => Inline::SoftBreak,
            Event::HardBreak => Inline::HardBreak,
            Event::TaskListMarker(done) => {
                self.task = Some(done);
                return;
            }
            Event::Start(Tag::Strong) => Inline::Strong(self.inlines(depth + 1)),
            Event::Start(Tag::Emphasis) => Inline::Emphasis(self.inlines(depth + 1)),
            Event::Start(Tag::Strikethrough) => Inline::Strikethrough(self.inlines(depth + 1)),
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let content = self.inlines(depth + 1);
                link(dest_url.into_string(), content)
            }
            Event::Start(_) => return into.extend(self.inlines(depth + 1)),
            Event::End(_) | Event::Rule => return,
        };
        into.push(inline);
    }

    /// Reads text up to the end of its block, as it is.
    fn literal_text(&mut self) -> String {
        let mut text = String::new();
        while let Some(Event::Text(more) | Event::Html(more)) = self.events.next() {
            text.push_str(&more);
        }
        if text.ends_with('\n') {
            text.pop();
        }
        text
    }
}

/// Inline HTML may run over several lines.
fn push_lines(into: &mut Vec<Inline>, text: &str) {
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            into.push(Inline::SoftBreak);
        }
        push_text(into, line);
    }
}

fn link(url: String, mut content: Vec<Inline>) -> Inline {
    if super::tree::text_of(&content).trim().is_empty() {
        content = vec![Inline::Text(url.clone())];
    }
    Inline::Link { url, content }
}

fn flush_paragraph(blocks: &mut Vec<Block>, text: &mut Vec<Inline>) {
    if !text.is_empty() {
        blocks.push(Block::Paragraph(std::mem::take(text)));
    }
}

/// An empty heading or quote would only leave a gap. Empty code is kept: its fence was just opened.
fn worth_keeping(block: &Block) -> bool {
    match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => !super::tree::text_of(content).trim().is_empty(),
        Block::Quote(blocks) => !blocks.is_empty(),
        _ => true,
    }
}

fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let CodeBlockKind::Fenced(info) = kind else {
        return None;
    };
    let word = info.split_whitespace().next()?;
    (word.len() <= MAX_LANGUAGE_BYTES).then(|| word.to_owned())
}

fn is_inline(tag: &Tag<'_>) -> bool {
    matches!(
        tag,
        Tag::Strong
            | Tag::Emphasis
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::Superscript
            | Tag::Subscript
    )
}

fn alignment(alignment: pulldown_cmark::Alignment) -> Alignment {
    match alignment {
        pulldown_cmark::Alignment::None | pulldown_cmark::Alignment::Left => Alignment::Left,
        pulldown_cmark::Alignment::Center => Alignment::Center,
        pulldown_cmark::Alignment::Right => Alignment::Right,
    }
}

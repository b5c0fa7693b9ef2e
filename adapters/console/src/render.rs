//! From a parsed text to lines of a terminal.

use crate::printable::printable;
use crate::wrap::{Breaking, Line, Style, wrap};
use cortex_chat::Document;
use cortex_chat::markup::{Block, Inline, List};

/// Tabs would move with what stands before them.
const TAB: &str = "    ";
const RULE_WIDTH: usize = 24;

/// The lines of a document, none wider than `width`.
pub(crate) fn render(document: &Document, width: usize) -> Vec<Line> {
    lines(document, width, false)
}

/// A document as plain text for pipes: code as it is, lists, quotes, tables and links as a reader needs them.
pub(crate) fn plain(document: &Document) -> String {
    let lines = lines(document, usize::MAX, true);
    let texts: Vec<String> = lines.iter().map(Line::text).collect();
    texts.join("\n")
}

fn lines(document: &Document, width: usize, for_pipes: bool) -> Vec<Line> {
    let mut renderer = Renderer {
        lines: Vec::new(),
        for_pipes,
    };
    renderer.blocks(&document.blocks, &Frame { width, spacious: true });
    // What stands before deeply nested lines can leave them too little room.
    let lines = renderer.lines.iter();
    lines.flat_map(|line| wrap(line, width, Breaking::Anywhere)).collect()
}

/// What the blocks that hold a block leave to it.
struct Frame {
    width: usize,
    /// Whether blocks are an empty line apart.
    spacious: bool,
}

struct Renderer {
    lines: Vec<Line>,
    /// Tabs stay and code is not set off.
    for_pipes: bool,
}

impl Renderer {
    fn blocks(&mut self, blocks: &[Block], frame: &Frame) {
        for (index, block) in blocks.iter().enumerate() {
            let list_under_its_item = !frame.spacious && matches!(block, Block::List(_));
            if index > 0 && !list_under_its_item {
                self.lines.push(Line::default());
            }
            self.block(block, frame);
        }
    }

    fn block(&mut self, block: &Block, frame: &Frame) {
        match block {
            Block::Paragraph(content) => self.text(content, Style::default(), frame),
            Block::Heading { content, .. } => self.text(content, Style::BOLD, frame),
            Block::List(list) => self.list(list, frame),
            Block::Code { language, text } => self.code(language.as_deref(), text, frame),
            Block::Quote(blocks) => self.held(blocks, frame, "│ ", "│ ", true),
            Block::Table(table) => {
                for line in table.aligned_lines() {
                    self.wrapped(&Line::new(Style::default(), self.clean(&line)), Breaking::Anywhere, frame);
                }
            }
            Block::Rule => self
                .lines
                .push(Line::new(Style::DIM, "─".repeat(RULE_WIDTH.min(frame.width)))),
        }
    }

    fn text(&mut self, content: &[Inline], style: Style, frame: &Frame) {
        let mut lines = vec![Line::default()];
        self.inlines(content, style, &mut lines);
        for line in &lines {
            self.wrapped(line, Breaking::Words, frame);
        }
    }

    fn list(&mut self, list: &List, frame: &Frame) {
        for (index, item) in list.items.iter().enumerate() {
            let check_box = match item.task {
                None => "",
                Some(false) => "☐ ",
                Some(true) => "☑ ",
            };
            let mark = match list.number(index) {
                Some(number) => format!("{number}. {check_box}"),
                None if check_box.is_empty() => "• ".to_owned(),
                None => check_box.to_owned(),
            };
            let indent = " ".repeat(mark.chars().count());
            let first = if item.continued { &indent } else { &mark };
            self.held(&item.blocks, frame, first, &indent, false);
        }
    }

    fn code(&mut self, language: Option<&str>, text: &str, frame: &Frame) {
        let indent = if self.for_pipes { "" } else { "  " };
        if let Some(language) = language
            && !self.for_pipes
        {
            self.lines
                .push(Line::new(Style::DIM, format!("  [{}]", on_one_line(language))));
        }
        let inner = Frame {
            width: frame.width.saturating_sub(indent.len()),
            spacious: false,
        };
        for line in text.split('\n') {
            let line = Line::new(Style::DIM, self.clean(line));
            let first = self.lines.len();
            self.wrapped(&line, Breaking::Anywhere, &inner);
            self.indent(first, indent, indent);
        }
    }

    /// Blocks with something before each of their lines.
    fn held(&mut self, blocks: &[Block], frame: &Frame, first: &str, others: &str, spacious: bool) {
        let inner = Frame {
            width: frame.width.saturating_sub(first.chars().count()),
            spacious,
        };
        let from = self.lines.len();
        self.blocks(blocks, &inner);
        if self.lines.len() == from {
            self.lines.push(Line::default());
        }
        self.indent(from, first, others);
    }

    fn indent(&mut self, from: usize, first: &str, others: &str) {
        for (index, line) in self.lines[from..].iter_mut().enumerate() {
            let mut indented = Line::default();
            indented.push(Style::default(), if index == 0 { first } else { others });
            for span in &line.spans {
                indented.push(span.style, &span.text);
            }
            *line = indented;
        }
    }

    fn wrapped(&mut self, line: &Line, breaking: Breaking, frame: &Frame) {
        self.lines.extend(wrap(line, frame.width, breaking));
    }

    fn inlines(&self, content: &[Inline], style: Style, lines: &mut Vec<Line>) {
        for inline in content {
            match inline {
                Inline::Text(text) => self.push(lines, style, text),
                Inline::Code(code) => self.push(lines, Style { dim: true, ..style }, code),
                Inline::Strong(content) => self.inlines(content, Style { bold: true, ..style }, lines),
                Inline::Emphasis(content) => self.inlines(content, Style { italic: true, ..style }, lines),
                Inline::Strikethrough(content) => self.inlines(content, Style { struck: true, ..style }, lines),
                Inline::Link { url, content } => {
                    self.inlines(
                        content,
                        Style {
                            underlined: true,
                            ..style
                        },
                        lines,
                    );
                    if !matches!(content.as_slice(), [Inline::Text(text)] if text == url) {
                        self.push(lines, Style { dim: true, ..style }, &format!(" ({url})"));
                    }
                }
                Inline::SoftBreak | Inline::HardBreak => lines.push(Line::default()),
            }
        }
    }

    fn push(&self, lines: &mut [Line], style: Style, text: &str) {
        if let Some(line) = lines.last_mut() {
            line.push(style, &self.clean(text));
        }
    }

    fn clean(&self, text: &str) -> String {
        if self.for_pipes {
            return printable(text).replace('\n', "␊");
        }
        on_one_line(text)
    }
}

/// Safe text for one line.
pub(crate) fn on_one_line(text: &str) -> String {
    printable(text).replace('\t', TAB).replace('\n', "␊")
}

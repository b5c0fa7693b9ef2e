//! From the tree back to `CommonMark`.

use super::{Alignment, Block, Inline, List, Table};
use std::fmt::Write as _;

pub(super) fn render(blocks: &[Block]) -> String {
    let mut pieces: Vec<String> = Vec::new();
    let mut previous_list = None;
    for block in blocks {
        let piece = match block {
            Block::List(list) => render_list(list, previous_list == Some(list.start.is_some())),
            other => render_block(other),
        };
        previous_list = match block {
            Block::List(list) => Some(list.start.is_some()),
            _ => None,
        };
        pieces.push(piece);
    }
    pieces.join("\n\n")
}

fn render_block(block: &Block) -> String {
    match block {
        Block::Paragraph(content) => paragraph(content),
        Block::Heading { level, content } => {
            let one_line = inlines(content).replace("  \n", " ").replace('\n', " ");
            format!("{} {one_line}", "#".repeat(usize::from(*level)))
        }
        Block::List(list) => render_list(list, false),
        Block::Code { language, text } => code_block(language.as_deref(), text),
        Block::Quote(blocks) => prefixed(&render(blocks), "> ", "> "),
        Block::Table(table) => render_table(table),
        Block::Rule => "---".to_owned(),
    }
}

/// The lines, with what would begin another block at a line's start escaped.
fn paragraph(content: &[Inline]) -> String {
    let lines: Vec<String> = inlines(content).split('\n').map(escape_line_start).collect();
    lines.join("\n")
}

fn escape_line_start(line: &str) -> String {
    let text = line.trim_start();
    if text.starts_with("* ") {
        return format!("\\{text}");
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let numbered = digits > 0 && text[digits..].starts_with(['.', ')']);
    if numbered {
        return format!("{}\\{}", &text[..digits], &text[digits..]);
    }
    if text.starts_with(['#', '-', '+', '=', '>', '|', ':']) {
        return format!("\\{text}");
    }
    text.to_owned()
}

/// `alternate` tells a list from the one before it by other marks; they would be one list otherwise.
fn render_list(list: &List, alternate: bool) -> String {
    let mut rendered = String::new();
    for (index, item) in list.items.iter().enumerate() {
        if item.continued {
            rendered.push_str(&render(&item.blocks));
            rendered.push_str("\n\n");
            continue;
        }
        let mark = match (list.number(index), alternate) {
            (Some(number), false) => format!("{number}. "),
            (Some(number), true) => format!("{number}) "),
            (None, false) => "- ".to_owned(),
            (None, true) => "* ".to_owned(),
        };
        let check_box = match item.task {
            None => "",
            Some(false) => "[ ] ",
            Some(true) => "[x] ",
        };
        let text = format!("{check_box}{}", render(&item.blocks));
        rendered.push_str(&prefixed(&text, &mark, &" ".repeat(mark.len())));
        rendered.push('\n');
    }
    rendered.truncate(rendered.trim_end().len());
    rendered
}

fn prefixed(text: &str, first: &str, others: &str) -> String {
    let mut rendered = String::with_capacity(text.len() + first.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            rendered.push('\n');
        }
        let prefix = if index == 0 { first } else { others };
        rendered.push_str(if line.is_empty() { prefix.trim_end() } else { prefix });
        rendered.push_str(line);
    }
    rendered
}

fn code_block(language: Option<&str>, text: &str) -> String {
    let fence = "`".repeat((longest_backtick_run(text) + 1).max(3));
    format!("{fence}{}\n{text}\n{fence}", language.unwrap_or_default())
}

fn render_table(table: &Table) -> String {
    let columns = table.alignments.len().max(1);
    let mut rendered = table_row(&table.header, columns);
    rendered.push_str("\n|");
    for column in 0..columns {
        rendered.push_str(match table.alignments.get(column) {
            Some(Alignment::Right) => " ---: |",
            Some(Alignment::Center) => " :---: |",
            _ => " --- |",
        });
    }
    for row in &table.rows {
        rendered.push('\n');
        rendered.push_str(&table_row(row, columns));
    }
    rendered
}

fn table_row(cells: &[Vec<Inline>], columns: usize) -> String {
    let mut row = "|".to_owned();
    for column in 0..columns {
        let cell = cells.get(column).map(|cell| inlines(cell)).unwrap_or_default();
        let _ = write!(row, " {} |", cell.replace('|', "\\|").replace('\n', " "));
    }
    row
}

fn inlines(content: &[Inline]) -> String {
    let mut rendered = String::new();
    for inline in content {
        match inline {
            Inline::Text(text) => escape_into(text, &mut rendered),
            Inline::Strong(content) => marked("**", content, &mut rendered),
            Inline::Emphasis(content) => marked("*", content, &mut rendered),
            Inline::Strikethrough(content) => marked("~~", content, &mut rendered),
            Inline::Code(code) => code_span(code, &mut rendered),
            Inline::Link { url, content } => {
                let target = url
                    .replace('\\', "\\\\")
                    .replace('<', "\\<")
                    .replace('>', "\\>")
                    .replace('\n', "");
                let _ = write!(rendered, "[{}](<{target}>)", inlines(content));
            }
            Inline::SoftBreak => rendered.push('\n'),
            Inline::HardBreak => rendered.push_str("  \n"),
        }
    }
    rendered
}

/// White space at the inner edge of a mark would make it literal: it goes outside.
fn marked(mark: &str, content: &[Inline], into: &mut String) {
    let inner = inlines(content);
    let text = inner.trim();
    if text.is_empty() {
        into.push_str(&inner);
        return;
    }
    let before = &inner[..inner.len() - inner.trim_start().len()];
    let after = &inner[inner.trim_end().len()..];
    let _ = write!(into, "{before}{mark}{text}{mark}{after}");
}

fn code_span(code: &str, into: &mut String) {
    let fence = "`".repeat(longest_backtick_run(code) + 1);
    let padding = if code.starts_with(['`', ' ']) || code.ends_with(['`', ' ']) {
        " "
    } else {
        ""
    };
    let _ = write!(into, "{fence}{padding}{code}{padding}{fence}");
}

fn longest_backtick_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

fn escape_into(text: &str, into: &mut String) {
    let mut previous = None;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek();
        let inside_word = previous.is_some_and(char::is_alphanumeric) && next.is_some_and(|next| next.is_alphanumeric());
        let between_spaces = previous == Some(' ') && next == Some(&' ');
        let is_mark = match character {
            '*' => !between_spaces,
            '\\' | '`' | '[' | ']' | '<' | '~' => true,
            '_' => !inside_word,
            '&' => next.is_some_and(|next| next.is_ascii_alphanumeric() || *next == '#'),
            _ => false,
        };
        if is_mark {
            into.push('\\');
        }
        into.push(character);
        previous = Some(character);
    }
}

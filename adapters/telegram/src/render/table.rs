//! Tables: Telegram has none in plain messages.

use super::Detail;
use super::canvas::Look;
use super::characters::shown_in_line;
use super::layout::{Layout, Marks, Place};
use cortex_chat::markup::{Inline, Table};
use unicode_width::UnicodeWidthStr;

/// What a phone shows of a line of code before it breaks it.
const MAX_ALIGNED_WIDTH: usize = 40;

/// Writes a table: aligned where that is readable on a phone and says everything, else row by row.
pub(super) fn write(layout: &mut Layout, table: &Table, place: Place) {
    if layout.detail != Detail::Full {
        return write_lines(layout, table, place);
    }
    let lines: Vec<String> = table.aligned_lines().iter().map(|line| shown_in_line(line)).collect();
    let is_narrow = lines.iter().all(|line| line.width() <= MAX_ALIGNED_WIDTH);
    if is_narrow && !holds_links(table) {
        layout.pre(None, &lines.join("\n"));
    } else if table.header.is_empty() {
        write_lines(layout, table, place);
    } else {
        write_records(layout, table, place);
    }
}

/// Code cannot hold links.
fn holds_links(table: &Table) -> bool {
    let mut cells = table.header.iter().chain(table.rows.iter().flatten());
    cells.any(|cell| cell.iter().any(is_or_holds_link))
}

fn is_or_holds_link(inline: &Inline) -> bool {
    match inline {
        Inline::Link { .. } => true,
        Inline::Strong(content) | Inline::Emphasis(content) | Inline::Strikethrough(content) => {
            content.iter().any(is_or_holds_link)
        }
        _ => false,
    }
}

/// A line for each row.
fn write_lines(layout: &mut Layout, table: &Table, place: Place) {
    if !table.header.is_empty() {
        write_header(layout, table, place);
    }
    for (index, row) in table.rows.iter().enumerate() {
        if index > 0 || !table.header.is_empty() {
            layout.canvas.new_line(place.indent);
        }
        for (column, cell) in row.iter().enumerate() {
            separate(layout, column);
            layout.inlines(cell, place.indent, Marks::default());
        }
    }
}

/// A paragraph for each row, with the names of the columns: wide cells stay readable.
fn write_records(layout: &mut Layout, table: &Table, place: Place) {
    write_header(layout, table, place);
    for row in &table.rows {
        layout.canvas.push("\n");
        layout.canvas.new_line(place.indent);
        let start = layout.canvas.position();
        for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !is_blank(cell)) {
            if layout.canvas.position() > start {
                layout.canvas.new_line(place.indent);
            }
            if column == 0 {
                layout.bold(cell, place.indent);
                continue;
            }
            if let Some(name) = table.header.get(column).filter(|name| !is_blank(name)) {
                layout.inlines(name, place.indent, Marks::default());
                layout.canvas.push(": ");
            }
            layout.inlines(cell, place.indent, Marks::default());
        }
    }
}

fn is_blank(cell: &[Inline]) -> bool {
    cell.iter().all(|inline| match inline {
        Inline::Text(text) | Inline::Code(text) => text.trim().is_empty(),
        Inline::Strong(content)
        | Inline::Emphasis(content)
        | Inline::Strikethrough(content)
        | Inline::Link { content, .. } => is_blank(content),
        Inline::SoftBreak | Inline::HardBreak => true,
    })
}

fn write_header(layout: &mut Layout, table: &Table, place: Place) {
    let start = layout.canvas.position();
    for (column, cell) in table.header.iter().enumerate() {
        separate(layout, column);
        layout.inlines(cell, place.indent, Marks::BOLD);
    }
    layout.canvas.mark(start, Look::Bold);
}

fn separate(layout: &mut Layout, column: usize) {
    let separator = if layout.detail == Detail::Bare { "│" } else { " │ " };
    if column > 0 {
        layout.canvas.push(separator);
    }
}

//! Tables as lines of text, for platforms that have none of their own.

use super::{Alignment, Table, tree};
use unicode_width::UnicodeWidthStr;

impl Table {
    /// The table as text lines with aligned columns, the head underlined; for a fixed-width font.
    ///
    /// It can be much longer than the plain text that [`super::Document::split`] counts, when one cell is wide and there are
    /// many rows: an adapter with a limit checks it.
    pub fn aligned_lines(&self) -> Vec<String> {
        let header: Vec<String> = self.header.iter().map(|cell| tree::text_of(cell)).collect();
        let rows: Vec<Vec<String>> = self
            .rows
            .iter()
            .map(|row| row.iter().map(|cell| tree::text_of(cell)).collect())
            .collect();
        let widths = column_widths(&header, &rows);

        let mut lines = Vec::new();
        if !header.is_empty() {
            lines.push(self.aligned_line(&header, &widths));
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat((*width).max(1))).collect();
            lines.push(rules.join("─┼─"));
        }
        lines.extend(rows.iter().map(|row| self.aligned_line(row, &widths)));
        lines
    }

    fn aligned_line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, width) in widths.iter().enumerate() {
            let cell = cells.get(index).map_or("", String::as_str);
            let missing = width.saturating_sub(cell.width());
            let before = match self.alignments.get(index).copied().unwrap_or_default() {
                Alignment::Left => 0,
                Alignment::Center => missing / 2,
                Alignment::Right => missing,
            };
            if index > 0 {
                line.push_str(" │ ");
            }
            line.push_str(&" ".repeat(before));
            line.push_str(cell);
            line.push_str(&" ".repeat(missing - before));
        }
        line.truncate(line.trim_end().len());
        line
    }
}

fn column_widths(header: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths: Vec<usize> = Vec::new();
    for cells in std::iter::once(header).chain(rows.iter().map(Vec::as_slice)) {
        for (index, cell) in cells.iter().enumerate() {
            match widths.get_mut(index) {
                Some(width) => *width = (*width).max(cell.width()),
                None => widths.push(cell.width()),
            }
        }
    }
    widths
}

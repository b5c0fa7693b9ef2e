//! The terminal's surface: lines that stay, and below them a region that is redrawn in place.
//!
//! It writes only the lines of the region that changed. It keeps its own account of where the cursor is and never asks the
//! terminal, so that keys typed meanwhile stay in their order.

use crate::wrap::Line;
use std::fmt::Write as _;
use std::io::{self, Write};

/// The lower end of the screen, redrawn as it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Region {
    /// Its rows from top to bottom, each within the terminal's width.
    pub(crate) rows: Vec<Line>,
    /// The row of the cursor, counted from the region's top.
    pub(crate) cursor_row: usize,
    /// The column of the cursor.
    pub(crate) cursor_column: usize,
}

/// A terminal that is written to.
pub(crate) struct Screen {
    output: Box<dyn Write + Send>,
    styled: bool,
    columns: usize,
    rows: usize,
    shown: Region,
}

impl Screen {
    pub(crate) fn new(output: Box<dyn Write + Send>, styled: bool, (columns, rows): (u16, u16)) -> Self {
        Self {
            output,
            styled,
            columns: usize::from(columns).max(1),
            rows: usize::from(rows).max(1),
            shown: Region::default(),
        }
    }

    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    /// The most rows that a region can have.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Brings the region to this content.
    pub(crate) fn paint(&mut self, region: Region) -> io::Result<()> {
        let mut bytes = String::new();
        let mut at = self.shown.cursor_row;
        let mut last_row = self.shown.rows.len().saturating_sub(1);
        for (index, row) in region.rows.iter().enumerate() {
            if self.shown.rows.get(index) == Some(row) {
                continue;
            }
            move_rows(&mut bytes, at, index.min(last_row));
            at = index.min(last_row);
            while at < index {
                bytes.push_str("\r\n");
                at += 1;
            }
            last_row = last_row.max(index);
            bytes.push_str("\r\u{1b}[K");
            bytes.push_str(&self.encode(row));
        }
        let gone = self.shown.rows.len() > region.rows.len();
        if gone {
            move_rows(&mut bytes, at, region.rows.len());
            at = region.rows.len();
            bytes.push_str("\r\u{1b}[J");
        }
        move_rows(&mut bytes, at, region.cursor_row);
        bytes.push('\r');
        if region.cursor_column > 0 {
            let _ = write!(bytes, "\u{1b}[{}C", region.cursor_column);
        }
        let unchanged = self.shown == region;
        self.shown = region;
        if unchanged { Ok(()) } else { self.write(&bytes) }
    }

    /// Puts lines above the region for good and draws the region anew below them.
    pub(crate) fn commit(&mut self, lines: &[Line], region: Region) -> io::Result<()> {
        self.erase()?;
        let mut bytes = String::new();
        for line in lines {
            bytes.push_str(&self.encode(line));
            bytes.push_str("\r\n");
        }
        self.write(&bytes)?;
        self.paint(region)
    }

    /// Takes the region off the screen; the cursor stands where it began.
    pub(crate) fn erase(&mut self) -> io::Result<()> {
        let mut bytes = String::new();
        move_rows(&mut bytes, self.shown.cursor_row, 0);
        bytes.push_str("\r\u{1b}[J");
        self.shown = Region::default();
        self.write(&bytes)
    }

    /// Takes note of a new size. The terminal has broken the rows anew; the region is taken off as well as can be told.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) -> io::Result<()> {
        self.columns = usize::from(columns).max(1);
        self.rows = usize::from(rows).max(1);
        let above_cursor = self.shown.rows.iter().take(self.shown.cursor_row);
        let rows_up: usize = above_cursor.map(|row| row.width().div_ceil(self.columns).max(1)).sum();
        let broken_at_cursor = self.shown.cursor_column / self.columns;
        self.shown.cursor_row = (rows_up + broken_at_cursor).min(self.rows.saturating_sub(1));
        self.erase()
    }

    fn encode(&self, line: &Line) -> String {
        if self.styled { line.ansi() } else { line.text() }
    }

    fn write(&mut self, bytes: &str) -> io::Result<()> {
        self.output.write_all(bytes.as_bytes())?;
        self.output.flush()
    }

    /// Writes terminal settings, such as bracketed paste.
    pub(crate) fn write_raw(&mut self, codes: &str) -> io::Result<()> {
        self.write(codes)
    }
}

fn move_rows(bytes: &mut String, from: usize, to: usize) {
    if to < from {
        let _ = write!(bytes, "\u{1b}[{}A", from - to);
    } else if to > from {
        let _ = write!(bytes, "\u{1b}[{}B", to - from);
    }
}

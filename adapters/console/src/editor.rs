//! The input line: keys in, a finished line out. It paints nothing.

use crate::history::History;
use crate::printable::printable;
use crate::strings;
use crate::wrap::{Breaking, Line, Style, wrap};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use reedline::LineBuffer;
use unicode_segmentation::UnicodeSegmentation;

/// What a key came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Nothing, or a change in the line.
    Edited,
    /// A whole line.
    Submitted(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D in an empty line.
    Ended,
    /// Ctrl-L.
    Redraw,
    /// The terminal has a new size: columns and rows.
    Resized(u16, u16),
}

/// A line being typed, possibly of several rows.
pub(crate) struct Editor {
    line: LineBuffer,
    history: History,
    cut: String,
}

impl Editor {
    pub(crate) fn new(history: History) -> Self {
        Self {
            line: LineBuffer::new(),
            history,
            cut: String::new(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.line.clear();
    }

    /// Puts a text in place of what is being typed.
    pub(crate) fn set(&mut self, text: &str) {
        self.line.set_buffer(text.to_owned());
        self.line.move_to_end();
    }

    pub(crate) fn remember(&mut self, line: &str) {
        self.history.add(line);
    }

    pub(crate) fn handle(&mut self, event: &Event) -> Typed {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key),
            Event::Paste(text) => {
                self.line.insert_str(&text.replace("\r\n", "\n").replace('\r', "\n"));
                Typed::Edited
            }
            Event::Resize(columns, rows) => Typed::Resized(*columns, *rows),
            _ => Typed::Edited,
        }
    }

    fn key(&mut self, key: &KeyEvent) -> Typed {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('c') if control => return Typed::Interrupted,
            KeyCode::Char('d') if control && self.line.is_empty() => return Typed::Ended,
            KeyCode::Char('l') if control => return Typed::Redraw,
            KeyCode::Enter if !alt => {
                let text = self.line.get_buffer().to_owned();
                self.line.clear();
                return Typed::Submitted(text);
            }
            KeyCode::Char(character) if control => self.control(character),
            KeyCode::Char(character) if alt => self.alt(character),
            KeyCode::Char(character) => self.line.insert_char(character),
            KeyCode::Tab => self.line.insert_char('\t'),
            code => self.move_or_delete(code, control || alt),
        }
        Typed::Edited
    }

    fn control(&mut self, character: char) {
        match character {
            'a' => self.line.move_to_line_start(),
            'e' => self.line.move_to_line_end(),
            'b' => self.line.move_left(),
            'f' => self.line.move_right(),
            'd' => self.line.delete_right_grapheme(),
            'h' => self.line.delete_left_grapheme(),
            'j' => self.line.insert_newline(),
            'k' => self.cut_to(self.line.find_current_line_end()),
            'u' => self.cut_to(self.line.line_start_index()),
            'w' => self.line.delete_word_left(),
            'y' => self.line.insert_str(&self.cut.clone()),
            'p' => self.look_back(),
            'n' => self.look_forward(),
            't' => self.line.swap_graphemes(),
            _ => {}
        }
    }

    fn alt(&mut self, character: char) {
        match character {
            'b' => self.word_left(),
            'f' => self.word_right(),
            'd' => self.line.delete_word_right(),
            _ => {}
        }
    }

    fn move_or_delete(&mut self, code: KeyCode, by_word: bool) {
        match code {
            KeyCode::Enter => self.line.insert_newline(),
            KeyCode::Backspace if by_word => self.line.delete_word_left(),
            KeyCode::Backspace => self.line.delete_left_grapheme(),
            KeyCode::Delete => self.line.delete_right_grapheme(),
            KeyCode::Left if by_word => self.word_left(),
            KeyCode::Left => self.line.move_left(),
            KeyCode::Right if by_word => self.word_right(),
            KeyCode::Right => self.line.move_right(),
            KeyCode::Home => self.line.move_to_line_start(),
            KeyCode::End => self.line.move_to_line_end(),
            KeyCode::Up if self.line.is_cursor_at_first_line() => self.look_back(),
            KeyCode::Up => self.line.move_line_up(),
            KeyCode::Down if self.line.is_cursor_at_last_line() => self.look_forward(),
            KeyCode::Down => self.line.move_line_down(),
            _ => {}
        }
    }

    fn word_left(&mut self) {
        let before = &self.line.get_buffer()[..self.line.insertion_point()];
        let start = before.unicode_word_indices().next_back().map_or(0, |(start, _)| start);
        self.line.set_insertion_point(start);
    }

    fn word_right(&mut self) {
        let at = self.line.insertion_point();
        let after = &self.line.get_buffer()[at..];
        let end = after
            .unicode_word_indices()
            .next()
            .map_or(after.len(), |(start, word)| start + word.len());
        self.line.set_insertion_point(at + end);
    }

    fn cut_to(&mut self, end: usize) {
        let at = self.line.insertion_point();
        let range = at.min(end)..at.max(end);
        self.cut = self.line.get_buffer()[range.clone()].to_owned();
        self.line.clear_range_safe(range);
    }

    fn look_back(&mut self) {
        if let Some(line) = self.history.earlier(self.line.get_buffer()) {
            let line = line.to_owned();
            self.set(&line);
        }
    }

    fn look_forward(&mut self) {
        if let Some(line) = self.history.later() {
            let line = line.to_owned();
            self.set(&line);
        }
    }

    /// The rows of the line after its prompt, with the row and column of the cursor.
    pub(crate) fn rows(&self, width: usize) -> (Vec<Line>, usize, usize) {
        let (before, after) = self.line.get_buffer().split_at(self.line.insertion_point());
        let before_rows = prompted_rows(before, width);
        let cursor_row = before_rows.len() - 1;
        let cursor_column = before_rows[cursor_row].width();
        let rows = prompted_rows(&format!("{before}{after}"), width);
        if cursor_column < width {
            return (rows, cursor_row, cursor_column);
        }
        // After a full row the cursor stands at the beginning of the next.
        let mut rows = rows;
        if rows.len() == cursor_row + 1 {
            rows.push(Line::default());
        }
        (rows, cursor_row + 1, 0)
    }
}

fn prompted_rows(text: &str, width: usize) -> Vec<Line> {
    let mut rows = Vec::new();
    for (index, text_line) in printable(text).replace('\t', " ").split('\n').enumerate() {
        let mut line = Line::default();
        let prompt = if index == 0 { strings::PROMPT } else { "  " };
        line.push(Style::BOLD, prompt);
        line.push(Style::default(), text_line);
        rows.extend(wrap(&line, width, Breaking::Anywhere));
    }
    rows
}

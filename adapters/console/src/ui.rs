//! The interactive display: messages above, growing answers below them, the input line at the bottom.

use crate::config::Settings;
use crate::editor::{Editor, Typed};
use crate::exchange::Change;
use crate::history::History;
use crate::render::{on_one_line, render};
use crate::screen::{Region, Screen};
use crate::strings;
use crate::wrap::{Breaking, Line, Style, wrap};
use cortex_chat::{Document, MessageKind, MessageRef, OutgoingMessage};
use crossterm::event::Event;
use std::io::{self, Write};

const BRACKETED_PASTE_ON: &str = "\u{1b}[?2004h";
const BRACKETED_PASTE_OFF: &str = "\u{1b}[?2004l";

/// Everything on the screen.
pub(crate) struct Ui {
    screen: Screen,
    pub(crate) editor: Editor,
    live: Vec<(MessageRef, Document)>,
    open_prompts: usize,
    /// A word about what was typed last.
    hint: Option<String>,
    /// Before the start and after the end there is no input line.
    running: bool,
}

impl Ui {
    pub(crate) fn new(settings: &Settings, output: Box<dyn Write + Send>, size: (u16, u16)) -> Self {
        let history = settings
            .history
            .as_deref()
            .map_or_else(|| Ok(History::default()), History::open);
        let history = history.unwrap_or_else(|error| {
            tracing::warn!(%error, "the console's history could not be read and is kept in memory alone");
            History::default()
        });
        Self {
            screen: Screen::new(output, settings.styled, size),
            editor: Editor::new(history),
            live: Vec::new(),
            open_prompts: 0,
            hint: None,
            running: false,
        }
    }

    /// Shows the input line.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        self.running = true;
        self.screen.write_raw(BRACKETED_PASTE_ON)?;
        self.repaint()
    }

    /// Takes the input line away and leaves what was shown of unfinished answers.
    pub(crate) fn stop(&mut self) -> io::Result<()> {
        if !self.running {
            return Ok(());
        }
        self.running = false;
        let mut lines = Vec::new();
        for (_, body) in std::mem::take(&mut self.live) {
            lines.extend(render(&body, self.screen.columns()));
        }
        self.screen.commit(&lines, Region::default())?;
        self.screen.write_raw(BRACKETED_PASTE_OFF)
    }

    /// Feeds a key.
    pub(crate) fn handle(&mut self, event: &Event) -> io::Result<Typed> {
        let typed = self.editor.handle(event);
        self.hint = None;
        if let Typed::Resized(columns, rows) = typed {
            self.screen.resize(columns, rows)?;
        }
        if typed == Typed::Redraw {
            self.screen.erase()?;
        }
        self.repaint()?;
        Ok(typed)
    }

    /// Says a word below the messages until the next key.
    pub(crate) fn hint(&mut self, hint: impl Into<String>) -> io::Result<()> {
        self.hint = Some(hint.into());
        self.repaint()
    }

    /// Leaves a line that was typed above the input line.
    pub(crate) fn echo(&mut self, text: &str) -> io::Result<()> {
        self.editor.remember(text);
        let mut lines = Vec::new();
        for (index, line) in text.trim().lines().enumerate() {
            let mut echoed = Line::new(Style::BOLD, if index == 0 { strings::PROMPT } else { "  " });
            echoed.push(Style::BOLD, &on_one_line(line));
            lines.extend(wrap(&echoed, self.screen.columns(), Breaking::Words));
        }
        self.commit(lines)
    }

    /// Shows what a message of the bot came to.
    pub(crate) fn show(
        &mut self,
        reference: &MessageRef,
        message: &OutgoingMessage,
        change: &Change,
        open_prompts: usize,
    ) -> io::Result<()> {
        self.open_prompts = open_prompts;
        let width = self.screen.columns();
        match change {
            Change::Live => {
                match self.live.iter_mut().find(|(live, _)| live == reference) {
                    Some((_, body)) => body.clone_from(&message.body),
                    None => self.live.push((reference.clone(), message.body.clone())),
                }
                self.repaint()
            }
            Change::Unchanged => {
                self.live.retain(|(live, _)| live != reference);
                self.repaint()
            }
            Change::Finished { corrected } => {
                self.live.retain(|(live, _)| live != reference);
                let mut lines = render(&message.body, width);
                if message.kind == MessageKind::Notice {
                    lines = lines.iter().map(|line| Line::new(Style::DIM, line.text())).collect();
                }
                if *corrected {
                    lines.insert(0, Line::new(Style::DIM, strings::EDITED));
                }
                self.commit(lines)
            }
            Change::Asked => self.commit(question(message, width)),
            Change::Decided { outcome } => {
                let outcome = outcome.iter().map(|line| Line::new(Style::DIM, on_one_line(line)));
                let lines = outcome.flat_map(|line| wrap(&line, width, Breaking::Words)).collect();
                self.commit(lines)
            }
        }
    }

    /// Takes a growing answer away.
    pub(crate) fn remove(&mut self, reference: &MessageRef, open_prompts: usize) -> io::Result<()> {
        self.open_prompts = open_prompts;
        self.live.retain(|(live, _)| live != reference);
        self.repaint()
    }

    fn commit(&mut self, mut lines: Vec<Line>) -> io::Result<()> {
        if lines.is_empty() {
            return self.repaint();
        }
        lines.push(Line::default());
        let region = self.region();
        self.screen.commit(&lines, region)
    }

    fn repaint(&mut self) -> io::Result<()> {
        let region = self.region();
        self.screen.paint(region)
    }

    /// Growing answers, hints and the input line, as much of them as fits on the screen.
    fn region(&self) -> Region {
        if !self.running {
            return Region::default();
        }
        let width = self.screen.columns();
        let (input, cursor_row, cursor_column) = self.editor.rows(width);
        let first_input_row = (cursor_row + 1).saturating_sub(self.screen.rows());
        let input: Vec<Line> = input.into_iter().skip(first_input_row).take(self.screen.rows()).collect();

        let mut rows = self.live_rows(width);
        let hints = self.hint_rows(width);
        let room = self.screen.rows() - input.len();
        let room_for_live = room.saturating_sub(hints.len());
        if rows.len() > room_for_live {
            let shown = rows.split_off(rows.len() - room_for_live.saturating_sub(1));
            rows = if room_for_live > 0 { more_above(width) } else { Vec::new() };
            rows.extend(shown);
        }
        rows.extend(hints.into_iter().take(room));

        let cursor_row = rows.len() + cursor_row - first_input_row;
        rows.extend(input);
        Region {
            rows,
            cursor_row,
            cursor_column,
        }
    }

    fn live_rows(&self, width: usize) -> Vec<Line> {
        let mut rows = Vec::new();
        for (_, body) in &self.live {
            let before = rows.len();
            rows.extend(render(body, width));
            if rows.len() == before {
                rows.push(Line::new(Style::DIM, strings::WAITING));
            }
            rows.push(Line::default());
        }
        rows
    }

    fn hint_rows(&self, width: usize) -> Vec<Line> {
        let open = (self.open_prompts > 0).then(|| strings::open_prompts(self.open_prompts));
        let hints = open.into_iter().chain(self.hint.clone());
        hints
            .flat_map(|hint| wrap(&Line::new(Style::DIM, hint), width, Breaking::Words))
            .collect()
    }
}

/// One row, cut where the terminal is narrow.
fn more_above(width: usize) -> Vec<Line> {
    let line = Line::new(Style::DIM, strings::MORE_ABOVE);
    wrap(&line, width, Breaking::Words).into_iter().take(1).collect()
}

fn question(message: &OutgoingMessage, width: usize) -> Vec<Line> {
    let mut lines = render(&message.body, width);
    for text in question_lines(message) {
        lines.extend(wrap(&Line::new(Style::BOLD, text), width, Breaking::Words));
    }
    lines
}

/// The choices of a question and how to make them.
pub(crate) fn question_lines(message: &OutgoingMessage) -> Vec<String> {
    let choices = message.choices.iter().enumerate();
    let mut lines: Vec<String> = choices
        .map(|(index, choice)| strings::choice(index + 1, &on_one_line(&choice.label), &on_one_line(&choice.keyword)))
        .collect();
    lines.push(strings::how_to_answer(message.choices.len()));
    lines
}

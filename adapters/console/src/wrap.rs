//! Styled text and its breaking into lines that fit the terminal.

use std::fmt::Write as _;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Even a tiny terminal gets some text on each line.
const MIN_WIDTH: usize = 8;

/// How a piece of text looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each can be on or off beside the others")]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) dim: bool,
    pub(crate) italic: bool,
    pub(crate) underlined: bool,
    pub(crate) struck: bool,
}

impl Style {
    pub(crate) const DIM: Self = Self {
        bold: false,
        dim: true,
        italic: false,
        underlined: false,
        struck: false,
    };
    pub(crate) const BOLD: Self = Self {
        bold: true,
        dim: false,
        italic: false,
        underlined: false,
        struck: false,
    };

    fn codes(self) -> String {
        let codes = [
            (self.bold, "1"),
            (self.dim, "2"),
            (self.italic, "3"),
            (self.underlined, "4"),
            (self.struck, "9"),
        ];
        let on: Vec<&str> = codes.iter().filter(|(on, _)| *on).map(|(_, code)| *code).collect();
        on.join(";")
    }
}

/// A piece of text in one style, without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) style: Style,
    pub(crate) text: String,
}

/// One line of a terminal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) spans: Vec<Span>,
}

impl Line {
    pub(crate) fn new(style: Style, text: impl Into<String>) -> Self {
        let mut line = Self::default();
        line.push(style, &text.into());
        line
    }

    pub(crate) fn push(&mut self, style: Style, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some(span) if span.style == style => span.text.push_str(text),
            _ => self.spans.push(Span {
                style,
                text: text.to_owned(),
            }),
        }
    }

    pub(crate) fn width(&self) -> usize {
        self.spans.iter().map(|span| span.text.width()).sum()
    }

    /// The text alone.
    pub(crate) fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// The text with its escape codes.
    pub(crate) fn ansi(&self) -> String {
        let mut ansi = String::new();
        for span in &self.spans {
            let codes = span.style.codes();
            if codes.is_empty() {
                ansi.push_str(&span.text);
            } else {
                let _ = write!(ansi, "\u{1b}[{codes}m{}\u{1b}[0m", span.text);
            }
        }
        ansi
    }

    fn trim_end(&mut self) {
        while let Some(span) = self.spans.last_mut() {
            span.text.truncate(span.text.trim_end().len());
            if !span.text.is_empty() {
                return;
            }
            self.spans.pop();
        }
    }
}

/// Whether lines are broken between words or anywhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaking {
    Words,
    Anywhere,
}

/// Breaks a line into lines of at most `width` cells.
pub(crate) fn wrap(line: &Line, width: usize, breaking: Breaking) -> Vec<Line> {
    let width = width.max(MIN_WIDTH);
    let graphemes: Vec<(Style, &str)> = line
        .spans
        .iter()
        .flat_map(|span| span.text.graphemes(true).map(|grapheme| (span.style, grapheme)))
        .collect();
    let mut lines = Vec::new();
    let mut start = 0;
    while start < graphemes.len() {
        let full = start + fitting(&graphemes[start..], width);
        let space = graphemes[start..]
            .iter()
            .take(full + 1 - start)
            .rposition(|(_, grapheme)| *grapheme == " ");
        let end = match space {
            _ if full == graphemes.len() => full,
            Some(space) if breaking == Breaking::Words && space > 0 => start + space,
            _ => full,
        };
        let mut broken = Line::default();
        for (style, grapheme) in &graphemes[start..end] {
            broken.push(*style, grapheme);
        }
        start = end;
        if breaking == Breaking::Words && end < graphemes.len() {
            broken.trim_end();
            start += graphemes[end..].iter().take_while(|(_, grapheme)| *grapheme == " ").count();
        }
        lines.push(broken);
    }
    if lines.is_empty() {
        lines.push(Line::default());
    }
    lines
}

/// How many graphemes fit; at least one.
fn fitting(graphemes: &[(Style, &str)], width: usize) -> usize {
    let mut used = 0;
    for (index, (_, grapheme)) in graphemes.iter().enumerate() {
        used += grapheme.width();
        if used > width {
            return index.max(1);
        }
    }
    graphemes.len()
}

//! The growing answer of one turn: written by the engine token by token, rendered only when the pacer has use for it.

use crate::strings;
use cortex_chat::{Choice, Document, MessageKind, MessageRef, OutgoingMessage, Text, TextLimit};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// What the chat shows of a running turn. Shared between the engine, which writes, and the pacer, which renders.
pub struct LiveAnswer {
    content: Mutex<Content>,
    /// Set when there is something that the pacer has not rendered.
    dirty: AtomicBool,
    /// Set when the pacer was told and has not looked since.
    told: AtomicBool,
    /// The most parts ever rendered; as many may stand in the chat.
    parts_rendered: AtomicUsize,
    form: LiveForm,
}

/// How a growing answer looks, whatever it says.
pub struct LiveForm {
    /// The longest message.
    pub limit: TextLimit,
    /// The message that it answers.
    pub reply_to: Option<MessageRef>,
    /// Whether a sign stands in place of nothing, for platforms without typing.
    pub placeholder: bool,
    /// What stops it, offered with the message that is growing; never with one that has its final form.
    pub stop: Option<Choice>,
}

/// The first text of an answer, before it is shown.
pub(super) struct FirstText {
    /// Whether there is enough of it to be worth showing.
    pub(super) is_enough: bool,
    pub(super) since: Instant,
}

#[derive(Default)]
struct Content {
    progress: Vec<Line>,
    text: String,
    first_text_at: Option<Instant>,
    /// The first change since it was rendered last.
    changed_at: Option<Instant>,
    /// What the chat shows from now on is stored; nothing more is rendered.
    closed: bool,
}

struct Line {
    key: String,
    text: String,
}

impl LiveAnswer {
    /// An answer of which nothing is known yet.
    pub fn new(form: LiveForm) -> Self {
        Self {
            content: Mutex::new(Content::default()),
            dirty: AtomicBool::new(form.placeholder),
            told: AtomicBool::new(false),
            parts_rendered: AtomicUsize::new(0),
            form,
        }
    }

    /// More of the answer. True when the pacer should be told.
    pub fn push_text(&self, piece: &str) -> bool {
        self.change(|content| {
            content.text.push_str(piece);
            content.first_text_at.get_or_insert_with(Instant::now);
        })
    }

    /// Withdraws the text so far. True when the pacer should be told.
    pub fn reset_text(&self) -> bool {
        self.change(|content| {
            content.text.clear();
            content.first_text_at = None;
        })
    }

    /// Sets the progress line of a key, new ones below the others. True when the pacer should be told.
    pub fn set_progress(&self, key: &str, text: String) -> bool {
        self.change(|content| match content.progress.iter_mut().find(|line| line.key == key) {
            Some(line) => line.text = text,
            None => content.progress.push(Line {
                key: key.to_owned(),
                text,
            }),
        })
    }

    /// The text so far.
    pub fn text(&self) -> Text {
        Text::new(self.lock().text.clone())
    }

    /// The progress lines so far.
    pub fn progress_lines(&self) -> Vec<String> {
        self.lock().progress.iter().map(|line| line.text.clone()).collect()
    }

    /// Ends the growing: from here on nothing new is rendered. Gives how many messages may stand in the chat.
    pub fn close(&self) -> usize {
        let mut content = self.lock();
        content.closed = true;
        self.parts_rendered()
    }

    /// Whether nothing more is rendered.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// What there is of text, and whether so many characters; for the hold-back before the first showing.
    pub(super) fn first_text(&self, enough_characters: usize) -> Option<FirstText> {
        let content = self.lock();
        let since = content.first_text_at?;
        let is_enough = content.text.chars().take(enough_characters).count() == enough_characters;
        Some(FirstText { is_enough, since })
    }

    /// Since when there is something that was not rendered.
    pub(super) fn unshown_since(&self) -> Option<Instant> {
        self.lock().changed_at
    }

    /// Whether anything but text is there to show, which no hold-back applies to.
    pub(super) fn has_more_than_text(&self) -> bool {
        self.form.placeholder || !self.lock().progress.is_empty()
    }

    /// Asks to be told of the next change, after a look that showed nothing yet.
    pub(super) fn tell_again(&self) {
        self.told.store(false, Ordering::Release);
    }

    /// Whether something changed since the last rendering.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// The most messages that may stand in the chat for this answer.
    pub fn parts_rendered(&self) -> usize {
        self.parts_rendered.load(Ordering::Acquire)
    }

    /// Counts messages that an earlier run of the turn may have left.
    pub fn parts_stand(&self, parts: usize) {
        self.parts_rendered.fetch_max(parts, Ordering::AcqRel);
    }

    /// The messages as they should stand now; `None` once the answer is closed.
    pub(super) fn render(&self) -> Option<Vec<OutgoingMessage>> {
        self.tell_again();
        self.dirty.store(false, Ordering::Release);
        // Held while the parts are counted, so that whoever closes the answer knows of every part that was rendered.
        let mut content = self.lock();
        content.changed_at = None;
        if content.closed {
            return None;
        }
        let mut body = progress_document(content.progress.iter().map(|line| line.text.as_str()));
        body.blocks.extend(Document::parse_partial(&content.text).blocks);
        if body.is_empty() && self.form.placeholder {
            body = Document::plain(strings::WORKING);
        }
        let parts = if body.is_empty() {
            Vec::new()
        } else {
            body.split(self.form.limit)
        };
        self.parts_rendered.fetch_max(parts.len(), Ordering::AcqRel);
        drop(content);
        let count = parts.len();
        let messages = parts.into_iter().enumerate().map(|(part, body)| {
            let grows = part + 1 == count;
            OutgoingMessage {
                kind: MessageKind::Answer,
                body,
                choices: self.form.stop.iter().filter(|_| grows).cloned().collect(),
                reply_to: self.form.reply_to.clone().filter(|_| part == 0),
                live: grows,
                last: false,
            }
        });
        Some(messages.collect())
    }

    /// Changes the content; true when the pacer must be told: one word to it is enough for many tokens.
    fn change(&self, change: impl FnOnce(&mut Content)) -> bool {
        let mut content = self.lock();
        content.changed_at.get_or_insert_with(Instant::now);
        change(&mut content);
        drop(content);
        self.dirty.store(true, Ordering::Release);
        !self.told.swap(true, Ordering::AcqRel)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Progress lines as they stand above an answer.
pub(crate) fn progress_document<'a>(lines: impl Iterator<Item = &'a str>) -> Document {
    let joined = lines.collect::<Vec<_>>().join("\n");
    if joined.is_empty() {
        Document::default()
    } else {
        Document::plain(&joined)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortex_chat::TextUnit;

    #[test]
    fn closed_answer_sends_nothing_more() {
        let limit = TextLimit {
            max: 100,
            unit: TextUnit::Characters,
        };
        let answer = LiveAnswer::new(LiveForm {
            limit,
            reply_to: None,
            placeholder: true,
            stop: None,
        });
        assert_eq!(answer.close(), 0);
        answer.push_text("too late");
        assert!(answer.render().is_none());
        assert_eq!(answer.parts_rendered(), 0);
    }
}

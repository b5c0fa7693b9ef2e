//! What of the streamed content a person may see: everything but reasoning written between tags.

use crate::models::OnText;

/// The tags that models put around their reasoning.
const REASONING_TAGS: [&str; 3] = ["think", "thinking", "thought"];
const LONGEST_TAG: usize = "</thinking>".len();

/// Takes content in any split and gives the visible part of it. Reasoning is dropped as it comes, not kept.
#[derive(Debug, Default)]
pub(super) struct VisibleText {
    /// What was given out so far.
    text: String,
    /// The end of the content that may be the start of a tag.
    held: String,
    /// The tag that is open.
    inside: Option<&'static str>,
    /// The last character before `held`, hidden ones included.
    before: Option<char>,
}

impl VisibleText {
    pub(super) fn push(&mut self, piece: &str, on_text: &mut OnText<'_>) {
        self.held.push_str(piece);
        let content = std::mem::take(&mut self.held);
        let mut rest = content.as_str();
        loop {
            let Some(start) = rest.find('<') else {
                self.emit(rest, on_text);
                return;
            };
            self.emit(&rest[..start], on_text);
            rest = &rest[start..];
            match tag_at(rest) {
                Tag::Whole { name, closes, length } if self.takes(name, closes) => {
                    self.inside = if closes { None } else { Some(name) };
                    self.before = Some('>');
                    rest = &rest[length..];
                }
                Tag::Unfinished => {
                    rest.clone_into(&mut self.held);
                    return;
                }
                Tag::Whole { .. } | Tag::No => {
                    self.emit("<", on_text);
                    rest = &rest[1..];
                }
            }
        }
    }

    /// Ends the content and gives the whole visible text.
    pub(super) fn finish(mut self, on_text: &mut OnText<'_>) -> String {
        let held = std::mem::take(&mut self.held);
        self.emit(&held, on_text);
        self.text
    }

    /// Whether a tag is one of reasoning here. In code, right after a backtick, an opening one is spoken of, not meant. The
    /// end of reasoning whose start the server swallowed is dropped too.
    fn takes(&self, name: &str, closes: bool) -> bool {
        match self.inside {
            Some(open) => closes && open == name,
            None => self.before != Some('`'),
        }
    }

    fn emit(&mut self, piece: &str, on_text: &mut OnText<'_>) {
        if let Some(last) = piece.chars().next_back() {
            self.before = Some(last);
        }
        if self.inside.is_some() {
            return;
        }
        // Nobody should be shown an answer of blank lines, which is what follows hidden reasoning.
        let piece = if self.text.is_empty() { piece.trim_start() } else { piece };
        if !piece.is_empty() {
            self.text.push_str(piece);
            on_text(piece);
        }
    }
}

enum Tag {
    Whole {
        name: &'static str,
        closes: bool,
        length: usize,
    },
    Unfinished,
    No,
}

/// What stands at the start of `text`, which starts with `<`.
fn tag_at(text: &str) -> Tag {
    for name in REASONING_TAGS {
        for (closes, tag) in [(false, format!("<{name}>")), (true, format!("</{name}>"))] {
            if text.starts_with(&tag) {
                return Tag::Whole {
                    name,
                    closes,
                    length: tag.len(),
                };
            }
            if text.len() < LONGEST_TAG && tag.starts_with(text) {
                return Tag::Unfinished;
            }
        }
    }
    Tag::No
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(content: &str) -> String {
        let mut all = None;
        for size in 1..=content.len().max(1) {
            let mut shown = String::new();
            let mut filter = VisibleText::default();
            let mut on_text = |piece: &str| shown.push_str(piece);
            let letters: Vec<char> = content.chars().collect();
            for piece in letters.chunks(size) {
                filter.push(&piece.iter().collect::<String>(), &mut on_text);
            }
            let text = filter.finish(&mut on_text);
            assert_eq!(text, shown, "pieces of {size}");
            assert_eq!(*all.get_or_insert(text.clone()), text, "pieces of {size}");
        }
        all.unwrap_or_default()
    }

    #[test]
    fn reasoning_is_hidden_in_any_split() {
        assert_eq!(visible("<think>\nsecret <b>\n</think>\n\nHello é"), "Hello é");
        assert_eq!(visible("One <think>secret</think>two"), "One two");
        assert_eq!(visible("<thinking>a</think>b</thinking>c"), "c");
        assert_eq!(visible("<think>never closed"), "");
        assert_eq!(visible("</think>Hello"), "Hello");
    }

    #[test]
    fn other_angle_brackets_stay() {
        assert_eq!(visible("a < b, <thin>, <thinker>, x<"), "a < b, <thin>, <thinker>, x<");
        assert_eq!(visible("Write `<think>` around it"), "Write `<think>` around it");
        assert_eq!(visible("ends with <thi"), "ends with <thi");
    }
}

//! Makes hidden characters visible, so that what a person confirms is what they saw.

use std::fmt::Write as _;

/// The text with control, bidirectional, zero-width, tag and other invisible characters written as `⟨U+202E⟩`.
/// Line breaks and tabs stay.
pub fn make_visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            let _ = write!(shown, "⟨U+{:04X}⟩", u32::from(character));
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Foreign text as a piece of one line: hidden characters and line breaks are seen, or gone.
pub fn in_one_line(text: &str) -> String {
    make_visible(text).replace(['\n', '\t'], " ")
}

/// The same as a code span of markup, which it cannot close.
pub fn quoted(text: &str) -> String {
    let text = in_one_line(text);
    let fence = "`".repeat(longest_backtick_run(&text) + 1);
    format!("{fence} {text} {fence}")
}

pub(super) fn longest_backtick_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// Whether a reader would not see the character, or see others in another order because of it.
fn is_hidden(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        // Invisible, filling or joining.
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
        | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
        // Spaces that are not the space.
        | '\u{00A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => true,
        other => other.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_written_out() {
        assert_eq!(make_visible("a\u{202E}b\u{200B}c\u{7}"), "a⟨U+202E⟩b⟨U+200B⟩c⟨U+0007⟩");
        assert_eq!(make_visible("x\u{E0041}y\r\n"), "x⟨U+E0041⟩y⟨U+000D⟩\n");
    }

    #[test]
    fn quoted_text_closes_nothing_and_stays_in_its_line() {
        assert_eq!(quoted("a` **b**\n`` c\u{202E}"), "``` a` **b** `` c⟨U+202E⟩ ```");
        assert_eq!(quoted("ann"), "` ann `");
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        let text = "Grüße, 世界 👋🏽\n\tid 7";
        assert_eq!(make_visible(text), text);
    }
}

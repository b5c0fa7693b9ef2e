//! What Telegram drops from a text without a word is replaced by what it keeps, so that the reader sees that it was there. No
//! replacement is longer than what it replaces, tabs in code aside.

/// Stands for a character that controls how others are shown.
pub(super) const REPLACEMENT: char = '\u{fffd}';
/// Telegram shows a tab as a single space.
const TAB: &str = "    ";

/// What becomes of a tab.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tab {
    Space,
    Indent,
}

/// The text as it can be shown, line breaks kept.
pub(super) fn shown(text: &str, tab: Tab) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\u{2028}' | '\u{2029}' => shown.push('\n'),
            '\t' if tab == Tab::Indent => shown.push_str(TAB),
            '\t' => shown.push(' '),
            '\u{0}'..='\u{1f}' => shown.push(control_picture(character)),
            '\u{7f}' => shown.push('␡'),
            hidden if reorders(hidden) => shown.push(REPLACEMENT),
            other => shown.push(other),
        }
    }
    shown
}

/// The text as it can be shown within a line.
pub(super) fn shown_in_line(text: &str) -> String {
    shown(text, Tab::Space).replace('\n', " ")
}

fn control_picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or(REPLACEMENT)
}

/// Whether a character is a control of the second set, or makes text stand in another order than it is in.
fn reorders(character: char) -> bool {
    matches!(character, '\u{80}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether Telegram takes a text of such characters for empty.
pub(super) fn is_nothing_to_telegram(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2800}' | '\u{feff}' | '\u{fffc}' | '\u{e0000}'..='\u{e007f}'
        )
}

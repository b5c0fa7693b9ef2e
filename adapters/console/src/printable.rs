//! Text made safe to print: control characters, escape sequences and invisible direction marks become visible.

use std::fmt::Write as _;

/// The text with everything visible that a terminal would act on; newline and tab stay.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => safe.push(character),
            '\u{0}'..='\u{1f}' => safe.push(control_picture(character)),
            '\u{7f}' => safe.push('␡'),
            hidden if is_hidden(hidden) => {
                let _ = write!(safe, "<U+{:04X}>", u32::from(hidden));
            }
            other => safe.push(other),
        }
    }
    safe
}

fn control_picture(control: char) -> char {
    char::from_u32(0x2400 + u32::from(control)).unwrap_or('\u{fffd}')
}

/// Marks that control, reorder or hide text: the second set of controls, bidirectional ones, separators, annotations, tags.
fn is_hidden(character: char) -> bool {
    matches!(
        character,
        '\u{80}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

//! Small words that several tools say: sizes, counts, shortened names.

/// A size as people write it: `340 bytes`, `12 KB`, `1.5 MB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return count(bytes, "byte", "bytes");
    }
    let mut amount = bytes as f64 / 1_000.0;
    let mut unit = 0;
    while amount >= 999.5 && unit + 1 < UNITS.len() {
        amount /= 1_000.0;
        unit += 1;
    }
    let digits = usize::from(amount < 9.95);
    format!("{amount:.digits$} {}", UNITS[unit])
}

/// A number and its noun: `1 line`, `12 lines`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// How many lines a text has; the last one counts with or without its line break.
pub(super) fn line_count(text: &str) -> u64 {
    text.lines().count() as u64
}

/// A text from outside on one line: control characters escaped, cut at a number of characters.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for (position, character) in text.chars().enumerate() {
        if position == longest {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

/// The longest start of a text that fits into so many bytes and ends between characters.
pub(super) fn start_of(text: &str, limit_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(limit_bytes)]
}

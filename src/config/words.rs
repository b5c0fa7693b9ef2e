//! How values read and look in messages: durations, quoted words, lists, and the nearest known word.

use jiff::{Span, SpanRelativeTo};
use std::time::Duration;

/// A quoted value is cut here; it is meant to be recognised, not to fill the screen.
const QUOTED_CHARS: usize = 40;
/// Longer words are no misspelling of a key.
const LONGEST_TYPO_CHARS: usize = 40;

/// Reads a duration such as `250ms`, `30s`, `24h`, `7d` or `1h 30m`; a day has 24 hours.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// Writes a duration in the largest unit that fits it evenly.
pub(super) fn show_duration(duration: Duration) -> String {
    const UNITS: [(u128, &str); 4] = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")];
    let milliseconds = duration.as_millis();
    let fitting = UNITS
        .iter()
        .find(|(size, _)| milliseconds > 0 && milliseconds.is_multiple_of(*size));
    match fitting {
        Some((size, unit)) => format!("{}{unit}", milliseconds / size),
        None => format!("{milliseconds}ms"),
    }
}

/// A value between quotes: cut, and with control and invisible characters made visible.
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(QUOTED_CHARS).collect();
    let ellipsis = if text.chars().nth(QUOTED_CHARS).is_some() { "…" } else { "" };
    format!("\"{}{ellipsis}\"", shown.escape_debug())
}

/// A key as it is written in TOML: bare where it can be, else between quotes.
pub(super) fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.len() <= QUOTED_CHARS && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

/// "a, b or c".
pub(super) fn either(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// The known word that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > LONGEST_TYPO_CHARS {
        return None;
    }
    let word = word.to_lowercase();
    let most_edits = (length / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &candidate.to_lowercase()), candidate))
        .filter(|(edits, _)| *edits <= most_edits)
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to write instead of an unknown word: the nearest known one, else all of them.
pub(super) fn instead<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    match nearest(word, known.clone()) {
        Some(candidate) => format!("did you mean `{candidate}`?"),
        None => format!("known are: {}", known.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

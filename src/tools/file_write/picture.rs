//! What a change to a file looks like to the person who is asked: a line, and a diff where that says more.

use super::super::wording::{count, line_count, size, start_of};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Comparing larger texts takes long, and nobody reads the result.
const MOST_COMPARED_BYTES: usize = 512 * 1_024;
const MOST_DIFF_BYTES: usize = 24 * 1_024;
/// A comparison that takes longer becomes coarser, never wrong.
const COMPARE_FOR: Duration = Duration::from_millis(500);
const LINES_AROUND: usize = 3;

/// A change in a line and in a diff.
pub(super) struct Picture {
    pub(super) affects: String,
    pub(super) diff: Option<String>,
}

/// Pictures the change of a file from `old` (`None`: it does not exist) to `new`.
pub(super) fn of_change(target: &str, old: Option<&[u8]>, new: &[u8], append: bool) -> Picture {
    // What is written is always text; it came as a string.
    let new_size = size(new.len() as u64);
    let only = |affects: String| Picture { affects, diff: None };
    let (old_bytes, verb) = match old {
        None => (&[][..], "creates"),
        Some(old) if append => (old, "adds to"),
        Some(old) => (old, "overwrites"),
    };
    if old == Some(new) {
        return only(format!("leaves {target} as it is"));
    }
    let (Some(old_text), Some(new_text)) = (as_text(old_bytes), as_text(new)) else {
        let old_size = size(old_bytes.len() as u64);
        return only(format!(
            "{verb} {target}, a binary file: {old_size} before, {new_size} after; not shown"
        ));
    };
    let new_lines = count(line_count(new_text), "line", "lines");
    if old_bytes.len() > MOST_COMPARED_BYTES || new.len() > MOST_COMPARED_BYTES {
        let old_size = size(old_bytes.len() as u64);
        return only(match old {
            None => format!("creates {target}, {new_lines}, {new_size}; too large for a comparison"),
            Some(_) => format!("{verb} {target}: {old_size} before, {new_size} after; too large for a comparison"),
        });
    }
    let comparison = TextDiff::configure().timeout(COMPARE_FOR).diff_lines(old_text, new_text);
    let changed = |tag| comparison.iter_all_changes().filter(|change| change.tag() == tag).count() as u64;
    let (added, removed) = (changed(ChangeTag::Insert), changed(ChangeTag::Delete));
    let affects = match old {
        None => format!("creates {target}, {new_lines}"),
        Some(_) => format!("{verb} {target}: {} added, {removed} removed", count(added, "line", "lines")),
    };
    let before = if old.is_some() { target } else { "/dev/null" };
    let diff = comparison
        .unified_diff()
        .context_radius(LINES_AROUND)
        .header(before, target)
        .to_string();
    Picture {
        affects,
        diff: (!diff.is_empty()).then(|| bounded(&diff)),
    }
}

fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

/// Cuts a long diff at the end of a line, with a mark that is no line of a diff.
fn bounded(diff: &str) -> String {
    if diff.len() <= MOST_DIFF_BYTES {
        return diff.to_owned();
    }
    let start = start_of(diff, MOST_DIFF_BYTES);
    let start = start.rfind('\n').map_or(start, |end| &start[..=end]);
    let left = count(line_count(&diff[start.len()..]), "line", "lines");
    let end = if start.ends_with('\n') { "" } else { "\n" };
    format!("{start}{end}[cut: {left} of the comparison not shown]\n")
}

//! The console's own sentences.

/// Before what the person types.
pub(crate) const PROMPT: &str = "› ";
/// In place of an answer that has no text yet.
pub(crate) const WAITING: &str = "…";
/// In place of the lines of a growing answer that do not fit on the screen.
pub(crate) const MORE_ABOVE: &str = "⋯ the beginning is shown when the answer is complete";
pub(crate) const CTRL_C_AGAIN: &str = "Ctrl-C again leaves.";
pub(crate) const STOPPING: &str = "Stopping. Ctrl-C again leaves.";
pub(crate) const PROMPT_CHANGED: &str = "Another question came up while you typed, so nothing was sent. Your line would now answer that one: Enter again sends it.";
pub(crate) const LEFT_UNDECIDED: &str =
    "No more input, but a question is still open. It stays open until it is answered or expires.";
pub(crate) const NO_SUCH_CHOICE: &str =
    "This question cannot be answered from here. It stays open until it is answered or expires.";
pub(crate) const ALLOWED_BEFOREHAND: &str = "Allowed once, as asked for beforehand.";
pub(crate) const DENIED_BEFOREHAND: &str = "Denied, as asked for beforehand.";
pub(crate) const DENIED_UNASKED: &str = "Denied: nobody can be asked here. Allow it beforehand with --yes.";
pub(crate) const EDITED: &str = "(changed)";

/// A choice under a question.
pub(crate) fn choice(number: usize, label: &str, keyword: &str) -> String {
    format!("  {number}) {label} ({keyword})")
}

/// Under the choices of a question.
pub(crate) fn how_to_answer(choices: usize) -> String {
    match choices {
        0 => "Answer with `> ` and a text.".to_owned(),
        1 => "Type 1 to answer, or `> ` and a reason to refuse.".to_owned(),
        _ => format!("Type 1 to {choices} to answer, or `> ` and a reason to refuse."),
    }
}

/// Above the input line while questions are open.
pub(crate) fn open_prompts(count: usize) -> String {
    match count {
        1 => "1 question is open: a number answers it.".to_owned(),
        _ => format!("{count} questions are open: a number answers the newest."),
    }
}

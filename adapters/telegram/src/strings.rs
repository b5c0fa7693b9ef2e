//! The sentences that people read from the adapter itself.

/// An answer to a pressed button may be this long, in characters.
const LONGEST_ANSWER: usize = 200;

/// A press that could not be stored yet.
pub(crate) const NOT_TAKEN_YET: &str = "I cannot store this right now and keep trying; it counts as soon as I can.";

/// What stands in a message that would say nothing, which Telegram does not take.
pub(crate) const NOTHING_TO_SHOW: &str = "…";

/// Cuts an answer to what Telegram takes.
pub(crate) fn fit(answer: &str) -> String {
    if answer.chars().count() <= LONGEST_ANSWER {
        return answer.to_owned();
    }
    let cut: String = answer.chars().take(LONGEST_ANSWER - 1).collect();
    format!("{cut}…")
}

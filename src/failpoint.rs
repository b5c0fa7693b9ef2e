//! Named places at which a test lets the process die, one at every journaled step. Release builds hold none of it.
//!
//! `CORTEX_FAILPOINT=name` aborts at the first arrival there, `name#3` at the third, `turn.text=boom` when a request holds the word.

/// Every failpoint, in the order in which a turn with a confirmed tool passes them.
pub const NAMES: &[&str] = &[
    "accept.before_commit",
    "accept.after_commit",
    "model.before_call",
    "model.first_text",
    "model.after_call",
    "step.before_commit",
    "step.after_commit",
    "tool.before_start",
    "tool.after_start",
    "tool.after_effect",
    "tool.after_finish",
    "ask.before_commit",
    "ask.after_commit",
    "send.after_intent",
    "send.after_effect",
    "send.after_record",
    "edit.after_effect",
    "finish.before_commit",
    "finish.after_commit",
];

/// Dies here if the environment names this place.
#[inline]
pub fn hit(name: &str) {
    #[cfg(debug_assertions)]
    armed::hit(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Dies here if the environment names this place with a word that the text holds.
#[inline]
pub fn hit_on_text(name: &str, text: &str) {
    #[cfg(debug_assertions)]
    armed::hit_on_text(name, text);
    #[cfg(not(debug_assertions))]
    let _ = (name, text);
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static SETTING: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("CORTEX_FAILPOINT").ok());
    static ARRIVALS: AtomicU32 = AtomicU32::new(0);

    pub(super) fn hit(name: &str) {
        let Some(setting) = SETTING.as_deref() else { return };
        let (wanted, arrival) = match setting.split_once('#') {
            Some((wanted, number)) => (wanted, number.parse().unwrap_or(1)),
            None => (setting, 1),
        };
        if wanted == name && ARRIVALS.fetch_add(1, Ordering::SeqCst) + 1 == arrival {
            std::process::abort();
        }
    }

    pub(super) fn hit_on_text(name: &str, text: &str) {
        let wanted = SETTING.as_deref().and_then(|setting| setting.split_once('='));
        if wanted.is_some_and(|(place, word)| place == name && text.contains(word)) {
            std::process::abort();
        }
    }
}

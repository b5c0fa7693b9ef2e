//! What Telegram, networks and people do to a bot: nothing that they send or leave out ends it, and nothing is lost.

mod api;
mod messages;
mod presses;
mod updates;

use crate::support::Stored;

/// Sends that may stand twice, as the daemon has put them on record.
fn possible_duplicates(stored: &Stored) -> i64 {
    stored.number("SELECT count(*) FROM audit WHERE kind = 'possible_duplicate'")
}

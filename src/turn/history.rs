//! What a finished turn leaves in its session.

use super::{Outcome, Phase, TurnState};
use crate::models::Message;
use cortex_chat::Text;

/// The request, what was said and done, and how it ended. Every call in it has its result.
pub fn history_entries(state: &TurnState) -> Vec<Message> {
    let mut entries = Vec::with_capacity(state.exchange.len() + 2);
    entries.push(Message::User {
        text: state.request.text.clone(),
    });
    entries.extend(state.exchange.iter().cloned());
    let ending = match &state.phase {
        Phase::Over(Outcome::Answered { text }) => text.clone(),
        Phase::Over(Outcome::Failed { message }) => Text::new(format!("[This request ended with an error: {message}]")),
        Phase::Over(Outcome::Stopped { shown }) if shown.is_blank() => Text::from("[The user stopped this request.]"),
        Phase::Over(Outcome::Stopped { shown }) => {
            Text::new(format!("{}\n\n[The user stopped this answer here.]", shown.as_str()))
        }
        _ => Text::from("[This request is not finished.]"),
    };
    entries.push(Message::Assistant {
        text: ending,
        calls: Vec::new(),
        replay: None,
    });
    entries
}

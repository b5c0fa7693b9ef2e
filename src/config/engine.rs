//! `[engine]`: how turns run.

use super::models::TOKENS;
use super::reader::{Section, Value};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Enough for a task of many steps, few enough that a model going in circles ends soon.
const MAX_ROUNDS: u32 = 16;
/// Work that takes longer than this is hardly a chat's; waiting for a person does not count.
const TURN_TIMEOUT: Duration = Duration::from_mins(15);
/// A long answer of a slow local model.
const MODEL_TIMEOUT: Duration = Duration::from_mins(5);
/// A person who was asked this often in one turn has better things to do.
const MAX_GATES_PER_TURN: u32 = 16;
/// The first and two retries: a turn that brings the daemon down three times will do so again.
const MAX_ATTEMPTS: u32 = 3;
/// Most of a turn is waiting for a model, which costs some memory and nothing else.
const CONCURRENT_TURNS: u32 = 5_000;
/// Fits small local models beside tools and an answer.
const HISTORY_TOKENS: u32 = 8_000;
/// A limit of rounds: without one there is no turn, and thousands are no limit.
pub(super) const ROUNDS: RangeInclusive<u32> = 1..=1000;
/// Says what the bot is and nothing that a persona would want to contradict.
const SYSTEM_PROMPT: &str =
    "You are Cortex, a helpful assistant in a chat. Answer in the language of the person, briefly and truthfully.";

/// How turns run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineSettings {
    /// The most rounds of a turn; a model or profile can say less.
    pub max_rounds: u32,
    /// The longest a turn may run, without the time that it waits for a person.
    pub turn_timeout: Duration,
    /// The longest that one call of a model may take.
    pub model_timeout: Duration,
    /// How often one turn may stop to ask.
    pub max_gates_per_turn: u32,
    /// How often a turn or an event is tried in all when its processing crashes the daemon.
    pub max_attempts: u32,
    /// How many turns run side by side.
    pub concurrent_turns: u32,
    /// The most tokens of history given to a model.
    pub history_tokens: u32,
    /// The system prompt of the default persona.
    pub system_prompt: String,
}

impl Default for EngineSettings {
    fn default() -> Self {
        Self {
            max_rounds: MAX_ROUNDS,
            turn_timeout: TURN_TIMEOUT,
            model_timeout: MODEL_TIMEOUT,
            max_gates_per_turn: MAX_GATES_PER_TURN,
            max_attempts: MAX_ATTEMPTS,
            concurrent_turns: CONCURRENT_TURNS,
            history_tokens: HISTORY_TOKENS,
            system_prompt: SYSTEM_PROMPT.to_owned(),
        }
    }
}

impl EngineSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let settings = Self {
            max_rounds: section
                .read("max_rounds", |value| value.integer(ROUNDS))
                .unwrap_or(default.max_rounds),
            turn_timeout: section.read("turn_timeout", Value::duration).unwrap_or(default.turn_timeout),
            model_timeout: section
                .read("model_timeout", Value::duration)
                .unwrap_or(default.model_timeout),
            max_gates_per_turn: section
                .read("max_gates_per_turn", |value| value.integer(1..=1000))
                .unwrap_or(default.max_gates_per_turn),
            max_attempts: section
                .read("max_attempts", |value| value.integer(1..=10))
                .unwrap_or(default.max_attempts),
            concurrent_turns: section
                .read("concurrent_turns", |value| value.integer(1..=100_000))
                .unwrap_or(default.concurrent_turns),
            history_tokens: section
                .read("history_tokens", |value| value.integer(TOKENS))
                .unwrap_or(default.history_tokens),
            system_prompt: section
                .read("system_prompt", Value::string)
                .map_or(default.system_prompt, |text| text.trim().to_owned()),
        };
        section.finish();
        settings
    }
}

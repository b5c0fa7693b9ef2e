//! The record of what was asked, and questions about it.

use super::Control;
use serde_json::Value;
use std::time::{Duration, Instant};

/// A call of any method but `getUpdates`.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method's name as the documentation writes it.
    pub method: &'static str,
    /// The chat that it was for.
    pub chat: Option<i64>,
    /// Its `message_thread_id`.
    pub thread: Option<i64>,
    /// The message that it made or was about.
    pub message_id: Option<i64>,
    /// When it came.
    pub at: Instant,
    /// The HTTP status of the answer; 0 when there was none.
    pub status: u16,
    /// The description of an error.
    pub error: Option<String>,
    /// Whether the chat was told to be left alone at that time, by a `retry_after`.
    pub inside_window: bool,
    /// Its parameters; null when bodies are not kept.
    pub params: Value,
}

/// A call of `getUpdates`.
#[derive(Clone, Debug)]
pub struct Poll {
    /// When it came.
    pub at: Instant,
    /// Its offset.
    pub offset: Option<i64>,
    /// Its limit.
    pub limit: usize,
    /// How long it wanted to wait.
    pub timeout: Duration,
    /// When it was answered; none while it waits, or when the client left.
    pub answered: Option<Instant>,
    /// How many updates it got.
    pub updates: usize,
    /// The HTTP status of the answer; 0 as long as there is none.
    pub status: u16,
}

/// Whether a method is one that rate limits count: all that puts something into a chat or changes it, signs of typing too.
pub(super) fn is_metered(method: &str) -> bool {
    method.starts_with("send") || method.starts_with("edit")
}

impl Control {
    /// All calls but `getUpdates`, as they came.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The calls that were for a chat, of any kind.
    pub fn outbox(&self) -> Vec<Call> {
        self.calls_where(|call| call.chat.is_some())
    }

    /// The calls that were for this chat.
    pub fn calls_to(&self, chat: i64) -> Vec<Call> {
        self.calls_where(|call| call.chat == Some(chat))
    }

    /// The calls of a method.
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls_where(|call| call.method.eq_ignore_ascii_case(method))
    }

    /// The calls for a chat that had been told to be left alone.
    pub fn calls_inside_windows(&self) -> Vec<Call> {
        self.calls_where(|call| call.inside_window)
    }

    fn calls_where(&self, holds: impl Fn(&Call) -> bool) -> Vec<Call> {
        let state = self.shared.state();
        state.calls.iter().filter(|call| holds(call)).cloned().collect()
    }

    /// The shortest time between two calls that showed or changed something in the chat; none when there were fewer than two.
    pub fn smallest_gap(&self, chat: i64) -> Option<Duration> {
        let times = self.times_of(chat);
        times.windows(2).map(|pair| pair[1].duration_since(pair[0])).min()
    }

    /// The most calls within a stretch of that length that showed or changed something in the chat.
    pub fn most_within(&self, chat: i64, length: Duration) -> usize {
        let times = self.times_of(chat);
        let within = |first: usize| {
            times[first..]
                .iter()
                .take_while(|at| at.duration_since(times[first]) < length)
                .count()
        };
        (0..times.len()).map(within).max().unwrap_or(0)
    }

    fn times_of(&self, chat: i64) -> Vec<Instant> {
        let state = self.shared.state();
        let calls = state.calls.iter();
        let calls = calls.filter(|call| call.chat == Some(chat) && is_metered(call.method));
        calls.map(|call| call.at).collect()
    }

    /// All calls of `getUpdates`, as they came.
    pub fn polls(&self) -> Vec<Poll> {
        self.shared.state().polls.clone()
    }

    /// The last offset that `getUpdates` confirmed with.
    pub fn confirmed_offset(&self) -> Option<i64> {
        self.shared.state().updates.confirmed
    }

    /// How many updates are not confirmed.
    pub fn pending_updates(&self) -> usize {
        self.shared.state().updates.pending()
    }

    /// What was wrong with calls so far.
    pub fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// As [`Self::violations`], and forgets them, so that a test may do wrong on purpose.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().violations)
    }
}

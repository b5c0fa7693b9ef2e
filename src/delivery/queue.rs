//! Which chat is called next where the account bears only so many calls: the most urgent, among equals the one that waits longest.

use super::pacer::ChatKey;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The time in which an account's calls are counted.
const SECOND: Duration = Duration::from_secs(1);

/// How much something matters to the person who waits for it; the first matters most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// What a turn leaves in the chat, and what it asks.
    PromptOrFinal,
    /// A word of the daemon: an error, a refusal, the answer to a command.
    Notice,
    /// The first text of a growing answer.
    FirstText,
    /// More of its text.
    Picture,
    /// What is being done, before there is text.
    Progress,
    /// That something is being done.
    Typing,
}

/// The chats that could be called if the account could.
pub(super) struct Queue {
    /// Calls of the account in a second; `None` where there is no limit.
    limit: Option<usize>,
    /// When the last of them were made; no more than the limit.
    calls: VecDeque<Instant>,
    waiting: BTreeMap<Place, ChatKey>,
    places: HashMap<ChatKey, Place>,
    joined: u64,
}

/// By urgency, then by the order of joining.
type Place = (Urgency, u64);

impl Queue {
    pub(super) fn new(calls_per_second: Option<u32>) -> Self {
        Self {
            limit: calls_per_second.map(|limit| limit.max(1) as usize),
            calls: VecDeque::new(),
            waiting: BTreeMap::new(),
            places: HashMap::new(),
            joined: 0,
        }
    }

    /// Puts a chat into the queue. One that is there for something as urgent keeps its place.
    pub(super) fn join(&mut self, chat: &ChatKey, urgency: Urgency) {
        if self.places.get(chat).is_some_and(|(earlier, _)| *earlier == urgency) {
            return;
        }
        self.leave(chat);
        self.joined += 1;
        let place = (urgency, self.joined);
        self.waiting.insert(place, chat.clone());
        self.places.insert(chat.clone(), place);
    }

    /// Takes a chat out of the queue.
    pub(super) fn leave(&mut self, chat: &ChatKey) {
        if let Some(place) = self.places.remove(chat) {
            self.waiting.remove(&place);
        }
    }

    /// The chat whose turn it is, if the account may be called now.
    pub(super) fn next(&mut self, now: Instant) -> Option<ChatKey> {
        if self.account_free_at().is_some_and(|free_at| free_at > now) {
            return None;
        }
        let (_, chat) = self.waiting.pop_first()?;
        self.places.remove(&chat);
        Some(chat)
    }

    /// Counts a call of the account.
    pub(super) fn count(&mut self, call: Instant) {
        let Some(limit) = self.limit else { return };
        if self.calls.len() == limit {
            self.calls.pop_front();
        }
        self.calls.push_back(call);
    }

    /// When to look at the queue again: when somebody waits in it.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        if self.waiting.is_empty() {
            None
        } else {
            self.account_free_at()
        }
    }

    /// When the account may be called again, which may be in the past.
    fn account_free_at(&self) -> Option<Instant> {
        let limit = self.limit?;
        (self.calls.len() == limit).then(|| self.calls[0] + SECOND)
    }

    /// Whether a chat waits for its turn.
    #[cfg(test)]
    pub(super) fn has(&self, chat: &ChatKey) -> bool {
        self.places.contains_key(chat)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.places.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(queue: &mut Queue, now: Instant) -> Vec<String> {
        std::iter::from_fn(|| queue.next(now)).map(|chat| chat.to_string()).collect()
    }

    #[test]
    fn most_urgent_goes_first_and_equals_by_their_waiting() {
        let mut queue = Queue::new(None);
        queue.join(&"typing".into(), Urgency::Typing);
        queue.join(&"first".into(), Urgency::Picture);
        queue.join(&"second".into(), Urgency::Picture);
        queue.join(&"first".into(), Urgency::Picture);
        queue.join(&"done".into(), Urgency::Picture);
        queue.join(&"done".into(), Urgency::PromptOrFinal);
        queue.join(&"gone".into(), Urgency::Notice);
        queue.leave(&"gone".into());
        assert_eq!(order(&mut queue, Instant::now()), ["done", "first", "second", "typing"]);
        assert!(queue.is_empty());
    }

    #[test]
    fn account_is_called_so_often_a_second_and_no_more() {
        let start = Instant::now();
        let mut queue = Queue::new(Some(2));
        for chat in ["a", "b", "c", "d", "e"] {
            queue.join(&chat.into(), Urgency::Notice);
        }
        let mut made = Vec::new();
        for tenth in 0..25 {
            let now = start + Duration::from_millis(100 * tenth);
            while queue.next(now).is_some() {
                queue.count(now);
                made.push(tenth);
            }
        }
        assert_eq!(made, [0, 0, 10, 10, 20]);
    }
}

//! How often a bot may call, and what comes of calling too often: a window in which the chat is to be left alone, and which
//! begins anew with each call in it.

use super::Options;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

const PRIVATE_GAP: Duration = Duration::from_secs(1);
/// A caller that keeps to the second exactly is not punished for the time that its calls are under way.
const SLACK: Duration = Duration::from_millis(50);
const PER_GROUP: usize = 20;
const GROUP_STRETCH: Duration = Duration::from_mins(1);
const PER_ACCOUNT: usize = 30;
const ACCOUNT_STRETCH: Duration = Duration::from_secs(1);

struct Window {
    until: Instant,
    length: Duration,
}

#[derive(Default)]
struct Peer {
    window: Option<Window>,
    /// Calls that were let through and still count.
    recent: VecDeque<Instant>,
    /// When the whole allowance of a private chat is there again.
    rested: Option<Instant>,
}

/// What was called when; all times are the fake's.
#[derive(Default)]
pub(super) struct Limits {
    peers: HashMap<i64, Peer>,
    account: VecDeque<Instant>,
}

impl Limits {
    /// For how long the chat is to be left alone; asking so begins that anew.
    pub(super) fn punish(&mut self, chat: i64, now: Instant) -> Option<u64> {
        let window = self.peers.get_mut(&chat)?.window.as_mut()?;
        if now >= window.until {
            return None;
        }
        window.until = now + window.length;
        Some(seconds(window.length))
    }

    /// Has the chat left alone for a time.
    pub(super) fn open_window(&mut self, chat: i64, length: Duration, now: Instant) {
        let peer = self.peers.entry(chat).or_default();
        peer.window = Some(Window {
            until: now + length,
            length,
        });
    }

    /// Counts a call, or says in how many seconds it may be made, and opens the window for that.
    pub(super) fn spend(&mut self, chat: i64, is_group: bool, now: Instant, options: &Options) -> Result<(), u64> {
        let peer = self.peers.entry(chat).or_default();
        let wait = if is_group {
            peer.group_wait(now)
        } else {
            peer.private_wait(now, options.private_burst)
        };
        let wait = wait.max(full_for(&mut self.account, PER_ACCOUNT, ACCOUNT_STRETCH, now));
        if let Some(wait) = wait {
            let length = Duration::from_secs(seconds(wait.max(options.penalty)));
            self.open_window(chat, length, now);
            return Err(seconds(length));
        }
        if is_group {
            peer.recent.push_back(now);
        } else {
            peer.rested = Some(peer.rested.map_or(now, |rested| rested.max(now)) + PRIVATE_GAP.saturating_sub(SLACK));
        }
        self.account.push_back(now);
        Ok(())
    }
}

impl Peer {
    fn group_wait(&mut self, now: Instant) -> Option<Duration> {
        full_for(&mut self.recent, PER_GROUP, GROUP_STRETCH, now)
    }

    /// Each call costs a second of rest; a burst is that much rest that may be owed.
    fn private_wait(&mut self, now: Instant, burst: u32) -> Option<Duration> {
        let owed = self.rested?.checked_duration_since(now)?;
        let may_owe = (PRIVATE_GAP.saturating_sub(SLACK)) * burst.saturating_sub(1);
        owed.checked_sub(may_owe).filter(|wait| !wait.is_zero())
    }
}

/// How long until another one fits into the stretch; none when it does now.
fn full_for(times: &mut VecDeque<Instant>, most: usize, stretch: Duration, now: Instant) -> Option<Duration> {
    while times.front().is_some_and(|first| now.duration_since(*first) >= stretch) {
        times.pop_front();
    }
    let first = times.len().checked_sub(most).and_then(|index| times.get(index))?;
    Some(stretch.saturating_sub(now.duration_since(*first)))
}

/// Whole seconds, as `retry_after` has them.
fn seconds(length: Duration) -> u64 {
    length.as_secs() + u64::from(length.subsec_nanos() > 0)
}

//! When a chat may be called: no sooner than its platform bears it, and never inside a wait that the platform asked for.

use super::queue::Urgency;
use cortex_chat::{ChatPace, OutboundError};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// First wait after a call that did not arrive; doubles with each failure.
const RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait.
const RETRY_LONGEST: Duration = Duration::from_mins(1);
/// Added to the wait that a platform asks for: a call a little too early renews the wait, with some platforms for longer.
const RATE_LIMIT_MARGIN: Duration = Duration::from_secs(1);
/// No platform means a longer wait than this in earnest.
const RATE_LIMIT_LONGEST: Duration = Duration::from_hours(24);
/// A chat that was limited is called no more often than this, however often it could be limited.
const SLOWEST: Duration = Duration::from_secs(10);
/// What is doubled where a chat's pace has no interval.
const SLOWED_LEAST: Duration = Duration::from_millis(250);
/// After so long without being limited again, half of the slowing is forgotten.
const SLOWED_FOR: Duration = Duration::from_mins(1);
const MINUTE: Duration = Duration::from_mins(1);

/// The pace of one chat.
#[derive(Default)]
pub(super) struct Pace {
    not_before: Option<Instant>,
    /// Calls in a row that did not arrive.
    failures: u32,
    slowed: Option<Slowed>,
    /// The last call of any kind.
    last_call: Option<Instant>,
    /// The calls of the last minute.
    calls: VecDeque<Instant>,
}

/// How long is waited when a platform asks for a wait.
pub(super) fn asked_wait(retry_after: Duration) -> Duration {
    retry_after.min(RATE_LIMIT_LONGEST) + RATE_LIMIT_MARGIN
}

/// The interval is doubled this many times since then.
#[derive(Clone, Copy)]
struct Slowed {
    doublings: u32,
    since: Instant,
}

impl Pace {
    /// When something as urgent may be called next; `None` is now. `age` is that of the oldest growing answer.
    pub(super) fn free_at(&mut self, now: Instant, urgency: Urgency, age: Duration, limits: &ChatPace) -> Option<Instant> {
        let interval = self.interval(now, limits.interval_at(age));
        // Signs of life count too: platforms meter them like the rest.
        let by_interval = self.last_call.map(|last| last + interval);
        let by_minute = limits
            .calls_per_minute
            .and_then(|limit| self.minute_has_room_at(now, share_of_minute(urgency, limit as usize)));
        by_interval.max(by_minute).max(self.not_before).filter(|at| *at > now)
    }

    /// The end of the wait that the platform asked for, or that failures ask for.
    pub(super) fn blocked_until(&self, now: Instant) -> Option<Instant> {
        self.not_before.filter(|not_before| *not_before > now)
    }

    /// Nothing is called before this time.
    pub(super) fn hold(&mut self, until: Instant) {
        self.not_before = self.not_before.max(Some(until));
    }

    /// Counts calls that were made for one thing.
    pub(super) fn count(&mut self, calls: &[Instant]) {
        let Some(last) = calls.last() else { return };
        self.last_call = Some(*last);
        self.forget_old_calls(*last);
        self.calls.extend(calls);
    }

    /// What the outcome of a call means for the next one in this chat, whatever it was about. Gives the wait that the platform
    /// asks for.
    pub(super) fn take_outcome<T>(
        &mut self,
        now: Instant,
        result: &Result<T, OutboundError>,
        was_typing: bool,
    ) -> Option<Duration> {
        match result {
            Err(OutboundError::RateLimited { retry_after }) => {
                let wait = asked_wait(*retry_after);
                self.not_before = self.not_before.max(Some(now + wait));
                self.slow_down(now, now + wait);
                return Some(wait);
            }
            // A sign of life that fails is not missed, and says nothing of the next message.
            _ if was_typing => {}
            Ok(_) => self.failures = 0,
            Err(OutboundError::Transient(_) | OutboundError::Unknown(_) | OutboundError::Moved { .. }) => {
                let wait = RETRY_FIRST.saturating_mul(1 << self.failures.min(10)).min(RETRY_LONGEST);
                self.failures += 1;
                self.not_before = self.not_before.max(Some(now + wait));
            }
            Err(_) => {}
        }
        None
    }

    /// Whether nothing is lost when it begins anew: a wait or a slowing that the platform asked for is not forgotten.
    pub(super) fn is_fresh_after(&mut self, quiet: Duration, now: Instant) -> bool {
        self.last_call.is_none_or(|last| now.saturating_duration_since(last) >= quiet)
            && self.blocked_until(now).is_none()
            && self.doublings(now) == 0
    }

    /// Goes on as the pace of two chats that have become one.
    pub(super) fn join(&mut self, other: Self) {
        self.not_before = self.not_before.max(other.not_before);
        self.failures = self.failures.max(other.failures);
        self.last_call = self.last_call.max(other.last_call);
        if other.slowed.map(|slowed| slowed.doublings) > self.slowed.map(|slowed| slowed.doublings) {
            self.slowed = other.slowed;
        }
        self.calls.extend(other.calls);
        self.calls.make_contiguous().sort_unstable();
    }

    fn slow_down(&mut self, now: Instant, until: Instant) {
        let doublings = self.doublings(now) + 1;
        self.slowed = Some(Slowed { doublings, since: until });
    }

    fn doublings(&mut self, now: Instant) -> u32 {
        let Some(Slowed {
            mut doublings,
            mut since,
        }) = self.slowed
        else {
            return 0;
        };
        while doublings > 0 && now.saturating_duration_since(since) >= SLOWED_FOR {
            doublings -= 1;
            since += SLOWED_FOR;
        }
        self.slowed = (doublings > 0).then_some(Slowed { doublings, since });
        doublings
    }

    fn interval(&mut self, now: Instant, usual: Duration) -> Duration {
        match self.doublings(now) {
            0 => usual,
            doublings => usual
                .max(SLOWED_LEAST)
                .saturating_mul(1 << doublings.min(10))
                .min(SLOWEST.max(usual)),
        }
    }

    /// When fewer calls than `most` were made within a minute; `None` where that is so now.
    fn minute_has_room_at(&mut self, now: Instant, most: usize) -> Option<Instant> {
        self.forget_old_calls(now);
        let in_the_way = self.calls.len().checked_sub(most)?;
        Some(self.calls.get(in_the_way).map_or(now, |call| *call) + MINUTE)
    }

    fn forget_old_calls(&mut self, now: Instant) {
        while self
            .calls
            .front()
            .is_some_and(|call| now.saturating_duration_since(*call) >= MINUTE)
        {
            self.calls.pop_front();
        }
    }
}

/// How many of a minute's calls may be made when one more of this urgency is made: the last ones are kept for what must be said.
fn share_of_minute(urgency: Urgency, limit: usize) -> usize {
    match urgency {
        Urgency::PromptOrFinal | Urgency::Notice => limit,
        Urgency::FirstText | Urgency::Picture | Urgency::Progress => limit - limit / 6,
        Urgency::Typing => limit / 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits(calls_per_minute: Option<u32>) -> ChatPace {
        ChatPace {
            intervals: vec![(Duration::ZERO, SECOND)],
            calls_per_minute,
        }
    }

    fn limited(seconds: u64) -> Result<(), OutboundError> {
        let retry_after = Duration::from_secs(seconds);
        Err(OutboundError::RateLimited { retry_after })
    }

    /// The interval after a call that was made at `now`.
    fn interval(pace: &mut Pace, now: Instant) -> Duration {
        pace.count(&[now]);
        let free_at = pace.free_at(now, Urgency::PromptOrFinal, Duration::ZERO, &limits(None));
        free_at.map_or(Duration::ZERO, |at| at - now)
    }

    #[test]
    fn limited_chat_slows_down_and_recovers_slowly() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut now = start;
        assert_eq!(interval(&mut pace, now), SECOND);
        for slower in [2, 4, 8, 10, 10] {
            let _ = pace.take_outcome(now, &limited(20), false);
            now += Duration::from_secs(21);
            assert_eq!(interval(&mut pace, now), SECOND * slower);
        }
        for faster in [10, 8, 4, 2, 1, 1] {
            now += MINUTE;
            assert_eq!(interval(&mut pace, now), SECOND * faster);
        }
    }

    #[test]
    fn hostile_wait_is_cut() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let _ = pace.take_outcome(now, &limited(u64::MAX), false);
        assert_eq!(pace.blocked_until(now), Some(now + RATE_LIMIT_LONGEST + RATE_LIMIT_MARGIN));
    }

    #[test]
    fn chat_that_must_wait_is_not_forgotten() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let quiet = Duration::from_mins(2);
        pace.count(&[start]);
        assert!(!pace.is_fresh_after(quiet, start + MINUTE));
        assert!(pace.is_fresh_after(quiet, start + quiet));
        let _ = pace.take_outcome(start, &limited(600), false);
        assert!(!pace.is_fresh_after(quiet, start + Duration::from_mins(10)), "the wait");
        assert!(
            !pace.is_fresh_after(quiet, start + Duration::from_secs(640)),
            "the slower pace after it"
        );
        assert!(pace.is_fresh_after(quiet, start + Duration::from_secs(661)));
    }

    #[test]
    fn sign_of_life_takes_the_interval_and_its_failure_nothing_more() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        pace.count(&[start]);
        let _ = pace.take_outcome(start, &Err::<(), _>(OutboundError::Transient("down".into())), true);
        let free_at = pace.free_at(start, Urgency::FirstText, Duration::ZERO, &limits(None));
        assert_eq!(free_at, Some(start + SECOND));
    }

    #[test]
    fn minute_keeps_room_for_what_must_be_said() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let limits = limits(Some(6));
        let mut made = Vec::new();
        for (urgency, most) in [(Urgency::Typing, 3), (Urgency::Picture, 5), (Urgency::PromptOrFinal, 6)] {
            while pace.free_at(start + SECOND, urgency, Duration::ZERO, &limits).is_none() {
                pace.count(&[start]);
                pace.last_call = None;
                made.push(urgency);
            }
            assert_eq!(made.len(), most, "{urgency:?}");
        }
        let free_at = pace.free_at(start + SECOND, Urgency::PromptOrFinal, Duration::ZERO, &limits);
        assert_eq!(free_at, Some(start + MINUTE));
    }
}

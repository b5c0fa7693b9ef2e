//! When a failed call is made again and how long to wait before, as the providers' own clients do it.

use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

/// How often and how patiently a call is made again.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// Calls after the first.
    pub retries: u32,
    /// The wait before the second call; it doubles each time.
    pub first_wait: Duration,
    /// The longest wait of our own choice.
    pub longest_wait: Duration,
    /// The longest wait that a server may ask for; when it asks for more, the failure is told at once.
    pub longest_asked_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 2,
            first_wait: Duration::from_millis(500),
            longest_wait: Duration::from_secs(8),
            longest_asked_wait: Duration::from_mins(1),
        }
    }
}

impl RetryPolicy {
    /// How long to wait before call number `made + 1`, or `None` when it is not to be made.
    pub(crate) fn wait(&self, made: u32, asked: Option<Duration>) -> Option<Duration> {
        if made > self.retries {
            return None;
        }
        match asked {
            Some(asked) if asked > self.longest_asked_wait => None,
            Some(asked) => Some(asked),
            None => Some(self.backoff(made)),
        }
    }

    /// Between three quarters and the whole of the doubled wait, so that clients that failed together do not return together.
    fn backoff(&self, made: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << made.saturating_sub(1).min(16));
        doubled.min(self.longest_wait).mul_f64(1.0 - 0.25 * random_fraction())
    }
}

fn random_fraction() -> f64 {
    // The last 32 bits of a version 7 id are random.
    f64::from(Uuid::now_v7().as_u128() as u32) / f64::from(u32::MAX)
}

/// What a server's answer says about calling again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RetryHints {
    /// Its plain word on it.
    pub(crate) should_retry: Option<bool>,
    /// When.
    pub(crate) after: Option<Duration>,
}

impl RetryHints {
    pub(crate) fn from_headers(headers: &HeaderMap, now: SystemTime) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        Self {
            should_retry: text("x-should-retry").and_then(|word| word.parse().ok()),
            after: text("retry-after-ms")
                .and_then(milliseconds)
                .or_else(|| text("retry-after").and_then(|value| seconds(value).or_else(|| until_date(value, now)))),
        }
    }
}

/// Whether a status is worth another call.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 409 | 429) || status.is_server_error()
}

/// Reads seconds, with or without a fraction and a trailing `s`.
pub(crate) fn seconds(text: &str) -> Option<Duration> {
    let number: f64 = text.strip_suffix('s').unwrap_or(text).parse().ok()?;
    Duration::try_from_secs_f64(number).ok()
}

fn milliseconds(text: &str) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number / 1000.0).ok()
}

fn until_date(text: &str, now: SystemTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(headers: &[(&'static str, &'static str)]) -> RetryHints {
        let map = headers
            .iter()
            .map(|(name, value)| (name.parse().expect("a header name"), value.parse().expect("a header value")))
            .collect();
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        RetryHints::from_headers(&map, now)
    }

    #[test]
    fn every_form_of_retry_after() {
        let after = |headers| hints(headers).after;
        assert_eq!(after(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(after(&[("retry-after", "0.5")]), Some(Duration::from_millis(500)));
        assert_eq!(
            after(&[("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT")]),
            Some(Duration::from_secs(30))
        );
        assert_eq!(
            after(&[("retry-after", "Sun, 06 Nov 1994 08:00:00 GMT")]),
            Some(Duration::ZERO)
        );
        assert_eq!(
            after(&[("retry-after-ms", "1500"), ("retry-after", "9")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(after(&[("retry-after", "-3")]), None);
        assert_eq!(after(&[("retry-after", "NaN")]), None);
        assert_eq!(after(&[("retry-after", "soon")]), None);
    }

    #[test]
    fn waits_double_to_the_longest_with_jitter_below() {
        let policy = RetryPolicy {
            retries: 10,
            ..RetryPolicy::default()
        };
        for (made, whole) in [(1, 500), (2, 1000), (3, 2000), (4, 4000), (5, 8000), (6, 8000)] {
            let wait = policy.wait(made, None).expect("within the retries");
            assert!(wait <= Duration::from_millis(whole), "{made}: {wait:?}");
            assert!(wait >= Duration::from_millis(whole * 3 / 4), "{made}: {wait:?}");
        }
        assert_eq!(policy.wait(11, None), None);
    }

    #[test]
    fn a_wait_asked_for_is_kept_up_to_the_cap() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(1, Some(Duration::from_mins(1))), Some(Duration::from_mins(1)));
        assert_eq!(policy.wait(1, Some(Duration::from_secs(61))), None);
        assert_eq!(policy.wait(3, Some(Duration::ZERO)), None);
    }
}

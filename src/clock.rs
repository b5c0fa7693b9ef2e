//! The clock as a parameter, so that tests can move it.

use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Tells the time and never goes back: what has expired stays expired, even when the machine's clock is set back.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    latest_millis: Arc<AtomicI64>,
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::from_source(Timestamp::now)
    }

    /// A clock that a test moves.
    pub fn from_source(source: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self {
            source: Arc::new(source),
            latest_millis: Arc::new(AtomicI64::new(i64::MIN)),
        }
    }

    /// The time, at least the latest ever told or heard of.
    pub fn now(&self) -> Timestamp {
        let now = (self.source)().as_millisecond();
        let latest = self.latest_millis.fetch_max(now, Ordering::Relaxed).max(now);
        Timestamp::from_millisecond(latest).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Hears of a time that has been, such as the newest one in the store.
    pub fn not_before(&self, millis: i64) {
        self.latest_millis.fetch_max(millis, Ordering::Relaxed);
    }
}

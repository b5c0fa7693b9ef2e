//! `[shutdown]`: how the daemon stops.

use super::reader::{Section, Value};
use std::time::Duration;

/// Well below the time after which service managers kill.
const GRACE: Duration = Duration::from_secs(10);

/// How the daemon stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShutdownSettings {
    /// How long running turns have to reach a point from which they can go on.
    pub grace: Duration,
}

impl Default for ShutdownSettings {
    fn default() -> Self {
        Self { grace: GRACE }
    }
}

impl ShutdownSettings {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let grace = section.read("grace", Value::duration).unwrap_or(GRACE);
        section.finish();
        Self { grace }
    }
}

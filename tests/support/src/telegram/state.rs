//! What the fake knows, behind one lock, and the two ways to hear of changes: a condition for tests, a wake-up for pollers.

use super::Options;
use super::calls::{Call, Poll};
use super::chat::{Chat, File, Person};
use super::faults::Fault;
use super::limits::Limits;
use super::listener::Gate;
use super::press::Press;
use super::updates::Updates;
use crate::clock::monotonic_micros;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::Notify;

/// The bot's own id, which its token begins with.
pub(super) const BOT_ID: i64 = 110_201_543;
/// The token that the server takes.
pub(super) const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw";
/// The bot's username, without the at sign.
pub(super) const BOT_NAME: &str = "cortex_test_bot";

/// Shared by the server and whoever controls it.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Wakes pollers.
    pub(super) queued: Notify,
    pub(super) gate: Arc<Gate>,
    pub(super) options: Options,
    pub(super) address: SocketAddr,
}

impl Shared {
    pub(super) fn new(options: Options, address: SocketAddr) -> Self {
        Self {
            state: Mutex::new(State::new(&options)),
            changed: Condvar::new(),
            queued: Notify::new(),
            gate: Arc::default(),
            options,
            address,
        }
    }

    /// Looks at the state.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said what is wrong already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and wakes all who wait for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let updates = state.updates.put_in();
        let result = change(&mut state);
        state.version += 1;
        // A webhook ends what polls.
        let is_heard = state.updates.put_in() != updates || state.updates.webhook.is_some();
        drop(state);
        self.changed.notify_all();
        if is_heard {
            self.queued.notify_waiters();
        }
        result
    }

    /// Waits until there is a change that came after `version`, and tells the version then; none when the time is over.
    pub(super) fn wait_for_change(&self, version: u64, until: Instant) -> Option<u64> {
        let mut state = self.state();
        while state.version == version {
            let left = until.checked_duration_since(Instant::now())?;
            let (woken, _) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = woken;
        }
        Some(state.version)
    }
}

/// All that the fake knows.
pub(super) struct State {
    /// Counts changes.
    pub(super) version: u64,
    pub(super) reads_all_group_messages: bool,
    pub(super) started: Instant,
    /// The same moment on the clock that processes have in common.
    pub(super) started_monotonic: u64,
    /// How far the fake's clock is ahead.
    pub(super) ahead: Duration,
    pub(super) people: HashMap<i64, Person>,
    pub(super) chats: HashMap<i64, Chat>,
    pub(super) updates: Updates,
    pub(super) presses: HashMap<String, Press>,
    /// By their id.
    pub(super) files: HashMap<String, File>,
    pub(super) calls: Vec<Call>,
    pub(super) polls: Vec<Poll>,
    pub(super) violations: Vec<String>,
    pub(super) faults: Vec<Fault>,
    pub(super) limits: Limits,
    /// By scope and language, both as the caller wrote them.
    pub(super) commands: BTreeMap<(String, String), Value>,
    /// The last id that was given to a person, group, file or press.
    last_id: i64,
}

impl State {
    fn new(options: &Options) -> Self {
        Self {
            version: 0,
            reads_all_group_messages: options.reads_all_group_messages,
            started: Instant::now(),
            started_monotonic: monotonic_micros(),
            ahead: Duration::ZERO,
            people: HashMap::new(),
            chats: HashMap::new(),
            updates: Updates::default(),
            presses: HashMap::new(),
            files: HashMap::new(),
            calls: Vec::new(),
            polls: Vec::new(),
            violations: Vec::new(),
            faults: Vec::new(),
            limits: Limits::default(),
            commands: BTreeMap::new(),
            last_id: 0,
        }
    }

    /// Forgets all but the clock and the numbers that must go on.
    pub(super) fn reset(&mut self) {
        self.updates.drop_pending();
        self.people.clear();
        self.chats.clear();
        self.presses.clear();
        self.files.clear();
        self.calls.clear();
        self.polls.clear();
        self.violations.clear();
        self.faults.clear();
        self.limits = Limits::default();
        self.commands.clear();
    }

    /// The time of the fake's clock.
    pub(super) fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    /// The time of the fake's clock, as Telegram writes dates.
    pub(super) fn date(&self) -> u64 {
        let now = SystemTime::now() + self.ahead;
        now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    /// A number that was not given before.
    pub(super) fn new_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// Puts on record that a careful client would not have asked this.
    pub(super) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }
}

/// The bot as it stands in messages.
pub(super) fn bot() -> Value {
    json!({"id": BOT_ID, "is_bot": true, "first_name": "Cortex", "username": BOT_NAME})
}

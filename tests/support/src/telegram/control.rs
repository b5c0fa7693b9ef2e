//! What tests hold of a running fake.

use super::state::{Shared, State, TOKEN};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Acts as the people of Telegram, and looks at what the bot did. Any number of them can be about.
#[derive(Clone)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// The server's address, to which `/bot<token>/<method>` is added.
    pub fn api_url(&self) -> String {
        format!("http://{}", self.shared.address)
    }

    /// The token that the server takes.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// The bot as `getMe` tells of it.
    pub fn bot(&self) -> Value {
        super::methods::me(&self.shared.options)
    }

    /// Sets the fake's clock forward: dates, lives, windows and limits, but not the time that calls take.
    pub fn advance(&self, by: Duration) {
        self.shared.change(|state| state.ahead += by);
        // What waits may have become too old.
        self.shared.queued.notify_waiters();
    }

    /// Queues an update of any form; its `update_id` is set, and told.
    pub fn push_raw_update(&self, update: Value) -> i64 {
        self.shared.change(|state| state.push_raw_update(update))
    }

    /// Goes on with other update ids, as Telegram does after a week without updates. What was handed out is not sent again.
    pub fn restart_update_ids_at(&self, id: i64) {
        self.shared.change(|state| state.updates.restart_ids_at(id));
    }

    /// Forgets people, chats, calls and faults. The clock, the webhook and the numbers of updates go on.
    pub fn reset(&self) {
        self.shared.change(State::reset);
    }

    /// Waits until it is so, and tells whether it came to that. It is asked again after each call and each act of a person.
    pub fn wait_until(&self, longest: Duration, mut is_so: impl FnMut(&Self) -> bool) -> bool {
        let until = Instant::now() + longest;
        loop {
            let version = self.shared.state().version;
            if is_so(self) {
                return true;
            }
            if self.shared.wait_for_change(version, until).is_none() {
                return false;
            }
        }
    }
}

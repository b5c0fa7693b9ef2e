//! The queue of updates and the long poll: what is queued stays until an offset confirms it, and for a while at most.

use super::calls::Poll;
use super::methods::ApiError;
use super::params::Params;
use super::state::{Shared, State};
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Longer ones are cut to this.
const LONGEST_POLL: Duration = Duration::from_secs(50);
const CALLBACK_LIFE: Duration = Duration::from_secs(150);
const INLINE_QUERY_LIFE: Duration = Duration::from_secs(30);
const MESSAGE_LIFE: Duration = Duration::from_hours(24);
const PARAMETERS: [&str; 4] = ["offset", "limit", "timeout", "allowed_updates"];
/// What a bot gets only when it asks for it by name.
const NOT_BY_DEFAULT: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];
/// Real ones begin anywhere.
const FIRST_ID: i64 = 870_000_001;

struct Queued {
    id: i64,
    json: Map<String, Value>,
    /// The chat whose timeline hears of the first time that it is handed out.
    chat: Option<i64>,
    /// By the fake's clock.
    dies: Instant,
    was_handed_out: bool,
}

/// Updates that are not confirmed yet.
pub(super) struct Updates {
    queue: VecDeque<Queued>,
    next_id: i64,
    put_in: u64,
    /// Remembered from poll to poll; none stands for the default.
    allowed: Option<Vec<String>>,
    /// Counts polls; one that waits ends when it is not the last one any more.
    last_poll: u64,
    pub(super) confirmed: Option<i64>,
    /// Where updates would go. None is ever sent there.
    pub(super) webhook: Option<String>,
}

impl Default for Updates {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            next_id: FIRST_ID,
            put_in: 0,
            allowed: None,
            last_poll: 0,
            confirmed: None,
            webhook: None,
        }
    }
}

impl Updates {
    /// How many were ever put in.
    pub(super) fn put_in(&self) -> u64 {
        self.put_in
    }

    pub(super) fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Puts in an update that must be of an allowed kind, and tells its id.
    fn push(&mut self, json: Map<String, Value>, chat: Option<i64>, now: Instant, life: Duration) -> i64 {
        let id = self.next_id;
        self.next_id += 1;
        self.put_in += 1;
        self.queue.push_back(Queued {
            id,
            json,
            chat,
            dies: now + life,
            was_handed_out: false,
        });
        id
    }

    /// Remembers which kinds the bot wants; none of them stands for the default, and no list for what it was.
    pub(super) fn allow(&mut self, kinds: Option<Value>) -> Result<(), ApiError> {
        let Some(kinds) = kinds else {
            return Ok(());
        };
        let kinds = serde_json::from_value::<Vec<String>>(kinds);
        let kinds = kinds.map_err(|_| ApiError::bad("can't parse allowed_updates: expected an Array of String"))?;
        self.allowed = (!kinds.is_empty()).then_some(kinds);
        Ok(())
    }

    pub(super) fn drop_pending(&mut self) {
        self.queue.clear();
    }

    fn allows(&self, kind: &str) -> bool {
        match &self.allowed {
            Some(allowed) => allowed.iter().any(|allowed| allowed == kind),
            None => !NOT_BY_DEFAULT.contains(&kind),
        }
    }

    /// Goes on with other ids, as Telegram does after a week without updates. What was handed out counts as confirmed.
    pub(super) fn restart_ids_at(&mut self, id: i64) {
        self.queue.retain(|queued| !queued.was_handed_out);
        self.next_id = id;
        for queued in &mut self.queue {
            queued.id = self.next_id;
            self.next_id += 1;
        }
    }

    /// Forgets what the offset confirms and what is too old.
    fn confirm(&mut self, offset: i64, now: Instant) {
        self.queue.retain(|queued| queued.dies > now);
        if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let drop = self.queue.len().saturating_sub(keep);
            self.queue.drain(..drop);
        } else if offset <= self.next_id {
            // An offset beyond the tail confirms nothing, and is answered from the head.
            while self.queue.front().is_some_and(|queued| queued.id < offset) {
                self.queue.pop_front();
            }
            if offset > 0 {
                self.confirmed = Some(offset);
            }
        }
    }
}

impl State {
    /// Queues an update, if the bot wants that kind.
    pub(super) fn push_update(&mut self, kind: &str, body: Value, chat: Option<i64>) -> Option<i64> {
        if !self.updates.allows(kind) {
            return None;
        }
        let life = match kind {
            "callback_query" => CALLBACK_LIFE,
            "inline_query" => INLINE_QUERY_LIFE,
            _ => MESSAGE_LIFE,
        };
        let mut json = Map::new();
        json.insert(kind.to_owned(), body);
        let now = self.now();
        // The timeline is about what people write.
        let chat = chat.filter(|_| kind == "message" || kind == "channel_post");
        Some(self.updates.push(json, chat, now, life))
    }

    /// Queues anything; its `update_id` is set.
    pub(super) fn push_raw_update(&mut self, update: Value) -> i64 {
        let json = match update {
            Value::Object(json) => json,
            other => Map::from_iter([("unknown".to_owned(), other)]),
        };
        let now = self.now();
        self.updates.push(json, None, now, MESSAGE_LIFE)
    }

    fn hand_out(&mut self, offset: i64, limit: usize) -> Vec<Value> {
        let now = self.now();
        self.updates.confirm(offset, now);
        let at = Instant::now();
        let mut batch = Vec::new();
        for queued in self.updates.queue.iter_mut().take(limit) {
            if !queued.was_handed_out {
                queued.was_handed_out = true;
                let chat = queued.chat.and_then(|chat| self.chats.get_mut(&chat));
                if let Some(chat) = chat {
                    chat.timeline.handed_out.push(at);
                }
            }
            let mut json = Map::from_iter([("update_id".to_owned(), json!(queued.id))]);
            json.extend(queued.json.clone());
            batch.push(Value::Object(json));
        }
        batch
    }

    fn begin_poll(&mut self, params: &Params) -> Result<Polling, ApiError> {
        let timeout = params.integer("timeout").unwrap_or(0).max(0);
        let timeout = Duration::from_secs(timeout.unsigned_abs()).min(LONGEST_POLL);
        let limit = params
            .integer("limit")
            .filter(|limit| (1..=100).contains(limit))
            .unwrap_or(100);
        let offset = params.integer("offset").unwrap_or(0);
        for name in &params.nulls {
            self.violation(format!("getUpdates: {name} is null"));
        }
        for name in params.values.keys().filter(|name| !PARAMETERS.contains(&name.as_str())) {
            self.violation(format!("getUpdates: it has no parameter {name}"));
        }
        self.updates.last_poll += 1;
        self.polls.push(Poll {
            at: Instant::now(),
            offset: params.has("offset").then_some(offset),
            limit: limit as usize,
            timeout,
            answered: None,
            updates: 0,
            status: 0,
        });
        self.updates.allow(params.object("allowed_updates")?)?;
        if self.updates.webhook.is_some() {
            return Err(ApiError::conflict(
                "can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first",
            ));
        }
        Ok(Polling {
            number: self.updates.last_poll,
            offset,
            limit: limit as usize,
            timeout,
        })
    }
}

struct Polling {
    number: u64,
    offset: i64,
    limit: usize,
    timeout: Duration,
}

/// Answers `getUpdates`: at once when there is something, else when there is, or when the time is over.
pub(super) async fn poll(shared: &Shared, params: &Params) -> Result<Value, ApiError> {
    let (record, begun) = shared.change(|state| {
        let begun = state.begin_poll(params);
        (state.polls.len() - 1, begun)
    });
    // Another one that waits must hear that it is not the last.
    shared.queued.notify_waiters();
    let result = match begun {
        Ok(polling) => wait(shared, &polling).await,
        Err(error) => Err(error),
    };
    shared.change(|state| {
        // A reset may have come in between.
        if let Some(poll) = state.polls.get_mut(record) {
            poll.answered = Some(Instant::now());
            poll.updates = result.as_ref().map_or(0, Vec::len);
            poll.status = result.as_ref().map_or_else(|error| error.code, |_| 200);
        }
    });
    result.map(Value::Array)
}

async fn wait(shared: &Shared, polling: &Polling) -> Result<Vec<Value>, ApiError> {
    let deadline = tokio::time::Instant::now() + polling.timeout;
    loop {
        let mut more = std::pin::pin!(shared.queued.notified());
        more.as_mut().enable();
        let is_late = tokio::time::Instant::now() >= deadline;
        let batch = shared.change(|state| {
            if state.updates.webhook.is_some() {
                return Err(ApiError::conflict("terminated by setWebhook request"));
            }
            if state.updates.last_poll != polling.number {
                return Err(ApiError::conflict(
                    "terminated by other getUpdates request; make sure that only one bot instance is running",
                ));
            }
            Ok(state.hand_out(polling.offset, polling.limit))
        })?;
        if !batch.is_empty() || is_late {
            return Ok(batch);
        }
        tokio::select! {
            () = more => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

//! Who works on which turn: one task for each turn that is taken up, as many at once as the config allows.

use crate::delivery::PacerHandle;
use crate::domain::TurnId;
use crate::engine::{Engine, Left};
use crate::store::{Accepted, ClaimedTurn, MessageRow, StoreError};
use crate::turn::TurnEvent;
use cortex_chat::ConnectorName;
use futures_util::FutureExt as _;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

/// First wait before a turn that broke down is given back again; doubles each time.
const GIVE_BACK_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait.
const GIVE_BACK_LONGEST: Duration = Duration::from_secs(30);

pub(super) struct Scheduler {
    engine: Arc<Engine>,
    capacity: usize,
    shutdown: CancellationToken,
    /// Rung when a turn waits that nobody takes up: its time comes a little later, or all places were held when it was stored.
    waiting: Notify,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Places that are taken: by tasks, and by those who are about to begin some.
    taken: usize,
    /// Whether a turn may have been stored that found no place, so that one given back unused is to be filled.
    turned_away: bool,
    /// Who works on a turn, by turn; where one run follows another that has not ended yet, the later one.
    at_work: HashMap<TurnId, Hand>,
    /// Stops for turns that were claimed and are not at work yet.
    early_stops: HashSet<TurnId>,
    /// The versions from which turns go on that were replaced while they were claimed and not at work yet.
    early_replacements: HashMap<TurnId, u64>,
    tasks: JoinSet<()>,
}

impl State {
    /// Lets go of tasks that have ended; each would hold its memory for as long as it is in the set.
    fn let_ended_go(&mut self) {
        while self.tasks.try_join_next().is_some() {}
    }
}

/// The hand on a turn: what tells its run to end, and tells others that it has.
#[derive(Clone)]
struct Hand {
    /// The taking of the slot by which the run has the turn.
    epoch: i64,
    /// The stored steps of the turn when it was taken.
    version: u64,
    /// The person's wish to stop the turn.
    stop: CancellationToken,
    /// The turn goes on in another run.
    let_go: CancellationToken,
    /// The run is over, and shows nothing any more.
    ended: CancellationToken,
}

/// A claimed turn on its way into a run.
struct Beginning {
    claimed: ClaimedTurn,
    hand: Hand,
    /// An earlier run of the same turn, whose end is waited for, so that the two do not show their answers in one place.
    after: Option<CancellationToken>,
}

/// Places that are held for turns about to be claimed; those not used are given back when it is dropped.
pub(super) struct Places {
    scheduler: Arc<Scheduler>,
    held: usize,
    /// Whether there were fewer than wanted.
    too_few: bool,
}

impl Places {
    /// How many turns may be claimed.
    pub(super) fn held(&self) -> usize {
        self.held
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut state = self.scheduler.lock();
        state.taken -= self.held;
        if self.held > 0 && std::mem::take(&mut state.turned_away) {
            self.scheduler.waiting.notify_one();
        }
    }
}

impl Scheduler {
    pub(super) fn new(engine: Arc<Engine>, capacity: usize, shutdown: CancellationToken) -> Self {
        Self {
            engine,
            capacity,
            shutdown,
            waiting: Notify::new(),
            state: Mutex::new(State::default()),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Holds as many free places as there are, up to `wanted`.
    pub(super) fn hold(self: &Arc<Self>, wanted: usize) -> Places {
        let mut state = self.lock();
        let free = if self.shutdown.is_cancelled() {
            0
        } else {
            self.capacity.saturating_sub(state.taken)
        };
        let held = free.min(wanted);
        state.taken += held;
        Places {
            scheduler: Arc::clone(self),
            held,
            too_few: held < wanted,
        }
    }

    /// Carries out what came of a batch of events: messages are shown, turns begun and stopped.
    pub(super) fn carry_out(self: &Arc<Self>, accepted: Accepted, mut places: Places) {
        self.show(accepted.messages);
        self.tell(accepted.events);
        for (turn, version) in accepted.replaced {
            self.replace(turn, version);
        }
        for claimed in accepted.claimed {
            self.begin(claimed, &mut places);
        }
        for turn in accepted.stop {
            self.stop(turn);
        }
        if places.too_few {
            // They may have been held for turns that there were not; whoever gives such back sees this.
            self.lock().turned_away = true;
        }
        if places.too_few || accepted.waits {
            self.waiting.notify_one();
        }
    }

    /// Returns when a turn waits that nobody takes up, also when that was known before the call.
    pub(super) async fn turn_waits(&self) {
        self.waiting.notified().await;
    }

    /// Takes up turns that wait, as far as there is room.
    pub(super) async fn fill(self: &Arc<Self>) {
        let mut places = self.hold(self.capacity);
        if places.held() == 0 {
            return;
        }
        match self
            .engine
            .store
            .claim(places.held(), self.engine.settings.history_tokens)
            .await
        {
            Ok(claimed) => claimed.into_iter().for_each(|turn| self.begin(turn, &mut places)),
            Err(error) => tracing::error!(%error, "waiting turns could not be taken up"),
        }
    }

    /// Gives rows to the pacers of their connectors.
    pub(super) fn show(&self, rows: Vec<MessageRow>) {
        let mut by_connector: BTreeMap<ConnectorName, Vec<MessageRow>> = BTreeMap::new();
        for row in rows {
            by_connector.entry(row.address.connector.clone()).or_default().push(row);
        }
        for (connector, rows) in by_connector {
            match self.engine.pacers.get(&connector) {
                Some(pacer) => PacerHandle::show(pacer, rows),
                None => tracing::warn!(connector.name = %connector, "messages wait for a connector that does not run"),
            }
        }
    }

    /// Tells the listeners of turns.
    pub(super) fn tell(&self, events: Vec<(TurnId, TurnEvent)>) {
        for event in events {
            // Nobody may be listening.
            let _ = self.engine.listeners.send(event);
        }
    }

    fn stop(&self, turn: TurnId) {
        let mut state = self.lock();
        match state.at_work.get(&turn) {
            Some(hand) => hand.stop.cancel(),
            None => {
                state.early_stops.insert(turn);
            }
        }
    }

    /// Tells the run of a turn that the turn goes on from another state.
    fn replace(&self, turn: TurnId, version: u64) {
        let mut state = self.lock();
        match state.at_work.get(&turn) {
            Some(hand) if hand.version < version => hand.let_go.cancel(),
            // It goes on already.
            Some(_) => {}
            None => {
                state.early_replacements.insert(turn, version);
            }
        }
    }

    fn begin(self: &Arc<Self>, claimed: ClaimedTurn, places: &mut Places) {
        let Some(beginning) = self.take_in_hand(claimed) else { return };
        let mut state = self.lock();
        // The place passes from the holder to the task; a claim beyond what was held takes one more.
        match places.held.checked_sub(1) {
            Some(left) => places.held = left,
            None => state.taken += 1,
        }
        state.let_ended_go();
        let this = Arc::clone(self);
        state.tasks.spawn(async move { this.work(beginning).await });
    }

    /// Makes the hand on a turn. Its stop is cancelled already where that came first; `None` where the turn has gone on since it was
    /// claimed.
    fn take_in_hand(&self, claimed: ClaimedTurn) -> Option<Beginning> {
        let mut state = self.lock();
        let replaced = state.early_replacements.get(&claimed.id);
        let is_past = replaced.is_some_and(|version| *version > claimed.version)
            || state.at_work.get(&claimed.id).is_some_and(|hand| hand.epoch > claimed.epoch);
        if is_past {
            return None;
        }
        let hand = Hand {
            epoch: claimed.epoch,
            version: claimed.version,
            stop: CancellationToken::new(),
            let_go: CancellationToken::new(),
            ended: CancellationToken::new(),
        };
        if claimed.stop_requested || state.early_stops.remove(&claimed.id) {
            hand.stop.cancel();
        }
        let after = state.at_work.insert(claimed.id, hand.clone()).map(|earlier| {
            earlier.let_go.cancel();
            earlier.ended
        });
        Some(Beginning { claimed, hand, after })
    }

    /// Works on a turn, and then on the next that waits.
    async fn work(self: Arc<Self>, beginning: Beginning) {
        let mut next = Some(beginning);
        while let Some(Beginning {
            mut claimed,
            hand,
            after,
        }) = next.take()
        {
            let turn = claimed.id;
            let span = tracing::info_span!("turn", turn.id = %turn);
            let run = async {
                if let Some(earlier) = after {
                    earlier.cancelled().await;
                }
                if claimed.begins_anew() {
                    self.engine.take_over(&mut claimed).await;
                }
                let (stop, let_go) = (hand.stop.clone(), hand.let_go.clone());
                self.engine.run(claimed, stop, let_go, self.shutdown.clone()).await
            };
            let left = AssertUnwindSafe(run.instrument(span)).catch_unwind().await;
            self.release(turn, &hand);
            match left {
                Ok(Ok(Left::Slot(following))) => next = following.and_then(|following| self.take_in_hand(*following)),
                Ok(Ok(Left::Interrupted)) => break,
                Ok(_) | Err(_) if hand.let_go.is_cancelled() => {
                    tracing::debug!(turn.id = %turn, "the turn goes on in another run");
                }
                Ok(Err(StoreError::Superseded { .. })) => {
                    tracing::warn!(turn.id = %turn, "the turn was moved on by another hand; this one lets go");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, turn.id = %turn, "working on the turn failed");
                    self.give_back(turn).await;
                }
                Err(_) => {
                    tracing::error!(turn.id = %turn, "working on the turn ended in a panic");
                    self.give_back(turn).await;
                }
            }
        }
        {
            let mut state = self.lock();
            state.taken -= 1;
            state.let_ended_go();
            if state.at_work.is_empty() {
                // What is left there was for turns that ended before the word could reach them.
                state.early_stops.clear();
                state.early_replacements.clear();
            }
        }
        self.fill().await;
    }

    /// Takes the hand off a turn, unless a later run has it.
    fn release(&self, turn: TurnId, hand: &Hand) {
        let mut state = self.lock();
        if state.at_work.get(&turn).is_some_and(|present| present.epoch == hand.epoch) {
            state.at_work.remove(&turn);
        }
        hand.ended.cancel();
    }

    /// A turn whose handling broke down is tried again, or set aside when it was tried often enough. Does not give up before
    /// the daemon ends, since nobody else would take the turn's conversation up again.
    async fn give_back(&self, turn: TurnId) {
        let mut wait = GIVE_BACK_FIRST;
        while !self.shutdown.is_cancelled() {
            match self.engine.store.give_back(turn, self.engine.settings.max_attempts).await {
                Ok(messages) => return self.show(messages),
                Err(error) => tracing::error!(%error, turn.id = %turn, "a turn that broke down could not be given back"),
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => wait = (wait * 2).min(GIVE_BACK_LONGEST),
                () = self.shutdown.cancelled() => {}
            }
        }
    }

    /// Waits for the turns to reach a stored step, until the deadline.
    pub(super) async fn finish(&self, deadline: Instant) {
        let mut tasks = std::mem::take(&mut self.lock().tasks);
        let all_done = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout_at(deadline.into(), all_done).await.is_err() {
            tracing::warn!("turns were still at work at the end of the grace time; they go on at the next start");
            tasks.shutdown().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

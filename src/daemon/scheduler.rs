//! Who works on which turn: one task for each turn that is taken up, as many at once as the config allows.

use crate::delivery::PacerHandle;
use crate::domain::TurnId;
use crate::engine::{Engine, Left};
use crate::store::{Accepted, ClaimedTurn, MessageRow, StoreError};
use cortex_chat::ConnectorName;
use futures_util::FutureExt as _;
use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub(super) struct Scheduler {
    engine: Arc<Engine>,
    capacity: usize,
    shutdown: CancellationToken,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stops: HashMap<TurnId, CancellationToken>,
    tasks: JoinSet<()>,
}

impl Scheduler {
    pub(super) fn new(engine: Arc<Engine>, capacity: usize, shutdown: CancellationToken) -> Self {
        Self {
            engine,
            capacity,
            shutdown,
            state: Mutex::new(State::default()),
        }
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many more turns may be worked on.
    pub(super) fn free(&self) -> usize {
        if self.shutdown.is_cancelled() {
            return 0;
        }
        self.capacity.saturating_sub(self.lock().stops.len())
    }

    /// Carries out what came of a batch of events: messages are shown, turns stopped and begun.
    pub(super) fn carry_out(self: &Arc<Self>, accepted: Accepted) {
        self.show(accepted.messages);
        for event in accepted.events {
            // Nobody may be listening.
            let _ = self.engine.listeners.send(event);
        }
        for turn in accepted.stop {
            if let Some(stop) = self.lock().stops.get(&turn) {
                stop.cancel();
            }
        }
        for claimed in accepted.claimed {
            self.begin(claimed);
        }
    }

    /// Takes up turns that wait, as far as there is room.
    pub(super) async fn fill(self: &Arc<Self>) {
        let free = self.free();
        if free == 0 {
            return;
        }
        match self.engine.store.claim(free, self.engine.settings.history_tokens).await {
            Ok(claimed) => claimed.into_iter().for_each(|turn| self.begin(turn)),
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

    fn begin(self: &Arc<Self>, claimed: ClaimedTurn) {
        let this = Arc::clone(self);
        let mut state = self.lock();
        // Ended tasks are let go of here, so that the set does not grow with every turn.
        while state.tasks.try_join_next().is_some() {}
        state.tasks.spawn(async move { this.work(claimed).await });
    }

    /// Works on a turn, and then on those that follow in its conversation.
    async fn work(self: Arc<Self>, claimed: ClaimedTurn) {
        let mut next = Some(claimed);
        while let Some(claimed) = next.take() {
            let turn = claimed.id;
            let stop = CancellationToken::new();
            self.lock().stops.insert(turn, stop.clone());
            let span = tracing::info_span!("turn", turn.id = %turn);
            let run = self.engine.run(claimed, stop, self.shutdown.clone()).instrument(span);
            let left = AssertUnwindSafe(run).catch_unwind().await;
            self.lock().stops.remove(&turn);
            match left {
                Ok(Ok(Left::Slot(following))) => next = following.map(|following| *following),
                Ok(Ok(Left::Interrupted)) => return,
                Ok(Err(StoreError::Superseded { .. })) => {
                    tracing::warn!(turn.id = %turn, "the turn was moved on by another hand; this one lets go");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, turn.id = %turn, "the turn could not be stored; it goes on at the next start");
                    return;
                }
                Err(_) => {
                    tracing::error!(turn.id = %turn, "working on the turn ended in a panic");
                    self.give_back(turn).await;
                }
            }
        }
        self.fill().await;
    }

    /// A turn whose handling broke down is tried again, or set aside when it was tried often enough.
    async fn give_back(&self, turn: TurnId) {
        match self.engine.store.give_back(turn, self.engine.settings.max_attempts).await {
            Ok(messages) => self.show(messages),
            Err(error) => tracing::error!(%error, turn.id = %turn, "a turn that broke down could not be given back"),
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

//! The daemon: builds the parts from the settings, owns their tasks, and ends them in order.

mod inbox;
mod parts;
mod scheduler;
mod watch;

pub use parts::{BuildError, known_tools, model_clients};

use crate::clock::Clock;
use crate::config::{AccessMode, Settings};
use crate::contested::Contested;
use crate::delivery::{Pacer, PacerHandle};
use crate::domain::TurnId;
use crate::engine::Engine;
use crate::models::ModelClient;
use crate::store::Store;
use crate::turn::TurnEvent;
use anyhow::Context as _;
use cortex_chat::{Connector, ConnectorName};
use inbox::DaemonInbox;
use parts::Parts;
use scheduler::Scheduler;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Events that a slow listener may be behind before it must read from the store.
const LISTENER_BACKLOG: usize = 4096;

/// A running daemon.
pub struct Daemon {
    engine: Arc<Engine>,
    scheduler: Arc<Scheduler>,
    pacers: Vec<PacerHandle>,
    tasks: JoinSet<()>,
    /// Ends the reading of the platforms.
    intake: CancellationToken,
    /// Ends the work on turns.
    work: CancellationToken,
    /// The first thing that the daemon cannot go on without.
    failures: mpsc::UnboundedReceiver<anyhow::Error>,
    grace: Duration,
}

impl Daemon {
    /// Builds everything, puts right what the last run left, and begins to read.
    ///
    /// `models` are those of the settings, built beforehand, by name.
    pub async fn start(
        settings: &Settings,
        models: &BTreeMap<String, Arc<dyn ModelClient>>,
        connectors: Vec<Connector>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        anyhow::ensure!(
            !connectors.is_empty(),
            "no connector is configured, so nobody could talk to the daemon; add one under [connectors.NAME]"
        );
        let parts = Parts::build(settings, models, &clock)?;
        let max_size = settings.store.max_size_mib.map(|mib| u32::try_from(mib).unwrap_or(u32::MAX));
        let store = Store::open(&settings.store.path, max_size, clock.clone())?;
        store
            .declare_users(parts.users.clone(), settings.access.mode == AccessMode::Open)
            .await
            .context("the users of the config could not be stored")?;
        let recovered = store
            .recover(settings.engine.max_attempts)
            .await
            .context("the store could not be put right")?;
        if recovered.unclean {
            tracing::warn!(
                turns.resumed = recovered.resumed,
                "the last run did not end as it should; going on where it was"
            );
        }

        let intake = CancellationToken::new();
        let work = CancellationToken::new();
        let (listeners, _) = broadcast::channel(LISTENER_BACKLOG);
        let mut tasks = JoinSet::new();
        let mut pacers = BTreeMap::new();
        for connector in &connectors {
            let outbound = Arc::clone(&connector.outbound);
            let (pacer, handle) = Pacer::new(connector.name.clone(), outbound, store.clone(), clock.clone());
            tasks.spawn(pacer.run());
            pacers.insert(connector.name.clone(), handle);
        }
        let contested = Contested::default();
        let router = Arc::new(parts.router_settings(settings, &connectors, contested.clone()));
        let engine = parts.into_engine(settings, store.clone(), clock, pacers.clone(), listeners, contested);
        let engine = Arc::new(engine);
        let (fail, failures) = mpsc::unbounded_channel();
        let scheduler = Arc::new(Scheduler::new(
            Arc::clone(&engine),
            settings.engine.concurrent_turns as usize,
            work.clone(),
        ));

        for connector in &connectors {
            show_what_waits(&store, connector, &pacers).await?;
        }
        scheduler.fill().await;

        let (report, conditions) = mpsc::unbounded_channel();
        tasks.spawn(watch::conditions(store.clone(), conditions, intake.clone()));
        let inbox = Arc::new(DaemonInbox::new(
            store,
            Arc::clone(&scheduler),
            router,
            report,
            recovered.unclean,
        ));
        tasks.spawn(watch::expiries(Arc::clone(&scheduler), intake.clone()));
        tasks.spawn(watch::ready_turns(Arc::clone(&scheduler), intake.clone()));
        tasks.spawn(watch::forgotten_turns(Arc::clone(&scheduler), intake.clone()));
        tasks.spawn(watch::handed_over(Arc::clone(&scheduler), intake.clone()));
        tasks.spawn(watch::forgetting(Arc::clone(&scheduler), intake.clone()));
        let reading = Arc::new(AtomicUsize::new(connectors.len()));
        for connector in connectors {
            let (inbox, reading) = (Arc::clone(&inbox), Arc::clone(&reading));
            tasks.spawn(read(connector, inbox, intake.clone(), reading, fail.clone()));
        }
        Ok(Self {
            engine,
            scheduler,
            pacers: pacers.into_values().collect(),
            tasks,
            intake,
            work,
            failures,
            grace: settings.shutdown.grace,
        })
    }

    /// Every event of every turn from now on.
    pub fn turn_events(&self) -> broadcast::Receiver<(TurnId, TurnEvent)> {
        self.engine.listeners.subscribe()
    }

    /// Runs until `quit`, or until something breaks that the daemon cannot go on without; then ends in order.
    pub async fn run_until(mut self, quit: CancellationToken) -> anyhow::Result<()> {
        let failure = tokio::select! {
            // A part that fails says why before it ends, and that is what the operator should read.
            biased;
            () = quit.cancelled() => None,
            Some(failure) = self.failures.recv() => Some(failure),
            Some(ended) = self.tasks.join_next() => match ended {
                // A connector may end by itself just before it tells that the person left.
                Ok(()) if quit.is_cancelled() => None,
                Ok(()) => Some(anyhow::anyhow!("a part of the daemon ended by itself")),
                Err(error) => Some(anyhow::anyhow!("a part of the daemon broke down: {error}")),
            },
        };
        self.stop().await;
        failure.map_or(Ok(()), Err)
    }

    /// Stops in steps: no more intake, turns reach a stored step, what is stored is shown, the store closes.
    async fn stop(mut self) {
        let deadline = Instant::now() + self.grace;
        self.intake.cancel();
        self.work.cancel();
        self.scheduler.finish(deadline).await;
        for pacer in &self.pacers {
            let left = deadline.saturating_duration_since(Instant::now());
            if tokio::time::timeout(left, pacer.drained()).await.is_err() {
                tracing::warn!("not everything could be shown in time; the rest is shown at the next start");
            }
        }
        if let Err(error) = self.engine.store.note_clean_stop().await {
            tracing::error!(%error, "the end of the run could not be noted");
        }
        self.tasks.shutdown().await;
        self.engine.store.close();
    }
}

/// Gives a connector's pacer what the last run left to be shown, and puts open questions again where that is due.
async fn show_what_waits(
    store: &Store,
    connector: &Connector,
    pacers: &BTreeMap<ConnectorName, PacerHandle>,
) -> anyhow::Result<()> {
    let Some(pacer) = pacers.get(&connector.name) else {
        return Ok(());
    };
    let forgets = !connector.outbound.capabilities().keeps_messages;
    if forgets {
        store.forget_shown(connector.name.clone()).await?;
        store.announce_again(connector.name.clone()).await?;
    }
    pacer.hold(store.waits(connector.name.clone()).await?);
    pacer.show(store.messages_to_show(connector.name.clone()).await?);
    Ok(())
}

/// Reads a platform until the intake ends. A connector that a person must mend ends alone; the last one takes the daemon with it.
async fn read(
    connector: Connector,
    inbox: Arc<DaemonInbox>,
    intake: CancellationToken,
    reading: Arc<AtomicUsize>,
    fail: mpsc::UnboundedSender<anyhow::Error>,
) {
    let name = connector.name.clone();
    let Err(error) = connector.inbound.run(inbox, intake.clone()).await else {
        return;
    };
    if intake.is_cancelled() {
        return;
    }
    let others = reading.fetch_sub(1, Ordering::SeqCst) - 1;
    let error = anyhow::Error::new(error).context(format!("the connector {name} can no longer read"));
    if others > 0 {
        tracing::error!("{error:#}; the other connectors go on, and this one comes back with the next start");
        intake.cancelled().await;
    } else {
        // The receiver is gone only when the daemon is ending anyway.
        let _ = fail.send(error);
    }
}

#[cfg(test)]
mod tests;

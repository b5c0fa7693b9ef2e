//! Where connectors hand their events over: stored first, carried out after.

use super::scheduler::Scheduler;
use crate::failpoint;
use crate::store::{RouterSettings, Store};
use async_trait::async_trait;
use cortex_chat::{Condition, ConnectorName, EventBatch, EventKind, Inbox, InboxError, Receipt};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long after a crash events are taken for ones that may have caused it.
const SUSPICIOUS_AFTER_CRASH: Duration = Duration::from_mins(10);

/// How long a decision waits for the call in flight in its chat.
const LONGEST_SETTLING: Duration = Duration::from_secs(2);

pub(super) struct DaemonInbox {
    store: Store,
    scheduler: Arc<Scheduler>,
    router: Arc<RouterSettings>,
    /// Changes of accounts' conditions, to be put on record.
    report: mpsc::UnboundedSender<(ConnectorName, Condition)>,
    /// After a crash each event is counted before it is handled, so that one that crashes the daemon is set aside in the end.
    /// What the platforms deliver again comes soon; after this instant, events are new.
    count_attempts_until: Option<Instant>,
}

impl DaemonInbox {
    pub(super) fn new(
        store: Store,
        scheduler: Arc<Scheduler>,
        router: Arc<RouterSettings>,
        report: mpsc::UnboundedSender<(ConnectorName, Condition)>,
        after_crash: bool,
    ) -> Self {
        Self {
            store,
            scheduler,
            router,
            report,
            count_attempts_until: after_crash.then(|| Instant::now() + SUSPICIOUS_AFTER_CRASH),
        }
    }

    async fn without_set_aside(&self, connector: &ConnectorName, mut batch: EventBatch) -> Result<EventBatch, InboxError> {
        let mut kept = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            let router = Arc::clone(&self.router);
            match self
                .store
                .count_event_attempt(connector.clone(), &event, router)
                .await
                .map_err(refused)?
            {
                None => kept.push(event),
                Some(told) => {
                    tracing::error!(event.id = %event.id, connector.name = %connector, "an event was set aside: handling it failed too often");
                    self.scheduler.show(told);
                }
            }
        }
        batch.events = kept;
        Ok(batch)
    }
}

impl DaemonInbox {
    /// A person can answer a question before the store knows that it is shown; then the answer would belong to nothing.
    async fn let_prompts_settle(&self, connector: &ConnectorName, batch: &EventBatch) {
        let Some(pacer) = self.scheduler.engine().pacers.get(connector) else {
            return;
        };
        for event in &batch.events {
            // A choice names its question by itself.
            let names_it = matches!(event.kind, EventKind::Stop | EventKind::Choice { .. });
            if names_it || !self.router.may_be_about_the_gate(event) {
                continue;
            }
            // A platform that is slow to answer must not hold up the intake.
            let _ = tokio::time::timeout(LONGEST_SETTLING, pacer.settled(&event.address.chat)).await;
        }
    }
}

#[async_trait]
impl Inbox for DaemonInbox {
    async fn accept(&self, connector: &ConnectorName, batch: EventBatch) -> Result<Receipt, InboxError> {
        let count_attempts = self.count_attempts_until.is_some_and(|until| Instant::now() < until);
        let batch = if count_attempts {
            self.without_set_aside(connector, batch).await?
        } else {
            batch
        };
        self.let_prompts_settle(connector, &batch).await;
        let places = self.scheduler.hold(batch.events.len());
        let router = Arc::clone(&self.router);
        let mut accepted = self
            .store
            .accept(connector.clone(), batch, router, places.held())
            .await
            .map_err(refused)?;
        failpoint::hit("accept.after_commit");
        let replies = std::mem::take(&mut accepted.replies);
        self.scheduler.carry_out(accepted, places);
        Ok(Receipt { replies })
    }

    async fn cursor(&self, connector: &ConnectorName, scope: &str) -> Result<Option<String>, InboxError> {
        self.store.cursor(connector.clone(), scope.to_owned()).await.map_err(refused)
    }

    fn report(&self, connector: &ConnectorName, condition: Condition) {
        if !self.scheduler.engine().contested.note(connector, condition) {
            return;
        }
        match condition {
            Condition::Contested => tracing::error!(
                connector.name = %connector,
                "another program reads this account too; until it is stopped, no tools run for those who write there"
            ),
            Condition::Alone => {
                tracing::info!(connector.name = %connector, "this account is read by us alone again; tools run as before");
            }
        }
        // The receiver is gone only when the daemon is ending.
        let _ = self.report.send((connector.clone(), condition));
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn refused(error: crate::store::StoreError) -> InboxError {
    InboxError(error.to_string())
}

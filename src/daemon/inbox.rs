//! Where connectors hand their events over: stored first, carried out after.

use super::scheduler::Scheduler;
use crate::failpoint;
use crate::store::{RouterSettings, Store};
use async_trait::async_trait;
use cortex_chat::{ConnectorName, EventBatch, Inbox, InboxError};
use std::sync::Arc;

pub(super) struct DaemonInbox {
    store: Store,
    scheduler: Arc<Scheduler>,
    router: Arc<RouterSettings>,
    /// After a crash each event is counted before it is handled, so that one that crashes the daemon is set aside in the end.
    count_attempts: bool,
}

impl DaemonInbox {
    pub(super) fn new(store: Store, scheduler: Arc<Scheduler>, router: Arc<RouterSettings>, count_attempts: bool) -> Self {
        Self {
            store,
            scheduler,
            router,
            count_attempts,
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

#[async_trait]
impl Inbox for DaemonInbox {
    async fn accept(&self, connector: &ConnectorName, batch: EventBatch) -> Result<(), InboxError> {
        let batch = if self.count_attempts {
            self.without_set_aside(connector, batch).await?
        } else {
            batch
        };
        let free = self.scheduler.free();
        let accepted = self
            .store
            .accept(connector.clone(), batch, Arc::clone(&self.router), free)
            .await
            .map_err(refused)?;
        failpoint::hit("accept.after_commit");
        self.scheduler.carry_out(accepted);
        Ok(())
    }

    async fn cursor(&self, connector: &ConnectorName, scope: &str) -> Result<Option<String>, InboxError> {
        self.store.cursor(connector.clone(), scope.to_owned()).await.map_err(refused)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn refused(error: crate::store::StoreError) -> InboxError {
    InboxError(error.to_string())
}

//! Where connectors hand their events over: stored first, carried out after.

use super::scheduler::Scheduler;
use crate::failpoint;
use crate::store::{RouterSettings, Store, StoreError};
use async_trait::async_trait;
use cortex_chat::{Condition, ConnectorName, Event, EventBatch, EventId, EventKind, Inbox, InboxError, Receipt};
use futures_util::future::join_all;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How long after a crash events are taken for ones that may have caused it.
const SUSPICIOUS_AFTER_CRASH: Duration = Duration::from_mins(10);

/// How long a decision waits for the call in flight in its chat.
const LONGEST_SETTLING: Duration = Duration::from_secs(2);

/// How often an event is tried by itself before it is set aside.
const TRIES: u32 = 3;

pub(super) struct DaemonInbox {
    store: Store,
    scheduler: Arc<Scheduler>,
    router: Arc<RouterSettings>,
    /// Changes of accounts' conditions, to be put on record.
    report: mpsc::UnboundedSender<(ConnectorName, Condition)>,
    /// After a crash each event is counted before it is handled, so that one that crashes the daemon is set aside in the end.
    /// What the platforms deliver again comes soon; after this instant, events are new.
    count_attempts_until: Option<Instant>,
    /// The events that were counted since the start: handing one over again is not another attempt.
    counted: Mutex<HashSet<EventId>>,
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
            counted: Mutex::default(),
        }
    }

    async fn without_set_aside(&self, connector: &ConnectorName, mut batch: EventBatch) -> Result<EventBatch, InboxError> {
        let mut kept = Vec::with_capacity(batch.events.len());
        for event in batch.events {
            if self.was_counted(&event) {
                kept.push(event);
                continue;
            }
            let router = Arc::clone(&self.router);
            match self.store.count_event_attempt(connector.clone(), &event, router).await {
                Ok(None) => {
                    self.note_counted(&event);
                    kept.push(event);
                }
                Ok(Some(told)) => {
                    tracing::error!(event.id = %event.id, connector.name = %connector, "an event was set aside: handling it failed too often");
                    self.scheduler.show(told);
                }
                Err(error) if error.is_about_content() => {
                    self.set_aside(connector, &event, &error).await.map_err(refused)?;
                }
                Err(error) => return Err(refused(error)),
            }
        }
        batch.events = kept;
        Ok(batch)
    }

    fn was_counted(&self, event: &Event) -> bool {
        self.counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(&event.id)
    }

    fn note_counted(&self, event: &Event) {
        self.counted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(event.id.clone());
    }

    /// Stores events and begins what follows from them.
    async fn take(&self, connector: &ConnectorName, batch: Arc<EventBatch>) -> Result<Receipt, StoreError> {
        let places = self.scheduler.hold(batch.events.len());
        let router = Arc::clone(&self.router);
        let mut accepted = self.store.accept(connector.clone(), batch, router, places.held()).await?;
        failpoint::hit("accept.after_commit");
        let replies = std::mem::take(&mut accepted.replies);
        self.scheduler.carry_out(accepted, places);
        Ok(Receipt { replies })
    }

    /// Takes the events of a batch that fails as a whole each by itself, so that one that cannot be handled holds up nothing but
    /// itself: neither the others nor all that the connector would read after it.
    async fn take_one_by_one(&self, connector: &ConnectorName, batch: &EventBatch) -> Result<Receipt, StoreError> {
        let mut receipt = Receipt::default();
        for event in &batch.events {
            let alone = Arc::new(EventBatch {
                scope: batch.scope.clone(),
                cursor: None,
                events: vec![event.clone()],
                caught_up: false,
            });
            let mut taken = self.take(connector, Arc::clone(&alone)).await;
            for _ in 1..TRIES {
                if !taken.as_ref().is_err_and(StoreError::is_about_content) {
                    break;
                }
                taken = self.take(connector, Arc::clone(&alone)).await;
            }
            match taken {
                Ok(taken) => receipt.replies.extend(taken.replies),
                Err(error) if error.is_about_content() => {
                    self.set_aside(connector, event, &error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        let position = |caught_up: bool| EventBatch {
            scope: batch.scope.clone(),
            cursor: batch.cursor.clone(),
            events: Vec::new(),
            caught_up,
        };
        match self.take(connector, Arc::new(position(batch.caught_up))).await {
            // What follows from having caught up must not keep the connector from going on.
            Err(error) if error.is_about_content() && batch.caught_up => {
                tracing::error!(%error, connector.name = %connector, "open questions could not be put again");
                self.take(connector, Arc::new(position(false))).await?;
            }
            taken => drop(taken?),
        }
        Ok(receipt)
    }

    async fn set_aside(&self, connector: &ConnectorName, event: &Event, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(
            %error, event.id = %event.id, connector.name = %connector,
            "an event was set aside: the store cannot handle it"
        );
        let router = Arc::clone(&self.router);
        match self.store.set_event_aside(connector.clone(), event, router).await {
            Ok(told) => self.scheduler.show(told),
            Err(error) if error.is_about_content() => {
                tracing::error!(%error, event.id = %event.id, "the event could not even be put into the inbox");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

impl DaemonInbox {
    /// A person can answer a question before the store knows that it is shown; then the answer would belong to nothing.
    async fn let_prompts_settle(&self, connector: &ConnectorName, batch: &EventBatch) {
        let Some(pacer) = self.scheduler.engine().pacers.get(connector) else {
            return;
        };
        let may_answer = |event: &&Event| {
            // A choice names its question by itself.
            let names_it = matches!(event.kind, EventKind::Stop | EventKind::Choice { .. });
            !names_it && self.router.may_be_about_the_gate(event)
        };
        let answers = batch.events.iter().filter(may_answer);
        let settled = join_all(answers.map(|event| async {
            // Without an open question there, nothing can be answered.
            let chat = event.address.chat.clone();
            if let Ok(true) = self.store.has_open_question(connector.clone(), chat).await {
                pacer.settled(&event.address.chat).await;
            }
        }));
        // A platform that is slow to answer must not hold up the intake.
        let _ = tokio::time::timeout(LONGEST_SETTLING, settled).await;
    }
}

#[async_trait]
impl Inbox for DaemonInbox {
    async fn accept(&self, connector: &ConnectorName, batch: EventBatch) -> Result<Receipt, InboxError> {
        // A wait is no attempt.
        self.let_prompts_settle(connector, &batch).await;
        let count_attempts = self.count_attempts_until.is_some_and(|until| Instant::now() < until);
        let batch = if count_attempts {
            self.without_set_aside(connector, batch).await?
        } else {
            self.counted.lock().unwrap_or_else(PoisonError::into_inner).clear();
            batch
        };
        let batch = Arc::new(batch);
        let taken = match self.take(connector, Arc::clone(&batch)).await {
            Err(error) if error.is_about_content() => {
                tracing::warn!(%error, connector.name = %connector, "a batch of events failed, so that each is tried by itself");
                self.take_one_by_one(connector, &batch).await
            }
            taken => taken,
        };
        taken.map_err(refused)
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
fn refused(error: StoreError) -> InboxError {
    InboxError(error.to_string())
}

//! An inbox in memory.

use super::SOON;
use crate::{ChoiceReply, Condition, ConnectorName, Event, EventBatch, EventKind, Inbox, InboxError, Receipt, Text};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Keeps what it is handed. It can refuse events, and it can be where the process dies.
#[derive(Default)]
pub struct RecordingInbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    behaviour: Behaviour,
    stored: Vec<EventBatch>,
    refused: Vec<EventBatch>,
    cursors: HashMap<String, String>,
    conditions: Vec<Condition>,
    choice_reply: Option<Text>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Behaviour {
    #[default]
    Accept,
    Refuse,
    StoreAndHang,
}

impl RecordingInbox {
    /// Stores from now on.
    pub fn accept_again(&self) {
        self.state().behaviour = Behaviour::Accept;
    }

    /// Refuses events from now on.
    pub fn refuse(&self) {
        self.state().behaviour = Behaviour::Refuse;
    }

    /// Stores from now on, but never answers who brings events: as far as the connector can tell, the process dies.
    pub fn hang_after_storing(&self) {
        self.state().behaviour = Behaviour::StoreAndHang;
    }

    /// Replies so to each choice from now on.
    pub fn reply_to_choices(&self, text: &str) {
        self.state().choice_reply = Some(text.into());
    }

    /// The stored batches, in order.
    pub fn batches(&self) -> Vec<EventBatch> {
        self.state().stored.clone()
    }

    /// All stored events in the order in which they came, repeated ones as often as they came.
    pub fn deliveries(&self) -> Vec<Event> {
        self.state().stored.iter().flat_map(|batch| batch.events.clone()).collect()
    }

    /// The stored events, each once.
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = Vec::new();
        for event in self.deliveries() {
            if events.iter().all(|known| known.id != event.id) {
                events.push(event);
            }
        }
        events
    }

    /// The events that were refused, as often as they came.
    pub fn refused(&self) -> Vec<Event> {
        self.state().refused.iter().flat_map(|batch| batch.events.clone()).collect()
    }

    /// What was reported of the reading.
    pub fn conditions(&self) -> Vec<Condition> {
        self.state().conditions.clone()
    }

    /// Waits until there is something; `None` if it does not come soon.
    pub async fn until<T>(&self, mut find: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let found = async {
            loop {
                let changed = self.changed.notified();
                tokio::pin!(changed);
                changed.as_mut().enable();
                if let Some(found) = find(self) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(SOON, found).await.ok()
    }

    fn take(&self, batch: EventBatch) -> Result<Receipt, InboxError> {
        let mut state = self.state();
        if state.behaviour == Behaviour::Refuse && !batch.events.is_empty() {
            state.refused.push(batch);
            return Err(InboxError("it is told to refuse".to_owned()));
        }
        if let Some(cursor) = &batch.cursor {
            state.cursors.insert(batch.scope.clone(), cursor.clone());
        }
        let choices = batch
            .events
            .iter()
            .filter(|event| matches!(event.kind, EventKind::Choice { .. }));
        let replies = state.choice_reply.clone().map_or_else(Vec::new, |text| {
            let reply = |event: &Event| ChoiceReply {
                event: event.id.clone(),
                text: text.clone(),
            };
            choices.map(reply).collect()
        });
        state.stored.push(batch);
        Ok(Receipt { replies })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Inbox for RecordingInbox {
    async fn accept(&self, _connector: &ConnectorName, batch: EventBatch) -> Result<Receipt, InboxError> {
        let hangs = self.state().behaviour == Behaviour::StoreAndHang && !batch.events.is_empty();
        let taken = self.take(batch);
        self.changed.notify_waiters();
        if hangs {
            std::future::pending::<()>().await;
        }
        taken
    }

    async fn cursor(&self, _connector: &ConnectorName, scope: &str) -> Result<Option<String>, InboxError> {
        Ok(self.state().cursors.get(scope).cloned())
    }

    fn report(&self, _connector: &ConnectorName, condition: Condition) {
        self.state().conditions.push(condition);
        self.changed.notify_waiters();
    }
}

//! Answers to pressed buttons: until one comes, the presser's client shows that it waits. They go past the pacer, since they
//! belong to no chat's limits and a late one is worth nothing.

use crate::client::{CallError, Client};
use crate::strings;
use cortex_chat::{EventId, Receipt};
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::{AnswerCallbackQuery, AnswerCallbackQuerySetters as _};
use teloxide::types::CallbackQueryId;
use tokio::task::JoinSet;

/// A press gets an answer by then, be it one without a word.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Presses without an answer: their events and the queries to answer.
pub(super) type Unanswered = Vec<(EventId, String)>;

/// Owns the calls that answer; they end with the reading.
#[derive(Default)]
pub(super) struct Presses {
    calls: JoinSet<()>,
}

impl Presses {
    /// Answers each press with the word meant for it, else without one.
    pub(super) fn answer(&mut self, client: &Arc<Client>, presses: Unanswered, receipt: &Receipt) {
        for (event, query) in presses {
            let word = receipt.replies.iter().find(|reply| reply.event == event);
            self.call(client, query, word.map(|reply| reply.text.as_str().to_owned()));
        }
    }

    /// Tells the pressers that it takes a while.
    pub(super) fn excuse(&mut self, client: &Arc<Client>, presses: Unanswered) {
        for (_, query) in presses {
            self.call(client, query, Some(strings::NOT_TAKEN_YET.to_owned()));
        }
    }

    /// Takes another call along that ends with the reading.
    pub(super) fn also(&mut self, call: impl Future<Output = ()> + Send + 'static) {
        while self.calls.try_join_next().is_some() {}
        self.calls.spawn(call);
    }

    fn call(&mut self, client: &Arc<Client>, query: String, word: Option<String>) {
        let client = Arc::clone(client);
        self.also(async move {
            let mut payload = AnswerCallbackQuery::new(CallbackQueryId(query));
            if let Some(word) = word {
                // Whoever is refused should see it; a short word on what was done may pass by.
                payload = payload.text(strings::fit(&word));
            }
            let answered: Result<bool, CallError> = client.call(&payload).await;
            if let Err(error) = answered {
                // The press itself counts; only its sign of life is missing.
                tracing::debug!(%error, "a press could not be answered");
            }
        });
    }
}

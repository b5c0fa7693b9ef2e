//! The reading half: long polls, and a batch handed over for each before the next poll confirms it.

mod poll;
mod presses;

use crate::client::{CALL_TIMEOUT, CallError, Client};
use crate::config::Settings;
use crate::convert::{Bot, Converted, Converter};
use crate::update::User;
use async_trait::async_trait;
use cortex_chat::{Condition, ConnectorName, EventBatch, Inbound, InboundError, Inbox, Receipt};
use poll::{Failure, Polled};
use presses::Presses;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The most updates that one poll may give.
const UPDATES_PER_POLL: usize = 100;
/// First wait after a poll that failed; doubles with each failure.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest such wait.
const RETRY_LONGEST: Duration = Duration::from_secs(30);
/// First wait after another reader has ended our poll: a daemon that is being replaced is gone by then.
const CONFLICT_FIRST: Duration = Duration::from_secs(5);
/// Added to the time of a poll for the waits after that, so that the other reader's polls can end by themselves.
const CONFLICT_MARGIN: Duration = Duration::from_secs(5);
/// So many conflicts without a time alone between them, and the account counts as contested.
const CONFLICTS_TOLERATED: u32 = 2;
/// So many of those waits without a conflict, and the account is ours alone again: the other reader may be one that waits
/// like us.
const WAITS_ALONE: u32 = 3;
/// One failure in so many is logged while the API stays out of reach.
const LOG_EVERY: u32 = 20;

pub(crate) struct TelegramInbound {
    pub(crate) settings: Settings,
    pub(crate) client: Arc<Client>,
}

#[async_trait]
impl Inbound for TelegramInbound {
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError> {
        let mut reader = Reader {
            settings: self.settings,
            client: self.client,
            inbox,
            presses: Presses::default(),
            failures: 0,
            conflicts: 0,
            last_conflict: None,
            webhooks_removed: 0,
        };
        // Whatever is dropped here was not confirmed, and comes again.
        tokio::select! {
            biased;
            () = shutdown.cancelled() => Ok(()),
            ended = reader.read() => ended,
        }
    }
}

struct Reader {
    settings: Settings,
    client: Arc<Client>,
    inbox: Arc<dyn Inbox>,
    presses: Presses,
    /// Calls that failed since one went well.
    failures: u32,
    /// Polls that another reader ended, since the account was ours alone.
    conflicts: u32,
    /// When another reader ended our poll last.
    last_conflict: Option<Instant>,
    /// Webhooks that were taken away since the start.
    webhooks_removed: u32,
}

impl Reader {
    /// Reads for ever; ends with what only a person can mend.
    async fn read(&mut self) -> Result<(), InboundError> {
        let bot = self.introduce().await?;
        tracing::info!(connector.name = %self.settings.name, bot.id, bot.username, "Telegram knows the bot");
        let commands = crate::commands::register(Arc::clone(&self.client), self.settings.commands.clone());
        self.presses.also(commands);
        let scope = format!("updates of {}", bot.id);
        let mut offset = self.stored_offset(&scope).await;
        let converter = Converter {
            connector: self.settings.name.clone(),
            bot,
            commands: self.settings.commands.iter().map(|(name, _)| name.clone()).collect(),
        };
        // The first poll does not wait: after a start it is to be known at once whether anything came meanwhile.
        let mut timeout = Duration::ZERO;
        loop {
            let raw = match poll::poll(&self.client, offset, timeout).await {
                Polled::Updates(raw) => raw,
                Polled::Failed(failure) => {
                    self.recover(failure).await?;
                    continue;
                }
            };
            let caught_up = raw.len() < UPDATES_PER_POLL;
            let updates: Vec<Converted> = raw.iter().filter_map(|update| converter.convert(update)).collect();
            if updates.is_empty() && !raw.is_empty() {
                // Nothing to confirm them with; asked at once, Telegram would give them again at once.
                let problem = "its updates have no numbers".to_owned();
                self.recover(Failure::Unanswered(problem)).await?;
                continue;
            }
            self.polled_well();
            timeout = self.settings.poll_timeout;
            // By assignment and not by the largest: after a week of silence the numbers begin anew anywhere.
            let next = updates.last().map(|update| update.update_id + 1).or(offset);
            self.hand_over(&scope, next, updates, caught_up).await;
            offset = next;
        }
    }

    /// Who the bot is; asked until Telegram answers.
    async fn introduce(&mut self) -> Result<Bot, InboundError> {
        loop {
            let me: Result<User, CallError> = self.client.call_with("getMe", &json!({}), CALL_TIMEOUT).await;
            match me {
                Ok(User {
                    id: Some(id), username, ..
                }) => {
                    let username = username.unwrap_or_default();
                    return Ok(Bot { id, username });
                }
                Ok(_) => self.recover(Failure::Unanswered("getMe tells no id".to_owned())).await?,
                Err(error) => self.recover(Failure::from(error)).await?,
            }
        }
    }

    /// Ends a webhook: while there is one, nothing can be polled. What it has not delivered is kept. Where somebody sets it again
    /// and again, taking it away at once would be a race without end.
    async fn remove_webhook(&mut self) {
        if self.webhooks_removed > 0 {
            tokio::time::sleep(self.settings.poll_timeout + CONFLICT_MARGIN).await;
        }
        self.webhooks_removed += 1;
        tracing::warn!(connector.name = %self.settings.name, "a webhook is set for this bot; it is removed, since updates are polled");
        let body = json!({"drop_pending_updates": false});
        let removed: Result<Value, CallError> = self.client.call_with("deleteWebhook", &body, CALL_TIMEOUT).await;
        if let Err(error) = removed {
            tracing::warn!(connector.name = %self.settings.name, %error, "the webhook could not be removed");
        }
    }

    /// Where the last run stopped reading. Without it, Telegram begins with the oldest update that nobody confirmed.
    async fn stored_offset(&mut self, scope: &str) -> Option<i64> {
        let mut wait = RETRY_FIRST;
        loop {
            match self.inbox.cursor(&self.settings.name, scope).await {
                Ok(cursor) => return cursor.and_then(|cursor| cursor.parse().ok()),
                Err(error) => {
                    tracing::error!(connector.name = %self.settings.name, %error, "the place to go on reading at cannot be looked up; trying again");
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_LONGEST);
        }
    }

    /// Hands the updates of a poll over, until they are taken. Only then does the next poll confirm them.
    async fn hand_over(&mut self, scope: &str, next: Option<i64>, updates: Vec<Converted>, caught_up: bool) {
        let mut presses: Vec<_> = updates
            .iter()
            .filter_map(|update| Some((update.event.id.clone(), update.press.clone()?)))
            .collect();
        let batch = EventBatch {
            scope: scope.to_owned(),
            cursor: next.map(|next| next.to_string()),
            events: updates.into_iter().map(|update| update.event).collect(),
            caught_up,
        };
        let mut wait = RETRY_FIRST;
        loop {
            let (inbox, name) = (Arc::clone(&self.inbox), self.settings.name.clone());
            match accept(&*inbox, &name, batch.clone(), &mut presses, &mut self.presses, &self.client).await {
                Ok(()) => return,
                Err(error) => tracing::error!(
                    connector.name = %name, updates = batch.events.len(), %error,
                    "updates were not taken, so Telegram keeps them; trying again"
                ),
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RETRY_LONGEST);
        }
    }

    /// A poll went well.
    fn polled_well(&mut self) {
        if self.failures > 0 {
            tracing::info!(connector.name = %self.settings.name, "Telegram's API answers again");
            self.failures = 0;
        }
        let alone_after = self.longest_conflict_wait() * WAITS_ALONE;
        if self.last_conflict.is_some_and(|at| at.elapsed() >= alone_after) {
            self.last_conflict = None;
            self.conflicts = 0;
            self.inbox.report(&self.settings.name, Condition::Alone);
        }
    }

    /// Waits as a failure demands, or ends where only a person can help.
    async fn recover(&mut self, failure: Failure) -> Result<(), InboundError> {
        let name = self.settings.name.clone();
        let wait = match failure {
            Failure::Refused(sentence) => return Err(InboundError::Fatal(sentence)),
            Failure::Conflict => self.conflict(),
            Failure::Webhook => {
                self.remove_webhook().await;
                Duration::ZERO
            }
            Failure::RateLimited(wait) => {
                tracing::warn!(connector.name = %name, wait.seconds = wait.as_secs(), "Telegram asks to wait before the next poll");
                wait
            }
            Failure::Unanswered(problem) => {
                if self.failures.is_multiple_of(LOG_EVERY) {
                    tracing::warn!(connector.name = %name, problem, "Telegram's API does not answer; trying again");
                }
                self.failures += 1;
                RETRY_FIRST
                    .saturating_mul(1 << (self.failures - 1).min(10))
                    .min(RETRY_LONGEST)
            }
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Another reader has ended our poll.
    fn conflict(&mut self) -> Duration {
        self.conflicts += 1;
        self.last_conflict = Some(Instant::now());
        tracing::warn!(
            connector.name = %self.settings.name,
            "another program polls with this bot's token, and each of us gets a part of the messages; stop it, or take a token of its own"
        );
        if self.conflicts > CONFLICTS_TOLERATED {
            self.inbox.report(&self.settings.name, Condition::Contested);
        }
        if self.conflicts == 1 {
            CONFLICT_FIRST
        } else {
            self.longest_conflict_wait()
        }
    }

    fn longest_conflict_wait(&self) -> Duration {
        self.settings.poll_timeout + CONFLICT_MARGIN
    }
}

/// Has a batch taken, and answers the presses in it: with what came of them, or without a word when that takes too long.
async fn accept(
    inbox: &dyn Inbox,
    name: &ConnectorName,
    batch: EventBatch,
    unanswered: &mut presses::Unanswered,
    presses: &mut Presses,
    client: &Arc<Client>,
) -> Result<(), cortex_chat::InboxError> {
    let accepted = inbox.accept(name, batch);
    tokio::pin!(accepted);
    let receipt = tokio::select! {
        receipt = &mut accepted => receipt,
        () = tokio::time::sleep(presses::ANSWER_WITHIN), if !unanswered.is_empty() => {
            presses.answer(client, std::mem::take(unanswered), &Receipt::default());
            accepted.await
        }
    };
    let receipt = match receipt {
        Ok(receipt) => receipt,
        Err(error) => {
            presses.excuse(client, std::mem::take(unanswered));
            return Err(error);
        }
    };
    presses.answer(client, std::mem::take(unanswered), &receipt);
    Ok(())
}

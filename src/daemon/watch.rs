//! What happens beside the events: questions expire, requests have waited long enough for more of them, a slow look finds turns
//! that nobody works on, and another what command-line tools have left to be shown; accounts' conditions change.

use super::scheduler::Scheduler;
use crate::store::Store;
use cortex_chat::{Condition, ConnectorName};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The longest sleep between two looks at what expires; new questions expire later than this.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);
/// The shortest, so that a failing store is not asked without pause.
const SHORTEST_SLEEP: Duration = Duration::from_millis(50);
/// How often old events are looked for that can be forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);
/// How often turns are looked for that a lost wake-up left waiting.
const LOOK_FOR_TURNS: Duration = Duration::from_secs(5);

/// How often it is looked for messages of command-line tools: whoever let somebody in sees the word arrive. Costs one small query.
const LOOK_FOR_MESSAGES: Duration = Duration::from_secs(1);

/// Expires questions when their time is over.
pub(super) async fn expiries(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    loop {
        match scheduler.engine().store.expire_approvals().await {
            Ok(expired) if expired.events.is_empty() => {}
            Ok(expired) => {
                scheduler.show(expired.messages);
                scheduler.tell(expired.events);
                scheduler.fill().await;
            }
            Err(error) => tracing::error!(%error, "expired questions could not be ended"),
        }
        let now = scheduler.engine().clock.now().as_millisecond();
        let next = scheduler.engine().store.next_expiry().await.ok().flatten();
        let until_next = next.map_or(LONGEST_SLEEP, |next| {
            Duration::from_millis(u64::try_from(next - now).unwrap_or(0)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
        });
        // A question put in the meantime may expire sooner than the next look.
        let sleep = until_next.min(scheduler.engine().settings.expires_after.max(SHORTEST_SLEEP));
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Takes up turns that have waited long enough for the messages that belong to their requests.
pub(super) async fn ready_turns(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    loop {
        // What comes due between the two looks is found by the second.
        let looked_at = scheduler.engine().clock.now().as_millisecond();
        scheduler.fill().await;
        let next = match scheduler.engine().store.next_ready(looked_at).await {
            Ok(next) => next,
            Err(error) => {
                tracing::error!(%error, "turns that are to be taken up later could not be looked for");
                None
            }
        };
        let now = scheduler.engine().clock.now().as_millisecond();
        let sleep = next.map_or(LONGEST_SLEEP, |next| {
            Duration::from_millis(u64::try_from(next - now).unwrap_or(0)).min(LONGEST_SLEEP)
        });
        tokio::select! {
            () = tokio::time::sleep(sleep) => {}
            () = scheduler.turn_waits() => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Takes up turns whose wake-up was lost.
pub(super) async fn forgotten_turns(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_TURNS) => scheduler.fill().await,
            () = shutdown.cancelled() => return,
        }
    }
}

/// Forgets what nobody was served for.
pub(super) async fn forgetting(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    loop {
        let wait = match scheduler.engine().store.forget_ignored().await {
            Ok(true) => SHORTEST_SLEEP,
            Ok(false) => FORGET_EVERY,
            Err(error) => {
                tracing::warn!(%error, "old events could not be forgotten");
                FORGET_EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Shows the messages that command-line tools have stored.
pub(super) async fn handed_over(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    let mut wait = LOOK_FOR_MESSAGES;
    loop {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = shutdown.cancelled() => return,
        }
        match scheduler.engine().store.take_handed_over().await {
            Ok(messages) => {
                scheduler.show(messages);
                wait = LOOK_FOR_MESSAGES;
            }
            Err(error) => {
                tracing::error!(%error, "messages of command-line tools could not be looked for");
                wait = LONGEST_SLEEP;
            }
        }
    }
}

/// Puts on record when an account becomes contested, and when it no longer is.
pub(super) async fn conditions(
    store: Store,
    mut changes: mpsc::UnboundedReceiver<(ConnectorName, Condition)>,
    shutdown: CancellationToken,
) {
    loop {
        let change = tokio::select! {
            biased;
            Some(change) = changes.recv() => change,
            () = shutdown.cancelled() => return,
        };
        let (connector, condition) = change;
        if let Err(error) = store.record_condition(connector.clone(), condition).await {
            tracing::error!(%error, connector.name = %connector, "a change of the account's condition could not be put on record");
        }
    }
}

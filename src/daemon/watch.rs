//! What happens beside the events: questions expire, a slow look finds turns that nobody works on, accounts' conditions change.

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
/// How often turns are looked for that a lost wake-up left waiting.
const LOOK_FOR_TURNS: Duration = Duration::from_secs(5);

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

/// Takes up turns whose wake-up was lost.
pub(super) async fn forgotten_turns(scheduler: Arc<Scheduler>, shutdown: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(LOOK_FOR_TURNS) => scheduler.fill().await,
            () = shutdown.cancelled() => return,
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

//! The list of commands that Telegram shows to people who type `/`.

use crate::client::{CallError, Client};
use std::sync::Arc;
use std::time::Duration;
use teloxide::payloads::{SetMyCommands, SetMyCommandsSetters as _};
use teloxide::types::{BotCommand, BotCommandScope};

/// First wait after a failure; doubles.
const RETRY_FIRST: Duration = Duration::from_secs(5);
/// The list is a comfort; after so many failures the next start has to do.
const TRIES: u32 = 6;

/// Registers the commands for private chats and for groups; tries again for a while where that fails.
pub(crate) async fn register(client: Arc<Client>, commands: Vec<(String, String)>) {
    let commands: Vec<BotCommand> = commands
        .into_iter()
        .map(|(name, description)| BotCommand::new(name, description))
        .collect();
    for scope in [BotCommandScope::AllPrivateChats, BotCommandScope::AllGroupChats] {
        let payload = SetMyCommands::new(commands.clone()).scope(scope);
        let mut wait = RETRY_FIRST;
        for attempt in 1..=TRIES {
            let registered: Result<bool, CallError> = client.call(&payload).await;
            let Err(error) = registered else { break };
            if attempt == TRIES {
                tracing::warn!(%error, "the commands could not be registered with Telegram; the next start tries again");
                return;
            }
            let asked = match &error {
                CallError::Refused(refusal) => refusal.retry_after.unwrap_or_default(),
                _ => Duration::ZERO,
            };
            tokio::time::sleep(wait.max(asked)).await;
            wait *= 2;
        }
    }
}

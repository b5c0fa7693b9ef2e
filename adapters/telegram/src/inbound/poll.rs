//! One poll, and what its failure means.

use crate::client::{CallError, Client};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use std::time::Duration;
use teloxide::ApiError;

/// What we can make something of, the rest being passed over anyway. Telegram remembers it.
const ALLOWED_UPDATES: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];
/// Beyond the time that Telegram holds the poll open: for the way there and back.
const ANSWER_MARGIN: Duration = Duration::from_secs(10);
/// A poll that has not ended this long after its own limit hangs in a place that no limit reaches.
const WATCHDOG_MARGIN: Duration = Duration::from_secs(5);

pub(super) enum Polled {
    Updates(Vec<Value>),
    Failed(Failure),
}

/// What a failed call means for the reading.
pub(super) enum Failure {
    /// Only a person can mend it.
    Refused(String),
    /// Another reader has ended our poll.
    Conflict,
    /// A webhook takes the updates.
    Webhook,
    /// We are too fast.
    RateLimited(Duration),
    /// The way there is broken, or the server is.
    Unanswered(String),
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        let refusal = match error {
            CallError::Refused(refusal) => refusal,
            unanswered => return Self::Unanswered(unanswered.to_string()),
        };
        if let Some(wait) = refusal.retry_after {
            return Self::RateLimited(wait);
        }
        match (refusal.code, refusal.error) {
            (401, _) => Self::Refused(format!(
                "Telegram does not know the bot's token (401 {}); take a valid one from @BotFather and put it into `token`",
                refusal.description
            )),
            (404, _) => Self::Refused(format!(
                "Telegram finds no such bot (404 {}); check `token`, which has the form 123456:ABC…, and `api_url`",
                refusal.description
            )),
            (409, ApiError::CantGetUpdates) => Self::Webhook,
            // Also `terminated by setWebhook request`.
            (409, _) if refusal.description.to_lowercase().contains("webhook") => Self::Webhook,
            (409, _) => Self::Conflict,
            (code, _) => Self::Unanswered(format!("error {code}: {}", refusal.description)),
        }
    }
}

/// Asks for updates from `offset` on, which confirms those before it.
pub(super) async fn poll(client: &Client, offset: Option<i64>, timeout: Duration) -> Polled {
    let body = without_null(json!({
        "offset": offset,
        "limit": super::UPDATES_PER_POLL,
        "timeout": timeout.as_secs(),
        "allowed_updates": ALLOWED_UPDATES,
    }));
    let longest = timeout + ANSWER_MARGIN;
    let call = client.call_with::<Vec<Box<RawValue>>>("getUpdates", &body, longest);
    let outcome = tokio::time::timeout(longest + WATCHDOG_MARGIN, call).await;
    match outcome {
        Ok(Ok(updates)) => Polled::Updates(updates.iter().map(|update| read(update)).collect()),
        Ok(Err(error @ CallError::Refused(_))) => Polled::Failed(Failure::from(error)),
        Ok(Err(error)) => {
            // A connection that has gone bad may stay so; fresh ones cost little.
            client.renew();
            Polled::Failed(Failure::from(error))
        }
        Err(_) => {
            client.renew();
            Polled::Failed(Failure::Unanswered("the poll hung beyond its time".to_owned()))
        }
    }
}

/// Reads one update. Of what no reader takes (nested too deeply, half a character) its number is left, with which it is confirmed.
fn read(update: &RawValue) -> Value {
    #[derive(Deserialize)]
    struct Numbered {
        update_id: i64,
    }
    serde_json::from_str(update.get())
        .or_else(|_| {
            let Numbered { update_id } = serde_json::from_str(update.get())?;
            Ok::<_, serde_json::Error>(json!({"update_id": update_id, "unreadable": {}}))
        })
        .unwrap_or_default()
}

fn without_null(mut body: Value) -> Value {
    if let Some(fields) = body.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(update: &str) -> Value {
        read(serde_json::from_str::<&RawValue>(update).expect("it is JSON"))
    }

    #[test]
    fn unreadable_update_keeps_its_number() {
        let deep = format!(r#"{{"update_id": 7, "message": {}{}}}"#, "[".repeat(500), "]".repeat(500));
        let half_a_letter = r#"{"message": {"text": "\ud83d"}, "update_id": 7}"#;
        for update in [deep.as_str(), half_a_letter] {
            assert_eq!(read_text(update), json!({"update_id": 7, "unreadable": {}}));
        }
        assert_eq!(read_text(r#"{"update_id": 8, "poll": {}}"#)["poll"], json!({}));
    }
}

//! What is on record of the accounts themselves.

use super::{Store, StoreError, step};
use cortex_chat::{Condition, ConnectorName};

impl Store {
    /// Puts on record that somebody else has begun to read a connector's account, or no longer does.
    pub async fn record_condition(&self, connector: ConnectorName, condition: Condition) -> Result<(), StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let kind = match condition {
                Condition::Contested => "account_contested",
                Condition::Alone => "account_alone",
            };
            let body = serde_json::json!({"connector": connector.as_str()});
            step::audit(connection, now, "", None, kind, &body)
        })
        .await
    }
}

//! Which accounts somebody else reads too. Each reader gets a part of what people say, and acting on a part is dangerous: until
//! an account is ours alone again, no tools run for those who write there.

use cortex_chat::{Condition, ConnectorName};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The contested accounts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Contested(Arc<Mutex<BTreeSet<ConnectorName>>>);

impl Contested {
    /// Whether somebody else reads this connector's account.
    pub fn includes(&self, connector: &ConnectorName) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(connector)
    }

    /// Notes how a connector's reading goes. True when that is news.
    pub fn note(&self, connector: &ConnectorName, condition: Condition) -> bool {
        let mut contested = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match condition {
            Condition::Contested => contested.insert(connector.clone()),
            Condition::Alone => contested.remove(connector),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_is_news() {
        let contested = Contested::default();
        let (bot, other) = (ConnectorName::from("bot"), ConnectorName::from("other"));
        assert!(!contested.note(&bot, Condition::Alone));
        assert!(contested.note(&bot, Condition::Contested));
        assert!(!contested.note(&bot, Condition::Contested));
        assert!(contested.includes(&bot) && !contested.includes(&other));
        assert!(contested.note(&bot, Condition::Alone));
        assert!(!contested.includes(&bot));
    }
}

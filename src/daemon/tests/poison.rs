//! Events that the store cannot handle, and a store that cannot handle any.

use super::*;

impl Rig {
    async fn batch(&self, position: &str, events: Vec<Event>) -> Result<Receipt, cortex_chat::InboxError> {
        let batch = EventBatch {
            scope: "all".into(),
            cursor: Some(position.into()),
            events,
            caught_up: true,
        };
        self.inbox.accept(&"console".into(), batch).await
    }

    fn in_chat(&self, chat: &str, text: &str) -> Event {
        let mut event = self.event(EventKind::Message(message(text, text)));
        event.address.chat = chat.into();
        event
    }

    fn change(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.folder.path().join("data/cortex.db")).unwrap();
        connection.execute(sql, []).unwrap();
    }
}

#[tokio::test]
async fn event_that_cannot_be_handled_holds_up_nothing_but_itself() {
    let rig = Rig::new().await;
    rig.batch("1", vec![rig.in_chat("home", "one")]).await.unwrap();
    rig.shows(|texts| texts == ["You said one. That is all."]).await;
    rig.change("UPDATE conversation SET session = 'no id' WHERE chat = 'home'");
    let events = vec![
        rig.in_chat("hall", "two"),
        rig.in_chat("home", "poison"),
        rig.in_chat("hall", "three"),
    ];
    rig.batch("2", events.clone()).await.unwrap();
    rig.shows(|texts| texts.iter().any(|text| text == "You said three. That is all."))
        .await;
    assert_eq!(
        rig.word("SELECT group_concat(outcome) FROM event WHERE body LIKE '%poison%'"),
        "set aside"
    );
    assert_eq!(
        rig.inbox.cursor(&"console".into(), "all").await.unwrap().as_deref(),
        Some("2")
    );
    // Delivered again, nothing of it happens twice.
    rig.batch("2", events).await.unwrap();
    assert_eq!(rig.asked(), ["one", "two", "three"]);
    rig.end().await;
}

#[tokio::test]
async fn full_store_refuses_everything_and_sets_nothing_aside() {
    let rig = Rig::with(|settings| settings.store.max_size_mib = Some(1)).await;
    let large = rig.in_chat("home", &"x".repeat(2 << 20));
    for _ in 0..4 {
        let error = rig.batch("1", vec![large.clone()]).await.unwrap_err();
        assert!(error.0.contains("the store is full"), "{error}");
    }
    assert_eq!(rig.word("SELECT CAST(count(*) AS TEXT) FROM event"), "0");
    assert_eq!(rig.inbox.cursor(&"console".into(), "all").await.unwrap(), None);
    rig.batch("1", vec![rig.in_chat("home", "small")]).await.unwrap();
    rig.shows(|texts| texts == ["You said small. That is all."]).await;
    rig.end().await;
}

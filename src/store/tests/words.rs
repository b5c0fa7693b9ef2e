//! Words that were said before what they seem to answer, and words that are nobody's business.

use super::*;

impl Rig {
    async fn counting_up() -> Self {
        let mut rig = Self::new().await;
        rig.settings = Arc::new(RouterSettings {
            references_count_up: BTreeSet::from(["test".into()]),
            ..(*rig.settings).clone()
        });
        rig
    }

    /// A prompt that stands in the chat `home` under this reference.
    async fn prompt_at(&self, reference: &str) {
        let claimed = self.turn("write it").await;
        let approval = self.asks(claimed).await;
        let id = MessageId::prompt(approval, 0);
        self.store.begin_send(id.clone(), None).await.unwrap();
        let shown = Shown::At {
            reference: reference.into(),
            version: Some(1),
        };
        self.store.record_shown(id, shown).await.unwrap();
    }

    /// What becomes of ann's word with this reference.
    async fn outcome_of(&self, reference: &str, word: &str, at: Timestamp) -> String {
        let mut event = self.message("ann", "home", word);
        event.at = at;
        if let EventKind::Message(message) = &mut event.kind {
            message.reference = reference.into();
        }
        let id = event.id.as_str().to_owned();
        self.accept(vec![event], 0).await;
        self.column(&format!("SELECT outcome FROM event WHERE event_id = '{id}'"))
            .remove(0)
    }
}

#[tokio::test]
async fn word_said_before_the_prompt_stood_there_is_no_answer() {
    for (reference, word, decides) in [
        ("99", "ok", false),
        ("99", "yes all", false),
        ("101", "ok", true),
        ("101", "yes all", true),
        ("not a number", "ok", false),
    ] {
        let rig = Rig::counting_up().await;
        rig.prompt_at("100").await;
        let outcome = rig.outcome_of(reference, word, Timestamp::now()).await;
        assert_eq!(outcome == "decided: once", decides, "{word} at {reference}: {outcome}");
    }
}

#[tokio::test]
async fn without_counting_references_time_tells_what_came_first() {
    let rig = Rig::new().await;
    rig.prompt_at("x").await;
    let long_before = Timestamp::now() - SignedDuration::from_secs(5);
    let outcome = rig.outcome_of("y", "ok", long_before).await;
    assert!(outcome.starts_with("turn"), "{outcome}");
    // The bot has said nothing since: the question is still the newest.
    assert_eq!(rig.outcome_of("z", "ok", Timestamp::now()).await, "decided: once");
}

#[tokio::test]
async fn talk_that_is_not_for_the_bot_leaves_no_words_and_is_forgotten() {
    let rig = Rig::new().await;
    let mut event = rig.message("ann", "room", "secret of the room");
    event.chat_kind = ChatKind::Room;
    if let EventKind::Message(message) = &mut event.kind {
        message.addressed = false;
    }
    let again = event.clone();
    rig.accept(vec![event, rig.message("stranger", "elsewhere", "hello")], 0)
        .await;
    assert_eq!(rig.column("SELECT body FROM event WHERE outcome LIKE 'ignored%'"), ["{}"]);
    assert_eq!(
        rig.column("SELECT chat FROM conversation"),
        ["elsewhere"],
        "only where something is said"
    );
    // It is known for as long as it could come again.
    rig.accept(vec![again], 0).await;
    assert_eq!(
        rig.column("SELECT event_id FROM event WHERE outcome LIKE 'ignored%'").len(),
        1
    );
    rig.pass(Duration::from_hours(6 * 24));
    assert!(!rig.store.forget_ignored().await.unwrap());
    assert_eq!(
        rig.column("SELECT event_id FROM event WHERE outcome LIKE 'ignored%'").len(),
        1
    );
    rig.pass(Duration::from_hours(2 * 24));
    rig.store.forget_ignored().await.unwrap();
    assert!(
        rig.column("SELECT event_id FROM event WHERE outcome LIKE 'ignored%'")
            .is_empty()
    );
    assert_eq!(rig.column("SELECT event_id FROM event").len(), 1, "what was answered stays");
}

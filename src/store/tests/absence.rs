//! Questions that are put again after an absence.

use super::*;
use crate::gate::Choice;

const LONGEST: Duration = Duration::from_secs(150);
const LONGER: Duration = Duration::from_secs(200);

impl Rig {
    async fn poll(&self, caught_up: bool, events: Vec<Event>) -> Accepted {
        let batch = EventBatch {
            scope: "all".into(),
            cursor: Some("7".into()),
            events,
            caught_up,
        };
        let settings = Arc::clone(&self.settings);
        self.store.accept("test".into(), batch, settings, 8).await.unwrap()
    }

    async fn question(&self) -> ApprovalId {
        let claimed = self.turn("write it").await;
        let approval = self.asks(claimed).await;
        self.show_all().await;
        approval
    }
}

#[tokio::test]
async fn open_questions_are_put_again_after_an_absence_and_only_then() {
    let rig = Rig::new().await;
    let approval = rig.question().await;
    for _ in 0..5 {
        rig.pass(LONGEST / 2);
        assert!(rig.poll(true, Vec::new()).await.messages.is_empty());
    }
    rig.pass(LONGER);
    assert!(rig.poll(false, Vec::new()).await.messages.is_empty(), "there is more to read");
    let back = rig.poll(true, Vec::new()).await.messages;
    let ids: Vec<&str> = back.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            MessageId::prompt(approval, 0).as_str(),
            MessageId::prompt(approval, 1).as_str()
        ]
    );
    let old = back[0].desired.as_ref().unwrap();
    assert!(old.choices.is_empty() && old.body.to_plain_text().contains("asked again below"));
    let new = back[1].desired.as_ref().unwrap();
    assert!(!new.choices.is_empty() && new.reply_to.is_some());
    assert!(rig.poll(true, Vec::new()).await.messages.is_empty(), "once");
    assert_eq!(rig.text("SELECT position FROM cursor"), "7");

    rig.show_all().await;
    rig.pass(LONGER);
    rig.store.recover(3).await.unwrap();
    let again = rig.poll(true, Vec::new()).await.messages;
    assert_eq!(again.last().unwrap().id, MessageId::prompt(approval, 2), "over a restart too");
}

#[tokio::test]
async fn what_was_pressed_in_an_absence_counts_before_anything_is_put_again() {
    let rig = Rig::new().await;
    let approval = rig.question().await;
    rig.pass(LONGER);
    let mut press = rig.message("ann", "home", "");
    press.kind = EventKind::Choice {
        message: "p1".into(),
        choice: Choice::Once.id(approval),
    };
    let back = rig.poll(true, vec![press]).await;
    let ids: Vec<&str> = back.messages.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, [MessageId::prompt(approval, 0).as_str()]);
    assert_eq!(back.claimed.len(), 1);
}

#[tokio::test]
async fn first_contact_and_fresh_prompts_are_no_absence() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "write it");
    let claimed = rig.poll(false, vec![event]).await.claimed.pop().unwrap();
    let first = rig.asks(claimed).await;
    rig.show_all().await;
    rig.pass(LONGER);
    assert!(rig.poll(true, Vec::new()).await.messages.is_empty(), "never caught up before");
    // Away for long by now; one question stands since before, one was shown lately, and one is not shown yet.
    rig.change("UPDATE cursor SET caught_up_at = 1").unwrap();
    for (text, shown) in [("shown lately", true), ("not shown", false)] {
        let event = rig.message("ann", "home", text);
        let claimed = rig.poll(false, vec![event]).await.claimed.pop().unwrap();
        rig.asks(claimed).await;
        if shown {
            rig.show_all().await;
        }
    }
    let back = rig.poll(true, Vec::new()).await.messages;
    let ids: Vec<&str> = back.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        ids,
        [MessageId::prompt(first, 0).as_str(), MessageId::prompt(first, 1).as_str()]
    );
}

//! Edited requests.

use super::*;
use cortex_chat::MoreToCome;

impl Rig {
    /// An edit of an earlier message.
    fn edit(&self, original: &Event, text: &str) -> Event {
        let EventKind::Message(message) = &original.kind else {
            panic!("only messages are edited");
        };
        let mut event = self.message(original.sender.id.as_str(), original.address.chat.as_str(), text);
        event.kind = EventKind::Edit(IncomingMessage {
            text: text.into(),
            ..message.clone()
        });
        event
    }
}

#[tokio::test]
async fn edit_of_a_queued_request_replaces_its_words() {
    let rig = Rig::new().await;
    let (first, second) = (rig.message("ann", "home", "one"), rig.message("ann", "home", "two"));
    let running = rig.accept(vec![first, second.clone()], 8).await.claimed.pop().unwrap();
    let edited = rig.accept(vec![rig.edit(&second, "three")], 8).await;
    assert!(edited.replaced.is_empty() && edited.claimed.is_empty() && edited.messages.is_empty());
    assert_eq!(
        rig.number("SELECT count(*) FROM history WHERE open = 1 AND body LIKE '%three%'"),
        1
    );
    let next = rig.answer(running, "done").await.unwrap();
    assert_eq!(next.state.request.text.as_str(), "three");
    assert!(!next.begins_anew());
}

#[tokio::test]
async fn edit_of_a_running_request_takes_it_from_its_run() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "one");
    let before = rig.accept(vec![event.clone()], 8).await.claimed.pop().unwrap();
    let mut edited = rig.accept(vec![rig.edit(&event, "two")], 8).await;
    let after = edited.claimed.pop().unwrap();
    assert_eq!(edited.replaced, [(before.id, after.version)]);
    assert!(after.id == before.id && after.epoch > before.epoch && after.version > before.version);
    assert_eq!(after.state.request.text.as_str(), "two");
    assert_ne!(after.state.fence, before.state.fence);
    assert!(after.begins_anew() && after.attempts == 1);
    assert!(matches!(rig.commit(&before, true).await, Err(StoreError::Superseded { .. })));
    // No room to begin at once, and a crash before there is.
    let again = rig.accept(vec![rig.edit(&event, "three")], 0).await;
    assert!(again.claimed.is_empty() && again.replaced.len() == 1);
    rig.store.recover(3).await.unwrap();
    let resumed = rig.store.claim(8, 1000).await.unwrap().pop().unwrap();
    assert_eq!(resumed.state.request.text.as_str(), "three");
    assert!(rig.answer(resumed, "done").await.is_none());
    assert_eq!(rig.number("SELECT count(*) FROM history WHERE body LIKE '%three%'"), 1);
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 1);
}

#[tokio::test]
async fn edit_after_the_work_began_is_told_once_and_changes_nothing() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "one");
    let claimed = rig.accept(vec![event.clone()], 8).await.claimed.pop().unwrap();
    rig.change(
        "INSERT INTO tool_run (turn, call_id, run, tool, arguments_hash, started_at, tainted)
         SELECT id, 'c1', 1, 'file_write', '', 1, 0 FROM turn",
    )
    .unwrap();
    let told = rig.accept(vec![rig.edit(&event, "two")], 8).await;
    assert_eq!(told_in(&told), [strings::WORK_HAS_BEGUN]);
    let word = told.messages[0].desired.as_ref().unwrap();
    assert!(!word.last && word.reply_to.is_some(), "the answer is still to come");
    assert!(rig.accept(vec![rig.edit(&event, "three")], 8).await.messages.is_empty());
    assert!(told.replaced.is_empty());
    assert!(rig.answer(claimed, "done").await.is_none());
    // It is over now.
    let late = rig.accept(vec![rig.edit(&event, "four")], 8).await;
    assert!(late.messages.is_empty() && late.claimed.is_empty());
    assert_eq!(rig.number("SELECT count(*) FROM history WHERE body LIKE '%\"one\"%'"), 1);
}

#[tokio::test]
async fn edit_of_a_part_replaces_that_part_only() {
    let rig = Rig::new().await;
    let mut long = rig.message("ann", "home", "one, ");
    if let EventKind::Message(message) = &mut long.kind {
        message.more = Some(MoreToCome::LongText);
    }
    let rest = rig.message("ann", "home", "two");
    rig.accept(vec![long.clone(), rest.clone()], 0).await;
    rig.accept(vec![rig.edit(&long, "1, ")], 0).await;
    let claimed = rig.accept(vec![rig.edit(&rest, "2")], 8).await.claimed.pop().unwrap();
    assert_eq!(claimed.state.request.text.as_str(), "1, 2");
}

#[tokio::test]
async fn edits_of_others_without_change_or_end_are_nothing() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "one");
    rig.accept(vec![event.clone()], 8).await;
    let mut by_bob = rig.edit(&event, "two");
    by_bob.sender.id = "bob".into();
    let mut by_a_stranger = rig.edit(&event, "two");
    by_a_stranger.sender.id = "stranger".into();
    let accepted = rig.accept(vec![by_bob, rig.edit(&event, "one"), by_a_stranger], 8).await;
    assert!(accepted.replaced.is_empty());
    for number in 0..12 {
        rig.accept(vec![rig.edit(&event, &format!("edit {number}"))], 8).await;
    }
    assert_eq!(rig.number("SELECT edits FROM turn"), 10);
}

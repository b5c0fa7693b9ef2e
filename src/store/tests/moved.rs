//! Chats that go on under another id.

use super::*;
use crate::gate::Choice;

impl Rig {
    fn moved(&self, from: &str, to: &str) -> Event {
        let mut event = self.message("nobody", from, "");
        event.sender.kind = SenderKind::Anonymous;
        event.kind = EventKind::Moved { to: to.into() };
        event
    }
}

fn chats(rows: &[MessageRow]) -> Vec<&str> {
    rows.iter().map(|row| row.address.chat.as_str()).collect()
}

#[tokio::test]
async fn conversation_goes_on_in_the_new_chat() {
    let rig = Rig::new().await;
    let first = rig.turn("one").await;
    rig.answer(first, "done").await;
    let running = rig.turn("two").await;
    let help = rig.message("ann", "home", "/help");
    rig.accept(vec![help], 0).await;
    rig.show_all().await;
    let status = rig.message("ann", "home", "/status");
    rig.accept(vec![status], 0).await;
    let old = rig
        .store
        .begin_send(MessageId::answer(running.id, 0, 0), Some((running.conversation, running.id)));
    old.await.unwrap();

    let accepted = rig.accept(vec![rig.moved("home", "hall")], 8).await;
    assert_eq!(chats(&accepted.messages), ["hall"], "what was shown whole is not sent again");
    assert_eq!(accepted.messages[0].desired.as_ref().unwrap().reply_to, None);
    assert_eq!(rig.number("SELECT count(*) FROM message WHERE reference IS NOT NULL"), 0);

    // The running turn answers there, with nothing of the old chat.
    let mut ending = running;
    let _ = ending.state.step(answer("the answer", Vec::new()), Limits::NONE);
    let id = MessageId::answer(ending.id, 0, 0);
    let mut last = step(&ending);
    last.messages = vec![DesiredMessage {
        id: id.clone(),
        content: Some(cortex_chat::OutgoingMessage {
            kind: cortex_chat::MessageKind::Answer,
            body: cortex_chat::Document::plain("the answer"),
            choices: Vec::new(),
            reply_to: ending.state.request.reply_to.clone(),
            live: false,
            last: true,
        }),
    }];
    let committed = rig.store.commit_step(Arc::new(last)).await.unwrap();
    assert_eq!(chats(&committed.messages), ["hall"]);
    let row = &committed.messages[0];
    assert!(row.id == id && row.reference.is_none() && !row.maybe_sent);
    assert_eq!(row.desired.as_ref().unwrap().reply_to, None);

    let next = rig.message("ann", "hall", "three");
    let next = rig.accept(vec![next], 8).await.claimed.pop().unwrap();
    assert_eq!(words(&next.history), ["user", "answer"], "the session goes on");
    assert_eq!(next.address.chat.as_str(), "hall");
    assert_eq!(rig.number("SELECT count(*) FROM conversation"), 1);
}

#[tokio::test]
async fn open_question_is_put_again_in_the_new_chat_and_decided_from_either() {
    let rig = Rig::new().await;
    let asking = rig.turn("write it").await;
    let approval = rig.asks(asking).await;
    rig.show_all().await;
    let rows = rig
        .store
        .move_chat("test".into(), "home".into(), "hall".into())
        .await
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, MessageId::prompt(approval, 1));
    assert!(rows[0].address.chat.as_str() == "hall" && rows[0].reference.is_none());
    rig.show_all().await;
    // It is known now, by the event too, and changes nothing more.
    let again = rig.accept(vec![rig.moved("home", "hall")], 8).await;
    assert!(again.messages.is_empty() && again.replaced.is_empty());

    let mut press = rig.message("ann", "home", "");
    press.kind = EventKind::Choice {
        message: "m1".into(),
        choice: Choice::Once.id(approval),
    };
    let decided = rig.accept(vec![press], 8).await;
    assert_eq!(decided.claimed.len(), 1);
    let changed: Vec<&str> = decided.messages.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(
        changed,
        [MessageId::prompt(approval, 1).as_str()],
        "the old prompt is left as it stands"
    );
    assert_eq!(decided.claimed[0].state.request.reply_to, None);
    assert_eq!(rig.number("SELECT count(*) FROM conversation"), 1);
}

#[tokio::test]
async fn what_is_open_goes_on_where_a_conversation_stands_already() {
    let rig = Rig::new().await;
    let asking = rig.turn("write it").await;
    let approval = rig.asks(asking).await;
    let running = rig.turn("running").await;
    rig.show_all().await;
    let early = rig.message("bob", "hall", "I came first");
    rig.accept(vec![early], 8).await;
    let moved = rig.accept(vec![rig.moved("home", "hall")], 8).await;
    assert_eq!(moved.replaced, [(running.id, running.version + 1)]);
    assert_eq!(chats(&moved.messages), ["hall"]);
    assert_eq!(moved.messages[0].id, MessageId::prompt(approval, 1));
    assert!(matches!(rig.commit(&running, true).await, Err(StoreError::Superseded { .. })));
    let sql = "SELECT count(*) FROM turn JOIN conversation ON conversation.id = turn.conversation WHERE chat = 'hall'";
    assert_eq!(rig.number(sql), 3);
    assert_eq!(rig.number("SELECT count(*) FROM conversation"), 2);
    let late = rig.message("ann", "home", "/status");
    assert_eq!(chats(&rig.accept(vec![late], 8).await.messages), ["hall"]);
}

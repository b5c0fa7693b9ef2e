//! What the pacer keeps in memory: nothing of a chat where nothing happens.

use super::*;

const LONG: Duration = Duration::from_mins(3);

#[tokio::test]
async fn chats_are_forgotten_when_nothing_happens_there() {
    let can = Capabilities {
        account_calls_per_second: Some(1000),
        ..capabilities()
    };
    let (rig, mut pacer) = Rig::at_rest(can, Vec::new());
    for number in 0..50 {
        let chat = format!("chat {number}");
        let turn = TurnId::new();
        let answer = rig.live_in(&chat, turn);
        answer.push_text("text");
        rig.pacer.nudge(&chat.as_str().into());
        pacer.settle().await;
        answer.close();
        // Some turns end with a message, and some with none.
        if number % 2 == 0 {
            rig.pacer.show(vec![row(MessageId::answer(turn, 0, 0), &chat, "the whole")]);
        }
        rig.pacer.end_live(&chat.as_str().into(), turn, &answer);
        rig.pacer.nudge(&chat.as_str().into());
        pacer.settle().await;
    }
    rig.pacer.nudge(&"nowhere".into());
    pacer.settle().await;
    // The final forms wait for the interval; they are shown before the chats can be forgotten.
    tokio::time::sleep(INTERVAL * 2).await;
    assert_eq!(pacer.remembered_after(INTERVAL).len(), 50);
    pacer.settle().await;
    assert_eq!(rig.did().iter().filter(|did| **did == edited("the whole")).count(), 25);
    assert_eq!(pacer.remembered_after(LONG), [""; 0]);
}

#[tokio::test]
async fn chat_that_must_wait_is_remembered() {
    let wait = Duration::from_mins(10);
    let (rig, mut pacer) = Rig::at_rest(silent(1000), vec![Err(limited(wait))]);
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.grow(&answer, "text");
    pacer.settle().await;
    answer.close();
    rig.pacer.end_live(&"home".into(), turn, &answer);
    pacer.settle().await;
    assert_eq!(pacer.remembered_after(LONG), ["home"]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    pacer.settle().await;
    assert_eq!(rig.did(), [sent("text")], "nothing is called inside the window");
}

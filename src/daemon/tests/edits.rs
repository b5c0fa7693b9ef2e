//! Edited requests, as the chat shows them.

use super::*;

#[tokio::test]
async fn edit_of_a_running_request_is_answered_in_the_message_that_stands() {
    let rig = Rig::new().await;
    rig.says("1", "slow one").await;
    rig.shows(|texts| texts == ["You said slow one."]).await;
    rig.accept(EventKind::Edit(message("1", "slow two"))).await;
    rig.shows(|texts| texts == ["You said slow two."]).await;
    rig.accept(EventKind::Edit(message("1", "three"))).await;
    let texts = rig
        .shows(|texts| texts.iter().any(|text| text.ends_with("That is all.")))
        .await;
    assert_eq!(texts, ["You said three. That is all."], "nothing of the runs before stays");
    assert_eq!(rig.asked(), ["slow one", "slow two", "three"]);
    assert_eq!(rig.word("SELECT status FROM turn"), "complete");
    // The conversation is free for the next.
    rig.says("2", "next").await;
    rig.shows(|texts| texts.last().is_some_and(|text| text == "You said next. That is all."))
        .await;
    rig.end().await;
}

#[tokio::test]
async fn edit_reaches_a_request_when_there_is_room_for_one_turn_alone() {
    let rig = Rig::with(|settings| settings.engine.concurrent_turns = 1).await;
    rig.says("1", "slow one").await;
    rig.shows(|texts| texts == ["You said slow one."]).await;
    rig.accept(EventKind::Edit(message("1", "two"))).await;
    let texts = rig
        .shows(|texts| texts.iter().any(|text| text.ends_with("That is all.")))
        .await;
    assert_eq!(texts, ["You said two. That is all."]);
    rig.end().await;
}

#[tokio::test]
async fn edit_of_an_answered_request_does_nothing() {
    let rig = Rig::new().await;
    rig.says("1", "one").await;
    rig.shows(|texts| texts == ["You said one. That is all."]).await;
    while rig.word("SELECT status FROM turn") != "complete" {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    rig.accept(EventKind::Edit(message("1", "two"))).await;
    rig.says("2", "three").await;
    rig.shows(|texts| texts.len() == 2 && texts[1].ends_with("That is all."))
        .await;
    assert_eq!(rig.asked(), ["one", "three"]);
    rig.end().await;
}

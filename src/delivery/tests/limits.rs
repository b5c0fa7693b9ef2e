//! What the platform bears: waits that it asks for, calls of the whole account.

use super::*;

/// The least time between the first call and any later one in its chat.
fn first_gap(calls: &[Call]) -> Duration {
    let later = calls[1..].iter().filter(|call| call.chat == calls[0].chat);
    later.map(|call| call.at - calls[0].at).min().unwrap()
}

#[tokio::test]
async fn rate_limit_is_kept_and_other_chats_go_on() {
    let wait = Duration::from_millis(300);
    let rig = Rig::new(capabilities(), vec![limited(wait)]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.until(|did| !did.is_empty()).await;
    rig.pacer.show(vec![notice("b", "home", "two"), notice("c", "work", "three")]);
    rig.drained().await;
    let calls = rig.calls();
    assert_eq!(calls[1].chat, "work", "another chat need not wait");
    assert!(calls[1].at - calls[0].at < wait);
    assert!(first_gap(&calls) >= wait + MARGIN, "no call inside the window: {calls:?}");
    assert_eq!(rig.did()[2..], [sent("one"), sent("two")]);
}

#[tokio::test]
async fn answer_that_ends_inside_the_window_is_shown_in_its_final_form_only() {
    let wait = Duration::from_millis(200);
    let often = Capabilities {
        typing_every: Some(INTERVAL),
        ..capabilities()
    };
    let rig = Rig::with_script(often, vec![Ok(()), Err(limited(wait))]);
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.until(|did| did == [Did::Typing]).await;
    rig.grow(&answer, "first");
    rig.until(|did| did.len() == 2).await;
    // Another thread of the chat is not shown in the window either, nor is it said to be at work.
    let other = rig.live(TurnId::new());
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        rig.grow(&answer, " more");
        rig.grow(&other, "other");
    }
    rig.end(turn, &answer, "the whole");
    rig.drained().await;
    let calls = rig.calls();
    assert_eq!(
        rig.did()[..3],
        [Did::Typing, sent("first"), sent("the whole")],
        "the final goes first"
    );
    assert!(first_gap(&calls[1..]) >= wait + MARGIN, "{calls:?}");
}

#[tokio::test]
async fn answer_that_outlasts_the_window_goes_on_with_its_newest_picture() {
    let rig = Rig::with_script(silent(1000), vec![Ok(()), Err(limited(Duration::ZERO))]);
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "a");
    rig.until(|did| did.len() == 1).await;
    rig.grow(&answer, "b");
    rig.until(|did| did.len() == 2).await;
    rig.grow(&answer, "c");
    rig.grow(&answer, "d");
    rig.until(|did| did.len() == 3).await;
    assert_eq!(rig.did(), [sent("a"), edited("ab"), edited("abcd")]);
    let calls = rig.calls();
    assert!(calls[2].at - calls[1].at >= MARGIN, "{calls:?}");
}

#[tokio::test]
async fn limited_sign_of_life_holds_the_whole_chat() {
    let wait = Duration::from_millis(100);
    let rig = Rig::new(capabilities(), vec![limited(wait)]);
    let answer = rig.live(TurnId::new());
    rig.until(|did| did == [Did::Typing]).await;
    rig.grow(&answer, "text");
    rig.until(|did| did.len() == 2).await;
    assert_eq!(rig.did()[1], sent("text"));
    assert!(first_gap(&rig.calls()) >= wait + MARGIN);
}

#[tokio::test]
async fn account_limit_is_kept_and_uses_up_no_pictures() {
    let limited = Capabilities {
        account_calls_per_second: Some(2),
        edits_per_message: Some(1),
        typing_every: None,
        ..capabilities()
    };
    let rig = Rig::new(limited, Vec::new());
    rig.pacer.show(vec![notice("a", "work", "one"), notice("b", "club", "two")]);
    rig.until(|did| did.len() == 2).await;
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "text");
    for _ in 0..5 {
        rig.pacer.nudge(&"home".into());
        tokio::time::sleep(INTERVAL).await;
    }
    assert_eq!(rig.did().len(), 2, "the account's calls of this second are made");
    rig.until(|did| did.contains(&sent("text"))).await;
    let calls = rig.calls();
    assert!(calls[2].at - calls[0].at + NOTING >= Duration::from_secs(1));
}

#[tokio::test]
async fn account_calls_go_to_what_must_be_said_first() {
    let limited = Capabilities {
        account_calls_per_second: Some(4),
        ..capabilities()
    };
    let rig = Rig::new(limited, Vec::new());
    for chat in 0..30 {
        rig.live_in(&format!("typing {chat}"), TurnId::new());
        let answer = rig.live_in(&format!("text {chat}"), TurnId::new());
        answer.push_text("text");
        rig.pacer.nudge(&format!("text {chat}").into());
    }
    rig.until(|did| did.len() >= 4).await;
    let words = (0..6).map(|n| {
        let mut row = notice(&format!("n{n}"), &format!("new {n}"), "word");
        row.desired.as_mut().unwrap().kind = MessageKind::Notice;
        row
    });
    rig.pacer.show(words.collect());
    let turn = TurnId::new();
    let finals = (0..3).map(|n| {
        let id = MessageId::answer(turn, n, 0);
        row(id, &format!("text {n}"), "final")
    });
    rig.pacer.show(finals.collect());
    rig.drained().await;
    let did = rig.did();
    assert!(did[4..].iter().filter(|did| **did == Did::Typing).count() == 0, "{did:?}");
    let said = |did: &&Did| matches!(did, Did::Send(text) | Did::Edit(text) if text != "text");
    let texts: Vec<String> = did.iter().filter(said).map(|did| format!("{did:?}")).collect();
    assert_eq!(texts.len(), 9);
    assert!(texts[..3].iter().all(|text| text.contains("final")), "{texts:?}");
    let last = did.iter().rposition(|did| said(&did)).unwrap();
    assert!(last < 4 + 9, "what passes went before what must be said: {did:?}");
}

#[tokio::test]
async fn account_without_a_limit_is_not_held_up() {
    let rig = Rig::new(capabilities(), Vec::new());
    let begun = Instant::now();
    rig.pacer.show(
        (0..100)
            .map(|n| notice(&format!("n{n}"), &format!("chat {n}"), "word"))
            .collect(),
    );
    rig.drained().await;
    assert_eq!(rig.did().len(), 100);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn wait_that_the_platform_asked_for_outlives_a_restart() {
    let rig = Rig::new(capabilities(), vec![limited(Duration::from_secs(40))]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.until(|did| did.len() == 1).await;
    let waits = loop {
        let waits = rig.store.waits("test".into()).await.unwrap();
        if !waits.is_empty() {
            break waits;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert!((35..=41).contains(&waits[0].left.as_secs()), "{waits:?}");

    let (again, mut pacer) = Rig::at_rest(capabilities(), Vec::new());
    again.pacer.hold(waits);
    again
        .pacer
        .show(vec![notice("a", "home", "one"), notice("b", "other", "two")]);
    pacer.settle().await;
    pacer.pass(Duration::from_secs(30)).await;
    assert_eq!(again.did(), [sent("two")]);
    pacer.pass(Duration::from_secs(45)).await;
    assert_eq!(again.did(), [sent("two"), sent("one")]);
}

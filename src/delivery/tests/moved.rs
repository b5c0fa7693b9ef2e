//! A chat that goes on under another id takes along what is to be shown.

use super::*;

fn moved(to: &str) -> OutboundError {
    OutboundError::Moved { to: to.into() }
}

fn places(rig: &Rig) -> Vec<(String, Did)> {
    rig.calls().into_iter().map(|call| (call.chat, call.did)).collect()
}

fn at(chat: &str, did: Did) -> (String, Did) {
    (chat.to_owned(), did)
}

#[tokio::test]
async fn growing_answer_goes_on_in_the_chat_that_its_own_has_become() {
    let rig = Rig::with_script(silent(1000), vec![Ok(()), Err(moved("group"))]);
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.grow(&answer, "one");
    rig.until(|did| did.len() == 1).await;
    rig.grow(&answer, " two");
    rig.until(|did| did.len() == 3).await;
    // The turn goes on to speak of the chat as it knows it.
    rig.grow(&answer, " three");
    rig.until(|did| did.len() == 4).await;
    rig.end(turn, &answer, "the whole");
    rig.drained().await;
    let expected = [
        at("home", sent("one")),
        at("home", edited("one two")),
        at("group", sent("one two")),
        at("group", edited("one two three")),
        at("group", edited("the whole")),
    ];
    assert_eq!(places(&rig), expected);
    assert_eq!(rig.stored::<String>("SELECT chat FROM conversation WHERE id = 1"), "group");
    // The call to the new id comes after a wait, so that chats that point at each other are not called without end.
    let calls = rig.calls();
    assert!(calls[2].at - calls[1].at >= Duration::from_millis(400), "{calls:?}");
}

#[tokio::test]
async fn what_waits_is_sent_where_the_chat_has_gone() {
    let rig = Rig::new(capabilities(), vec![moved("group")]);
    let standing = rig.store_row(MessageRow {
        reference: Some("m0".into()),
        ..notice("a", "home", "final")
    });
    let next = rig.store_row(notice("b", "home", "next"));
    let no_longer_wanted = notice("x", "home", "asked again under another name");
    rig.pacer.show(vec![standing, next, no_longer_wanted]);
    rig.pacer.show(vec![notice("c", "group", "there")]);
    rig.drained().await;
    let mut places = places(&rig);
    // The other chat is called at the same time.
    let before = places.iter().position(|place| *place == at("home", edited("final")));
    places.remove(before.unwrap_or_else(|| panic!("the old message is tried first: {places:?}")));
    for text in ["final", "next", "there"] {
        assert!(places.contains(&at("group", sent(text))), "a new message: {places:?}");
    }
    assert_eq!(places.len(), 3);
    // What was stored before the move still has the old address.
    let late = MessageRow {
        reference: Some("m7".into()),
        ..notice("d", "home", "late")
    };
    rig.pacer.show(vec![late]);
    rig.drained().await;
    assert_eq!(rig.calls().last().map(|call| call.chat.clone()), Some("group".to_owned()));
    assert_eq!(rig.did().last(), Some(&sent("late")));
}

#[tokio::test]
async fn chat_may_move_again_and_back() {
    let rig = Rig::new(capabilities(), vec![moved("group"), moved("home")]);
    let row = rig.store_row(notice("a", "home", "word"));
    rig.pacer.show(vec![row]);
    rig.drained().await;
    let word = || sent("word");
    assert_eq!(places(&rig), [at("home", word()), at("group", word()), at("home", word())]);
}

#[tokio::test]
async fn moved_chats_are_forgotten_too() {
    let (rig, mut pacer) = Rig::at_rest(capabilities(), vec![Err(moved("group"))]);
    let row = rig.store_row(notice("a", "home", "word"));
    rig.pacer.show(vec![row]);
    pacer.pass(Duration::from_secs(1)).await;
    assert_eq!(places(&rig), [at("home", sent("word")), at("group", sent("word"))]);
    assert_eq!(pacer.remembered_after(Duration::from_mins(3)), [""; 0]);
}

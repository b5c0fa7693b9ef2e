//! Messages that the platform refuses, or of which nobody knows whether they arrived.

use super::*;

#[tokio::test]
async fn send_that_may_have_arrived_is_made_once_more_after_a_while() {
    let script = (0..9).map(|number| if number == 2 { Ok(()) } else { Err(unknown()) });
    let (rig, mut pacer) = Rig::at_rest(capabilities(), script.collect());
    rig.pacer.show(vec![notice("a", "home", "one")]);
    pacer.settle().await;
    pacer.pass(Duration::from_millis(1900)).await;
    assert_eq!(rig.did(), [sent("one")]);
    pacer.pass(Duration::from_millis(2100)).await;
    assert_eq!(rig.did(), [sent("one"), sent("one")]);
    // Others go past it, when the chat can be called again.
    rig.pacer.show(vec![notice("b", "home", "two")]);
    pacer.pass(Duration::from_secs(10)).await;
    assert_eq!(rig.did()[2..], [sent("two")]);
    pacer.pass(Duration::from_secs(10_000)).await;
    assert_eq!(rig.did()[3..], [], "twice in all");
    let reason = "SELECT json_extract(body, '$.message') FROM audit WHERE kind = 'undeliverable'";
    assert_eq!(rig.stored::<String>(reason), "a.n0");
}

#[tokio::test]
async fn lost_answer_to_a_passing_picture_is_no_try_of_the_final() {
    let script = vec![Err(unknown()), Err(unknown()), Err(unknown())];
    let (rig, mut pacer) = Rig::at_rest(silent(1000), script);
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.grow(&answer, "first");
    pacer.settle().await;
    rig.end(turn, &answer, "the whole");
    for seconds in [1, 3, 21] {
        pacer.pass(Duration::from_secs(seconds)).await;
    }
    let whole = || sent("the whole");
    assert_eq!(rig.did(), [sent("first"), whole(), whole()]);
}

#[tokio::test]
async fn second_try_waits_until_the_platform_answers() {
    let (rig, mut pacer) = Rig::at_rest(capabilities(), vec![Err(unknown())]);
    rig.platform.silence.store(4, Ordering::SeqCst);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    for seconds in [3, 10, 20, 40] {
        pacer.pass(Duration::from_secs(seconds)).await;
        assert_eq!(rig.did(), [sent("one")]);
    }
    pacer.pass(Duration::from_secs(80)).await;
    assert_eq!(rig.did(), [sent("one"), sent("one")]);
    assert_eq!(
        rig.stored::<i64>("SELECT count(*) FROM audit WHERE kind = 'undeliverable'"),
        0
    );
}

#[tokio::test]
async fn send_that_can_be_looked_up_is_not_made_again() {
    let can_find = Capabilities {
        can_find_sends: true,
        ..capabilities()
    };
    let rig = Rig::new(can_find, vec![unknown()]);
    *rig.platform.arrived.lock().unwrap() = Some("m1".into());
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("one"), edited("one")]);
}

#[tokio::test]
async fn what_did_not_arrive_is_tried_until_it_does() {
    let rig = Rig::new(capabilities(), vec![transient(), transient()]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.drained().await;
    assert_eq!(rig.did().len(), 3);
}

#[tokio::test]
async fn refused_message_holds_up_nothing() {
    let rig = Rig::new(
        capabilities(),
        vec![OutboundError::Forbidden("blocked".into()), OutboundError::TooLong],
    );
    rig.pacer.show(vec![
        notice("a", "home", "one"),
        notice("b", "home", "two"),
        notice("c", "home", "three"),
    ]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("one"), sent("two"), sent("three")]);
}

#[tokio::test]
async fn markup_that_is_refused_goes_as_plain_text() {
    let rig = Rig::new(capabilities(), vec![OutboundError::BadMarkup("bad".into())]);
    let mut message = notice("a", "home", "");
    message.desired = Some(OutgoingMessage {
        body: Document::parse("**one**"),
        ..content("")
    });
    rig.pacer.show(vec![message]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("one"), sent("one")]);
}

#[tokio::test]
async fn final_that_can_no_longer_be_edited_is_sent_as_a_new_message() {
    let rig = Rig::new(capabilities(), vec![OutboundError::Gone("deleted".into())]);
    let standing = MessageRow {
        reference: Some("m0".into()),
        desired_version: 2,
        ..notice("a", "home", "final")
    };
    rig.pacer.show(vec![standing]);
    rig.drained().await;
    assert_eq!(rig.did(), [edited("final"), sent("final")]);
}

#[tokio::test]
async fn newer_picture_of_a_waiting_message_replaces_the_older_one() {
    let rig = Rig::new(capabilities(), vec![limited(Duration::from_millis(100))]);
    rig.pacer.show(vec![notice("a", "home", "old")]);
    rig.until(|did| !did.is_empty()).await;
    let newer = MessageRow {
        desired_version: 2,
        ..notice("a", "home", "new")
    };
    rig.pacer.show(vec![newer, notice("a", "home", "old")]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("old"), sent("new")]);
    rig.store.close();
}

#[tokio::test]
async fn refusal_of_an_older_content_does_not_drop_the_newer_one() {
    let rig = Rig::new(capabilities(), vec![OutboundError::Forbidden("blocked".into())]);
    rig.pacer.show(vec![notice("a", "home", "old")]);
    rig.pacer.show(vec![MessageRow {
        desired_version: 2,
        ..notice("a", "home", "new")
    }]);
    rig.drained().await;
    assert_eq!(rig.did().last(), Some(&sent("new")));
}

#[tokio::test]
async fn older_row_that_comes_after_a_newer_one_is_not_shown() {
    let rig = Rig::new(capabilities(), Vec::new());
    let newer = MessageRow {
        desired_version: 2,
        ..notice("a", "home", "new")
    };
    rig.pacer.show(vec![newer]);
    rig.drained().await;
    rig.pacer.show(vec![notice("a", "home", "old")]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("new")]);
    let newest = MessageRow {
        desired_version: 3,
        reference: Some("m1".into()),
        ..notice("a", "home", "newest")
    };
    rig.pacer.show(vec![newest]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("new"), edited("newest")]);
}

#[tokio::test]
async fn each_call_of_a_fallback_counts_for_the_pace() {
    let slow = Duration::from_millis(120);
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, slow)],
        calls_per_minute: Some(3),
    };
    let can = Capabilities {
        one_to_one_pace: pace,
        can_find_sends: true,
        ..capabilities()
    };
    let rig = Rig::new(can, vec![OutboundError::BadMarkup("bad".into())]);
    rig.pacer.show(vec![notice("a", "home", "one"), notice("b", "home", "two")]);
    rig.until(|did| did.len() == 3).await;
    let calls = rig.calls();
    assert!(
        calls[2].at - calls[1].at + NOTING >= slow,
        "counted from the second call: {calls:?}"
    );
    // Three calls of this minute are made, so the fourth waits for the minute's end.
    rig.pacer.show(vec![notice("c", "home", "three")]);
    tokio::time::sleep(slow * 3).await;
    assert_eq!(rig.did(), [sent("one"), sent("one"), sent("two")]);
}

#[tokio::test]
async fn message_too_old_to_be_edited_is_sent_anew() {
    let can = Capabilities {
        edit_age: Some(Duration::from_hours(48)),
        ..capabilities()
    };
    let rig = Rig::new(can, Vec::new());
    let standing = |about: &str, hours: i64| MessageRow {
        reference: Some("m0".into()),
        sent_at: Some(jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)),
        ..notice(about, about, about)
    };
    rig.change(
        "INSERT INTO message (id, connector, conversation, desired_version, shown_version, send_state, reference, created_at)
         VALUES ('old.n0', 'test', 1, 2, 1, 'sent', 'm0', 0)",
    );
    rig.pacer.show(vec![standing("old", 49)]);
    rig.drained().await;
    rig.pacer.show(vec![standing("young", 47)]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("old"), edited("young")]);
    assert_eq!(rig.stored::<String>("SELECT reference FROM message"), "m1");
}

#[tokio::test]
async fn send_that_may_have_arrived_stays_so_on_record() {
    let state = "SELECT send_state FROM message";
    let with_row = |failures| {
        let rig = Rig::new(capabilities(), failures);
        rig.change(
            "INSERT INTO message (id, connector, conversation, desired_version, shown_version, send_state, created_at)
             VALUES ('a.n0', 'test', 1, 1, 0, 'unsent', 0)",
        );
        rig.pacer.show(vec![notice("a", "home", "one")]);
        rig
    };
    let hour = Duration::from_hours(1);
    let rig = with_row(vec![unknown(), limited(hour)]);
    rig.until(|did| did.len() == 2).await;
    rig.pacer.settled(&"home".into()).await;
    assert_eq!(rig.stored::<String>(state), "sending", "the first attempt may have arrived");
    let rig = with_row(vec![limited(hour)]);
    rig.until(|did| did.len() == 1).await;
    rig.pacer.settled(&"home".into()).await;
    assert_eq!(rig.stored::<String>(state), "unsent");
}

/// A text of so many numbered sentences.
fn sentences(numbers: std::ops::Range<u32>) -> String {
    numbers
        .map(|number| format!("This is the sentence number {number:03}."))
        .collect::<Vec<_>>()
        .join(" ")
}

/// An answer's part, on record as desired.
fn stored_part(rig: &Rig, turn: TurnId, part: usize, text: &str) -> MessageRow {
    rig.store_row(row(MessageId::answer(turn, 0, part), "home", text))
}

#[tokio::test]
async fn text_that_the_platform_finds_too_long_is_split_again() {
    let rig = Rig::new(silent(1000), vec![OutboundError::TooLong]);
    let turn = TurnId::new();
    let parts = [sentences(0..20), sentences(20..25)];
    let rows = parts
        .iter()
        .enumerate()
        .map(|(part, text)| stored_part(&rig, turn, part, text));
    rig.pacer.show(rows.collect());
    rig.drained().await;
    let did = rig.did();
    assert_eq!(did[0], Did::Send(parts[0].clone()), "refused");
    let texts: Vec<&str> = did[1..]
        .iter()
        .map(|did| match did {
            Did::Send(text) => text.as_str(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(texts.len() >= 3 && texts.iter().all(|text| text.len() <= 330), "{texts:?}");
    let whole = texts.join(" ").replace('\n', " ");
    assert_eq!(whole, sentences(0..25), "all of it, in order");
    let open = "SELECT count(*) FROM message WHERE shown_version < desired_version OR send_state != 'sent'";
    assert_eq!(rig.stored::<i64>(open), 0);
    assert_eq!(rig.stored::<i64>("SELECT count(*) FROM audit"), 0);
    let last = "SELECT json_extract(desired, '$.last') FROM message ORDER BY id DESC LIMIT 1";
    assert_eq!(
        rig.stored::<i64>("SELECT count(*) FROM message WHERE json_extract(desired, '$.last')"),
        1
    );
    assert_eq!(rig.stored::<i64>(last), 1);
}

#[tokio::test]
async fn split_that_a_crash_cut_off_goes_on_where_it_was() {
    let rig = Rig::new(silent(1000), Vec::new());
    let turn = TurnId::new();
    let first = stored_part(&rig, turn, 0, &sentences(0..20));
    let limit = TextLimit {
        max: 320,
        unit: TextUnit::Characters,
    };
    let split = |version| rig.store.split_message(first.id.clone(), version, limit);
    let parts = split(1).await.unwrap();
    assert!(split(1).await.unwrap().is_empty(), "split already");
    let waiting = rig.store.messages_to_show("test".into()).await.unwrap();
    let names = |rows: &[MessageRow]| rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&waiting), names(&parts));
    let again = split(2).await.unwrap();
    assert_eq!(names(&again), names(&parts), "the same names, however often");
}

#[tokio::test]
async fn question_that_is_too_long_goes_without_markup_or_not_at_all() {
    let prompt = |code: &str| {
        let mut row = notice(code, "home", code);
        row.desired = Some(OutgoingMessage {
            kind: MessageKind::Prompt,
            body: Document::parse(&format!("**{code}**: may I?")),
            ..content("")
        });
        row
    };
    let rig = Rig::new(capabilities(), vec![OutboundError::TooLong]);
    rig.pacer.show(vec![prompt("K1")]);
    rig.drained().await;
    assert_eq!(rig.did(), [sent("K1: may I?"), sent("K1: may I?")]);
    let rig = Rig::new(capabilities(), vec![OutboundError::TooLong, OutboundError::TooLong]);
    rig.pacer.show(vec![prompt("K1")]);
    rig.drained().await;
    assert_eq!(rig.did().len(), 2);
    let reason = "SELECT json_extract(body, '$.reason') FROM audit WHERE kind = 'undeliverable'";
    assert_eq!(rig.stored::<String>(reason), OutboundError::TooLong.to_string());
}

#[tokio::test]
async fn message_that_cannot_be_read_holds_up_no_other() {
    let rig = Rig::new(capabilities(), Vec::new());
    let turn = TurnId::new();
    stored_part(&rig, turn, 0, "one");
    stored_part(&rig, turn, 1, "two");
    stored_part(&rig, turn, 2, "three");
    rig.change("UPDATE message SET desired = '{\"kind\": 7}' WHERE id LIKE '%.1'");
    for _ in 0..2 {
        let rows = rig.store.messages_to_show("test".into()).await.unwrap();
        assert_eq!(rows.len(), 2);
    }
    let audited = "SELECT count(*) FROM audit WHERE kind = 'undeliverable' AND json_extract(body, '$.message') LIKE '%.1'";
    assert_eq!(rig.stored::<i64>(audited), 1, "once");
}

#[tokio::test]
async fn later_parts_of_a_text_wait_for_one_that_may_have_arrived() {
    let (rig, mut pacer) = Rig::at_rest(capabilities(), vec![Err(unknown())]);
    let part = |number, text| row(MessageId::notice("a", number), "home", text);
    rig.pacer
        .show(vec![part(0, "one"), part(1, "two"), notice("b", "home", "else")]);
    pacer.settle().await;
    pacer.pass(Duration::from_secs(1)).await;
    assert_eq!(rig.did(), [sent("one"), sent("else")]);
    pacer.pass(Duration::from_secs(4)).await;
    pacer.pass(Duration::from_secs(4)).await;
    assert_eq!(rig.did()[2..], [sent("one"), sent("two")]);
}

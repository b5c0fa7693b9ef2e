//! Growing answers: one message, at its pace, until its final form.

use super::*;
use crate::domain::ApprovalId;

#[tokio::test]
async fn growing_answer_keeps_the_pace_and_its_final_comes_last() {
    let rig = Rig::new(capabilities(), Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    for word in 0..60 {
        rig.grow(&answer, &format!("w{word} "));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    rig.end(turn, &answer, "the whole");
    rig.grow(&answer, "too late");
    rig.drained().await;
    let calls: Vec<Call> = rig.calls().into_iter().filter(|call| call.did != Did::Typing).collect();
    let shown: Vec<&Did> = calls.iter().map(|call| &call.did).collect();
    assert!(matches!(shown[0], Did::Send(_)), "{shown:?}");
    assert!(
        shown.len() > 3 && shown[1..].iter().all(|did| matches!(did, Did::Edit(_))),
        "one message: {shown:?}"
    );
    assert_eq!(*shown[shown.len() - 1], edited("the whole"));
    for pair in calls.windows(2) {
        assert!(pair[1].at - pair[0].at + NOTING >= INTERVAL, "two calls within the interval");
    }
}

#[tokio::test]
async fn typing_is_shown_until_there_is_text() {
    let often = Capabilities {
        typing_every: Some(Duration::from_millis(60)),
        ..capabilities()
    };
    let rig = Rig::new(often, Vec::new());
    let answer = rig.live(TurnId::new());
    rig.until(|did| did.len() >= 3).await;
    assert!(rig.did().iter().all(|did| *did == Did::Typing));
    rig.grow(&answer, "text");
    rig.until(|did| did.contains(&sent("text"))).await;
    let calls = rig.did().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(rig.did().len(), calls, "no typing after the text: {:?}", rig.did());
}

#[tokio::test]
async fn first_text_is_held_back_until_it_is_worth_showing() {
    let patient = HoldBack {
        characters: 10,
        wait: Duration::from_mins(1),
    };
    let rig = Rig::new(
        Capabilities {
            hold_back: patient,
            typing_every: None,
            ..capabilities()
        },
        Vec::new(),
    );
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "short");
    tokio::time::sleep(INTERVAL * 3).await;
    assert_eq!(rig.did(), []);
    rig.grow(&answer, " and longer");
    rig.until(|did| did == [sent("short and longer")]).await;
}

#[tokio::test]
async fn answer_that_ends_right_after_its_first_text_is_one_call() {
    let held_back = HoldBack {
        characters: 1,
        wait: Duration::from_mins(1),
    };
    let rig = Rig::new(
        Capabilities {
            hold_back: held_back,
            typing_every: None,
            ..capabilities()
        },
        Vec::new(),
    );
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.grow(&answer, "all of it at once");
    tokio::task::yield_now().await;
    rig.end(turn, &answer, "all of it at once");
    rig.drained().await;
    assert_eq!(rig.did(), [sent("all of it at once")]);
}

#[tokio::test]
async fn pictures_are_capped_and_the_final_is_not() {
    let few = Capabilities {
        edits_per_message: Some(3),
        typing_every: None,
        ..capabilities()
    };
    let rig = Rig::new(few, Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    for word in 0..30 {
        rig.grow(&answer, &format!("w{word} "));
        tokio::time::sleep(INTERVAL / 2).await;
    }
    assert_eq!(rig.did().len(), 3);
    rig.end(turn, &answer, "the whole");
    rig.drained().await;
    assert_eq!(rig.did().last(), Some(&edited("the whole")));
}

#[tokio::test]
async fn text_that_is_withdrawn_takes_its_surplus_messages_away() {
    let short = TextLimit {
        max: 20,
        unit: TextUnit::Characters,
    };
    let rig = Rig::new(
        Capabilities {
            text_limit: short,
            typing_every: None,
            ..capabilities()
        },
        Vec::new(),
    );
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "first words here. second words here.");
    rig.until(|did| did.len() >= 2).await;
    assert!(rig.did().iter().all(|did| matches!(did, Did::Send(_))), "{:?}", rig.did());
    answer.reset_text();
    rig.grow(&answer, "other");
    rig.pacer.nudge(&"home".into());
    rig.until(|did| did.contains(&Did::Delete) && did.contains(&edited("other")))
        .await;
}

#[tokio::test]
async fn withdrawn_part_is_forgotten_on_record() {
    let rig = Rig::new(silent(20), Vec::new());
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "first words here. second words here.");
    rig.until(|did| did.len() >= 2).await;
    answer.reset_text();
    rig.grow(&answer, "other");
    rig.pacer.nudge(&"home".into());
    rig.until(|did| did.contains(&Did::Delete)).await;
    rig.pacer.settled(&"home".into()).await;
    let part = |number: usize, column: &str| format!("SELECT {column} FROM message WHERE id LIKE '%.a0.{number}'");
    assert_eq!(rig.stored::<Option<String>>(&part(1, "reference")), None);
    assert_eq!(rig.stored::<String>(&part(1, "send_state")), "unsent");
    assert!(rig.stored::<Option<String>>(&part(0, "reference")).is_some());
}

#[tokio::test]
async fn typing_is_shown_where_no_word_comes_and_takes_its_interval() {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, Duration::from_millis(300))],
        calls_per_minute: None,
    };
    let slow = Capabilities {
        one_to_one_pace: pace,
        ..capabilities()
    };
    // Words that come at once need no sign of life before them.
    let rig = Rig::new(slow.clone(), Vec::new());
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "text");
    rig.until(|did| !did.is_empty()).await;
    assert_eq!(rig.did(), [sent("text")]);

    let rig = Rig::new(slow, Vec::new());
    let answer = rig.live(TurnId::new());
    rig.until(|did| did == [Did::Typing]).await;
    rig.grow(&answer, "text");
    rig.until(|did| did == [Did::Typing, sent("text")]).await;
    let calls = rig.calls();
    assert!(calls[1].at - calls[0].at + NOTING >= Duration::from_millis(300), "{calls:?}");
}

#[tokio::test]
async fn stop_is_offered_with_what_grows_and_with_nothing_else() {
    let buttons = Capabilities {
        choices: ChoiceDisplay::Buttons,
        ..silent(30)
    };
    let rig = Rig::new(buttons, Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    if answer.set_progress("tool", "looking".into()) {
        rig.pacer.nudge(&"home".into());
    }
    rig.until(|did| did.len() == 1).await;
    rig.grow(&answer, "first words here. ");
    rig.until(|did| did.len() >= 2).await;
    rig.grow(&answer, "second words here.");
    rig.until(|did| matches!(did, [.., Did::Send(text)] if text.contains("second")))
        .await;
    let growing = rig.calls();
    rig.end(turn, &answer, "the whole");
    rig.drained().await;
    let calls = rig.calls();
    let offered = |call: &Call| !call.choices.is_empty();
    assert!(offered(&growing[0]), "with progress too: {calls:?}");
    // The message before the last one has lost its button when the last one is sent.
    let before = &growing[growing.len() - 2];
    assert!(matches!(before.did, Did::Edit(_)) && !offered(before), "{calls:?}");
    assert!(offered(&growing[growing.len() - 1]), "{calls:?}");
    let last = &calls[calls.len() - 1];
    assert_eq!(last.did, edited("the whole"));
    assert!(!offered(last), "a final form: {calls:?}");
}

#[tokio::test]
async fn threads_of_a_chat_take_turns() {
    let rig = Rig::new(silent(10_000), Vec::new());
    let answers = [rig.live(TurnId::new()), rig.live(TurnId::new()), rig.live(TurnId::new())];
    for _ in 0..12 {
        for (thread, answer) in answers.iter().enumerate() {
            rig.grow(answer, &format!("{thread} "));
        }
        tokio::time::sleep(INTERVAL).await;
    }
    rig.until(|did| did.len() >= 9).await;
    for thread in ["0", "1", "2"] {
        let shown = rig.did()[..9]
            .iter()
            .filter(|did| format!("{did:?}").contains(thread))
            .count();
        assert!((2..=4).contains(&shown), "{:?}", rig.did());
    }
}

#[tokio::test]
async fn end_of_an_earlier_run_leaves_the_next_one_growing() {
    let rig = Rig::new(silent(1000), Vec::new());
    let turn = TurnId::new();
    let earlier = rig.live(turn);
    rig.grow(&earlier, "text");
    rig.until(|did| did == [sent("text")]).await;
    let later = rig.live(turn);
    rig.pacer.end_live(&"home".into(), turn, &earlier);
    rig.grow(&later, "other");
    rig.until(|did| did == [sent("text"), edited("other")]).await;
}

#[tokio::test]
async fn question_goes_before_what_is_left_of_the_progress() {
    let rig = Rig::new(capabilities(), Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    rig.grow(&answer, "Let me see, this is long enough to be shown at once.");
    rig.until(|did| did.len() == 1).await;
    let progress = MessageRow {
        turn: Some(turn),
        desired: Some(OutgoingMessage {
            kind: MessageKind::Notice,
            ..content("looked")
        }),
        ..row(MessageId::answer(turn, 0, 0), "home", "")
    };
    let question = MessageRow {
        turn: Some(turn),
        desired: Some(OutgoingMessage {
            kind: MessageKind::Prompt,
            ..content("may I?")
        }),
        ..row(MessageId::prompt(ApprovalId::new(), 0), "home", "")
    };
    answer.close();
    rig.pacer.show(vec![progress, question]);
    rig.pacer.end_live(&"home".into(), turn, &answer);
    rig.drained().await;
    assert_eq!(rig.did()[1..], [sent("may I?"), edited("looked")]);
}

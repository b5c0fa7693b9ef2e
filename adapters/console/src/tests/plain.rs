use super::*;

fn replying(to: &MessageRef, message: OutgoingMessage) -> OutgoingMessage {
    OutgoingMessage {
        reply_to: Some(to.clone()),
        ..message
    }
}

#[tokio::test]
async fn finished_messages_are_printed_as_plain_text() {
    let mut rig = Rig::plain("one\n\ntwo\n");
    let first = rig.message().await;
    assert_eq!(first.text.as_str(), "one");
    let reference = rig.send(replying(&first.reference, growing("gro"))).await;
    assert!(rig.events.try_recv().is_err(), "the second line waits for the first answer");
    let text = "# Title\n\n**bold** [link](http://x)\n\n- a\n\n```rust\n\tfn\u{1b}[2J\n```";
    rig.edit(&reference, answer(text)).await;

    let second = rig.message().await;
    assert_eq!(second.text.as_str(), "two");
    assert!(rig.has_not_left());
    rig.send(replying(&second.reference, answer("done"))).await;
    let (paper, errors, outcome) = rig.leaves().await;
    assert_eq!(paper.text(), "Title\n\nbold link (http://x)\n\n• a\n\n\tfn␛[2J\ndone\n");
    assert_eq!(errors.text(), "");
    assert!(!outcome.failed());
}

#[tokio::test]
async fn answer_of_several_messages_ends_with_its_last() {
    let mut rig = Rig::plain("long\n");
    let said = rig.message().await;
    let part = OutgoingMessage {
        last: false,
        ..answer("part one")
    };
    rig.send(replying(&said.reference, part)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(rig.has_not_left());
    rig.send(answer("part two")).await;
    let (paper, _, _) = rig.leaves().await;
    assert_eq!(paper.text(), "part one\npart two\n");
}

#[tokio::test]
async fn following_lines_answer_the_gate() {
    let mut rig = Rig::plain("delete it\n1\n");
    let said = rig.message().await;
    let segment = OutgoingMessage {
        last: false,
        ..answer("I will ask.")
    };
    rig.send(replying(&said.reference, segment)).await;
    let asked = rig.send(prompt("Delete?")).await;
    assert_eq!(rig.choice().await, (asked.clone(), ChoiceId::from("yes-id")));
    rig.edit(&asked, message(MessageKind::Prompt, "Delete?\n\nAllowed once."))
        .await;
    assert!(rig.has_not_left());
    rig.send(replying(&said.reference, answer("Deleted."))).await;
    let (paper, _, outcome) = rig.leaves().await;
    insta::assert_snapshot!(paper.text(), @r"
    I will ask.
    Delete?
      1) Allow once (yes)
      2) Always (always)
      3) Deny (no)
    Type 1 to 3 to answer, or `> ` and a reason to refuse.
    Allowed once.
    Deleted.
    ");
    assert!(!outcome.failed());
}

#[tokio::test]
async fn keyword_that_decides_needs_no_answer_of_its_own() {
    let mut rig = Rig::plain("delete it\nyes\n");
    let said = rig.message().await;
    let asked = rig.send(prompt("Delete?")).await;
    assert_eq!(rig.message().await.text.as_str(), "yes");
    rig.edit(&asked, message(MessageKind::Prompt, "Allowed once.")).await;
    rig.send(replying(&said.reference, answer("Deleted."))).await;
    rig.leaves().await;
}

#[tokio::test]
async fn open_question_at_the_end_of_input_is_a_failure() {
    let mut rig = Rig::plain("delete it\n");
    rig.message().await;
    rig.send(prompt("Delete?")).await;
    let (_, errors, outcome) = rig.leaves().await;
    assert!(errors.text().contains("still open"));
    assert!(outcome.failed());
}

#[tokio::test]
async fn notice_in_reply_ends_the_waiting() {
    let mut rig = Rig::plain("/usage\n");
    let said = rig.message().await;
    rig.send(message(MessageKind::Notice, "in passing")).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(rig.has_not_left());
    rig.send(replying(&said.reference, message(MessageKind::Notice, "12 tokens")))
        .await;
    let (paper, _, _) = rig.leaves().await;
    assert_eq!(paper.text(), "in passing\n12 tokens\n");
}

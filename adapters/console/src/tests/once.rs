use super::*;

#[tokio::test]
async fn answer_goes_to_the_output_and_the_rest_aside() {
    let mut rig = Rig::once("hello", GateAnswer::Deny);
    let said = rig.message().await;
    assert_eq!(said.text.as_str(), "hello");
    rig.send(message(MessageKind::Notice, "a notice")).await;
    let reference = rig.send(growing("Hel")).await;
    rig.edit(&reference, answer("**Hello!**")).await;
    let (paper, errors, outcome) = rig.leaves().await;
    assert_eq!((paper.text().as_str(), errors.text().as_str()), ("Hello!\n", "a notice\n"));
    assert!(!outcome.failed());
}

#[tokio::test]
async fn gate_is_answered_as_told_beforehand() {
    for (gate, expected) in [
        (GateAnswer::Yes, "yes-id"),
        (GateAnswer::No, "no-id"),
        (GateAnswer::Deny, "no-id"),
    ] {
        let mut rig = Rig::once("delete it", gate);
        rig.message().await;
        let asked = rig.send(prompt("Delete?")).await;
        assert_eq!(rig.choice().await, (asked.clone(), ChoiceId::from(expected)));
        rig.edit(&asked, message(MessageKind::Prompt, "Decided.")).await;
        assert!(rig.has_not_left());
        rig.send(answer("Done.")).await;
        let (paper, errors, outcome) = rig.leaves().await;
        assert_eq!(paper.text(), "Done.\n");
        assert!(
            errors.text().contains("Delete?") && errors.text().contains("Decided."),
            "{}",
            errors.text()
        );
        assert!(!outcome.failed());
    }
}

#[tokio::test]
async fn refusal_is_a_failure() {
    let mut rig = Rig::once("hello", GateAnswer::Deny);
    let said = rig.message().await;
    let refusal = OutgoingMessage {
        reply_to: Some(said.reference),
        ..message(MessageKind::Notice, "Not today.")
    };
    rig.send(refusal).await;
    let (paper, errors, outcome) = rig.leaves().await;
    assert_eq!((paper.text().as_str(), errors.text().as_str()), ("", "Not today.\n"));
    assert!(outcome.failed());
}

#[tokio::test]
async fn shutdown_before_the_answer_is_a_failure() {
    let mut rig = Rig::once("hello", GateAnswer::Deny);
    rig.message().await;
    rig.shutdown.cancel();
    rig.running.await.unwrap();
    assert!(rig.outcome.failed());
    assert!(!rig.quit.is_cancelled());
}

#[tokio::test]
async fn daemon_can_mark_the_outcome() {
    let mut rig = Rig::once("hello", GateAnswer::Deny);
    rig.message().await;
    rig.outcome.mark_failed();
    rig.send(answer("It went wrong.")).await;
    let (_, _, outcome) = rig.leaves().await;
    assert!(outcome.failed());
}

#[tokio::test]
async fn answer_that_had_to_wait_is_not_live_any_more() {
    let mut rig = Rig::once("write it", GateAnswer::Yes);
    let said = rig.message().await;
    let working = rig.send(growing("I will write it.")).await;
    let waiting = OutgoingMessage {
        reply_to: Some(said.reference.clone()),
        last: false,
        ..message(MessageKind::Notice, "Waiting for your decision.")
    };
    rig.edit(&working, waiting).await;
    let asked = rig.send(prompt("Write?")).await;
    rig.choice().await;
    rig.edit(&asked, message(MessageKind::Prompt, "Decided.")).await;
    let done = OutgoingMessage {
        reply_to: Some(said.reference),
        ..answer("Done.")
    };
    rig.send(done).await;
    let (paper, _, outcome) = rig.leaves().await;
    assert_eq!(paper.text(), "Done.\n");
    assert!(!outcome.failed());
}

#[tokio::test]
async fn what_is_left_from_earlier_is_neither_decided_nor_printed_as_the_answer() {
    let mut rig = Rig::once("hello", GateAnswer::Yes);
    let said = rig.message().await;
    let earlier = |message: OutgoingMessage| OutgoingMessage {
        reply_to: Some("an earlier message".into()),
        ..message
    };
    rig.send(earlier(prompt("Delete everything?"))).await;
    rig.send(earlier(answer("An earlier answer."))).await;
    assert!(rig.has_not_left());
    let ours = OutgoingMessage {
        reply_to: Some(said.reference),
        ..answer("Hello!")
    };
    rig.send(ours).await;
    assert!(rig.no_choice_was_made());
    let (paper, errors, outcome) = rig.leaves().await;
    assert_eq!(paper.text(), "Hello!\n");
    assert!(errors.text().contains("An earlier answer."), "{}", errors.text());
    assert!(!outcome.failed());
}

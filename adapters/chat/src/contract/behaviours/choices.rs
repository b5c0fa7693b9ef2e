//! Questions and what is chosen.

use crate::contract::running::{Running, question, settled};
use crate::contract::{Platform, Who};
use crate::{EventKind, OutgoingMessage};

/// Choices stand with their message, and the one that is taken comes in.
pub async fn choices_are_shown_and_taken<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    running.send(&direct, &question("An earlier question?")).await;
    let asked = question("Delete the file?");
    let reference = running.send(&direct, &asked).await;
    let shown = platform.transcript(&direct).await;
    for text in ["Delete the file?", &asked.choices[0].label, &asked.choices[1].label] {
        assert!(shown.contains(text), "no {text:?} in {shown}");
    }
    assert!(
        platform.choose(&direct, &reference, &asked.choices[1]).await,
        "it is on offer"
    );
    assert_eq!(running.choice().await, (reference, asked.choices[1].id.clone()));
    let by = running
        .event("a choice", |event| matches!(event.kind, EventKind::Choice { .. }))
        .await;
    assert_eq!(by.address, direct);

    platform.say(Who::Person, &direct, "it was me").await;
    let (said, _) = running.message("it was me").await;
    assert_eq!(by.sender.id, said.sender.id, "who chose is known as who speaks");
    running.stop().await;
}

/// What is settled can be chosen no more.
pub async fn edit_without_choices_takes_them_away<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let asked = question("Delete the file?");
    let reference = running.send(&direct, &asked).await;
    running.edit(&direct, &reference, &settled("Not deleted.")).await;
    assert!(platform.transcript(&direct).await.contains("Not deleted."));
    platform.choose(&direct, &reference, &asked.choices[0]).await;
    platform.say(Who::Person, &direct, "the end").await;
    running.message("the end").await;
    let events = running.inbox.events();
    let was_taken = events.iter().any(|event| matches!(event.kind, EventKind::Choice { .. }));
    assert!(!was_taken, "it was taken all the same");
    running.stop().await;
}

/// A question that is put in other words is still a question.
pub async fn edit_with_choices_keeps_them<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let asked = question("Delete the file?");
    let reference = running.send(&direct, &asked).await;
    let reworded = question("Delete the whole file?");
    running.edit(&direct, &reference, &reworded).await;
    let shown = platform.transcript(&direct).await;
    assert!(shown.contains("Delete the whole file?"), "{shown}");

    let fewer = OutgoingMessage {
        choices: reworded.choices[1..].to_vec(),
        ..reworded
    };
    running.edit(&direct, &reference, &fewer).await;
    assert!(
        platform.choose(&direct, &reference, &fewer.choices[0]).await,
        "it is on offer"
    );
    assert_eq!(running.choice().await, (reference, fewer.choices[0].id.clone()));
    running.stop().await;
}

/// Who takes a choice is told what came of it, where the platform can do that.
pub async fn choice_is_replied_to<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    running.inbox.reply_to_choices("It is decided.");
    let asked = question("Delete the file?");
    let reference = running.send(&direct, &asked).await;
    assert!(platform.choose(&direct, &reference, &asked.choices[0]).await);
    running.choice().await;
    platform.say(Who::Person, &direct, "the end").await;
    running.message("the end").await;
    let told = platform.told_privately().await;
    let can_tell = running.outbound.capabilities().replies_to_choices;
    assert_eq!(told.is_some(), can_tell, "whether somebody can be told, as the adapter says");
    if let Some(told) = told {
        assert!(told.contains("It is decided."), "{told}");
    }
    running.stop().await;
}

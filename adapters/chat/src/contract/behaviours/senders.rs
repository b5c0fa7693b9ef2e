//! Who said what, where.

use crate::contract::running::{Running, answer, question};
use crate::contract::{Lack, Platform, Who, applies};
use crate::{ChatKind, EventKind, Provenance, SenderKind};

/// The text, the place and the sender of a message are what they are.
pub async fn message_arrives_as_it_was_typed<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let text = "Hello *you* & <b>all</b>, [x](y) `z` \\ 日本 👍🏽";
    assert!(platform.say(Who::Person, &direct, text).await);
    let (event, message) = running.message(text).await;
    assert_eq!(event.address, direct);
    assert_eq!(event.chat_kind, ChatKind::OneToOne);
    assert_eq!(event.sender.kind, SenderKind::Person);
    assert!(!event.id.as_str().is_empty() && !message.reference.as_str().is_empty());
    assert!(message.addressed, "everything in a one-to-one chat speaks to the bot");
    assert_eq!(message.provenance, Provenance::Typed);
    assert_eq!((message.reply_to, message.quote.is_some()), (None, false));
    assert!(message.attachments.is_empty());
    running.stop().await;
}

/// A new name makes nobody else of a person.
pub async fn sender_is_known_by_more_than_a_name<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    platform.say(Who::Person, &direct, "before").await;
    let (before, _) = running.message("before").await;
    if !applies::<P>(Lack::DisplayNames, platform.rename("Another Name").await) {
        return assert!(before.sender.display_name.is_none());
    }
    platform.say(Who::Person, &direct, "after").await;
    let (after, _) = running.message("after").await;
    assert_eq!(after.sender.id, before.sender.id);
    assert_ne!(after.sender.display_name, before.sender.display_name);
    let name = after.sender.display_name.expect("the platform has names");
    assert!(name.as_str().contains("Another Name") && !after.sender.id.as_str().contains("Another"));
    running.stop().await;
}

/// In a room it is known what is meant for the bot.
pub async fn room_is_told_apart<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let room = platform.room().await;
    applies::<P>(Lack::Rooms, room.is_some());
    let Some(room) = room else { return };
    assert_ne!(room, platform.direct());

    assert!(platform.say(Who::Person, &room, "to nobody").await);
    let (event, message) = running.message("to nobody").await;
    assert_eq!((event.address, event.chat_kind), (room.clone(), ChatKind::Room));
    assert!(!message.addressed, "nobody spoke to the bot");

    assert!(platform.mention(&room, "to the bot").await);
    let mentions = |event: &crate::Event| match &event.kind {
        EventKind::Message(message) => message.text.as_str().contains("to the bot") && message.addressed,
        _ => false,
    };
    running.event("addressed", mentions).await;

    let reference = running.send(&room, &answer("an answer")).await;
    if applies::<P>(Lack::Replies, platform.reply(&room, &reference, "replied").await) {
        let (_, message) = running.message("replied").await;
        assert!(message.addressed, "who replies to the bot speaks to it");
        assert_eq!(message.reply_to, Some(reference));
    }
    running.stop().await;
}

/// Different people have different ids, wherever they speak.
pub async fn people_in_a_room_are_told_apart<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let room = platform.room().await;
    applies::<P>(Lack::Rooms, room.is_some());
    let Some(room) = room else { return };
    let direct = platform.direct();
    assert!(platform.say(Who::Person, &direct, "alone").await);
    assert!(platform.say(Who::Person, &room, "the same").await);
    assert!(platform.say(Who::AnotherPerson, &room, "somebody else").await);
    let (alone, _) = running.message("alone").await;
    let (same, _) = running.message("the same").await;
    let (other, _) = running.message("somebody else").await;
    assert_eq!(alone.sender.id, same.sender.id);
    assert_ne!(other.sender.id, same.sender.id);
    assert_eq!(other.sender.kind, SenderKind::Person);
    running.stop().await;
}

/// What is said in a thread comes from there, and what is sent there stands there.
pub async fn thread_is_a_conversation<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let thread = platform.thread().await;
    assert_eq!(
        thread.is_some(),
        running.outbound.capabilities().threads,
        "whether there are threads, as the adapter says"
    );
    let Some(thread) = thread else { return };
    assert!(thread.thread.is_some());
    assert!(platform.say(Who::Person, &thread, "in a thread").await);
    let (event, _) = running.message("in a thread").await;
    assert_eq!(event.address, thread);
    running.send(&thread, &answer("an answer in it")).await;
    assert!(platform.transcript(&thread).await.contains("an answer in it"));
    running.stop().await;
}

/// A reply names the message by the reference that sending it returned.
pub async fn reply_names_the_message<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    running.send(&direct, &answer("something else")).await;
    let reference = running.send(&direct, &question("Sure?")).await;
    if !applies::<P>(Lack::Replies, platform.reply(&direct, &reference, "not so").await) {
        return;
    }
    let (_, message) = running.message("not so").await;
    assert_eq!(message.reply_to, Some(reference));
    running.stop().await;
}

/// A changed message comes as an event of its own, about the same message.
pub async fn change_arrives_as_an_edit<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    platform.say(Who::Person, &direct, "before").await;
    let (said, before) = running.message("before").await;
    if !applies::<P>(Lack::Edits, platform.change(&direct, &before.reference, "after").await) {
        return;
    }
    let edit = running
        .event("an edit", |event| matches!(event.kind, EventKind::Edit(_)))
        .await;
    assert_ne!(edit.id, said.id);
    assert_eq!(edit.sender.id, said.sender.id);
    let EventKind::Edit(after) = edit.kind else {
        unreachable!("it is an edit");
    };
    assert_eq!(after.reference, before.reference);
    assert_eq!(after.text.as_str(), "after");
    running.stop().await;
}

/// Words of others are not the sender's, who could be made to pass on anything.
pub async fn forwarded_words_are_marked<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    if !applies::<P>(Lack::Forwards, platform.forward(&direct, "words of others").await) {
        return;
    }
    let (event, message) = running.message("words of others").await;
    assert_eq!(message.provenance, Provenance::Forwarded);
    assert_eq!(event.sender.kind, SenderKind::Person, "who passed it on is known");
    running.stop().await;
}

/// Other bots are no people.
pub async fn bots_are_marked<P: Platform>() {
    somebody_is_marked::<P>(Who::Bot, SenderKind::Bot).await;
}

/// Who cannot be known is nobody in particular.
pub async fn anonymous_senders_are_marked<P: Platform>() {
    somebody_is_marked::<P>(Who::Anonymous, SenderKind::Anonymous).await;
}

async fn somebody_is_marked<P: Platform>(who: Who, kind: SenderKind) {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let place = platform.room().await.unwrap_or_else(|| platform.direct());
    if !applies::<P>(who.lack(), platform.say(who, &place, "guess who").await) {
        return;
    }
    let (event, _) = running.message("guess who").await;
    assert_eq!(event.sender.kind, kind);
    running.stop().await;
}

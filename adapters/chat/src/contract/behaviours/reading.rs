//! How events are handed over.

use crate::contract::running::{Running, text_of, texts};
use crate::contract::{Lack, Platform, RecordingInbox, Who, applies};
use crate::{Condition, Event, InboundError};
use std::sync::Arc;

async fn says<P: Platform>(platform: &mut P, text: &str) {
    let direct = platform.direct();
    assert!(
        platform.say(Who::Person, &direct, text).await,
        "a person in a one-to-one chat can always speak"
    );
}

/// What the person said and the inbox has, in order; waits for the last of it.
async fn said(running: &Running, last: &str) -> Vec<String> {
    running.message(last).await;
    texts(&running.inbox.deliveries())
}

/// Events come in the order in which they happened, and each batch has its cursor.
pub async fn events_arrive_in_order<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let words = ["one", "two", "three", "four", "five"];
    for word in words {
        says(&mut platform, word).await;
    }
    assert_eq!(said(&running, "five").await, words);
    let with_events = running.inbox.batches().into_iter().filter(|batch| !batch.events.is_empty());
    let keeps_events = !P::LACKS.contains(&Lack::KeptEvents);
    for batch in with_events {
        assert_eq!(
            batch.cursor.is_some(),
            keeps_events,
            "the cursor of the scope {}",
            batch.scope
        );
    }
    running.stop().await;
}

/// What the inbox refused comes again with the same ids. Without events that are kept, the reading goes on or ends with the
/// refusal: it does not stop in silence.
pub async fn refused_events_come_again<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    running.inbox.refuse();
    says(&mut platform, "refused").await;
    let find_refused = |inbox: &RecordingInbox| inbox.refused().into_iter().find(|event| text_of(event) == Some("refused"));
    let refused = running.inbox.until(find_refused).await.expect("the event never came");
    assert!(running.inbox.events().is_empty());

    running.inbox.accept_again();
    if P::LACKS.contains(&Lack::KeptEvents) {
        let ended = after_refusal(running, &mut platform).await;
        return assert!(matches!(ended, None | Some(Err(InboundError::Inbox(_)))), "{ended:?}");
    }
    says(&mut platform, "later").await;
    let running = goes_on_or_begins_again(running, &mut platform).await;
    running.message("later").await;
    let events = running.inbox.events();
    assert_eq!(texts(&events), ["refused", "later"]);
    let again = events.iter().find(|event| text_of(event) == Some("refused"));
    assert_eq!(
        again.map(|event| &event.id),
        Some(&refused.id),
        "the same event has another id"
    );
    running.stop().await;
}

/// Says something new after a refusal. Gives how the reading ended, if it did.
async fn after_refusal<P: Platform>(running: Running, platform: &mut P) -> Option<Result<(), InboundError>> {
    let direct = platform.direct();
    if !platform.say(Who::Person, &direct, "later").await {
        return Some(running.end().await.1);
    }
    let has_later = |inbox: &RecordingInbox| texts(&inbox.events()).iter().any(|text| text.contains("later")).then_some(());
    let inbox = Arc::clone(&running.inbox);
    if inbox.until(has_later).await.is_some() {
        running.stop().await;
        return None;
    }
    Some(running.end().await.1)
}

/// A refusal may end the reading with that error; the next process begins again.
async fn goes_on_or_begins_again<P: Platform>(running: Running, platform: &mut P) -> Running {
    let inbox = Arc::clone(&running.inbox);
    let ended = async {
        while !running.has_ended() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        stored = inbox.until(|inbox| (!inbox.events().is_empty()).then_some(())) => {
            assert!(stored.is_some(), "the refused event does not come again");
            return running;
        }
        () = ended => {}
    }
    let (inbox, ended) = running.end().await;
    assert!(
        matches!(ended, Err(InboundError::Inbox(_))),
        "the reading ended with {ended:?}"
    );
    Running::begin(platform, inbox).await
}

/// A connector that is built anew after a clean stop goes on where the last one was.
pub async fn restart_loses_and_repeats_nothing<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    says(&mut platform, "before").await;
    running.message("before").await;
    let inbox = running.stop().await;
    let direct = platform.direct();
    let keeps_events = platform.say(Who::Person, &direct, "meanwhile").await;
    let running = Running::begin(&mut platform, inbox).await;
    says(&mut platform, "after").await;
    let all = said(&running, "after").await;
    if applies::<P>(Lack::KeptEvents, keeps_events) {
        assert_eq!(all, ["before", "meanwhile", "after"]);
    } else {
        assert_eq!(all, ["before", "after"]);
    }
    running.stop().await;
}

/// Where the process dies between storing and confirming, what comes again has the same id.
pub async fn crash_after_storing_loses_nothing<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    running.inbox.hang_after_storing();
    says(&mut platform, "stored").await;
    running.message("stored").await;
    let inbox = running.kill().await;
    inbox.accept_again();
    let running = Running::begin(&mut platform, inbox).await;
    says(&mut platform, "after").await;
    running.message("after").await;
    assert_eq!(texts(&running.inbox.events()), ["stored", "after"]);
    running.stop().await;
}

/// Soon after the start it is known that the platform had nothing more, also where nothing happens.
pub async fn idle_connector_has_caught_up<P: Platform>() {
    let (_platform, running) = Running::on_new_platform::<P>().await;
    let caught_up = running
        .inbox
        .until(|inbox| inbox.batches().iter().any(|batch| batch.caught_up).then_some(()))
        .await;
    assert!(caught_up.is_some(), "nothing says that the connector has caught up");
    let events: Vec<Event> = running.inbox.events();
    assert!(events.is_empty(), "{events:?}");
    running.stop().await;
}

/// The end is clean and comes soon, be it at the start, in the middle of waiting or after some work.
pub async fn shutdown_ends_the_reading<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let inbox = running.stop().await;
    let running = Running::begin(&mut platform, inbox).await;
    says(&mut platform, "hello").await;
    running.message("hello").await;
    running.stop().await;
}

/// An interruption is waited out and loses nothing.
pub async fn reading_goes_on_after_an_interruption<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    says(&mut platform, "before").await;
    running.message("before").await;
    if !applies::<P>(Lack::Outages, platform.interrupt_reading().await) {
        return;
    }
    says(&mut platform, "after").await;
    assert_eq!(said(&running, "after").await, ["before", "after"]);
    running.stop().await;
}

/// Events that another reader takes are lost to us: that must be known.
pub async fn other_reader_is_reported<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    says(&mut platform, "before").await;
    running.message("before").await;
    if !applies::<P>(Lack::OtherReaders, platform.read_elsewhere().await) {
        return;
    }
    let contested = running
        .inbox
        .until(|inbox| inbox.conditions().contains(&Condition::Contested).then_some(()))
        .await;
    assert!(contested.is_some(), "reported was {:?}", running.inbox.conditions());
    running.stop().await;
}

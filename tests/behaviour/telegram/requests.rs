//! Requests that come in pieces, change, are stopped, or whose chat moves.

mod context;
mod edits;
mod parts;
mod signs;
mod stop;

use super::scene::{Scene, counted};
use crate::support::{SOON, said};
use cortex_test_support::telegram::Control;
use std::time::{Duration, Instant};

#[test]
fn pasted_text_and_albums_are_one_request_each() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let long = "0123456789".repeat(900);
    scene.telegram.paste(scene.home, scene.alice, &long);
    let began = Instant::now();
    scene.telegram.wait_for_text(scene.home, "0123456789", SOON);
    assert!(began.elapsed() < Duration::from_secs(3), "it waits for what does not come");
    scene.telegram.album(scene.home, scene.alice, 3, "what is this?");
    scene.telegram.wait_for_text(scene.home, "You said what is this?", SOON);
    let requests = scene.llm.requests();
    assert_eq!(requests.len(), 2, "{}", scene.telegram.transcript(scene.home));
    assert_eq!(said(&requests[0]), long);
    assert_eq!(said(&requests[1]).matches("[attached: ").count(), 3, "{}", said(&requests[1]));
}

#[test]
fn edited_request_is_answered_in_the_message_that_stands() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "count 200");
    let growing = scene.telegram.wait_for_text(scene.home, "w3", SOON);
    scene.telegram.edit_without_change(request);
    scene.telegram.edit(request, "count 5");
    let is_changed = |control: &Control| control.message(growing.handle()).text == counted(5);
    assert!(
        scene.telegram.wait_until(SOON, is_changed),
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert_eq!(scene.llm.requests().len(), 2);

    // What waits for a decision has begun.
    let asked = scene.ask("write a.md apples");
    scene.telegram.edit(asked.request, "write a.md bears");
    scene
        .telegram
        .wait_for_text(scene.home, "already begun to work on this", SOON);
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("apples"));
}

#[test]
fn stop_button_and_presses_of_others_are_answered_to_their_presser() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Club");
    for person in [scene.alice, bob] {
        scene.telegram.add_user(group, person);
    }
    let _serving = scene.serve();
    scene.telegram.say(group, scene.alice, "@cortex_test_bot count 300");
    let growing = scene.telegram.wait_for_text(group, "w3", SOON);
    let foreign = scene.telegram.press(bob, growing.handle(), "⏹ Stop");
    let told = scene.telegram.wait_for_answer(&foreign, SOON);
    assert!(told.text.contains("not yours to stop"), "{told:?}");
    let own = scene.telegram.press(scene.alice, growing.handle(), "⏹ Stop");
    let told = scene.telegram.wait_for_answer(&own, SOON);
    assert_eq!(told.text, "Stopped.");
    scene.becomes(growing.handle(), "(Stopped.)");
    assert_eq!(
        scene.telegram.messages(group).len(),
        1,
        "{}",
        scene.telegram.transcript(group)
    );
}

#[test]
fn group_that_becomes_a_supergroup_goes_on_there() {
    let scene = Scene::new();
    let group = scene.telegram.group("Club");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    let request = scene.telegram.say(group, scene.alice, "@cortex_test_bot write a.md apples");
    let asked = scene.asked(request);
    scene.telegram.say(group, scene.alice, "@cortex_test_bot count 40");
    scene.telegram.wait_for_text(group, "w3", SOON);
    let there = scene.telegram.upgrade_group(group);
    scene.telegram.wait_for_text(there, &counted(40), SOON);
    let again = scene.telegram.wait_for_text(there, "may I run", SOON);
    assert_ne!(again.handle(), asked.prompt.handle());
    scene.telegram.press(scene.alice, again.handle(), "Allow once");
    scene.telegram.wait_for_text(there, "It gave", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("apples"));
    let stored = scene.stored();
    assert_eq!(stored.number("SELECT count(*) FROM conversation WHERE chat_kind = 'room'"), 1);
    stored.becomes("SELECT count(*) FROM message WHERE shown_version < desired_version", 0);
}

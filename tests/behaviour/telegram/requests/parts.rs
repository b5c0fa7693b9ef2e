//! What belongs together although it comes in pieces, and what does not.

use crate::support::{SOON, said};
use crate::telegram::scene::Scene;
use std::time::{Duration, Instant};

const UNDER_WAY: &str = "SELECT count(*) FROM turn WHERE status IN ('queued', 'running')";

/// What the model was asked, in order, once it was asked so often.
fn heard(scene: &Scene, requests: usize) -> Vec<String> {
    let requests = scene.llm.wait_for_requests(requests, SOON);
    scene.stored().becomes(UNDER_WAY, 0);
    requests.iter().map(|request| said(request).to_owned()).collect()
}

#[test]
fn paste_in_a_group_needs_one_mention() {
    let scene = Scene::new();
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    let long = "0123456789".repeat(1_000);
    scene.telegram.paste(group, scene.alice, &format!("@cortex_test_bot {long}"));
    assert_eq!(heard(&scene, 1), [long]);
}

#[test]
fn album_in_a_group_needs_one_mention() {
    let scene = Scene::new();
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    scene.telegram.album(group, scene.alice, 4, "@cortex_test_bot which is best?");
    let heard = heard(&scene, 1);
    assert!(heard[0].starts_with("which is best?"), "{heard:?}");
    assert_eq!(heard[0].matches("[attached: ").count(), 4, "{heard:?}");
}

#[test]
fn two_albums_are_two_requests() {
    let scene = Scene::new();
    let _serving = scene.serve();
    scene.telegram.album(scene.home, scene.alice, 2, "first");
    scene.telegram.album(scene.home, scene.alice, 3, "second");
    let heard = heard(&scene, 2);
    assert!(heard[0].contains("first") && heard[1].contains("second"), "{heard:?}");
    let photos: Vec<usize> = heard.iter().map(|said| said.matches("[attached: ").count()).collect();
    assert_eq!(photos, [2, 3]);
}

#[test]
fn message_after_an_album_is_one_of_its_own() {
    let scene = Scene::new();
    let _serving = scene.serve();
    scene.telegram.album(scene.home, scene.alice, 2, "look");
    scene.telegram.say(scene.home, scene.alice, "hello");
    let heard = heard(&scene, 2);
    assert!(heard[0].contains("look") && heard[1] == "hello", "{heard:?}");
}

#[test]
fn pastes_of_two_people_are_not_mixed() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    scene.telegram.add_user(group, bob);
    let _serving = scene.serve();
    let (a, b) = ("a".repeat(4_096 - 17), "b".repeat(4_096 - 17));
    scene.telegram.say(group, scene.alice, &format!("@cortex_test_bot {a}"));
    scene.telegram.say(group, bob, &format!("@cortex_test_bot {b}"));
    scene.telegram.say(group, scene.alice, "and the rest of a");
    scene.telegram.say(group, bob, "and the rest of b");
    let heard = heard(&scene, 2);
    assert_eq!(heard, [format!("{a}and the rest of a"), format!("{b}and the rest of b")]);
}

#[test]
fn long_message_without_more_waits_a_moment_only() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let began = Instant::now();
    scene.telegram.say(scene.home, scene.alice, &"x".repeat(4_096));
    scene.telegram.wait_for_text(scene.home, "xxx", SOON);
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(began.elapsed() > Duration::from_millis(500), "it does not wait for more");
}

#[test]
fn paste_survives_a_death_between_its_parts() {
    let scene = Scene::new();
    let mut serving = scene.daemon.serve_dying_at("accept.after_commit");
    let text = "0123456789".repeat(410);
    let (first, second) = text.split_at(4_096);
    scene.telegram.say(scene.home, scene.alice, first);
    serving.wait_for_exit(SOON);
    scene.telegram.say(scene.home, scene.alice, second);
    let _serving = scene.serve();
    // Whether they are joined depends on how long it was dead; nothing is lost or heard twice.
    scene.telegram.wait_until(SOON, |control| control.pending_updates() == 0);
    scene.stored().becomes(UNDER_WAY, 0);
    let heard: String = scene.llm.requests().iter().map(|request| said(request).to_owned()).collect();
    assert_eq!(heard, text);
}

//! Stopping: by the button under the growing answer, and by the command.

use crate::support::SOON;
use crate::telegram::scene::Scene;
use std::time::{Duration, Instant};

const STOP: &str = "⏹ Stop";

#[test]
fn stop_button_stops_at_once() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let growing = scene.say("count 300", "w10");
    assert_eq!(growing.labels(), [STOP]);
    let began = Instant::now();
    let pressed = scene.telegram.press(scene.alice, growing.handle(), STOP);
    let stopped = scene.becomes(growing.handle(), "(Stopped.)");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(stopped.keyboard.is_empty(), "the button is still there");
    assert!(
        stopped.text.contains("w10") && !stopped.text.contains("w300"),
        "{}",
        stopped.text
    );
    assert_eq!(scene.telegram.wait_for_answer(&pressed, SOON).text, "Stopped.");
    assert!(scene.llm.wait_for_hang_up(SOON), "the model is still at work");

    // What was said so far is known.
    scene.chat("go on");
    assert!(scene.llm.last_request().body.to_string().contains("w10"));
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn stop_button_is_gone_from_what_is_whole() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let growing = scene.say("count 30", "w5");
    let data = growing.keyboard[0][0].data.clone().unwrap();
    let whole = scene.wait_for_final(scene.home, "w29 w30");
    assert_eq!(whole.handle(), growing.handle());
    // A press that was too late changes nothing, and is told so.
    let late = scene.telegram.press_data(scene.alice, growing.handle(), &data);
    assert!(!scene.telegram.wait_for_answer(&late, SOON).text.is_empty());
    scene.chat("thanks");
    assert_eq!(scene.telegram.message(growing.handle()).text, whole.text);
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn doubled_stop_stops_one_request() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let growing = scene.say("count 300", "w10");
    scene.telegram.say(scene.home, scene.alice, "count 20");
    scene.telegram.wait_for_text(scene.home, "Queued", SOON);
    let presses = [STOP, STOP].map(|label| scene.telegram.press(scene.alice, growing.handle(), label));
    scene.becomes(growing.handle(), "(Stopped.)");
    for press in presses {
        scene.telegram.wait_for_answer(&press, SOON);
    }
    // What waited behind it is answered.
    scene.wait_for_final(scene.home, "w19 w20");
}

#[test]
fn stop_command_stops_all_of_its_sender() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    scene.telegram.add_user(group, bob);
    let _serving = scene.serve();
    scene.telegram.say(group, scene.alice, "@cortex_test_bot count 300");
    let growing = scene.telegram.wait_for_text(group, "w5", SOON);
    scene.telegram.say(group, scene.alice, "@cortex_test_bot count 20");
    scene.telegram.say(group, bob, "@cortex_test_bot hello");
    scene.telegram.wait_for_text(group, "2 requests", SOON);
    // Of another it stops nothing.
    scene.telegram.say(group, bob, "/stop@cortex_test_bot");
    scene.telegram.wait_for_text(group, "Stopped.", SOON);
    assert!(!scene.telegram.message(growing.handle()).text.contains("Stopped"));
    scene.telegram.say(group, scene.alice, "/stop@cortex_test_bot");
    scene.telegram.wait_for_text(group, "Stopped 2 requests.", SOON);
    scene.becomes(growing.handle(), "(Stopped.)");
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status IN ('queued', 'running')", 0);
    assert_eq!(scene.llm.requests().len(), 1);
    scene.telegram.say(group, scene.alice, "/stop@cortex_test_bot");
    scene.telegram.wait_for_text(group, "Nothing is running.", SOON);
}

#[test]
fn stop_leaves_questions_open() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let growing = scene.say("count 300", "w5");
    scene.telegram.press(scene.alice, growing.handle(), STOP);
    scene.becomes(growing.handle(), "(Stopped.)");
    assert_eq!(scene.telegram.message(asked.prompt.handle()).keyboard, asked.prompt.keyboard);
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
}

//! Presses that no button stands behind: made up, of others, twice, too late, from nowhere.

use crate::support::SOON;
use crate::telegram::scene::{Asked, Scene};
use cortex_test_support::telegram::CallbackAnswer;

const PENDING: &str = "SELECT count(*) FROM approval WHERE status = 'pending'";
const RUNS: &str = "SELECT count(*) FROM tool_run WHERE tool = 'file_write'";

/// What the button with that label sends.
fn data(asked: &Asked, label: &str) -> String {
    let mut buttons = asked.prompt.keyboard.iter().flatten();
    buttons.find(|button| button.label == label).unwrap().data.clone().unwrap()
}

#[track_caller]
fn answered(scene: &Scene, press: &str) -> CallbackAnswer {
    scene.telegram.wait_for_answer(press, SOON)
}

#[test]
fn forged_presses_decide_nothing() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let bobs = scene.telegram.private_chat(bob);
    let eve = scene.telegram.user("Eve");
    let eves = scene.telegram.private_chat(eve);
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let right = data(&asked, "Allow once");
    let longer = "x".repeat(5_000);

    // Alice's client makes data up.
    let garbage = ["", "yes", "once", "Allow once", "../../etc", "\u{0}", "{}", longer.as_str()];
    let almost = [
        right.to_uppercase(),
        right[1..].to_owned(),
        format!("{right}x"),
        format!("{right}:once"),
        format!("{}:z", right.split(':').next().unwrap()),
    ];
    for forged in garbage.into_iter().chain(almost.iter().map(String::as_str)) {
        let press = scene.telegram.press_data(scene.alice, asked.prompt.handle(), forged);
        answered(&scene, &press);
    }
    // Others have got hold of the right data.
    let bobs_message = scene.telegram.say(bobs, bob, "hello");
    scene.telegram.wait_for_text(bobs, "You said hello.", SOON);
    for press in [
        scene.telegram.press_data(bob, bobs_message, &right),
        scene.telegram.press_without_message(bob, bobs, &right),
        scene.telegram.press_without_message(eve, eves, &right),
        scene.telegram.press_inaccessible(eve, asked.prompt.handle(), &right),
        scene.telegram.press_data(bob, asked.prompt.handle(), &right),
    ] {
        answered(&scene, &press);
    }
    assert_eq!(scene.stored().number(PENDING), 1);
    assert_eq!(scene.daemon.read_file("a.md"), None);
    assert!(
        scene.telegram.messages(eves).is_empty(),
        "{}",
        scene.telegram.transcript(eves)
    );

    // The question is as it was, and can be answered.
    assert_eq!(scene.telegram.message(asked.prompt.handle()).keyboard, asked.prompt.keyboard);
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    scene.becomes(asked.prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("one"));
}

#[test]
fn doubled_presses_decide_once() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let prompt = asked.prompt.handle();
    let presses: Vec<String> = ["Allow once", "Deny", "Allow once", "Always"]
        .iter()
        .map(|label| scene.telegram.press(scene.alice, prompt, label))
        .collect();
    let words: Vec<String> = presses.iter().map(|press| answered(&scene, press).text).collect();
    scene.becomes(prompt, "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    assert_eq!(scene.stored().number(RUNS), 1);
    assert_eq!(scene.stored().number("SELECT count(*) FROM \"grant\""), 0);
    assert!(words[1..].iter().all(|word| word.contains("already decided")), "{words:?}");
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn stale_press_is_told_so() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let right = data(&asked, "Allow once");
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Deny");
    scene.becomes(asked.prompt.handle(), "denied by alice");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    let stale = scene.telegram.press_data(scene.alice, asked.prompt.handle(), &right);
    assert!(
        answered(&scene, &stale).text.contains("already decided: denied"),
        "{:?}",
        answered(&scene, &stale)
    );

    // Also after a restart, and where the message can no longer be seen.
    serving.stop(SOON);
    let _serving = scene.serve();
    let stale = scene.telegram.press_inaccessible(scene.alice, asked.prompt.handle(), &right);
    assert!(
        answered(&scene, &stale).text.contains("already decided"),
        "{:?}",
        answered(&scene, &stale)
    );
    assert_eq!(scene.daemon.read_file("a.md"), None);
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn press_on_an_inaccessible_prompt_decides() {
    let scene = Scene::new();
    let _serving = scene.serve();
    for (file, pressed) in [("a.md", true), ("b.md", false)] {
        let asked = scene.ask(&format!("write {file} one"));
        let right = data(&asked, "Allow once");
        let press = if pressed {
            scene.telegram.press_inaccessible(scene.alice, asked.prompt.handle(), &right)
        } else {
            scene.telegram.press_without_message(scene.alice, scene.home, &right)
        };
        answered(&scene, &press);
        scene.becomes(asked.prompt.handle(), "allowed once by alice");
        scene
            .telegram
            .wait_for_text(scene.home, &format!("files/{file} now has"), SOON);
    }
}

//! Questions while nobody is there: the daemon is down, the time runs out, Telegram forgets a press.

use crate::support::SOON;
use crate::telegram::scene::{Asked, Scene};
use rusqlite::Connection;

/// Makes all that the store knows of Telegram so much older.
fn age(scene: &Scene, seconds: i64) {
    let connection = Connection::open(scene.daemon.store()).unwrap();
    let aged = |sql: &str| {
        connection
            .execute(&sql.replace("AGE", &format!("{seconds} * 1000")), [])
            .unwrap()
    };
    assert_eq!(
        aged("UPDATE cursor SET caught_up_at = caught_up_at - AGE WHERE caught_up_at IS NOT NULL"),
        1,
        "it never caught up"
    );
    assert!(
        aged("UPDATE message SET sent_at = sent_at - AGE WHERE sent_at IS NOT NULL") > 0,
        "nothing was sent"
    );
}

fn prompts(scene: &Scene) -> usize {
    scene.with("may I run").len()
}

/// A question that is put, and a daemon that is stopped then.
fn asked_and_stopped(scene: &Scene) -> Asked {
    let mut serving = scene.serve();
    let asked = scene.ask("write a.md one");
    scene.chat("hello");
    serving.stop(SOON);
    asked
}

#[test]
fn press_while_the_daemon_is_down_counts() {
    let scene = Scene::new();
    let asked = asked_and_stopped(&scene);
    let pressed = scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    let _serving = scene.serve();
    assert_eq!(scene.telegram.wait_for_answer(&pressed, SOON).text, "Allowed once.");
    scene.becomes(asked.prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(prompts(&scene), 0);
}

#[test]
fn question_is_denied_when_its_time_is_over() {
    let mut scene = Scene::new();
    scene.daemon.set("gate.expires_after", "\"1s\"");
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let data = asked.prompt.keyboard[0][0].data.clone().unwrap();
    let outcome = scene.becomes(asked.prompt.handle(), "denied, since nobody decided within");
    assert!(outcome.keyboard.is_empty());
    scene.telegram.wait_for_text(scene.home, "nobody confirmed it in time", SOON);

    let pressed = scene.telegram.press_data(scene.alice, asked.prompt.handle(), &data);
    let answer = scene.telegram.wait_for_answer(&pressed, SOON);
    assert!(!answer.text.is_empty() && !answer.text.contains("Allowed"), "{answer:?}");
    assert_eq!(scene.daemon.read_file("a.md"), None);
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn question_whose_time_is_over_while_the_daemon_is_down_is_denied() {
    let mut scene = Scene::new();
    scene.daemon.set("gate.expires_after", "\"1s\"");
    let mut serving = scene.serve();
    let asked = scene.ask("write a.md one");
    serving.kill();
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let pressed = scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    let _serving = scene.serve();
    let answer = scene.telegram.wait_for_answer(&pressed, SOON);
    assert!(!answer.text.is_empty() && !answer.text.contains("Allowed"), "{answer:?}");
    scene.becomes(asked.prompt.handle(), "denied, since nobody decided within");
    scene.telegram.wait_for_text(scene.home, "nobody confirmed it in time", SOON);
    assert_eq!(scene.daemon.read_file("a.md"), None);
}

#[test]
fn question_is_put_again_after_an_absence() {
    let scene = Scene::new();
    let asked = asked_and_stopped(&scene);
    age(&scene, 121);
    let mut serving = scene.serve();
    let old = scene.becomes(asked.prompt.handle(), "asked again below");
    assert!(old.keyboard.is_empty(), "the old buttons are still there");
    let again = scene.asked(asked.request);
    assert!(again.prompt.message_id > asked.prompt.message_id);
    assert_eq!((again.code(), again.prompt.labels()), (asked.code(), asked.prompt.labels()));
    assert!(!again.prompt.is_silent, "nobody hears of it");
    scene.chat("what is it?");
    assert_eq!(prompts(&scene), 1);
    serving.stop(SOON);

    // A second absence puts it a third time; the newest one decides.
    age(&scene, 200);
    let _serving = scene.serve();
    scene.becomes(again.prompt.handle(), "asked again below");
    let newest = scene.asked(asked.request);
    scene.telegram.press(scene.alice, newest.prompt.handle(), "Allow once");
    scene.becomes(newest.prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(prompts(&scene), 0, "{}", scene.telegram.transcript(scene.home));
}

#[test]
fn press_in_an_absence_counts_before_anything_is_put_again() {
    let scene = Scene::new();
    let asked = asked_and_stopped(&scene);
    age(&scene, 140);
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Deny");
    let _serving = scene.serve();
    scene.becomes(asked.prompt.handle(), "denied by alice");
    scene.telegram.wait_for_text(scene.home, "It gave: Action denied", SOON);
    assert_eq!(prompts(&scene), 0, "{}", scene.telegram.transcript(scene.home));
}

#[test]
fn short_stop_puts_nothing_again() {
    let scene = Scene::new();
    let asked = asked_and_stopped(&scene);
    age(&scene, 60);
    let _serving = scene.serve();
    scene.chat("back so soon?");
    assert_eq!(prompts(&scene), 1, "{}", scene.telegram.transcript(scene.home));
    assert_eq!(scene.telegram.message(asked.prompt.handle()).keyboard, asked.prompt.keyboard);
}

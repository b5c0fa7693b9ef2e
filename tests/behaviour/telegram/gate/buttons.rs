//! Buttons: what they show, what each does, and how soon the presser hears of it.

use crate::support::SOON;
use crate::telegram::scene::{Asked, Scene};
use cortex_test_support::telegram::{BotMessage, CallbackAnswer, Fault};
use std::time::{Duration, Instant};

/// By then a presser's client has an answer.
const AT_ONCE: Duration = Duration::from_secs(1);
/// For a machine that is busy with other tests.
const LEEWAY: Duration = Duration::from_millis(500);
const ASKED: &str = "SELECT count(*) FROM approval";

/// Presses a button of a question, and waits for the answer to the press and for what stands in place of the question.
#[track_caller]
fn press(scene: &Scene, asked: &Asked, label: &str, outcome: &str) -> (CallbackAnswer, BotMessage) {
    let press = scene.telegram.press(scene.alice, asked.prompt.handle(), label);
    let answer = scene.telegram.wait_for_answer(&press, SOON);
    (answer, scene.becomes(asked.prompt.handle(), outcome))
}

/// Asks for a write that runs unasked.
#[track_caller]
fn runs_unasked(scene: &Scene, task: &str, file: &str, content: &str) {
    let asked = scene.stored().number(ASKED);
    scene.telegram.say(scene.home, scene.alice, task);
    let written = || scene.daemon.read_file(file).as_deref() == Some(content);
    let done = scene
        .telegram
        .wait_until(SOON, |_| written() || scene.stored().number(ASKED) > asked);
    assert!(done && written(), "{task}:\n{}", scene.telegram.transcript(scene.home));
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status IN ('queued', 'running')", 0);
}

#[test]
fn allow_once_allows_this_call_only() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let (answer, outcome) = press(&scene, &asked, "Allow once", "allowed once by alice");
    assert_eq!((answer.text.as_str(), answer.show_alert), ("Allowed once.", false));
    assert!(outcome.keyboard.is_empty(), "the buttons are still there");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("one"));
    scene.ask("write a.md two");
}

#[test]
fn allow_for_this_session_ends_with_it() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    press(&scene, &asked, "For this session", "allowed for this session by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    runs_unasked(&scene, "write a.md two", "a.md", "two");
    scene.say("/new", "A new session has begun");
    scene.ask("write a.md three");
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("two"));
}

#[test]
fn always_outlives_session_and_restart() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    let asked = scene.ask("write a.md one");
    press(&scene, &asked, "Always", "allowed always by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    scene.say("/new", "A new session has begun");
    serving.stop(SOON);
    let _serving = scene.serve();
    runs_unasked(&scene, "write a.md two", "a.md", "two");
    scene.ask("write b.md one");
}

#[test]
fn deny_reaches_the_model() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let (answer, outcome) = press(&scene, &asked, "Deny", "denied by alice");
    assert_eq!(answer.text, "Denied.");
    assert!(outcome.keyboard.is_empty(), "the buttons are still there");
    let reply = scene
        .telegram
        .wait_for_text(scene.home, "It gave: Action denied by user.", SOON);
    assert_eq!(reply.reply_to, Some(asked.request.message_id));
    assert_eq!(scene.daemon.read_file("a.md"), None);
}

#[test]
fn long_argument_is_shown_whole_on_request() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let words: Vec<String> = (0..400).map(|number| format!("word{number}")).collect();
    let text = words.join(" ");
    let asked = scene.ask(&format!("write a.md {text}"));
    assert_eq!(asked.prompt.labels(), ["Allow once", "Deny", "For this session", "Show all"]);
    assert!(!asked.prompt.text.contains("word200"), "{}", asked.prompt.text);

    let press_show = scene.telegram.press(scene.alice, asked.prompt.handle(), "Show all");
    scene.telegram.wait_for_answer(&press_show, SOON);
    let whole = scene.telegram.wait_for_text(scene.home, "word200", SOON);
    assert!(words.iter().all(|word| whole.text.contains(word)), "{}", whole.text);
    // The question is still open, and asks the same.
    assert_eq!(scene.telegram.message(asked.prompt.handle()).labels(), asked.prompt.labels());
    press(&scene, &asked, "Allow once", "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(scene.daemon.read_file("a.md"), Some(text));
}

#[test]
fn buttons_tell_by_colour_what_they_do() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let rows: Vec<Vec<(&str, Option<&str>)>> = asked
        .prompt
        .keyboard
        .iter()
        .map(|row| {
            row.iter()
                .map(|button| (button.label.as_str(), button.style.as_deref()))
                .collect()
        })
        .collect();
    assert_eq!(
        rows,
        [
            vec![("Allow once", Some("success")), ("Deny", Some("danger"))],
            vec![("For this session", None), ("Always", None)],
        ]
    );
    assert!(asked.prompt.link_preview_disabled && !asked.prompt.is_silent);
    let data = asked
        .prompt
        .keyboard
        .iter()
        .flatten()
        .map(|button| button.data.clone().unwrap());
    assert!(data.clone().all(|data| data.len() <= 64), "{:?}", data.collect::<Vec<_>>());
}

#[test]
fn press_is_answered_at_once_while_an_answer_grows() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    scene.say("count 150", "w5");
    let began = Instant::now();
    let pressed = scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    let answer = scene.telegram.wait_for_answer(&pressed, SOON);
    assert!(answer.at - began < AT_ONCE + LEEWAY, "{:?}", answer.at - began);
    assert_eq!(answer.text, "Allowed once.");
    scene.becomes(asked.prompt.handle(), "allowed once by alice");
    assert!(scene.with("w150").is_empty(), "the answer grows no longer");
    scene.wait_for_final(scene.home, "w149 w150");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
}

#[test]
fn press_is_answered_at_once_while_a_call_hangs() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let slow = Fault::on("editMessageText").in_chat(scene.home).times(2);
    scene.telegram.fault(slow.slow(Duration::from_secs(4)));
    scene.say("count 40", "w5");
    assert!(scene.telegram.wait_until(SOON, |control| control.faults_left() < 2));
    let began = Instant::now();
    let pressed = scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
    let answer = scene.telegram.wait_for_answer(&pressed, SOON);
    assert!(answer.at - began < AT_ONCE + LEEWAY, "{:?}", answer.at - began);
    scene.becomes(asked.prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("one"));
}

#[test]
fn foreign_press_is_told_to_the_presser_alone() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let eve = scene.telegram.user("Eve");
    let group = scene.telegram.supergroup("Us");
    for member in [scene.alice, bob, eve] {
        scene.telegram.add_user(group, member);
    }
    let _serving = scene.serve();
    let request = scene.telegram.say(group, scene.alice, "@cortex_test_bot write a.md one");
    let asked = scene.asked(request);
    for stranger in [bob, eve] {
        for label in ["Allow once", "Deny", "Always"] {
            let pressed = scene.telegram.press(stranger, asked.prompt.handle(), label);
            let answer = scene.telegram.wait_for_answer(&pressed, SOON);
            assert!(answer.text.contains("not yours to decide"), "{answer:?}");
        }
    }
    assert_eq!(
        scene.telegram.messages(group).len(),
        1,
        "{}",
        scene.telegram.transcript(group)
    );
    assert_eq!(
        scene
            .stored()
            .number("SELECT count(*) FROM approval WHERE status = 'pending'"),
        1
    );
    press(&scene, &asked, "Allow once", "allowed once by alice");
    scene.telegram.wait_for_text(group, "files/a.md now has", SOON);
}

#[test]
fn answer_after_a_question_is_a_new_message() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let between = scene.chat("hello");
    press(&scene, &asked, "Allow once", "allowed once by alice");
    let reply = scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
    assert_eq!(
        reply.reply_to,
        Some(asked.request.message_id),
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert!(reply.message_id > between.message_id, "an answer far up is seen by nobody");
    let standing = scene.telegram.messages(scene.home);
    assert_eq!(standing.len(), 3, "{}", scene.telegram.transcript(scene.home));
    assert!(standing.iter().all(|message| message.keyboard.is_empty()));
}

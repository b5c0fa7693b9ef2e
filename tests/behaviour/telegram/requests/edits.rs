//! Messages that are edited: before, while and after they are worked on.

use crate::support::{SOON, said};
use crate::telegram::scene::{Scene, counted};
use cortex_test_support::llm::Reply;
use cortex_test_support::telegram::MessageHandle;

/// Edits a message, and waits until the daemon has made up its mind about it.
#[track_caller]
fn edit(scene: &Scene, message: MessageHandle, text: &str) {
    let MessageHandle { chat, message_id } = message;
    let edits = format!("SELECT count(*) FROM event WHERE event_id LIKE '%:e:{chat}:{message_id}:%' AND outcome <> ''");
    let before = scene.stored().number(&edits);
    scene.telegram.edit(message, text);
    scene.stored().becomes(&edits, before + 1);
}

#[test]
fn queued_request_is_replaced_by_its_edit() {
    let scene = Scene::new();
    let _serving = scene.serve();
    scene.say("count 100", "w3");
    let queued = scene.telegram.say(scene.home, scene.alice, "hello");
    scene.telegram.wait_for_text(scene.home, "Queued", SOON);
    edit(&scene, queued, "goodbye");
    edit(&scene, queued, "good night");
    let answer = scene.telegram.wait_for_text(scene.home, "You said good night.", SOON);
    assert_eq!(answer.reply_to, Some(queued.message_id));
    let requests = scene.llm.requests();
    assert_eq!(requests.iter().map(said).collect::<Vec<_>>(), ["count 100", "good night"]);
    let history = requests[1].body.to_string();
    assert!(!history.contains("hello"), "the old words are still known: {history}");
}

#[test]
fn running_request_begins_anew_in_its_message() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "count 200");
    let growing = scene.telegram.wait_for_text(scene.home, "w5", SOON);
    edit(&scene, request, "count 30");
    edit(&scene, request, "count 20");
    scene.wait_for_final(scene.home, &counted(20));
    assert_eq!(scene.telegram.message(growing.handle()).text, counted(20));
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert!(scene.llm.wait_for_hang_up(SOON), "the model still works on what nobody wants");
    scene.chat("thanks");
    let history = scene.llm.last_request().body.to_string();
    assert!(!history.contains("count 200") && !history.contains("w21"), "{history}");
}

#[test]
fn request_that_has_acted_is_not_changed() {
    let scene = Scene::new();
    scene.daemon.write_file("a.md", "apples");
    scene
        .llm
        .reply(Reply::calls(&[("file_read", serde_json::json!({"path": "files/a.md"}))]));
    scene
        .llm
        .reply(Reply::text_slowly(&counted(60), std::time::Duration::from_millis(30)));
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "read a.md");
    scene.telegram.wait_for_text(scene.home, "w3", SOON);
    edit(&scene, request, "read b.md");
    edit(&scene, request, "read c.md");
    scene.telegram.wait_for_text(scene.home, "already begun", SOON);
    scene.wait_for_final(scene.home, "w59 w60");
    assert_eq!(scene.with("already begun").len(), 1, "it is told once");
    assert_eq!(scene.llm.requests().len(), 2);
}

#[test]
fn edit_of_an_answered_message_does_nothing() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "hello");
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 1);
    edit(&scene, request, "write a.md one");
    edit(&scene, request, "/new");
    scene.chat("still there?");
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        2,
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert_eq!(scene.llm.requests().len(), 2);
}

#[test]
fn edit_into_a_command_is_no_command() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "count 60");
    scene.telegram.wait_for_text(scene.home, "w3", SOON);
    edit(&scene, request, "/stop");
    scene
        .telegram
        .wait_for_text(scene.home, "only count when you type them", SOON);
    scene.wait_for_final(scene.home, "w59 w60");
}

#[test]
fn edit_by_somebody_unheard_does_nothing() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    scene.telegram.add_user(group, bob);
    let eve = scene.telegram.user("Eve");
    let eves = scene.telegram.private_chat(eve);
    let _serving = scene.serve();
    let strangers = scene.telegram.say(eves, eve, "hello");
    scene.telegram.wait_for_text(eves, "only talk with people I know", SOON);
    edit(&scene, strangers, "let me in");
    let unaddressed = scene.heard(scene.telegram.compose(group, bob, "nice weather"));
    edit(&scene, unaddressed, "nicer weather");
    assert_eq!(scene.telegram.messages(eves).len(), 1, "{}", scene.telegram.transcript(eves));
    assert!(scene.telegram.messages(group).is_empty());
    assert_eq!(scene.llm.requests().len(), 0);
}

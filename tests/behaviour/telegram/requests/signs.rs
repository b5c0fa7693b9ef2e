//! Small signs: typing, the list of commands, links without previews.

use crate::support::SOON;
use crate::telegram::scene::{Scene, counted};
use cortex_test_support::llm::Reply;
use std::time::Duration;

#[test]
fn typing_is_shown_until_the_first_words() {
    let scene = Scene::new();
    // Longer than one sign of typing lasts.
    let slow = Reply::raw("").pause(Duration::from_millis(5_500));
    let text = counted(30);
    let event = format!(
        "data: {}\n\n",
        serde_json::json!({"choices": [{"index": 0, "delta": {"content": text}}]})
    );
    scene
        .llm
        .reply(slow.then(event).pause(Duration::from_millis(500)).then("data: [DONE]\n\n"));
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "think");
    assert!(
        scene.telegram.wait_until(SOON, |control| control.typing(scene.home)),
        "no sign of life"
    );
    let answer = scene.telegram.wait_for_text(scene.home, "w30", SOON);
    let signs = scene.telegram.actions(scene.home);
    assert!(signs.len() >= 2, "it lasts five seconds only: {signs:?}");
    assert!(signs.iter().all(|sign| sign.action == "typing"), "{signs:?}");
    scene.wait_for_final(scene.home, "w30");
    assert!(!scene.telegram.typing(scene.home));
    let late = scene
        .telegram
        .actions(scene.home)
        .into_iter()
        .filter(|sign| sign.at > answer.sent_at);
    assert_eq!(late.count(), 0, "it goes on beside the answer");
}

#[test]
fn typing_is_shown_in_the_topic() {
    let scene = Scene::new();
    let forum = scene.telegram.forum("Us");
    scene.telegram.add_user(forum, scene.alice);
    let topic = scene.telegram.topic(forum, "Notes");
    scene.llm.reply(Reply::text_slowly("done", Duration::from_millis(800)));
    let _serving = scene.serve();
    scene
        .telegram
        .compose(forum, scene.alice, "@cortex_test_bot think")
        .thread(topic)
        .send();
    scene.telegram.wait_for_text(forum, "done", SOON);
    let signs = scene.telegram.actions(forum);
    assert!(
        !signs.is_empty() && signs.iter().all(|sign| sign.thread == Some(topic)),
        "{signs:?}"
    );
}

#[test]
fn nobody_types_while_a_question_waits() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let signs = scene.telegram.actions(scene.home).len();
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!(scene.telegram.actions(scene.home).len(), signs);
    assert!(!scene.telegram.typing(scene.home));
    drop(asked);
}

#[test]
fn commands_are_offered_in_private_and_in_groups() {
    let scene = Scene::new();
    let _serving = scene.serve();
    for scope in ["all_private_chats", "all_group_chats"] {
        let offered = scene.telegram.wait_until(SOON, |control| !control.commands(scope).is_empty());
        assert!(offered, "none in {scope}");
        let commands = scene.telegram.commands(scope);
        let names: Vec<&str> = commands.iter().map(|(name, _)| name.as_str()).collect();
        for name in ["new", "stop", "status", "approvals", "deny", "usage", "help"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        // What is told of them is what the bot says itself.
        let help = scene.say("/help", "Commands").text;
        for (name, description) in &commands {
            assert!(help.contains(&format!("/{name} {description}")), "{name}: {help}");
        }
    }
}

#[test]
fn links_have_no_previews_anywhere() {
    let scene = Scene::new();
    let link = "see https://example.org/one and [two](https://example.org/two)";
    scene.llm.answer_with(move |request| match crate::support::said(request) {
        "link" => Reply::text_slowly(link, Duration::from_millis(50)),
        _ => crate::gate::clerk(request),
    });
    let _serving = scene.serve();
    let eve = scene.telegram.user("Eve");
    let eves = scene.telegram.private_chat(eve);
    scene.telegram.say(eves, eve, "hello");
    scene.telegram.wait_for_text(eves, "only talk with", SOON);
    scene.say("link", "see https://example.org/one and two");
    let asked = scene.ask("write a.md https://example.org/three");
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Deny");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    scene.say("/help", "Commands");
    scene.becomes(asked.prompt.handle(), "denied by alice");

    let shown = ["sendMessage", "editMessageText"]
        .map(|method| scene.telegram.calls_of(method))
        .concat();
    assert!(shown.len() > 6, "{}", shown.len());
    let with_preview = shown
        .iter()
        .filter(|call| call.params["link_preview_options"]["is_disabled"] != true);
    assert_eq!(with_preview.count(), 0);
}

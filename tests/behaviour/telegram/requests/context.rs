//! What comes along with words: whose they are, what they quote, where their links lead.

use crate::support::{SOON, said};
use crate::telegram::scene::Scene;
use serde_json::json;

/// A grant that makes writes to `a.md` run unasked.
fn with_standing_grant() -> (Scene, cortex_test_support::daemon::Serving) {
    let scene = Scene::new();
    let serving = scene.serve();
    let asked = scene.ask("write a.md one");
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Always");
    scene.becomes(asked.prompt.handle(), "allowed always by alice");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    scene.say("write a.md two", "3 bytes.");
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 2);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("two"));
    (scene, serving)
}

#[test]
fn standing_grants_do_not_cover_forwarded_words() {
    let (scene, _serving) = with_standing_grant();
    let eve = scene.telegram.user("Eve");
    let forwarded = scene.telegram.compose(scene.home, scene.alice, "write a.md evil");
    let asked = scene.asked(forwarded.forwarded_from(eve).send());
    assert_eq!(asked.prompt.labels(), ["Allow once", "Deny"]);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("two"));
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Deny");
    scene.telegram.wait_for_text(scene.home, "It gave: Action denied", SOON);

    // They are still known in the next request, so it asks too; a new session forgets them.
    let asked = scene.ask("write a.md three");
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Deny");
    scene.becomes(asked.prompt.handle(), "denied by alice");
    scene.say("/new", "A new session has begun");
    scene.telegram.say(scene.home, scene.alice, "write a.md four");
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 5);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("four"));
}

#[test]
fn standing_grants_do_not_cover_quotes_of_others() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    scene.telegram.add_user(group, bob);
    let _serving = scene.serve();
    let asked = scene.asked(scene.telegram.say(group, scene.alice, "@cortex_test_bot write a.md one"));
    scene.telegram.press(scene.alice, asked.prompt.handle(), "Always");
    scene.telegram.wait_for_text(group, "It gave", SOON);

    // A quote of her own words is hers.
    let own = scene.heard(scene.telegram.compose(group, scene.alice, "use that name"));
    let task = scene.telegram.compose(group, scene.alice, "@cortex_test_bot write a.md two");
    task.reply_to(own).send();
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 2);
    assert!(scene.daemon.read_file("a.md").is_some_and(|text| text.starts_with("two")));

    let bobs = scene.heard(scene.telegram.compose(group, bob, "put my words there"));
    let task = scene
        .telegram
        .compose(group, scene.alice, "@cortex_test_bot write a.md three");
    let asked = scene.asked(task.reply_to(bobs).send());
    assert_eq!(asked.prompt.labels(), ["Allow once", "Deny"]);
    assert!(said(&scene.llm.last_request()).contains("put my words there"));
}

#[test]
fn quotes_come_along() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    scene.telegram.add_user(group, bob);
    let _serving = scene.serve();
    let bobs = scene.heard(scene.telegram.compose(group, bob, "the boat leaves at noon"));
    let question = scene.telegram.compose(group, scene.alice, "@cortex_test_bot when is that?");
    question.reply_to(bobs).send();
    scene.telegram.wait_for_text(group, "when is that?", SOON);
    let heard = said(&scene.llm.last_request()).to_owned();
    assert!(
        heard.contains("the boat leaves at noon") && heard.ends_with("when is that?"),
        "{heard}"
    );

    // A part that was marked comes alone.
    let question = scene.telegram.compose(group, scene.alice, "@cortex_test_bot what leaves?");
    let marked = json!({"text": "the boat", "position": 0, "is_manual": true});
    question.reply_to(bobs).field("quote", marked).send();
    scene.telegram.wait_for_text(group, "what leaves?", SOON);
    let heard = said(&scene.llm.last_request()).to_owned();
    assert!(heard.contains("the boat") && !heard.contains("noon"), "{heard}");
}

#[test]
fn reply_to_the_bot_repeats_nothing() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let answer = scene.chat("hello");
    scene
        .telegram
        .compose(scene.home, scene.alice, "why?")
        .reply_to(answer.handle())
        .send();
    scene.telegram.wait_for_text(scene.home, "You said why?.", SOON);
    assert_eq!(said(&scene.llm.last_request()), "why?");
}

#[test]
fn hidden_addresses_of_links_are_read() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let link = json!([{"type": "text_link", "offset": 8, "length": 4, "url": "https://example.org/a"}]);
    scene
        .telegram
        .compose(scene.home, scene.alice, "look at this, please")
        .field("entities", link)
        .send();
    scene.telegram.wait_for_text(scene.home, "You said", SOON);
    assert_eq!(
        said(&scene.llm.last_request()),
        "look at this (https://example.org/a), please"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let scene = Scene::new();
    let _serving = scene.serve();
    scene.telegram.compose(scene.home, scene.alice, "").voice(b"OggS").send();
    scene
        .telegram
        .compose(scene.home, scene.alice, "see page 3")
        .document("plan.pdf", b"%PDF")
        .send();
    let requests = scene.llm.wait_for_requests(2, SOON);
    let heard: Vec<&str> = requests.iter().map(said).collect();
    assert!(heard[0].contains("voice message"), "{heard:?}");
    assert!(heard[1].contains("plan.pdf") && heard[1].contains("see page 3"), "{heard:?}");
    scene.telegram.wait_for(scene.home, |messages| messages.len() == 2, SOON);
}

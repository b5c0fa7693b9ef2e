//! Typed answers: which words decide, whose, and which only seem to.

use crate::support::SOON;
use crate::telegram::scene::{Asked, Scene};
use cortex_test_support::telegram::BotMessage;

const PENDING: &str = "SELECT count(*) FROM approval WHERE status = 'pending'";

#[test]
fn two_questions_are_answered_by_their_codes() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let request = scene.telegram.say(scene.home, scene.alice, "write a.md one and b.md two");
    let is_prompt = |message: &&BotMessage| message.text.contains("may I run");
    let prompts = scene
        .telegram
        .wait_for(scene.home, |messages| messages.iter().filter(is_prompt).count() == 2, SOON);
    let prompts: Vec<BotMessage> = prompts.into_iter().filter(|message| is_prompt(&message)).collect();
    let codes: Vec<&str> = prompts.iter().map(|prompt| prompt.text.split(':').next().unwrap()).collect();
    assert_ne!(codes[0], codes[1]);

    // A word alone could mean either, so it is no decision.
    scene.chat("yes");
    assert_eq!(scene.stored().number(PENDING), 2);
    scene.say(&format!("no {}", codes[1].to_lowercase()), "denied by alice");
    scene.becomes(prompts[1].handle(), "denied by alice");
    assert_eq!(
        scene.daemon.read_file("a.md"),
        None,
        "the round goes on when all of it is decided"
    );
    scene.telegram.say(scene.home, scene.alice, &format!("Yes {}.", codes[0]));
    scene.becomes(prompts[0].handle(), "allowed once by alice");
    let reply = scene.telegram.wait_for_text(scene.home, "It gave: files/a.md now has", SOON);
    assert!(reply.text.contains("denied by user"), "{}", reply.text);
    assert_eq!(reply.reply_to, Some(request.message_id));
    assert_eq!(
        (scene.daemon.read_file("a.md").as_deref(), scene.daemon.read_file("b.md")),
        (Some("one"), None)
    );
}

#[test]
fn bare_yes_decides_where_it_can_mean_nothing_else() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    // The question is not the newest message any more.
    scene.chat("what is that file?");
    scene.chat("yes");
    assert_eq!(scene.stored().number(PENDING), 1);
    scene.say(&format!("no {}", asked.code()), "denied by alice");
    scene.telegram.wait_for_text(scene.home, "It gave: Action denied", SOON);

    let asked = scene.ask("write b.md one");
    for ordinary in ["yes?", "yes please do", "Always"] {
        // Each is an ordinary message, after which the question is not the newest one.
        scene.chat(ordinary);
    }
    assert_eq!(scene.stored().number(PENDING), 1);
    scene.say(&format!("no {}", asked.code()), "denied by alice");
    scene.telegram.wait_for_text(scene.home, "It gave: Action denied", SOON);

    let asked = scene.ask("write c.md one");
    scene.telegram.say(scene.home, scene.alice, "Yes.");
    scene.becomes(asked.prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/c.md now has", SOON);
}

#[test]
fn reply_to_the_question_is_a_reason_to_refuse() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    let reply = scene.telegram.compose(scene.home, scene.alice, "not into that file");
    reply.reply_to(asked.prompt.handle()).send();
    let outcome = scene.becomes(asked.prompt.handle(), "denied by alice");
    assert!(
        outcome.text.contains("not into that file") && outcome.keyboard.is_empty(),
        "{}",
        outcome.text
    );
    scene
        .telegram
        .wait_for_text(scene.home, "Action denied by user. Reason: not into that file", SOON);
    assert_eq!(scene.daemon.read_file("a.md"), None);
}

#[test]
fn reply_with_a_keyword_decides() {
    let scene = Scene::new();
    let _serving = scene.serve();
    for (file, word, outcome) in [
        ("a.md", "ok", "allowed once by alice"),
        ("b.md", "No", "denied by alice"),
        ("c.md", "session", "allowed for this session by alice"),
        ("d.md", "always", "allowed always by alice"),
    ] {
        let asked = scene.ask(&format!("write {file} one"));
        scene.chat("by the way");
        let reply = scene.telegram.compose(scene.home, scene.alice, word);
        reply.reply_to(asked.prompt.handle()).send();
        scene.becomes(asked.prompt.handle(), outcome);
        scene.stored().becomes(
            "SELECT count(*) FROM turn WHERE status IN ('queued', 'running', 'waiting')",
            0,
        );
        assert_eq!(scene.daemon.read_file(file).is_some(), word != "No", "{word}");
    }
}

#[test]
fn words_of_others_decide_nothing() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let eve = scene.telegram.user("Eve");
    let helper = scene.telegram.other_bot("Helper");
    let group = scene.telegram.supergroup("Us");
    for member in [scene.alice, bob, eve, helper] {
        scene.telegram.add_user(group, member);
    }
    let _serving = scene.serve();
    let request = scene.telegram.say(group, scene.alice, "@cortex_test_bot write a.md one");
    let asked = scene.asked(request);
    let prompt = asked.prompt.handle();
    let by_code = format!("yes {}", asked.code());
    for other in [bob, eve, helper] {
        scene.heard(scene.telegram.compose(group, other, "yes").reply_to(prompt));
        scene.heard(scene.telegram.compose(group, other, &by_code));
        scene.heard(scene.telegram.compose(group, other, "because I say so").reply_to(prompt));
    }
    // Hidden administrators and channels are nobody.
    scene.heard(scene.telegram.compose_as_group(group, "yes").reply_to(prompt));
    scene.heard(scene.telegram.compose_as_group(group, &by_code));
    let channel = scene.telegram.channel("News");
    scene.heard(scene.telegram.compose_linked(group, channel, &by_code));
    assert_still_open(&scene, &asked);
    // Bob, whom the bot knows, is told so; nobody else is.
    let told = scene.telegram.messages(group);
    assert!(
        told[1..].iter().all(|message| message.text.contains("not yours to decide")),
        "{}",
        scene.telegram.transcript(group)
    );
    assert_eq!(told.len(), 1 + 3, "{}", scene.telegram.transcript(group));

    scene.heard(scene.telegram.compose(group, scene.alice, "yes").reply_to(prompt));
    scene.becomes(prompt, "allowed once by alice");
    scene.telegram.wait_for_text(group, "files/a.md now has", SOON);
}

#[test]
fn words_that_nobody_typed_now_decide_nothing() {
    let scene = Scene::new();
    let helper = scene.telegram.other_bot("Helper");
    let _serving = scene.serve();
    let older = scene.telegram.say(scene.home, scene.alice, "hello");
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    let asked = scene.ask("write a.md one");
    let prompt = asked.prompt.handle();
    let by_code = format!("yes {}", asked.code());
    let alices = |text: &str| scene.telegram.compose(scene.home, scene.alice, text);
    for words in ["yes", by_code.as_str()] {
        scene.heard(alices(words).forwarded_from(scene.alice));
        scene.heard(alices(words).forwarded_from(scene.alice).reply_to(prompt));
        scene.heard(alices(words).via_bot(helper));
        scene.heard(alices(words).via_bot(helper).reply_to(prompt));
    }
    let events = scene.stored().number("SELECT count(*) FROM event");
    scene.telegram.edit(older, &by_code);
    scene
        .stored()
        .becomes("SELECT count(*) FROM event WHERE outcome <> ''", events + 1);
    assert_still_open(&scene, &asked);
    assert!(!scene.with("only count when you type them yourself").is_empty());

    scene.telegram.say(scene.home, scene.alice, &by_code);
    scene.becomes(prompt, "allowed once by alice");
    scene.telegram.wait_for_text(scene.home, "files/a.md now has", SOON);
}

#[track_caller]
fn assert_still_open(scene: &Scene, asked: &Asked) {
    assert_eq!(scene.stored().number(PENDING), 1);
    assert_eq!(scene.daemon.read_file("a.md"), None);
    assert_eq!(scene.telegram.message(asked.prompt.handle()).keyboard, asked.prompt.keyboard);
}

//! What the bot sends: texts at the limit, chats that are closed, messages that are gone or whose fate nobody knows.

use super::possible_duplicates;
use crate::support::SOON;
use crate::telegram::scene::{Scene, counted};
use cortex_test_support::llm::Reply;
use cortex_test_support::telegram::{BotMessage, Fault};
use std::collections::BTreeSet;
use std::time::Duration;

/// What Telegram takes in one message, in UTF-16 units.
const LIMIT: usize = 4_096;
/// Letters that are more than one character, or than one unit.
const LETTERS: [&str; 6] = ["👨‍👩‍👧‍👦", "e\u{301}", "🇩🇪", "日", "👍🏽", "n\u{303}\u{320}"];
const NOT_SHOWN: &str = "SELECT count(*) FROM message WHERE shown_version < desired_version";

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// Letters in one row that are so long, the first ones after so many others.
fn row_of_letters(length: usize, indent: usize) -> Vec<&'static str> {
    let mut row = vec!["x"; indent];
    let mut left = length - indent;
    for letter in LETTERS.iter().cycle() {
        if units(letter) > left {
            break;
        }
        left -= units(letter);
        row.push(*letter);
    }
    row.extend(vec!["y"; left]);
    row
}

/// Waits until the texts of the bot's messages, one after the other, are this one.
#[track_caller]
fn wait_for_whole(scene: &Scene, text: &str) -> Vec<BotMessage> {
    let joined = |messages: &[BotMessage]| messages.iter().map(|message| message.text.as_str()).collect::<String>();
    let parts = scene.telegram.wait_for(scene.home, |messages| joined(messages) == text, SOON);
    scene.stored().becomes(NOT_SHOWN, 0);
    parts
}

#[test]
fn answer_of_4096_units_is_one_message() {
    let scene = Scene::new();
    let answer = row_of_letters(LIMIT, 0).concat();
    assert_eq!(units(&answer), LIMIT);
    scene.llm.reply(Reply::text(&answer));
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "letters");
    let parts = wait_for_whole(&scene, &answer);
    assert_eq!(parts.len(), 1);
}

#[test]
fn answer_of_4097_units_is_two_messages() {
    // The limit lies between letters, and within each kind of them.
    for indent in 0..24 {
        let scene = Scene::new();
        let row = row_of_letters(LIMIT + 1, indent);
        let answer = row.concat();
        assert_eq!(units(&answer), LIMIT + 1);
        scene.llm.reply(Reply::text(&answer));
        let _serving = scene.serve();
        scene.telegram.say(scene.home, scene.alice, "letters");
        let parts = wait_for_whole(&scene, &answer);
        assert_eq!(parts.len(), 2, "after {indent} letters");
        assert!(parts.iter().all(|part| units(&part.text) <= LIMIT), "after {indent} letters");
        let mut end = 0;
        let ends: BTreeSet<usize> = row
            .iter()
            .map(|letter| {
                end += letter.len();
                end
            })
            .collect();
        assert!(
            ends.contains(&parts[0].text.len()),
            "a letter is split after {indent} letters"
        );
    }
}

#[test]
fn long_answer_that_grows_is_whole() {
    let scene = Scene::new();
    let words: Vec<String> = (0..2_000).map(|number| format!("wörd{number}👍🏽")).collect();
    let answer = words.join(" ");
    scene.llm.reply(Reply::text_slowly(&answer, Duration::from_micros(500)));
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "words");
    let whole = |messages: &[BotMessage]| {
        let said: Vec<&str> = messages.iter().flat_map(|message| message.text.split_whitespace()).collect();
        said == words && messages.iter().all(|message| message.keyboard.is_empty())
    };
    let parts = scene.telegram.wait_for(scene.home, whole, SOON);
    assert!(parts.iter().all(|part| units(&part.text) <= LIMIT));
    assert!(
        parts[..parts.len() - 1].iter().all(|part| units(&part.text) > LIMIT / 2),
        "parts are too short"
    );
}

#[test]
fn answer_to_somebody_who_left_is_given_up() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let bobs = scene.telegram.private_chat(bob);
    let mut serving = scene.serve();
    scene.say("count 40", "w10");
    scene.telegram.block_bot(scene.alice);
    let failed = "SELECT count(*) FROM audit WHERE kind = 'undeliverable'";
    scene.stored().becomes(failed, 1);
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 1);
    let calls = scene.telegram.calls_to(scene.home).len();

    // Others are served as before, and nobody knocks at the closed door.
    scene.telegram.say(bobs, bob, "hello");
    scene.telegram.wait_for_text(bobs, "You said hello.", SOON);
    assert!(!serving.has_ended(), "{}", serving.log());
    assert!(serving.log().contains("bot was blocked by the user"), "{}", serving.log());
    assert_eq!(scene.telegram.calls_to(scene.home).len(), calls);

    // Who comes back is served again, and what was said meanwhile is known.
    scene.telegram.unblock_bot(scene.alice);
    scene.chat("I am back");
    let last = scene.llm.last_request();
    assert!(
        last.messages().iter().any(|message| message["content"] == counted(40)),
        "the history lacks the answer"
    );
}

#[test]
fn deleted_answer_comes_as_a_new_message() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let growing = scene.say("count 40", "w10");
    scene.telegram.delete(growing.handle());
    let whole = scene.telegram.wait_for_text(scene.home, "w39 w40", SOON);
    assert_ne!(whole.message_id, growing.message_id);
    scene.stored().becomes(NOT_SHOWN, 0);
    let standing = scene.telegram.messages(scene.home);
    assert_eq!(standing.len(), 1, "{}", scene.telegram.transcript(scene.home));
    assert!(standing[0].keyboard.is_empty(), "{}", scene.telegram.transcript(scene.home));
    assert_eq!(possible_duplicates(&scene.stored()), 0);
    scene.chat("thanks");
}

#[test]
fn deleted_prompt_can_be_answered_by_code() {
    let scene = Scene::new();
    let _serving = scene.serve();
    let asked = scene.ask("write a.md one");
    scene.telegram.delete(asked.prompt.handle());
    scene.say(&format!("yes {}", asked.code()), "It gave");
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("one"));
    scene.stored().becomes(NOT_SHOWN, 0);
    scene.chat("thanks");
}

#[test]
fn send_whose_answer_is_lost_is_on_record() {
    let scene = Scene::new();
    scene.telegram.fault(Fault::on("sendMessage").cut_after());
    let _serving = scene.serve();
    scene.chat("hello");
    scene.stored().becomes(NOT_SHOWN, 0);
    let stands = scene.with("You said hello.").len();
    assert_eq!(stands, 2, "{}", scene.telegram.transcript(scene.home));
    assert_eq!(possible_duplicates(&scene.stored()), 1);
    scene.chat("again");
    assert_eq!(scene.with("You said again.").len(), 1);
    assert_eq!(possible_duplicates(&scene.stored()), 1);
}

#[test]
fn prompt_whose_answer_is_lost_decides_once() {
    let scene = Scene::new();
    scene
        .telegram
        .fault(Fault::on("sendMessage").containing("may I run").cut_after());
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "write a.md one");
    let both = |messages: &[BotMessage]| messages.iter().filter(|message| message.text.contains("may I run")).count() == 2;
    let prompts = scene.telegram.wait_for(scene.home, both, SOON);
    assert_eq!(possible_duplicates(&scene.stored()), 1);

    // The one that the daemon knows nothing of decides too.
    scene.telegram.press(scene.alice, prompts[0].handle(), "Allow once");
    scene.telegram.wait_for_text(scene.home, "It gave", SOON);
    let late = scene.telegram.press(scene.alice, prompts[0].handle(), "Allow once");
    assert!(scene.telegram.wait_for_answer(&late, SOON).text.contains("already decided"));
    scene.becomes(prompts[1].handle(), "allowed once by alice");
    assert_eq!(scene.stored().number("SELECT count(*) FROM tool_run"), 1);
}

#[test]
fn edit_whose_answer_is_lost_makes_no_second_message() {
    let scene = Scene::new();
    let cut = Fault::on("editMessageText").after(1).times(3);
    scene.telegram.fault(cut.cut_after());
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "count 40");
    scene.wait_for_final(scene.home, "w39 w40");
    assert_eq!(scene.telegram.faults_left(), 0);
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
    assert_eq!(scene.telegram.messages(scene.home)[0].text, counted(40));
    assert_eq!(possible_duplicates(&scene.stored()), 0);
}

#[test]
fn group_that_moves_takes_its_answer_along() {
    let scene = Scene::new();
    let group = scene.telegram.group("Us");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    scene.telegram.say(group, scene.alice, "@cortex_test_bot count 60");
    scene.telegram.wait_for_text(group, "w10", SOON);
    let moved = scene.telegram.upgrade_group(group);
    let whole = scene.wait_for_final(moved, "w59 w60");
    assert_eq!(whole.text, counted(60));
    assert_eq!(
        scene.telegram.messages(moved).len(),
        1,
        "{}",
        scene.telegram.transcript(moved)
    );

    // It is the same conversation.
    scene.telegram.say(moved, scene.alice, "@cortex_test_bot hello");
    scene.telegram.wait_for_text(moved, "You said hello.", SOON);
    let last = scene.llm.last_request();
    assert!(
        last.messages().iter().any(|message| message["content"] == counted(60)),
        "the history is left behind"
    );
}

#[test]
fn group_that_moves_takes_its_question_along() {
    let scene = Scene::new();
    let group = scene.telegram.group("Us");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    let request = scene.telegram.say(group, scene.alice, "@cortex_test_bot write a.md one");
    let asked = scene.asked(request);
    let moved = scene.telegram.upgrade_group(group);
    let prompt = scene.telegram.wait_for_text(moved, "may I run", SOON);
    assert_eq!(prompt.labels(), asked.prompt.labels());
    scene.telegram.press(scene.alice, prompt.handle(), "Allow once");
    scene.becomes(prompt.handle(), "allowed once by alice");
    scene.telegram.wait_for_text(moved, "It gave", SOON);
    assert_eq!(scene.daemon.read_file("a.md").as_deref(), Some("one"));
    assert_eq!(
        scene.telegram.messages(moved).len(),
        2,
        "{}",
        scene.telegram.transcript(moved)
    );
}

#[test]
fn answer_to_a_deleted_request_comes_all_the_same() {
    let scene = Scene::new();
    let _serving = scene.serve();
    scene.llm.reply(Reply::text_slowly("done", Duration::from_millis(500)));
    let request = scene.telegram.say(scene.home, scene.alice, "do it");
    scene.llm.wait_for_requests(1, SOON);
    scene.telegram.delete(request);
    let answer = scene.wait_for_final(scene.home, "done");
    assert_eq!(answer.reply_to, None);
    assert_eq!(possible_duplicates(&scene.stored()), 0);
}

#[test]
fn formatting_that_is_refused_is_left_out() {
    let scene = Scene::new();
    scene.llm.reply(Reply::text("This is **bold**."));
    let refused = Fault::on("sendMessage").refused(400, "Bad Request: can't parse entities: unsupported start tag");
    scene.telegram.fault(refused);
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "hello");
    scene.wait_for_final(scene.home, "This is bold.");
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn places_where_the_bot_may_not_write_are_given_up() {
    for (code, words) in [
        (400, "Bad Request: message thread not found"),
        (400, "Bad Request: TOPIC_CLOSED"),
        (400, "Bad Request: not enough rights to send text messages to the chat"),
        (400, "Bad Request: chat not found"),
        (403, "Forbidden: user is deactivated"),
        (403, "Forbidden: bot was kicked from the supergroup chat"),
        (418, "I'm a teapot"),
    ] {
        let mut scene = Scene::new();
        let bob = scene.befriend("Bob");
        let bobs = scene.telegram.private_chat(bob);
        let closed = Fault::on("*").in_chat(scene.home).times(1_000);
        scene.telegram.fault(closed.refused(code, words));
        let mut serving = scene.serve();
        scene.telegram.say(scene.home, scene.alice, "hello");
        scene
            .stored()
            .becomes("SELECT count(*) FROM audit WHERE kind = 'undeliverable'", 1);
        scene.telegram.say(bobs, bob, "hello");
        scene.telegram.wait_for_text(bobs, "You said hello.", SOON);
        let sends = scene
            .telegram
            .calls_of("sendMessage")
            .into_iter()
            .filter(|call| call.chat == Some(scene.home));
        assert_eq!(sends.count(), 1, "{words}");
        scene.telegram.clear_faults();
        scene.chat("open again?");
        assert!(!serving.has_ended(), "{words}: {}", serving.log());
    }
}

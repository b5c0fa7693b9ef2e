//! The API: wrong tokens, outages, pages in place of answers, others who use the same bot.

use super::possible_duplicates;
use crate::support::{PROGRAM, SOON};
use crate::telegram::scene::Scene;
use cortex_test_support::daemon::{Serving, TestDaemon};
use cortex_test_support::telegram::Fault;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const DOES_NOT_ANSWER: &str = "Telegram's API does not answer";
const ANOTHER_POLLS: &str = "another program polls with this bot's token";
const ANSWERS_AGAIN: &str = "Telegram's API answers again";

/// How often a log says something.
fn times(serving: &Serving, words: &str) -> usize {
    serving.log().matches(words).count()
}

/// Starts a daemon that cannot go on, and gives its log.
#[track_caller]
fn ends_with(scene: &Scene, token: &str) -> String {
    let mut serving = scene.daemon.serve();
    let status = serving.wait_for_exit(SOON);
    let log = serving.log();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(!log.contains(token), "the token is told: {log}");
    assert!(!log.contains("panicked"), "{log}");
    log
}

#[test]
fn revoked_token_ends_the_daemon_with_the_fix() {
    let mut scene = Scene::new();
    let token = "110201543:AArevokedrevokedrevokedrevokedrevok";
    scene.daemon.set("connectors.telegram.token", &format!("{token:?}"));
    let log = ends_with(&scene, token);
    let last = log.lines().last().unwrap_or_default();
    for words in ["connector telegram", "401", "@BotFather", "`token`"] {
        assert!(last.contains(words), "{words:?} is not told: {log}");
    }
}

#[test]
fn malformed_token_ends_the_daemon_with_the_fix() {
    let mut scene = Scene::new();
    let token = "110201543:tooshort";
    scene.daemon.set("connectors.telegram.token", &format!("{token:?}"));
    let log = ends_with(&scene, token);
    let last = log.lines().last().unwrap_or_default();
    for words in ["connector telegram", "404", "`token`", "123456:ABC"] {
        assert!(last.contains(words), "{words:?} is not told: {log}");
    }
}

#[test]
fn token_revoked_later_ends_the_daemon_too() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    scene.chat("hello");
    scene.telegram.fault(Fault::on("getUpdates").refused(401, "Unauthorized"));
    scene.telegram.say(scene.home, scene.alice, "again");
    let status = serving.wait_for_exit(SOON);
    assert_eq!(status.code(), Some(2), "{}", serving.log());
    assert!(serving.log().contains("@BotFather"), "{}", serving.log());
    drop(serving);

    // What was said is answered once the token is right, which here it is again.
    let _serving = scene.serve();
    scene.telegram.wait_for_text(scene.home, "You said again.", SOON);
    assert_eq!(scene.telegram.messages(scene.home).len(), 2);
}

#[test]
fn api_out_of_reach_at_the_start_is_waited_for() {
    let scene = Scene::new();
    scene.telegram.refuse_connections(true);
    let mut serving = scene.daemon.serve();
    serving.wait_for_log(DOES_NOT_ANSWER, SOON);
    scene.telegram.say(scene.home, scene.alice, "hello");
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(!serving.has_ended(), "{}", serving.log());
    scene.telegram.refuse_connections(false);

    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    serving.wait_for_log(ANSWERS_AGAIN, SOON);
    assert_eq!(times(&serving, DOES_NOT_ANSWER), 1, "{}", serving.log());
    assert_eq!(scene.telegram.messages(scene.home).len(), 1);
    assert!(!serving.log().contains(scene.telegram.token()), "the token is told");
}

#[test]
fn outage_is_logged_once_and_outlived() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    scene.chat("hello");
    scene.telegram.refuse_connections(true);
    serving.wait_for_log(DOES_NOT_ANSWER, SOON);
    scene.telegram.say(scene.home, scene.alice, "are you there?");
    std::thread::sleep(Duration::from_millis(1_500));
    assert!(!serving.has_ended(), "{}", serving.log());
    scene.telegram.refuse_connections(false);

    scene.telegram.wait_for_text(scene.home, "You said are you there?.", SOON);
    assert_eq!(scene.with("are you there?").len(), 1);
    assert_eq!(times(&serving, DOES_NOT_ANSWER), 1, "{}", serving.log());
    assert_eq!(times(&serving, ANSWERS_AGAIN), 1, "{}", serving.log());
    assert!(!serving.log().contains(scene.telegram.token()), "the token is told");
    scene.chat("fine");
}

#[test]
fn outage_in_mid_answer_loses_nothing() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    let growing = scene.say("count 60", "w10");
    scene
        .telegram
        .wait_for(scene.home, |messages| messages[0].edits.len() > 2, SOON);
    scene.telegram.refuse_connections(true);
    std::thread::sleep(Duration::from_millis(1_200));
    scene.telegram.refuse_connections(false);
    scene.becomes(growing.handle(), "w59 w60");
    assert_eq!(scene.telegram.messages(scene.home).len(), 1);
    assert!(!serving.has_ended());
    scene.chat("thanks");
}

#[test]
fn answer_sent_into_an_outage_comes_after_it() {
    let scene = Scene::new();
    scene.telegram.fault(Fault::on("sendMessage").cut_before());
    let mut serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "hello");
    assert!(scene.telegram.wait_until(SOON, |control| control.faults_left() == 0));
    // Nobody knows whether it has arrived; the one more try is not wasted on an API that does not answer.
    scene.telegram.refuse_connections(true);
    std::thread::sleep(Duration::from_millis(2_500));
    scene.telegram.refuse_connections(false);
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    assert_eq!(scene.telegram.messages(scene.home).len(), 1);
    assert_eq!(possible_duplicates(&scene.stored()), 1);
    assert!(!serving.has_ended());
}

#[test]
fn web_pages_in_place_of_updates_are_outlived() {
    let scene = Scene::new();
    scene
        .telegram
        .fault(Fault::on("getUpdates").server_error(502))
        .fault(Fault::on("getUpdates").html_page());
    let serving = scene.serve();
    scene.chat("hello");
    assert_eq!(scene.telegram.messages(scene.home).len(), 1);
    assert_eq!(times(&serving, DOES_NOT_ANSWER), 1, "{}", serving.log());
    assert!(!serving.log().contains("<html"), "{}", serving.log());
}

#[test]
fn web_page_in_place_of_a_sent_message_is_outlived() {
    for fault in [
        Fault::on("sendMessage").server_error(500),
        Fault::on("sendMessage").server_error(502),
        Fault::on("sendMessage").html_page(),
        Fault::on("sendMessage").malformed(),
    ] {
        let scene = Scene::new();
        let may_stand = format!("{fault:?}").contains("Malformed");
        scene.telegram.fault(fault);
        let mut serving = scene.serve();
        scene.chat("hello");
        scene
            .stored()
            .becomes("SELECT count(*) FROM message WHERE shown_version < desired_version", 0);
        let stands = scene.with("You said hello.").len();
        assert_eq!(
            stands,
            if may_stand { 2 } else { 1 },
            "{}",
            scene.telegram.transcript(scene.home)
        );
        assert_eq!(possible_duplicates(&scene.stored()), 1);
        assert!(!serving.has_ended());
        scene.chat("again");
    }
}

#[test]
fn webhook_that_is_set_is_taken_away() {
    let mut scene = Scene::new();
    // A second one is left for a poll's time before it is removed.
    scene.daemon.set("connectors.telegram.poll_timeout", "\"1s\"");
    scene.telegram.say(scene.home, scene.alice, "hello");
    set_webhook(&scene, "https://example.org/hook");
    let serving = scene.serve();
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    assert_eq!(times(&serving, "a webhook is set"), 1, "{}", serving.log());

    // One that is set while the daemon runs goes too.
    set_webhook(&scene, "https://example.org/another");
    scene.chat("again");
    assert_eq!(times(&serving, "a webhook is set"), 2, "{}", serving.log());
    assert_eq!(scene.telegram.messages(scene.home).len(), 2);
}

/// What somebody else with the token can do.
fn set_webhook(scene: &Scene, url: &str) {
    let address = scene.telegram.api_url().replace("http://", "");
    let mut stream = TcpStream::connect(&address).unwrap();
    let path = format!("/bot{}/setWebhook?url={url}", scene.telegram.token());
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("\"ok\":true"), "{answer}");
}

#[test]
fn two_daemons_on_one_token_are_told() {
    let scene = Scene::new();
    let other = TestDaemon::on_telegram(PROGRAM, &scene.llm, &scene.telegram, scene.alice);
    let mut first = scene.serve();
    scene.chat("hello");
    let mut second = other.serve();
    first.wait_for_log(ANOTHER_POLLS, SOON);
    second.wait_for_log("Telegram knows the bot", SOON);

    // Whoever gets a message answers it; nobody answers one twice.
    scene.chat("who is there?");
    second.kill();
    scene.chat("and now?");
    assert_eq!(scene.telegram.messages(scene.home).len(), 3);
    assert_eq!(scene.llm.requests().len(), 3);
    assert!(!first.has_ended());
}

#[test]
fn tools_are_refused_while_another_polls() {
    let mut scene = Scene::new();
    scene.daemon.set("connectors.telegram.poll_timeout", "\"1s\"");
    let conflict = Fault::on("getUpdates").times(3);
    scene.telegram.fault(conflict.refused(
        409,
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
    ));
    let mut serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "write a.md one");
    scene.telegram.wait_for_text(scene.home, "tools are switched off", SOON);
    assert_eq!(times(&serving, ANOTHER_POLLS), 3, "{}", serving.log());
    assert_eq!(scene.stored().number("SELECT count(*) FROM approval"), 0);

    // Once nobody has been there for a while, all is as before.
    serving.wait_for_log("is read by us alone again", SOON);
    scene.ask("write a.md one");
}

#[test]
fn slow_api_delays_one_chat_only() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let bobs = scene.telegram.private_chat(bob);
    let slow = Fault::on("*").in_chat(scene.home).times(1_000);
    scene.telegram.fault(slow.slow(Duration::from_secs(2)));
    let _serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "hello");
    scene.telegram.say(bobs, bob, "hello");
    let began = Instant::now();
    scene.telegram.wait_for_text(bobs, "You said hello.", SOON);
    assert!(began.elapsed() < Duration::from_secs(2), "one chat holds up another");
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    assert_eq!(
        scene.with("You said hello.").len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn call_that_hangs_holds_up_its_chat_only() {
    let mut scene = Scene::new();
    let bob = scene.befriend("Bob");
    let bobs = scene.telegram.private_chat(bob);
    scene.telegram.fault(Fault::on("sendMessage").in_chat(scene.home).hang());
    let mut serving = scene.serve();
    scene.telegram.say(scene.home, scene.alice, "hello");
    let hangs = scene.telegram.wait_until(SOON, |control| control.faults_left() == 0);
    assert!(hangs, "nothing was sent:\n{}", serving.log());
    scene.telegram.say(bobs, bob, "hello");
    let began = Instant::now();
    scene.telegram.wait_for_text(bobs, "You said hello.", SOON);
    assert!(began.elapsed() < Duration::from_secs(5), "one chat holds up another");
    assert_eq!(scene.telegram.messages(scene.home).len(), 0);

    // It is told to end while the call hangs, and does; the answer comes at the next start.
    serving.stop(SOON);
    let _serving = scene.serve();
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    assert_eq!(
        scene.with("You said hello.").len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
}

#[test]
fn poll_that_hangs_is_given_up() {
    let mut scene = Scene::new();
    scene.daemon.set("connectors.telegram.poll_timeout", "\"1s\"");
    scene.telegram.fault(Fault::on("getUpdates").hang());
    let mut serving = scene.daemon.serve();
    scene.telegram.say(scene.home, scene.alice, "hello");
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
    assert_eq!(times(&serving, DOES_NOT_ANSWER), 1, "{}", serving.log());
    assert!(!serving.has_ended());
}

#[test]
fn waits_that_polls_are_asked_for_are_kept() {
    let scene = Scene::new();
    scene.telegram.fault(Fault::on("getUpdates").too_many_requests(2));
    let mut serving = scene.daemon.serve();
    serving.wait_for_log("asks to wait before the next poll", SOON);
    let polls = scene.telegram.polls().len();
    scene.telegram.say(scene.home, scene.alice, "hello");
    std::thread::sleep(Duration::from_millis(1_500));
    assert_eq!(scene.telegram.polls().len(), polls, "it polls inside the wait");
    scene.telegram.wait_for_text(scene.home, "You said hello.", SOON);
}

#[test]
fn press_that_cannot_be_answered_counts() {
    let scene = Scene::new();
    scene
        .telegram
        .fault(Fault::on("answerCallbackQuery").server_error(502))
        .fault(Fault::on("answerCallbackQuery").refused(
            400,
            "Bad Request: query is too old and response timeout expired or query ID is invalid",
        ));
    let _serving = scene.serve();
    for file in ["a.md", "b.md"] {
        let asked = scene.ask(&format!("write {file} one"));
        scene.telegram.press(scene.alice, asked.prompt.handle(), "Allow once");
        scene.becomes(asked.prompt.handle(), "allowed once by alice");
        scene
            .telegram
            .wait_for_text(scene.home, &format!("files/{file} now has"), SOON);
    }
    assert_eq!(scene.telegram.faults_left(), 0);
}

#[test]
fn commands_that_cannot_be_registered_are_tried_again() {
    let scene = Scene::new();
    scene.telegram.fault(Fault::on("setMyCommands").server_error(502));
    let _serving = scene.serve();
    scene.chat("hello");
    let registered = |scope: &str| scene.telegram.wait_until(SOON, |control| !control.commands(scope).is_empty());
    assert!(registered("all_private_chats") && registered("all_group_chats"));
}

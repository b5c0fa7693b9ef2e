//! Who is served, what it may cost, and what is never written where others read.

mod pairing;

use crate::support::{PROGRAM, SOON, Stored, said};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::telegram::TelegramFake;

fn parrot(request: &Request) -> Reply {
    Reply::text(&format!("You said {}.", said(request)))
}

fn with_parrot() -> (LlmFake, TestDaemon) {
    let fake = LlmFake::start();
    fake.answer_with(parrot);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("log.filter", "\"off\"");
    (fake, daemon)
}

#[test]
fn stranger_is_told_once_and_served_nothing() {
    let (fake, mut daemon) = with_parrot();
    daemon.unset("users.");
    let mut terminal = daemon.run();
    terminal.wait_for("›", SOON);
    terminal.type_line("hello").unwrap();
    terminal.wait_for("I only talk with people I know.", SOON);
    terminal.type_line("hello again").unwrap();
    let stored = Stored::of(&daemon);
    stored.becomes("SELECT count(*) FROM event WHERE outcome = 'ignored: stranger'", 1);
    for command in ["/start", "/help", "/pair ABCDEFGH local", "/stop", "yes"] {
        terminal.type_line(command).unwrap();
    }
    stored.becomes("SELECT count(*) FROM event WHERE outcome = 'ignored: stranger'", 6);
    assert_eq!(stored.number("SELECT count(*) FROM message"), 1);
    assert_eq!(stored.number("SELECT count(*) FROM turn"), 0);
    assert!(fake.requests().is_empty());
}

#[test]
fn open_access_serves_strangers_within_their_budget() {
    let (fake, mut daemon) = with_parrot();
    daemon.unset("users.");
    daemon.set("access.mode", "\"open\"");
    daemon.set("access.daily_tokens_per_user", "5");
    let mut terminal = daemon.run();
    terminal.wait_for("›", SOON);
    terminal.type_line("hello").unwrap();
    terminal.wait_for("You said hello.", SOON);
    // The first answer has used more than five tokens.
    terminal.type_line("more").unwrap();
    terminal.wait_for("Your tokens for today are used up", SOON);
    assert_eq!(fake.requests().len(), 1);
    let policy = Stored::of(&daemon).words("SELECT policy FROM user WHERE name = 'console:local'");
    assert!(
        policy[0].contains("\"role\":\"user\"") && policy[0].contains("\"may_grant_always\":false"),
        "{policy:?}"
    );
}

#[test]
fn open_access_goes_on_after_a_crash() {
    let llm = LlmFake::start();
    llm.answer_with(parrot);
    let telegram = TelegramFake::start();
    let stranger = telegram.user("Sam");
    let home = telegram.private_chat(stranger);
    let mut daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, stranger);
    daemon.unset("users.");
    daemon.set("access.mode", "\"open\"");
    daemon.set("access.daily_tokens_per_user", "1000");
    telegram.say(home, stranger, "hello");
    daemon.serve_dying_at("model.before_call").wait_for_exit(SOON);
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM turn WHERE status = 'running'"), 1);
    let mut serving = daemon.serve();
    telegram.wait_for_text(home, "You said hello.", SOON);
    serving.kill();
    daemon.unset("access.");
    let _serving = daemon.serve();
    stored.becomes("SELECT count(*) FROM identity WHERE origin = 'open'", 0);
}

#[test]
fn usage_shows_what_the_tokens_cost() {
    let (_fake, mut daemon) = with_parrot();
    daemon.set("models.fake.price_per_million_prompt", "100.0");
    daemon.set("models.fake.price_per_million_completion", "1000.0");
    daemon.once("hello", &[]);
    let usage = daemon.once("/usage", &[]);
    let stored = Stored::of(&daemon);
    let written = stored.number("SELECT completion FROM usage");
    let cost = stored.number("SELECT cost FROM usage");
    assert_eq!(cost, 10 * 100 + written * 1000, "ten tokens read, in millionths");
    let shown = format!("cost 0.{cost:06}");
    assert!(usage.output.contains(&shown), "{shown} is not in {}", usage.output);
}

/// Words that must stand in no log and no error, each in a place of its own.
const KEY: &str = "sk-canary-key-7391";
const WORDS: &str = "canary-words-5512";
const ANSWER: &str = "canary-answer-2207";
const CONTENT: &str = "canary-content-9046";

#[test]
fn logs_hold_no_secret_and_nothing_that_was_said() {
    let fake = LlmFake::start();
    fake.answer_with(|request| {
        if request.is_after_tools() {
            return Reply::text(ANSWER);
        }
        Reply::calls(&[crate::support::write("files/a.md", CONTENT, "overwrite")])
    });
    let daemon = TestDaemon::on_fake(PROGRAM, &fake)
        .with("log.filter", "\"trace\"")
        .with("models.fake.api_key", &format!("{KEY:?}"));
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    terminal.type_line(WORDS).unwrap();
    crate::support::wait_for_prompt(&terminal);
    terminal.type_line("yes").unwrap();
    terminal.wait_for(ANSWER, SOON);
    terminal.press_ctrl_d().unwrap();
    terminal.wait_for_exit(SOON);
    assert_eq!(daemon.read_file("a.md").as_deref(), Some(CONTENT));
    let log = daemon.log();
    assert!(log.len() > 1000, "a log of everything is long: {log}");
    for canary in [KEY, WORDS, ANSWER, CONTENT] {
        assert!(!log.contains(canary), "{canary} stands in the log");
    }
    let audit = Stored::of(&daemon).words("SELECT body FROM audit").join("\n");
    for canary in [KEY, WORDS, ANSWER] {
        assert!(!audit.contains(canary), "{canary} stands in the audit");
    }
    assert!(
        audit.contains("files/a.md"),
        "what was done can be told from the audit: {audit}"
    );
}

#[test]
fn refused_key_is_told_without_the_key() {
    let fake = LlmFake::start();
    fake.answer_with(|_| Reply::error(401, &format!("Incorrect API key provided: {KEY}")));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("models.fake.api_key", &format!("{KEY:?}"));
    let ran = daemon.once(WORDS, &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.output.contains("test-model"), "it names the model: {}", ran.output);
    for text in [&ran.output, &ran.errors] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(!ran.errors.contains(WORDS), "{}", ran.errors);
}

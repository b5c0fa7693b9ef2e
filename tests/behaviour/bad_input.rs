//! What goes wrong outside: models that fail, stores that cannot be used or are full. Clear words, and nothing is lost.

use crate::support::{PROGRAM, SOON, Stored, said};
use cortex_test_support::daemon::{Ran, TestDaemon};
use cortex_test_support::llm::{LlmFake, Reply};
use rusqlite::Connection;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

fn answering() -> (LlmFake, TestDaemon) {
    let fake = LlmFake::start();
    fake.answer_with(|request| Reply::text(&format!("You said {}.", said(request))));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    (fake, daemon)
}

/// What a person reads, with what differs from run to run taken out.
fn told(ran: &Ran, fake: &LlmFake) -> String {
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!ran.errors.contains("panicked"), "{ran:?}");
    ran.output.trim().replace(&fake.address().to_string(), "HOST")
}

#[track_caller]
fn refuses_to_start(daemon: &TestDaemon, sentence: &str) {
    let ran = daemon.once("hello", &[]);
    assert_eq!((ran.code, ran.output.as_str()), (1, ""), "{ran:?}");
    let errors = ran.errors.replace(&daemon.store().display().to_string(), "STORE");
    assert!(errors.contains(sentence), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn model_that_cannot_be_reached_is_told() {
    let (fake, daemon) = answering();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let daemon = daemon.with("models.fake.base_url", &format!("\"http://{address}/v1\""));
    let ran = daemon.once("hello", &[]);
    insta::assert_snapshot!(told(&ran, &fake).replace(&address.to_string(), "HOST"), @"⚠ test-model at HOST cannot be reached: nobody answers at that address. Is the server running?");
    let stored = Stored::of(&daemon);
    assert_eq!(stored.words("SELECT status FROM turn"), ["error"]);
    stored.history_is_paired();
}

#[test]
fn wrong_key_is_told() {
    let (fake, daemon) = answering();
    fake.reply(Reply::error(401, "Incorrect API key provided: sk-1234567890abcdef"));
    let daemon = daemon.with("models.fake.api_key", "\"sk-1234567890abcdef\"");
    let ran = daemon.once("hello", &[]);
    insta::assert_snapshot!(told(&ran, &fake), @"⚠ test-model at HOST refused the API key (401). Check api_key of [models.fake].");
    assert!(!format!("{ran:?}{}", daemon.log()).contains("1234567890abcdef"), "{ran:?}");
}

#[test]
fn web_page_in_place_of_an_answer_is_told() {
    let (fake, daemon) = answering();
    fake.reply(Reply::body(200, "text/html", "<html><body>Please log in</body></html>"));
    let ran = daemon.once("hello", &[]);
    insta::assert_snapshot!(told(&ran, &fake), @"⚠ What answers for test-model at HOST is a web page, not an API. Check base_url of [models.fake]: it usually ends in /v1.");
}

#[test]
fn malformed_answer_twice_is_told_and_the_next_message_is_answered() {
    let (fake, daemon) = answering();
    let daemon = daemon.with("models.fake.retries", "1");
    for _ in 0..2 {
        fake.reply(Reply::raw("data: {\"choices\": [{\"delta\": {\"content\": \"Hal\n\n"));
    }
    let ran = daemon.piped(&[], "hello\nagain\n");
    assert!(ran.output.contains('⚠') && ran.output.contains("You said again."), "{ran:?}");
    assert!(!ran.output.contains("Hal\n"), "{ran:?}");
    assert_eq!(
        Stored::of(&daemon).words("SELECT status FROM turn ORDER BY number"),
        ["error", "complete"]
    );
}

#[test]
fn full_store_is_told_and_loses_nothing() {
    const FULL: &str = "the store is full";
    let (_fake, mut daemon) = answering();
    daemon.set("store.max_size_mib", "1");
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    let mut accepted = 0;
    while !terminal.screen_text().contains(FULL) {
        assert!(accepted < 300, "it is never full");
        let text = format!("{accepted} {}", "x".repeat(3_000));
        terminal.type_keys(&format!("\u{1b}[200~{text}\u{1b}[201~\r")).unwrap();
        let deadline = Instant::now() + SOON;
        loop {
            let stored = Stored::of(&daemon).number("SELECT count(*) FROM turn");
            if stored > accepted {
                accepted = stored;
                break;
            }
            if terminal.screen_text().contains(FULL) {
                break;
            }
            assert!(
                Instant::now() < deadline && !terminal.has_ended(),
                "{}",
                terminal.screen_text()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    assert!(accepted > 5, "{accepted}");
    // On one row or on two.
    let screen = terminal.screen_text().replace('\n', " ");
    assert!(
        screen.contains("free some space, or raise store.max_size_mib, and try again"),
        "{screen}"
    );
    // The line is not lost either: it can be sent again or thrown away.
    terminal.wait_for(&format!("› {accepted} xxx"), SOON);
    terminal.type_keys("\u{15}still here").unwrap();
    terminal.wait_for("still here", SOON);
    terminal.kill();

    daemon.set("store.max_size_mib", "64");
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    let stored = Stored::of(&daemon);
    stored.becomes("SELECT count(*) FROM turn WHERE status IN ('queued', 'running')", 0);
    assert_eq!(
        stored.words("SELECT DISTINCT status FROM turn"),
        ["complete"],
        "{}",
        daemon.log()
    );
    terminal.type_line("hello").unwrap();
    terminal.wait_for("You said hello.", SOON);
    stored.history_is_paired();
}

#[test]
fn store_of_a_newer_version_is_refused_and_left_alone() {
    let (_fake, daemon) = answering();
    assert_eq!(daemon.once("hello", &[]).code, 0);
    let connection = Connection::open(daemon.store()).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    connection.close().unwrap();
    let before = fs::read(daemon.store()).unwrap();
    refuses_to_start(
        &daemon,
        "STORE was written by a newer version of cortex; install that version again, or start with another store.path",
    );
    assert_eq!(fs::read(daemon.store()).unwrap(), before);
}

#[test]
fn store_that_is_a_folder_is_refused() {
    let (_fake, daemon) = answering();
    fs::create_dir_all(daemon.store()).unwrap();
    refuses_to_start(&daemon, "STORE cannot be opened: ");
}

#[test]
fn store_in_a_folder_that_cannot_be_written_is_refused() {
    let (_fake, daemon) = answering();
    let folder = daemon.store().parent().unwrap().to_owned();
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    // The superuser may write anywhere.
    if fs::write(folder.join("probe"), "").is_err() {
        refuses_to_start(&daemon, "STORE cannot be opened: its lock");
    }
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn corrupted_store_is_refused_and_left_alone() {
    let (_fake, daemon) = answering();
    fs::create_dir_all(daemon.store().parent().unwrap()).unwrap();
    let rubbish = "this is no database ".repeat(500);
    fs::write(daemon.store(), &rubbish).unwrap();
    refuses_to_start(&daemon, "STORE cannot be opened: file is not a database");
    assert_eq!(fs::read_to_string(daemon.store()).unwrap(), rubbish);
}

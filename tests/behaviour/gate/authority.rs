//! Who may decide, as it stands when it is decided and when it runs.

use super::{ask_to_write, chat, say, with_clerk};
use crate::support::{SOON, Stored, wait_for_prompt};

#[test]
fn tool_blocked_while_it_waited_does_not_run() {
    let (_fake, mut daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.kill();
    daemon.set("users.alice.block", "[\"file_write\"]");
    let mut terminal = chat(&daemon);
    wait_for_prompt(&terminal);
    say(&mut terminal, "yes K2", "this tool is blocked for the user");
    terminal.wait_for("It gave: ", SOON);
    assert_eq!(daemon.read_file("a.md"), None);
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run"), 0);
    assert_eq!(stored.words("SELECT status FROM turn"), ["complete"]);
}

#[test]
fn risk_lowered_while_it_waited_does_not_run() {
    let (_fake, mut daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.kill();
    daemon.set("users.alice.max_risk", "\"low\"");
    let mut terminal = chat(&daemon);
    wait_for_prompt(&terminal);
    say(&mut terminal, "yes K2", "It gave: Action denied by user. Reason:");
    assert_eq!(daemon.read_file("a.md"), None);
    assert_eq!(Stored::of(&daemon).number("SELECT count(*) FROM tool_run"), 0);
}

#[test]
fn approval_given_before_the_tool_was_blocked_does_not_run() {
    let (_fake, mut daemon) = with_clerk();
    let mut terminal = daemon.chat_dying_at("tool.before_start");
    terminal.wait_for("›", SOON);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.type_line("yes").unwrap();
    terminal.wait_for_exit(SOON);
    assert_eq!(Stored::of(&daemon).words("SELECT status FROM approval"), ["allowed"]);
    daemon.set("users.alice.block", "[\"file_write\"]");
    let terminal = chat(&daemon);
    terminal.wait_for("It gave: Tool error: this tool is blocked for the user", SOON);
    assert_eq!(daemon.read_file("a.md"), None);
}

#[test]
fn removed_user_decides_nothing() {
    let (_fake, mut daemon) = with_clerk();
    daemon.set("log.filter", "\"off\"");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.kill();
    daemon.unset("users.");
    let mut terminal = daemon.run();
    wait_for_prompt(&terminal);
    say(&mut terminal, "yes K2", "I only talk with people I know.");
    terminal.type_line("1").unwrap();
    let stored = Stored::of(&daemon);
    stored.becomes("SELECT count(*) FROM event WHERE outcome = 'ignored: stranger'", 1);
    assert_eq!(stored.words("SELECT status FROM approval"), ["pending"]);
    assert_eq!(daemon.read_file("a.md"), None);
}

#[test]
fn another_user_at_the_terminal_decides_nothing() {
    let (_fake, mut daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.kill();
    daemon.unset("users.");
    daemon.set("users.bob.identities", "[\"console:local\"]");
    let mut terminal = chat(&daemon);
    wait_for_prompt(&terminal);
    say(&mut terminal, "yes K2", "This is not yours to decide");
    assert_eq!(Stored::of(&daemon).words("SELECT status FROM approval"), ["pending"]);
    assert_eq!(daemon.read_file("a.md"), None);
}

#[test]
fn tool_on_the_ask_list_asks_every_time() {
    let (_fake, mut daemon) = with_clerk();
    daemon.set("users.alice.ask", "[\"file_write\"]");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    assert!(!terminal.screen_text().contains("(session)"), "{}", terminal.screen_text());
    say(&mut terminal, "yes", "files/a.md now has");
    ask_to_write(&mut terminal, "write a.md two", "M2");
}

#[test]
fn tool_on_the_allow_list_runs_unasked() {
    let (_fake, mut daemon) = with_clerk();
    daemon.set("users.alice.allow", "[\"file_write\"]");
    let mut terminal = chat(&daemon);
    say(&mut terminal, "write a.md one", "files/a.md now has");
    assert_eq!(Stored::of(&daemon).number("SELECT count(*) FROM approval"), 0);
}

#[test]
fn second_daemon_on_the_same_store_is_refused() {
    let (_fake, daemon) = with_clerk();
    let first = chat(&daemon);
    let process = first.process_id().unwrap();
    let second = daemon.once("hello", &[]);
    assert_eq!(second.code, 1, "{second:?}");
    let sentence = format!("is in use by another cortex (process {process}); stop that one, or choose another store.path");
    assert!(second.errors.contains(&sentence), "{second:?}");
}

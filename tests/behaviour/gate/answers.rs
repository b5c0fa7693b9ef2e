//! What a person can answer, and what each answer does.

use super::{ask_to_write, chat, clerk, say, with_clerk};
use crate::support::{PROGRAM, SOON, Stored};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::LlmFake;

#[test]
fn denial_with_a_reason_reaches_the_model() {
    let (fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md hello", "K2");
    say(
        &mut terminal,
        "> not into that file",
        "Action denied by user. Reason: not into that file",
    );
    assert_eq!(daemon.read_file("a.md"), None);
    assert!(
        fake.last_request()
            .last_content("tool")
            .contains("Reason: not into that file")
    );
    assert_eq!(
        Stored::of(&daemon).words("SELECT status || ' ' || reason FROM approval"),
        ["denied not into that file"]
    );
}

#[test]
fn words_numbers_and_codes_decide() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    let cases = [
        ("K2", "yes", true),
        ("M2", "Ok.", true),
        ("P2", "yes p2", true),
        ("R2", "1", true),
        ("T2", "> approve", true),
        ("W2", "no", false),
        ("X2", "n x2", false),
        ("Y2", "4", false),
        ("C2", "/deny C2 too late today", false),
    ];
    for (code, answer, allows) in cases {
        let name = format!("{code}.md");
        ask_to_write(&mut terminal, &format!("write {name} text"), code);
        let outcome = if allows { "allowed once by alice" } else { "denied by alice" };
        say(&mut terminal, answer, &format!("{code} file_write: {outcome}"));
        let given = if allows {
            format!("files/{name} now has 1 line")
        } else {
            "denied by user".to_owned()
        };
        terminal.wait_for(&given, SOON);
        assert_eq!(daemon.read_file(&name).is_some(), allows, "{answer}");
        say(&mut terminal, "/new", "A new session has begun");
        terminal.type_keys("\u{c}").unwrap();
    }
    let late = "yes K2";
    say(&mut terminal, late, "K2 was already decided: allowed.");
    say(&mut terminal, "yes Z9", "Nothing waits under the code Z9.");
}

#[test]
fn grant_for_the_session_covers_the_same_file_only() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    say(&mut terminal, "session", "allowed for this session by alice");
    terminal.wait_for("files/a.md now has", SOON);
    say(&mut terminal, "write a.md two", "3 bytes.");
    Stored::of(&daemon).becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 2);
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("two"));
    ask_to_write(&mut terminal, "write b.md one", "M2");
    say(&mut terminal, "no", "denied by alice");
    say(&mut terminal, "/new", "A new session has begun");
    ask_to_write(&mut terminal, "write a.md three", "P2");
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("two"));
}

#[test]
fn grant_for_always_outlives_session_and_restart() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    say(&mut terminal, "3", "allowed always by alice");
    terminal.wait_for("files/a.md now has", SOON);
    say(&mut terminal, "/new", "A new session has begun");
    drop(terminal);

    let mut terminal = chat(&daemon);
    say(&mut terminal, "write a.md two", "files/a.md now has");
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("two"));
    ask_to_write(&mut terminal, "write b.md one", "M2");
    assert_eq!(daemon.read_file("b.md"), None);
}

#[test]
fn always_is_not_offered_where_it_is_forbidden() {
    let fake = LlmFake::start();
    fake.answer_with(clerk);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("gate.allow_always", "false");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    assert!(
        !terminal.screen_text().contains("Always (always)"),
        "{}",
        terminal.screen_text()
    );
    say(&mut terminal, "> always", "you can still allow it once");
    assert_eq!(daemon.read_file("a.md"), None);
    say(&mut terminal, "yes k2", "files/a.md now has");
}

#[test]
fn yes_to_all_covers_what_was_shown() {
    let (fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one and b.md two", "M2");
    terminal.wait_for("2 questions are open", SOON);
    terminal.wait_for("covers K2, M2.", SOON);
    say(&mut terminal, "yes", "You said yes.");
    assert_eq!((daemon.read_file("a.md"), daemon.read_file("b.md")), (None, None));
    assert!(fake.last_request().last_content("system").contains("K2, M2"));
    say(
        &mut terminal,
        "> yes all",
        "files/a.md now has 1 line, 3 bytes. / files/b.md now has 1 line, 3 bytes.",
    );
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("one"));
    assert_eq!(daemon.read_file("b.md").as_deref(), Some("two"));
}

#[test]
fn one_of_two_allowed_waits_for_the_other() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one and b.md two", "M2");
    say(&mut terminal, "yes K2", "K2 file_write: allowed once");
    terminal.wait_for("1 question is open", SOON);
    assert_eq!(daemon.read_file("a.md"), None, "the round goes on when all of it is decided");
    say(
        &mut terminal,
        "no M2",
        "files/a.md now has 1 line, 3 bytes. / Action denied by user.",
    );
    assert_eq!(daemon.read_file("b.md"), None);
}

#[test]
fn question_nobody_answers_is_denied_in_the_end() {
    let fake = LlmFake::start();
    fake.answer_with(clerk);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("gate.expires_after", "\"2s\"");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.wait_for("denied, since nobody decided within 2 s", SOON);
    terminal.wait_for("It gave: Action denied: nobody confirmed it in time.", SOON);
    say(&mut terminal, "yes K2", "K2 was already decided: expired.");
    assert_eq!(daemon.read_file("a.md"), None);
    assert_eq!(Stored::of(&daemon).words("SELECT status FROM approval"), ["expired"]);
}

#[test]
fn question_that_ran_out_while_the_daemon_was_down_runs_nothing() {
    let fake = LlmFake::start();
    fake.answer_with(clerk);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("gate.expires_after", "\"1s\"");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    terminal.kill();
    let stored = Stored::of(&daemon);
    stored.becomes(
        "SELECT count(*) FROM approval WHERE expires_at > unixepoch('subsec') * 1000",
        0,
    );
    let terminal = chat(&daemon);
    terminal.wait_for("It gave: Action denied: nobody confirmed it in time.", SOON);
    assert_eq!(daemon.read_file("a.md"), None);
}

#[test]
fn changed_file_is_asked_about_again() {
    let (_fake, daemon) = with_clerk();
    daemon.write_file("a.md", "as it was\n");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md new", "K2");
    terminal.wait_for("-as it was", SOON);
    daemon.write_file("a.md", "by somebody else\n");
    say(&mut terminal, "yes", "it would now do something else");
    terminal.wait_for("-by somebody else", SOON);
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("by somebody else\n"));
    say(&mut terminal, "yes M2", "files/a.md now has");
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("new"));
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run"), 1);
    stored.history_is_paired();
}

#[test]
fn long_content_is_cut_and_shown_whole_when_asked_for() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    let middle = "MIDDLE";
    let long = format!("{}{middle}{}", "x".repeat(2_000), "y".repeat(2_000));
    // Pasted: it comes as one piece.
    terminal
        .type_keys(&format!("\u{1b}[200~write a.md {long}\u{1b}[201~\r"))
        .unwrap();
    terminal.wait_for("Show all (show)", SOON);
    assert!(
        !terminal.screen_text().contains("Always (always)"),
        "{}",
        terminal.screen_text()
    );
    terminal.wait_for("characters not shown", SOON);
    terminal.type_line("show").unwrap();
    terminal.wait_for_in_transcript("may I run", SOON);
    Stored::of(&daemon).becomes(
        "SELECT count(*) FROM message WHERE desired LIKE '%xMIDDLEy%' AND desired LIKE '%\"notice\"%'",
        1,
    );
    assert_eq!(daemon.read_file("a.md"), None);
    say(&mut terminal, "yes K2", "files/a.md now has");
}

#[test]
fn hidden_characters_are_visible_in_the_question() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md safe\u{202e}txt.exe\u{200b}!", "K2");
    terminal.wait_for("safe⟨U+202E⟩txt.exe⟨U+200B⟩!", SOON);
    say(&mut terminal, "no", "denied by alice");
}

//! What a person reads at the gate, as it is stored for every platform: the questions and their outcomes.

use super::{ask_to_write, chat, say, with_clerk};
use crate::support::{SOON, Stored};
use cortex_chat::OutgoingMessage;
use cortex_test_support::daemon::TestDaemon;

/// The newest prompt as Markdown with its choices; what differs from run to run is taken out.
fn newest_prompt(daemon: &TestDaemon) -> String {
    let newest = "SELECT desired FROM message WHERE approval IS NOT NULL ORDER BY number DESC LIMIT 1";
    let prompt: OutgoingMessage = serde_json::from_str(&Stored::of(daemon).words(newest)[0]).unwrap();
    let choices = prompt.choices.iter().map(|choice| {
        let emoji = choice.emoji.as_deref().unwrap_or("–");
        format!("[{emoji} {} ({})]", choice.label, choice.keyword)
    });
    let lines: Vec<String> = std::iter::once(prompt.body.to_markdown()).chain(choices).collect();
    without_times(&lines.join("\n"))
}

/// `2026-01-02 03:04 UTC` becomes `TIME`.
fn without_times(text: &str) -> String {
    let mut text = text.to_owned();
    while let Some(end) = text.find(" UTC") {
        text.replace_range(end - "2026-01-02 03:04".len()..end + " UTC".len(), "TIME");
    }
    text
}

/// The question that this line leads to.
fn question(daemon: &TestDaemon, line: &str) -> String {
    let ran = daemon.piped(&[], &format!("{line}\n"));
    assert_eq!(ran.code, 1, "no question is left open: {ran:?}");
    newest_prompt(daemon)
}

#[test]
fn question_about_a_new_file() {
    let (_fake, daemon) = with_clerk();
    insta::assert_snapshot!(question(&daemon, "write plan.md buy milk"));
}

#[test]
fn question_about_a_file_that_is_overwritten() {
    let (_fake, daemon) = with_clerk();
    daemon.write_file("plan.md", "buy bread\n");
    insta::assert_snapshot!(question(&daemon, "write plan.md buy milk"));
}

#[test]
fn question_about_a_long_text_is_cut() {
    let (_fake, daemon) = with_clerk();
    let long: Vec<String> = (0..400).map(|number| format!("word{number}")).collect();
    let line = format!("write plan.md {}", long.join(" "));
    insta::assert_snapshot!(question(&daemon, &line));
}

#[test]
fn question_about_hostile_text() {
    let (_fake, daemon) = with_clerk();
    let hostile = "a\u{202e}b\u{200b} **bold** ``` [link](http://x) \u{1b}[31m";
    insta::assert_snapshot!(question(&daemon, &format!("write plan.md {hostile}")));
}

#[test]
fn question_about_two_files() {
    let (_fake, daemon) = with_clerk();
    insta::assert_snapshot!(question(&daemon, "write a.md one and b.md two"));
}

#[test]
fn question_about_an_unknown_outcome() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = daemon.chat_dying_at("tool.after_effect");
    terminal.wait_for("›", SOON);
    ask_to_write(&mut terminal, "write plan.md buy milk", "K2");
    terminal.type_line("yes").unwrap();
    terminal.wait_for_exit(SOON);
    let mut terminal = chat(&daemon);
    terminal.wait_for("M2: may I run", SOON);
    insta::assert_snapshot!("unknown_outcome", newest_prompt(&daemon));
    say(&mut terminal, "no", "M2 file_write: denied by alice");
    insta::assert_snapshot!("unknown_outcome_denied", newest_prompt(&daemon));
}

#[test]
fn question_about_a_changed_file_and_its_outcomes() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write plan.md buy milk", "K2");
    daemon.write_file("plan.md", "buy bread\n");
    say(&mut terminal, "yes", "M2: may I run");
    insta::assert_snapshot!("changed", newest_prompt(&daemon));
    say(&mut terminal, "> that is not *my* list", "M2 file_write: denied by alice");
    insta::assert_snapshot!("denied_with_a_reason", newest_prompt(&daemon));
    ask_to_write(&mut terminal, "write other.md buy milk", "P2");
    say(&mut terminal, "always P2", "P2 file_write: allowed always by alice");
    insta::assert_snapshot!("allowed_always", newest_prompt(&daemon));
}

/// A daemon of a later version must read what this one stored.
#[test]
fn stored_turn_that_waits() {
    let (_fake, daemon) = with_clerk();
    question(&daemon, "write a.md one and b.md two");
    let state = &Stored::of(&daemon).words("SELECT state FROM turn")[0];
    let state: serde_json::Value = serde_json::from_str(state).unwrap();
    insta::assert_json_snapshot!(state, {
        ".**.id" => "[id]",
        ".**.provider_id" => "[provider's id]",
        ".**.approval" => "[approval]",
        ".request.session" => "[session]",
        ".request.reply_to" => "[message]",
        ".fence" => "[fence]",
        ".**.origin" => "[model]",
    });
}

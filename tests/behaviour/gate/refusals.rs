//! What is not run, and what the model is told in place of a result.

use super::{ask_to_write, chat, say};
use crate::support::{PROGRAM, SOON, Stored, read, results, rounds, write};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply};
use serde_json::json;

/// What the last request gave the model of each call.
fn given(fake: &LlmFake) -> Vec<String> {
    results(&fake.last_request())
}

#[test]
fn third_identical_call_is_not_run() {
    let fake = LlmFake::start();
    let same = || [read("files/a.md")];
    fake.answer_with(move |request| rounds(request, &[&same(), &same(), &same()], "Enough."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    daemon.write_file("a.md", "apples");
    let mut terminal = chat(&daemon);
    say(&mut terminal, "read it", "Enough.");
    assert!(given(&fake)[2].contains("was not run a third time"), "{:?}", given(&fake));
    assert_eq!(Stored::of(&daemon).number("SELECT count(*) FROM tool_run"), 2);
}

#[test]
fn denied_call_is_not_asked_again() {
    let fake = LlmFake::start();
    let same = || [write("files/a.md", "hello", "overwrite")];
    fake.answer_with(move |request| rounds(request, &[&same(), &same()], "I give up."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "try", "K2");
    say(&mut terminal, "no", "I give up.");
    assert!(
        given(&fake)[1].contains("denied this same call earlier"),
        "{:?}",
        given(&fake)
    );
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM approval"), 1);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run"), 0);
    stored.history_is_paired();
}

#[test]
fn calls_that_cannot_be_are_results_and_nothing_runs() {
    let fake = LlmFake::start();
    let calls = || {
        [
            ("rm_rf", json!({"path": "/"})),
            ("file_read", json!({"path": 5})),
            ("file_write", json!({"path": "files/a.md", "content": "x", "mode": "explode"})),
            ("file_write", json!({"path": "files/a.md"})),
        ]
    };
    fake.answer_with(move |request| rounds(request, &[&calls()], "None of it."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = chat(&daemon);
    say(&mut terminal, "try", "None of it.");
    let given = given(&fake);
    assert!(
        given[0].starts_with("Tool error: there is no such tool; the available tools are:"),
        "{given:?}"
    );
    assert!(given[1].contains("path"), "{given:?}");
    assert!(given.iter().all(|result| result.starts_with("Tool error: ")), "{given:?}");
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run"), 0);
    assert_eq!(stored.number("SELECT count(*) FROM approval"), 0);
}

#[test]
fn arguments_that_are_no_json_are_told_to_the_model() {
    let fake = LlmFake::start();
    let call = json!({"index": 0, "id": "c1", "type": "function",
        "function": {"name": "file_write", "arguments": "{\"path\": \"files/a.md\", \"content\": }"}});
    let chunk = |delta: serde_json::Value, finish: Option<&str>| {
        json!({"object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    fake.reply(Reply::chunks([
        chunk(json!({"tool_calls": [call]}), None),
        chunk(json!({}), Some("tool_calls")),
    ]));
    fake.reply(Reply::text("I see."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = chat(&daemon);
    say(&mut terminal, "try", "I see.");
    assert!(given(&fake)[0].contains("not a valid JSON object"), "{:?}", given(&fake));
    assert_eq!(daemon.read_file("a.md"), None);
}

#[test]
fn round_limit_ends_in_a_marked_answer() {
    let fake = LlmFake::start();
    fake.answer_with(|request| {
        if request.last_content("system").contains("The limit of tool rounds is reached") {
            return Reply::text("This is what I have.");
        }
        let number = results(request).len();
        Reply::calls(&[read(&format!("files/{number}.md"))])
    });
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("engine.max_rounds", "3");
    let mut terminal = chat(&daemon);
    say(&mut terminal, "read everything", "This is what I have.");
    terminal.wait_for("the limit of tool rounds for one request was reached", SOON);
    assert_eq!(fake.requests().len(), 4);
    Stored::of(&daemon).history_is_paired();
}

#[test]
fn asking_at_the_round_limit_still_shows_the_result_to_the_model() {
    let fake = LlmFake::start();
    fake.answer_with(|request| match results(request).last() {
        Some(result) if result.contains("now has") => Reply::text("It is written."),
        Some(_) => Reply::text("It is not written."),
        None => Reply::calls(&[write("files/a.md", "x", "overwrite")]),
    });
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("engine.max_rounds", "1");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write", "K2");
    say(&mut terminal, "yes", "It is written.");
}

#[test]
fn more_questions_than_a_round_may_ask_are_refused() {
    let fake = LlmFake::start();
    let calls = || ["a", "b", "c"].map(|name| write(&format!("files/{name}.md"), "x", "overwrite"));
    fake.answer_with(move |request| rounds(request, &[&calls()], "That is all."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake).with("gate.max_pending_per_round", "2");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write all", "M2");
    say(&mut terminal, "> yes all", "That is all.");
    assert!(given(&fake)[2].contains("at most 2 actions can wait"), "{:?}", given(&fake));
    assert_eq!(daemon.read_file("c.md"), None);
    assert!(daemon.read_file("a.md").is_some() && daemon.read_file("b.md").is_some());
}

#[test]
fn calls_after_a_question_run_in_call_order() {
    let fake = LlmFake::start();
    let calls = || {
        [
            read("files/a.md"),
            write("files/a.md", "new", "overwrite"),
            read("files/a.md"),
        ]
    };
    fake.answer_with(move |request| rounds(request, &[&calls()], "Done."));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    daemon.write_file("a.md", "old");
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "go", "K2");
    say(&mut terminal, "yes", "Done.");
    let results = results(&fake.last_request());
    assert!(
        results[0].contains("old") && results[1].contains("now has") && results[2].contains("new"),
        "{results:?}"
    );
}

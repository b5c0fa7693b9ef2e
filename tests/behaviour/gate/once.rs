//! One message, or a few lines behind a pipe: for scripts.

use super::with_clerk;
use crate::support::Stored;
use cortex_test_support::llm::Reply;
use serde_json::Value;

#[test]
fn once_prints_the_answer_alone() {
    let (_fake, daemon) = with_clerk();
    let ran = daemon.once("hello", &[]);
    assert_eq!((ran.code, ran.output.trim()), (0, "You said hello."), "{ran:?}");
}

#[test]
fn once_with_yes_allows_what_is_asked() {
    let (_fake, daemon) = with_clerk();
    let ran = daemon.once("write a.md one", &["--yes"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.output.trim(), "It gave: files/a.md now has 1 line, 3 bytes.", "{ran:?}");
    assert!(ran.errors.contains("Allowed once, as asked for beforehand."), "{ran:?}");
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("one"));
}

#[test]
fn once_denies_what_was_not_allowed_beforehand() {
    for arguments in [&["--no"][..], &[]] {
        let (_fake, daemon) = with_clerk();
        let ran = daemon.once("write a.md one", arguments);
        assert_eq!(ran.output.trim(), "It gave: Action denied by user.", "{ran:?}");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.errors.contains("Denied"), "{ran:?}");
        assert_eq!(daemon.read_file("a.md"), None);
        assert_eq!(Stored::of(&daemon).words("SELECT status FROM approval"), ["denied"]);
    }
}

#[test]
fn once_fails_when_the_model_fails() {
    let (fake, daemon) = with_clerk();
    fake.reply(Reply::error(401, "wrong key"));
    let ran = daemon.once("hello", &[]);
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.output.contains('⚠'), "{ran:?}");
}

#[test]
fn json_lines_tell_every_event_and_end_with_done() {
    let (_fake, daemon) = with_clerk();
    let ran = daemon.once("write a.md one", &["--yes", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<Value> = ran.output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "confirm").count(), 1, "{kinds:?}");
    assert_eq!(kinds.iter().filter(|kind| **kind == "decided").count(), 1, "{kinds:?}");
    assert_eq!(kinds.last(), Some(&"done"), "{kinds:?}");
    let last = lines.last().unwrap();
    assert_eq!(last["response"], "It gave: files/a.md now has 1 line, 3 bytes.");
    // Tokens after the last reset add up to the response.
    let after = kinds.iter().rposition(|kind| *kind == "reset").map_or(0, |place| place + 1);
    let tokens = lines[after..].iter().filter(|line| line["type"] == "token");
    let text: String = tokens.map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(last["response"], text.as_str());
    assert!(lines.iter().all(|line| line["turn"] == last["turn"]));
}

#[test]
fn lines_behind_a_pipe_are_answered_one_after_the_other() {
    let (_fake, daemon) = with_clerk();
    let ran = daemon.piped(&[], "hello\nwrite a.md one\nyes\nbye\n");
    assert_eq!(ran.code, 0, "{ran:?}");
    let places: Vec<_> = ["You said hello.", "files/a.md now has", "You said bye."]
        .iter()
        .map(|text| ran.output.find(text).unwrap_or_else(|| panic!("no {text:?}: {ran:?}")))
        .collect();
    assert!(places.is_sorted(), "{ran:?}");
    assert_eq!(daemon.read_file("a.md").as_deref(), Some("one"));
}

#[test]
fn question_left_open_by_a_pipe_is_told_and_stays() {
    let (_fake, daemon) = with_clerk();
    let ran = daemon.piped(&[], "write a.md one\n");
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.errors.contains("a question is still open"), "{ran:?}");
    assert_eq!(Stored::of(&daemon).words("SELECT status FROM approval"), ["pending"]);
}

#[test]
fn answer_quicker_than_the_record_of_its_prompt_finds_it() {
    let (_fake, daemon) = with_clerk();
    let lines: Vec<String> = (0..10).map(|number| format!("write {number}.md text\nyes\n")).collect();
    let ran = daemon.piped(&[], &lines.concat());
    assert_eq!(
        ran.code, 0,
        "a question still looks open, or an answer seems to grow: {ran:?}"
    );
    assert_eq!(ran.output.matches("allowed once by alice").count(), 10, "{ran:?}");
    assert!((0..10).all(|number| daemon.read_file(&format!("{number}.md")).is_some()));
}

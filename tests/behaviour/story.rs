//! The whole story in one sitting: a question, two files read, a write that waits, a crash, an approval, one effect.

use crate::support::{PROGRAM, SOON, Stored, read, results, said, wait_for_prompt, write};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::terminal::Terminal;
use std::time::{Duration, Instant};

const TASK: &str = "sum up a.md and b.md in sum.md";
const SUMMARY: &str = "apples and bears\n";
const LONG_ANSWER: &str = "word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11 word12";

fn story(request: &Request) -> Reply {
    if said(request) != TASK {
        return Reply::text_slowly(LONG_ANSWER, Duration::from_millis(60));
    }
    match results(request).len() {
        0 => Reply::text_and_calls("Let me read both.", &[read("files/a.md"), read("files/b.md")]),
        2 => Reply::calls(&[write("files/sum.md", SUMMARY, "append")]),
        _ => Reply::text("The summary is written."),
    }
}

/// Waits for the first word, and tells whether the last one was still missing then.
#[track_caller]
fn is_seen_growing(terminal: &Terminal, first: &str, last: &str) -> bool {
    let deadline = Instant::now() + SOON;
    loop {
        let screen = terminal.screen_text();
        if screen.contains(first) {
            return !screen.contains(last);
        }
        assert!(Instant::now() < deadline, "no {first:?}:\n{screen}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn story_on_a_language_model() {
    let fake = LlmFake::start();
    fake.answer_with(story);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    daemon.write_file("a.md", "apples");
    daemon.write_file("b.md", "bears");

    let mut first = daemon.chat();
    first.wait_for("›", SOON);
    first.type_line("count to twelve").unwrap();
    assert!(is_seen_growing(&first, "word1 ", "word12"), "{}", first.screen_text());
    first.wait_for("word12", SOON);

    first.type_line(TASK).unwrap();
    wait_for_prompt(&first);
    first.wait_for("K2: may I run", SOON);
    first.wait_for("+apples and bears", SOON);
    assert_eq!(daemon.read_file("sum.md"), None);
    first.kill();

    let mut second = daemon.chat();
    wait_for_prompt(&second);
    second.wait_for("K2: may I run", SOON);
    assert_eq!(daemon.read_file("sum.md"), None);
    second.type_line("1").unwrap();
    second.wait_for("The summary is written.", SOON);
    second.wait_for("allowed once by alice", SOON);
    assert_eq!(daemon.read_file("sum.md").as_deref(), Some(SUMMARY));
    second.press_ctrl_d().unwrap();
    assert!(second.wait_for_exit(SOON).success());
    assert_eq!(second.transcript().matches("The summary is written.").count(), 1);

    let requests = fake.requests();
    assert_eq!(requests.len(), 4, "one for the question, three for the task");
    let both = results(&requests[2]);
    assert!(
        both.len() == 2 && both[0].contains("apples") && both[1].contains("bears"),
        "{both:?}"
    );
    let written = results(&requests[3]);
    assert!(written.len() == 3 && written[2].contains("1 line"), "{written:?}");

    let stored = Stored::of(&daemon);
    assert_eq!(stored.words("SELECT status FROM turn"), ["complete", "complete"]);
    assert_eq!(stored.words("SELECT status FROM approval"), ["allowed"]);
    assert_eq!(stored.words("SELECT choice FROM approval"), ["once"]);
    let runs = stored.words("SELECT tool || ' ' || outcome FROM tool_run ORDER BY started_at, tool");
    assert_eq!(runs, ["file_read succeeded", "file_read succeeded", "file_write succeeded"]);
    stored.history_is_paired();
}

#[test]
fn story_on_the_demo() {
    let daemon = TestDaemon::on_demo(PROGRAM);
    daemon.write_file("a.md", "apples");
    daemon.write_file("b.md", "bears");

    let mut first = daemon.chat();
    first.wait_for("›", SOON);
    first.type_line("help").unwrap();
    assert!(is_seen_growing(&first, "Hello! I am the demo", "name a model in the config"));
    first.wait_for("name a model in the config", SOON);
    first
        .type_line("read here/a.md and here/b.md and write a summary to here/sum.md")
        .unwrap();
    wait_for_prompt(&first);
    first.wait_for("file_read", SOON);
    first.kill();
    assert_eq!(daemon.read_file("sum.md"), None);

    let mut second = daemon.chat();
    wait_for_prompt(&second);
    second.type_line("yes").unwrap();
    second.wait_for("allowed once by alice", SOON);
    second.wait_for("here/sum.md now has", SOON);
    Stored::of(&daemon).becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 2);
    second.press_ctrl_d().unwrap();
    assert!(second.wait_for_exit(SOON).success());

    let summary = daemon.read_file("sum.md").unwrap();
    assert!(summary.contains("- apples") && summary.contains("- bears"), "{summary}");
    let stored = Stored::of(&daemon);
    assert_eq!(stored.words("SELECT DISTINCT status FROM turn"), ["complete"]);
    assert_eq!(stored.words("SELECT status FROM approval"), ["allowed"]);
    let writes = "SELECT count(*) FROM tool_run WHERE tool = 'file_write' AND outcome = 'succeeded'";
    assert_eq!(stored.number(writes), 1);
    stored.history_is_paired();
}

#[test]
fn leaving_lets_a_growing_answer_come_to_its_end() {
    let fake = LlmFake::start();
    fake.answer_with(story);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    terminal.type_line("count to twelve").unwrap();
    assert!(is_seen_growing(&terminal, "word1 ", "word12"));
    terminal.press_ctrl_d().unwrap();
    assert!(terminal.wait_for_exit(SOON).success());
    assert!(terminal.transcript().contains(LONG_ANSWER), "{}", terminal.transcript());
    assert_eq!(Stored::of(&daemon).words("SELECT status FROM turn"), ["complete"]);
    assert_eq!(fake.requests().len(), 1);
}

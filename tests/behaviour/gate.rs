//! The confirmation gate and what surrounds it, through the real program: what is asked, what the answers do, and what never runs.

mod answers;
mod authority;
mod chat;
mod once;
mod prompts;
mod refusals;

use crate::support::{PROGRAM, SOON, results, said, wait_for_prompt, write};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::terminal::Terminal;

/// A model that does as it is told: `write FILE TEXT`, or `write FILE TEXT and FILE TEXT` in one round, and then says what the
/// calls gave. To anything else it says what it heard.
pub(crate) fn clerk(request: &Request) -> Reply {
    let given = results(request);
    if !given.is_empty() {
        return Reply::text(&format!("It gave: {}", given.join(" / ")));
    }
    // What is quoted stands before the words.
    let words = said(request).rsplit_once("]\n\n").map_or(said(request), |(_, words)| words);
    let Some(task) = words.strip_prefix("write ") else {
        return Reply::text(&format!("You said {}.", said(request)));
    };
    let pairs = task.split(" and ").filter_map(|pair| pair.split_once(' '));
    let calls: Vec<_> = pairs
        .map(|(name, text)| write(&format!("files/{name}"), text, "overwrite"))
        .collect();
    Reply::calls(&calls)
}

/// A daemon with that model.
fn with_clerk() -> (LlmFake, TestDaemon) {
    let fake = LlmFake::start();
    fake.answer_with(clerk);
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    (fake, daemon)
}

/// A chat that is ready for a line.
#[track_caller]
fn chat(daemon: &TestDaemon) -> Terminal {
    let terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    terminal
}

/// Types a line and waits for what must follow on the screen.
#[track_caller]
fn say(terminal: &mut Terminal, line: &str, then: &str) {
    terminal.type_line(line).unwrap();
    terminal.wait_for(then, SOON);
}

/// Asks for a write and waits for its prompt.
#[track_caller]
fn ask_to_write(terminal: &mut Terminal, line: &str, code: &str) {
    say(terminal, line, &format!("{code}: may I run"));
    wait_for_prompt(terminal);
}

//! What the tests of the whole daemon share: the program, a look into its store, and a model that works through a task.

use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{Reply, Request};
use cortex_test_support::terminal::Terminal;
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_cortex");

/// Generous: the machine may be busy with other tests.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The last line of every prompt on the console.
pub(crate) const HOW_TO_ANSWER: &str = "to answer, or `> ` and a reason to refuse.";

/// The store of a daemon, read beside it or after it.
pub(crate) struct Stored(Connection);

impl Stored {
    pub(crate) fn of(daemon: &TestDaemon) -> Self {
        let connection = Connection::open_with_flags(daemon.store(), OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.busy_timeout(SOON).unwrap();
        Self(connection)
    }

    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.0.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// The same where there may be no such table yet.
    pub(crate) fn try_number(&self, sql: &str) -> Option<i64> {
        self.0.query_row(sql, [], |row| row.get(0)).ok()
    }

    pub(crate) fn words(&self, sql: &str) -> Vec<String> {
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    /// Waits until a number is as expected.
    #[track_caller]
    pub(crate) fn becomes(&self, sql: &str, expected: i64) {
        let deadline = Instant::now() + SOON;
        while self.number(sql) != expected {
            assert!(Instant::now() < deadline, "{sql} is {}, not {expected}", self.number(sql));
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every call in the history has its result, and no result is without its call.
    #[track_caller]
    pub(crate) fn history_is_paired(&self) {
        let entries = self.words("SELECT body FROM history WHERE open = 0 ORDER BY number");
        let mut open: Vec<String> = Vec::new();
        for entry in &entries {
            let entry: Value = serde_json::from_str(entry).unwrap();
            let text = entry.to_string();
            match entry["role"].as_str().unwrap_or_default() {
                "tool_result" => {
                    let id = entry["call_id"].as_str().unwrap();
                    let place = open.iter().position(|call| call == id);
                    open.remove(place.unwrap_or_else(|| panic!("a result without a call: {text}")));
                }
                "assistant" => {
                    assert!(open.is_empty(), "{open:?} have no result before {text}");
                    let calls = entry["calls"].as_array().cloned().unwrap_or_default();
                    open.extend(calls.iter().map(|call| call["id"].as_str().unwrap().to_owned()));
                }
                "user" => assert!(open.is_empty(), "{open:?} have no result before {text}"),
                other => panic!("an entry of another kind, {other:?}: {text}"),
            }
        }
        assert!(open.is_empty(), "{open:?} have no result at the end");
    }
}

/// What the user said last.
pub(crate) fn said(request: &Request) -> &str {
    request.last_content("user")
}

/// The results that came since the user's last words, in their order, without their fences.
pub(crate) fn results(request: &Request) -> Vec<String> {
    let messages = request.messages();
    let last_user = messages.iter().rposition(|message| message["role"] == "user").unwrap_or(0);
    let results = messages[last_user..].iter().filter(|message| message["role"] == "tool");
    results
        .map(|message| without_fence(message["content"].as_str().unwrap_or_default()))
        .collect()
}

fn without_fence(result: &str) -> String {
    let inner = result.split_once('\n').and_then(|(_, rest)| rest.rsplit_once('\n'));
    let (inner, end) = inner.unwrap_or_else(|| panic!("a result without a fence: {result}"));
    assert!(
        result.starts_with("[result ") && end.starts_with("[end "),
        "a result without a fence: {result}"
    );
    inner.to_owned()
}

/// A call of `file_write`.
pub(crate) fn write(path: &str, content: &str, mode: &str) -> (&'static str, Value) {
    ("file_write", json!({"path": path, "content": content, "mode": mode}))
}

/// A call of `file_read`.
pub(crate) fn read(path: &str) -> (&'static str, Value) {
    ("file_read", json!({"path": path}))
}

/// A model that makes these calls, one round after the other, and then says what it was given.
pub(crate) fn rounds(request: &Request, rounds: &[&[(&str, Value)]], answer: &str) -> Reply {
    let mut done = results(request).len();
    for round in rounds {
        if done < round.len() {
            return Reply::calls(round);
        }
        done -= round.len();
    }
    Reply::text(answer)
}

/// The parts of a screen that a number answers.
#[track_caller]
pub(crate) fn wait_for_prompt(terminal: &Terminal) {
    terminal.wait_for(HOW_TO_ANSWER, SOON);
}

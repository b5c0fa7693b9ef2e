//! The sentences of the demo: what it can do, what it is about to do, what the tools gave.

use super::{Intent, Outcome, PlannedCall};
use crate::models::ToolOffer;
use serde_json::Value;
use std::fmt::Write as _;

/// Said when a call would be needed and none is allowed any more.
pub(super) const NO_MORE_CALLS: &str = "I would have to call a tool for the rest, and may not call any more of them now.";

const CONNECT: &str = "To talk with a real model, do one of these and start me again:\n\n\
    - set `OPENAI_API_KEY` (or `OPENROUTER_API_KEY`) in the environment\n\
    - run [Ollama](https://ollama.com) on this machine with a model, for example `ollama pull qwen3:8b`\n\
    - name a model in the config, under `[models.NAME]`";

/// What to say for each tool.
const EXAMPLES: [(&str, &str); 6] = [
    ("time_now", "what time is it?"),
    ("file_list", "list files"),
    ("file_read", "read notes.md and plan.md"),
    ("file_search", "search for milk"),
    ("file_write", "write \"buy milk\" to shopping.md"),
    ("file_write", "read notes.md and plan.md and write a summary to summary.md"),
];

/// Lines of a file that an answer quotes.
const QUOTED_LINES: usize = 30;
/// Lines of a file that a summary takes.
const SUMMARY_LINES: usize = 3;

/// The answer, once no call is left to make.
pub(super) fn to(intent: &Intent, outcomes: &[Outcome<'_>], tools: &[ToolOffer]) -> String {
    if !outcomes.is_empty() {
        return told(outcomes);
    }
    match intent {
        Intent::Help => help(tools),
        Intent::Unclear(how) => format!("I did not get all of that. Say it like this: `{how}`"),
        _ => format!(
            "I am only the demo: a few rules, not a language model, so I have no answer to that. \
             Say `help` to see what I can do.\n\n{CONNECT}"
        ),
    }
}

pub(super) fn not_on_offer(tool: &str) -> String {
    format!("That needs the tool `{tool}`, which is not on offer here.")
}

/// What came so far, then why it goes no further.
pub(super) fn after_outcomes(outcomes: &[Outcome<'_>], refusal: &str) -> String {
    if outcomes.is_empty() {
        refusal.to_owned()
    } else {
        format!("{}\n\n{refusal}", told(outcomes))
    }
}

/// The line before calls.
pub(super) fn announce(calls: &[PlannedCall]) -> String {
    let path = |call: &PlannedCall| {
        call.arguments
            .get("path")
            .and_then(Value::as_str)
            .map(|path| format!("`{path}`"))
    };
    let paths: Vec<String> = calls.iter().filter_map(path).collect();
    let paths = paths.join(" and ");
    match calls.first().map_or("", |call| call.tool) {
        "time_now" => "Let me look at the clock.".to_owned(),
        "file_list" if paths.is_empty() => "Let me see which files there are.".to_owned(),
        "file_list" => format!("Let me see which files are in {paths}."),
        "file_search" => "Let me search.".to_owned(),
        "file_write" => format!("I will write {paths}."),
        _ => format!("Let me read {paths}."),
    }
}

/// What to write of files that were read; `None` when none could be.
pub(super) fn summary(outcomes: &[Outcome<'_>]) -> Option<String> {
    let mut summary = "# Summary\n".to_owned();
    let mut found = false;
    for outcome in outcomes
        .iter()
        .filter(|outcome| outcome.tool == "file_read" && !outcome.failed())
    {
        found = true;
        let _ = write!(summary, "\n## {}\n\n", outcome.argument("path"));
        let lines = outcome
            .contents()
            .lines()
            .map(|line| line.trim().trim_start_matches('#').trim())
            .filter(|line| !line.is_empty());
        for line in lines.take(SUMMARY_LINES) {
            let _ = writeln!(summary, "- {}", line.trim_start_matches("- "));
        }
    }
    found.then_some(summary)
}

fn help(tools: &[ToolOffer]) -> String {
    let mut text = "Hello! I am the demo of Cortex: a few rules, not a language model. \
        But the tools are real, and so is the question before anything is changed."
        .to_owned();
    let offered = |name: &str| tools.iter().any(|tool| tool.name == name);
    let examples: Vec<&str> = EXAMPLES
        .iter()
        .filter(|(tool, _)| offered(tool))
        .map(|&(_, example)| example)
        .collect();
    if examples.is_empty() {
        text.push_str(" Here I have no tools that I know.");
    } else {
        text.push_str(" Try one of these:\n");
        for example in examples {
            let _ = write!(text, "\n- `{example}`");
        }
    }
    let _ = write!(text, "\n\n{CONNECT}");
    text
}

fn told(outcomes: &[Outcome<'_>]) -> String {
    let parts: Vec<String> = outcomes.iter().map(tell).collect();
    parts.join("\n\n")
}

fn tell(outcome: &Outcome<'_>) -> String {
    let text = outcome.text.trim();
    let path = outcome.argument("path");
    if outcome.failed() {
        let what = match (outcome.tool, path) {
            ("file_write", path) if !path.is_empty() => format!("`{path}` was not written"),
            ("file_read", path) if !path.is_empty() => format!("`{path}` could not be read"),
            (tool, _) => format!("`{tool}` did not work"),
        };
        return format!("**{what}.** The answer to the call was: {}", one_line(text));
    }
    match outcome.tool {
        "time_now" => format!("The clock says: **{}**", one_line(text)),
        "file_list" if path.is_empty() => format!("These files are there:\n\n{}", quoted(text)),
        "file_list" => format!("These files are in `{path}`:\n\n{}", quoted(text)),
        "file_search" => format!("This was found for “{}”:\n\n{}", outcome.argument("query"), quoted(text)),
        "file_read" => format!("`{path}` says:\n\n{}", quoted(outcome.contents().trim())),
        "file_write" => format!("Done: `{path}`. {}", one_line(text)),
        tool => format!("`{tool}` gave:\n\n{}", quoted(text)),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A code block that nothing inside can end.
fn quoted(text: &str) -> String {
    if text.is_empty() {
        return "*(nothing)*".to_owned();
    }
    let longest_run = text.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest_run + 1).max(3));
    let all = text.lines().count();
    let lines: Vec<&str> = text.lines().take(QUOTED_LINES).collect();
    let more = if all > QUOTED_LINES {
        format!("\n\n…and {} more lines.", all - QUOTED_LINES)
    } else {
        String::new()
    };
    format!("{fence}\n{}\n{fence}{more}", lines.join("\n"))
}

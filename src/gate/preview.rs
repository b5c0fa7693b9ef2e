//! What the person is shown: the question before the decision, and its outcome after it.
//!
//! The preview is made by the machine from what would really run. Whatever comes from outside stands in code blocks whose fence
//! it cannot close, with hidden characters written out.

use super::{Choice, Question, make_visible};
use crate::domain::ApprovalId;
use crate::models::Arguments;
use crate::strings;
use crate::turn::AskReason;
use cortex_chat::{Choice as Offered, ChoiceStyle, Document, MessageKind, OutgoingMessage};
use serde_json::Value;
use std::fmt::Write as _;

/// The longest block of arguments or changes in a question; two of them and the rest fit in the smallest platform's message
/// (4,096 units, facts on Telegram).
const BLOCK_CHARACTERS: usize = 1_400;

/// Whether the whole question can be seen at once. Where it is cut, "always" is not offered.
pub fn is_cut(question: &Question) -> bool {
    let too_long = |text: &str| text.chars().count() > BLOCK_CHARACTERS;
    too_long(&arguments_block(&question.arguments))
        || question
            .prepared
            .diff
            .as_ref()
            .is_some_and(|diff| too_long(&make_visible(diff.as_str())))
}

/// The question with its choices.
pub fn prompt(approval: ApprovalId, question: &Question) -> OutgoingMessage {
    let cut = is_cut(question);
    let mut text = body(question, Some(BLOCK_CHARACTERS));
    let _ = write!(text, "\n\n{}", answers(question, cut));
    OutgoingMessage {
        kind: MessageKind::Prompt,
        body: Document::parse(&text),
        choices: choices(approval, question, cut),
        reply_to: None,
        live: false,
        last: true,
    }
}

/// Everything of the question, uncut, for "show".
pub fn whole(question: &Question) -> Document {
    Document::parse(&body(question, None))
}

/// The question after its decision, without choices.
pub fn outcome(question: &Question, decision: &str) -> OutgoingMessage {
    let mut text = format!("**{}** `{}`: {decision}", question.code, question.tool);
    let affects = make_visible(question.prepared.affects.as_str());
    if !affects.is_empty() {
        let _ = write!(text, "\n\n{}", fenced("", &shorten(&affects, 300)));
    }
    OutgoingMessage {
        kind: MessageKind::Prompt,
        body: Document::parse(&text),
        choices: Vec::new(),
        reply_to: None,
        live: false,
        last: true,
    }
}

fn body(question: &Question, limit: Option<usize>) -> String {
    let limited = |text: String| limit.map_or_else(|| text.clone(), |limit| shorten(&text, limit));
    let mut text = format!(
        "**{}: may I run** `{}` **?** ({} risk)",
        question.code, question.tool, question.risk
    );
    match question.reason {
        AskReason::Policy => {}
        AskReason::Changed => {
            text.push_str("\n\nYou allowed this before, but it would now do something else, so I ask again.");
        }
        AskReason::OutcomeUnknown => text.push_str(
            "\n\n⚠ I was interrupted while this ran and do not know whether it took effect. Shall I run it (again)?",
        ),
    }
    let affects = make_visible(question.prepared.affects.as_str());
    if !affects.is_empty() {
        let _ = write!(text, "\n\n{}", fenced("", &limited(affects)));
    }
    if let Some(diff) = &question.prepared.diff {
        let _ = write!(text, "\n\n{}", fenced("diff", &limited(make_visible(diff.as_str()))));
    }
    let _ = write!(
        text,
        "\n\nArguments:\n\n{}",
        fenced("", &limited(arguments_block(&question.arguments)))
    );
    match &question.model_words {
        Some(words) if !words.is_blank() => {
            let words = shorten(&make_visible(words.as_str().trim()), 300);
            let _ = write!(text, "\n\nThe model says:\n\n{}", fenced("", &words));
        }
        _ => text.push_str("\n\nThe model gave no reason."),
    }
    text
}

fn answers(question: &Question, cut: bool) -> String {
    let mut text = format!("Expires {}.", question.expires_at.strftime("%Y-%m-%d %H:%M UTC"));
    if cut {
        text.push_str(" Not all of it is shown here; `show` shows the rest.");
    }
    if let Some(shape) = question.prepared.grant_shape.as_ref().filter(|_| question.session_offered) {
        let standing = if question.always_offered && !cut {
            "“Session” and “always”"
        } else {
            "“Session”"
        };
        let _ = write!(text, " {standing} would cover: {}.", inline_code(&make_visible(shape)));
    }
    if question.all_covers.len() > 1 {
        let _ = write!(text, " `yes all` covers {}.", question.all_covers.join(", "));
    }
    text
}

fn choices(approval: ApprovalId, question: &Question, cut: bool) -> Vec<Offered> {
    let offer = |choice: Choice, label: &str, keyword: &str, emoji: Option<&str>, style| Offered {
        id: choice.id(approval),
        label: label.to_owned(),
        keyword: keyword.to_owned(),
        emoji: emoji.map(str::to_owned),
        style,
    };
    let mut offered = vec![offer(Choice::Once, "Allow once", "yes", Some("✅"), ChoiceStyle::Positive)];
    if question.session_offered {
        offered.push(offer(
            Choice::Session,
            "For this session",
            "session",
            Some("🔁"),
            ChoiceStyle::Neutral,
        ));
    }
    if question.always_offered && !cut {
        offered.push(offer(Choice::Always, "Always", "always", Some("♾️"), ChoiceStyle::Neutral));
    }
    offered.push(offer(Choice::Deny, "Deny", "no", Some("❌"), ChoiceStyle::Negative));
    if cut {
        offered.push(offer(Choice::Show, "Show all", "show", None, ChoiceStyle::Neutral));
    }
    offered
}

/// One line an argument; texts of several lines are set off below their name.
fn arguments_block(arguments: &Arguments) -> String {
    let Arguments::Object(Value::Object(fields)) = arguments else {
        return String::from("(none)");
    };
    let mut block = String::new();
    for (name, value) in fields {
        match value {
            Value::String(text) if text.contains('\n') => {
                let _ = writeln!(block, "{} =", make_visible(name));
                for line in make_visible(text).split('\n') {
                    let _ = writeln!(block, "  │ {line}");
                }
            }
            other => {
                let _ = writeln!(block, "{} = {}", make_visible(name), make_visible(&other.to_string()));
            }
        }
    }
    if block.is_empty() {
        String::from("(none)")
    } else {
        block.trim_end().to_owned()
    }
}

/// Cuts in the middle and says how much.
fn shorten(text: &str, limit: usize) -> String {
    let length = text.chars().count();
    if length <= limit {
        return text.to_owned();
    }
    let head: String = text.chars().take(limit * 2 / 3).collect();
    let tail: String = text.chars().skip(length - limit / 3).collect();
    format!(
        "{head}\n[… {} characters not shown …]\n{tail}",
        length - limit * 2 / 3 - limit / 3
    )
}

/// A code block whose fence is longer than any run of backticks inside it.
fn fenced(language: &str, content: &str) -> String {
    let fence = "`".repeat(longest_backtick_run(content).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", content.trim_end_matches('\n'))
}

fn inline_code(content: &str) -> String {
    let fence = "`".repeat(longest_backtick_run(content) + 1);
    format!("{fence} {} {fence}", content.replace('\n', " "))
}

fn longest_backtick_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}

/// How a decision reads in the outcome of its prompt.
pub fn decision_sentence(choice: Choice, by: &str, at: jiff::Timestamp, reason: Option<&str>) -> String {
    let what = match choice {
        Choice::Once | Choice::Show => "allowed once",
        Choice::Session => "allowed for this session",
        Choice::Always => "allowed always",
        Choice::Deny => "denied",
    };
    let mut sentence = format!("{what} by {by}, {}", at.strftime("%Y-%m-%d %H:%M UTC"));
    if let Some(reason) = reason {
        let _ = write!(sentence, "\n\n{}", fenced("", &shorten(&make_visible(reason), 300)));
    }
    sentence
}

/// How an expiry reads in the outcome of its prompt.
pub fn expiry_sentence(after: std::time::Duration) -> String {
    format!("denied, since nobody decided within {}", strings::duration(after))
}

//! What the person is shown: the question before the decision, and its outcome after it.
//!
//! The preview is made by the machine from what would really run. Whatever comes from outside stands in code blocks whose fence
//! it cannot close, with hidden characters written out.

use super::visible::longest_backtick_run;
use super::{Choice, Question, make_visible, quoted};
use crate::domain::ApprovalId;
use crate::models::Arguments;
use crate::strings;
use crate::turn::AskReason;
use cortex_chat::{Choice as Offered, ChoiceStyle, Document, MessageKind, OutgoingMessage};
use serde_json::Value;
use std::fmt::Write as _;

/// The longest block of arguments or of changes, in UTF-16 units. With the other blocks and the words around them a question
/// stays below 4,096 units, the smallest platform's message (Telegram).
const BLOCK_UNITS: usize = 1_200;
/// The longest of the shorter blocks: what is affected, the model's words, a reason.
const LINE_UNITS: usize = 300;

/// Whether the whole question can be seen at once. Where it is cut, "always" is not offered.
pub fn is_cut(question: &Question) -> bool {
    let longer = |text: &str, limit: usize| units(&make_visible(text)) > limit;
    units(&arguments_block(&question.arguments)) > BLOCK_UNITS
        || longer(question.prepared.affects.as_str(), LINE_UNITS)
        || question
            .prepared
            .diff
            .as_ref()
            .is_some_and(|diff| longer(diff.as_str(), BLOCK_UNITS))
}

/// The question with its choices.
pub fn prompt(approval: ApprovalId, question: &Question) -> OutgoingMessage {
    let cut = is_cut(question);
    let mut text = body(question, Some(BLOCK_UNITS));
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
        let _ = write!(text, "\n\n{}", fenced("", &shorten(&affects, LINE_UNITS)));
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
        "**{}**: may I run `{}`? ({} risk)",
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
        let _ = write!(
            text,
            "\n\n{}",
            fenced("", &limit.map_or_else(|| affects.clone(), |_| shorten(&affects, LINE_UNITS)))
        );
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
            let words = shorten(&make_visible(words.as_str().trim()), LINE_UNITS);
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
        let _ = write!(text, " {standing} would cover: {}.", quoted(shape));
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

/// Cuts in the middle to at most about `limit` UTF-16 units, and says how much.
fn shorten(text: &str, limit: usize) -> String {
    if units(text) <= limit {
        return text.to_owned();
    }
    let head = prefix(text.chars(), limit * 2 / 3);
    let tail: String = prefix(text.chars().rev(), limit / 3).chars().rev().collect();
    let left_out = text.chars().count() - head.chars().count() - tail.chars().count();
    format!("{head}\n[… {left_out} characters not shown …]\n{tail}")
}

/// The first characters that fit so many UTF-16 units.
fn prefix(characters: impl Iterator<Item = char>, limit: usize) -> String {
    let mut left = limit;
    characters
        .take_while(|character| {
            let fits = character.len_utf16() <= left;
            left = left.saturating_sub(character.len_utf16());
            fits
        })
        .collect()
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// A code block whose fence is longer than any run of backticks inside it.
fn fenced(language: &str, content: &str) -> String {
    let fence = "`".repeat(longest_backtick_run(content).max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", content.trim_end_matches('\n'))
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
        let _ = write!(sentence, "\n\n{}", fenced("", &shorten(&make_visible(reason), LINE_UNITS)));
    }
    sentence
}

/// How an expiry reads in the outcome of its prompt.
pub fn expiry_sentence(after: std::time::Duration) -> String {
    format!("denied, since nobody decided within {}", strings::duration(after))
}

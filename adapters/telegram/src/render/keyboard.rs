//! Choices as buttons under a message.

use cortex_chat::{Choice, ChoiceStyle};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

/// Two longer labels do not fit beside each other on a phone.
const MAX_LABEL_BESIDE_ANOTHER: usize = 20;

/// The `reply_markup` of a message with these choices; without any, the one that takes the buttons away.
///
/// Going ahead and refusing come first and beside each other, then all others, in their order.
pub(crate) fn buttons(choices: &[Choice]) -> Value {
    let of_style = |style: ChoiceStyle| choices.iter().filter(move |choice| choice.style == style);
    let positive = of_style(ChoiceStyle::Positive);
    let mut negative = of_style(ChoiceStyle::Negative);
    let mut decisive = Vec::new();
    for choice in positive {
        decisive.push(choice);
        decisive.extend(negative.next());
    }
    decisive.extend(negative);
    let neutral: Vec<&Choice> = of_style(ChoiceStyle::Neutral).collect();
    let rows = rows(&decisive).chain(rows(&neutral));
    json!({ "inline_keyboard": rows.collect::<Vec<Value>>() })
}

fn rows(choices: &[&Choice]) -> impl Iterator<Item = Value> {
    let mut rows: Vec<Vec<&Choice>> = Vec::new();
    let is_short = |choice: &Choice| choice.label.width() <= MAX_LABEL_BESIDE_ANOTHER;
    for choice in choices {
        match rows.last_mut() {
            Some(row) if row.len() == 1 && is_short(row[0]) && is_short(choice) => row.push(choice),
            _ => rows.push(vec![choice]),
        }
    }
    rows.into_iter().map(|row| row.into_iter().map(button).collect())
}

fn button(choice: &Choice) -> Value {
    let mut button = json!({ "text": choice.label, "callback_data": choice.id });
    match choice.style {
        ChoiceStyle::Positive => button["style"] = json!("success"),
        ChoiceStyle::Negative => button["style"] = json!("danger"),
        ChoiceStyle::Neutral => {}
    }
    button
}

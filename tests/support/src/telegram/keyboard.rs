//! Keyboards under messages.

use serde_json::{Value, json};

const ACTIONS: [&str; 10] = [
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
];
const STYLES: [&str; 3] = ["danger", "success", "primary"];

/// The keyboard to keep of a `reply_markup`, none when it has no buttons; or what is wrong with it.
pub(super) fn read(markup: &Value) -> Result<Option<Value>, String> {
    if !markup.is_object() {
        return Err("object expected as reply markup".to_owned());
    }
    let Some(rows) = markup.get("inline_keyboard") else {
        // A keyboard in place of the person's own, which is theirs to show.
        return Ok(None);
    };
    let Some(rows) = rows.as_array() else {
        return Err("field \"inline_keyboard\" must be of type Array".to_owned());
    };
    let mut kept = Vec::new();
    for row in rows {
        let Some(buttons) = row.as_array() else {
            return Err("can't parse inline keyboard: expected an Array of InlineKeyboardButton".to_owned());
        };
        for button in buttons {
            check(button)?;
        }
        if !buttons.is_empty() {
            kept.push(row.clone());
        }
    }
    Ok((!kept.is_empty()).then(|| json!({"inline_keyboard": kept})))
}

fn check(button: &Value) -> Result<(), String> {
    let Some(fields) = button.as_object() else {
        return Err("can't parse inline keyboard button: expected an Object".to_owned());
    };
    if fields.values().any(Value::is_null) {
        return Err("can't parse inline keyboard button: a field is null".to_owned());
    }
    if button["text"].as_str().is_none_or(str::is_empty) {
        return Err("can't parse inline keyboard button: button text must be non-empty".to_owned());
    }
    match ACTIONS.iter().filter(|action| fields.contains_key(**action)).count() {
        0 => {
            return Err(
                "can't parse inline keyboard button: Text buttons are not allowed in the inline keyboard".to_owned(),
            );
        }
        1 => {}
        _ => return Err("can't parse inline keyboard button: exactly one action must be specified".to_owned()),
    }
    if let Some(data) = fields.get("callback_data") {
        // Bytes, not letters.
        let length = data.as_str().map_or(0, str::len);
        if !(1..=64).contains(&length) {
            return Err("BUTTON_DATA_INVALID".to_owned());
        }
    }
    if let Some(copied) = fields.get("copy_text") {
        let length = copied["text"].as_str().map_or(0, |text| text.chars().count());
        if !(1..=256).contains(&length) {
            return Err("BUTTON_COPY_TEXT_INVALID".to_owned());
        }
    }
    let style = fields.get("style").map(|style| style.as_str().unwrap_or_default());
    if style.is_some_and(|style| !STYLES.contains(&style)) {
        return Err("can't parse inline keyboard button: invalid button style specified".to_owned());
    }
    Ok(())
}

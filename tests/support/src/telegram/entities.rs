//! Formatting: which entities a client sees in what people type, and whether those that a bot sends are sound. Offsets and
//! lengths count UTF-16 units.

use super::methods::ApiError;
use super::params::Params;
use serde_json::{Value, json};
use std::cmp::Reverse;

const STYLES: [&str; 5] = ["bold", "italic", "underline", "strikethrough", "spoiler"];
const QUOTES: [&str; 2] = ["blockquote", "expandable_blockquote"];
const OTHERS: [&str; 13] = [
    "mention",
    "hashtag",
    "cashtag",
    "bot_command",
    "url",
    "email",
    "phone_number",
    "code",
    "pre",
    "text_link",
    "text_mention",
    "custom_emoji",
    "date_time",
];

/// The length as Telegram counts it.
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The entities that a client makes of typed text: commands, mentions, links.
pub(super) fn detect(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    if !text.contains(['@', '/']) {
        return found;
    }
    let mut before = None;
    let mut offset = 0;
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let is_start = before.is_none_or(|before: char| !before.is_alphanumeric() && before != '_' && before != '/');
        let token = if is_start { token(rest) } else { None };
        let length = token.map_or(letter.len_utf8(), |(_, length)| length);
        let (piece, left) = rest.split_at(length);
        if let Some((kind, _)) = token {
            found.push(json!({"offset": offset, "length": units(piece), "type": kind}));
        }
        offset += units(piece);
        before = piece.chars().next_back();
        rest = left;
    }
    found
}

/// The kind and the length in bytes of what begins here.
fn token(text: &str) -> Option<(&'static str, usize)> {
    let name_length = |text: &str| {
        let end = text.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        end.unwrap_or(text.len())
    };
    if let Some(name) = text.strip_prefix('@') {
        let length = name_length(name);
        return (3..=32).contains(&length).then_some(("mention", length + 1));
    }
    if let Some(name) = text.strip_prefix('/') {
        let length = name_length(name);
        if !(1..=64).contains(&length) {
            return None;
        }
        let to = name[length..].strip_prefix('@').map_or(0, name_length);
        let to = if to >= 3 { to + 1 } else { 0 };
        return Some(("bot_command", length + 1 + to));
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        let end = text.find(char::is_whitespace).unwrap_or(text.len());
        return Some(("url", end));
    }
    None
}

/// What is wrong with entities that a bot sends, if anything is.
pub(super) fn mistake(text: &str, entities: &[Value]) -> Option<String> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut spans = Vec::new();
    for entity in entities {
        let (Some(offset), Some(length)) = (entity["offset"].as_u64(), entity["length"].as_u64()) else {
            return Some(format!("offset and length must be non-negative integers in {entity}"));
        };
        let Some(kind) = entity["type"].as_str() else {
            return Some(format!("type is missing in {entity}"));
        };
        let known = STYLES.iter().chain(&QUOTES).chain(&OTHERS).any(|known| *known == kind);
        if !known {
            return Some(format!("unsupported entity type {kind}"));
        }
        let needs = match kind {
            "text_link" => Some("url"),
            "text_mention" => Some("user"),
            "custom_emoji" => Some("custom_emoji_id"),
            _ => None,
        };
        if let Some(name) = needs.filter(|name| entity.get(*name).is_none_or(|value| value == "")) {
            return Some(format!("{name} is missing in {entity}"));
        }
        let (start, end) = (offset as usize, (offset + length) as usize);
        if length == 0 {
            return Some(format!("{kind} at {start} is empty"));
        }
        if end > units.len() {
            return Some(format!(
                "{kind} from {start} to {end} is outside of the text of {} units",
                units.len()
            ));
        }
        let splits = |at: usize| units.get(at).is_some_and(|unit| (0xDC00..0xE000).contains(unit));
        if splits(start) || splits(end) {
            return Some(format!("{kind} from {start} to {end} splits a character"));
        }
        spans.push((start, end, kind));
    }
    nesting_mistake(spans)
}

fn nesting_mistake(mut spans: Vec<(usize, usize, &str)>) -> Option<String> {
    // Outer ones first.
    spans.sort_by_key(|(start, end, _)| (*start, usize::MAX - end));
    let mut open: Vec<(usize, usize, &str)> = Vec::new();
    for span in spans {
        open.retain(|outer| outer.1 > span.0);
        for outer in &open {
            let names = format!(
                "{} from {} to {} and {} from {} to {}",
                outer.2, outer.0, outer.1, span.2, span.0, span.1
            );
            if span.1 > outer.1 {
                return Some(format!("{names} overlap"));
            }
            let is_same = (outer.0, outer.1) == (span.0, span.1);
            let may_nest = may_contain(outer.2, span.2) || (is_same && may_contain(span.2, outer.2));
            if !may_nest {
                return Some(format!("{names} cannot be nested"));
            }
        }
        open.push(span);
    }
    None
}

fn may_contain(outer: &str, inner: &str) -> bool {
    let is_code = |kind| kind == "code" || kind == "pre";
    if QUOTES.contains(&outer) {
        return !QUOTES.contains(&inner);
    }
    if STYLES.contains(&outer) {
        return !is_code(inner);
    }
    STYLES.contains(&inner) && !is_code(outer)
}

/// A text with its entities, as the server keeps it.
pub(super) struct Formatted {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

/// What the server keeps of a text: without white space around it, with the links that it sees itself, and the first entities.
pub(super) fn clean(text: &str, mut entities: Vec<Value>) -> Formatted {
    const MOST_ENTITIES: usize = 100;
    let text = text.trim_end();
    let first = entities.iter().filter_map(|entity| entity["offset"].as_u64()).min();
    let trimmed = text.trim_start();
    let blank = units(&text[..text.len() - trimmed.len()]) as u64;
    // White space that is formatted stays.
    let is_formatted = first.is_some_and(|first| first < blank);
    let (text, blank) = if is_formatted { (text, 0) } else { (trimmed, blank) };
    let length = units(text) as u64;
    for entity in &mut entities {
        let offset = entity["offset"].as_u64().unwrap_or(0) - blank;
        entity["offset"] = json!(offset);
        let end = entity["length"].as_u64().unwrap_or(0) + offset;
        entity["length"] = json!(end.min(length).saturating_sub(offset));
    }
    entities.retain(|entity| entity["length"] != 0);
    let number = |entity: &Value, name: &str| entity[name].as_u64().unwrap_or(0);
    for seen in detect(text) {
        let start = number(&seen, "offset");
        let is_covered = entities.iter().any(|entity| {
            let kind = entity["type"].as_str().unwrap_or_default();
            let from = number(entity, "offset");
            !STYLES.contains(&kind) && !QUOTES.contains(&kind) && (from..from + number(entity, "length")).contains(&start)
        });
        if !is_covered {
            entities.push(seen);
        }
    }
    entities.sort_by_key(|entity| (number(entity, "offset"), Reverse(number(entity, "length"))));
    entities.truncate(MOST_ENTITIES);
    Formatted {
        text: text.to_owned(),
        entities,
    }
}

/// The entities of a call, as a list.
pub(super) fn list(params: &Params, name: &str) -> Result<Vec<Value>, ApiError> {
    match params.object(name)? {
        None => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(ApiError::bad("can't parse entities: expected an Array of MessageEntity")),
    }
}

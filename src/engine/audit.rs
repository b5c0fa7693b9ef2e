//! What the audit keeps of a call's arguments: enough to know what was done, no secret, and nothing of great length.

use serde_json::{Map, Value};

/// The longest text that is kept of one argument, in characters; the hash beside it stands for the whole.
const LONGEST_TEXT: usize = 200;
/// What stands in place of a secret.
const MASK: &str = "***";
/// Names of arguments that hold secrets.
const SECRET_NAMES: [&str; 7] = ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization"];
/// How widely used keys begin.
const SECRET_BEGINNINGS: [&str; 8] = ["sk-", "ghp_", "gho_", "github_pat_", "xoxb-", "xoxp-", "AKIA", "AIza"];

/// The arguments with secrets masked and long texts cut.
pub(super) fn masked(arguments: &Value) -> Value {
    match arguments {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| masked_field(name, value))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(masked).collect()),
        Value::String(text) => Value::String(masked_text(text)),
        other => other.clone(),
    }
}

fn masked_field(name: &str, value: &Value) -> (String, Value) {
    let lower = name.to_lowercase();
    let is_secret = SECRET_NAMES.iter().any(|secret| lower.contains(secret));
    let value = if is_secret {
        Value::String(MASK.to_owned())
    } else {
        masked(value)
    };
    (name.to_owned(), value)
}

fn masked_text(text: &str) -> String {
    let cut: String = text.chars().take(LONGEST_TEXT).collect();
    let ending = if cut.len() < text.len() { " …" } else { "" };
    let words = cut.split_inclusive(char::is_whitespace).map(|word| {
        let is_secret = SECRET_BEGINNINGS.iter().any(|beginning| word.contains(beginning));
        if is_secret { MASK } else { word }
    });
    words.chain([ending]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_and_long_texts_cut() {
        let arguments = json!({
            "path": "notes/a.md", "content": "x".repeat(300), "line": 3,
            "headers": {"Authorization": "Bearer abc", "Accept": "text/plain"}, "note": "the key is sk-1234abcd ok",
        });
        assert_eq!(
            masked(&arguments),
            json!({
                "path": "notes/a.md", "content": format!("{} …", "x".repeat(200)), "line": 3,
                "headers": {"Authorization": "***", "Accept": "text/plain"}, "note": "the key is ***ok",
            })
        );
    }
}

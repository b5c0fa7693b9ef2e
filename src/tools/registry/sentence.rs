//! What a schema checker found, as one short line that a model can act on. It never repeats a value, which may be anything.

use super::super::wording::one_line;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

/// More would not help the model to put things right.
const MOST_ERRORS: usize = 3;
const LONGEST_SENTENCE: usize = 400;
const LONGEST_NAME: usize = 60;
const LONGEST_REASON: usize = 160;

/// One line about the first few errors, each with the path of the wrong argument.
pub(super) fn of_errors<'a>(errors: impl Iterator<Item = ValidationError<'a>>, parameters: &Value) -> String {
    let mut errors = errors.peekable();
    let mut sentences: Vec<String> = errors
        .by_ref()
        .take(MOST_ERRORS)
        .map(|error| of_error(&error, parameters))
        .collect();
    if errors.peek().is_some() {
        sentences.push("and more".to_owned());
    }
    one_line(&sentences.join("; "), LONGEST_SENTENCE)
}

fn of_error(error: &ValidationError<'_>, parameters: &Value) -> String {
    let path: Vec<String> = error.instance_path().iter().map(|segment| segment.to_string()).collect();
    match error.kind() {
        ValidationErrorKind::Required { property } => {
            named(&path, Some(property.as_str().unwrap_or_default()), "is required")
        }
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let reason = if path.is_empty() {
                no_such_argument(parameters)
            } else {
                "is not expected here".to_owned()
            };
            named(&path, unexpected.first().map(String::as_str), &reason)
        }
        kind => named(&path, None, &one_line(&reason(kind, error), LONGEST_REASON)),
    }
}

fn named(path: &[String], last: Option<&str>, reason: &str) -> String {
    let parts: Vec<&str> = path.iter().map(String::as_str).chain(last).collect();
    if parts.is_empty() {
        reason.to_owned()
    } else {
        format!("{}: {reason}", one_line(&parts.join("."), LONGEST_NAME))
    }
}

fn no_such_argument(parameters: &Value) -> String {
    match parameters.get("properties").and_then(Value::as_object) {
        Some(known) if !known.is_empty() => {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            one_line(&format!("no such argument; there are {}", names.join(", ")), LONGEST_REASON)
        }
        _ => "no such argument; there are none".to_owned(),
    }
}

fn reason(kind: &ValidationErrorKind, error: &ValidationError<'_>) -> String {
    match kind {
        ValidationErrorKind::Type { kind } => format!("expected {}", wanted(kind)),
        ValidationErrorKind::Enum { options } => {
            let options: Vec<String> = options.as_array().into_iter().flatten().map(Value::to_string).collect();
            format!("expected one of {}", options.join(", "))
        }
        ValidationErrorKind::Minimum { limit } => format!("must be {limit} or more"),
        ValidationErrorKind::Maximum { limit } => format!("must be {limit} or less"),
        ValidationErrorKind::MinLength { limit: 1 } => "must not be empty".to_owned(),
        ValidationErrorKind::MinLength { limit } => format!("must have {limit} characters or more"),
        ValidationErrorKind::MaxLength { limit } => format!("must have {limit} characters or fewer"),
        ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. } => {
            "fits none of the forms that the schema allows".to_owned()
        }
        _ => error.masked_with("the value").to_string(),
    }
}

/// The types a person would name; `null`, where it is allowed beside others, only stands for "left out".
fn wanted(kind: &TypeKind) -> String {
    let types: Vec<JsonType> = match kind {
        TypeKind::Single(one) => vec![*one],
        TypeKind::Multiple(set) => set.iter().collect(),
    };
    let names: Vec<&str> = types
        .iter()
        .filter(|one| types.len() == 1 || **one != JsonType::Null)
        .map(|one| match one {
            JsonType::Array => "an array",
            JsonType::Boolean => "true or false",
            JsonType::Integer => "a whole number",
            JsonType::Null => "null",
            JsonType::Number => "a number",
            JsonType::Object => "an object",
            JsonType::String => "a string",
        })
        .collect();
    names.join(" or ")
}

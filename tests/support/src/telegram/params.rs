//! Parameters of a call, however they were sent.

use super::methods::ApiError;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// A file in a multipart body.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Query, form and JSON parameters alike; in the first two all values are strings.
#[derive(Clone, Debug, Default)]
pub(super) struct Params {
    pub(super) values: Map<String, Value>,
    pub(super) files: HashMap<String, Upload>,
    /// Names that were there with a JSON null.
    pub(super) nulls: Vec<String>,
}

impl Params {
    /// Takes a parameter in; the first one of a name stands.
    pub(super) fn insert(&mut self, name: String, value: Value) {
        if value.is_null() {
            self.nulls.push(name);
        } else {
            self.values.entry(name).or_insert(value);
        }
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name) || self.files.contains_key(name)
    }

    /// Whether those words are in a parameter.
    pub(super) fn contain(&self, words: &str) -> bool {
        let is_in = |value: &Value| match value {
            Value::String(text) => text.contains(words),
            other => other.to_string().contains(words),
        };
        self.values.values().any(is_in)
    }

    /// A string; numbers are taken as one.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        match self.values.get(name)? {
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    /// An integer, or digits in a string.
    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name)? {
            Value::Number(number) => number.as_i64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// True for what Telegram takes as true.
    pub(super) fn flag(&self, name: &str) -> bool {
        match self.values.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            Some(Value::String(text)) => ["true", "yes", "1"].contains(&text.to_ascii_lowercase().as_str()),
            _ => false,
        }
    }

    /// An object or list: as JSON, or as a string of JSON.
    pub(super) fn object(&self, name: &str) -> Result<Option<Value>, ApiError> {
        match self.values.get(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => match serde_json::from_str(text) {
                Ok(value) => Ok(Some(value)),
                Err(_) => Err(ApiError::bad(format!("can't parse {name} JSON object"))),
            },
            Some(value) => Ok(Some(value.clone())),
        }
    }
}

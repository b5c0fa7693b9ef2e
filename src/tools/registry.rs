//! The tools by name: their definitions, the check of arguments against them, and the hashes that approvals bind.
//!
//! It does not know who may use a tool.

mod sentence;

use super::wording::start_of;
use super::{Tool, ToolDefinition};
use jsonschema::{PatternOptions, Validator};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock};
use thiserror::Error;

/// The longest name of a tool.
const LONGEST_NAME: usize = 64;

/// A compiled pattern of a schema may grow to this; the schemas of foreign servers are not ours to trust.
const PATTERN_LIMIT_BYTES: usize = 1 << 20;

/// The tools that there are, in the order of their names.
#[derive(Clone, Default)]
pub struct Registry {
    entries: BTreeMap<String, Arc<Entry>>,
}

struct Entry {
    tool: Arc<dyn Tool>,
    validator: OnceLock<Option<Validator>>,
    hash: OnceLock<String>,
}

/// Why a tool was not taken in.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// The name is not `[a-z0-9_]`, or too long, or empty.
    #[error("a tool cannot be called {0:?}: names are 1 to {LONGEST_NAME} of a-z, 0-9 and _")]
    BadName(String),
    /// Another tool has the name.
    #[error("there is already a tool called {0}")]
    Taken(String),
}

/// Why arguments were not taken. The model reads the sentence.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArgumentsError {
    /// No tool has the name.
    #[error("there is no tool of that name")]
    UnknownTool,
    /// They do not fit the schema; each wrong one by its path.
    #[error("{0}")]
    Wrong(String),
    /// The schema itself cannot be used, so nothing can be checked and nothing may run.
    #[error("the tool's own schema is faulty, so it cannot be called")]
    BadSchema,
}

impl Registry {
    /// Takes a tool in under the name in its definition.
    pub fn add(&mut self, tool: Arc<dyn Tool>) -> Result<(), RegistryError> {
        let name = tool.definition().name.clone();
        if !is_tool_name(&name) {
            return Err(RegistryError::BadName(name));
        }
        if self.entries.contains_key(&name) {
            return Err(RegistryError::Taken(name));
        }
        self.entries.insert(
            name,
            Arc::new(Entry {
                tool,
                validator: OnceLock::new(),
                hash: OnceLock::new(),
            }),
        );
        Ok(())
    }

    /// What all the tools are, by name.
    pub fn definitions(&self) -> impl Iterator<Item = &ToolDefinition> {
        self.entries.values().map(|entry| entry.tool.definition())
    }

    /// What one tool is.
    pub fn definition(&self, name: &str) -> Option<&ToolDefinition> {
        self.entries.get(name).map(|entry| entry.tool.definition())
    }

    /// The tool of that name.
    pub fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.entries.get(name).map(|entry| Arc::clone(&entry.tool))
    }

    /// Whether the arguments fit the tool's schema; the error tells a model what to change.
    pub fn check_arguments(&self, name: &str, arguments: &Value) -> Result<(), ArgumentsError> {
        let entry = self.entries.get(name).ok_or(ArgumentsError::UnknownTool)?;
        let parameters = &entry.tool.definition().parameters;
        let validator = entry
            .validator
            .get_or_init(|| compile(parameters))
            .as_ref()
            .ok_or(ArgumentsError::BadSchema)?;
        if !arguments.is_object() {
            return Err(ArgumentsError::Wrong("the arguments must be a JSON object".to_owned()));
        }
        if validator.is_valid(arguments) {
            return Ok(());
        }
        Err(ArgumentsError::Wrong(sentence::of_errors(
            validator.iter_errors(arguments),
            parameters,
        )))
    }

    /// SHA-256 in hex over the tool's whole definition, the same in every run until the definition changes.
    pub fn definition_hash(&self, name: &str) -> Option<String> {
        let entry = self.entries.get(name)?;
        let hash = entry.hash.get_or_init(|| {
            let definition = serde_json::to_value(entry.tool.definition()).expect("a definition is plain data");
            canonical_hash(&definition)
        });
        Some(hash.clone())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.entries.keys()).finish()
    }
}

/// SHA-256 in hex over arguments; the order of their keys does not matter.
pub fn arguments_hash(arguments: &Value) -> String {
    canonical_hash(arguments)
}

/// A tool's output within a limit of bytes: cut between characters, with a mark in it that says how much is missing.
pub fn cut_output(text: &str, limit_bytes: usize) -> Cow<'_, str> {
    if text.len() <= limit_bytes {
        return Cow::Borrowed(text);
    }
    let mark = |shown: usize| format!("\n[cut: {} of {} bytes are not shown]", text.len() - shown, text.len());
    // Longest when nothing is shown: a kept start can only shorten the number in it.
    let room = limit_bytes.saturating_sub(mark(0).len());
    let kept = start_of(text, room);
    Cow::Owned(start_of(&format!("{kept}{}", mark(kept.len())), limit_bytes).to_owned())
}

fn is_tool_name(name: &str) -> bool {
    (1..=LONGEST_NAME).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn compile(parameters: &Value) -> Option<Validator> {
    let patterns = PatternOptions::regex()
        .size_limit(PATTERN_LIMIT_BYTES)
        .dfa_size_limit(PATTERN_LIMIT_BYTES);
    jsonschema::options().with_pattern_options(patterns).build(parameters).ok()
}

fn canonical_hash(value: &Value) -> String {
    let bytes = serde_json::to_vec(&sorted(value)).expect("a JSON value can be written");
    hex(&Sha256::digest(bytes))
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let by_key: BTreeMap<&String, &Value> = members.iter().collect();
            Value::Object(
                by_key
                    .into_iter()
                    .map(|(key, member)| (key.clone(), sorted(member)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        plain => plain.clone(),
    }
}

/// Bytes as lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a string takes all text");
    }
    text
}

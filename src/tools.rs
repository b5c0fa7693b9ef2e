//! The tools: what a model may call. A tool prepares (looks, resolves, previews; changes nothing) and runs.
//!
//! Nothing here decides who may run a tool or whether a person must be asked; that is the gate's.
//!
//! To add a tool: a file here that is named after it, with a serde struct of its arguments (every field described, unknown
//! ones denied), a definition made by `schema::parameters`, a `prepare` that only looks and a `run` that refuses what has
//! changed since; then a line in [`built_in`], and tests in `tests/behaviour/tools/`.

mod file_list;
mod file_read;
mod file_search;
mod file_write;
mod files;
mod registry;
mod schema;
mod time_now;
mod wording;

pub use files::{FolderSettings, Folders, FoldersError};
pub use registry::{ArgumentsError, Registry, RegistryError, arguments_hash, cut_output};
pub use time_now::Clock;
pub(crate) use wording::size;

use crate::domain::{Confirm, Risk, Role, UserName};
use async_trait::async_trait;
use cortex_chat::Text;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// Something a model may call.
#[async_trait]
pub trait Tool: Send + Sync {
    /// What it is.
    fn definition(&self) -> &ToolDefinition;

    /// Looks at what the call would do and changes nothing. The arguments fit the schema.
    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError>;

    /// Does it. `prepared` is what was shown to the person, where one was asked; a tool that changes a thing refuses when
    /// the thing is no longer in that state.
    async fn run(&self, arguments: &Value, prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError>;
}

/// What a tool is: for the model, for the policy, for the gate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// Its name, `[a-z0-9_]`, at most 64 characters.
    pub name: String,
    /// What it does, for the model and the person.
    pub description: String,
    /// JSON schema of its arguments, an object.
    pub parameters: Value,
    /// How much harm it can do.
    pub risk: Risk,
    /// Whether it waits for a person.
    pub confirm: Confirm,
    /// The least role that may use it.
    pub role: Role,
    /// What a repeated run means.
    pub effect: Effect,
    /// Whether it carries data out of the machine.
    pub outbound: bool,
    /// Whether its results come from strangers and taint what they touch.
    pub untrusted_results: bool,
    /// The longest run.
    pub time_limit: Duration,
    /// The longest result given to the model.
    pub output_limit_bytes: usize,
}

/// What a repeated run of a tool means; decides what happens to a run that a crash cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Changes nothing; may run beside others and again.
    ReadOnly,
    /// Twice is the same as once.
    Idempotent,
    /// Must not be repeated unasked.
    Changes,
}

/// On whose behalf a tool runs, and until when.
#[derive(Clone, Debug)]
pub struct ToolContext {
    /// The asker.
    pub user: UserName,
    /// IANA name of the asker's time zone, where it is known.
    pub time_zone: Option<String>,
    /// Ends the run promptly.
    pub cancel: CancellationToken,
}

/// What a call would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prepared {
    /// The resolved thing that it touches, such as a root's name and the path below it; approvals bind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// A hash of the target's present state, for tools that change a thing; approvals bind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
    /// The shape that a standing grant would cover, in words; `None` where no standing grant can be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_shape: Option<String>,
    /// One line on what it affects, such as "creates notes/plan.md (12 lines)".
    pub affects: Text,
    /// What changes, as a unified diff, where that is the best picture of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Text>,
}

/// What a run gave.
#[derive(Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// For the model; the caller cuts it at the limit.
    pub text: String,
    /// One line for the progress display, such as "read notes/a.md (2 KB)"; without contents.
    pub summary: String,
}

impl fmt::Debug for ToolOutput {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<output of {} bytes>", self.text.len())
    }
}

/// Why a call did not do what it should. The model reads the sentence.
#[derive(Debug, Error)]
pub enum ToolError {
    /// The arguments ask for something that cannot be.
    #[error("{0}")]
    Refused(String),
    /// The target is no longer what was shown to the person.
    #[error("{0}")]
    Changed(String),
    /// It was tried and went wrong.
    #[error("{0}")]
    Failed(String),
}

/// The tools that come with the daemon. Those for files are there when there is a folder, the writing one when one is writable.
pub fn built_in(folders: &Arc<Folders>, clock: Clock) -> Registry {
    let mut tools: Vec<Arc<dyn Tool>> = vec![Arc::new(time_now::TimeNow::new(clock))];
    if !folders.is_empty() {
        tools.push(Arc::new(file_list::FileList::new(Arc::clone(folders))));
        tools.push(Arc::new(file_read::FileRead::new(Arc::clone(folders))));
        tools.push(Arc::new(file_search::FileSearch::new(Arc::clone(folders))));
    }
    if folders.any_writable() {
        tools.push(Arc::new(file_write::FileWrite::new(Arc::clone(folders))));
    }
    let mut registry = Registry::default();
    for tool in tools {
        registry.add(tool).expect("built-in names are sound and differ");
    }
    registry
}

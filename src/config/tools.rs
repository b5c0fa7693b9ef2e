//! `[tools]`: what the tools may touch and use up.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A tool that needs longer is better asked again with less to do.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// About 8,000 tokens: more would push the conversation out of a small model's sight.
const OUTPUT_LIMIT_BYTES: u32 = 32 * 1024;

/// What the tools may touch and use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolsSettings {
    /// The longest run of a tool.
    pub time_limit: Duration,
    /// The longest result given to a model.
    pub output_limit_bytes: u32,
    /// Tools that ask more often than they would by themselves.
    pub confirm: BTreeMap<String, ConfirmOverride>,
    /// What the file tools may touch.
    pub files: FilesSettings,
}

impl Default for ToolsSettings {
    fn default() -> Self {
        Self {
            time_limit: TIME_LIMIT,
            output_limit_bytes: OUTPUT_LIMIT_BYTES,
            confirm: BTreeMap::new(),
            files: FilesSettings::default(),
        }
    }
}

/// How often a tool asks. It can only tighten: the stricter of this and the tool's own word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmOverride {
    /// Unless the user was allowed it.
    Default,
    /// Every time.
    Always,
}

/// What the file tools may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesSettings {
    /// The folders by the name that the model uses, `[a-z0-9_-]`.
    pub folders: BTreeMap<String, FolderSettings>,
}

/// A folder that the file tools may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSettings {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Whether files in it may be changed.
    pub writable: bool,
    /// Files and folders inside `path` that no tool may see: the config, secrets and the daemon's state. Absolute.
    pub excluded: Vec<PathBuf>,
}

//! The settings: one struct per concern, read from TOML and checked completely before a socket opens.
//!
//! [`load`] reports everything that is wrong with a file at once, each with its line and what would be right. Who uses a
//! setting, and how, is not known here. A new key is one field, one constant and one line in its concern's `read`, and a
//! line in `config.example.toml`; tests hold the example to the code.

mod access;
mod connectors;
mod engine;
mod gate;
mod log;
mod models;
mod profiles;
mod shutdown;
mod store;
mod tools;
mod users;

pub use access::{AccessMode, AccessSettings};
pub use connectors::{ConnectorKind, ConnectorSettings};
pub use engine::EngineSettings;
pub use gate::{GateSettings, KeywordSettings};
pub use log::{LogFormat, LogSettings};
pub use models::{ModelHost, ModelKind, ModelSettings, OpenAiSettings, Prices};
pub use profiles::{CHAT_PROFILE, ProfileSettings};
pub use shutdown::ShutdownSettings;
pub use store::StoreSettings;
pub use tools::{ConfirmOverride, FilesSettings, FolderSettings, ToolsSettings};
pub use users::{Identity, UserSettings};

use crate::domain::UserName;
use cortex_chat::ConnectorName;
use std::collections::BTreeMap;

/// Everything that can be set, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the daemon keeps its state.
    pub store: StoreSettings,
    /// Who is served.
    pub access: AccessSettings,
    /// The people it knows.
    pub users: BTreeMap<UserName, UserSettings>,
    /// The models it can call; at least one.
    pub models: BTreeMap<String, ModelSettings>,
    /// The set-ups of a model for a purpose; [`CHAT_PROFILE`] is always among them.
    pub profiles: BTreeMap<String, ProfileSettings>,
    /// How turns run.
    pub engine: EngineSettings,
    /// How a person is asked.
    pub gate: GateSettings,
    /// What the tools may touch and use up.
    pub tools: ToolsSettings,
    /// The accounts it listens on.
    pub connectors: BTreeMap<ConnectorName, ConnectorSettings>,
    /// How it stops.
    pub shutdown: ShutdownSettings,
    /// What the process writes to its log.
    pub log: LogSettings,
}

//! The settings: one struct per concern, read from TOML and checked completely before a socket opens.
//!
//! [`load`] reports everything that is wrong with a file at once, each with its line and what would be right. Who uses a
//! setting, and how, is not known here. A new key is one field, one constant and one line in its concern's `read`, and a
//! line in `config.example.toml`; tests hold the example to the code.

mod access;
mod connectors;
mod embedded;
mod engine;
mod environment;
mod files;
mod gate;
mod log;
mod models;
mod problem;
mod profiles;
mod reader;
mod secret;
mod shutdown;
mod store;
mod tools;
mod users;
mod values;
mod words;

pub use access::{AccessMode, AccessSettings};
#[cfg(feature = "telegram")]
pub use connectors::TelegramSettings;
pub use connectors::{ConnectorKind, ConnectorSettings};
pub use embedded::{Embedded, EmbeddedDefaults};
pub use engine::EngineSettings;
pub use environment::{Environment, NoFolders, Paths, ProcessEnvironment, paths, store_in};
pub use gate::GateSettings;
pub use log::{LogFormat, LogSettings};
pub use models::{ModelHost, ModelKind, ModelSettings, OpenAiSettings, Prices};
pub use problem::{ConfigErrors, Position, Problem};
pub use profiles::{CHAT_PROFILE, ProfileSettings};
pub use shutdown::ShutdownSettings;
pub use store::StoreSettings;
pub use tools::{ConfirmOverride, FilesSettings, FolderSettings, ToolsSettings};
pub use users::{Identity, UserSettings};

use crate::domain::UserName;
use cortex_chat::ConnectorName;
use reader::{Report, Section};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use toml::de::DeTable;

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

/// Settings, and what the operator should know about them.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is allowed but hardly meant.
    pub warnings: Vec<Problem>,
}

/// Reads and checks a config file. `known_tools` are the names of the tools of this build.
pub fn load(path: &Path, environment: &dyn Environment, known_tools: &[&str]) -> Result<Loaded, ConfigErrors> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    let readable_by_all = std::fs::metadata(path).is_ok_and(|metadata| secret::is_readable_by_all(&metadata));
    check(&text, path, environment, known_tools, readable_by_all)
}

/// Checks the text of a config file. `origin` is the file's path: it stands in messages, and relative paths in the config
/// begin at its folder.
pub fn parse(
    text: &str,
    origin: &Path,
    environment: &dyn Environment,
    known_tools: &[&str],
) -> Result<Loaded, ConfigErrors> {
    check(text, origin, environment, known_tools, false)
}

/// Every key that a config can have, sections included, with `NAME` where the operator chooses the name.
pub fn keys() -> BTreeSet<String> {
    const ONE_OF_EACH_NAMED_SECTION: &str = "\
        connectors.a.kind = \"console\"\n\
        models.a.kind = \"openai\"\n\
        profiles.a = {}\n\
        users.a = {}\n\
        tools.files.folders.a = {}\n";
    let no_environment = |_: &str| None;
    let report = Report::new(ONE_OF_EACH_NAMED_SECTION, Path::new(""), &no_environment, &[]);
    if let Ok(document) = DeTable::parse(ONE_OF_EACH_NAMED_SECTION) {
        Settings::read(report.root(document.get_ref()));
    }
    report.keys()
}

fn check(
    text: &str,
    origin: &Path,
    environment: &dyn Environment,
    known_tools: &[&str],
    readable_by_all: bool,
) -> Result<Loaded, ConfigErrors> {
    let (document, syntax_errors) = DeTable::parse_recoverable(text);
    let report = Report::new(text, origin, environment, known_tools);
    if !syntax_errors.is_empty() {
        for error in syntax_errors {
            report.complain(
                &error.span().unwrap_or(0..0),
                "",
                format!("is no valid TOML: {}", error.message()),
                None,
            );
        }
        return Err(report.into_errors());
    }
    let settings = Settings::read(report.root(document.get_ref()));
    if readable_by_all && *report.holds_secret.borrow() {
        report.warn_about_file("holds a secret and can be read by every user of this machine", "chmod 600 it");
    }
    report.into_result(settings)
}

fn unreadable(path: &Path, error: &std::io::Error) -> ConfigErrors {
    let help = if error.kind() == std::io::ErrorKind::NotFound {
        "write one (config.example.toml shows every key) or name another"
    } else {
        "it must be a text file that the daemon's user may read"
    };
    let what = format!("cannot be read ({error})");
    let problem = Problem {
        file: path.to_owned(),
        position: None,
        key: String::new(),
        what,
        help: Some(help.to_owned()),
    };
    ConfigErrors { problems: vec![problem] }
}

impl Settings {
    /// Reads all sections; `None` where one of them is missing or wrong without a default, which has been complained about.
    fn read(mut root: Section<'_>) -> Option<Self> {
        let store = StoreSettings::read(root.section("store"));
        let connector_sections = root.named_sections("connectors");
        let connector_names: Vec<&str> = connector_sections.iter().map(|(name, _)| *name).collect();
        let model_sections = root.named_sections("models");
        let model_names: Vec<&str> = model_sections.iter().map(|(name, _)| *name).collect();
        if model_names.is_empty() {
            let help = "add [models.NAME] with `kind`, `base_url` and `model`, or with kind = \"demo\" for a first look";
            root.complain_about("models", "names no model", help);
        }

        // Secrets are read before the folders of the file tools, which must not show the files that secrets are in.
        let models = models::read_all(model_sections);
        let connectors = connectors::read_all(connector_sections);
        let access = AccessSettings::read(root.section("access"));
        let users = users::read_all(root.named_sections("users"), &connector_names);
        let profiles = profiles::read_all(root.named_sections("profiles"), &model_names);
        let engine = EngineSettings::read(root.section("engine"));
        let gate = GateSettings::read(root.section("gate"));
        let tools = ToolsSettings::read(root.section("tools"), store.as_ref().map(|store| store.path.as_path()));
        let shutdown = ShutdownSettings::read(root.section("shutdown"));
        let log = LogSettings::read(root.section("log"));

        if connector_names.is_empty() {
            root.warn_about(
                "connectors",
                "names no connector",
                "nobody can reach the bot; add [connectors.NAME]",
            );
        } else if access.mode == AccessMode::Known && users.values().all(|user| user.identities.is_empty()) {
            root.warn_about(
                "users",
                "names nobody with an identity",
                "nobody will be answered before they are let in with `cortex users pair`; or add one to [users.NAME]",
            );
        }
        root.finish();
        Some(Self {
            store: store?,
            access,
            users,
            models,
            profiles,
            engine,
            gate,
            tools,
            connectors,
            shutdown,
            log,
        })
    }
}

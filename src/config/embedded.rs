//! The settings for starting without a config: one person at the terminal, the demo model, one folder.

use super::store::FILE_NAME;
use super::{
    AccessSettings, CHAT_PROFILE, ConnectorKind, ConnectorSettings, EngineSettings, FilesSettings, FolderSettings,
    GateSettings, Identity, LogSettings, ModelKind, ModelSettings, ProfileSettings, Settings, ShutdownSettings,
    StoreSettings, ToolsSettings, UserSettings, files,
};
use crate::domain::{Role, UserName};
use cortex_chat::{ConnectorName, SenderId};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The connector, and what the identity of its one person begins with.
const CONNECTOR: &str = "console";
/// The console's id of whoever sits there.
const LOCAL_SENDER: &str = "local";
/// The model that needs no network and no key.
const MODEL: &str = "demo";
/// The name of the folder, where it is the one that the person is in.
const WORKING_FOLDER: &str = "here";
/// The folder in the home folder, where the one that the person is in would give too much away.
const OWN_FOLDER: (&str, &str) = ("cortex", "Cortex");
/// The user's name, where the system knows none.
const NAMELESS_USER: &str = "owner";

/// What the settings without a config depend on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddedDefaults {
    /// The folder of the store, as [`super::paths`] names it.
    pub data_dir: PathBuf,
    /// The folder that the daemon was started in.
    pub working_dir: PathBuf,
    /// The person's home folder.
    pub home_dir: PathBuf,
    /// The person's name on this machine.
    pub login_name: String,
}

/// Settings without a config, and what to tell the person about them.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The settings. The folder of the file tools need not exist yet.
    pub settings: Settings,
    /// A sentence on where the file tools work and why there.
    pub folder_note: String,
}

impl Settings {
    /// The settings for starting without a config.
    pub fn embedded(defaults: &EmbeddedDefaults) -> Embedded {
        let (folder_name, folder, folder_note) = choose_folder(defaults);
        let connector = ConnectorName::from(CONNECTOR);
        let identity = Identity {
            connector: connector.clone(),
            sender: SenderId::from(LOCAL_SENDER),
        };
        let user = UserSettings {
            role: Role::Admin,
            identities: BTreeSet::from([identity]),
            for_this_run: true,
            ..UserSettings::default()
        };
        let login_name = if defaults.login_name.is_empty() {
            NAMELESS_USER
        } else {
            &defaults.login_name
        };
        let settings = Self {
            store: StoreSettings {
                path: defaults.data_dir.join(FILE_NAME),
                max_size_mib: None,
            },
            access: AccessSettings::default(),
            users: BTreeMap::from([(UserName(login_name.to_owned()), user)]),
            models: BTreeMap::from([(MODEL.to_owned(), ModelSettings::new(ModelKind::Demo, MODEL))]),
            profiles: BTreeMap::from([(CHAT_PROFILE.to_owned(), ProfileSettings::new(MODEL))]),
            engine: EngineSettings::default(),
            gate: GateSettings::default(),
            tools: ToolsSettings {
                files: FilesSettings {
                    folders: BTreeMap::from([(folder_name.to_owned(), folder)]),
                },
                ..ToolsSettings::default()
            },
            connectors: BTreeMap::from([(
                connector,
                ConnectorSettings {
                    kind: ConnectorKind::Console,
                },
            )]),
            shutdown: ShutdownSettings::default(),
            log: LogSettings::default(),
        };
        Embedded { settings, folder_note }
    }
}

/// The folder of the file tools: its name, where it is, and a sentence on the choice.
fn choose_folder(defaults: &EmbeddedDefaults) -> (&'static str, FolderSettings, String) {
    let working_dir = files::resolved(&defaults.working_dir);
    let (name, path, note) = match reason_against(&working_dir, defaults) {
        None => {
            let note = format!("The file tools work in the folder you are in, {}.", working_dir.display());
            (WORKING_FOLDER, working_dir, note)
        }
        Some(reason) => {
            let own = defaults.home_dir.join(OWN_FOLDER.1);
            let note = format!(
                "The file tools work in {}, not in {}, which {reason}.",
                own.display(),
                working_dir.display()
            );
            (OWN_FOLDER.0, own, note)
        }
    };
    (
        name,
        FolderSettings {
            path,
            writable: true,
            excluded: Vec::new(),
        },
        note,
    )
}

fn reason_against(working_dir: &Path, defaults: &EmbeddedDefaults) -> Option<&'static str> {
    let home_dir = files::resolved(&defaults.home_dir);
    let data_dir = files::resolved(&defaults.data_dir);
    if working_dir.parent().is_none() {
        Some("is the whole file system")
    } else if working_dir == home_dir {
        Some("is your home folder")
    } else if home_dir.starts_with(working_dir) {
        Some("contains your home folder")
    } else if working_dir == data_dir {
        Some("is the daemon's data folder")
    } else if data_dir.starts_with(working_dir) {
        Some("contains the daemon's data folder")
    } else if working_dir.starts_with(&data_dir) {
        Some("is in the daemon's data folder")
    } else {
        None
    }
}

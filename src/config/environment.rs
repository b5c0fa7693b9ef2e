//! What the settings take from outside the file: environment variables, and through them the usual folders.

use std::path::{Path, PathBuf};
use thiserror::Error;

/// The folder of the daemon below the folders for configs and for data.
const FOLDER_NAME: &str = "cortex";
/// The config in its folder.
const CONFIG_FILE_NAME: &str = "config.toml";

/// Looks up environment variables; a value of its own, so that tests never touch the process's.
pub trait Environment {
    /// The variable, where it is set and is text.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Where the daemon's files are when nobody says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// The config; it need not exist.
    pub config_file: PathBuf,
    /// The folder of the store and other state; it need not exist.
    pub data_dir: PathBuf,
}

/// The environment names no folder to keep files in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no folder for the daemon's files is known; set HOME, or XDG_CONFIG_HOME and XDG_DATA_HOME, to absolute paths")]
pub struct NoFolders;

/// The usual folders: those that systemd gives a service, else the user's by the XDG rules.
pub fn paths(environment: &dyn Environment) -> Result<Paths, NoFolders> {
    let config_dir = service_folder(environment, "CONFIGURATION_DIRECTORY")
        .or_else(|| user_folder(environment, "XDG_CONFIG_HOME", ".config"))
        .ok_or(NoFolders)?;
    Ok(Paths {
        config_file: config_dir.join(CONFIG_FILE_NAME),
        data_dir: data_dir(environment).ok_or(NoFolders)?,
    })
}

/// The store in the data folder, where no config names another.
pub fn store_in(data_dir: &Path) -> PathBuf {
    data_dir.join(super::store::FILE_NAME)
}

/// The folder of the store and other state.
pub(super) fn data_dir(environment: &dyn Environment) -> Option<PathBuf> {
    service_folder(environment, "STATE_DIRECTORY").or_else(|| user_folder(environment, "XDG_DATA_HOME", ".local/share"))
}

/// The user's home folder.
pub(super) fn home_dir(environment: &dyn Environment) -> Option<PathBuf> {
    absolute(&environment.var("HOME")?)
}

/// systemd gives several folders with colons between them; the first is the daemon's.
fn service_folder(environment: &dyn Environment, variable: &str) -> Option<PathBuf> {
    absolute(environment.var(variable)?.split(':').next()?)
}

fn user_folder(environment: &dyn Environment, variable: &str, below_home: &str) -> Option<PathBuf> {
    let named = environment.var(variable).and_then(|path| absolute(&path));
    let base = named.or_else(|| Some(home_dir(environment)?.join(below_home)))?;
    Some(base.join(FOLDER_NAME))
}

/// The XDG rules say that a relative path counts as not set.
fn absolute(path: &str) -> Option<PathBuf> {
    Some(PathBuf::from(path)).filter(|path| path.is_absolute())
}

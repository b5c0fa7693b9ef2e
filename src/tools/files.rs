//! The folders that file tools may touch: opened once, reached only through their handles.
//!
//! What a path may look like is `asked`'s, what must never be reached is `excluded`'s, how a path becomes an open handle is
//! `visit`'s, what the system is asked is `system`'s. Nothing here knows of models, approvals or what is done with a file.

mod asked;
mod excluded;
mod system;
mod visit;

pub(super) use asked::AskedPath;
pub(super) use system::in_words;
pub(super) use visit::{EntryKind, Folder, OpenFile, Place, Spot, Visit};

use super::ToolError;
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use excluded::{Excluded, Identity};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

/// The longest name of a folder in the settings.
const LONGEST_NAME: usize = 32;

/// One folder that the file tools may touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FolderSettings {
    /// What models and people call it: `[a-z0-9_-]`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Whether files in it may be changed.
    #[serde(default)]
    pub writable: bool,
}

/// The folders of the settings, open.
#[derive(Debug)]
pub struct Folders {
    roots: Vec<Arc<Root>>,
    excluded: Excluded,
    /// Held from the last look at a file to its replacement, so that two of our own writes cannot cross.
    pub(super) replacing: Mutex<()>,
}

/// One folder of the settings, open.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) writable: bool,
    dir: Dir,
    /// Its path with links resolved; compared with the excluded places, never opened again.
    place: PathBuf,
    mount: u64,
}

/// Why the folders of the settings cannot be used. For the operator: it names paths of the host.
#[derive(Debug, Error)]
pub enum FoldersError {
    /// The name would not read well in a path.
    #[error("a folder cannot be called {0:?}: names are 1 to {LONGEST_NAME} of a-z, 0-9, _ and -")]
    BadName(String),
    /// Two folders share a name.
    #[error("there are two folders called {0}")]
    NameTwice(String),
    /// It is not there, no folder, or may not be opened.
    #[error("the folder {name} at {path} cannot be opened")]
    Open {
        /// Its name.
        name: String,
        /// Where it should be.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It lies inside a place that tools must never reach.
    #[error("the folder {name} at {path} lies in a place that is kept from the tools: the config, the state or the store")]
    Excluded {
        /// Its name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// It is no real folder but a view of the kernel, such as `/proc`.
    #[error("the folder {name} at {path} belongs to the kernel and holds no ordinary files")]
    Kernel {
        /// Its name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
}

impl Folders {
    /// Opens the folders; `excluded` are files and folders that no tool may reach even where they lie inside one. This is
    /// the one place where a path of the host is opened.
    pub fn open(folders: &[FolderSettings], excluded: &[PathBuf]) -> Result<Self, FoldersError> {
        let excluded = Excluded::new(excluded);
        let mut names = BTreeSet::new();
        let mut roots = Vec::new();
        for settings in folders {
            if !is_folder_name(&settings.name) {
                return Err(FoldersError::BadName(settings.name.clone()));
            }
            if !names.insert(&settings.name) {
                return Err(FoldersError::NameTwice(settings.name.clone()));
            }
            roots.push(Arc::new(open_root(settings, &excluded)?));
        }
        Ok(Self {
            roots,
            excluded,
            replacing: Mutex::new(()),
        })
    }

    /// The names of the folders, for the operator's overview.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.roots.iter().map(|root| root.name.as_str())
    }

    /// Whether there is no folder at all.
    pub fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// Whether files can be changed in any of them.
    pub fn any_writable(&self) -> bool {
        self.roots.iter().any(|root| root.writable)
    }

    pub(super) fn roots(&self) -> &[Arc<Root>] {
        &self.roots
    }
}

/// Runs blocking work that only looks. Returns promptly when cancelled or dropped; the work notices soon after.
pub(super) async fn look<T: Send + 'static>(
    cancel: &CancellationToken,
    work: impl FnOnce(CancellationToken) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    tokio::select! {
        biased;
        () = cancel.cancelled() => Err(stopped()),
        result = change(cancel, work) => result,
    }
}

/// Runs blocking work that changes something. Waits for it even when cancelled, so that the answer tells what happened.
pub(super) async fn change<T: Send + 'static>(
    cancel: &CancellationToken,
    work: impl FnOnce(CancellationToken) -> Result<T, ToolError> + Send + 'static,
) -> Result<T, ToolError> {
    let token = cancel.child_token();
    let _stops_when_dropped = token.clone().drop_guard();
    match tokio::task::spawn_blocking(move || work(token)).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a file tool broke down");
            Err(ToolError::Failed(
                "the tool broke down; this is a fault of the daemon".to_owned(),
            ))
        }
    }
}

/// The error of a run that was told to stop.
pub(super) fn stopped() -> ToolError {
    ToolError::Failed("the run was stopped".to_owned())
}

fn is_folder_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn open_root(settings: &FolderSettings, excluded: &Excluded) -> Result<Root, FoldersError> {
    let FolderSettings { name, path, writable } = settings.clone();
    let open = |path: &Path| {
        let place = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&place, ambient_authority())?;
        let identity = Identity::of(&dir.dir_metadata()?);
        Ok((place, system::mount_of(&dir), system::is_kernel_view(&dir)?, identity, dir))
    };
    let (place, mount, kernel, identity, dir) = open(&path).map_err(|source| FoldersError::Open {
        name: name.clone(),
        path: path.clone(),
        source,
    })?;
    if kernel {
        return Err(FoldersError::Kernel { name, path });
    }
    let excluded = excluded.as_they_are_now();
    if excluded.covers_path(&place) || excluded.is_one(identity) {
        return Err(FoldersError::Excluded { name, path });
    }
    Ok(Root {
        name,
        writable,
        dir,
        place,
        mount,
    })
}

/// Refuses where a path leads elsewhere than it did when it was shown to a person.
pub(super) fn same_target(asked: &AskedPath, expected: Option<&str>, target: &str) -> Result<(), ToolError> {
    match expected {
        Some(expected) if expected != target => {
            Err(ToolError::Changed(format!("{asked}: it no longer leads to {expected}")))
        }
        _ => Ok(()),
    }
}

//! The places that no tool may reach: the config, the state, the store. Known by path, and by what the file system says they
//! are, so that another name for the same thing does not help.

use cap_std::fs::{Metadata, MetadataExt};
use std::cell::OnceCell;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// How much of the excluded folders is looked through for other names of their contents; past it, everything that would need
/// the look is refused.
const MOST_SCANNED: usize = 100_000;

/// What `SQLite` puts beside a database file.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// What the file system knows a file or folder by, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::tools) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    fn of_std(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// The excluded places as the settings name them.
#[derive(Clone, Debug)]
pub(super) struct Excluded {
    paths: Vec<PathBuf>,
}

/// The excluded places as they are at this moment: they may be made, moved or replaced while the daemon runs.
#[derive(Debug)]
pub(super) struct ExcludedNow {
    places: Vec<Place>,
    inside: OnceCell<Option<HashSet<Identity>>>,
}

#[derive(Debug)]
struct Place {
    path: PathBuf,
    identity: Option<Identity>,
}

impl Excluded {
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let mut all = Vec::new();
        for path in paths {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            for ending in SIDE_FILES {
                let mut beside = OsString::from(&path);
                beside.push(ending);
                all.push(PathBuf::from(beside));
            }
            all.push(path);
        }
        Self { paths: all }
    }

    /// Looks the places up afresh. Asks for metadata only; opens nothing.
    pub(super) fn as_they_are_now(&self) -> ExcludedNow {
        let places = self.paths.iter().map(|path| Place {
            identity: fs::metadata(path).ok().map(|metadata| Identity::of_std(&metadata)),
            path: resolved(path),
        });
        ExcludedNow {
            places: places.collect(),
            inside: OnceCell::new(),
        }
    }
}

impl ExcludedNow {
    /// Whether a resolved path of the host is an excluded place or lies inside one.
    pub(super) fn covers_path(&self, path: &Path) -> bool {
        self.places.iter().any(|place| {
            // A place that is not there yet has no identity to know it by, and the file system may not tell cases apart.
            path.starts_with(&place.path) || (place.identity.is_none() && starts_with_in_any_case(path, &place.path))
        })
    }

    /// Whether something is an excluded place itself, under whatever name.
    pub(super) fn is_one(&self, identity: Identity) -> bool {
        self.places.iter().any(|place| place.identity == Some(identity))
    }

    /// Whether something lies inside an excluded folder. Looks the folders through, so ask only where another name for their
    /// contents is possible: with several hard links, or on another mount.
    pub(super) fn holds(&self, identity: Identity) -> bool {
        let inside = self.inside.get_or_init(|| {
            let mut found = HashSet::new();
            let complete = self.places.iter().all(|place| gather(&place.path, &mut found));
            complete.then_some(found)
        });
        inside.as_ref().is_none_or(|found| found.contains(&identity))
    }
}

/// Adds what lies inside a folder; false if it is too much or cannot be read.
fn gather(folder: &Path, found: &mut HashSet<Identity>) -> bool {
    let mut waiting = vec![folder.to_owned()];
    while let Some(folder) = waiting.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(_) => return false,
        };
        for entry in entries {
            let Ok(entry) = entry else { return false };
            // Removed since it was listed: then it is not inside any more.
            let Ok(metadata) = entry.metadata() else { continue };
            found.insert(Identity::of_std(&metadata));
            if found.len() > MOST_SCANNED {
                return false;
            }
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    true
}

/// The path with links resolved as far as it exists.
fn resolved(path: &Path) -> PathBuf {
    let mut rest = Vec::new();
    let mut start = path;
    loop {
        if let Ok(real) = start.canonicalize() {
            return rest.iter().rev().fold(real, |path, part| path.join(part));
        }
        match (start.parent(), start.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name);
                start = parent;
            }
            _ => return path.to_owned(),
        }
    }
}

fn starts_with_in_any_case(path: &Path, place: &Path) -> bool {
    let lower = |path: &Path| PathBuf::from(path.to_string_lossy().to_lowercase());
    lower(path).starts_with(lower(place))
}

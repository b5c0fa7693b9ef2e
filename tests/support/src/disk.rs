//! What a disk holds after a power loss: only what was synced, or some of the rest as well, in any order.
//!
//! The program runs as it is delivered. A small library that is loaded before it (`record.c`, built here with the C compiler) puts
//! each write, truncation, rename and sync below one folder on record, and the folder is rebuilt from that record. It is strict:
//! a name is there only if its folder was synced after it was given, even where most file systems would be kinder.
//!
//! `SQLite`'s index of its log (`-shm`) is memory that is made anew at each start, and never survives.

mod replay;

use replay::{Files, Replay};
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use tempfile::TempDir;

const LIBRARY: &str = include_str!("disk/record.c");

/// What is left of the changes that were not synced when the power failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// None of them.
    Nothing,
    /// Some, down to single sectors, as they follow from the seed.
    Some(u64),
    /// All: it was only the process that died.
    Everything,
    /// None, and nothing of what was synced either: a disk that lies.
    NothingAtAll,
}

/// A folder on a disk whose power can fail.
pub(crate) struct Disk {
    root: PathBuf,
    record: PathBuf,
    /// What the folder held when the record began.
    before: Mutex<Files>,
}

impl Disk {
    /// Begins with what the folder holds now.
    pub(crate) fn new(root: &Path, record: &Path) -> Self {
        Self {
            root: root.to_owned(),
            record: record.to_owned(),
            before: Mutex::new(Files::read(root)),
        }
    }

    /// What a program must be started with.
    pub(crate) fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("LD_PRELOAD", library().to_owned()),
            ("CORTEX_DISK_ROOT", self.root.clone()),
            ("CORTEX_DISK_RECORD", self.record.clone()),
        ]
    }

    /// What the folder would hold after a power loss.
    fn after(&self, kept: Kept) -> Files {
        let record = fs::read(&self.record).unwrap_or_default();
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replay = Replay::new(&self.root, &before);
        replay.ignores_syncs = kept == Kept::NothingAtAll;
        replay.run(&record);
        replay.files(kept)
    }

    /// Puts the folder into the state after a power loss. No process may be using it.
    pub(crate) fn lose_power(&self, kept: Kept) {
        let after = self.after(kept);
        after.write(&self.root);
        let _ = fs::remove_file(&self.record);
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = after;
    }

    /// Panics where the record does not tell of all that is in the folder.
    #[track_caller]
    pub(crate) fn check(&self) {
        let (told, found) = (self.after(Kept::Everything), Files::read(&self.root));
        assert_eq!(told.sizes(), found.sizes(), "not all is on record");
        assert!(told == found, "not all is on record");
    }
}

impl Files {
    /// Reads a folder with all that is in it.
    fn read(root: &Path) -> Self {
        let mut files = Self::default();
        let mut open = vec![root.to_owned()];
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(&folder) else { continue };
            files.put(&folder, None);
            for entry in entries {
                let path = entry.expect("the folder can be read").path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.put(&path, Some(fs::read(&path).expect("the file can be read")));
                }
            }
        }
        files
    }

    /// Makes the folder so.
    fn write(&self, root: &Path) {
        match fs::remove_dir_all(root) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("the folder cannot be removed: {error}"),
            _ => {}
        }
        for (path, content) in self.in_order() {
            match content {
                None => fs::DirBuilder::new().mode(0o700).create(path).expect("a folder can be made"),
                Some(bytes) => {
                    fs::write(path, bytes).expect("a file can be written");
                    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
                }
            }
        }
    }
}

/// The library, built once for each test program.
fn library() -> &'static Path {
    static BUILT: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, library) = BUILT.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (source, library) = (folder.path().join("record.c"), folder.path().join("record.so"));
        fs::write(&source, LIBRARY).expect("the folder can be written");
        let built = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()))
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .expect("there is a C compiler");
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "the library cannot be built:\n{errors}");
        (folder, library)
    });
    library
}

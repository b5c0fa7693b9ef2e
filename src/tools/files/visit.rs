//! From a path that was asked for to an open handle, one call at a time.
//!
//! cap-std resolves links and keeps them inside the root; the resolved path is then walked part by part without following
//! anything, and each handle is compared with the excluded places. So a link or folder that is swapped in between changes
//! what is refused, never what is reached.

use super::super::ToolError;
use super::asked::AskedPath;
use super::excluded::{ExcludedNow, Identity};
use super::{Folders, Root, stopped};
use cap_std::fs::{Dir, Metadata, MetadataExt};
use jiff::Timestamp;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// How much is read between two looks at the cancellation.
const CHUNK_BYTES: u64 = 256 * 1_024;

/// One call's way through the folders.
pub(in crate::tools) struct Visit {
    excluded: ExcludedNow,
    cancel: CancellationToken,
}

/// An open folder.
#[derive(Debug)]
pub(in crate::tools) struct Folder {
    root: Arc<Root>,
    pub(in crate::tools) dir: Dir,
    parts: Vec<String>,
}

/// Where a file is or would be.
#[derive(Debug)]
pub(in crate::tools) struct Spot {
    /// The deepest folder on the way that exists.
    pub(in crate::tools) folder: Folder,
    /// The folders below it that do not.
    pub(in crate::tools) missing: Vec<String>,
    /// The file's own name.
    pub(in crate::tools) name: String,
}

/// An open, regular file.
#[derive(Debug)]
pub(in crate::tools) struct OpenFile {
    file: File,
    pub(in crate::tools) size_bytes: u64,
    /// Its permission bits.
    pub(in crate::tools) mode: u32,
}

/// One thing in a folder, not opened.
#[derive(Debug)]
pub(in crate::tools) struct Entry {
    pub(in crate::tools) name: String,
    pub(in crate::tools) kind: EntryKind,
    pub(in crate::tools) size_bytes: u64,
    pub(in crate::tools) modified: Option<Timestamp>,
}

/// What an entry is; links are never followed to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::tools) enum EntryKind {
    Folder,
    File,
    Link,
    Other,
}

impl Visit {
    pub(in crate::tools) fn new(folders: &Folders, cancel: CancellationToken) -> Self {
        Self {
            excluded: folders.excluded.as_they_are_now(),
            cancel,
        }
    }

    /// Fails once the call was told to stop; for loops.
    pub(in crate::tools) fn go_on(&self) -> Result<(), ToolError> {
        if self.cancel.is_cancelled() { Err(stopped()) } else { Ok(()) }
    }

    /// Opens the folder at a path.
    pub(in crate::tools) fn folder(&self, asked: &AskedPath) -> Result<Folder, ToolError> {
        let (real, missing) = self.resolve(asked)?;
        // Walked first, so that a kept place does not tell what it holds.
        let folder = self.walk(asked, &real)?;
        if missing.is_empty() {
            Ok(folder)
        } else {
            Err(asked.refuse("there is no such file or folder"))
        }
    }

    /// Finds where the file at a path is or would be; links on the way and at its end are resolved.
    pub(in crate::tools) fn spot(&self, asked: &AskedPath) -> Result<Spot, ToolError> {
        let (mut real, mut missing) = self.resolve(asked)?;
        let Some(name) = missing.pop().or_else(|| real.pop()) else {
            return Err(asked.refuse("is a folder, not a file"));
        };
        let folder = self.walk(asked, &real)?;
        let spot = Spot { folder, missing, name };
        if self.excluded.covers_path(&spot.place()) {
            return Err(asked.refuse(KEPT));
        }
        Ok(spot)
    }

    /// Opens a regular file; `None` where there is none.
    pub(in crate::tools) fn open(&self, asked: &AskedPath, spot: &Spot) -> Result<Option<OpenFile>, ToolError> {
        if spot.missing.is_empty() {
            self.open_in(asked, &spot.folder, &spot.name)
        } else {
            Ok(None)
        }
    }

    /// Opens a regular file of a folder by its name; `None` where there is none.
    pub(in crate::tools) fn open_in(
        &self,
        asked: &AskedPath,
        folder: &Folder,
        name: &str,
    ) -> Result<Option<OpenFile>, ToolError> {
        // Looked at before it is opened, because opening alone can do things to a device.
        let before = match folder.dir.symlink_metadata(name) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(asked.refuse(in_words(&error))),
        };
        if before.is_dir() {
            return Err(asked.refuse("is a folder, not a file"));
        }
        if before.is_symlink() {
            return Err(asked.refuse(MOVED));
        }
        if !before.is_file() {
            return Err(asked.refuse("is not an ordinary file"));
        }
        if self.excluded.is_one(Identity::of(&before)) {
            return Err(asked.refuse(KEPT));
        }
        // Should a pipe take its place now, this does not wait for a writer.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&folder.dir, name, flags, Mode::empty());
        let file = File::from(opened.map_err(|errno| asked.refuse(in_words(&errno.into())))?);
        let metadata = Metadata::from_file(&file).map_err(|error| asked.refuse(in_words(&error)))?;
        if Identity::of(&metadata) != Identity::of(&before) || !metadata.is_file() {
            return Err(asked.refuse(MOVED));
        }
        let other_names = metadata.nlink() > 1 || mount_of(&file) != folder.root.mount;
        if other_names && self.excluded.holds(Identity::of(&metadata)) {
            return Err(asked.refuse(KEPT));
        }
        Ok(Some(OpenFile {
            file,
            size_bytes: metadata.len(),
            mode: metadata.mode() & 0o777,
        }))
    }

    /// Reads a whole file, at most so many bytes; `None` where it is longer.
    pub(in crate::tools) fn read(
        &self,
        asked: &AskedPath,
        file: OpenFile,
        most_bytes: u64,
    ) -> Result<Option<Vec<u8>>, ToolError> {
        if file.size_bytes > most_bytes {
            return Ok(None);
        }
        let mut bytes = Vec::with_capacity(file.size_bytes as usize);
        let mut rest = file.file;
        loop {
            self.go_on()?;
            let mut chunk = (&mut rest).take(CHUNK_BYTES);
            let read = chunk
                .read_to_end(&mut bytes)
                .map_err(|error| asked.refuse(in_words(&error)))?;
            if bytes.len() as u64 > most_bytes {
                return Ok(None);
            }
            if read == 0 {
                return Ok(Some(bytes));
            }
        }
    }

    /// Opens a folder in a folder, never through a link.
    pub(in crate::tools) fn sub_folder(&self, asked: &AskedPath, folder: &Folder, name: &str) -> Result<Folder, ToolError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let opened = rustix::fs::openat(&folder.dir, name, flags, Mode::empty());
        let file = File::from(opened.map_err(|errno| asked.refuse(in_words(&errno.into())))?);
        let metadata = Metadata::from_file(&file).map_err(|error| asked.refuse(in_words(&error)))?;
        let dir = Dir::from_std_file(file);
        let parts = folder.parts.iter().cloned().chain([name.to_owned()]).collect();
        let below = Folder {
            root: Arc::clone(&folder.root),
            dir,
            parts,
        };
        if is_kernel_view(&below.dir).map_err(|error| asked.refuse(in_words(&error)))? {
            return Err(asked.refuse("belongs to the kernel and holds no ordinary files"));
        }
        let identity = Identity::of(&metadata);
        let elsewhere = mount_of(&below.dir) != below.root.mount;
        if self.excluded.covers_path(&below.place())
            || self.excluded.is_one(identity)
            || (elsewhere && self.excluded.holds(identity))
        {
            return Err(asked.refuse(KEPT));
        }
        Ok(below)
    }

    /// What a folder holds, sorted by name, without the excluded places; true if there is more than was looked at.
    pub(in crate::tools) fn entries(
        &self,
        asked: &AskedPath,
        folder: &Folder,
        most: usize,
    ) -> Result<(Vec<Entry>, bool), ToolError> {
        let mut entries = Vec::new();
        let mut more = false;
        for entry in folder.dir.entries().map_err(|error| asked.refuse(in_words(&error)))? {
            self.go_on()?;
            if entries.len() == most {
                more = true;
                break;
            }
            // What vanished since it was listed is not there any more.
            let Ok((entry, metadata)) = entry.and_then(|entry| entry.metadata().map(|metadata| (entry, metadata))) else {
                continue;
            };
            let name = entry.file_name();
            if self.excluded.is_one(Identity::of(&metadata)) || self.excluded.covers_path(&folder.place().join(&name)) {
                continue;
            }
            let kind = match metadata.file_type() {
                kind if kind.is_dir() => EntryKind::Folder,
                kind if kind.is_file() => EntryKind::File,
                kind if kind.is_symlink() => EntryKind::Link,
                _ => EntryKind::Other,
            };
            let modified = metadata
                .modified()
                .ok()
                .and_then(|time| Timestamp::try_from(time.into_std()).ok());
            let name = name.to_string_lossy().into_owned();
            entries.push(Entry {
                name,
                kind,
                size_bytes: metadata.len(),
                modified,
            });
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok((entries, more))
    }

    /// The parts below the root with links resolved, as far as they exist, and the ones that do not.
    fn resolve(&self, asked: &AskedPath) -> Result<(Vec<String>, Vec<String>), ToolError> {
        let dir = &asked.root.dir;
        for kept in (1..=asked.parts.len()).rev() {
            self.go_on()?;
            let start: PathBuf = asked.parts[..kept].iter().collect();
            // Asked first because a canonical path alone is no proof that the thing exists.
            match dir.metadata(&start).and_then(|_| dir.canonicalize(&start)) {
                Ok(real) => return Ok((as_parts(asked, &real)?, asked.parts[kept..].to_vec())),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if dir.symlink_metadata(&start).is_ok_and(|metadata| metadata.is_symlink()) {
                        return Err(asked.refuse("a link in it leads nowhere"));
                    }
                }
                Err(error) => return Err(asked.refuse(in_words(&error))),
            }
        }
        Ok((Vec::new(), asked.parts.clone()))
    }

    fn walk(&self, asked: &AskedPath, parts: &[String]) -> Result<Folder, ToolError> {
        let dir = asked.root.dir.try_clone().map_err(|error| asked.refuse(in_words(&error)))?;
        let mut folder = Folder {
            root: Arc::clone(&asked.root),
            dir,
            parts: Vec::new(),
        };
        for part in parts {
            folder = self.sub_folder(asked, &folder, part)?;
        }
        Ok(folder)
    }
}

impl Folder {
    /// How models and people write it.
    pub(in crate::tools) fn shown(&self) -> String {
        let parts: Vec<&str> = std::iter::once(self.root.name.as_str())
            .chain(self.parts.iter().map(String::as_str))
            .collect();
        parts.join("/")
    }

    /// Whether there is something of that name; links are not followed.
    pub(in crate::tools) fn holds(&self, name: &str) -> bool {
        self.dir.symlink_metadata(name).is_ok()
    }

    /// Whether there is a folder of that name; links are not followed.
    pub(in crate::tools) fn holds_folder(&self, name: &str) -> bool {
        self.dir.symlink_metadata(name).is_ok_and(|metadata| metadata.is_dir())
    }

    /// Whether files in it may be changed.
    pub(in crate::tools) fn writable(&self) -> bool {
        self.root.writable
    }

    fn place(&self) -> PathBuf {
        self.root.place.join(self.parts.iter().collect::<PathBuf>())
    }
}

impl Spot {
    /// How models and people write the file.
    pub(in crate::tools) fn shown(&self) -> String {
        let below: Vec<&str> = self.missing.iter().chain([&self.name]).map(String::as_str).collect();
        format!("{}/{}", self.folder.shown(), below.join("/"))
    }

    fn place(&self) -> PathBuf {
        self.folder
            .place()
            .join(self.missing.iter().collect::<PathBuf>())
            .join(&self.name)
    }
}

const KEPT: &str = "is kept from the tools";
const MOVED: &str = "changed while it was looked at; try again";

/// The mount that something lies on; the same number for all where the system does not tell.
pub(super) fn mount_of(handle: impl std::os::fd::AsFd) -> u64 {
    use rustix::fs::{AtFlags, StatxFlags, statx};
    statx(handle, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID).map_or(0, |answer| answer.stx_mnt_id)
}

/// Whether a folder shows the kernel's own state, where reading and writing is not what it seems.
pub(super) fn is_kernel_view(dir: &Dir) -> io::Result<bool> {
    const PROC: u32 = 0x9fa0;
    const SYS: u32 = 0x6265_6572;
    const CONFIG: u32 = 0x6265_6570;
    const DEBUG: u32 = 0x6462_6720;
    const TRACE: u32 = 0x7472_6163;
    const SECURITY: u32 = 0x7363_6673;
    const CGROUP: u32 = 0x0027_e0eb;
    const CGROUP_2: u32 = 0x6367_7270;
    const BPF: u32 = 0xcafe_4a11;
    let views = [PROC, SYS, CONFIG, DEBUG, TRACE, SECURITY, CGROUP, CGROUP_2, BPF];
    Ok(views.contains(&(rustix::fs::fstatfs(dir)?.f_type as u32)))
}

/// What the system says, for the model: no paths of the host, no numbers.
pub(in crate::tools) fn in_words(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOENT) => "there is no such file or folder",
        Some(Errno::NOTDIR) => "a part of it is a file, not a folder",
        Some(Errno::XDEV) => OUTSIDE,
        Some(Errno::LOOP) => "it leads through too many links",
        Some(Errno::NAMETOOLONG) => "a name in it is too long",
        Some(Errno::ACCESS | Errno::PERM) => "the daemon may not open it",
        Some(Errno::ROFS) => "it lies on a disk that cannot be written to",
        Some(Errno::NOSPC | Errno::DQUOT) => "the disk is full",
        Some(Errno::ISDIR) => "is a folder, not a file",
        // cap-std's own refusals carry no number of the system.
        None if error.kind() == io::ErrorKind::PermissionDenied => OUTSIDE,
        _ => "it cannot be used: the system reports an error",
    }
}

const OUTSIDE: &str = "a link in it leads outside of the folder";

fn as_parts(asked: &AskedPath, real: &std::path::Path) -> Result<Vec<String>, ToolError> {
    real.components()
        .filter(|part| *part != std::path::Component::CurDir)
        .map(|part| {
            let name = part.as_os_str().to_str().map(str::to_owned);
            name.ok_or_else(|| asked.refuse("a name that it leads to is not valid UTF-8"))
        })
        .collect()
}

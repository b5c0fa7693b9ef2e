//! From a path that was asked for to an open handle, one call at a time.
//!
//! A path is walked part by part from the root's handle, and the system is never asked to follow anything: a link is read and
//! its parts are walked in turn, `..` goes back to a handle in hand. Each handle is compared with the excluded places. So a
//! link, folder or pipe that is swapped in between changes what is refused, never what is reached, and nothing waits for a
//! pipe's other end (which cap-std's own resolution can do when one is swapped in at the wrong moment).

use super::super::ToolError;
use super::asked::AskedPath;
use super::excluded::{ExcludedNow, Identity};
use super::system::{self, NOT_THERE, OUTSIDE, in_words, is_kernel_view, mount_of};
use super::{Folders, Root, stopped};
use cap_std::fs::{Dir, MetadataExt};
use jiff::Timestamp;
use rustix::io::Errno;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// How much is read between two looks at the cancellation.
const CHUNK_BYTES: u64 = 256 * 1_024;
/// As many as the system itself would follow.
const MOST_LINKS: u32 = 40;

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

/// What a path leads to.
#[derive(Debug)]
pub(in crate::tools) enum Place {
    Folder(Folder),
    Spot(Spot),
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
        let Reached { folder, below, there } = self.reach(asked)?;
        match below.last() {
            None => Ok(folder),
            Some(name) if self.excluded.covers_path(&folder.place().join(name)) => Err(asked.refuse(KEPT)),
            Some(_) if there => Err(asked.refuse("is a file, not a folder")),
            Some(_) => Err(asked.refuse(NOT_THERE)),
        }
    }

    /// Finds where the file at a path is or would be; links on the way and at its end are resolved.
    pub(in crate::tools) fn spot(&self, asked: &AskedPath) -> Result<Spot, ToolError> {
        match self.place(asked)? {
            Place::Spot(spot) => Ok(spot),
            Place::Folder(_) => Err(asked.refuse("is a folder, not a file")),
        }
    }

    /// Opens the folder at a path, or finds where the file at it is or would be.
    pub(in crate::tools) fn place(&self, asked: &AskedPath) -> Result<Place, ToolError> {
        let Reached {
            folder,
            below: mut missing,
            ..
        } = self.reach(asked)?;
        let Some(name) = missing.pop() else {
            return Ok(Place::Folder(folder));
        };
        let spot = Spot { folder, missing, name };
        if self.excluded.covers_path(&spot.place()) {
            return Err(asked.refuse(KEPT));
        }
        Ok(Place::Spot(spot))
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
        let Some((_, before)) = system::peek(&folder.dir, name).map_err(|error| asked.refuse(in_words(&error)))? else {
            return Ok(None);
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
        let opened = system::open_file(&folder.dir, name);
        let (file, metadata) = opened.map_err(|error| asked.refuse(in_words(&error)))?;
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
        if self.excluded.covers_path(&folder.place().join(name)) {
            return Err(asked.refuse(KEPT));
        }
        let opened = system::open_folder(&folder.dir, name);
        let (file, metadata) = opened.map_err(|error| asked.refuse(in_words(&error)))?;
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
        if self.excluded.is_one(identity) || (elsewhere && self.excluded.holds(identity)) {
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

    /// Walks a path as far as it exists.
    fn reach(&self, asked: &AskedPath) -> Result<Reached, ToolError> {
        let dir = asked.root.dir.try_clone().map_err(|error| asked.refuse(in_words(&error)))?;
        let mut folder = Folder {
            root: Arc::clone(&asked.root),
            dir,
            parts: Vec::new(),
        };
        let mut above = Vec::new();
        let mut waiting: VecDeque<String> = asked.parts.iter().cloned().collect();
        // So many of the waiting parts came out of links.
        let mut from_links = 0_usize;
        let mut links = 0;
        while let Some(part) = waiting.pop_front() {
            self.go_on()?;
            let from_link = from_links > 0;
            from_links = from_links.saturating_sub(1);
            if part == ".." {
                folder = above.pop().ok_or_else(|| asked.refuse(OUTSIDE))?;
                continue;
            }
            let found = system::peek(&folder.dir, &part).map_err(|error| asked.refuse(in_words(&error)))?;
            match found {
                None if from_link => return Err(asked.refuse("a link in it leads nowhere")),
                None => {
                    let below = std::iter::once(part).chain(waiting).collect();
                    return Ok(Reached {
                        folder,
                        below,
                        there: false,
                    });
                }
                Some((link, metadata)) if metadata.is_symlink() => {
                    links += 1;
                    if links > MOST_LINKS {
                        return Err(asked.refuse(in_words(&Errno::LOOP.into())));
                    }
                    let parts = system::parts_of_link(&link).map_err(|why| asked.refuse(why))?;
                    from_links += parts.len();
                    parts.into_iter().rev().for_each(|part| waiting.push_front(part));
                }
                Some((_, metadata)) if metadata.is_dir() => {
                    let below = self.sub_folder(asked, &folder, &part)?;
                    above.push(std::mem::replace(&mut folder, below));
                }
                Some(_) if waiting.is_empty() => {
                    return Ok(Reached {
                        folder,
                        below: vec![part],
                        there: true,
                    });
                }
                Some(_) => return Err(asked.refuse(in_words(&Errno::NOTDIR.into()))),
            }
        }
        Ok(Reached {
            folder,
            below: Vec::new(),
            there: true,
        })
    }
}

/// How far a path leads.
struct Reached {
    /// The last folder on the way that exists.
    folder: Folder,
    /// What comes after it: nothing, a thing that is no folder, or names that do not exist.
    below: Vec<String>,
    /// Whether the path leads to something that exists.
    there: bool,
}

impl Folder {
    /// How models and people write it.
    pub(in crate::tools) fn shown(&self) -> String {
        let parts: Vec<&str> = std::iter::once(self.root.name.as_str())
            .chain(self.parts.iter().map(String::as_str))
            .collect();
        parts.join("/")
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

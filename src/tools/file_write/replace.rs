//! The replacement of a file: all of it or nothing, and only if the file is still what it was.

use super::super::ToolError;
use super::super::files::{AskedPath, Folder, Folders, Spot, Visit, in_words};
use super::{Plan, changed, read_present, state_of};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt, Permissions, PermissionsExt};
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::io::{self, Write};
use std::sync::PoisonError;
use uuid::Uuid;

/// How much is written between two looks at the cancellation.
const CHUNK_BYTES: usize = 256 * 1_024;

/// Makes the folders on the way, writes beside the file, and puts the new one in its place.
pub(super) fn replace(folders: &Folders, visit: &Visit, asked: &AskedPath, plan: Plan) -> Result<(), ToolError> {
    let failed = |error: io::Error| ToolError::Failed(format!("{asked}: {}; nothing was written", in_words(&error)));
    let Plan { spot, old, new, state } = plan;
    let mut folder = spot.folder;
    for name in &spot.missing {
        folder = make_folder(visit, asked, &folder, name)?;
    }
    let spot = Spot {
        folder,
        missing: Vec::new(),
        name: spot.name,
    };
    let dir = &spot.folder.dir;

    let beside = Beside::write(visit, dir, &new, old.as_ref().map(|(_, mode)| *mode))?.map_err(failed)?;
    let _one_at_a_time = folders.replacing.lock().unwrap_or_else(PoisonError::into_inner);
    visit.go_on()?;
    let present = match read_present(visit, asked, &spot) {
        Err(ToolError::Refused(_)) => return Err(changed(asked)),
        present => present?.map(|(bytes, _)| bytes),
    };
    if state_of(present.as_deref()) != state {
        return Err(changed(asked));
    }
    let moved = if present.is_some() {
        beside.put_over(&spot.name)
    } else {
        beside.put_if_absent(&spot.name)
    };
    moved.map_err(|error| {
        if error.kind() == io::ErrorKind::AlreadyExists {
            changed(asked)
        } else {
            failed(error)
        }
    })?;
    sync(dir).map_err(|error| {
        ToolError::Failed(format!(
            "{asked}: it was written, but may be lost if the machine stops now: {}",
            in_words(&error)
        ))
    })
}

fn make_folder(visit: &Visit, asked: &AskedPath, folder: &Folder, name: &str) -> Result<Folder, ToolError> {
    match folder.dir.create_dir(name) {
        Ok(()) => sync(&folder.dir).map_err(|error| asked.refuse(in_words(&error)))?,
        // Made by someone else since: then it is walked like any other.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => {
            return Err(ToolError::Failed(format!(
                "{asked}: {}; nothing was written",
                in_words(&error)
            )));
        }
    }
    visit.sub_folder(asked, folder, name)
}

fn sync(dir: &Dir) -> io::Result<()> {
    // The handle in hand may be one for passing through only, which cannot be synced.
    let open = rustix::fs::openat(dir, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    match rustix::fs::fsync(open) {
        // Some file systems keep nothing back for a folder, and say so like this.
        Err(Errno::INVAL) => Ok(()),
        synced => Ok(synced?),
    }
}

/// The new text in a file of its own in the same folder; gone again unless it is put in place.
struct Beside<'a> {
    dir: &'a Dir,
    name: String,
}

impl<'a> Beside<'a> {
    fn write(visit: &Visit, dir: &'a Dir, bytes: &[u8], mode: Option<u32>) -> Result<io::Result<Self>, ToolError> {
        let name = format!(".{}.cortex-tmp", Uuid::now_v7().simple());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        if mode.is_some() {
            // The old permissions come before the first reader could; until then it is ours alone.
            options.mode(0o600);
        }
        let mut file = match dir.open_with(&name, &options) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let beside = Self { dir, name };
        for chunk in bytes.chunks(CHUNK_BYTES) {
            visit.go_on()?;
            if let Err(error) = file.write_all(chunk) {
                return Ok(Err(error));
            }
        }
        let permitted = mode.map_or(Ok(()), |mode| file.set_permissions(Permissions::from_mode(mode)));
        Ok(permitted.and_then(|()| file.sync_all()).map(|()| beside))
    }

    /// Takes the place of a file that exists.
    fn put_over(self, name: &str) -> io::Result<()> {
        self.dir.rename(&self.name, self.dir, name)
    }

    /// Takes a place that is free; fails if it is not, even if it was filled a moment ago.
    fn put_if_absent(self, name: &str) -> io::Result<()> {
        match rustix::fs::renameat_with(self.dir, &self.name, self.dir, name, RenameFlags::NOREPLACE) {
            // Some file systems cannot do it; a second name never replaces anything either.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                Ok(rustix::fs::linkat(self.dir, &self.name, self.dir, name, AtFlags::empty())?)
            }
            moved => Ok(moved?),
        }
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        // Gone already where it was renamed. A left-over harms nobody, and there is nobody to tell.
        let _ = self.dir.remove_file(&self.name);
    }
}

//! What the system is asked about single names and handles, and its answers in words. Nothing here follows a link.

use cap_std::fs::{Dir, Metadata};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io;

pub(super) const OUTSIDE: &str = "a link in it leads outside of the folder";
pub(super) const NOT_THERE: &str = "there is no such file or folder";

/// Looks at a thing without opening it in any way that it could notice; `None` where there is none.
pub(super) fn peek(dir: &Dir, name: &str) -> io::Result<Option<(File, Metadata)>> {
    match open(dir, name, OFlags::PATH) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        seen => seen.map(Some),
    }
}

/// Where a link leads, part by part; only links that start from their own folder can stay below a root.
pub(super) fn parts_of_link(link: &File) -> Result<Vec<String>, &'static str> {
    let target = rustix::fs::readlinkat(link, "", Vec::new()).map_err(|errno| in_words(&errno.into()))?;
    let target = target.to_str().map_err(|_| "a name that it leads to is not valid UTF-8")?;
    if target.starts_with('/') {
        return Err(OUTSIDE);
    }
    Ok(target
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .map(str::to_owned)
        .collect())
}

/// Opens a file for reading by its name in a folder. Should it be a pipe by now, this does not wait for its other end.
pub(super) fn open_file(dir: &Dir, name: &str) -> io::Result<(File, Metadata)> {
    open(dir, name, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)
}

/// Opens a folder by its name in a folder.
pub(super) fn open_folder(dir: &Dir, name: &str) -> io::Result<(File, Metadata)> {
    open(dir, name, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK)
}

fn open(dir: &Dir, name: &str, flags: OFlags) -> io::Result<(File, Metadata)> {
    let handle = rustix::fs::openat(dir, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let handle = File::from(handle);
    let metadata = Metadata::from_file(&handle)?;
    Ok((handle, metadata))
}

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
        Some(Errno::NOENT) => NOT_THERE,
        Some(Errno::NOTDIR) => "a part of it is a file, not a folder",
        Some(Errno::LOOP) => "it leads through too many links",
        Some(Errno::NAMETOOLONG) => "a name in it is too long",
        Some(Errno::ACCESS | Errno::PERM) => "the daemon may not open it",
        Some(Errno::ROFS) => "it lies on a disk that cannot be written to",
        Some(Errno::NOSPC | Errno::DQUOT) => "the disk is full",
        Some(Errno::ISDIR) => "is a folder, not a file",
        _ => "it cannot be used: the system reports an error",
    }
}

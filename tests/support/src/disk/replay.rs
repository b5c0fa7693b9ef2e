//! The record, read from its start: files and their names as a disk has them, and what of it was synced.

use super::Kept;
use crate::random::Random;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// The five numbers that each entry begins with.
const HEAD_BYTES: usize = 40;
/// A disk writes this much as a whole.
const SECTOR_BYTES: u64 = 512;
/// What Linux adds to the name of an open file that has none any more.
const DELETED: &[u8] = b" (deleted)";

/// Paths with what is there: the bytes of a file; none for a folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Files(BTreeMap<PathBuf, Option<Vec<u8>>>);

impl Files {
    pub(super) fn put(&mut self, path: &Path, content: Option<Vec<u8>>) {
        if !is_index(path) {
            self.0.insert(path.to_owned(), content);
        }
    }

    /// Folders before what is in them.
    pub(super) fn in_order(&self) -> impl Iterator<Item = (&Path, Option<&[u8]>)> {
        self.0.iter().map(|(path, content)| (path.as_path(), content.as_deref()))
    }

    pub(super) fn sizes(&self) -> Vec<(&Path, Option<usize>)> {
        let sizes = self.in_order().map(|(path, content)| (path, content.map(<[u8]>::len)));
        sizes.collect()
    }
}

fn is_index(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"-shm")
}

#[derive(Clone, Copy)]
enum Node {
    Folder,
    /// A place in [`Replay::contents`].
    File(usize),
}

enum Change {
    Write(u64, Vec<u8>),
    SetLength(u64),
}

#[derive(Default)]
struct Content {
    synced: Vec<u8>,
    /// Since the last sync.
    changes: Vec<Change>,
}

enum Naming {
    Put(PathBuf, Node),
    Remove(PathBuf),
    Rename(PathBuf, PathBuf),
}

type Names = BTreeMap<PathBuf, Node>;

pub(super) struct Replay {
    pub(super) ignores_syncs: bool,
    root: PathBuf,
    contents: Vec<Content>,
    /// As programs see them.
    names: Names,
    synced_names: Names,
    /// By folder, since its last sync.
    namings: HashMap<PathBuf, Vec<Naming>>,
}

impl Replay {
    pub(super) fn new(root: &Path, before: &Files) -> Self {
        let mut contents = Vec::new();
        let mut names = Names::new();
        for (path, content) in before.in_order() {
            let node = content.map_or(Node::Folder, |bytes| {
                contents.push(Content {
                    synced: bytes.to_vec(),
                    changes: Vec::new(),
                });
                Node::File(contents.len() - 1)
            });
            names.insert(path.to_owned(), node);
        }
        Self {
            ignores_syncs: false,
            root: root.to_owned(),
            contents,
            synced_names: names.clone(),
            names,
            namings: HashMap::new(),
        }
    }

    /// Goes through the record. Its last entry may be cut short.
    pub(super) fn run(&mut self, record: &[u8]) {
        let mut rest = record;
        while let Some((entry, after)) = Entry::read(rest) {
            self.take(entry);
            rest = after;
        }
    }

    fn take(&mut self, entry: Entry<'_>) {
        let Entry {
            what,
            path,
            other,
            offset,
            bytes,
        } = entry;
        if is_index(&path) || path.as_os_str().as_encoded_bytes().ends_with(DELETED) {
            return;
        }
        match what {
            b'C' => {
                self.make(path);
            }
            b'D' => self.name(Naming::Put(path, Node::Folder)),
            b'U' => self.name(Naming::Remove(path)),
            b'R' => self.name(Naming::Rename(path, other)),
            b'W' => self.change(&path, Change::Write(offset, bytes.to_vec())),
            b'T' => self.change(&path, Change::SetLength(offset)),
            b'S' if self.ignores_syncs => {}
            b'S' => self.sync(&path),
            _ => panic!("{}: {} is not followed", path.display(), other.display()),
        }
    }

    fn name(&mut self, naming: Naming) {
        let (Naming::Put(path, _) | Naming::Remove(path) | Naming::Rename(path, _)) = &naming;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        if let Naming::Rename(_, to) = &naming {
            assert_eq!(to.parent(), Some(&*folder), "a rename from folder to folder is not followed");
        }
        naming.apply(&mut self.names);
        self.namings.entry(folder).or_default().push(naming);
    }

    fn make(&mut self, path: PathBuf) -> usize {
        self.contents.push(Content::default());
        let place = self.contents.len() - 1;
        self.name(Naming::Put(path, Node::File(place)));
        place
    }

    fn change(&mut self, path: &Path, change: Change) {
        let place = match self.names.get(path) {
            Some(Node::File(place)) => *place,
            Some(Node::Folder) => panic!("{} is a folder", path.display()),
            // A test that looks into the store may have made its log before the daemon did.
            None => self.make(path.to_owned()),
        };
        self.contents[place].changes.push(change);
    }

    fn sync(&mut self, path: &Path) {
        if let Some(Node::File(place)) = self.names.get(path).copied() {
            let content = &mut self.contents[place];
            for change in std::mem::take(&mut content.changes) {
                change.apply(&mut content.synced);
            }
            return;
        }
        for naming in self.namings.remove(path).unwrap_or_default() {
            naming.apply(&mut self.synced_names);
        }
    }

    /// What is there after a power loss at the end of the record.
    pub(super) fn files(mut self, kept: Kept) -> Files {
        let mut luck = Luck::new(kept);
        let mut folders: Vec<_> = self.namings.into_iter().collect();
        folders.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (_, namings) in folders {
            // File systems keep the order of what happens to names.
            let count = namings.len();
            for naming in namings.into_iter().take(luck.up_to(count)) {
                naming.apply(&mut self.synced_names);
            }
        }
        let mut files = Files::default();
        for (path, node) in &self.synced_names {
            let has_folder = *path == self.root || path.parent().is_some_and(|folder| files.0.contains_key(folder));
            if !has_folder {
                continue;
            }
            let bytes = match node {
                Node::Folder => None,
                Node::File(place) => Some(self.contents[*place].after(&mut luck)),
            };
            files.put(path, bytes);
        }
        files
    }
}

impl Naming {
    fn apply(&self, names: &mut Names) {
        match self {
            Self::Put(path, node) => {
                names.insert(path.clone(), *node);
            }
            Self::Remove(path) => {
                names.remove(path);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let start = usize::try_from(*offset).expect("a test's file is small");
                let end = start + written.len();
                bytes.resize(bytes.len().max(end), 0);
                bytes[start..end].copy_from_slice(written);
            }
            Self::SetLength(length) => bytes.resize(usize::try_from(*length).expect("a test's file is small"), 0),
        }
    }

    /// The parts of it that reach the disk each for itself.
    fn sectors(&self) -> Vec<Self> {
        let Self::Write(offset, written) = self else {
            return vec![Self::SetLength(self.length())];
        };
        let mut sectors = Vec::new();
        let (mut at, mut rest) = (*offset, written.as_slice());
        while !rest.is_empty() {
            let length = usize::try_from(SECTOR_BYTES - at % SECTOR_BYTES).expect("a sector is small");
            let (sector, others) = rest.split_at(length.min(rest.len()));
            sectors.push(Self::Write(at, sector.to_vec()));
            at += sector.len() as u64;
            rest = others;
        }
        sectors
    }

    fn length(&self) -> u64 {
        match self {
            Self::Write(offset, written) => offset + written.len() as u64,
            Self::SetLength(length) => *length,
        }
    }
}

impl Content {
    fn after(&self, luck: &mut Luck) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for sector in self.changes.iter().flat_map(Change::sectors) {
            if luck.keeps() {
                sector.apply(&mut bytes);
            }
        }
        bytes
    }
}

/// Decides what is kept.
struct Luck {
    kept: Kept,
    random: Random,
}

impl Luck {
    fn new(kept: Kept) -> Self {
        let seed = match kept {
            Kept::Some(seed) => seed,
            Kept::Nothing | Kept::NothingAtAll | Kept::Everything => 0,
        };
        Self {
            kept,
            random: Random::new(seed),
        }
    }

    fn keeps(&mut self) -> bool {
        match self.kept {
            Kept::Nothing | Kept::NothingAtAll => false,
            Kept::Everything => true,
            Kept::Some(_) => self.random.chance(50),
        }
    }

    fn up_to(&mut self, count: usize) -> usize {
        match self.kept {
            Kept::Nothing | Kept::NothingAtAll => 0,
            Kept::Everything => count,
            Kept::Some(_) => self.random.place(count + 1),
        }
    }
}

struct Entry<'a> {
    what: u8,
    path: PathBuf,
    /// The new name of a rename; what was done, where that is not followed.
    other: PathBuf,
    offset: u64,
    bytes: &'a [u8],
}

impl<'a> Entry<'a> {
    /// The first entry of what is left, and what comes after it.
    fn read(record: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = record.split_at_checked(HEAD_BYTES)?;
        let mut numbers = head
            .chunks_exact(8)
            .map(|number| u64::from_ne_bytes(number.try_into().unwrap_or_default()));
        let mut number = || numbers.next().unwrap_or_default();
        let what = u8::try_from(number()).expect("a letter");
        let mut length = || usize::try_from(number()).expect("an entry fits into memory");
        let (path_length, other_length, bytes_length) = (length(), length(), length());
        let offset = number();
        let (path, rest) = rest.split_at_checked(path_length)?;
        let (other, rest) = rest.split_at_checked(other_length)?;
        let (bytes, rest) = rest.split_at_checked(bytes_length)?;
        let path_of = |bytes: &[u8]| PathBuf::from(OsString::from_vec(bytes.to_vec()));
        let entry = Self {
            what,
            path: path_of(path),
            other: path_of(other),
            offset,
            bytes,
        };
        Some((entry, rest))
    }
}

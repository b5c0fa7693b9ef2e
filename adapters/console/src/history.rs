//! The lines typed before, in memory and, where a file is set, on disk for their owner alone.

use reedline::{FileBackedHistory, History as _, HistoryItem, SearchDirection, SearchQuery};
use std::fs::OpenOptions;
use std::io;
use std::path::Path;

const CAPACITY: usize = 1000;

/// Lines typed before, and where among them the person is looking.
#[derive(Default)]
pub(crate) struct History {
    lines: Vec<String>,
    file: Option<FileBackedHistory>,
    looking_at: Option<usize>,
    /// What was typed before looking back.
    draft: String,
}

impl History {
    /// Reads the file, or begins it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        keep_private(path)?;
        let file = FileBackedHistory::with_file(CAPACITY, path.to_owned()).map_err(io::Error::other)?;
        let all = SearchQuery::everything(SearchDirection::Forward, None);
        let items = file.search(all).map_err(io::Error::other)?;
        Ok(Self {
            lines: items.into_iter().map(|item| item.command_line).collect(),
            file: Some(file),
            ..Self::default()
        })
    }

    /// Adds a line and stops looking back.
    pub(crate) fn add(&mut self, line: &str) {
        self.looking_at = None;
        if line.trim().is_empty() || self.lines.last().is_some_and(|last| last == line) {
            return;
        }
        self.lines.push(line.to_owned());
        if let Some(file) = &mut self.file {
            let saved = file.save(HistoryItem::from_command_line(line)).map_err(io::Error::other);
            if let Err(error) = saved.and_then(|_| file.sync()) {
                tracing::warn!(%error, "the console's history could not be written and is kept in memory from here on");
                self.file = None;
            }
        }
    }

    /// The line before the one looked at; `current` is what is in the editor now.
    pub(crate) fn earlier(&mut self, current: &str) -> Option<&str> {
        let index = match self.looking_at {
            None => {
                current.clone_into(&mut self.draft);
                self.lines.len().checked_sub(1)?
            }
            Some(index) => index.checked_sub(1)?,
        };
        self.looking_at = Some(index);
        self.lines.get(index).map(String::as_str)
    }

    /// The line after the one looked at, in the end what was typed before looking back.
    pub(crate) fn later(&mut self) -> Option<&str> {
        let index = self.looking_at? + 1;
        if index < self.lines.len() {
            self.looking_at = Some(index);
            return self.lines.get(index).map(String::as_str);
        }
        self.looking_at = None;
        Some(&self.draft)
    }
}

#[cfg(unix)]
fn keep_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

#[cfg(not(unix))]
fn keep_private(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path).map(drop)
}

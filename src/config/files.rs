//! `[tools.files.folders.NAME]`: keeps the folders of the file tools apart from the daemon's own files.
//!
//! A folder inside the store's is refused. One that contains the store's folder, the config or a secret may be used, and
//! gets them as excluded paths.

use super::reader::{Report, Section, Value};
use super::tools::FolderSettings;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Reads all folders; `store` is the store's file.
pub(super) fn read_all(folders: Vec<(&str, Section<'_>)>, store: Option<&Path>) -> BTreeMap<String, FolderSettings> {
    let mut settings = BTreeMap::new();
    for (name, mut section) in folders {
        if !is_folder_name(name) {
            section.complain_about(
                "path",
                format!("stands under the name `{name}`"),
                "a folder's name is [a-z0-9_-]",
            );
        }
        let guarded = Guarded::new(section.report(), store);
        let path = section.require("path", "name an existing folder", |value| folder(value, &guarded));
        let writable = section.read("writable", Value::boolean).unwrap_or(true);
        section.finish();
        if let Some(path) = path {
            let excluded = guarded.excluded_in(&path);
            settings.insert(
                name.to_owned(),
                FolderSettings {
                    path,
                    writable,
                    excluded,
                },
            );
        }
    }
    settings
}

fn is_folder_name(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-')
}

fn folder(value: &Value<'_>, guarded: &Guarded) -> Option<PathBuf> {
    let path = value.path()?;
    let shown = path.display();
    let path = match std::fs::canonicalize(&path) {
        Ok(path) if path.is_dir() => path,
        Ok(_) => {
            value.complain(format!("{shown} is no folder"), "name an existing folder");
            return None;
        }
        Err(error) => {
            value.complain(
                format!("{shown} cannot be opened ({error})"),
                "create the folder or correct the path",
            );
            return None;
        }
    };
    if let Some(state) = guarded.state_folder.as_ref().filter(|state| path.starts_with(state)) {
        value.complain(
            format!("{shown} is in the folder of the store, {}", state.display()),
            "choose another folder, or give the store one of its own with `store.path`",
        );
        return None;
    }
    Some(path)
}

/// What the file tools must not see, with links resolved.
struct Guarded {
    state_folder: Option<PathBuf>,
    config_file: PathBuf,
    secret_files: Vec<PathBuf>,
}

impl Guarded {
    fn new(report: &Report<'_>, store: Option<&Path>) -> Self {
        let config_file = report
            .origin
            .file_name()
            .map_or_else(|| report.folder(), |name| report.folder().join(name));
        Self {
            state_folder: store.and_then(Path::parent).map(resolved),
            config_file: resolved(&config_file),
            secret_files: report.secret_files.borrow().iter().map(|file| resolved(file)).collect(),
        }
    }

    /// Those that lie in the folder. The config's whole folder is one of them where the folder contains it; where the
    /// folder is the config's own or lies in it, the config file alone is.
    fn excluded_in(&self, folder: &Path) -> Vec<PathBuf> {
        let config_folder = self.config_file.parent().filter(|config_folder| *config_folder != folder);
        let mut excluded: Vec<PathBuf> = [self.state_folder.as_deref(), config_folder, Some(&self.config_file)]
            .into_iter()
            .flatten()
            .chain(self.secret_files.iter().map(PathBuf::as_path))
            .filter(|path| path.starts_with(folder))
            .map(Path::to_owned)
            .collect();
        excluded.sort();
        excluded.dedup_by(|later, earlier| later.starts_with(earlier));
        excluded
    }
}

/// The path with links resolved as far as it exists.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let mut missing: Vec<OsString> = Vec::new();
    let mut existing = path;
    loop {
        if let Ok(found) = std::fs::canonicalize(existing) {
            return missing.iter().rev().fold(found, |path, name| path.join(name));
        }
        let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
            return path.to_owned();
        };
        missing.push(name.to_owned());
        existing = parent;
    }
}

//! `[tools]`: what the tools may touch and use up.

use super::files;
use super::reader::{Section, Value};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A tool that needs longer is better asked again with less to do.
const TIME_LIMIT: Duration = Duration::from_secs(30);
/// About 8,000 tokens: more would push the conversation out of a small model's sight.
const OUTPUT_LIMIT_BYTES: u32 = 32 * 1024;
/// Below, an error message would not fit; above, no model could read it.
const OUTPUT_LIMITS_BYTES: RangeInclusive<u32> = 1024..=16 * 1024 * 1024;

/// What the tools may touch and use up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolsSettings {
    /// The longest run of a tool.
    pub time_limit: Duration,
    /// The longest result given to a model.
    pub output_limit_bytes: u32,
    /// Tools that ask more often than they would by themselves.
    pub confirm: BTreeMap<String, ConfirmOverride>,
    /// What the file tools may touch.
    pub files: FilesSettings,
}

impl Default for ToolsSettings {
    fn default() -> Self {
        Self {
            time_limit: TIME_LIMIT,
            output_limit_bytes: OUTPUT_LIMIT_BYTES,
            confirm: BTreeMap::new(),
            files: FilesSettings::default(),
        }
    }
}

/// How often a tool asks. It can only tighten: the stricter of this and the tool's own word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmOverride {
    /// Unless the user was allowed it.
    Default,
    /// Every time.
    Always,
}

/// What the file tools may touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilesSettings {
    /// The folders by the name that the model uses, `[a-z0-9_-]`.
    pub folders: BTreeMap<String, FolderSettings>,
}

/// A folder that the file tools may touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderSettings {
    /// Where it is, absolute.
    pub path: PathBuf,
    /// Whether files in it may be changed.
    pub writable: bool,
    /// Files and folders inside `path` that no tool may see: the config, secrets and the daemon's state. Absolute.
    pub excluded: Vec<PathBuf>,
}

impl ToolsSettings {
    /// `store` is the store's file, where it is known.
    pub(super) fn read(mut section: Section<'_>, store: Option<&Path>) -> Self {
        let default = Self::default();
        let settings = Self {
            time_limit: section.read("time_limit", Value::duration).unwrap_or(default.time_limit),
            output_limit_bytes: section
                .read("output_limit_bytes", |value| value.integer(OUTPUT_LIMITS_BYTES))
                .unwrap_or(default.output_limit_bytes),
            confirm: read_confirm(&section.section("confirm")),
            files: read_files(section.section("files"), store),
        };
        section.finish();
        settings
    }
}

fn read_confirm(section: &Section<'_>) -> BTreeMap<String, ConfirmOverride> {
    let choices = [("default", ConfirmOverride::Default), ("always", ConfirmOverride::Always)];
    let mut overrides = BTreeMap::new();
    for (tool, value) in section.named_values() {
        let is_known = value.is_known_tool(tool);
        let confirm = value.choice(&choices);
        if let (true, Some(confirm)) = (is_known, confirm) {
            overrides.insert(tool.to_owned(), confirm);
        }
    }
    overrides
}

fn read_files(mut section: Section<'_>, store: Option<&Path>) -> FilesSettings {
    let folders = section.named_sections("folders");
    section.finish();
    FilesSettings {
        folders: files::read_all(folders, store),
    }
}

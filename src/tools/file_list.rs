//! `file_list`: what is in a folder.

use super::files::{self, AskedPath, EntryKind, Folder, Folders, Visit};
use super::wording::{count, one_line, size};
use super::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, schema};
use crate::domain::{Confirm, Risk, Role};
use async_trait::async_trait;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The most lines of one answer.
const MOST_SHOWN: usize = 500;
/// The most entries of one folder that are looked at, and sorted, to find the first ones.
const MOST_IN_A_FOLDER: usize = 20_000;
const DEEPEST: usize = 16;
const LONGEST_NAME: usize = 255;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The folder, such as "notes/plans": the name of a top folder and the path below it. Left out: the top folders.
    path: Option<String>,
    /// Whether to list the folders below it too.
    #[serde(default)]
    recursive: bool,
}

pub(super) struct FileList {
    definition: ToolDefinition,
    folders: Arc<Folders>,
}

impl FileList {
    pub(super) fn new(folders: Arc<Folders>) -> Self {
        let definition = ToolDefinition {
            name: "file_list".to_owned(),
            description: "Lists what is in a folder: kind, path, size and time of the last change. Without a path it lists \
                          the top folders that there are."
                .to_owned(),
            parameters: schema::parameters::<Arguments>(),
            risk: Risk::Low,
            confirm: Confirm::Never,
            role: Role::User,
            effect: Effect::ReadOnly,
            outbound: false,
            untrusted_results: false,
            time_limit: Duration::from_secs(20),
            output_limit_bytes: 64 * 1_024,
        };
        Self { definition, folders }
    }

    /// The folder that was asked for; `None` for the overview of several top folders.
    fn asked(&self, arguments: &Arguments) -> Result<Option<AskedPath>, ToolError> {
        let several = self.folders.roots().len() > 1;
        match arguments.path.as_deref().unwrap_or_default() {
            "" | "." if several => Ok(None),
            path => AskedPath::parse(path, &self.folders).map(Some),
        }
    }
}

#[async_trait]
impl Tool for FileList {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError> {
        let Some(asked) = self.asked(&schema::arguments(arguments)?)? else {
            return Ok(Prepared {
                grant_shape: Some("file_list of the top folders".to_owned()),
                affects: "lists the top folders".into(),
                ..Prepared::default()
            });
        };
        let folders = Arc::clone(&self.folders);
        files::look(&context.cancel, move |cancel| {
            let target = Visit::new(&folders, cancel).folder(&asked)?.shown();
            Ok(Prepared {
                affects: format!("lists {target}").into(),
                grant_shape: Some(format!("file_list in {}", asked.root_name())),
                target: Some(target),
                ..Prepared::default()
            })
        })
        .await
    }

    async fn run(&self, arguments: &Value, prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let Some(asked) = self.asked(&arguments)? else {
            return Ok(self.overview());
        };
        let folders = Arc::clone(&self.folders);
        let expected = prepared.target.clone();
        files::look(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let folder = visit.folder(&asked)?;
            files::same_target(&asked, expected.as_deref(), &folder.shown())?;
            let mut listing = Listing {
                visit: &visit,
                asked: &asked,
                text: String::new(),
                entries: 0,
                cut: false,
            };
            listing.add(&folder, if arguments.recursive { DEEPEST } else { 0 })?;
            Ok(listing.into_output(&folder.shown()))
        })
        .await
    }
}

impl FileList {
    fn overview(&self) -> ToolOutput {
        let mut text = String::new();
        for root in self.folders.roots() {
            let rights = if root.writable {
                "files can be read and written"
            } else {
                "files can be read"
            };
            writeln!(text, "folder  {}/  {rights}", root.name).expect("a string takes all text");
        }
        ToolOutput {
            text,
            summary: "listed the top folders".to_owned(),
        }
    }
}

struct Listing<'a> {
    visit: &'a Visit,
    asked: &'a AskedPath,
    text: String,
    entries: usize,
    cut: bool,
}

impl Listing<'_> {
    fn add(&mut self, folder: &Folder, deeper: usize) -> Result<(), ToolError> {
        let (entries, more) = self.visit.entries(self.asked, folder, MOST_IN_A_FOLDER)?;
        self.cut |= more;
        let path = folder.shown();
        for entry in entries {
            if self.entries == MOST_SHOWN {
                self.cut = true;
                return Ok(());
            }
            self.entries += 1;
            let name = one_line(&entry.name, LONGEST_NAME);
            let line = match entry.kind {
                EntryKind::Folder => format!("folder  {path}/{name}/{}", changed(entry.modified)),
                EntryKind::File => format!("file    {path}/{name}  {}{}", size(entry.size_bytes), changed(entry.modified)),
                EntryKind::Link => format!("link    {path}/{name}"),
                EntryKind::Other => format!("other   {path}/{name}"),
            };
            self.text.push_str(&line);
            self.text.push('\n');
            if entry.kind == EntryKind::Folder && deeper > 0 {
                // One folder that cannot be opened does not hide the others.
                match self.visit.sub_folder(self.asked, folder, &entry.name) {
                    Ok(below) => self.add(&below, deeper - 1)?,
                    Err(_) => self.text.push_str("        (it cannot be opened)\n"),
                }
            }
        }
        Ok(())
    }

    fn into_output(mut self, path: &str) -> ToolOutput {
        let entries = count(self.entries as u64, "entry", "entries");
        if self.cut {
            let mark = format!("[cut: there are more than these {entries}; list a folder below {path}]\n");
            self.text.push_str(&mark);
        }
        if self.text.is_empty() {
            self.text = format!("{path}/ is empty\n");
        }
        ToolOutput {
            text: self.text,
            summary: format!("listed {path} ({entries})"),
        }
    }
}

fn changed(modified: Option<Timestamp>) -> String {
    modified
        .map(|time| time.strftime("  %Y-%m-%d %H:%M UTC").to_string())
        .unwrap_or_default()
}

//! `file_write`: writes a text file whole, or adds to its end; a person sees the difference first.
//!
//! What a person approved is bound by the file's hash: a file that has changed since is left as it is.

mod picture;
mod replace;

use super::files::{self, AskedPath, Folders, Spot, Visit};
use super::registry::hex;
use super::wording::{count, line_count, size};
use super::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, schema};
use crate::domain::{Confirm, Risk, Role};
use async_trait::async_trait;
use cortex_chat::Text;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;

/// The most that one call can write; no model writes more in one go.
const MOST_CONTENT_BYTES: usize = 1 << 20;
/// The largest file that can be overwritten or added to: it is read whole, to be hashed and compared.
const LARGEST_FILE_BYTES: u64 = 16 << 20;
/// The state of a file that does not exist.
const ABSENT: &str = "absent";

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The file, such as "notes/plan.md": the name of a top folder and the path below it. Folders on the way are made.
    #[schemars(length(min = 1, max = 1024))]
    path: String,
    /// The text to write, in full.
    content: String,
    /// "overwrite" replaces or makes the file, "create" makes it and fails where it exists, "append" adds to its end.
    #[serde(default)]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Overwrite,
    Create,
    Append,
}

pub(super) struct FileWrite {
    definition: ToolDefinition,
    folders: Arc<Folders>,
}

impl FileWrite {
    pub(super) fn new(folders: Arc<Folders>) -> Self {
        let definition = ToolDefinition {
            name: "file_write".to_owned(),
            description: "Writes a text file: replaces it, makes it, or adds to its end. A person may be asked first."
                .to_owned(),
            parameters: schema::parameters::<Arguments>(),
            risk: Risk::Medium,
            confirm: Confirm::Default,
            role: Role::User,
            effect: Effect::Changes,
            outbound: false,
            untrusted_results: false,
            time_limit: Duration::from_secs(30),
            output_limit_bytes: 4 * 1_024,
        };
        Self { definition, folders }
    }
}

#[async_trait]
impl Tool for FileWrite {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = AskedPath::parse(&arguments.path, &self.folders)?;
        let folders = Arc::clone(&self.folders);
        files::look(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let plan = Plan::make(&visit, &asked, &arguments)?;
            if plan.old.is_some() && arguments.mode == Mode::Create {
                return Err(asked.refuse("the file exists already"));
            }
            Ok(plan.prepared(&arguments))
        })
        .await
    }

    async fn run(&self, arguments: &Value, prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = AskedPath::parse(&arguments.path, &self.folders)?;
        let folders = Arc::clone(&self.folders);
        let (target, state) = (prepared.target.clone(), prepared.state_hash.clone());
        files::change(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let plan = Plan::make(&visit, &asked, &arguments)?;
            if target.as_deref() != Some(&plan.spot.shown()) || state.as_deref() != Some(&plan.state) {
                return Err(changed(&asked));
            }
            plan.carry_out(&folders, &visit, &asked)
        })
        .await
    }
}

/// What a call would do to a file in its present state.
struct Plan {
    spot: Spot,
    /// What is there now, and with which permissions.
    old: Option<(Vec<u8>, u32)>,
    new: Vec<u8>,
    state: String,
}

impl Plan {
    fn make(visit: &Visit, asked: &AskedPath, arguments: &Arguments) -> Result<Self, ToolError> {
        if arguments.content.len() > MOST_CONTENT_BYTES {
            let limit = size(MOST_CONTENT_BYTES as u64);
            return Err(ToolError::Refused(format!(
                "content: {limit} is the most that one call can write"
            )));
        }
        let spot = visit.spot(asked)?;
        if !spot.folder.writable() {
            return Err(asked.refuse(format!("files in {} can be read but not written", asked.root_name())));
        }
        let old = read_present(visit, asked, &spot)?;
        let mut new = Vec::new();
        if let (Mode::Append, Some((old, _))) = (arguments.mode, &old) {
            new.extend_from_slice(old);
        }
        new.extend_from_slice(arguments.content.as_bytes());
        if new.len() as u64 > LARGEST_FILE_BYTES {
            return Err(asked.refuse(format!("the file would grow beyond {}", size(LARGEST_FILE_BYTES))));
        }
        let state = state_of(old.as_ref().map(|(bytes, _)| bytes.as_slice()));
        Ok(Self { spot, old, new, state })
    }

    fn prepared(&self, arguments: &Arguments) -> Prepared {
        let target = self.spot.shown();
        let old = self.old.as_ref().map(|(bytes, _)| bytes.as_slice());
        let picture = picture::of_change(&target, old, &self.new, arguments.mode == Mode::Append);
        Prepared {
            state_hash: Some(self.state.clone()),
            grant_shape: Some(format!("file_write to {target}")),
            affects: picture.affects.into(),
            diff: picture.diff.map(Text::new),
            target: Some(target),
        }
    }

    fn carry_out(self, folders: &Folders, visit: &Visit, asked: &AskedPath) -> Result<ToolOutput, ToolError> {
        let target = self.spot.shown();
        let written = size(self.new.len() as u64);
        let lines = count(line_count(&String::from_utf8_lossy(&self.new)), "line", "lines");
        replace::replace(folders, visit, asked, self)?;
        Ok(ToolOutput {
            text: format!("{target} now has {lines}, {written}."),
            summary: format!("wrote {target} ({written})"),
        })
    }
}

fn read_present(visit: &Visit, asked: &AskedPath, spot: &Spot) -> Result<Option<(Vec<u8>, u32)>, ToolError> {
    let Some(file) = visit.open(asked, spot)? else {
        return Ok(None);
    };
    let mode = file.mode;
    // A replacement asks only whether the folder may be written; a file marked read-only says what its owner wants.
    if mode & 0o222 == 0 {
        return Err(asked.refuse("the file is marked as read-only"));
    }
    let bytes = visit.read(asked, file, LARGEST_FILE_BYTES)?;
    let bytes = bytes.ok_or_else(|| asked.refuse(format!("the file is larger than {}", size(LARGEST_FILE_BYTES))))?;
    Ok(Some((bytes, mode)))
}

fn state_of(present: Option<&[u8]>) -> String {
    present.map_or_else(|| ABSENT.to_owned(), |bytes| hex(&Sha256::digest(bytes)))
}

fn changed(asked: &AskedPath) -> ToolError {
    ToolError::Changed(format!(
        "{asked}: the file is no longer as it was when this was asked for; nothing was written"
    ))
}

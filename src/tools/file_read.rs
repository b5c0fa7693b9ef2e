//! `file_read`: a text file, or some lines of it.

mod kind;

use super::files::{self, AskedPath, Folders, Visit};
use super::wording::{count, size, start_of};
use super::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, schema};
use crate::domain::{Confirm, Risk, Role};
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// The largest file that is read, to count its lines; a larger one is for `file_search`.
const LARGEST_FILE_BYTES: u64 = 16 << 20;
/// Lines given when their number is left out.
const LINES: usize = 1_000;
/// Bytes of lines in one answer; leaves room in the tool's limit for the words around them.
const MOST_BYTES: usize = 48 * 1_024;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The file, such as "notes/plan.md": the name of a top folder and the path below it.
    #[schemars(length(min = 1, max = 1024))]
    path: String,
    /// The first line to read; 1 is the first of the file and what is meant when this is left out.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    first_line: Option<u32>,
    /// How many lines to read. Left out: as many as fit.
    #[schemars(range(min = 1, max = 1_000_000_000))]
    line_count: Option<u32>,
}

pub(super) struct FileRead {
    definition: ToolDefinition,
    folders: Arc<Folders>,
}

impl FileRead {
    pub(super) fn new(folders: Arc<Folders>) -> Self {
        let definition = ToolDefinition {
            name: "file_read".to_owned(),
            description:
                "Reads a text file (UTF-8), or some lines of it. Tells how many lines there are and how to read on."
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
}

#[async_trait]
impl Tool for FileRead {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = AskedPath::parse(&arguments.path, &self.folders)?;
        let folders = Arc::clone(&self.folders);
        files::look(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let spot = visit.spot(&asked)?;
            let file = visit
                .open(&asked, &spot)?
                .ok_or_else(|| asked.refuse("there is no such file"))?;
            let target = spot.shown();
            Ok(Prepared {
                affects: format!("reads {target} ({})", size(file.size_bytes)).into(),
                grant_shape: Some(format!("file_read in {}", asked.root_name())),
                target: Some(target),
                ..Prepared::default()
            })
        })
        .await
    }

    async fn run(&self, arguments: &Value, prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = AskedPath::parse(&arguments.path, &self.folders)?;
        let folders = Arc::clone(&self.folders);
        let expected = prepared.target.clone();
        files::look(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let spot = visit.spot(&asked)?;
            files::same_target(&asked, expected.as_deref(), &spot.shown())?;
            let text = read_text(&visit, &asked, &spot)?;
            let output = excerpt(&asked, &spot.shown(), &text, &arguments)?;
            Ok(ToolOutput {
                text: output,
                summary: format!("read {} ({})", spot.shown(), size(text.len() as u64)),
            })
        })
        .await
    }
}

fn read_text(visit: &Visit, asked: &AskedPath, spot: &files::Spot) -> Result<String, ToolError> {
    let file = visit
        .open(asked, spot)?
        .ok_or_else(|| asked.refuse("there is no such file"))?;
    let file_size = size(file.size_bytes);
    let bytes = visit.read(asked, file, LARGEST_FILE_BYTES)?.ok_or_else(|| {
        let limit = size(LARGEST_FILE_BYTES);
        asked.refuse(format!(
            "the file has {file_size}, and {limit} is the most that can be read; use file_search"
        ))
    })?;
    match kind::of_binary(&bytes) {
        Some(kind) => Err(asked.refuse(format!("is no UTF-8 text but {kind} ({file_size})"))),
        None => String::from_utf8(bytes).map_err(|_| asked.refuse("is no UTF-8 text")),
    }
}

/// The lines that were asked for, as far as they fit, between a line that says what they are and one on how to read on.
fn excerpt(asked: &AskedPath, path: &str, text: &str, arguments: &Arguments) -> Result<String, ToolError> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let total = count(lines.len() as u64, "line", "lines");
    if lines.is_empty() {
        return Ok(format!("{path} is empty"));
    }
    let first = arguments.first_line.map_or(1, |line| line.max(1) as usize);
    if first > lines.len() {
        return Err(asked.refuse(format!("first_line is {first}, but the file has {total}")));
    }
    let wanted = arguments.line_count.map_or(LINES, |lines| lines.max(1) as usize);
    let mut body = String::new();
    let mut last = first - 1;
    for line in lines.iter().skip(first - 1).take(wanted) {
        if body.len() + line.len() > MOST_BYTES && last >= first {
            break;
        }
        last += 1;
        if line.len() > MOST_BYTES {
            let shown = start_of(line, MOST_BYTES);
            body.push_str(shown);
            let cut = line.len() - shown.len();
            writeln!(body, "\n[cut: {cut} of {} bytes of line {last} are not shown]", line.len())
                .expect("a string takes all text");
            break;
        }
        body.push_str(line);
    }
    if !body.ends_with('\n') {
        body.push('\n');
    }
    let rest = match lines.len() - last {
        0 => String::new(),
        left => {
            let left = count(left as u64, "more line", "more lines");
            format!("[{left}; read on with first_line {}]\n", last + 1)
        }
    };
    Ok(format!("[{path}: lines {first} to {last} of {total}]\n{body}{rest}"))
}

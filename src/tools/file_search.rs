//! `file_search`: the lines of text files that match.

use super::files::{self, AskedPath, EntryKind, Folder, Folders, OpenFile, Place, Visit};
use super::wording::{count, one_line, start_of};
use super::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput, schema};
use crate::domain::{Confirm, Risk, Role};
use async_trait::async_trait;
use regex::{Regex, RegexBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

const MOST_MATCHES: usize = 200;
const MOST_OUTPUT_BYTES: usize = 48 * 1_024;
const MOST_FILES: usize = 20_000;
const MOST_IN_A_FOLDER: usize = 20_000;
const DEEPEST: usize = 32;
/// Larger files are seldom what a person wrote.
const LARGEST_FILE_BYTES: u64 = 4 << 20;
/// What all files of one search may have together.
const MOST_READ_BYTES: u64 = 512 << 20;
/// Where a matching line is cut.
const LONGEST_LINE_BYTES: usize = 300;
/// A compiled pattern may grow to this, and its cache to as much again; matching takes linear time anyhow.
const PATTERN_LIMIT_BYTES: usize = 1 << 20;
/// Lines looked at between two looks at the cancellation.
const LINES_AT_A_TIME: usize = 4_096;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The text to look for, within one line.
    #[schemars(length(min = 1, max = 1000))]
    query: String,
    /// The folder or file to search, such as "notes/plans": a top folder and the path below it. Left out: everything.
    path: Option<String>,
    /// Whether the query is a regular expression (no look-around, no back-references).
    #[serde(default)]
    regex: bool,
    /// Whether capital and small letters differ.
    #[serde(default)]
    case_sensitive: bool,
}

pub(super) struct FileSearch {
    definition: ToolDefinition,
    folders: Arc<Folders>,
}

impl FileSearch {
    pub(super) fn new(folders: Arc<Folders>) -> Self {
        let definition = ToolDefinition {
            name: "file_search".to_owned(),
            description: "Searches text files for a text or a regular expression and gives the matching lines with their \
                          numbers. Passes over binary files, very large files and links."
                .to_owned(),
            parameters: schema::parameters::<Arguments>(),
            risk: Risk::Low,
            confirm: Confirm::Never,
            role: Role::User,
            effect: Effect::ReadOnly,
            outbound: false,
            untrusted_results: false,
            time_limit: Duration::from_mins(1),
            output_limit_bytes: 64 * 1_024,
        };
        Self { definition, folders }
    }

    fn asked(&self, arguments: &Arguments) -> Result<Vec<AskedPath>, ToolError> {
        match arguments.path.as_deref().unwrap_or_default() {
            "" | "." => Ok(self.folders.roots().iter().map(AskedPath::of_root).collect()),
            path => Ok(vec![AskedPath::parse(path, &self.folders)?]),
        }
    }
}

#[async_trait]
impl Tool for FileSearch {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = self.asked(&arguments)?;
        pattern(&arguments)?;
        let folders = Arc::clone(&self.folders);
        files::look(&context.cancel, move |cancel| {
            let target = shown(&places(&Visit::new(&folders, cancel), &asked)?);
            let roots: Vec<&str> = asked.iter().map(AskedPath::root_name).collect();
            Ok(Prepared {
                affects: format!("searches {target}").into(),
                grant_shape: Some(format!("file_search in {}", roots.join(", "))),
                target: Some(target),
                ..Prepared::default()
            })
        })
        .await
    }

    async fn run(&self, arguments: &Value, prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let arguments: Arguments = schema::arguments(arguments)?;
        let asked = self.asked(&arguments)?;
        let pattern = pattern(&arguments)?;
        let folders = Arc::clone(&self.folders);
        let expected = prepared.target.clone();
        files::look(&context.cancel, move |cancel| {
            let visit = Visit::new(&folders, cancel);
            let places = places(&visit, &asked)?;
            let target = shown(&places);
            for path in &asked {
                files::same_target(path, expected.as_deref(), &target)?;
            }
            let mut search = Search::new(&visit, &pattern);
            for (place, path) in places.iter().zip(&asked) {
                match place {
                    Place::Folder(folder) => search.folder(path, folder, DEEPEST)?,
                    Place::Spot(spot) => search.file(path, &spot.folder, &spot.name)?,
                }
            }
            Ok(search.into_output(&target))
        })
        .await
    }
}

fn places(visit: &Visit, asked: &[AskedPath]) -> Result<Vec<Place>, ToolError> {
    asked.iter().map(|path| place(visit, path)).collect()
}

fn place(visit: &Visit, asked: &AskedPath) -> Result<Place, ToolError> {
    let place = visit.place(asked)?;
    if let Place::Spot(spot) = &place {
        // Opened once here, so that a pipe or a kept file is refused and not silently passed over.
        visit
            .open(asked, spot)?
            .ok_or_else(|| asked.refuse("there is no such file or folder"))?;
    }
    Ok(place)
}

fn shown(places: &[Place]) -> String {
    let shown: Vec<String> = places
        .iter()
        .map(|place| match place {
            Place::Folder(folder) => folder.shown(),
            Place::Spot(spot) => spot.shown(),
        })
        .collect();
    shown.join(", ")
}

fn pattern(arguments: &Arguments) -> Result<Regex, ToolError> {
    let source = if arguments.regex {
        arguments.query.clone()
    } else {
        regex::escape(&arguments.query)
    };
    RegexBuilder::new(&source)
        .case_insensitive(!arguments.case_sensitive)
        .size_limit(PATTERN_LIMIT_BYTES)
        .dfa_size_limit(PATTERN_LIMIT_BYTES)
        .build()
        .map_err(|error| {
            let why = match &error {
                regex::Error::CompiledTooBig(_) => "it is too large".to_owned(),
                // The last line says what is wrong; those before it repeat the pattern.
                other => one_line(other.to_string().lines().last().unwrap_or_default(), 120),
            };
            ToolError::Refused(format!("query: not a usable regular expression: {why}"))
        })
}

struct Search<'a> {
    visit: &'a Visit,
    pattern: &'a Regex,
    text: String,
    matches: usize,
    files: usize,
    matching_files: usize,
    passed_over: usize,
    read_bytes: u64,
    /// Why the search ended early.
    end: Option<&'static str>,
}

impl<'a> Search<'a> {
    fn new(visit: &'a Visit, pattern: &'a Regex) -> Self {
        let text = String::new();
        Self {
            visit,
            pattern,
            text,
            matches: 0,
            files: 0,
            matching_files: 0,
            passed_over: 0,
            read_bytes: 0,
            end: None,
        }
    }

    fn folder(&mut self, asked: &AskedPath, folder: &Folder, deeper: usize) -> Result<(), ToolError> {
        let (entries, more) = self.visit.entries(asked, folder, MOST_IN_A_FOLDER)?;
        for entry in entries {
            if self.end.is_some() {
                return Ok(());
            }
            match entry.kind {
                EntryKind::File => self.file(asked, folder, &entry.name)?,
                EntryKind::Folder if deeper > 0 => match self.visit.sub_folder(asked, folder, &entry.name) {
                    Ok(below) => self.folder(asked, &below, deeper - 1)?,
                    // One folder that cannot be opened does not spoil the search of the others.
                    Err(_) => self.passed_over += 1,
                },
                _ => self.passed_over += 1,
            }
        }
        if more && self.end.is_none() {
            self.end = Some("a folder has too many entries");
        }
        Ok(())
    }

    fn file(&mut self, asked: &AskedPath, folder: &Folder, name: &str) -> Result<(), ToolError> {
        self.visit.go_on()?;
        if self.files == MOST_FILES {
            self.end = Some("too many files");
            return Ok(());
        }
        if self.read_bytes > MOST_READ_BYTES {
            self.end = Some("too much text");
            return Ok(());
        }
        match self.visit.open_in(asked, folder, name) {
            Ok(Some(file)) if file.size_bytes <= LARGEST_FILE_BYTES => {
                let path = format!("{}/{name}", folder.shown());
                self.open_file(asked, file, &path)
            }
            _ => {
                self.passed_over += 1;
                Ok(())
            }
        }
    }

    fn open_file(&mut self, asked: &AskedPath, file: OpenFile, path: &str) -> Result<(), ToolError> {
        let bytes = match self.visit.read(asked, file, LARGEST_FILE_BYTES) {
            Ok(Some(bytes)) if !bytes.contains(&0) => bytes,
            Ok(_) | Err(ToolError::Refused(_)) => {
                self.passed_over += 1;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.read_bytes += bytes.len() as u64;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            self.passed_over += 1;
            return Ok(());
        };
        self.files += 1;
        let before = self.matches;
        for (position, line) in text.lines().enumerate() {
            if position % LINES_AT_A_TIME == 0 {
                self.visit.go_on()?;
            }
            if self.pattern.is_match(line) && !self.add(path, position + 1, line) {
                break;
            }
        }
        self.matching_files += usize::from(self.matches > before);
        Ok(())
    }

    /// Adds a matching line; false if there is no room for it.
    fn add(&mut self, path: &str, number: usize, line: &str) -> bool {
        if self.matches == MOST_MATCHES || self.text.len() > MOST_OUTPUT_BYTES {
            self.end = Some("there are more matches than fit");
            return false;
        }
        self.matches += 1;
        let start = start_of(line, LONGEST_LINE_BYTES);
        let cut = line.len() - start.len();
        let mark = if cut > 0 {
            format!(" [cut: {cut} bytes]")
        } else {
            String::new()
        };
        writeln!(self.text, "{path}:{number}: {start}{mark}").expect("a string takes all text");
        true
    }

    fn into_output(self, target: &str) -> ToolOutput {
        let matches = count(self.matches as u64, "matching line", "matching lines");
        let matching = count(self.matching_files as u64, "file", "files");
        let mut text = format!("[{matches} in {matching} of {} searched", self.files);
        if self.passed_over > 0 {
            let passed_over = count(self.passed_over as u64, "other", "others");
            write!(
                text,
                "; {passed_over} passed over: binary, very large, links, or not to be opened"
            )
            .expect("a string takes all text");
        }
        text.push_str("]\n");
        text.push_str(&self.text);
        if let Some(end) = self.end {
            writeln!(text, "[cut: {end}; search a smaller folder or for something rarer]").expect("a string takes all text");
        }
        ToolOutput {
            text,
            summary: format!("searched {target}: {matches} in {matching}"),
        }
    }
}

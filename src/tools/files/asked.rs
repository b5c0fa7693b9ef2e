//! A path as a model wrote it: which root, which parts below it. Pure text; nothing is opened here.

use super::super::ToolError;
use super::super::wording::one_line;
use super::{Folders, Root};
use std::fmt;
use std::sync::Arc;

const LONGEST_PATH_BYTES: usize = 1_024;
const LONGEST_PART_BYTES: usize = 255;
const MOST_PARTS: usize = 64;
/// How much of a path an error repeats.
const SHOWN_CHARACTERS: usize = 120;

/// A path that a model wrote, taken apart and free of tricks that text alone can show.
#[derive(Clone, Debug)]
pub(in crate::tools) struct AskedPath {
    pub(super) root: Arc<Root>,
    pub(super) parts: Vec<String>,
    shown: String,
}

impl AskedPath {
    /// Reads `NAME/rel/path`, or `rel/path` where there is one root; an empty path or `.` is the one root itself.
    pub(in crate::tools) fn parse(text: &str, folders: &Folders) -> Result<Self, ToolError> {
        let shown = shown(text);
        let refuse = |why: String| ToolError::Refused(format!("{shown}: {why}"));
        let plain = text.strip_suffix('/').filter(|rest| !rest.is_empty()).unwrap_or(text);
        if plain.len() > LONGEST_PATH_BYTES {
            return Err(refuse(format!("the path is longer than {LONGEST_PATH_BYTES} bytes")));
        }
        if plain.chars().any(char::is_control) {
            return Err(refuse("a path cannot contain control characters".to_owned()));
        }
        if plain.starts_with('/') {
            let names = names(folders);
            return Err(refuse(format!("paths start with the name of a folder ({names}), not with /")));
        }
        let mut parts = Vec::new();
        for part in plain.split('/').filter(|part| *part != "." && !plain.is_empty()) {
            match part {
                "" => return Err(refuse("a path cannot contain empty names".to_owned())),
                ".." => return Err(refuse("a path cannot contain ..".to_owned())),
                long if long.len() > LONGEST_PART_BYTES => {
                    return Err(refuse(format!("a name in it is longer than {LONGEST_PART_BYTES} bytes")));
                }
                name => parts.push(name.to_owned()),
            }
        }
        if parts.len() > MOST_PARTS {
            return Err(refuse(format!("the path has more than {MOST_PARTS} parts")));
        }
        let named = parts
            .first()
            .and_then(|first| folders.roots().iter().find(|root| root.name == *first));
        let root = match (named, folders.roots()) {
            (Some(root), _) => {
                parts.remove(0);
                root
            }
            (None, [only]) => only,
            (None, _) => return Err(refuse(format!("there is no such folder; the folders are {}", names(folders)))),
        };
        Ok(Self {
            root: Arc::clone(root),
            parts,
            shown,
        })
    }

    /// A whole root.
    pub(in crate::tools) fn of_root(root: &Arc<Root>) -> Self {
        Self {
            root: Arc::clone(root),
            parts: Vec::new(),
            shown: root.name.clone(),
        }
    }

    /// A refusal that repeats the path as it was written.
    pub(in crate::tools) fn refuse(&self, why: impl fmt::Display) -> ToolError {
        ToolError::Refused(format!("{self}: {why}"))
    }

    /// The name of the root.
    pub(in crate::tools) fn root_name(&self) -> &str {
        &self.root.name
    }
}

impl fmt::Display for AskedPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

fn shown(text: &str) -> String {
    if text.is_empty() {
        "the empty path".to_owned()
    } else {
        one_line(text, SHOWN_CHARACTERS)
    }
}

fn names(folders: &Folders) -> String {
    let names: Vec<&str> = folders.roots().iter().map(|root| root.name.as_str()).collect();
    names.join(", ")
}

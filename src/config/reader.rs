//! Walks a parsed config: typed readers that note a problem and go on, so that one pass finds them all.
//!
//! A [`Section`] knows which keys were asked for; what is left when it is finished is unknown to the daemon.

use super::environment::Environment;
use super::problem::{ConfigErrors, Position, Problem};
use super::words;
use super::{Loaded, Settings};
use crate::domain::{LONGEST_NAME_BYTES, is_name};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Stands for a chosen name in [`Report::keys`].
const ANY_NAME: &str = "NAME";

/// What one pass over a config needs and what it finds.
pub(super) struct Report<'a> {
    /// The config file, as the operator named it.
    pub(super) origin: &'a Path,
    /// Where variables are looked up.
    pub(super) environment: &'a dyn Environment,
    /// The tools of this build.
    pub(super) known_tools: &'a [&'a str],
    /// Files that secrets were read from; no tool may see them.
    pub(super) secret_files: RefCell<Vec<PathBuf>>,
    /// Whether the config file itself holds a secret.
    pub(super) holds_secret: RefCell<bool>,
    line_starts: Vec<usize>,
    text: &'a str,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    keys: RefCell<BTreeSet<String>>,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        text: &'a str,
        origin: &'a Path,
        environment: &'a dyn Environment,
        known_tools: &'a [&'a str],
    ) -> Self {
        let after_newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        Self {
            origin,
            environment,
            known_tools,
            secret_files: RefCell::default(),
            holds_secret: RefCell::default(),
            line_starts: std::iter::once(0).chain(after_newlines).collect(),
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            keys: RefCell::default(),
        }
    }

    /// The whole document as a section without a name.
    pub(super) fn root(&'a self, table: &'a DeTable<'a>) -> Section<'a> {
        Section {
            report: self,
            key: String::new(),
            pattern: String::new(),
            table: Some(table),
            span: 0..0,
            asked: Vec::new(),
        }
    }

    pub(super) fn complain(&self, span: &Range<usize>, key: &str, what: impl Into<String>, help: Option<String>) {
        let problem = self.problem(Some(self.position(span.start)), key, what.into(), help);
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn warn_about_file(&self, what: impl Into<String>, help: impl Into<String>) {
        let warning = self.problem(None, "", what.into(), Some(help.into()));
        self.warnings.borrow_mut().push(warning);
    }

    /// What was read, where nothing was wrong with it.
    pub(super) fn into_result(self, settings: Option<Settings>) -> Result<Loaded, ConfigErrors> {
        match settings {
            Some(settings) if self.problems.borrow().is_empty() => {
                let mut warnings = self.warnings.into_inner();
                warnings.sort_by_key(|warning| warning.position);
                Ok(Loaded { settings, warnings })
            }
            _ => Err(self.into_errors()),
        }
    }

    /// All problems in the order of the file.
    pub(super) fn into_errors(self) -> ConfigErrors {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| problem.position);
        ConfigErrors { problems }
    }

    /// Every key that was asked for, with `NAME` for chosen names.
    pub(super) fn keys(self) -> BTreeSet<String> {
        self.keys.into_inner()
    }

    fn problem(&self, position: Option<Position>, key: &str, what: String, help: Option<String>) -> Problem {
        Problem {
            file: self.origin.to_owned(),
            position,
            key: key.to_owned(),
            what,
            help,
        }
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset);
        let start = line
            .checked_sub(1)
            .and_then(|index| self.line_starts.get(index))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        Position {
            line,
            column: before.chars().count() + 1,
        }
    }
}

/// A table of the config, present or not.
pub(super) struct Section<'a> {
    report: &'a Report<'a>,
    key: String,
    pattern: String,
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    asked: Vec<&'a str>,
}

impl<'a> Section<'a> {
    pub(super) fn report(&self) -> &'a Report<'a> {
        self.report
    }

    /// The value of a key, which from now on is a known one.
    pub(super) fn value(&mut self, name: &'a str) -> Option<Value<'a>> {
        self.asked.push(name);
        self.report.keys.borrow_mut().insert(join(&self.pattern, name));
        let value = self.table?.get(name)?;
        Some(Value {
            report: self.report,
            key: join(&self.key, &words::key(name)),
            raw: value.get_ref(),
            span: value.span(),
        })
    }

    /// What `read` makes of a key's value; `None` where it is absent or wrong.
    pub(super) fn read<T>(&mut self, name: &'a str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        self.value(name).as_ref().and_then(read)
    }

    /// As [`Section::read`], for a key that must be there.
    pub(super) fn require<T>(&mut self, name: &'a str, help: &str, read: impl FnOnce(&Value<'a>) -> Option<T>) -> Option<T> {
        let value = self.value(name);
        if value.is_none() {
            self.complain_about(name, "is missing", help);
        }
        value.as_ref().and_then(read)
    }

    /// A table below this one.
    pub(super) fn section(&mut self, name: &'a str) -> Section<'a> {
        let pattern = join(&self.pattern, name);
        match self.value(name) {
            Some(value) => value.section(pattern),
            None => Section {
                report: self.report,
                key: join(&self.key, name),
                pattern,
                table: None,
                span: self.span.clone(),
                asked: Vec::new(),
            },
        }
    }

    /// The tables below `name`, each under a name that the operator chose, in the order of the file.
    pub(super) fn named_sections(&mut self, name: &'a str) -> Vec<(&'a str, Section<'a>)> {
        let parent = self.section(name);
        let pattern = join(&parent.pattern, ANY_NAME);
        let mut children: Vec<(&'a str, Section<'a>)> = Vec::new();
        for (name, value) in parent.named_values() {
            if !is_name(name) {
                value.complain(
                    "is no usable name",
                    format!("take 1 to {LONGEST_NAME_BYTES} letters a-z, A-Z, digits, `_`, `-` or `.`"),
                );
            }
            children.push((name, value.section(pattern.clone())));
        }
        children
    }

    /// The values of all keys, for a section whose keys the operator chooses; in the order of the file.
    pub(super) fn named_values(&self) -> Vec<(&'a str, Value<'a>)> {
        let Some(table) = self.table else { return Vec::new() };
        let mut entries: Vec<(usize, &'a str, Value<'a>)> = table
            .iter()
            .map(|(name, value)| {
                let text: &'a str = name.get_ref();
                let key = join(&self.key, &words::key(text));
                (
                    name.span().start,
                    text,
                    Value {
                        report: self.report,
                        key,
                        raw: value.get_ref(),
                        span: value.span(),
                    },
                )
            })
            .collect();
        entries.sort_by_key(|(start, _, _)| *start);
        entries.into_iter().map(|(_, name, value)| (name, value)).collect()
    }

    /// Whether the key is written in the config.
    pub(super) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        for (name, _) in self.table.into_iter().flatten() {
            if !self.asked.contains(&name.get_ref().as_ref()) {
                let key = join(&self.key, &words::key(name.get_ref()));
                let help = words::instead(name.get_ref(), self.asked.iter().copied());
                self.report.complain(&name.span(), &key, "there is no such key", Some(help));
            }
        }
    }

    /// Complains about a key of this section that need not be there.
    pub(super) fn complain_about(&self, name: &str, what: impl Into<String>, help: impl Into<String>) {
        let entry = self.table.and_then(|table| table.get(name));
        let span = entry.map_or_else(|| self.span.clone(), Spanned::span);
        self.report.complain(&span, &join(&self.key, name), what, Some(help.into()));
    }

    /// Tells the operator something about a key that does not keep the daemon from starting.
    pub(super) fn warn_about(&self, name: &str, what: impl Into<String>, help: impl Into<String>) {
        let entry = self.table.and_then(|table| table.get(name));
        let span = entry.map_or_else(|| self.span.clone(), Spanned::span);
        let position = Some(self.report.position(span.start));
        let warning = self
            .report
            .problem(position, &join(&self.key, name), what.into(), Some(help.into()));
        self.report.warnings.borrow_mut().push(warning);
    }
}

/// A value of the config and where it stands.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) report: &'a Report<'a>,
    pub(super) key: String,
    pub(super) raw: &'a DeValue<'a>,
    span: Range<usize>,
}

impl<'a> Value<'a> {
    pub(super) fn complain(&self, what: impl Into<String>, help: impl Into<String>) {
        self.report.complain(&self.span, &self.key, what, Some(help.into()));
    }

    pub(super) fn warn(&self, what: impl Into<String>, help: impl Into<String>) {
        let position = Some(self.report.position(self.span.start));
        let warning = self.report.problem(position, &self.key, what.into(), Some(help.into()));
        self.report.warnings.borrow_mut().push(warning);
    }

    /// Complains that the type is another than `wanted`, which is a sentence's end such as `a string`.
    pub(super) fn complain_of_type(&self, wanted: &str) {
        let found = match self.raw {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.complain(format!("is {found}"), format!("it must be {wanted}"));
    }

    /// The entries of a list.
    pub(super) fn list(&self) -> Option<Vec<Value<'a>>> {
        let DeValue::Array(array) = self.raw else {
            self.complain_of_type("a list of strings, such as [\"one\", \"two\"]");
            return None;
        };
        let entry = |value: &'a Spanned<DeValue<'a>>| Value {
            report: self.report,
            key: self.key.clone(),
            raw: value.get_ref(),
            span: value.span(),
        };
        Some(array.iter().map(entry).collect())
    }

    /// The value as a table.
    pub(super) fn section(&self, pattern: String) -> Section<'a> {
        let table = self.raw.as_table();
        if table.is_none() {
            self.complain_of_type("a table");
        }
        Section {
            report: self.report,
            key: self.key.clone(),
            pattern,
            table,
            span: self.span.clone(),
            asked: Vec::new(),
        }
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}

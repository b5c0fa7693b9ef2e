//! The types that a value of the config can have, each with its complaint.

use super::environment;
use super::reader::Value;
use super::words;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeValue;
use url::Url;

/// Any duration that makes sense for a timeout or an expiry: none is zero, none is for ever.
pub(super) const DURATIONS: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_hours(365 * 24);

impl<'a> Value<'a> {
    /// Any text.
    pub(super) fn string(&self) -> Option<&'a str> {
        let text = self.raw.as_str();
        if text.is_none() {
            self.complain_of_type("a string");
        }
        text
    }

    /// Text that says something.
    pub(super) fn nonblank(&self) -> Option<&'a str> {
        let text = self.string()?;
        if text.trim().is_empty() {
            self.complain("is empty", "write a value or leave the key out");
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let boolean = self.raw.as_bool();
        if boolean.is_none() {
            self.complain_of_type("true or false, without quotes");
        }
        boolean
    }

    pub(super) fn integer<N>(&self, range: RangeInclusive<N>) -> Option<N>
    where
        N: TryFrom<i128> + PartialOrd + Display,
    {
        let help = format!("it must be an integer from {} to {}", range.start(), range.end());
        let DeValue::Integer(integer) = self.raw else {
            self.complain_of_type(help.trim_start_matches("it must be "));
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        let fitting = number
            .and_then(|number| N::try_from(number).ok())
            .filter(|number| range.contains(number));
        if fitting.is_none() {
            self.complain(format!("{integer} is out of range"), help);
        }
        fitting
    }

    /// A number with or without decimals.
    pub(super) fn number(&self, range: RangeInclusive<f32>) -> Option<f32> {
        let text = match self.raw {
            DeValue::Float(float) => float.as_str(),
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            _ => {
                self.complain_of_type(&format!("a number from {} to {}", range.start(), range.end()));
                return None;
            }
        };
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            self.complain(
                format!("{text} is out of range"),
                format!("it must be a number from {} to {}", range.start(), range.end()),
            );
        }
        number
    }

    /// A duration of [`DURATIONS`].
    pub(super) fn duration(&self) -> Option<Duration> {
        self.duration_within(DURATIONS)
    }

    /// A duration that its user can do with.
    pub(super) fn duration_within(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        const EXAMPLES: &str = "a duration such as \"250ms\", \"30s\", \"24h\" or \"7d\"";
        let Some(text) = self.raw.as_str() else {
            self.complain_of_type(EXAMPLES);
            return None;
        };
        let Some(duration) = words::parse_duration(text) else {
            self.complain(
                format!("{} is no duration", words::quoted(text)),
                format!("it must be {EXAMPLES}"),
            );
            return None;
        };
        if !range.contains(&duration) {
            let (shortest, longest) = (words::show_duration(*range.start()), words::show_duration(*range.end()));
            self.complain(
                format!("{} is out of range", words::quoted(text)),
                format!("it must be from {shortest} to {longest}"),
            );
            return None;
        }
        Some(duration)
    }

    /// Where an API begins. The address is not quoted in complaints: people paste keys into it, which belong into `secret_key`.
    pub(super) fn web_address(&self, example: &str, secret_key: &str) -> Option<Url> {
        let text = self.string()?;
        let url = match Url::parse(text.trim()) {
            Ok(url) => url,
            Err(error) => {
                self.complain(
                    format!("is no address ({error})"),
                    format!("write it in full, such as \"{example}\""),
                );
                return None;
            }
        };
        let key_there = format!("put the key into `{secret_key}`");
        let problem = if !matches!(url.scheme(), "http" | "https") {
            (
                "begins with neither http:// nor https://",
                "only these can be called".to_owned(),
            )
        } else if !url.username().is_empty() || url.password().is_some() {
            ("contains a user or a password", key_there)
        } else if url.query().is_some() || url.fragment().is_some() {
            ("contains `?` or `#`", format!("end it with the path; {key_there}"))
        } else {
            return Some(url);
        };
        self.complain(problem.0, problem.1);
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let allowed = words::either(choices.iter().map(|(word, _)| words::quoted(word)));
        let Some(text) = self.raw.as_str() else {
            self.complain_of_type(&allowed);
            return None;
        };
        let chosen = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if chosen.is_none() {
            self.complain(
                format!("{} is not allowed here", words::quoted(text)),
                format!("it must be {allowed}"),
            );
        }
        chosen
    }

    /// One of the names that the config itself declares in `[SECTION.NAME]`.
    pub(super) fn declared(&self, section: &str, names: &[&str]) -> Option<&'a str> {
        let text = self.string()?;
        if !names.contains(&text) {
            let help = if names.is_empty() {
                "add it; the config has none yet".to_owned()
            } else {
                words::instead(text, names.iter().copied())
            };
            self.complain(format!("there is no [{section}.{}]", words::key(text)), help);
            return None;
        }
        Some(text)
    }

    /// The name of a tool.
    pub(super) fn tool(&self) -> Option<String> {
        let name = self.string()?;
        if self.is_known_tool(name) {
            Some(name.to_owned())
        } else {
            None
        }
    }

    /// Whether there is such a tool; complains where there is none.
    pub(super) fn is_known_tool(&self, name: &str) -> bool {
        let known = self.report.known_tools.contains(&name);
        if !known {
            let help = words::instead(name, self.report.known_tools.iter().copied());
            self.complain(format!("there is no tool {}", words::quoted(name)), help);
        }
        known
    }

    /// Names of tools, none twice.
    pub(super) fn tools(&self) -> Option<BTreeSet<String>> {
        let mut tools = BTreeSet::new();
        for entry in self.list()? {
            let Some(tool) = entry.tool() else { continue };
            if let Some(twice) = tools.replace(tool) {
                entry.complain(format!("{} is listed twice", words::quoted(&twice)), "name it once");
            }
        }
        Some(tools)
    }

    /// A path: absolute, below `~/`, or below the folder of the config file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.nonblank()?;
        if text.contains('\0') {
            self.complain("contains a zero character", "write a path");
            return None;
        }
        let home = text.strip_prefix("~/").or((text == "~").then_some(""));
        let path = match home {
            None => self.report.folder().join(text),
            Some(below) => {
                let Some(home) = environment::home_dir(self.report.environment) else {
                    self.complain("begins with `~`, but HOME is not set", "write the path in full");
                    return None;
                };
                home.join(below)
            }
        };
        Some(path)
    }
}

impl super::reader::Report<'_> {
    /// The folder of the config file, absolute where the process has a folder at all.
    pub(super) fn folder(&self) -> PathBuf {
        let origin = std::path::absolute(self.origin).unwrap_or_else(|_| self.origin.to_owned());
        origin.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned)
    }
}

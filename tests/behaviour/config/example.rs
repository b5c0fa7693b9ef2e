//! `config.example.toml` names every key, and its defaults are the code's.

use super::{TOOLS, environment};
use cortex::config::{self, Loaded, Settings};
use std::collections::BTreeSet;
use std::fs;

const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// Lines whose values are the operator's choice, so that leaving them out changes something.
const CHOSEN: [&str; 5] = ["kind =", "base_url =", "model =", "identities =", "["];

fn load(text: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("notes")).unwrap();
    match config::parse(text, &folder.path().join("config.toml"), &environment(&[]), &TOOLS) {
        Ok(loaded) => loaded,
        Err(errors) => panic!("{errors}"),
    }
}

fn settings(text: &str) -> Settings {
    load(text).settings
}

/// The example with the settings behind `#` in force.
fn in_full() -> String {
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => setting.to_owned(),
        _ => line.to_owned(),
    };
    EXAMPLE.lines().map(uncommented).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_is_accepted_as_it_stands_and_in_full() {
    assert_eq!(load(EXAMPLE).warnings, []);
    assert_eq!(load(&in_full()).warnings, []);
}

#[test]
fn every_key_occurs_in_it() {
    let mut occurring = BTreeSet::new();
    let document: toml::Table = in_full().parse().unwrap();
    collect_keys(&document, "", &mut occurring);
    let known = config::keys();
    assert!(known.contains("tools.files.folders.NAME.writable") && known.contains("models.NAME.api_key"));
    let missing: Vec<&String> = known.difference(&occurring).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

fn collect_keys(table: &toml::Table, parent: &str, keys: &mut BTreeSet<String>) {
    let has_chosen_names = ["users", "models", "profiles", "connectors", "tools.files.folders"].contains(&parent);
    for (name, value) in table {
        let name = if has_chosen_names { "NAME" } else { name };
        let key = if parent.is_empty() {
            name.to_owned()
        } else {
            format!("{parent}.{name}")
        };
        if let Some(inner) = value.as_table() {
            collect_keys(inner, &key, keys);
        }
        keys.insert(key);
    }
}

#[test]
fn defaults_written_out_are_those_of_the_code() {
    let with_all = format!("{:?}", settings(EXAMPLE));
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let mut left_out = 0;
    for (index, line) in lines.iter().enumerate() {
        if line.is_empty() || line.starts_with('#') || CHOSEN.iter().any(|chosen| line.starts_with(chosen)) {
            continue;
        }
        let without: Vec<&str> = lines[..index].iter().chain(&lines[index + 1..]).copied().collect();
        assert_eq!(with_all, format!("{:?}", settings(&without.join("\n"))), "without `{line}`");
        left_out += 1;
    }
    assert!(left_out > 35, "{left_out}");
}

//! The examples of the `CommonMark` specification, and more of what a parser must get right: those that the Markdown parser of the
//! workspace tests itself with. They are read from its package, so that they are those of the version in use.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const PARSER: &str = "pulldown-cmark";
/// The specification alone has more.
const AT_LEAST: usize = 650;

/// All examples.
pub fn examples() -> &'static [String] {
    static EXAMPLES: OnceLock<Vec<String>> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let folder = package().join("tests/suite");
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        let examples: Vec<String> = files.iter().flat_map(|file| examples_in(file)).collect();
        assert!(
            examples.len() > AT_LEAST,
            "only {} examples in {}",
            examples.len(),
            folder.display()
        );
        examples
    })
}

/// Where the parser's package is.
fn package() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let told = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--offline", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo can be run");
    let metadata: Value = serde_json::from_slice(&told.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&told.stderr)));
    let packages = metadata["packages"].as_array().map_or(&[][..], Vec::as_slice);
    let parser = packages.iter().find(|package| package["name"] == PARSER);
    let manifest = parser.and_then(|parser| parser["manifest_path"].as_str());
    let manifest = manifest.unwrap_or_else(|| panic!("{PARSER} is no dependency any more"));
    Path::new(manifest).parent().expect("a file is in a folder").to_owned()
}

/// Each is a raw string of its own: `let original = r##"…"##;`.
fn examples_in(file: &Path) -> Vec<String> {
    let source = fs::read_to_string(file).expect("the source can be read");
    let examples = source.split("let original = r##\"").skip(1);
    examples
        .filter_map(|rest| rest.split_once("\"##;"))
        .map(|(example, _)| example.to_owned())
        .collect()
}

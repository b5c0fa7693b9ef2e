//! The folders of the file tools, kept apart from the daemon's own files.

use super::{TOOLS, environment};
use cortex::config::{self, ConfigErrors, Loaded};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with a config in `bot`, the store in `bot/state`, a secret in `bot/secrets`, and `bot/notes` for the tools.
struct Place {
    temp: TempDir,
}

impl Place {
    fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        for folder in ["bot/state/deep", "bot/secrets", "bot/notes"] {
            fs::create_dir_all(temp.path().join(folder)).unwrap();
        }
        fs::write(temp.path().join("bot/secrets/key"), "sk-canary").unwrap();
        Self { temp }
    }

    fn path(&self) -> PathBuf {
        fs::canonicalize(self.temp.path()).unwrap()
    }

    fn load(&self, folder: &str) -> Result<Loaded, ConfigErrors> {
        let config_file = self.path().join("bot/cortex.toml");
        let text = format!(
            "store.path = \"state/cortex.db\"\n\
            tools.files.folders.x.path = \"{folder}\"\n\
            [models.x]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"http://localhost\"\napi_key.file = \"secrets/key\"\n"
        );
        fs::write(&config_file, text).unwrap();
        config::load(&config_file, &environment(&[("HOME", self.path().to_str().unwrap())]), &TOOLS)
    }

    /// What the tools must not see in a folder, as seen from the place.
    fn excluded(&self, folder: &str) -> Vec<String> {
        let loaded = self.load(folder).unwrap();
        let excluded = &loaded.settings.tools.files.folders["x"].excluded;
        let relative = |path: &PathBuf| path.strip_prefix(self.path()).unwrap().display().to_string();
        excluded.iter().map(relative).collect()
    }

    fn complaints(&self, folder: &str) -> String {
        self.load(folder)
            .unwrap_err()
            .to_string()
            .replace(self.path().to_str().unwrap(), "")
    }
}

#[test]
fn own_files_inside_a_folder_are_excluded() {
    let place = Place::new();
    assert_eq!(place.excluded("~/"), ["bot"]);
    assert_eq!(place.excluded("."), ["bot/cortex.toml", "bot/secrets/key", "bot/state"]);
    assert_eq!(place.excluded("secrets"), ["bot/secrets/key"]);
    assert!(place.excluded("notes").is_empty());
}

#[test]
fn folders_are_absolute_with_links_resolved() {
    let place = Place::new();
    std::os::unix::fs::symlink("notes", place.path().join("bot/link")).unwrap();
    let folder = &place.load("link").unwrap().settings.tools.files.folders["x"];
    assert_eq!(folder.path, place.path().join("bot/notes"));
    assert!(folder.writable);
}

#[test]
fn the_store_folder_is_out_of_bounds() {
    let place = Place::new();
    insta::assert_snapshot!(place.complaints("state"), @"
    /bot/cortex.toml:2:30: tools.files.folders.x.path: /bot/state is in the folder of the store, /bot/state; choose another folder, or give the store one of its own with `store.path`
    ");
    insta::assert_snapshot!(place.complaints("notes/../state/deep"), @"
    /bot/cortex.toml:2:30: tools.files.folders.x.path: /bot/notes/../state/deep is in the folder of the store, /bot/state; choose another folder, or give the store one of its own with `store.path`
    ");
    std::os::unix::fs::symlink("state/deep", place.path().join("bot/link")).unwrap();
    insta::assert_snapshot!(place.complaints("link"), @"
    /bot/cortex.toml:2:30: tools.files.folders.x.path: /bot/link is in the folder of the store, /bot/state; choose another folder, or give the store one of its own with `store.path`
    ");
}

#[test]
fn folders_must_exist_under_a_usable_name() {
    let place = Place::new();
    insta::assert_snapshot!(place.complaints("none"), @"
    /bot/cortex.toml:2:30: tools.files.folders.x.path: /bot/none cannot be opened (No such file or directory (os error 2)); create the folder or correct the path
    ");
    insta::assert_snapshot!(place.complaints("secrets/key"), @"
    /bot/cortex.toml:2:30: tools.files.folders.x.path: /bot/secrets/key is no folder; name an existing folder
    ");
    let text = "models.demo.kind = \"demo\"\n[tools.files.folders.Notes]\npath = \"/\"\nwritable = 1";
    let errors = config::parse(text, Path::new("cortex.toml"), &environment(&[]), &TOOLS).unwrap_err();
    insta::assert_snapshot!(errors, @"
    cortex.toml:3:8: tools.files.folders.Notes.path: stands under the name `Notes`; a folder's name is [a-z0-9_-]
    cortex.toml:4:12: tools.files.folders.Notes.writable: is an integer; it must be true or false, without quotes
    ");
}

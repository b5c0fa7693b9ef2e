//! Starting without a config.

use cortex::config::{ConnectorKind, Embedded, EmbeddedDefaults, ModelKind, Settings};
use cortex::domain::{Role, UserName};
use std::fs;
use std::path::{Path, PathBuf};

fn embedded(home: &Path, working_dir: impl Into<PathBuf>) -> Embedded {
    Settings::embedded(&EmbeddedDefaults {
        data_dir: home.join(".local/share/cortex"),
        working_dir: working_dir.into(),
        home_dir: home.to_owned(),
        login_name: "alice".to_owned(),
    })
}

#[test]
fn the_person_at_the_terminal_is_the_admin() {
    let settings = embedded(Path::new("/home/alice"), "/home/alice/project").settings;
    let alice = &settings.users[&UserName("alice".to_owned())];
    assert_eq!(alice.role, Role::Admin);
    let identity = alice.identities.first().unwrap();
    assert_eq!((identity.connector.as_str(), identity.sender.as_str()), ("console", "local"));
    assert!(matches!(
        settings.connectors[&identity.connector].kind,
        ConnectorKind::Console
    ));
    assert_eq!(settings.store.path, Path::new("/home/alice/.local/share/cortex/cortex.db"));
    assert!(matches!(
        settings.models[&settings.profiles["chat"].model].kind,
        ModelKind::Demo
    ));
}

#[test]
fn tools_work_in_the_present_folder() {
    let chosen = embedded(Path::new("/home/alice"), "/home/alice/project");
    assert_eq!(
        chosen.settings.tools.files.folders["here"].path,
        Path::new("/home/alice/project")
    );
    insta::assert_snapshot!(chosen.folder_note, @"The file tools work in the folder you are in, /home/alice/project.");
}

#[test]
fn tools_get_a_folder_of_their_own_where_the_present_one_tells_too_much() {
    let temp = tempfile::tempdir().unwrap();
    let home = fs::canonicalize(temp.path()).unwrap().join("alice");
    fs::create_dir_all(home.join(".local/share/cortex/deep")).unwrap();
    std::os::unix::fs::symlink(&home, home.join("link")).unwrap();
    let mut notes = Vec::new();
    for folder in ["", "..", ".local", ".local/share/cortex", ".local/share/cortex/deep", "link"] {
        let chosen = embedded(&home, home.join(folder));
        assert_eq!(
            chosen.settings.tools.files.folders["cortex"].path,
            home.join("Cortex"),
            "{folder}"
        );
        notes.push(chosen.folder_note.replace(home.parent().unwrap().to_str().unwrap(), "/home"));
    }
    notes.push(embedded(Path::new("/home/alice"), "/").folder_note);
    insta::assert_snapshot!(notes.join("\n"), @"
    The file tools work in /home/alice/Cortex, not in /home/alice, which is your home folder.
    The file tools work in /home/alice/Cortex, not in /home, which contains your home folder.
    The file tools work in /home/alice/Cortex, not in /home/alice/.local, which contains the daemon's data folder.
    The file tools work in /home/alice/Cortex, not in /home/alice/.local/share/cortex, which is the daemon's data folder.
    The file tools work in /home/alice/Cortex, not in /home/alice/.local/share/cortex/deep, which is in the daemon's data folder.
    The file tools work in /home/alice/Cortex, not in /home/alice, which is your home folder.
    The file tools work in /home/alice/Cortex, not in /, which is the whole file system.
    ");
}

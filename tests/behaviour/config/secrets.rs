//! Secrets come from where the config says, and show up nowhere.

use super::{TOOLS, complaints, environment, parse};
use cortex::config::{self, ConfigErrors, Loaded, ModelKind};
use secrecy::ExposeSecret;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const CANARY: &str = "sk-canary-5f1d";

fn host(api_key: &str) -> String {
    format!("[models.x]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"https://host.example\"\napi_key = {api_key}\n")
}

fn key_of(loaded: &Loaded) -> String {
    let ModelKind::OpenAi(host) = &loaded.settings.models["x"].kind else {
        panic!("the kind is openai")
    };
    host.api_key.as_ref().unwrap().expose_secret().to_owned()
}

fn with_variables(api_key: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    config::parse(&host(api_key), Path::new("cortex.toml"), &environment(variables), &TOOLS)
}

/// A file in a fresh folder.
fn file(contents: &str, mode: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    fs::write(&path, contents).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

/// The complaints with the folder's name, which is another in each run, made plain.
fn in_folder(folder: &Path, result: Result<Loaded, ConfigErrors>) -> String {
    result.unwrap_err().to_string().replace(folder.to_str().unwrap(), "/folder")
}

/// The warning about a file that everybody can read.
fn readable_by_all(folder: &Path, loaded: &Loaded) -> Option<String> {
    let warnings = loaded
        .warnings
        .iter()
        .map(|warning| warning.to_string().replace(folder.to_str().unwrap(), "/folder"));
    warnings.into_iter().find(|warning| warning.contains("every user"))
}

#[test]
fn secrets_are_read_from_each_place() {
    assert_eq!(key_of(&parse(&host(&format!("\"{CANARY}\""))).unwrap()), CANARY);
    assert_eq!(
        key_of(&with_variables("{ env = \"KEY\" }", &[("KEY", CANARY)]).unwrap()),
        CANARY
    );

    let (folder, path) = file(&format!("{CANARY}\r\n"), 0o600);
    let from_file = with_variables(&format!("{{ file = {path:?} }}"), &[]).unwrap();
    assert_eq!(key_of(&from_file), CANARY, "the newline at the end is no part of it");

    let credentials = [("CREDENTIALS_DIRECTORY", folder.path().to_str().unwrap())];
    assert_eq!(
        key_of(&with_variables("{ credential = \"key\" }", &credentials).unwrap()),
        CANARY
    );
}

#[test]
fn a_secret_file_is_found_beside_the_config() {
    let (folder, _) = file(CANARY, 0o600);
    let config_file = folder.path().join("cortex.toml");
    fs::write(&config_file, host("{ file = \"key\" }")).unwrap();
    assert_eq!(
        key_of(&config::load(&config_file, &environment(&[]), &TOOLS).unwrap()),
        CANARY
    );
}

#[test]
fn missing_secrets_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let missing = format!("{{ file = \"{}/none\" }}", folder.path().display());
    insta::assert_snapshot!(in_folder(folder.path(), with_variables(&missing, &[])), @"
    cortex.toml:5:20: models.x.api_key.file: /folder/none cannot be read (No such file or directory (os error 2)); create it or correct the path
    ");
    let directory = format!("{{ file = {:?} }}", folder.path());
    insta::assert_snapshot!(in_folder(folder.path(), with_variables(&directory, &[])), @"
    cortex.toml:5:20: models.x.api_key.file: /folder is no small file; name a file that holds the secret and nothing else
    ");
    insta::assert_snapshot!(complaints(&host("{ env = \"OPENAI_KEY\" }")), @"
    cortex.toml:5:19: models.x.api_key.env: the variable OPENAI_KEY is not set; set it where the daemon is started
    ");
    insta::assert_snapshot!(complaints(&host("{ credential = \"openai\" }")), @"
    cortex.toml:5:26: models.x.api_key.credential: CREDENTIALS_DIRECTORY is not set; start the daemon as a systemd service with LoadCredential=, or use `file` or `env`
    ");
    insta::assert_snapshot!(complaints(&host("{ credential = \"../openai\" }")), @"
    cortex.toml:5:26: models.x.api_key.credential: is no name of a credential; write the NAME of systemd's LoadCredential=NAME:PATH
    ");
    insta::assert_snapshot!(complaints(&host("{}")), @"
    cortex.toml:5:11: models.x.api_key: must say where the secret is; give exactly one of `file`, `env` and `credential`
    ");
    insta::assert_snapshot!(complaints(&host("{ env = \"A\", file = \"b\" }")), @"
    cortex.toml:5:11: models.x.api_key: must say where the secret is; give exactly one of `file`, `env` and `credential`
    ");
    insta::assert_snapshot!(complaints(&host("12345")), @r#"
    cortex.toml:5:11: models.x.api_key: is an integer; it must be a string, { file = "PATH" }, { env = "VARIABLE" } or { credential = "NAME" }
    "#);
}

#[test]
fn empty_and_broken_secrets_are_refused() {
    insta::assert_snapshot!(complaints(&host("\"\"")), @"
    cortex.toml:5:11: models.x.api_key: the value is empty; a secret must not be empty; leave the key out where none is needed
    ");
    insta::assert_snapshot!(complaints(&host("\"two words\"")), @"
    cortex.toml:5:11: models.x.api_key: the value contains white space or control characters; a secret is one line without blanks; only a newline at its end is ignored
    ");
    insta::assert_snapshot!(with_variables("{ env = \"KEY\" }", &[("KEY", "\n")]).unwrap_err(), @"
    cortex.toml:5:19: models.x.api_key.env: the variable KEY is empty; a secret must not be empty; leave the key out where none is needed
    ");
    let (folder, path) = file("one\ntwo\n", 0o600);
    insta::assert_snapshot!(in_folder(folder.path(), with_variables(&format!("{{ file = {path:?} }}"), &[])), @"
    cortex.toml:5:20: models.x.api_key.file: /folder/key contains white space or control characters; a secret is one line without blanks; only a newline at its end is ignored
    ");
}

#[test]
fn files_that_all_can_read_are_warned_about() {
    let (folder, path) = file(CANARY, 0o644);
    let loaded = with_variables(&format!("{{ file = {path:?} }}"), &[]).unwrap();
    let warning = readable_by_all(folder.path(), &loaded).unwrap();
    insta::assert_snapshot!(warning, @"
    cortex.toml:5:20: models.x.api_key.file: /folder/key can be read by every user of this machine; chmod 600 it
    ");

    fs::write(&path, host(&format!("\"{CANARY}\""))).unwrap();
    let loaded = config::load(&path, &environment(&[]), &TOOLS).unwrap();
    let warning = readable_by_all(folder.path(), &loaded).unwrap();
    insta::assert_snapshot!(warning, @"
    /folder/key: holds a secret and can be read by every user of this machine; chmod 600 it
    ");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let loaded = config::load(&path, &environment(&[]), &TOOLS).unwrap();
    assert_eq!(readable_by_all(folder.path(), &loaded), None);
}

#[test]
fn secrets_never_show_up() {
    let loaded = parse(&host(&format!("\"{CANARY}\""))).unwrap();
    assert!(!format!("{loaded:?} {loaded:#?}").contains(CANARY));

    let wrong_ways = [
        format!("\"{CANARY} \""),
        format!("\"{CANARY}"),
        CANARY.to_owned(),
        format!("'{CANARY}' '{CANARY}'"),
        format!("[\"{CANARY}\"]"),
        format!("{{ value = \"{CANARY}\" }}"),
        format!("{{ env = \"{CANARY}\" }}"),
        format!("{{ env = [\"{CANARY}\"] }}"),
        format!("{{ credential = \"{CANARY}\" }}"),
        format!("\"{CANARY}\"\napi_key = \"{CANARY}\""),
        format!("\"{CANARY}\"\napi_kee = \"{CANARY}\""),
        format!("\"{CANARY}\\q\""),
        format!("\"{CANARY}\"\nbase_url = \"https://{CANARY}@host\""),
    ];
    for wrong in wrong_ways {
        let errors = parse(&host(&wrong)).unwrap_err();
        assert!(!format!("{errors} {errors:?}").contains(CANARY), "{errors}");
    }
    let errors = with_variables("{ env = \"KEY\" }", &[("KEY", "sk-canary-5f1d\n\n x")]).unwrap_err();
    assert!(!format!("{errors} {errors:?}").contains(CANARY), "{errors}");
}

//! The config from the outside: what a file gives, and what a person reads who wrote a wrong one.

mod embedded;
mod example;
mod folders;
mod hostile;
mod mistakes;
mod secrets;

use cortex::config::{
    self, AccessMode, ConfirmOverride, ConnectorKind, EngineSettings, GateSettings, Identity, Loaded, ModelHost, ModelKind,
    Prices, Settings,
};
use cortex::domain::{Risk, Role, UserName};
use cortex_chat::{ConnectorName, SenderId};
use std::path::Path;
use std::time::Duration;

const TOOLS: [&str; 5] = ["file_list", "file_read", "file_write", "file_delete", "clock"];

/// The least that a config needs.
const SMALLEST: &str = "models.demo.kind = \"demo\"\n";

/// An environment of the given variables, with a home folder.
fn environment(variables: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> {
    let mut known = vec![("HOME".to_owned(), "/home/alice".to_owned())];
    known.extend(
        variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    );
    move |wanted: &str| {
        known
            .iter()
            .rev()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.clone())
    }
}

fn parse(text: &str) -> Result<Loaded, config::ConfigErrors> {
    config::parse(text, Path::new("cortex.toml"), &environment(&[]), &TOOLS)
}

fn settings(text: &str) -> Settings {
    match parse(text) {
        Ok(loaded) => loaded.settings,
        Err(errors) => panic!("{errors}"),
    }
}

/// What a person reads about a wrong config.
fn complaints(text: &str) -> String {
    parse(text).map_or_else(|errors| errors.to_string(), |_| "no complaints".to_owned())
}

/// What a person reads about a config that is allowed but hardly meant.
fn warnings(text: &str) -> String {
    let lines: Vec<String> = parse(text).unwrap().warnings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn a_model_is_all_that_must_be_configured() {
    let settings = settings(SMALLEST);
    assert_eq!(settings.store.path, Path::new("/home/alice/.local/share/cortex/cortex.db"));
    assert_eq!(settings.access.mode, AccessMode::Known);
    assert_eq!(settings.engine, EngineSettings::default());
    assert_eq!(settings.gate, GateSettings::default());
    assert_eq!(settings.profiles["chat"].model, "demo");
    assert!(matches!(settings.models["demo"].kind, ModelKind::Demo));
}

#[test]
fn every_section_is_read() {
    let settings = settings(
        r#"
        [store]
        path = "state/bot.db"
        max_size_mib = 500
        [access]
        mode = "open"
        daily_tokens_per_user = 1000
        [connectors.terminal]
        kind = "console"
        [users.alice]
        role = "admin"
        identities = ["terminal:local", "terminal:@alice:example.org"]
        max_risk = "high"
        allow = ["file_read"]
        ask = ["clock"]
        block = ["file_delete"]
        include = ["file_write"]
        exclude = ["file_list"]
        may_grant_always = false
        time_zone = "Europe/Berlin"
        [models.house]
        kind = "openai"
        base_url = "https://house.example/ollama"
        host = "openwebui"
        api_key = "sk-plain"
        model = "qwen3:8b"
        max_output_tokens = 1_000
        context_tokens = 8192
        temperature = 1
        max_rounds = 4
        first_byte_timeout = "1h 30m"
        idle_timeout = "250ms"
        retries = 0
        price_per_million_prompt = 0.15
        price_per_million_completion = 2
        [profiles.homework]
        model = "house"
        system_append = "Explain, do not solve."
        inject_datetime = false
        inject_mode = false
        tools = []
        max_rounds = 2
        temperature = 0.5
        [gate]
        expires_after = "7d"
        keywords.yes = ["Ja"]
        [tools]
        time_limit = "1m"
        output_limit_bytes = 4096
        confirm.file_write = "always"
        [shutdown]
        grace = "3s"
        [log]
        filter = "warn, cortex::engine=debug"
        format = "json"
        "#,
    );
    assert!(settings.store.path.ends_with("state/bot.db") && settings.store.path.is_absolute());
    assert_eq!(settings.access.daily_tokens_per_user, Some(1000));
    let terminal = &settings.connectors[&ConnectorName::from("terminal")];
    assert!(matches!(terminal.kind, ConnectorKind::Console));

    let alice = &settings.users[&UserName("alice".to_owned())];
    let matrix_like = Identity {
        connector: "terminal".into(),
        sender: SenderId::from("@alice:example.org"),
    };
    assert!(alice.identities.contains(&matrix_like));
    assert_eq!(
        (alice.role, alice.max_risk, alice.may_grant_always),
        (Role::Admin, Risk::High, false)
    );
    assert!(alice.allow.contains("file_read") && alice.ask.contains("clock") && alice.block.contains("file_delete"));
    assert!(alice.include.contains("file_write") && alice.exclude.contains("file_list"));
    assert_eq!(alice.time_zone.as_deref(), Some("Europe/Berlin"));

    let house = &settings.models["house"];
    let ModelKind::OpenAi(host) = &house.kind else {
        panic!("the kind is openai")
    };
    assert_eq!(
        (host.base_url.as_str(), host.host),
        ("https://house.example/ollama", ModelHost::OpenWebUi)
    );
    assert_eq!(
        (house.first_byte_timeout, house.idle_timeout),
        (Duration::from_mins(90), Duration::from_millis(250))
    );
    let prices = Prices {
        prompt_micros_per_million: 150_000,
        completion_micros_per_million: 2_000_000,
    };
    assert_eq!(house.prices, Some(prices));
    assert_eq!(
        (house.max_output_tokens, house.temperature, house.retries),
        (Some(1000), Some(1.0), 0)
    );

    let homework = &settings.profiles["homework"];
    assert!(homework.tools.as_ref().is_some_and(std::collections::BTreeSet::is_empty));
    assert!(!homework.inject_datetime && !homework.inject_mode);
    assert_eq!(settings.profiles["chat"].tools, None);

    assert_eq!(settings.gate.expires_after, Duration::from_hours(7 * 24));
    assert_eq!(settings.gate.keywords.yes, ["ja"]);
    assert_eq!(settings.tools.confirm["file_write"], ConfirmOverride::Always);
    assert_eq!(settings.log.filter, "warn,cortex::engine=debug");
}

#[test]
fn first_model_of_the_file_is_the_default() {
    let both = "models.zeta.kind = \"demo\"\nmodels.alpha.kind = \"demo\"\n";
    assert_eq!(settings(both).profiles["chat"].model, "zeta");
    let chosen = format!("{both}profiles.other = {{}}\nprofiles.chat.model = \"alpha\"\n");
    assert_eq!(settings(&chosen).profiles["chat"].model, "alpha");
    assert_eq!(
        settings(&chosen).profiles["other"].model,
        "alpha",
        "a profile without a model takes that of chat"
    );
}

#[test]
fn folders_follow_the_service_then_the_user() {
    let of = |variables: &[(&str, &str)]| {
        let paths = config::paths(&environment(variables)).unwrap();
        format!("{} {}", paths.config_file.display(), paths.data_dir.display())
    };
    assert_eq!(
        of(&[]),
        "/home/alice/.config/cortex/config.toml /home/alice/.local/share/cortex"
    );
    assert_eq!(
        of(&[("XDG_CONFIG_HOME", "/c"), ("XDG_DATA_HOME", "/d")]),
        "/c/cortex/config.toml /d/cortex"
    );
    assert_eq!(of(&[("XDG_DATA_HOME", "relative")]), of(&[]));
    let service = [
        ("CONFIGURATION_DIRECTORY", "/etc/cortex"),
        ("STATE_DIRECTORY", "/var/lib/cortex:/var/lib/other"),
    ];
    assert_eq!(of(&service), "/etc/cortex/config.toml /var/lib/cortex");
    assert!(config::paths(&|_: &str| None).is_err());
}

#[test]
fn loading_a_missing_file_says_what_to_do() {
    let error = config::load(Path::new("/nowhere/cortex.toml"), &environment(&[]), &TOOLS).unwrap_err();
    insta::assert_snapshot!(error, @"
    /nowhere/cortex.toml: cannot be read (No such file or directory (os error 2)); write one (config.example.toml shows every key) or name another
    ");
}

#[test]
fn pointless_settings_are_warned_about() {
    let text = r#"
        [models.remote]
        kind = "openai"
        base_url = "http://house.example/v1"
        model = "m"
        api_key = "sk"
        [connectors.console]
        kind = "console"
        [users.alice]
        allow = ["clock"]
        block = ["clock"]
    "#;
    insta::assert_snapshot!(warnings(text), @"
    cortex.toml:6:19: models.remote.api_key: is sent unencrypted to another machine; use https in `base_url`
    cortex.toml:9:10: users: names nobody with an identity; nobody will be answered before they are let in with `cortex users pair`; or add one to [users.NAME]
    cortex.toml:10:17: users.alice.allow: has no effect on `clock`; `block` names it too and wins
    ");
    insta::assert_snapshot!(warnings(SMALLEST), @"
    cortex.toml:1:1: connectors: names no connector; nobody can reach the bot; add [connectors.NAME]
    ");
}

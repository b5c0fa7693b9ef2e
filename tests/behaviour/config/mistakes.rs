//! Each mistake that a person can make in a config, and the words that put it right.

use super::{SMALLEST, complaints};

/// The complaints about a config that is right but for `text`.
fn complaints_about(text: &str) -> String {
    complaints(&format!("{SMALLEST}{text}"))
}

#[test]
fn unknown_key_names_the_one_that_was_meant() {
    insta::assert_snapshot!(complaints_about("engine.max_round = 3"), @"
    cortex.toml:2:8: engine.max_round: there is no such key; did you mean `max_rounds`?
    ");
    insta::assert_snapshot!(complaints_about("[shutdown]\npatience = \"3s\""), @"
    cortex.toml:3:1: shutdown.patience: there is no such key; known are: grace
    ");
    insta::assert_snapshot!(complaints_about("[engin]\nmax_rounds = 3"), @"
    cortex.toml:2:2: engin: there is no such key; did you mean `engine`?
    ");
    insta::assert_snapshot!(complaints_about("\"a b\\u0000\" = 1"), @r#"
    cortex.toml:2:1: "a b\0": there is no such key; known are: store, connectors, models, access, users, profiles, engine, gate, tools, shutdown, log
    "#);
}

#[test]
fn unknown_keys_are_refused_in_every_section() {
    let sections = cortex::config::keys()
        .iter()
        .filter_map(|key| Some(key.rsplit_once('.')?.0.replace("NAME", "demo")))
        .collect::<std::collections::BTreeSet<String>>();
    assert!(sections.len() > 12, "{sections:?}");
    for section in sections {
        let message = complaints_about(&format!(
            "connectors.demo.kind = \"console\"\n{section}.no_such_key_anywhere = 1"
        ));
        assert!(
            message.contains(&format!("{section}.no_such_key_anywhere: ")),
            "{section}: {message}"
        );
    }
    // The demo model has no key, so a host has to show that a secret's table refuses them too.
    let host = "[models.x]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"http://localhost\"\napi_key = { fil = \"x\" }";
    insta::assert_snapshot!(complaints(host), @"
    cortex.toml:5:11: models.x.api_key: must say where the secret is; give exactly one of `file`, `env` and `credential`
    cortex.toml:5:13: models.x.api_key.fil: there is no such key; did you mean `file`?
    ");
}

#[test]
fn wrong_types_name_the_right_one() {
    insta::assert_snapshot!(complaints_about("engine.max_rounds = \"many\""), @"
    cortex.toml:2:21: engine.max_rounds: is a string; it must be an integer from 1 to 1000
    ");
    insta::assert_snapshot!(complaints_about("engine.turn_timeout = 30"), @r#"
    cortex.toml:2:23: engine.turn_timeout: is an integer; it must be a duration such as "250ms", "30s", "24h" or "7d"
    "#);
    insta::assert_snapshot!(complaints_about("engine.system_prompt = 1979-05-27"), @"
    cortex.toml:2:24: engine.system_prompt: is a date; it must be a string
    ");
    insta::assert_snapshot!(complaints_about("gate.allow_always = \"yes\""), @"
    cortex.toml:2:21: gate.allow_always: is a string; it must be true or false, without quotes
    ");
    insta::assert_snapshot!(complaints_about("gate.keywords.yes = \"yes\""), @r#"
    cortex.toml:2:21: gate.keywords.yes: is a string; it must be a list of strings, such as ["one", "two"]
    "#);
    insta::assert_snapshot!(complaints_about("access.mode = true"), @r#"
    cortex.toml:2:15: access.mode: is a boolean; it must be "known" or "open"
    "#);
    insta::assert_snapshot!(complaints_about("profiles.chat.temperature = \"hot\""), @"
    cortex.toml:2:29: profiles.chat.temperature: is a string; it must be a number from 0 to 2
    ");
    insta::assert_snapshot!(complaints_about("gate = 1"), @"cortex.toml:2:8: gate: is an integer; it must be a table");
    insta::assert_snapshot!(complaints_about("[[users]]\nname = \"alice\""), @"
    cortex.toml:2:1: users: is a list; it must be a table
    ");
}

#[test]
fn wrong_values_name_the_allowed_ones() {
    insta::assert_snapshot!(complaints_about("access.mode = \"opne\""), @r#"
    cortex.toml:2:15: access.mode: "opne" is not allowed here; it must be "known" or "open"
    "#);
    insta::assert_snapshot!(complaints_about("engine.max_rounds = 0"), @"
    cortex.toml:2:21: engine.max_rounds: 0 is out of range; it must be an integer from 1 to 1000
    ");
    insta::assert_snapshot!(complaints_about("engine.history_tokens = 99999999999999999999999999999999999999999999"), @"
    cortex.toml:2:25: engine.history_tokens: 99999999999999999999999999999999999999999999 is out of range; it must be an integer from 1 to 100000000
    ");
    insta::assert_snapshot!(complaints_about("gate.expires_after = \"0s\""), @r#"
    cortex.toml:2:22: gate.expires_after: "0s" is out of range; it must be from 1ms to 365d
    "#);
    insta::assert_snapshot!(complaints_about("gate.expires_after = \"soon\""), @r#"
    cortex.toml:2:22: gate.expires_after: "soon" is no duration; it must be a duration such as "250ms", "30s", "24h" or "7d"
    "#);
    insta::assert_snapshot!(complaints_about("gate.expires_after = \"-5s\""), @r#"
    cortex.toml:2:22: gate.expires_after: "-5s" is no duration; it must be a duration such as "250ms", "30s", "24h" or "7d"
    "#);
    insta::assert_snapshot!(complaints_about("gate.expires_after = \"1 month\""), @r#"
    cortex.toml:2:22: gate.expires_after: "1 month" is no duration; it must be a duration such as "250ms", "30s", "24h" or "7d"
    "#);
    insta::assert_snapshot!(complaints_about("profiles.chat.temperature = nan"), @"
    cortex.toml:2:29: profiles.chat.temperature: nan is out of range; it must be a number from 0 to 2
    ");
    insta::assert_snapshot!(complaints_about("profiles.chat.temperature = 2.5"), @"
    cortex.toml:2:29: profiles.chat.temperature: 2.5 is out of range; it must be a number from 0 to 2
    ");
    insta::assert_snapshot!(complaints_about("store.path = \"\""), @"
    cortex.toml:2:14: store.path: is empty; write a value or leave the key out
    ");
    insta::assert_snapshot!(complaints_about("log.filter = \"inof\""), @r#"
    cortex.toml:2:14: log.filter: "inof" is no level; it must be "off", "error", "warn", "info", "debug" or "trace"
    "#);
    insta::assert_snapshot!(complaints_about("log.filter = \"info,a b=debug\""), @r#"
    cortex.toml:2:14: log.filter: "a b=debug" is no module; write levels as in "info" or "info,cortex::engine=debug"
    "#);
    insta::assert_snapshot!(complaints_about("users.alice.time_zone = \"Berlin\""), @r#"
    cortex.toml:2:25: users.alice.time_zone: "Berlin" is no known time zone; write an IANA name such as "Europe/Berlin" or "UTC"
    "#);
    insta::assert_snapshot!(complaints_about("users.\"a b\" = {}"), @r#"
    cortex.toml:2:15: users."a b": is no usable name; take 1 to 64 letters a-z, A-Z, digits, `_`, `-` or `.`
    "#);
}

#[test]
fn syntax_errors_tell_the_place() {
    insta::assert_snapshot!(complaints("[models.demo\nkind = \"demo\"\n"), @"
    cortex.toml:1:13: is no valid TOML: unclosed table, expected `]`
    ");
    insta::assert_snapshot!(complaints("models.demo.kind = demo\n"), @"
    cortex.toml:1:20: is no valid TOML: string values must be quoted, expected literal string
    ");
    insta::assert_snapshot!(complaints("[store]\nmax_size_mib = 1\nmax_size_mib = 2\n"), @"
    cortex.toml:3:1: is no valid TOML: duplicate key
    ");
}

#[test]
fn all_mistakes_are_told_at_once_in_order() {
    let text = r#"
[models.a]
kind = "openai"
base_url = "house.example"

[profiles.chat]
model = "b"
tools = ["file_red"]

[gate]
expire_after = "1h"

[users.alice]
identities = ["telegram:1"]
"#;
    insta::assert_snapshot!(complaints(text), @r#"
    cortex.toml:2:1: models.a.model: is missing; write the provider's name of the model
    cortex.toml:4:12: models.a.base_url: is no address (relative URL without a base); write it in full, such as "http://localhost:11434/v1"
    cortex.toml:7:9: profiles.chat.model: there is no [models.b]; did you mean `a`?
    cortex.toml:8:10: profiles.chat.tools: there is no tool "file_red"; did you mean `file_read`?
    cortex.toml:11:1: gate.expire_after: there is no such key; did you mean `expires_after`?
    cortex.toml:14:15: users.alice.identities: there is no [connectors.telegram]; add it; the config has no connector yet
    "#);
}

#[test]
fn addresses_are_checked_and_never_repeated() {
    let with_url = |url: &str| complaints(&format!("[models.x]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"{url}\""));
    insta::assert_snapshot!(with_url("localhost:11434"), @"
    cortex.toml:4:12: models.x.base_url: begins with neither http:// nor https://; only these can be called
    ");
    insta::assert_snapshot!(with_url("/v1"), @r#"
    cortex.toml:4:12: models.x.base_url: is no address (relative URL without a base); write it in full, such as "http://localhost:11434/v1"
    "#);
    insta::assert_snapshot!(with_url("ftp://canary.example"), @"
    cortex.toml:4:12: models.x.base_url: begins with neither http:// nor https://; only these can be called
    ");
    insta::assert_snapshot!(with_url("https://user:canary@host.example/v1"), @"
    cortex.toml:4:12: models.x.base_url: contains a user or a password; put the key into `api_key`
    ");
    insta::assert_snapshot!(with_url("https://host.example/v1?key=canary"), @"
    cortex.toml:4:12: models.x.base_url: contains `?` or `#`; end it with the path; put the key into `api_key`
    ");
    assert!(!with_url("https://user:canary@host.example/v1?key=canary#canary").contains("canary"));
}

#[test]
fn models_are_checked() {
    insta::assert_snapshot!(complaints(""), @r#"
    cortex.toml:1:1: models: names no model; add [models.NAME] with `kind`, `base_url` and `model`, or with kind = "demo" for a first look
    "#);
    insta::assert_snapshot!(complaints("[models.x]"), @r#"
    cortex.toml:1:1: models.x.kind: is missing; it must be "openai" or "demo"
    cortex.toml:1:1: models.x.model: is missing; write the provider's name of the model
    "#);
    insta::assert_snapshot!(complaints("[models.x]\nkind = \"opanai\"\nbase_url = 1\nmodel = \"m\""), @r#"
    cortex.toml:2:8: models.x.kind: "opanai" is not allowed here; it must be "openai" or "demo"
    "#);
    insta::assert_snapshot!(complaints("[models.x]\nkind = \"demo\"\nbase_url = \"http://localhost\""), @"
    cortex.toml:3:1: models.x.base_url: there is no such key; known are: kind, model, max_output_tokens, context_tokens, temperature, max_rounds, first_byte_timeout, idle_timeout, retries, price_per_million_prompt, price_per_million_completion
    ");
    insta::assert_snapshot!(complaints("[models.x]\nkind = \"demo\"\nmax_output_tokens = 5\ncontext_tokens = 5"), @"
    cortex.toml:3:21: models.x.max_output_tokens: leaves no room for the conversation; it must be below `context_tokens`, which is 5
    ");
    insta::assert_snapshot!(complaints("[models.x]\nkind = \"demo\"\nprice_per_million_prompt = 0.1234567"), @r#"
    cortex.toml:1:1: models.x.price_per_million_completion: is missing; give both prices or none
    cortex.toml:3:28: models.x.price_per_million_prompt: "0.1234567" is no price; it must be a number from 0 to 1000000 with at most 6 decimals
    "#);
    insta::assert_snapshot!(complaints("[models.x]\nkind = \"demo\"\nprice_per_million_prompt = -1\nprice_per_million_completion = 1e3"), @r#"
    cortex.toml:3:28: models.x.price_per_million_prompt: "-1" is no price; it must be a number from 0 to 1000000 with at most 6 decimals
    cortex.toml:4:32: models.x.price_per_million_completion: "1e3" is no price; it must be a number from 0 to 1000000 with at most 6 decimals
    "#);
}

#[test]
fn profiles_name_models_and_tools_that_there_are() {
    insta::assert_snapshot!(complaints_about("profiles.chat.model = \"dmeo\""), @"
    cortex.toml:2:23: profiles.chat.model: there is no [models.dmeo]; did you mean `demo`?
    ");
    insta::assert_snapshot!(complaints_about("profiles.chat.model = \"something_else\""), @"
    cortex.toml:2:23: profiles.chat.model: there is no [models.something_else]; known are: demo
    ");
    insta::assert_snapshot!(complaints_about("profiles.chat.tools = [\"file_raed\", \"clock\", \"clock\", 1]"), @r#"
    cortex.toml:2:24: profiles.chat.tools: there is no tool "file_raed"; did you mean `file_read`?
    cortex.toml:2:46: profiles.chat.tools: "clock" is listed twice; name it once
    cortex.toml:2:55: profiles.chat.tools: is an integer; it must be a string
    "#);
    insta::assert_snapshot!(complaints_about("tools.confirm.file_wirte = \"always\""), @r#"
    cortex.toml:2:28: tools.confirm.file_wirte: there is no tool "file_wirte"; did you mean `file_write`?
    "#);
    insta::assert_snapshot!(complaints_about("tools.confirm.file_write = \"never\""), @r#"
    cortex.toml:2:28: tools.confirm.file_write: "never" is not allowed here; it must be "default" or "always"
    "#);
}

#[test]
fn identities_belong_to_one_user_on_a_connector_that_there_is() {
    let with_console = |text: &str| complaints_about(&format!("connectors.console.kind = \"console\"\n{text}"));
    let two = "[users.alice]\nidentities = [\"console:local\"]\n[users.bob]\nidentities = [\"console:local\"]";
    insta::assert_snapshot!(with_console(two), @"
    cortex.toml:6:15: users.bob.identities: already belongs to [users.alice]; an identity belongs to one user and is named once
    ");
    insta::assert_snapshot!(with_console("users.alice.identities = [\"console:a\", \"console:a\"]"), @"
    cortex.toml:3:40: users.alice.identities: already belongs to this user; an identity belongs to one user and is named once
    ");
    insta::assert_snapshot!(with_console("users.alice.identities = [\"consol:local\"]"), @"
    cortex.toml:3:27: users.alice.identities: there is no [connectors.consol]; did you mean `console`?
    ");
    insta::assert_snapshot!(with_console("users.alice.identities = [\"alice\", \"console:\", \":x\"]"), @r#"
    cortex.toml:3:27: users.alice.identities: "alice" is no identity; write "CONNECTOR:ID" with the platform's own id of the person, such as "console:local"
    cortex.toml:3:36: users.alice.identities: "console:" is no identity; write "CONNECTOR:ID" with the platform's own id of the person, such as "console:local"
    cortex.toml:3:48: users.alice.identities: ":x" is no identity; write "CONNECTOR:ID" with the platform's own id of the person, such as "console:local"
    "#);
    insta::assert_snapshot!(complaints_about("users.alice.identities = [\"console:local\"]"), @"
    cortex.toml:2:27: users.alice.identities: there is no [connectors.console]; add it; the config has no connector yet
    ");
}

#[test]
fn telegram_mistakes_name_key_and_fix_and_never_the_token() {
    let telegram = |text: &str| complaints_about(&format!("[connectors.tg]\nkind = \"telegram\"\n{text}"));
    insta::assert_snapshot!(telegram(""), @"
    cortex.toml:2:1: connectors.tg.token: is missing; write the token that @BotFather gave you, or where it is kept
    ");
    insta::assert_snapshot!(telegram("token = \"canary\""), @"
    cortex.toml:4:9: connectors.tg.token: is no token of a bot; it has the form 123456789:ABC…, as @BotFather gives it
    ");
    insta::assert_snapshot!(telegram("token = \"1:a\"\napi_url = \"https://me:canary@api.telegram.org\""), @"
    cortex.toml:5:11: connectors.tg.api_url: contains a user or a password; put the key into `token`
    ");
    insta::assert_snapshot!(telegram("token = \"1:a\"\npoll_timeout = \"2m\""), @r#"
    cortex.toml:5:16: connectors.tg.poll_timeout: "2m" is out of range; it must be from 1s to 50s
    "#);
    insta::assert_snapshot!(telegram("token = \"1:a\"\npace.rooms = \"1s\""), @"
    cortex.toml:5:6: connectors.tg.pace.rooms: there is no such key; did you mean `room`?
    ");
    insta::assert_snapshot!(telegram("token = \"1:a\"\npace.room_calls_per_minute = 0"), @"
    cortex.toml:5:30: connectors.tg.pace.room_calls_per_minute: 0 is out of range; it must be an integer from 1 to 100000
    ");
}

#[test]
fn connectors_of_other_builds_are_told_apart_from_mistakes() {
    let matrix = "[connectors.mx]\nkind = \"matrix\"\ntoken = \"canary\"\n[users.alice]\nidentities = [\"mx:1\"]";
    insta::assert_snapshot!(complaints_about(matrix), @r#"
    cortex.toml:3:8: connectors.mx.kind: "matrix" is not part of this build; it has "telegram" or "console"
    "#);
    insta::assert_snapshot!(complaints_about("connectors.x.kind = \"consle\""), @r#"
    cortex.toml:2:21: connectors.x.kind: "consle" is not allowed here; it must be "telegram" or "console"
    "#);
    insta::assert_snapshot!(complaints_about("connectors.x = {}"), @r#"
    cortex.toml:2:16: connectors.x.kind: is missing; it must be "telegram" or "console"
    "#);
    insta::assert_snapshot!(complaints_about("connectors.x.kind = \"console\"\nconnectors.y.kind = \"console\""), @"
    cortex.toml:3:21: connectors.y.kind: is a second console; there is one terminal; remove one of the two
    ");
}

#[test]
fn open_access_needs_a_budget() {
    insta::assert_snapshot!(complaints_about("access.mode = \"open\""), @"
    cortex.toml:2:1: access.daily_tokens_per_user: is missing; open access needs a budget: strangers would spend without end
    ");
    insta::assert_snapshot!(complaints_about("access.mode = \"open\"\naccess.daily_tokens_per_user = 0"), @"
    cortex.toml:3:32: access.daily_tokens_per_user: 0 is out of range; it must be an integer from 1 to 4294967295
    ");
}

#[test]
fn lists_of_tools_do_not_contradict() {
    insta::assert_snapshot!(complaints_about("[users.a]\ninclude = [\"clock\"]\nexclude = [\"clock\"]"), @"
    cortex.toml:3:11: users.a.include: names `clock`, as `exclude` does; name it in one of them
    ");
}

#[test]
fn keywords_have_one_meaning() {
    insta::assert_snapshot!(complaints_about("gate.keywords.yes = [\"Session\", \"ja\"]"), @r#"
    cortex.toml:2:21: gate.keywords.yes: names "session", as `session` does; a word has one meaning; lists that are left out have their defaults
    "#);
    insta::assert_snapshot!(complaints_about("gate.keywords.yes = [\"ja\", \"JA\"]"), @r#"
    cortex.toml:2:21: gate.keywords.yes: names "ja" twice; name it once
    "#);
    insta::assert_snapshot!(complaints_about("gate.keywords.no = [\"\", \"go away\", \"no.\"]"), @r#"
    cortex.toml:2:21: gate.keywords.no: "" is no keyword; write a single word without full stops around it
    cortex.toml:2:25: gate.keywords.no: "go away" is no keyword; write a single word without full stops around it
    cortex.toml:2:36: gate.keywords.no: "no." is no keyword; write a single word without full stops around it
    "#);
}

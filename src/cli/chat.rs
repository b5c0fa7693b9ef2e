//! `cortex chat`: the daemon for one person in this terminal. Needs no config: it finds a model, and says which.

use super::{logging, runtime, setup};
use crate::clock::Clock;
use crate::config::{
    self, ConnectorKind, ConnectorSettings, Embedded, EmbeddedDefaults, Environment as _, FolderSettings, Identity,
    ModelHost, ModelKind, ModelSettings, OpenAiSettings, ProcessEnvironment, ProfileSettings, Settings, UserSettings,
};
use crate::daemon::{Daemon, model_clients};
use crate::domain::{Role, TurnId, UserName};
use crate::models::discover::{self, FoundModel};
use crate::turn::TurnEvent;
use anyhow::Context as _;
use clap::Args;
use cortex_chat::{ConnectorName, SenderId};
use cortex_console::{GateAnswer, Mode};
use serde::Serialize;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub(super) struct Arguments {
    /// A config; without it the one in your config folder, and without that embedded defaults
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Keep the store in this folder instead of your data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Let the file tools work in this folder
    #[arg(long, value_name = "DIR")]
    files: Option<PathBuf>,
    /// Use the demo model, whatever else there is
    #[arg(long)]
    demo: bool,
    /// Send one message, print the answer, and leave
    #[arg(long, value_name = "TEXT")]
    once: Option<String>,
    /// With --once: allow what needs confirmation
    #[arg(long, requires = "once")]
    yes: bool,
    /// With --once: deny what needs confirmation (the default)
    #[arg(long, requires = "once", conflicts_with = "yes")]
    no: bool,
    /// Print every event of every turn as a line of JSON instead of messages
    #[arg(long)]
    json: bool,
}

/// The connector and the sender that stand for this terminal.
const CONSOLE: &str = "console";
const LOCAL_SENDER: &str = "local";

pub(super) fn main(arguments: Arguments) -> anyhow::Result<ExitCode> {
    runtime()?.block_on(run(arguments))
}

async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Prepared {
        settings,
        notes,
        history,
    } = prepare(&arguments).await?;
    let mode = match arguments.once {
        Some(text) => Mode::Once {
            text: text.into(),
            gate: gate_answer(arguments.yes, arguments.no),
        },
        None => Mode::of_process(),
    };
    match &mode {
        Mode::Interactive => {
            let log = settings.store.path.with_extension("log");
            logging::to_file(&settings.log, &log).with_context(|| format!("the log {} cannot be written", log.display()))?;
            for note in &notes {
                println!("{note}");
            }
            println!("Type a message, /help for commands, Ctrl-D to leave.\n");
        }
        Mode::Plain | Mode::Once { .. } => {
            let quiet = config::LogSettings {
                filter: "warn".to_owned(),
                ..settings.log.clone()
            };
            logging::to_stderr(&quiet);
            for note in &notes {
                eprintln!("{note}");
            }
        }
    }
    let quit = CancellationToken::new();
    setup::quit_on_signals(quit.clone())?;
    let mut console = cortex_console::Settings::new(ConnectorName::from(CONSOLE), mode, quit.clone());
    console.history = Some(history);
    let outcome = console.outcome.clone();
    let connector = build_console(console, arguments.json);
    let daemon = Daemon::start(&settings, &model_clients(&settings)?, vec![connector], Clock::system()).await?;
    let listener = tokio::spawn(listen(daemon.turn_events(), arguments.json, outcome.clone()));
    let ended = daemon.run_until(quit).await;
    listener.await.context("the listener to turns broke down")?;
    ended?;
    Ok(if outcome.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn gate_answer(yes: bool, no: bool) -> GateAnswer {
    match (yes, no) {
        (true, _) => GateAnswer::Yes,
        (_, true) => GateAnswer::No,
        _ => GateAnswer::Deny,
    }
}

/// With `--json` the events are the output, so messages are not printed.
fn build_console(settings: cortex_console::Settings, json: bool) -> cortex_chat::Connector {
    if !json {
        return cortex_console::build(settings);
    }
    let mut streams = cortex_console::Streams::of_process(&settings.mode);
    streams.output = Box::new(std::io::sink());
    streams.errors = Box::new(std::io::sink());
    cortex_console::build_on(settings, streams)
}

#[derive(Serialize)]
struct Line<'a> {
    turn: TurnId,
    #[serde(flatten)]
    event: &'a TurnEvent,
}

/// Notes failures for the exit code, and prints events where they are wanted; ends when the daemon does.
async fn listen(mut events: broadcast::Receiver<(TurnId, TurnEvent)>, json: bool, outcome: cortex_console::Outcome) {
    loop {
        match events.recv().await {
            Ok((turn, event)) => {
                if matches!(event, TurnEvent::Error { .. }) {
                    outcome.mark_failed();
                }
                if json && let Ok(line) = serde_json::to_string(&Line { turn, event: &event }) {
                    let mut out = std::io::stdout().lock();
                    // A reader that has gone ends the output, not the turn.
                    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
                }
            }
            Err(broadcast::error::RecvError::Lagged(missed)) => {
                tracing::warn!(events.missed = missed, "the output was too slow for the events");
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

struct Prepared {
    settings: Settings,
    notes: Vec<String>,
    history: PathBuf,
}

/// The settings: from a config where there is one, else embedded defaults with the first model that can be found.
async fn prepare(arguments: &Arguments) -> anyhow::Result<Prepared> {
    let default_config = setup::default_config_file()?;
    let config = arguments
        .config
        .clone()
        .or_else(|| default_config.is_file().then_some(default_config));
    let mut notes = Vec::new();
    let mut settings = match &config {
        Some(path) => {
            notes.push(format!("Config: {}", path.display()));
            setup::load(path)?
        }
        None => {
            let embedded = embedded()?;
            if arguments.files.is_none() {
                notes.push(embedded.folder_note);
            }
            embedded.settings
        }
    };
    if let Some(data) = &arguments.data {
        std::fs::create_dir_all(data).with_context(|| format!("the folder {} cannot be made", data.display()))?;
        let data = data
            .canonicalize()
            .with_context(|| format!("the folder {} cannot be used", data.display()))?;
        settings.store.path = data.join("cortex.db");
    }
    if arguments.demo {
        use_model(&mut settings, ModelSettings::new(ModelKind::Demo, "demo"));
        notes.push("The model is the demo, as asked: a few rules, not a language model.".to_owned());
    } else if config.is_none() {
        find_model(&mut settings, &mut notes).await;
    }
    if let Some(files) = &arguments.files {
        let path = files
            .canonicalize()
            .with_context(|| format!("the folder {} cannot be used", files.display()))?;
        notes.push(format!(
            "The file tools work in the folder {}; writing asks first.",
            path.display()
        ));
        let excluded = settings
            .tools
            .files
            .folders
            .values()
            .flat_map(|folder| folder.excluded.clone())
            .collect();
        settings.tools.files.folders = [(
            "here".to_owned(),
            FolderSettings {
                path,
                writable: true,
                excluded,
            },
        )]
        .into_iter()
        .collect();
    }
    exclude_state(&mut settings);
    make_folders(&settings)?;
    this_terminal(&mut settings);
    let history = settings.store.path.with_file_name("console_history");
    Ok(Prepared {
        settings,
        notes,
        history,
    })
}

fn embedded() -> anyhow::Result<Embedded> {
    let paths = config::paths(&ProcessEnvironment)?;
    let working_dir = std::env::current_dir().context("the working folder cannot be told")?;
    let home_dir = ProcessEnvironment
        .var("HOME")
        .map_or_else(|| working_dir.clone(), PathBuf::from);
    Ok(Settings::embedded(&EmbeddedDefaults {
        data_dir: paths.data_dir,
        working_dir,
        home_dir,
        login_name: setup::login_name(),
    }))
}

async fn find_model(settings: &mut Settings, notes: &mut Vec<String>) {
    let found = discover::discover(|name| ProcessEnvironment.var(name), discover::OLLAMA_TIMEOUT).await;
    notes.push(found.why);
    let model = match found.model {
        FoundModel::Demo => ModelSettings::new(ModelKind::Demo, "demo"),
        FoundModel::OpenAi(openai) => {
            let kind = ModelKind::OpenAi(OpenAiSettings {
                base_url: openai.base_url,
                host: ModelHost::Standard,
                api_key: openai.api_key,
            });
            ModelSettings::new(kind, openai.model)
        }
    };
    use_model(settings, model);
}

fn use_model(settings: &mut Settings, model: ModelSettings) {
    let name = match model.kind {
        ModelKind::Demo => "demo",
        ModelKind::OpenAi(_) => "found",
    };
    settings.models.insert(name.to_owned(), model);
    let chat = settings.profiles.entry(config::CHAT_PROFILE.to_owned());
    name.clone_into(&mut chat.or_insert_with(|| ProfileSettings::new(name)).model);
}

/// The file tools never reach the store, wherever `--data` put it.
fn exclude_state(settings: &mut Settings) {
    let Some(state) = settings.store.path.parent().map(std::path::Path::to_owned) else {
        return;
    };
    for folder in settings.tools.files.folders.values_mut() {
        if !folder.excluded.contains(&state) {
            folder.excluded.push(state.clone());
        }
    }
}

fn make_folders(settings: &Settings) -> anyhow::Result<()> {
    for folder in settings.tools.files.folders.values() {
        std::fs::create_dir_all(&folder.path)
            .with_context(|| format!("the folder {} for files cannot be made", folder.path.display()))?;
    }
    Ok(())
}

/// Who sits at this terminal may read the store and the config anyway: they are its admin, unless the config says who they are.
fn this_terminal(settings: &mut Settings) {
    let connector = ConnectorName::from(CONSOLE);
    settings.connectors = [(
        connector.clone(),
        ConnectorSettings {
            kind: ConnectorKind::Console,
        },
    )]
    .into_iter()
    .collect();
    let identity = Identity {
        connector: connector.clone(),
        sender: SenderId::from(LOCAL_SENDER),
    };
    if settings.users.values().any(|user| user.identities.contains(&identity)) {
        return;
    }
    let name = UserName(setup::login_name());
    let user = settings.users.entry(name).or_insert_with(|| UserSettings {
        role: Role::Admin,
        for_this_run: true,
        ..UserSettings::default()
    });
    user.identities.insert(identity);
}

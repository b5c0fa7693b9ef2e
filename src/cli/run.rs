//! `cortex run`: the daemon, until it is told to end.

use super::{logging, runtime, setup};
use crate::clock::Clock;
use crate::config::{ConnectorKind, Settings};
use crate::daemon::{Daemon, model_clients};
use clap::Args;
use cortex_chat::Connector;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio_util::sync::CancellationToken;

/// Longer than a far platform over a bad line needs.
#[cfg(feature = "telegram")]
const CONNECT_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The config; by default the one in your config folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.config.clone().map_or_else(setup::default_config_file, Ok)?;
    let settings = setup::load(&path)?;
    runtime()?.block_on(run(&settings))
}

async fn run(settings: &Settings) -> anyhow::Result<ExitCode> {
    logging::to_stderr(&settings.log);
    setup::raise_file_limit();
    let quit = CancellationToken::new();
    setup::quit_on_signals(quit.clone())?;
    let console_outcome = cortex_console::Outcome::default();
    let connectors = connectors(settings, &quit, &console_outcome)?;
    let names: Vec<&str> = connectors.iter().map(|connector| connector.name.as_str()).collect();
    tracing::info!(connectors = ?names, store = %settings.store.path.display(), "starting");
    let daemon = Daemon::start(settings, &model_clients(settings)?, connectors, Clock::system()).await?;
    tracing::info!("ready");
    daemon.run_until(quit).await?;
    tracing::info!("stopped");
    Ok(if console_outcome.failed() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The connectors of the settings. A console is built where the daemon has been given one; it leaves with its input.
fn connectors(
    settings: &Settings,
    quit: &CancellationToken,
    outcome: &cortex_console::Outcome,
) -> anyhow::Result<Vec<Connector>> {
    let mut connectors = Vec::with_capacity(settings.connectors.len());
    for (name, connector) in &settings.connectors {
        connectors.push(match &connector.kind {
            ConnectorKind::Console => {
                let mode = cortex_console::Mode::of_process();
                let mut console = cortex_console::Settings::new(name.clone(), mode, quit.clone());
                console.outcome = outcome.clone();
                cortex_console::build(console)
            }
            #[cfg(feature = "telegram")]
            ConnectorKind::Telegram(telegram) => telegram_connector(name, telegram)?,
        });
    }
    Ok(connectors)
}

#[cfg(feature = "telegram")]
fn telegram_connector(
    name: &cortex_chat::ConnectorName,
    telegram: &crate::config::TelegramSettings,
) -> anyhow::Result<Connector> {
    use anyhow::Context as _;
    let tls = telegram.api_url.scheme() == "https";
    let http = cortex_telegram::HttpFactory::new(move || {
        if tls {
            crate::models::http_client(CONNECT_TIMEOUT)
        } else {
            crate::models::http_client_without_tls(CONNECT_TIMEOUT)
        }
    });
    let commands = crate::router::COMMANDS
        .iter()
        .map(|(name, description)| ((*name).to_owned(), (*description).to_owned()));
    let settings = cortex_telegram::Settings {
        name: name.clone(),
        token: telegram.token.clone(),
        api_url: telegram.api_url.clone(),
        poll_timeout: telegram.poll_timeout,
        pace: telegram.pace,
        commands: commands.collect(),
        http,
    };
    cortex_telegram::build(settings).with_context(|| format!("the connector {name} could not be made"))
}

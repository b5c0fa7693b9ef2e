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
    let quit = CancellationToken::new();
    setup::quit_on_signals(quit.clone())?;
    let console_outcome = cortex_console::Outcome::default();
    let connectors = connectors(settings, &quit, &console_outcome);
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
fn connectors(settings: &Settings, quit: &CancellationToken, outcome: &cortex_console::Outcome) -> Vec<Connector> {
    settings
        .connectors
        .iter()
        .map(|(name, connector)| match connector.kind {
            ConnectorKind::Console => {
                let mode = cortex_console::Mode::of_process();
                let mut console = cortex_console::Settings::new(name.clone(), mode, quit.clone());
                console.outcome = outcome.clone();
                cortex_console::build(console)
            }
        })
        .collect()
}

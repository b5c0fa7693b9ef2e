//! What subcommands share on their way to a daemon.

use crate::config::{self, ConfigErrors, Environment as _, Loaded, ProcessEnvironment};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Reads and checks a config, and prints its warnings.
pub(super) fn load(path: &Path) -> Result<config::Settings, ConfigErrors> {
    let known_tools = crate::daemon::known_tools();
    let Loaded { settings, warnings } = config::load(path, &ProcessEnvironment, &known_tools)?;
    for warning in warnings {
        eprintln!("cortex: warning: {warning}");
    }
    Ok(settings)
}

/// Where the config is when nobody says otherwise.
pub(super) fn default_config_file() -> anyhow::Result<PathBuf> {
    Ok(config::paths(&ProcessEnvironment)?.config_file)
}

/// The name of who runs this process.
pub(super) fn login_name() -> String {
    ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| ProcessEnvironment.var(name))
        .map(|name| name.to_lowercase())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')))
        .unwrap_or_else(|| "owner".to_owned())
}

/// Lets the process open as many files as it may: each turn that waits for its model holds a connection, and the limit that
/// processes begin with is often too low for a thousand of those.
pub(super) fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// Cancels the token when the system asks the process to end.
pub(super) fn quit_on_signals(quit: CancellationToken) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hang_up.recv() => {}
        }
        quit.cancel();
    });
    Ok(())
}

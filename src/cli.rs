//! The command line: one file a subcommand.

mod chat;
mod check;
mod logging;
mod run;
mod setup;
mod users;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// A chat-bot daemon that thinks with the models you choose, acts with tools, and asks before anything dangerous.
#[derive(Debug, Parser)]
#[command(name = "cortex", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Talk in this terminal; needs no config
    Chat(chat::Arguments),
    /// Run the daemon
    Run(run::Arguments),
    /// Check a config and say what is wrong with it
    Check(check::Arguments),
    /// Tell who is served, let strangers in, remove them
    Users(users::Arguments),
}

/// Runs the command line and gives the exit code: 0 done, 1 failed, 2 wrong usage or config.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Chat(arguments) => chat::main(arguments),
        Command::Run(arguments) => run::main(&arguments),
        Command::Check(arguments) => check::main(&arguments),
        Command::Users(arguments) => users::main(arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("cortex: {error:#}");
        // A token that is refused is a setting that is wrong.
        let is_config = error.downcast_ref::<crate::config::ConfigErrors>().is_some()
            || matches!(error.downcast_ref(), Some(cortex_chat::InboundError::Fatal(_)));
        if is_config { ExitCode::from(2) } else { ExitCode::FAILURE }
    })
}

/// The runtime for everything: as many threads as cores, with little memory for each blocking call.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("cortex")
        .build()?)
}

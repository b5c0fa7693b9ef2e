//! `cortex users`: who is served, letting strangers in by the code that they were given, and removing them. Works on the store
//! beside a daemon that may be running on it.

use super::setup;
use crate::clock::Clock;
use crate::config::{self, ProcessEnvironment};
use crate::gate::in_one_line;
use crate::store::{KnownUser, Origin, PairingAnswer, PairingAttempt, Removal, StoreBeside, Stranger};
use crate::strings;
use anyhow::Context as _;
use clap::{Args, Subcommand};
use cortex_chat::{Document, Text};
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// Who did it, in the audit; no user has a name with a space.
const BY: &str = "command line";

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The config that names the database; by default the one in your config folder
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// The database itself; then no config is read
    #[arg(long, value_name = "FILE", global = true, conflicts_with = "config")]
    store: Option<PathBuf>,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Tell who is served, and how they reach the bot
    List,
    /// Let the stranger in who was given this code
    Pair(PairArguments),
    /// Remove somebody who was let in with a code
    Remove {
        /// The user, or one CONNECTOR:ID of theirs
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Args)]
struct PairArguments {
    /// The code; the stranger has it from the bot
    #[arg(value_name = "CODE")]
    code: Text,
    /// The user whom they become; where there is one of that name already, they become that one
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Do not ask whether it is the right person
    #[arg(long)]
    yes: bool,
}

pub(super) fn main(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let path = store_path(arguments.store, arguments.config)?;
    let mut store = StoreBeside::open(&path, Clock::system())?;
    match arguments.action {
        Action::List => list(&mut store),
        Action::Pair(pairing) => pair(&mut store, &pairing),
        Action::Remove { name } => remove(&mut store, &name),
    }
}

fn store_path(store: Option<PathBuf>, config: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    if let Some(store) = store {
        return Ok(store);
    }
    let usual = config::paths(&ProcessEnvironment)?;
    match config.or_else(|| usual.config_file.is_file().then_some(usual.config_file)) {
        Some(config) => Ok(setup::load(&config)?.store.path),
        None => Ok(config::store_in(&usual.data_dir)),
    }
}

fn list(store: &mut StoreBeside) -> anyhow::Result<ExitCode> {
    let users = store.users()?;
    if users.is_empty() {
        println!("There are no users.");
    }
    for user in users {
        println!("{} ({}, {})", in_one_line(&user.name.0), user.role.as_str(), origin(&user));
        for (connector, sender, from) in &user.identities {
            let paired = if *from == Origin::Paired { " (paired)" } else { "" };
            println!("  {}{paired}", in_one_line(&format!("{connector}:{sender}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn origin(user: &KnownUser) -> &'static str {
    match user.origin {
        Origin::Config => "from the config",
        Origin::Paired => "paired",
        Origin::Open => "welcomed, since access is open",
    }
}

fn pair(store: &mut StoreBeside, arguments: &PairArguments) -> anyhow::Result<ExitCode> {
    let name = arguments.name.as_deref();
    let attempt = PairingAttempt {
        code: &arguments.code,
        id: None,
        name,
        by: BY,
        via: BY,
    };
    let stranger = match store.pair(&attempt)? {
        PairingAnswer::Found(stranger) => stranger,
        PairingAnswer::Refused(why) => return Ok(refused(&why.to_string())),
        PairingAnswer::Accepted(_) => anyhow::bail!("somebody was let in who was not confirmed"),
    };
    show(&stranger);
    if !arguments.yes && !is_confirmed(store, name)? {
        println!("Nobody was let in.");
        return Ok(ExitCode::FAILURE);
    }
    // What was seen is what is let in, whatever has become of the code meanwhile.
    let confirmed = PairingAttempt {
        id: Some(stranger.sender.as_str()),
        ..attempt
    };
    match store.pair(&confirmed)? {
        PairingAnswer::Accepted(accepted) => {
            let (user, role) = (in_one_line(&accepted.user.0), accepted.role.as_str());
            println!("They are now the user {user}, with the role {role}.");
            Ok(ExitCode::SUCCESS)
        }
        PairingAnswer::Refused(why) => Ok(refused(&why.to_string())),
        PairingAnswer::Found(_) => anyhow::bail!("the confirmation did not arrive"),
    }
}

fn show(stranger: &Stranger) {
    println!("The code was given to:");
    println!("  Connector: {}", in_one_line(stranger.connector.as_str()));
    println!("  Id: {}", in_one_line(stranger.sender.as_str()));
    if let Some(name) = &stranger.display_name {
        let name = in_one_line(&strings::claimed_name(name));
        println!("  They call themselves: {name} (their own words; anybody can take any name)");
    }
}

/// Asks on the terminal. Whoever gives a name may mean a new user and get one that there is, so it is said which.
fn is_confirmed(store: &mut StoreBeside, name: Option<&str>) -> anyhow::Result<bool> {
    anyhow::ensure!(
        std::io::stdin().is_terminal(),
        "nobody can be asked here whether it is the right person; add --yes if it is"
    );
    let users = store.users()?;
    let known = users.iter().find(|user| Some(user.name.0.as_str()) == name);
    let wish = match (name, known) {
        (Some(name), Some(user)) => {
            let (name, role) = (in_one_line(name), user.role.as_str());
            format!("Are they the user {name}, who has the role {role}?")
        }
        (Some(name), None) => format!("Let them in as the new user {}?", in_one_line(name)),
        (None, _) => "Let them in?".to_owned(),
    };
    print!("{wish} [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("the answer could not be read")?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn remove(store: &mut StoreBeside, name: &str) -> anyhow::Result<ExitCode> {
    let shown = in_one_line(name);
    let why_not = match store.remove(name, BY)? {
        Removal::User(user) => {
            println!("{} is a user no more.", in_one_line(&user.0));
            return Ok(ExitCode::SUCCESS);
        }
        Removal::Identity(user) => {
            println!("{shown} is the user {} no more.", in_one_line(&user.0));
            return Ok(ExitCode::SUCCESS);
        }
        Removal::NotPaired(Origin::Open) => format!("{shown} is served because access is open; access.mode decides that"),
        Removal::NotPaired(_) => format!("{shown} is in the config; take it out of [users] there"),
        Removal::Nobody => format!("there is no user or identity {shown}; `cortex users list` names them"),
    };
    anyhow::bail!(why_not)
}

/// The sentences are written for chats.
fn refused(why: &str) -> ExitCode {
    eprintln!("cortex: {}", Document::parse(why).to_plain_text());
    ExitCode::FAILURE
}

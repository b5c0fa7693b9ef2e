//! `cortex check`: reads the config and says all that is wrong with it, without opening the store or a socket.

use super::setup;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The config; by default the one in your config folder
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let path = arguments.config.clone().map_or_else(setup::default_config_file, Ok)?;
    let settings = setup::load(&path)?;
    println!("{} is sound.", path.display());
    println!("Store: {}", settings.store.path.display());
    for (name, profile) in &settings.profiles {
        println!("Profile {name}: model {}", profile.model);
    }
    for (name, folder) in &settings.tools.files.folders {
        let access = if folder.writable { "read and write" } else { "read only" };
        println!("Folder {name}: {} ({access})", folder.path.display());
    }
    for (name, user) in &settings.users {
        println!(
            "User {name}: {:?}, reached by {} identities",
            user.role,
            user.identities.len()
        );
    }
    Ok(ExitCode::SUCCESS)
}

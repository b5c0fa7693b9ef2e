//! The programs that are measured and measured with, built as people build them.

use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the workspace is.
pub(crate) fn workspace() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// Builds the daemon and the fakes, each by itself, so that none gets features of the other. Gives the folder they are in.
pub(crate) fn programs() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for package in ["cortex", "cortex-test-support"] {
        let built = Command::new(&cargo)
            .args(["build", "--release", "--bins", "--package", package])
            .current_dir(workspace())
            .status()
            .context("cargo cannot be started")?;
        if !built.success() {
            bail!("{package} cannot be built");
        }
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
    Ok(target.join("release"))
}

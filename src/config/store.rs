//! `[store]`: where the daemon keeps its state.

use std::path::PathBuf;

/// The store's file in the data folder, where the config names none.
pub(super) const FILE_NAME: &str = "cortex.db";

/// Where the daemon keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// The database file. Its folder is the daemon's own: files folders inside it are refused.
    pub path: PathBuf,
    /// Past this size the store takes no new requests; no limit where absent.
    pub max_size_mib: Option<u64>,
}

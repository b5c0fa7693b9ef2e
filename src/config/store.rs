//! `[store]`: where the daemon keeps its state.

use super::environment;
use super::reader::Section;
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

impl StoreSettings {
    pub(super) fn read(mut section: Section<'_>) -> Option<Self> {
        let environment = section.report().environment;
        let usual = environment::data_dir(environment).map(|folder| folder.join(FILE_NAME));
        let named = section.value("path");
        if named.is_none() && usual.is_none() {
            section.complain_about("path", "is missing", "no data folder is known: set HOME, or name a file here");
        }
        let path = named.map_or(usual, |value| value.path());
        let max_size_mib = section.read("max_size_mib", |value| value.integer(1..=u64::from(u32::MAX)));
        section.finish();
        Some(Self {
            path: path?,
            max_size_mib,
        })
    }
}

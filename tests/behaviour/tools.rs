//! The tools through their public door, with real folders.

mod hostile;
mod list_and_read;
mod paths;
mod registry;
mod search;
mod time;
mod write;

use cortex::domain::UserName;
use cortex::tools::{FolderSettings, Folders, Prepared, Registry, ToolContext, ToolError, built_in};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// Folders on disk and the tools over them: `notes` is writable; beside it lies what no tool may reach.
struct World {
    disk: TempDir,
    tools: Registry,
    context: ToolContext,
}

impl World {
    /// One writable folder, `notes`.
    fn new() -> Self {
        Self::with(&[("notes", true)], &["state"])
    }

    fn with(folders: &[(&str, bool)], excluded: &[&str]) -> Self {
        let disk = TempDir::new().unwrap();
        for name in folders.iter().map(|(name, _)| *name).chain(["state"]) {
            fs::create_dir_all(disk.path().join(name)).unwrap();
        }
        Self::over(disk, folders, excluded)
    }

    fn over(disk: TempDir, folders: &[(&str, bool)], excluded: &[&str]) -> Self {
        let settings: Vec<FolderSettings> = folders
            .iter()
            .map(|(name, writable)| FolderSettings {
                name: (*name).to_owned(),
                path: disk.path().join(name),
                writable: *writable,
            })
            .collect();
        let excluded: Vec<PathBuf> = excluded.iter().map(|path| disk.path().join(path)).collect();
        let folders = Folders::open(&settings, &excluded).unwrap();
        Self {
            disk,
            tools: tools_over(folders),
            context: context(),
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.disk.path().join(path)
    }

    fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn content(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    fn exists(&self, path: &str) -> bool {
        self.path(path).symlink_metadata().is_ok()
    }

    fn link(&self, from: &str, to: impl AsRef<Path>) {
        std::os::unix::fs::symlink(to, self.path(from)).unwrap();
    }

    async fn prepare(&self, tool: &str, arguments: &Value) -> Result<Prepared, ToolError> {
        self.tools.check_arguments(tool, arguments).unwrap();
        self.tools.get(tool).unwrap().prepare(arguments, &self.context).await
    }

    async fn run(&self, tool: &str, arguments: &Value, prepared: &Prepared) -> Result<String, ToolError> {
        let output = self.tools.get(tool).unwrap().run(arguments, prepared, &self.context).await?;
        Ok(output.text)
    }

    /// Prepares and runs at once, as for a tool that nobody is asked about.
    async fn call(&self, tool: &str, arguments: &Value) -> Result<String, ToolError> {
        let prepared = self.prepare(tool, arguments).await?;
        self.run(tool, arguments, &prepared).await
    }

    /// The sentence of a call that is refused before anything happens, by `prepare` and, unprepared, by `run` alike.
    async fn refusal(&self, tool: &str, arguments: &Value) -> String {
        let prepared = self.prepare(tool, arguments).await.unwrap_err();
        let run = self.run(tool, arguments, &Prepared::default()).await.unwrap_err();
        assert!(matches!(prepared, ToolError::Refused(_)), "{prepared:?}");
        assert!(!matches!(run, ToolError::Failed(_)), "{run:?}");
        let sentence = prepared.to_string();
        assert!(
            !sentence.contains(&*self.disk.path().to_string_lossy()),
            "a path of the host in: {sentence}"
        );
        sentence
    }
}

fn tools_over(folders: Folders) -> Registry {
    let now = "2026-03-29T00:30:00Z".parse().unwrap();
    built_in(&Arc::new(folders), Arc::new(move || now))
}

fn context() -> ToolContext {
    ToolContext {
        user: UserName("ada".to_owned()),
        time_zone: None,
        cancel: CancellationToken::new(),
    }
}

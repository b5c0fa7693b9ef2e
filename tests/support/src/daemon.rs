//! The real program with a home of its own: started in a terminal, for one message or behind a pipe, killed, and started again on
//! the same store.
//!
//! It ends with its [`Terminal`] or its [`Serving`]; the home goes with the [`TestDaemon`].

mod serving;

pub use serving::Serving;

use crate::disk::{Disk, Kept};
use crate::llm::LlmFake;
use crate::telegram::TelegramFake;
use crate::terminal::{CommandBuilder, Terminal};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Wide and high enough that a prompt is neither broken nor scrolled away.
const COLUMNS: u16 = 120;
const ROWS: u16 = 60;
/// A run for one message, or for a few lines, is over by then.
const RUN_WITHIN: Duration = Duration::from_secs(30);

/// A daemon that can be started, and everything that outlives its process.
pub struct TestDaemon {
    program: PathBuf,
    home: TempDir,
    /// Dotted keys with their TOML values; none for the quick start without a config.
    config: Option<BTreeMap<String, String>>,
    /// Where the folder of the store is one whose power can fail.
    disk: Option<Disk>,
}

/// What a run without a terminal gave.
#[derive(Debug)]
pub struct Ran {
    /// The exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub output: String,
    /// Standard error.
    pub errors: String,
}

impl TestDaemon {
    /// A daemon with a config: the fake as its model, alice at the terminal, and one folder, `files`, that may be written.
    pub fn on_fake(program: &str, fake: &LlmFake) -> Self {
        let daemon = Self::on_demo(program);
        let quoted = |text: &str| format!("{text:?}");
        let path = |path: &Path| quoted(&path.display().to_string());
        let config = [
            ("models.fake.kind", quoted("openai")),
            ("models.fake.base_url", quoted(&fake.base_url())),
            ("models.fake.model", quoted("test-model")),
            ("models.fake.retries", "0".to_owned()),
            ("users.alice.identities", "[\"console:local\"]".to_owned()),
            ("connectors.console.kind", quoted("console")),
            ("tools.files.folders.files.path", path(&daemon.files())),
            ("tools.files.folders.files.writable", "true".to_owned()),
            ("store.path", path(&daemon.store())),
            ("shutdown.grace", quoted("2s")),
        ];
        let config = config.into_iter().map(|(key, value)| (key.to_owned(), value));
        Self {
            config: Some(config.collect()),
            ..daemon
        }
    }

    /// A daemon with a config: the fake as its model, a bot on the Telegram fake, and the folder `files`. Alice is the person of
    /// this id. The bot may be used as fast as a test wants it.
    pub fn on_telegram(program: &str, fake: &LlmFake, telegram: &TelegramFake, alice: i64) -> Self {
        let mut daemon = Self::on_fake(program, fake);
        daemon.unset("connectors.console");
        daemon
            .with("connectors.telegram.kind", "\"telegram\"")
            .with("connectors.telegram.token", &format!("{:?}", telegram.token()))
            .with("connectors.telegram.api_url", &format!("{:?}", telegram.api_url()))
            .with("connectors.telegram.pace.one_to_one", "\"20ms\"")
            .with("connectors.telegram.pace.room", "\"20ms\"")
            .with("connectors.telegram.pace.room_calls_per_minute", "10000")
            .with("connectors.telegram.pace.account_calls_per_second", "0")
            .with("users.alice.identities", &format!("[\"telegram:{alice}\"]"))
    }

    /// A daemon as `cortex chat --demo` starts it, without a config; the folder is called `here`.
    pub fn on_demo(program: &str) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(home.path().join("files")).expect("a folder in it");
        Self {
            program: program.into(),
            home,
            config: None,
            disk: None,
        }
    }

    /// The same on a disk whose power can fail: see [`Self::lose_power`]. Holds for [`Self::serve`].
    #[must_use]
    pub fn on_recorded_disk(mut self) -> Self {
        let home = self.home.path().canonicalize().expect("the home is there");
        self.disk = Some(Disk::new(&home.join("data"), &home.join("disk.record")));
        self
    }

    /// Has the power fail after the daemon has died: of what it did not sync to the disk, only this is kept.
    pub fn lose_power(&self, kept: Kept) {
        self.disk().lose_power(kept);
    }

    /// Panics where the record of the disk does not tell of all that is in the store's folder; for when the daemon has ended.
    #[track_caller]
    pub fn check_record(&self) {
        self.disk().check();
    }

    fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("the daemon is on a recorded disk")
    }

    /// The same with a line of the config set: a dotted key and a TOML value. Holds from the next start on.
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.set(key, value);
        self
    }

    /// Sets a line of the config.
    pub fn set(&mut self, key: &str, value: &str) {
        self.lines().insert(key.to_owned(), value.to_owned());
    }

    /// Takes out every line of the config whose key begins so.
    pub fn unset(&mut self, key: &str) {
        self.lines().retain(|known, _| !known.starts_with(key));
    }

    fn lines(&mut self) -> &mut BTreeMap<String, String> {
        self.config.as_mut().expect("a daemon on the demo has no config")
    }

    /// The folder of the file tools.
    pub fn files(&self) -> PathBuf {
        self.home.path().join("files")
    }

    /// The database.
    pub fn store(&self) -> PathBuf {
        self.home.path().join("data/cortex.db")
    }

    /// Puts a file where the tools can reach it.
    pub fn write_file(&self, name: &str, content: &str) {
        fs::write(self.files().join(name), content).expect("the folder can be written");
    }

    /// What is in a file; `None` where there is none.
    pub fn read_file(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.files().join(name)).ok()
    }

    /// What the daemon logged while it held a terminal.
    pub fn log(&self) -> String {
        fs::read_to_string(self.store().with_extension("log")).unwrap_or_default()
    }

    /// Starts `cortex chat` in a terminal.
    pub fn chat(&self) -> Terminal {
        self.terminal(self.arguments("chat"), None)
    }

    /// The same, to die at a failpoint: `name`, or `name#2` for its second arrival.
    pub fn chat_dying_at(&self, failpoint: &str) -> Terminal {
        self.terminal(self.arguments("chat"), Some(failpoint))
    }

    /// Starts `cortex run` in a terminal, whose people are those of the config alone.
    pub fn run(&self) -> Terminal {
        self.terminal(self.arguments("run"), None)
    }

    /// Starts `cortex run` without a terminal, as a service is started.
    pub fn serve(&self) -> Serving {
        self.serving(None)
    }

    /// The same, to die at a failpoint.
    pub fn serve_dying_at(&self, failpoint: &str) -> Serving {
        self.serving(Some(failpoint))
    }

    fn serving(&self, failpoint: Option<&str>) -> Serving {
        let mut command = Command::new(&self.program);
        command
            .args(self.arguments("run"))
            .current_dir(self.home.path())
            .env_clear()
            .envs(self.environment())
            .envs(failpoint.map(|failpoint| ("CORTEX_FAILPOINT", failpoint)))
            .envs(self.disk.iter().flat_map(Disk::environment));
        Serving::start(command, &self.home.path().join("serving.log"))
    }

    /// Runs `cortex users` with these arguments behind a pipe.
    #[track_caller]
    pub fn users(&self, arguments: &[&str]) -> Ran {
        self.ran("users", arguments, "")
    }

    /// The same in a terminal.
    pub fn users_in_terminal(&self, arguments: &[&str]) -> Terminal {
        let mut all = self.arguments("users");
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        self.terminal(all, None)
    }

    fn terminal(&self, arguments: Vec<String>, failpoint: Option<&str>) -> Terminal {
        let mut command = CommandBuilder::new(&self.program);
        command.args(arguments);
        command.cwd(self.home.path());
        command.env_clear();
        for (name, value) in self.environment() {
            command.env(name, value);
        }
        if let Some(failpoint) = failpoint {
            command.env("CORTEX_FAILPOINT", failpoint);
        }
        Terminal::start(command, COLUMNS, ROWS).expect("the program starts in a terminal")
    }

    /// Runs `cortex chat --once`, with more arguments.
    pub fn once(&self, text: &str, arguments: &[&str]) -> Ran {
        let mut all = vec!["--once", text];
        all.extend(arguments);
        self.piped(&all, "")
    }

    /// Runs `cortex chat` with these arguments behind a pipe.
    #[track_caller]
    pub fn piped(&self, arguments: &[&str], input: &str) -> Ran {
        self.ran("chat", arguments, input)
    }

    #[track_caller]
    fn ran(&self, subcommand: &str, arguments: &[&str], input: &str) -> Ran {
        let mut child = Command::new(&self.program)
            .args(self.arguments(subcommand))
            .args(arguments)
            .current_dir(self.home.path())
            .env_clear()
            .envs(self.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = collect(child.stdout.take().expect("it is piped"));
        let errors = collect(child.stderr.take().expect("it is piped"));
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that ended early no longer reads; what it said tells why.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let deadline = Instant::now() + RUN_WITHIN;
        let status = loop {
            if let Some(status) = child.try_wait().expect("the program can be asked whether it ended") {
                break Some(status);
            }
            if Instant::now() >= deadline {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let output = output.join().expect("the reader ends with the pipe");
        let errors = errors.join().expect("the reader ends with the pipe");
        let Some(status) = status else {
            panic!("still running after {RUN_WITHIN:?}\noutput:\n{output}\nerrors:\n{errors}");
        };
        Ran {
            code: status.code().unwrap_or(-1),
            output,
            errors,
        }
    }

    fn arguments(&self, subcommand: &str) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let mut arguments = vec![subcommand.to_owned()];
        if let Some(config) = &self.config {
            let mut text = String::new();
            for (key, value) in config {
                let _ = writeln!(text, "{key} = {value}");
            }
            let file = self.home.path().join("cortex.toml");
            fs::write(&file, text).expect("the home can be written");
            arguments.extend(["--config".to_owned(), path(file)]);
        } else {
            let data = self.home.path().join("data");
            arguments.extend(["--demo", "--data"].map(str::to_owned));
            arguments.extend([path(data), "--files".to_owned(), path(self.files())]);
        }
        arguments
    }

    /// Nothing of the caller's: what is not here must not matter.
    fn environment(&self) -> Vec<(&'static str, String)> {
        let home = |folder: &str| self.home.path().join(folder).display().to_string();
        vec![
            ("HOME", home("")),
            ("XDG_CONFIG_HOME", home("config")),
            ("XDG_DATA_HOME", home("share")),
            ("USER", "alice".to_owned()),
            ("LANG", "C.UTF-8".to_owned()),
            ("TERM", "xterm-256color".to_owned()),
        ]
    }
}

fn collect(mut from: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

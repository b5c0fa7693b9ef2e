//! A Telegram, a model server and a daemon between them, each a process of its own, with a database on the disk.

use crate::Bench;
use crate::control::Control;
use crate::process::Process;
use crate::timeline::{ChatTimes, ModelCall, words};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A fake that we could not end is gone after this.
const FAKES_END_AFTER: &str = "900";
/// Between two looks at whether something has happened.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What differs from one world to the next.
#[derive(Default)]
pub(crate) struct Settings {
    /// Added to the config, as lines of TOML: first those of `[connectors.telegram.pace]`, then any tables.
    pub(crate) pace: &'static str,
    pub(crate) tables: &'static str,
}

/// The daemon comes first, so that it is gone before those whom it would miss.
pub(crate) struct World {
    pub(crate) daemon: Process,
    pub(crate) telegram: Telegram,
    pub(crate) model: Model,
    bench_verbose: bool,
    program: PathBuf,
    folder: TempDir,
}

/// The Telegram fake.
pub(crate) struct Telegram {
    control: Control,
    started: u64,
    token: String,
    api_url: String,
    _process: Process,
}

/// The model fake.
pub(crate) struct Model {
    control: Control,
    base_url: String,
    _process: Process,
}

impl World {
    /// Starts all three, and waits until the daemon polls.
    pub(crate) fn start(bench: &Bench, settings: &Settings) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("world").tempdir_in(&bench.disk)?;
        let telegram = Telegram::start(bench)?;
        let model = Model::start(bench)?;
        let config = config(&telegram, &model, settings);
        std::fs::write(folder.path().join("config.toml"), config)?;
        let program = bench.programs.join("cortex");
        let daemon = start_daemon(&program, &folder, bench.verbose)?;
        let world = Self {
            telegram,
            model,
            daemon,
            bench_verbose: bench.verbose,
            program,
            folder,
        };
        world.wait_for_poll(0)?;
        Ok(world)
    }

    /// Starts the daemon again, after it has been ended or killed.
    pub(crate) fn start_daemon_again(&mut self) -> Result<()> {
        self.daemon = start_daemon(&self.program, &self.folder, self.bench_verbose)?;
        Ok(())
    }

    /// Removes the database.
    pub(crate) fn forget_database(&self) -> Result<()> {
        let store = self.folder.path().join("store");
        std::fs::remove_dir_all(&store).with_context(|| format!("{} cannot be removed", store.display()))
    }

    /// When the first poll after so many others came.
    pub(crate) fn wait_for_poll(&self, after: usize) -> Result<u64> {
        wait_for("a poll", Duration::from_secs(20), || {
            Ok(self.telegram.polls()?.get(after).copied())
        })
    }

    /// One message after the other, each said when the one before was answered. Gives the chats.
    pub(crate) fn say_one_by_one(&self, first_chat: i64, chats: usize, rounds: usize) -> Result<()> {
        for round in 1..=rounds {
            for chat in (first_chat..).take(chats) {
                let before = self.telegram.times_of(chat)?.map_or(0, |times| times.sends.len());
                self.telegram.say(chat, &words(round, chat))?;
                wait_for("an answer", Duration::from_secs(30), || {
                    let sends = self.telegram.times_of(chat)?.map_or(0, |times| times.sends.len());
                    Ok((sends > before).then_some(()))
                })?;
            }
        }
        Ok(())
    }

    /// Waits until in so many chats the last message is whole.
    pub(crate) fn wait_answered(&self, chats: usize, longest: Duration) -> Result<usize> {
        let until = Instant::now() + longest;
        loop {
            let answered = self.telegram.count_whole()?;
            if answered >= chats || Instant::now() > until {
                return Ok(answered);
            }
            std::thread::sleep(LOOK_EVERY * 5);
        }
    }
}

fn start_daemon(program: &std::path::Path, folder: &TempDir, verbose: bool) -> Result<Process> {
    let mut command = Command::new(program);
    command
        .arg("run")
        .arg("--config")
        .arg(folder.path().join("config.toml"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    if !verbose {
        command.stderr(Stdio::null());
    }
    Process::start("cortex", &mut command)
}

/// The usual settings, but for the limit of the account, which is lifted, and for who is served: whoever writes.
fn config(telegram: &Telegram, model: &Model, settings: &Settings) -> String {
    let mut config = String::new();
    // A string takes whatever is written.
    let _ = write!(
        config,
        "[models.load]\nkind = \"openai\"\nbase_url = \"{}\"\nmodel = \"load\"\n\n\
         [access]\nmode = \"open\"\ndaily_tokens_per_user = 1000000000\n\n\
         [connectors.telegram]\nkind = \"telegram\"\ntoken = \"{}\"\napi_url = \"{}\"\n\n\
         [connectors.telegram.pace]\naccount_calls_per_second = 0\n{}\n\n\
         [store]\npath = \"store/cortex.db\"\n\n\
         [log]\nfilter = \"warn\"\n\n{}\n",
        model.base_url, telegram.token, telegram.api_url, settings.pace, settings.tables
    );
    config
}

/// Looks until there is something to see.
pub(crate) fn wait_for<T>(what: &str, longest: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let until = Instant::now() + longest;
    loop {
        if let Some(seen) = look()? {
            return Ok(seen);
        }
        if Instant::now() > until {
            bail!("{what} did not come in {longest:?}");
        }
        std::thread::sleep(LOOK_EVERY / 4);
    }
}

impl Telegram {
    fn start(bench: &Bench) -> Result<Self> {
        let program = bench.programs.join("telegram-fake");
        let (process, place) = Process::start_fake(&program, &["--without-bodies", "--ends-after", FAKES_END_AFTER])?;
        let text = |name: &str| place[name].as_str().map(str::to_owned).context("the fake tells where it is");
        let control = Control::new(&text("control_url")?)?;
        let started = control.call("stats", &json!({}))?["started_monotonic"]
            .as_u64()
            .context("the fake tells its start")?;
        Ok(Self {
            control,
            started,
            token: text("token")?,
            api_url: text("api_url")?,
            _process: process,
        })
    }

    pub(crate) fn call(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.control.call(command, parameters)
    }

    pub(crate) fn say(&self, chat: i64, text: &str) -> Result<()> {
        self.call("say", &json!({"user": chat, "text": text})).map(drop)
    }

    /// In each of so many chats the same number of messages, all at once.
    pub(crate) fn say_many(&self, first_chat: i64, chats: usize, messages: usize) -> Result<()> {
        let parameters =
            json!({"chats": chats, "messages": messages, "first": first_chat, "text": "Message {n} from {chat}"});
        self.call("say-many", &parameters).map(drop)
    }

    pub(crate) fn times(&self) -> Result<Vec<ChatTimes>> {
        let timings = self.call("timings", &json!({}))?;
        let chats = timings.as_array().into_iter().flatten();
        chats.map(|chat| ChatTimes::read(chat, self.started)).collect()
    }

    /// None before anybody has written there.
    pub(crate) fn times_of(&self, chat: i64) -> Result<Option<ChatTimes>> {
        let timings = self.call("timings", &json!({"chat": chat}))?;
        timings.get(0).map(|chat| ChatTimes::read(chat, self.started)).transpose()
    }

    /// The bot's messages that stand in a chat.
    pub(crate) fn messages(&self, chat: i64) -> Result<Vec<String>> {
        let messages = self.call("messages", &json!({"chat": chat}))?;
        let messages = messages.as_array().into_iter().flatten();
        Ok(messages
            .map(|message| message["text"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// In how many chats the bot's last message has the end of an answer.
    pub(crate) fn count_whole(&self) -> Result<usize> {
        let count = self.call("count-ending", &json!({"ending": "END"}))?;
        Ok(count.as_u64().unwrap_or_default() as usize)
    }

    /// In how many chats one message of the bot stands, and is whole.
    pub(crate) fn count_answered_in_one_message(&self) -> Result<usize> {
        let answers = self.call("answers", &json!({}))?;
        let answers = answers.as_array().into_iter().flatten();
        let is_one =
            |answer: &&Value| answer["standing"] == 1 && answer["end"].as_str().is_some_and(|end| end.ends_with("END"));
        Ok(answers.filter(is_one).count())
    }

    /// When each poll came.
    pub(crate) fn polls(&self) -> Result<Vec<u64>> {
        let polls = self.call("polls", &json!({}))?;
        let polls = polls.as_array().into_iter().flatten();
        Ok(polls.filter_map(|poll| Some(poll["at"].as_u64()? + self.started)).collect())
    }
}

/// How an answer grows.
pub(crate) struct Form {
    pub(crate) first_ms: u64,
    pub(crate) every_ms: u64,
    pub(crate) pieces: usize,
    /// Each piece has so many letters.
    pub(crate) letters: usize,
    /// How much later the last piece comes.
    pub(crate) last_ms: u64,
}

impl Form {
    /// One word, at once.
    pub(crate) const SHORT: Self = Self {
        first_ms: 0,
        every_ms: 0,
        pieces: 1,
        letters: 5,
        last_ms: 0,
    };
    /// Four hundred tokens, fifty a second.
    pub(crate) const LONG: Self = Self {
        first_ms: 200,
        every_ms: 20,
        pieces: 400,
        letters: 5,
        last_ms: 0,
    };
}

impl Model {
    fn start(bench: &Bench) -> Result<Self> {
        let (process, place) = Process::start_fake(&bench.programs.join("llm-fake"), &["--ends-after", FAKES_END_AFTER])?;
        let text = |name: &str| place[name].as_str().context("the fake tells where it is");
        Ok(Self {
            control: Control::new(text("control_url")?)?,
            base_url: text("base_url")?.to_owned(),
            _process: process,
        })
    }

    /// How answers look from now on.
    pub(crate) fn answers(&self, form: &Form) -> Result<()> {
        let piece: String = "words "
            .chars()
            .cycle()
            .take(form.letters.saturating_sub(1))
            .chain([' '])
            .collect();
        let parameters = json!({
            "first_ms": form.first_ms, "every_ms": form.every_ms, "pieces": form.pieces, "piece": piece, "last_ms": form.last_ms,
        });
        self.control.call("form", &parameters).map(drop)
    }

    /// What was asked since that number.
    pub(crate) fn calls(&self, from: usize) -> Result<Vec<ModelCall>> {
        let records = self.control.call("records", &json!({"from": from, "times": true}))?;
        records.as_array().into_iter().flatten().map(ModelCall::read).collect()
    }

    fn stat(&self, name: &str) -> Result<usize> {
        let stats = self.control.call("stats", &json!({}))?;
        Ok(stats[name].as_u64().unwrap_or_default() as usize)
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> Result<usize> {
        self.stat("requests")
    }

    /// How many answers are being written.
    pub(crate) fn running(&self) -> Result<usize> {
        self.stat("running")
    }
}

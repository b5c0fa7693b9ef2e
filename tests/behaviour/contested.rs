//! While another program reads the account too, no tool runs and nobody is asked; when it has stopped, all is as before.

use crate::support::{SOON, results, write};
use async_trait::async_trait;
use cortex::clock::Clock;
use cortex::config;
use cortex::daemon::{Daemon, known_tools, model_clients};
use cortex_chat::{
    Address, Capabilities, ChatKind, ChatPace, ChoiceDisplay, Condition, Connector, ConnectorName, Event, EventBatch,
    EventKind, HoldBack, Inbound, InboundError, Inbox, IncomingMessage, MessageRef, Outbound, OutboundError,
    OutgoingMessage, Provenance, SendKey, Sender, SenderKind, Signal, TextLimit, TextUnit,
};
use cortex_test_support::llm::{LlmFake, Reply};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// The name under which the config knows the account.
const ACCOUNT: &str = "console";

/// A platform whose messages a test looks at.
struct Platform {
    capabilities: Capabilities,
    said: Mutex<Vec<String>>,
}

#[async_trait]
impl Outbound for Platform {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, _to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let mut said = self.said.lock().unwrap();
        said.push(message.body.to_plain_text());
        Ok(MessageRef::new(said.len().to_string()))
    }

    async fn edit(&self, _at: &Address, _reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        self.said.lock().unwrap().push(message.body.to_plain_text());
        Ok(())
    }

    async fn delete(&self, _at: &Address, _reference: &MessageRef) -> Result<(), OutboundError> {
        Ok(())
    }

    async fn signal(&self, _at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        Ok(())
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        Ok(None)
    }
}

/// Reads nothing by itself: the test hands events over.
struct Reader(oneshot::Sender<Arc<dyn Inbox>>);

#[async_trait]
impl Inbound for Reader {
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError> {
        let _ = self.0.send(inbox);
        shutdown.cancelled().await;
        Ok(())
    }
}

struct Rig {
    platform: Arc<Platform>,
    inbox: Arc<dyn Inbox>,
    events: AtomicU32,
    folder: tempfile::TempDir,
    quit: CancellationToken,
    daemon: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Rig {
    async fn start(fake: &LlmFake) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("files")).unwrap();
        let config = format!(
            r#"
            models.fake = {{ kind = "openai", base_url = {:?}, model = "test", retries = 0 }}
            users.alice.identities = ["{ACCOUNT}:alice"]
            connectors.{ACCOUNT}.kind = "console"
            tools.files.folders.files = {{ path = "{}", writable = true }}
            store.path = "{}"
            "#,
            fake.base_url(),
            folder.path().join("files").display(),
            store_of(folder.path()).display(),
        );
        let nothing = |_: &str| None;
        let loaded = config::parse(&config, Path::new("cortex.toml"), &nothing, &known_tools());
        let settings = loaded.unwrap_or_else(|errors| panic!("{errors}")).settings;
        let platform = Arc::new(Platform {
            capabilities: capabilities(),
            said: Mutex::new(Vec::new()),
        });
        let (reading, inbox) = oneshot::channel();
        let connector = Connector {
            name: ACCOUNT.into(),
            inbound: Box::new(Reader(reading)),
            outbound: Arc::clone(&platform) as Arc<dyn Outbound>,
        };
        let models = model_clients(&settings).unwrap();
        let daemon = Daemon::start(&settings, &models, vec![connector], Clock::system())
            .await
            .unwrap();
        let quit = CancellationToken::new();
        let daemon = tokio::spawn(daemon.run_until(quit.clone()));
        Self {
            platform,
            inbox: inbox.await.unwrap(),
            events: AtomicU32::new(0),
            folder,
            quit,
            daemon,
        }
    }

    async fn write(&self, text: &str) {
        let id = self.events.fetch_add(1, Ordering::Relaxed).to_string();
        let event = Event {
            id: id.clone().into(),
            address: Address {
                connector: ACCOUNT.into(),
                chat: "home".into(),
                thread: None,
            },
            chat_kind: ChatKind::OneToOne,
            at: jiff::Timestamp::now(),
            sender: Sender {
                id: "alice".into(),
                kind: SenderKind::Person,
                display_name: None,
            },
            kind: EventKind::Message(IncomingMessage {
                reference: id.into(),
                text: text.into(),
                reply_to: None,
                quote: None,
                addressed: true,
                provenance: Provenance::Typed,
                attachments: Vec::new(),
                more: None,
            }),
        };
        let batch = EventBatch {
            scope: "all".into(),
            cursor: None,
            events: vec![event],
            caught_up: true,
        };
        self.inbox.accept(&ACCOUNT.into(), batch).await.unwrap();
    }

    fn report(&self, condition: Condition) {
        self.inbox.report(&ConnectorName::from(ACCOUNT), condition);
    }

    /// Waits until something is said that holds these words; what was said before is forgotten.
    async fn hears(&self, words: &str) -> String {
        let deadline = Instant::now() + SOON;
        loop {
            if let Some(text) = self.heard(words) {
                return text;
            }
            let said = || self.platform.said.lock().unwrap().clone();
            assert!(Instant::now() < deadline, "not said: {words}; but {:?}", said());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn heard(&self, words: &str) -> Option<String> {
        let mut said = self.platform.said.lock().unwrap();
        let place = said.iter().position(|text| text.contains(words))?;
        said.drain(..=place).next_back()
    }

    fn number(&self, sql: &str) -> i64 {
        let path = store_of(self.folder.path());
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn file(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("files/note.md")).ok()
    }

    async fn stop(self) {
        self.quit.cancel();
        self.daemon.await.unwrap().unwrap();
    }
}

fn store_of(folder: &Path) -> PathBuf {
    folder.join("state/cortex.db")
}

fn capabilities() -> Capabilities {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, Duration::from_millis(5))],
        calls_per_minute: None,
    };
    Capabilities {
        text_limit: TextLimit {
            max: 4096,
            unit: TextUnit::Utf16,
        },
        one_to_one_pace: pace.clone(),
        room_pace: pace,
        account_calls_per_second: None,
        hold_back: HoldBack {
            characters: 0,
            wait: Duration::ZERO,
        },
        edits_per_message: None,
        edit_age: None,
        choices: ChoiceDisplay::Buttons,
        references_count_up: false,
        replies_to_choices: false,
        threads: false,
        typing_every: None,
        idempotent_sends: false,
        can_find_sends: false,
        keeps_messages: true,
        announce_again_after: Duration::ZERO,
    }
}

/// A model that writes a note, and says what came of it.
fn writer() -> LlmFake {
    let fake = LlmFake::start();
    fake.answer_with(|request| match results(request).pop() {
        None => Reply::calls(&[write("files/note.md", "noted", "create")]),
        Some(result) => Reply::text(&format!("It gave: {result}")),
    });
    fake
}

const ASKED: &str = "SELECT count(*) FROM approval";
const RUNS: &str = "SELECT count(*) FROM tool_run";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contested_account_runs_no_tools_and_asks_nobody() {
    let fake = writer();
    let rig = Rig::start(&fake).await;
    rig.report(Condition::Contested);
    rig.report(Condition::Contested);
    rig.write("write a note").await;
    let answer = rig.hears("It gave").await;
    assert!(answer.contains("Tool error: tools are switched off"), "{answer}");
    assert_eq!((rig.number(ASKED), rig.number(RUNS), rig.file()), (0, 0, None));
    rig.write("/status").await;
    rig.hears("Tools are switched off: another program").await;

    rig.report(Condition::Alone);
    rig.report(Condition::Alone);
    rig.write("write a note").await;
    rig.hears("may I run").await;
    rig.write("yes").await;
    rig.hears("It gave").await;
    assert_eq!(rig.file().as_deref(), Some("noted"));
    rig.write("/status").await;
    let status = rig.hears("You are").await;
    assert!(!status.contains("switched off"), "{status}");
    let audited = |kind: &str| rig.number(&format!("SELECT count(*) FROM audit WHERE kind = '{kind}'"));
    assert_eq!((audited("account_contested"), audited("account_alone")), (1, 1));
    rig.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn decision_that_comes_while_the_account_is_contested_starts_nothing() {
    let fake = writer();
    let rig = Rig::start(&fake).await;
    rig.write("write a note").await;
    rig.hears("may I run").await;
    rig.report(Condition::Contested);
    rig.write("yes").await;
    let answer = rig.hears("It gave").await;
    assert!(answer.contains("tools are switched off"), "{answer}");
    assert_eq!((rig.number(RUNS), rig.file()), (0, None));
    let kept = "SELECT count(*) FROM approval WHERE status = 'allowed'";
    assert_eq!(rig.number(kept), 1, "the decision itself is kept");
    rig.stop().await;
}

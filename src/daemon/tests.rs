#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

//! The daemon with a platform and a model that a test holds in its hands.

mod choices;
mod edits;
mod poison;

use super::*;
use crate::config::EmbeddedDefaults;
use crate::models::{Finish, Message, ModelAnswer, ModelError, ModelIdentity, ModelRequest, OnText, TokenUsage};
use async_trait::async_trait;
use cortex_chat::{
    Address, Capabilities, ChatKind, ChatPace, ChoiceDisplay, Event, EventBatch, EventKind, HoldBack, Inbound, InboundError,
    Inbox, IncomingMessage, MessageRef, Outbound, OutboundError, OutgoingMessage, Provenance, Receipt, SendKey, Sender,
    SenderKind, Signal, Text, TextLimit, TextUnit,
};
use jiff::Timestamp;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::{Semaphore, oneshot};

const SOON: Duration = Duration::from_secs(20);

/// What stands in the one chat of the platform.
#[derive(Default)]
struct Chat {
    messages: Mutex<Vec<(MessageRef, OutgoingMessage)>>,
    made: AtomicU32,
}

impl Chat {
    fn texts(&self) -> Vec<String> {
        let messages = self.messages.lock().unwrap();
        messages.iter().map(|(_, message)| message.body.to_plain_text()).collect()
    }
}

struct Platform {
    chat: Arc<Chat>,
    capabilities: Capabilities,
}

#[async_trait]
impl Outbound for Platform {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, _to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let reference = MessageRef::new(format!("m{}", self.chat.made.fetch_add(1, Ordering::SeqCst)));
        self.chat.messages.lock().unwrap().push((reference.clone(), message.clone()));
        Ok(reference)
    }

    async fn edit(&self, _at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        let mut messages = self.chat.messages.lock().unwrap();
        let standing = messages.iter_mut().find(|(stands, _)| stands == reference);
        standing.ok_or_else(|| OutboundError::Gone("no such message".into()))?.1 = message.clone();
        Ok(())
    }

    async fn delete(&self, _at: &Address, reference: &MessageRef) -> Result<(), OutboundError> {
        self.chat.messages.lock().unwrap().retain(|(stands, _)| stands != reference);
        Ok(())
    }

    async fn signal(&self, _at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        Ok(())
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        Ok(None)
    }
}

/// Hands the daemon's inbox to the test.
struct HandsOver(oneshot::Sender<Arc<dyn Inbox>>);

#[async_trait]
impl Inbound for HandsOver {
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError> {
        let _ = self.0.send(inbox);
        shutdown.cancelled().await;
        Ok(())
    }
}

/// Begins each answer at once, and goes on with one that is to be slow when it is allowed to.
struct Model {
    identity: ModelIdentity,
    asked: Mutex<Vec<String>>,
    may_go_on: Semaphore,
}

#[async_trait]
impl ModelClient for Model {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    async fn call(&self, request: &ModelRequest, on_text: &mut OnText<'_>) -> Result<ModelAnswer, ModelError> {
        let Some(Message::User { text }) = request.messages.last() else {
            panic!("the request does not end with a person's words");
        };
        let words = text.as_str().to_owned();
        self.asked.lock().unwrap().push(words.clone());
        let (first, rest) = (format!("You said {words}."), " That is all.");
        on_text(&first);
        if words.contains("slow") {
            self.may_go_on.acquire().await.unwrap().forget();
        }
        on_text(rest);
        Ok(ModelAnswer {
            text: Text::new(first + rest),
            calls: Vec::new(),
            replay: None,
            usage: TokenUsage::default(),
            finish: Finish::Complete,
        })
    }
}

struct Rig {
    chat: Arc<Chat>,
    model: Arc<Model>,
    inbox: Arc<dyn Inbox>,
    events: AtomicU32,
    quit: CancellationToken,
    daemon: tokio::task::JoinHandle<anyhow::Result<()>>,
    folder: tempfile::TempDir,
}

impl Rig {
    async fn new() -> Self {
        Self::with(|_| ()).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        std::fs::create_dir(inside("files")).unwrap();
        let defaults = EmbeddedDefaults {
            data_dir: inside("data"),
            working_dir: inside("files"),
            home_dir: inside("home"),
            login_name: "ann".into(),
        };
        let mut settings = Settings::embedded(&defaults).settings;
        change(&mut settings);
        let model = Arc::new(Model {
            identity: ModelIdentity {
                name: "demo".into(),
                kind: "demo".into(),
                model: "demo".into(),
                label: "demo".into(),
            },
            asked: Mutex::default(),
            may_go_on: Semaphore::new(0),
        });
        let clients: BTreeMap<String, Arc<dyn ModelClient>> = BTreeMap::from([("demo".to_owned(), Arc::clone(&model) as _)]);
        let chat = Arc::new(Chat::default());
        let (hand_over, handed) = oneshot::channel();
        let connector = Connector {
            name: "console".into(),
            inbound: Box::new(HandsOver(hand_over)),
            outbound: Arc::new(Platform {
                chat: Arc::clone(&chat),
                capabilities: capabilities(),
            }),
        };
        let daemon = Daemon::start(&settings, &clients, vec![connector], Clock::system())
            .await
            .unwrap();
        let quit = CancellationToken::new();
        Self {
            chat,
            model,
            events: AtomicU32::new(0),
            daemon: tokio::spawn(daemon.run_until(quit.clone())),
            quit,
            inbox: handed.await.unwrap(),
            folder,
        }
    }

    fn event(&self, kind: EventKind) -> Event {
        Event {
            id: format!("e{}", self.events.fetch_add(1, Ordering::SeqCst)).into(),
            address: Address {
                connector: "console".into(),
                chat: "home".into(),
                thread: None,
            },
            chat_kind: ChatKind::OneToOne,
            at: Timestamp::now(),
            sender: Sender {
                id: "local".into(),
                kind: SenderKind::Person,
                display_name: None,
            },
            kind,
        }
    }

    async fn accept(&self, kind: EventKind) -> Receipt {
        let batch = EventBatch {
            scope: "all".into(),
            cursor: Some("1".into()),
            events: vec![self.event(kind)],
            caught_up: true,
        };
        self.inbox.accept(&"console".into(), batch).await.unwrap()
    }

    async fn says(&self, reference: &str, text: &str) -> Receipt {
        self.accept(EventKind::Message(message(reference, text))).await
    }

    /// Waits until the chat shows this.
    async fn shows(&self, wanted: impl Fn(&[String]) -> bool) -> Vec<String> {
        let deadline = Instant::now() + SOON;
        loop {
            let texts = self.chat.texts();
            if wanted(&texts) {
                return texts;
            }
            assert!(Instant::now() < deadline, "{texts:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn asked(&self) -> Vec<String> {
        self.model.asked.lock().unwrap().clone()
    }

    fn word(&self, sql: &str) -> String {
        let connection = rusqlite::Connection::open(self.folder.path().join("data/cortex.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    async fn end(self) {
        self.quit.cancel();
        self.daemon.await.unwrap().unwrap();
    }
}

fn message(reference: &str, text: &str) -> IncomingMessage {
    IncomingMessage {
        reference: reference.into(),
        text: text.into(),
        reply_to: None,
        quote: None,
        addressed: true,
        provenance: Provenance::Typed,
        attachments: Vec::new(),
        more: None,
    }
}

fn capabilities() -> Capabilities {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, Duration::from_millis(10))],
        calls_per_minute: None,
    };
    Capabilities {
        text_limit: TextLimit {
            max: 1000,
            unit: TextUnit::Characters,
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
        replies_to_choices: true,
        threads: false,
        typing_every: Some(Duration::from_secs(5)),
        idempotent_sends: false,
        can_find_sends: false,
        keeps_messages: true,
        announce_again_after: Duration::from_secs(150),
    }
}

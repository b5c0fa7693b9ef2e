//! The pacer at a scripted platform, with a real store.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod growing;
mod limits;
mod memory;
mod moved;
mod refusals;
mod simulated;

use super::*;
use crate::clock::Clock;
use crate::domain::TurnId;
use crate::store::{MessageId, MessageRow, Store};
use async_trait::async_trait;
use cortex_chat::{
    Address, Capabilities, ChatKind, ChatPace, Choice, ChoiceDisplay, ChoiceStyle, Document, HoldBack, MessageKind,
    MessageRef, Outbound, OutboundError, OutgoingMessage, SendKey, Signal, TextLimit, TextUnit,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(40);
/// On a busy machine the fake may note a call a little after it was made.
const NOTING: Duration = Duration::from_millis(15);
/// What the pacer adds to a wait that the platform asks for.
const MARGIN: Duration = Duration::from_secs(1);

#[derive(Clone, Debug, PartialEq)]
enum Did {
    Send(String),
    Edit(String),
    Delete,
    Typing,
}

/// A call as the platform saw it.
#[derive(Clone, Debug)]
struct Call {
    at: Instant,
    chat: String,
    did: Did,
    /// Labels of the choices.
    choices: Vec<String>,
}

/// A platform that answers from a script, and with success when that is at its end.
struct Scripted {
    capabilities: Capabilities,
    script: Mutex<VecDeque<Result<(), OutboundError>>>,
    arrived: Mutex<Option<MessageRef>>,
    /// How often it does not answer when it is asked whether something has arrived.
    silence: AtomicU32,
    calls: Mutex<Vec<Call>>,
}

impl Scripted {
    fn call(&self, at: &Address, did: Did, message: Option<&OutgoingMessage>) -> Result<MessageRef, OutboundError> {
        let choices = message.map_or(&[][..], |message| &message.choices);
        let mut calls = self.calls.lock().unwrap();
        calls.push(Call {
            at: Instant::now(),
            chat: at.chat.to_string(),
            did,
            choices: choices.iter().map(|choice| choice.label.clone()).collect(),
        });
        // No chat is told that it has moved to where it is: of several calls at once, any may come first.
        let is_for_another =
            |next: &mut Result<(), OutboundError>| matches!(next, Err(OutboundError::Moved { to }) if *to == at.chat);
        let mut script = self.script.lock().unwrap();
        let next = script.pop_front_if(|next| !is_for_another(next));
        match next {
            Some(Err(error)) => Err(error),
            Some(Ok(())) | None => Ok(MessageRef::new(format!("m{}", calls.len()))),
        }
    }
}

#[async_trait]
impl Outbound for Scripted {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        self.call(to, Did::Send(message.body.to_plain_text()), Some(message))
    }

    async fn edit(&self, at: &Address, _reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        self.call(at, Did::Edit(message.body.to_plain_text()), Some(message))
            .map(|_| ())
    }

    async fn delete(&self, at: &Address, _reference: &MessageRef) -> Result<(), OutboundError> {
        self.call(at, Did::Delete, None).map(|_| ())
    }

    async fn signal(&self, at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        self.call(at, Did::Typing, None).map(|_| ())
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        let silent = |left: u32| left.checked_sub(1);
        if self.silence.fetch_update(Ordering::SeqCst, Ordering::SeqCst, silent).is_ok() {
            return Err(unknown());
        }
        Ok(self.arrived.lock().unwrap().clone())
    }
}

fn capabilities() -> Capabilities {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, INTERVAL)],
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
        choices: ChoiceDisplay::Typed,
        threads: false,
        typing_every: Some(Duration::from_secs(5)),
        idempotent_sends: false,
        references_count_up: false,
        replies_to_choices: false,
        can_find_sends: false,
        keeps_messages: true,
        announce_again_after: Duration::ZERO,
    }
}

/// Without signs of life, and with messages so short.
fn silent(max: usize) -> Capabilities {
    let unit = TextUnit::Characters;
    Capabilities {
        text_limit: TextLimit { max, unit },
        typing_every: None,
        ..capabilities()
    }
}

struct Rig {
    platform: Arc<Scripted>,
    pacer: PacerHandle,
    store: Store,
    folder: tempfile::TempDir,
}

impl Rig {
    /// A pacer whose first calls fail so.
    fn new(capabilities: Capabilities, failures: Vec<OutboundError>) -> Self {
        Self::with_script(capabilities, failures.into_iter().map(Err).collect())
    }

    fn with_script(capabilities: Capabilities, script: Vec<Result<(), OutboundError>>) -> Self {
        let (rig, pacer) = Self::at_rest(capabilities, script);
        tokio::spawn(pacer.run());
        rig
    }

    /// With a pacer that the test drives.
    fn at_rest(capabilities: Capabilities, script: Vec<Result<(), OutboundError>>) -> (Self, Pacer) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cortex.db"), None, Clock::system()).unwrap();
        let platform = Arc::new(Scripted {
            capabilities,
            script: Mutex::new(script.into()),
            arrived: Mutex::new(None),
            silence: AtomicU32::new(0),
            calls: Mutex::new(Vec::new()),
        });
        let outbound = Arc::clone(&platform) as Arc<dyn Outbound>;
        let (pacer, handle) = Pacer::new("test".into(), outbound, store.clone(), Clock::system());
        let rig = Self {
            platform,
            pacer: handle,
            store,
            folder,
        };
        rig.change(
            "INSERT INTO conversation (id, connector, chat, thread, chat_kind, session, epoch)
             VALUES (1, 'test', 'home', '', 'one_to_one', 's', 0)",
        );
        (rig, pacer)
    }

    fn calls(&self) -> Vec<Call> {
        self.platform.calls.lock().unwrap().clone()
    }

    fn did(&self) -> Vec<Did> {
        self.calls().into_iter().map(|call| call.did).collect()
    }

    async fn drained(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.pacer.drained())
            .await
            .unwrap();
    }

    /// Begins to show a growing answer in the chat `home`.
    fn live(&self, turn: TurnId) -> Arc<LiveAnswer> {
        self.live_in("home", turn)
    }

    fn live_in(&self, chat: &str, turn: TurnId) -> Arc<LiveAnswer> {
        let can = &self.pacer.capabilities;
        let stop = Choice {
            id: "stop".into(),
            label: "Stop".to_owned(),
            keyword: "/stop".to_owned(),
            emoji: None,
            style: ChoiceStyle::Negative,
        };
        let answer = Arc::new(LiveAnswer::new(LiveForm {
            limit: can.text_limit,
            reply_to: None,
            placeholder: false,
            stop: Some(stop).filter(|_| can.choices == ChoiceDisplay::Buttons),
        }));
        self.pacer.show_live(LiveStart {
            turn,
            segment: 0,
            conversation: 1,
            address: address(chat),
            chat_kind: ChatKind::OneToOne,
            answer: Arc::clone(&answer),
            standing: Vec::new(),
        });
        answer
    }

    fn grow(&self, answer: &LiveAnswer, text: &str) {
        if answer.push_text(text) {
            self.pacer.nudge(&"home".into());
        }
    }

    /// Ends a growing answer the way a turn does.
    fn end(&self, turn: TurnId, answer: &Arc<LiveAnswer>, text: &str) {
        answer.close();
        self.pacer.show(vec![row(MessageId::answer(turn, 0, 0), "home", text)]);
        self.pacer.end_live(&"home".into(), turn, answer);
    }

    async fn until(&self, condition: impl Fn(&[Did]) -> bool) {
        let seen = async {
            while !condition(&self.did()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let seen = tokio::time::timeout(Duration::from_secs(10), seen).await;
        assert!(seen.is_ok(), "not seen: {:?}", self.did());
    }

    fn database(&self) -> rusqlite::Connection {
        let connection = rusqlite::Connection::open(self.folder.path().join("cortex.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(5)).unwrap();
        connection
    }

    fn change(&self, sql: &str) {
        self.database().execute(sql, []).unwrap();
    }

    /// Puts a message in the chat `home` on record as desired.
    fn store_row(&self, row: MessageRow) -> MessageRow {
        let desired = serde_json::to_string(&row.desired).unwrap();
        let reference = row.reference.as_ref().map(MessageRef::as_str);
        self.database()
            .execute(
                "INSERT INTO message (id, connector, conversation, desired, desired_version, shown_version, send_state, reference,
                 created_at) VALUES (?1, 'test', 1, ?2, 1, 0, 'unsent', ?3, 0)",
                rusqlite::params![row.id.as_str(), desired, reference],
            )
            .unwrap();
        row
    }

    /// A column of the one row that a query finds.
    fn stored<T: rusqlite::types::FromSql>(&self, sql: &str) -> T {
        self.database().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn address(chat: &str) -> Address {
    Address {
        connector: "test".into(),
        chat: chat.into(),
        thread: None,
    }
}

fn content(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        kind: MessageKind::Answer,
        body: Document::plain(text),
        choices: Vec::new(),
        reply_to: None,
        live: false,
        last: true,
    }
}

fn row(id: MessageId, chat: &str, text: &str) -> MessageRow {
    MessageRow {
        id,
        address: address(chat),
        chat_kind: ChatKind::OneToOne,
        turn: None,
        desired: Some(content(text)),
        desired_version: 1,
        shown_version: 0,
        maybe_sent: false,
        reference: None,
        sent_at: None,
    }
}

fn notice(about: &str, chat: &str, text: &str) -> MessageRow {
    row(MessageId::notice(about, 0), chat, text)
}

fn limited(wait: Duration) -> OutboundError {
    OutboundError::RateLimited { retry_after: wait }
}

fn transient() -> OutboundError {
    OutboundError::Transient("down".into())
}

fn unknown() -> OutboundError {
    OutboundError::Unknown("no answer".into())
}

fn sent(text: &str) -> Did {
    Did::Send(text.to_owned())
}

fn edited(text: &str) -> Did {
    Did::Edit(text.to_owned())
}

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::*;
use crate::clock::Clock;
use crate::domain::{ApprovalId, Risk, Role, UserName};
use crate::gate::{Binding, Keywords, Policy, Question};
use crate::models::{Arguments, Finish, Message, ModelAnswer, TokenUsage, ToolCall};
use crate::strings;
use crate::tools::{Effect, Prepared};
use crate::turn::{AskReason, Input, Limits, TurnEvent, Verdict};
use cortex_chat::{Address, ChatKind, Event, EventBatch, EventKind, IncomingMessage, Provenance, Sender, SenderKind, Text};
use jiff::{SignedDuration, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

mod absence;
mod choices;
mod edits;
mod forms;
mod moved;
mod pairing;
mod parts;
mod spoiled;
mod words;

struct Rig {
    store: Store,
    /// What the clock is ahead of the machine's.
    ahead_ms: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    settings: Arc<RouterSettings>,
    events: std::cell::Cell<u32>,
}

impl Rig {
    async fn new() -> Self {
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let ahead = Arc::clone(&ahead_ms);
        let clock = Clock::from_source(move || Timestamp::now() + SignedDuration::from_millis(ahead.load(Ordering::SeqCst)));
        Self {
            ahead_ms,
            ..Self::at(clock).await
        }
    }

    async fn at(clock: Clock) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("cortex.db"), None, clock).unwrap();
        store
            .declare_users(vec![declared("ann"), declared("bob")], false)
            .await
            .unwrap();
        let settings = RouterSettings {
            keywords: Keywords::default(),
            profile: "chat".into(),
            history_tokens: 1000,
            open_access: false,
            daily_tokens_per_user: None,
            text_limits: BTreeMap::new(),
            references_count_up: BTreeSet::new(),
            replies_to_choices: BTreeSet::new(),
            announce_again_after: BTreeMap::from([("test".into(), Duration::from_secs(150))]),
            model_label: "a model".into(),
            max_attempts: 3,
            contested: crate::contested::Contested::default(),
        };
        Self {
            store,
            ahead_ms: Arc::default(),
            folder,
            settings: Arc::new(settings),
            events: std::cell::Cell::new(0),
        }
    }

    /// Lets time pass.
    fn pass(&self, time: Duration) {
        self.ahead_ms
            .fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
    }

    fn message(&self, from: &str, chat: &str, text: &str) -> Event {
        self.events.set(self.events.get() + 1);
        let id = self.events.get().to_string();
        Event {
            id: id.clone().into(),
            address: Address {
                connector: "test".into(),
                chat: chat.into(),
                thread: None,
            },
            chat_kind: ChatKind::OneToOne,
            at: Timestamp::now(),
            sender: Sender {
                id: from.into(),
                kind: SenderKind::Person,
                display_name: None,
            },
            kind: EventKind::Message(IncomingMessage {
                reference: id.into(),
                text: text.into(),
                reply_to: None,
                addressed: true,
                provenance: Provenance::Typed,
                attachments: Vec::new(),
                more: None,
                quote: None,
            }),
        }
    }

    async fn accept(&self, events: Vec<Event>, claim_up_to: usize) -> Accepted {
        let batch = EventBatch {
            scope: "all".into(),
            cursor: Some("1".into()),
            events,
            caught_up: true,
        };
        self.store
            .accept("test".into(), batch, Arc::clone(&self.settings), claim_up_to)
            .await
            .unwrap()
    }

    /// Ann's request in the chat `home`, taken up.
    async fn turn(&self, text: &str) -> ClaimedTurn {
        let event = self.message("ann", "home", text);
        self.accept(vec![event], 1).await.claimed.pop().unwrap()
    }

    /// Ends a turn with an answer; gives the next one, where one was waiting.
    async fn answer(&self, mut claimed: ClaimedTurn, text: &str) -> Option<ClaimedTurn> {
        let _ = claimed.state.step(answer(text, Vec::new()), Limits::NONE);
        self.commit(&claimed, true).await.unwrap().next
    }

    /// The turn asks whether it may run a tool, and waits.
    async fn asks(&self, mut claimed: ClaimedTurn) -> ApprovalId {
        let arguments = Arguments::Object(serde_json::json!({"path": "a.md"}));
        let call = ToolCall {
            id: "c1".into(),
            provider_id: None,
            name: "file_write".into(),
            arguments: arguments.clone(),
        };
        let _ = claimed.state.step(answer("", vec![call]), Limits::NONE);
        let verdict = vec![(0, Verdict::Ask(Effect::Changes))];
        let _ = claimed.state.step(Input::Assessed(verdict), Limits::NONE);
        let prepared = Prepared {
            target: None,
            state_hash: None,
            grant_shape: None,
            affects: Text::from("writes a.md"),
            diff: None,
        };
        let id = ApprovalId::new();
        let question = NewQuestion {
            index: 0,
            id,
            call_id: "c1".into(),
            binding: Binding::new("(hash)".into(), &serde_json::json!({}), &prepared),
            question: Question {
                code: String::new(),
                tool: "file_write".into(),
                description: "Writes a file.".into(),
                risk: Risk::Medium,
                reason: AskReason::Policy,
                arguments,
                prepared,
                model_words: None,
                session_offered: false,
                always_offered: false,
                all_covers: Vec::new(),
                expires_at: self.store.clock.now() + SignedDuration::from_hours(24),
            },
        };
        let mut step = step(&claimed);
        step.questions = vec![question];
        self.store.commit_step(Arc::new(step)).await.unwrap();
        id
    }

    /// The platform has shown all that it should.
    async fn show_all(&self) {
        for row in self.store.messages_to_show("test".into()).await.unwrap() {
            let shown = match row.desired {
                Some(_) => Shown::At {
                    reference: row.reference.unwrap_or_else(|| format!("ref {}", row.id).into()),
                    version: Some(row.desired_version),
                },
                None => Shown::Removed {
                    version: row.desired_version,
                },
            };
            self.store.record_shown(row.id, shown).await.unwrap();
        }
    }

    async fn commit(&self, claimed: &ClaimedTurn, over: bool) -> Result<Committed, StoreError> {
        let entries = crate::turn::history_entries(&claimed.state);
        let history = HistoryAppend {
            entries,
            metadata: serde_json::json!({}),
            tainted: claimed.state.tainted,
        };
        let step = StepCommit {
            history: over.then_some(history),
            ..step(claimed)
        };
        self.store.commit_step(Arc::new(step)).await
    }

    fn column(&self, sql: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.folder.path().join("cortex.db")).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn number(&self, sql: &str) -> i64 {
        let connection = rusqlite::Connection::open(self.folder.path().join("cortex.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn text(&self, sql: &str) -> String {
        let connection = rusqlite::Connection::open(self.folder.path().join("cortex.db")).unwrap();
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    fn change(&self, sql: &str) -> rusqlite::Result<usize> {
        rusqlite::Connection::open(self.folder.path().join("cortex.db"))
            .unwrap()
            .execute(sql, [])
    }
}

fn declared(name: &str) -> DeclaredUser {
    DeclaredUser {
        name: UserName(name.to_owned()),
        policy: policy(),
        identities: vec![("test".into(), name.into())],
        for_this_run: false,
    }
}

fn step(claimed: &ClaimedTurn) -> StepCommit {
    StepCommit {
        fence: Fence {
            turn: claimed.id,
            conversation: claimed.conversation,
            epoch: claimed.epoch,
            version: claimed.version,
        },
        state: claimed.state.clone(),
        limits: Limits::NONE,
        events: vec![TurnEvent::Reset],
        messages: Vec::new(),
        finished: Vec::new(),
        starts: Vec::new(),
        questions: Vec::new(),
        usage: Vec::new(),
        audit: Vec::new(),
        history: None,
        claim_next: Some(1000),
    }
}

fn policy() -> Policy {
    Policy {
        role: Role::User,
        max_risk: Risk::Medium,
        allow: BTreeSet::new(),
        ask: BTreeSet::new(),
        block: BTreeSet::new(),
        include: BTreeSet::new(),
        exclude: BTreeSet::new(),
        may_grant_always: true,
        time_zone: None,
    }
}

fn answer(text: &str, calls: Vec<ToolCall>) -> Input {
    let (text, usage) = (Text::from(text), TokenUsage::default());
    Input::ModelAnswered(ModelAnswer {
        text,
        calls,
        replay: None,
        usage,
        finish: Finish::Complete,
    })
}

/// What an accepted batch tells people.
fn told_in(accepted: &Accepted) -> Vec<String> {
    let text = |row: &MessageRow| row.desired.as_ref().map(|told| told.body.to_plain_text());
    accepted.messages.iter().filter_map(text).collect()
}

fn words(history: &[HistoryEntry]) -> Vec<&str> {
    let text = |entry: &'_ HistoryEntry| match &entry.message {
        Message::User { .. } => "user",
        Message::Assistant { calls, .. } if !calls.is_empty() => "calls",
        Message::Assistant { .. } => "answer",
        Message::ToolResult { .. } => "result",
    };
    history.iter().map(text).collect()
}

#[tokio::test]
async fn redelivered_event_does_nothing() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "hello");
    assert_eq!(rig.accept(vec![event.clone(), event.clone()], 8).await.claimed.len(), 1);
    assert!(rig.accept(vec![event], 8).await.claimed.is_empty());
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 1);
    assert_eq!(
        rig.store.cursor("test".into(), "all".into()).await.unwrap().as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn conversation_runs_one_turn_at_a_time_and_others_beside_it() {
    let rig = Rig::new().await;
    let events = vec![
        rig.message("ann", "home", "one"),
        rig.message("ann", "home", "two"),
        rig.message("bob", "work", "three"),
    ];
    let accepted = rig.accept(events, 8).await;
    let texts: Vec<&str> = accepted.claimed.iter().map(|turn| turn.state.request.text.as_str()).collect();
    assert_eq!(texts, ["one", "three"]);
    let mut claimed = accepted.claimed.into_iter();
    let next = rig.answer(claimed.next().unwrap(), "done").await.unwrap();
    assert_eq!(next.state.request.text.as_str(), "two");
    assert_eq!(words(&next.history), ["user", "answer"]);
}

#[tokio::test]
async fn late_writer_is_refused_and_writes_nothing() {
    let rig = Rig::new().await;
    let claimed = rig.turn("hello").await;
    rig.commit(&claimed, false).await.unwrap();
    assert!(matches!(
        rig.commit(&claimed, false).await,
        Err(StoreError::Superseded { expected: 0 })
    ));
    let other_epoch = ClaimedTurn {
        epoch: claimed.epoch - 1,
        version: 1,
        ..claimed
    };
    assert!(matches!(
        rig.commit(&other_epoch, false).await,
        Err(StoreError::Superseded { .. })
    ));
    assert_eq!(rig.number("SELECT count(*) FROM turn_event"), 1);
}

#[tokio::test]
async fn failing_command_leaves_the_others_of_its_group() {
    let rig = Rig::new().await;
    let claimed = rig.turn("hello").await;
    rig.commit(&claimed, false).await.unwrap();
    let late = rig.commit(&claimed, false);
    let event = rig.message("bob", "work", "hi");
    let (late, accepted) = tokio::join!(late, rig.accept(vec![event], 1));
    assert!(late.is_err());
    assert_eq!(accepted.claimed.len(), 1);
    assert_eq!(rig.number("SELECT count(*) FROM turn"), 2);
}

#[tokio::test]
async fn panic_in_a_command_is_that_commands_failure() {
    let rig = Rig::new().await;
    let broken = rig.store.write(|_| -> Result<(), StoreError> { panic!("on purpose") });
    let event = rig.message("ann", "home", "hi");
    let (broken, accepted) = tokio::join!(broken, rig.accept(vec![event], 1));
    assert!(matches!(broken, Err(error @ StoreError::Panicked) if error.is_about_content()));
    assert_eq!(accepted.claimed.len(), 1);
}

#[tokio::test]
async fn words_of_strangers_taint_the_turns_after_them_until_a_new_session() {
    let rig = Rig::new().await;
    let mut forwarded = rig.message("ann", "home", "run everything");
    if let EventKind::Message(message) = &mut forwarded.kind {
        message.provenance = Provenance::Forwarded;
    }
    let first = rig.accept(vec![forwarded], 1).await.claimed.pop().unwrap();
    assert!(first.state.tainted);
    rig.answer(first, "no").await;
    let second = rig.turn("and now?").await;
    assert!(second.state.tainted, "what was read before is in the context");
    rig.answer(second, "still no").await;
    let new = rig.message("ann", "home", "/new");
    rig.accept(vec![new], 1).await;
    assert!(!rig.turn("fresh").await.state.tainted);
}

#[tokio::test]
async fn turn_that_does_not_fit_leaves_its_words_and_its_answer() {
    let rig = Rig::new().await;
    let mut large = rig.turn("read it").await;
    let call = ToolCall {
        id: "c1".into(),
        provider_id: None,
        name: "file_read".into(),
        arguments: crate::models::Arguments::Malformed {
            raw: Text::new("x".repeat(8000)),
            problem: "long".into(),
        },
    };
    let _ = large.state.step(answer("", vec![call]), Limits::NONE);
    assert!(rig.answer(large, "it is long").await.is_none());
    let small = rig.turn("hello").await;
    assert_eq!(words(&small.history), ["user", "answer"]);
    assert!(rig.answer(small, "hi").await.is_none());
    assert_eq!(words(&rig.turn("again").await.history), ["user", "answer", "user", "answer"]);
}

#[tokio::test]
async fn stop_ends_the_senders_turns_and_no_others() {
    let rig = Rig::new().await;
    let events = vec![
        rig.message("ann", "home", "running"),
        rig.message("bob", "home", "of another"),
        rig.message("ann", "home", "queued"),
        rig.message("ann", "home", "/stop"),
    ];
    let accepted = rig.accept(events, 8).await;
    assert_eq!(accepted.stop, [accepted.claimed[0].id]);
    assert_eq!(rig.number("SELECT count(*) FROM turn WHERE status = 'cancelled'"), 1);
    assert_eq!(
        rig.number("SELECT count(*) FROM turn WHERE status = 'queued' AND user = 'bob'"),
        1
    );
    assert_eq!(
        rig.number("SELECT count(*) FROM turn WHERE stop_requested AND status = 'running'"),
        1
    );
    // The daemon dies before the running turn has heard of it.
    rig.store.recover(3).await.unwrap();
    let resumed = rig.store.claim(1, 1000).await.unwrap().pop().unwrap();
    assert!(resumed.stop_requested && resumed.state.request.text.as_str() == "running");
}

#[tokio::test]
async fn third_crash_sets_a_turn_aside_and_clean_stops_count_nothing() {
    let rig = Rig::new().await;
    rig.turn("boom").await;
    for _ in 0..5 {
        rig.store.recover(3).await.unwrap();
        rig.store.note_clean_stop().await.unwrap();
        rig.store.recover(3).await.unwrap();
        assert_eq!(rig.store.claim(1, 1000).await.unwrap().len(), 1);
        rig.store.note_clean_stop().await.unwrap();
    }
    rig.store.recover(3).await.unwrap();
    for attempt in 1..=3 {
        let claimed = rig.store.claim(1, 1000).await.unwrap().pop().unwrap();
        assert_eq!(claimed.attempts, attempt);
        let recovered = rig.store.recover(3).await.unwrap();
        assert!(recovered.unclean);
        assert_eq!(recovered.set_aside, usize::from(attempt == 3));
    }
    assert!(rig.store.claim(1, 1000).await.unwrap().is_empty());
    let told = rig.store.messages_to_show("test".into()).await.unwrap();
    let text = told[0].desired.as_ref().unwrap().body.to_plain_text();
    assert!(text.contains(strings::SET_ASIDE), "{text}");
}

#[tokio::test]
async fn turn_that_is_set_aside_leaves_nothing_growing() {
    let rig = Rig::new().await;
    rig.store.recover(1).await.unwrap();
    let claimed = rig.turn("boom").await;
    for part in 0..2 {
        let id = MessageId::answer(claimed.id, 0, part);
        let live = Some((claimed.conversation, claimed.id));
        rig.store.begin_send(id.clone(), live).await.unwrap();
        let (reference, version) = (format!("m{part}").into(), None);
        rig.store.record_shown(id, Shown::At { reference, version }).await.unwrap();
    }
    assert_eq!(rig.store.recover(1).await.unwrap().set_aside, 1);
    let told = rig.store.messages_to_show("test".into()).await.unwrap();
    let stands = |row: &MessageRow| row.reference.is_some();
    assert!(told.len() == 2 && told.iter().all(stands), "{told:?}");
    assert!(told[0].desired.is_some() && told[1].desired.is_none(), "{told:?}");
}

#[tokio::test]
async fn event_that_crashed_the_daemon_three_times_is_set_aside() {
    let rig = Rig::new().await;
    let event = rig.message("ann", "home", "boom");
    for _ in 0..2 {
        let told = rig
            .store
            .count_event_attempt("test".into(), &event, Arc::clone(&rig.settings))
            .await
            .unwrap();
        assert!(told.is_none());
    }
    let told = rig
        .store
        .count_event_attempt("test".into(), &event, Arc::clone(&rig.settings))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        told[0].desired.as_ref().unwrap().body.to_plain_text(),
        strings::EVENT_SET_ASIDE
    );
    assert!(rig.accept(vec![event], 1).await.claimed.is_empty());
}

#[tokio::test]
async fn turn_that_cannot_be_read_holds_up_nobody() {
    let rig = Rig::new().await;
    let events = vec![
        rig.message("ann", "home", "one"),
        rig.message("ann", "home", "two"),
        rig.message("ann", "home", "three"),
    ];
    let first = rig.accept(events, 1).await.claimed.pop().unwrap();
    rig.change("UPDATE turn SET state = json_set(state, '$.version', 99) WHERE number = 2")
        .unwrap();
    let next = rig.answer(first, "done").await.unwrap();
    assert_eq!(next.state.request.text.as_str(), "three");
    assert_eq!(rig.number("SELECT count(*) FROM turn WHERE status = 'error'"), 1);
}

#[tokio::test]
async fn turn_that_cannot_be_read_keeps_nobody_from_stopping_or_starting() {
    let rig = Rig::new().await;
    let events = vec![rig.message("ann", "home", "one"), rig.message("ann", "home", "two")];
    rig.accept(events, 1).await;
    rig.change("UPDATE turn SET state = '{}' WHERE number = 2").unwrap();
    let stop = rig.message("ann", "home", "/stop");
    let accepted = rig.accept(vec![stop], 0).await;
    assert_eq!(accepted.stop.len(), 1);
    assert_eq!(rig.number("SELECT count(*) FROM turn WHERE status = 'error'"), 1);
    let told = |row: &MessageRow| {
        row.desired
            .as_ref()
            .is_some_and(|told| told.body.to_plain_text() == strings::UNREADABLE)
    };
    assert!(accepted.messages.iter().any(told));
    rig.change("UPDATE turn SET state = '{}', attempts = 3 WHERE number = 1")
        .unwrap();
    rig.change("INSERT INTO meta (name, value) VALUES ('running', '1')").unwrap();
    assert_eq!(rig.store.recover(3).await.unwrap().set_aside, 1);
    assert_eq!(rig.number("SELECT count(*) FROM turn WHERE status = 'error'"), 2);
}

#[tokio::test]
async fn audit_refuses_changes() {
    let rig = Rig::new().await;
    rig.store.record_possible_duplicate(MessageId::notice("e1", 0)).await.unwrap();
    assert!(rig.change("UPDATE audit SET user = 'somebody'").is_err());
    assert!(rig.change("DELETE FROM audit").is_err());
    assert_eq!(rig.number("SELECT count(*) FROM audit"), 1);
}

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::*;
use crate::clock::Clock;
use crate::domain::TurnId;
use crate::store::{MessageId, MessageRow, Store};
use async_trait::async_trait;
use cortex_chat::{
    Address, Capabilities, ChatKind, ChatPace, ChoiceDisplay, Document, HoldBack, MessageKind, MessageRef, Outbound,
    OutboundError, OutgoingMessage, SendKey, Signal, TextLimit, TextUnit,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_millis(40);
/// On a busy machine the fake may note a call a little after it was made.
const NOTING: Duration = Duration::from_millis(15);

#[derive(Clone, Debug, PartialEq)]
enum Did {
    Send(String),
    Edit(String),
    Delete,
    Typing,
}

/// A platform that answers from a script, and with success when that is at its end.
struct Scripted {
    capabilities: Capabilities,
    script: Mutex<VecDeque<OutboundError>>,
    arrived: Mutex<Option<MessageRef>>,
    calls: Mutex<Vec<(Instant, String, Did)>>,
}

impl Scripted {
    fn call(&self, at: &Address, did: Did) -> Result<MessageRef, OutboundError> {
        let mut calls = self.calls.lock().unwrap();
        calls.push((Instant::now(), at.chat.to_string(), did));
        match self.script.lock().unwrap().pop_front() {
            Some(error) => Err(error),
            None => Ok(MessageRef::new(format!("m{}", calls.len()))),
        }
    }
}

#[async_trait]
impl Outbound for Scripted {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        self.call(to, Did::Send(message.body.to_plain_text()))
    }

    async fn edit(&self, at: &Address, _reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        self.call(at, Did::Edit(message.body.to_plain_text())).map(|_| ())
    }

    async fn delete(&self, at: &Address, _reference: &MessageRef) -> Result<(), OutboundError> {
        self.call(at, Did::Delete).map(|_| ())
    }

    async fn signal(&self, at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        self.call(at, Did::Typing).map(|_| ())
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
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
        replies_to_choices: false,
        can_find_sends: false,
        keeps_messages: true,
        announce_again_after: Duration::ZERO,
    }
}

struct Rig {
    platform: Arc<Scripted>,
    pacer: PacerHandle,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Rig {
    fn new(capabilities: Capabilities, script: Vec<OutboundError>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state/cortex.db"), None, Clock::system()).unwrap();
        let platform = Arc::new(Scripted {
            capabilities,
            script: Mutex::new(script.into()),
            arrived: Mutex::new(None),
            calls: Mutex::new(Vec::new()),
        });
        let (pacer, handle) = Pacer::new(Arc::clone(&platform) as Arc<dyn Outbound>, store.clone());
        tokio::spawn(pacer.run());
        Self {
            platform,
            pacer: handle,
            store,
            _folder: folder,
        }
    }

    fn calls(&self) -> Vec<(Instant, String, Did)> {
        self.platform.calls.lock().unwrap().clone()
    }

    fn did(&self) -> Vec<Did> {
        self.calls().into_iter().map(|(_, _, did)| did).collect()
    }

    async fn drained(&self) {
        tokio::time::timeout(Duration::from_secs(10), self.pacer.drained())
            .await
            .unwrap();
    }

    /// Begins to show a growing answer in the chat `home`.
    fn live(&self, turn: TurnId) -> Arc<LiveAnswer> {
        let answer = Arc::new(LiveAnswer::new(self.pacer.capabilities.text_limit, None, false));
        self.pacer.show_live(LiveStart {
            turn,
            segment: 0,
            conversation: 1,
            address: address("home"),
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

    async fn until(&self, condition: impl Fn(&[Did]) -> bool) {
        let seen = async {
            while !condition(&self.did()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), seen).await.unwrap();
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
    }
}

fn notice(about: &str, chat: &str, text: &str) -> MessageRow {
    row(MessageId::notice(about, 0), chat, text)
}

#[tokio::test]
async fn rate_limit_is_kept_and_other_chats_go_on() {
    let wait = Duration::from_millis(300);
    let rig = Rig::new(capabilities(), vec![OutboundError::RateLimited { retry_after: wait }]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.until(|did| !did.is_empty()).await;
    rig.pacer.show(vec![notice("b", "home", "two"), notice("c", "work", "three")]);
    rig.drained().await;
    let calls = rig.calls();
    let limited_at = calls[0].0;
    assert_eq!(calls[1].1, "work", "another chat need not wait");
    assert!(calls[1].0 - limited_at < wait);
    for (at, chat, _) in &calls[2..] {
        assert!(
            chat == "home" && *at - limited_at >= wait,
            "no call inside the window: {calls:?}"
        );
    }
    let texts: Vec<Did> = calls[2..].iter().map(|(_, _, did)| did.clone()).collect();
    assert_eq!(texts, [Did::Send("one".into()), Did::Send("two".into())]);
}

#[tokio::test]
async fn send_that_may_have_arrived_is_made_once_more_and_no_further() {
    let unknown = || OutboundError::Unknown("no answer".into());
    let rig = Rig::new(capabilities(), vec![unknown(), unknown(), unknown()]);
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.drained().await;
    assert_eq!(rig.did(), [Did::Send("one".into()), Did::Send("one".into())]);
}

#[tokio::test]
async fn send_that_can_be_looked_up_is_not_made_again() {
    let can_find = Capabilities {
        can_find_sends: true,
        ..capabilities()
    };
    let rig = Rig::new(can_find, vec![OutboundError::Unknown("no answer".into())]);
    *rig.platform.arrived.lock().unwrap() = Some("m1".into());
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.drained().await;
    assert_eq!(rig.did(), [Did::Send("one".into()), Did::Edit("one".into())]);
}

#[tokio::test]
async fn what_did_not_arrive_is_tried_until_it_does() {
    let rig = Rig::new(
        capabilities(),
        vec![
            OutboundError::Transient("down".into()),
            OutboundError::Transient("down".into()),
        ],
    );
    rig.pacer.show(vec![notice("a", "home", "one")]);
    rig.drained().await;
    assert_eq!(rig.did().len(), 3);
}

#[tokio::test]
async fn refused_message_holds_up_nothing() {
    let rig = Rig::new(
        capabilities(),
        vec![OutboundError::Forbidden("blocked".into()), OutboundError::TooLong],
    );
    rig.pacer.show(vec![
        notice("a", "home", "one"),
        notice("b", "home", "two"),
        notice("c", "home", "three"),
    ]);
    rig.drained().await;
    assert_eq!(
        rig.did(),
        [Did::Send("one".into()), Did::Send("two".into()), Did::Send("three".into())]
    );
}

#[tokio::test]
async fn markup_that_is_refused_goes_as_plain_text() {
    let rig = Rig::new(capabilities(), vec![OutboundError::BadMarkup("bad".into())]);
    let mut message = notice("a", "home", "");
    message.desired = Some(OutgoingMessage {
        body: Document::parse("**one**"),
        ..content("")
    });
    rig.pacer.show(vec![message]);
    rig.drained().await;
    assert_eq!(rig.did(), [Did::Send("one".into()), Did::Send("one".into())]);
}

#[tokio::test]
async fn final_that_can_no_longer_be_edited_is_sent_as_a_new_message() {
    let rig = Rig::new(capabilities(), vec![OutboundError::Gone("deleted".into())]);
    let standing = MessageRow {
        reference: Some("m0".into()),
        desired_version: 2,
        ..notice("a", "home", "final")
    };
    rig.pacer.show(vec![standing]);
    rig.drained().await;
    assert_eq!(rig.did(), [Did::Edit("final".into()), Did::Send("final".into())]);
}

#[tokio::test]
async fn growing_answer_keeps_the_pace_and_its_final_comes_last() {
    let rig = Rig::new(capabilities(), Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    for word in 0..60 {
        rig.grow(&answer, &format!("w{word} "));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    answer.close();
    rig.pacer.show(vec![row(MessageId::answer(turn, 0, 0), "home", "the whole")]);
    rig.pacer.end_live(&"home".into(), turn);
    rig.grow(&answer, "too late");
    rig.drained().await;
    let calls = rig.calls();
    let shown: Vec<&Did> = calls
        .iter()
        .map(|(_, _, did)| did)
        .filter(|did| **did != Did::Typing)
        .collect();
    assert!(matches!(shown[0], Did::Send(_)), "{shown:?}");
    assert!(
        shown.len() > 3 && shown[1..].iter().all(|did| matches!(did, Did::Edit(_))),
        "one message: {shown:?}"
    );
    assert_eq!(*shown[shown.len() - 1], Did::Edit("the whole".into()));
    for pair in calls.windows(2) {
        assert!(pair[1].0 - pair[0].0 + NOTING >= INTERVAL, "two calls within the interval");
    }
}

#[tokio::test]
async fn typing_is_shown_until_there_is_text() {
    let often = Capabilities {
        typing_every: Some(Duration::from_millis(60)),
        ..capabilities()
    };
    let rig = Rig::new(often, Vec::new());
    let answer = rig.live(TurnId::new());
    rig.until(|did| did.len() >= 3).await;
    assert!(rig.did().iter().all(|did| *did == Did::Typing));
    rig.grow(&answer, "text");
    rig.until(|did| did.contains(&Did::Send("text".into()))).await;
    let calls = rig.did().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(rig.did().len(), calls, "no typing after the text: {:?}", rig.did());
}

#[tokio::test]
async fn first_text_is_held_back_until_it_is_worth_showing() {
    let patient = HoldBack {
        characters: 10,
        wait: Duration::from_mins(1),
    };
    let rig = Rig::new(
        Capabilities {
            hold_back: patient,
            typing_every: None,
            ..capabilities()
        },
        Vec::new(),
    );
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "short");
    tokio::time::sleep(INTERVAL * 3).await;
    assert_eq!(rig.did(), []);
    rig.grow(&answer, " and longer");
    rig.until(|did| did == [Did::Send("short and longer".into())]).await;
}

#[tokio::test]
async fn pictures_are_capped_and_the_final_is_not() {
    let few = Capabilities {
        edits_per_message: Some(3),
        typing_every: None,
        ..capabilities()
    };
    let rig = Rig::new(few, Vec::new());
    let turn = TurnId::new();
    let answer = rig.live(turn);
    for word in 0..30 {
        rig.grow(&answer, &format!("w{word} "));
        tokio::time::sleep(INTERVAL / 2).await;
    }
    assert_eq!(rig.did().len(), 3);
    answer.close();
    rig.pacer.show(vec![row(MessageId::answer(turn, 0, 0), "home", "the whole")]);
    rig.pacer.end_live(&"home".into(), turn);
    rig.drained().await;
    assert_eq!(rig.did().last(), Some(&Did::Edit("the whole".into())));
}

#[tokio::test]
async fn text_that_is_withdrawn_takes_its_surplus_messages_away() {
    let short = TextLimit {
        max: 20,
        unit: TextUnit::Characters,
    };
    let rig = Rig::new(
        Capabilities {
            text_limit: short,
            typing_every: None,
            ..capabilities()
        },
        Vec::new(),
    );
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "first words here. second words here.");
    rig.until(|did| did.len() >= 2).await;
    assert!(rig.did().iter().all(|did| matches!(did, Did::Send(_))), "{:?}", rig.did());
    answer.reset_text();
    rig.grow(&answer, "other");
    rig.pacer.nudge(&"home".into());
    rig.until(|did| did.contains(&Did::Delete) && did.contains(&Did::Edit("other".into())))
        .await;
}

#[tokio::test]
async fn newer_picture_of_a_waiting_message_replaces_the_older_one() {
    let rig = Rig::new(
        capabilities(),
        vec![OutboundError::RateLimited {
            retry_after: Duration::from_millis(100),
        }],
    );
    rig.pacer.show(vec![notice("a", "home", "old")]);
    rig.until(|did| !did.is_empty()).await;
    let newer = MessageRow {
        desired_version: 2,
        ..notice("a", "home", "new")
    };
    rig.pacer.show(vec![newer, notice("a", "home", "old")]);
    rig.drained().await;
    assert_eq!(rig.did(), [Did::Send("old".into()), Did::Send("new".into())]);
    rig.store.close();
}

#[tokio::test]
async fn account_limit_is_kept_and_uses_up_no_pictures() {
    let limited = Capabilities {
        account_calls_per_second: Some(2),
        edits_per_message: Some(1),
        typing_every: None,
        ..capabilities()
    };
    let rig = Rig::new(limited, Vec::new());
    rig.pacer.show(vec![notice("a", "work", "one"), notice("b", "club", "two")]);
    rig.until(|did| did.len() == 2).await;
    let answer = rig.live(TurnId::new());
    rig.grow(&answer, "text");
    for _ in 0..5 {
        rig.pacer.nudge(&"home".into());
        tokio::time::sleep(INTERVAL).await;
    }
    assert_eq!(rig.did().len(), 2, "the account's calls of this second are made");
    rig.until(|did| did.contains(&Did::Send("text".into()))).await;
    let calls = rig.calls();
    assert!(calls[2].0 - calls[0].0 + NOTING >= Duration::from_secs(1));
}

#[tokio::test]
async fn refusal_of_an_older_content_does_not_drop_the_newer_one() {
    let rig = Rig::new(capabilities(), vec![OutboundError::Forbidden("blocked".into())]);
    rig.pacer.show(vec![notice("a", "home", "old")]);
    rig.pacer.show(vec![MessageRow {
        desired_version: 2,
        ..notice("a", "home", "new")
    }]);
    rig.drained().await;
    assert_eq!(rig.did().last(), Some(&Did::Send("new".into())));
}

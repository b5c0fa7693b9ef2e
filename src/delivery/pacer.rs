//! The pacer of one connector: brings the platform to the desired state, no faster than the platform bears.
//!
//! One call at a time in each chat, the newest content wins, finals and prompts go before anything that grows. A wait that the
//! platform asks for is kept.

use super::chat::{Chat, Need};
use super::job::{Ended, Job, carry_out};
use super::live::LiveAnswer;
use crate::domain::TurnId;
use crate::store::{MessageRow, Store};
use cortex_chat::{Address, Capabilities, ChatId, ChatKind, Outbound};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A chat of which nothing is to be shown is forgotten after this; its pace begins anew then.
const CHAT_KEPT: Duration = Duration::from_mins(2);

/// Limits hold for a chat with all its threads.
pub(super) type ChatKey = ChatId;

/// Speaks to a pacer. Clones speak to the same one.
#[derive(Clone)]
pub struct PacerHandle {
    commands: mpsc::UnboundedSender<Command>,
    /// What its platform can do.
    pub capabilities: Arc<Capabilities>,
}

/// A running turn whose answer is to be shown as it grows.
pub struct LiveStart {
    /// Which turn.
    pub turn: TurnId,
    /// The number of the answer's message in the turn.
    pub segment: u32,
    /// Its conversation's row.
    pub conversation: i64,
    /// Where.
    pub address: Address,
    /// One-to-one or not.
    pub chat_kind: ChatKind,
    /// What to show.
    pub answer: Arc<LiveAnswer>,
    /// Messages that an earlier run of the turn left, by part.
    pub standing: Vec<MessageRow>,
}

enum Command {
    Rows(Vec<MessageRow>),
    Live(LiveStart),
    Nudge(ChatKey),
    EndLive(ChatKey, TurnId),
    Drain(oneshot::Sender<()>),
    Settle(ChatKey, oneshot::Sender<()>),
}

impl PacerHandle {
    /// Brings these messages to what they should show.
    pub fn show(&self, rows: Vec<MessageRow>) {
        if !rows.is_empty() {
            // The pacer only goes when the daemon does; what is not shown then is shown at the next start.
            let _ = self.commands.send(Command::Rows(rows));
        }
    }

    /// Begins to show a growing answer.
    pub fn show_live(&self, start: LiveStart) {
        let _ = self.commands.send(Command::Live(start));
    }

    /// Tells that a growing answer in this chat has grown.
    pub fn nudge(&self, chat: &ChatId) {
        let _ = self.commands.send(Command::Nudge(chat.clone()));
    }

    /// Ends the showing of a growing answer; the rows of its final form follow.
    pub fn end_live(&self, chat: &ChatId, turn: TurnId) {
        let _ = self.commands.send(Command::EndLive(chat.clone(), turn));
    }

    /// Returns when the call that is in flight in a chat, if there is one, is over and on record. What a person answers to has
    /// been shown to them, but its reference may not be stored yet.
    pub async fn settled(&self, chat: &ChatId) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Settle(chat.clone(), done)).is_ok() {
            let _ = wait.await;
        }
    }

    /// Returns when all that is stored as desired is shown.
    pub async fn drained(&self) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(Command::Drain(done)).is_ok() {
            let _ = wait.await;
        }
    }
}

type InFlight = FuturesUnordered<Pin<Box<dyn Future<Output = Ended> + Send>>>;

/// The pacer of one connector.
pub struct Pacer {
    outbound: Arc<dyn Outbound>,
    store: Store,
    capabilities: Arc<Capabilities>,
    commands: mpsc::UnboundedReceiver<Command>,
    chats: HashMap<ChatKey, Chat>,
    /// Chats to look at again, by when.
    timers: BTreeSet<(Instant, ChatKey)>,
    in_flight: InFlight,
    /// Times of the account's calls within the last second.
    account_calls: VecDeque<Instant>,
    drains: Vec<oneshot::Sender<()>>,
}

impl Pacer {
    /// A pacer and the handle to it.
    pub fn new(outbound: Arc<dyn Outbound>, store: Store) -> (Self, PacerHandle) {
        let (sender, commands) = mpsc::unbounded_channel();
        let capabilities = Arc::new(outbound.capabilities().clone());
        let handle = PacerHandle {
            commands: sender,
            capabilities: Arc::clone(&capabilities),
        };
        let pacer = Self {
            outbound,
            store,
            capabilities,
            commands,
            chats: HashMap::new(),
            timers: BTreeSet::new(),
            in_flight: FuturesUnordered::new(),
            account_calls: VecDeque::new(),
            drains: Vec::new(),
        };
        (pacer, handle)
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        loop {
            let next_timer = self.timers.first().map(|(at, _)| *at);
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.take(command),
                    None => return,
                },
                Some(ended) = self.in_flight.next(), if !self.in_flight.is_empty() => self.finish(ended),
                () = sleep_until(next_timer), if next_timer.is_some() => self.ring(),
            }
            self.answer_drains();
        }
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Rows(rows) => {
                let mut touched = BTreeSet::new();
                for row in rows {
                    let key = row.address.chat.clone();
                    self.chat(&key, row.chat_kind).put(row);
                    touched.insert(key);
                }
                for key in touched {
                    self.look_at(&key);
                }
            }
            Command::Live(start) => {
                let key = start.address.chat.clone();
                let kind = start.chat_kind;
                self.chat(&key, kind).begin_live(start);
                self.look_at(&key);
            }
            Command::Nudge(key) => self.look_at(&key),
            Command::EndLive(key, turn) => {
                if let Some(chat) = self.chats.get_mut(&key) {
                    chat.end_live(turn);
                }
            }
            Command::Drain(done) => self.drains.push(done),
            Command::Settle(key, done) => match self.chats.get_mut(&key) {
                Some(chat) => chat.tell_when_settled(done),
                None => {
                    let _ = done.send(());
                }
            },
        }
    }

    fn chat(&mut self, key: &ChatKey, kind: ChatKind) -> &mut Chat {
        self.chats.entry(key.clone()).or_insert_with(|| Chat::new(kind))
    }

    /// Looks again at the chats whose time has come.
    fn ring(&mut self) {
        let now = Instant::now();
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                return;
            }
            self.timers.remove(&(at, key.clone()));
            if let Some(chat) = self.chats.get_mut(&key) {
                chat.wake = None;
                if chat.is_quiet_for(CHAT_KEPT, now) {
                    self.chats.remove(&key);
                    continue;
                }
            }
            self.look_at(&key);
        }
    }

    /// Starts what a chat needs now, or notes when to look again.
    fn look_at(&mut self, key: &ChatKey) {
        let now = Instant::now();
        let account_free_at = self.account_free_at(now);
        let Some(chat) = self.chats.get_mut(key) else { return };
        let wake_at = match chat.need(now, account_free_at, &self.capabilities) {
            Need::Do(address, task) => {
                chat.begin_call(now);
                if self.capabilities.account_calls_per_second.is_some() {
                    self.account_calls.push_back(now);
                }
                let job = Job {
                    chat: key.clone(),
                    address,
                    task: *task,
                };
                self.in_flight
                    .push(Box::pin(carry_out(job, Arc::clone(&self.outbound), self.store.clone())));
                return;
            }
            Need::At(at) => at,
            Need::Nothing if chat.is_idle() => now + CHAT_KEPT,
            Need::Nothing => return,
        };
        if let Some(earlier) = chat.wake.replace(wake_at) {
            self.timers.remove(&(earlier, key.clone()));
        }
        self.timers.insert((wake_at, key.clone()));
    }

    /// When the account may make another call; `None` is now.
    fn account_free_at(&mut self, now: Instant) -> Option<Instant> {
        let limit = self.capabilities.account_calls_per_second? as usize;
        while self
            .account_calls
            .front()
            .is_some_and(|call| now - *call >= Duration::from_secs(1))
        {
            self.account_calls.pop_front();
        }
        (self.account_calls.len() >= limit).then(|| self.account_calls[0] + Duration::from_secs(1))
    }

    fn finish(&mut self, ended: Ended) {
        let key = ended.chat.clone();
        if let Some(chat) = self.chats.get_mut(&key) {
            chat.finish(ended);
        }
        self.look_at(&key);
    }

    fn answer_drains(&mut self) {
        if !self.drains.is_empty() && self.chats.values().all(Chat::is_drained) {
            for done in self.drains.drain(..) {
                let _ = done.send(());
            }
        }
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

//! The pacer of one connector: brings the platform to the desired state, no faster than the platform bears.
//!
//! One call at a time in each chat, the newest content wins, finals and prompts go before anything that grows. A wait that the
//! platform asks for is kept.

use super::chat::{Chat, Need};
use super::job::{Ended, Job, Platform};
use super::live::LiveAnswer;
use super::queue::Queue;
use crate::clock::Clock;
use crate::domain::TurnId;
use crate::store::{MessageRow, Store};
use cortex_chat::{Address, Capabilities, ChatId, ChatKind, ConnectorName, Outbound, OutboundError};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// A chat of which nothing is to be shown is forgotten after this; its pace begins anew then.
const CHAT_KEPT: Duration = Duration::from_mins(2);

/// Calls that may be on their way at the same time. Where no limit of the account holds them up, thousands would each make a
/// connection, and be no faster.
const MOST_CALLS_AT_ONCE: usize = 128;

/// A wait that a platform asks for is worth a line in the log when it is longer than this.
const LONG_WAIT: Duration = Duration::from_mins(1);

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
    EndLive(ChatKey, TurnId, Arc<LiveAnswer>),
    Drain(oneshot::Sender<()>),
    Settle(ChatKey, oneshot::Sender<()>),
}

impl PacerHandle {
    /// Brings these messages to what they should show.
    pub fn show(&self, mut rows: Vec<MessageRow>) {
        rows.retain(|row| row.shown_version < row.desired_version);
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

    /// Ends the showing of a growing answer; the rows of its final form came before.
    pub fn end_live(&self, chat: &ChatId, turn: TurnId, answer: &Arc<LiveAnswer>) {
        let _ = self.commands.send(Command::EndLive(chat.clone(), turn, Arc::clone(answer)));
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
    platform: Arc<Platform>,
    capabilities: Arc<Capabilities>,
    commands: mpsc::UnboundedReceiver<Command>,
    chats: HashMap<ChatKey, Chat>,
    /// Where chats have gone that are still called by their old id; forgotten with the chat that they have become.
    moved: HashMap<ChatKey, ChatKey>,
    /// Chats to look at again, by when.
    timers: BTreeSet<(Instant, ChatKey)>,
    /// Chats that could be called, by whose turn it is with the account.
    queue: Queue,
    in_flight: InFlight,
    drains: Vec<oneshot::Sender<()>>,
}

impl Pacer {
    /// A pacer and the handle to it.
    pub fn new(connector: ConnectorName, outbound: Arc<dyn Outbound>, store: Store, clock: Clock) -> (Self, PacerHandle) {
        let (sender, commands) = mpsc::unbounded_channel();
        let capabilities = Arc::new(outbound.capabilities().clone());
        let handle = PacerHandle {
            commands: sender,
            capabilities: Arc::clone(&capabilities),
        };
        let pacer = Self {
            platform: Arc::new(Platform {
                connector,
                outbound,
                store,
                clock,
            }),
            queue: Queue::new(capabilities.account_calls_per_second),
            capabilities,
            commands,
            chats: HashMap::new(),
            moved: HashMap::new(),
            timers: BTreeSet::new(),
            in_flight: FuturesUnordered::new(),
            drains: Vec::new(),
        };
        (pacer, handle)
    }

    /// Runs until every handle is gone.
    pub async fn run(mut self) {
        loop {
            let wake_at = self.wake_at();
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.take(command),
                    None => return,
                },
                Some(ended) = self.in_flight.next(), if !self.in_flight.is_empty() => self.finish(ended, Instant::now()),
                () = sleep_until(wake_at), if wake_at.is_some() => self.ring(Instant::now()),
            }
            self.answer_drains();
        }
    }

    fn wake_at(&self) -> Option<Instant> {
        let timer = self.timers.first().map(|(at, _)| *at);
        // Where too many calls are on their way, the end of one of them is what the queue waits for.
        let queue = self.has_room().then(|| self.queue.wake_at()).flatten();
        timer.into_iter().chain(queue).min()
    }

    fn has_room(&self) -> bool {
        self.in_flight.len() < MOST_CALLS_AT_ONCE
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Rows(rows) => {
                let mut touched = BTreeSet::new();
                for mut row in rows {
                    let key = self.moved_to(&row.address.chat);
                    if key != row.address.chat {
                        row.move_to(&key);
                    }
                    self.chat(&key, row.chat_kind).put(row);
                    touched.insert(key);
                }
                for key in touched {
                    self.look_at(&key);
                }
            }
            Command::Live(mut start) => {
                let key = self.moved_to(&start.address.chat);
                start.address.chat = key.clone();
                let kind = start.chat_kind;
                self.chat(&key, kind).begin_live(start);
                self.look_at(&key);
            }
            Command::Nudge(chat) => {
                let key = self.moved_to(&chat);
                self.look_at(&key);
            }
            Command::EndLive(chat, turn, answer) => {
                let key = self.moved_to(&chat);
                if let Some(chat) = self.chats.get_mut(&key) {
                    chat.end_live(turn, &answer);
                }
                // So that the chat is forgotten in time, where nothing else is to be shown there.
                self.look_at(&key);
            }
            Command::Drain(done) => self.drains.push(done),
            Command::Settle(chat, done) => match self.chats.get_mut(&self.moved_to(&chat)) {
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

    /// The id that a chat goes by now.
    fn moved_to(&self, chat: &ChatKey) -> ChatKey {
        self.moved.get(chat).unwrap_or(chat).clone()
    }

    /// Looks again at the chats whose time has come, and forgets those where nothing happens.
    fn ring(&mut self, now: Instant) {
        while let Some((at, key)) = self.timers.first().cloned() {
            if at > now {
                break;
            }
            self.timers.remove(&(at, key.clone()));
            if let Some(chat) = self.chats.get_mut(&key) {
                chat.wake = None;
                if chat.is_quiet_for(CHAT_KEPT, now) {
                    self.chats.remove(&key);
                    self.queue.leave(&key);
                    self.moved.retain(|_, to| *to != key);
                    continue;
                }
            }
            self.line_up(&key, now);
        }
        self.serve(now);
    }

    /// Starts what a chat needs now, or notes when to look again.
    fn look_at(&mut self, key: &ChatKey) {
        let now = Instant::now();
        self.line_up(key, now);
        self.serve(now);
    }

    /// Puts a chat that needs a call into the queue, or notes when to look at it again.
    fn line_up(&mut self, key: &ChatKey, now: Instant) {
        let Some(chat) = self.chats.get_mut(key) else { return };
        let need = chat.need(now, &self.capabilities);
        let wake_at = match need {
            Need::Call(urgency, at) => {
                self.queue.join(key, urgency);
                at
            }
            Need::Look(at) => Some(at),
            Need::Nothing => chat.is_idle().then_some(now + CHAT_KEPT),
        };
        if !matches!(need, Need::Call(..)) {
            self.queue.leave(key);
        }
        if let Some(wake_at) = wake_at {
            if let Some(earlier) = chat.wake.replace(wake_at) {
                self.timers.remove(&(earlier, key.clone()));
            }
            self.timers.insert((wake_at, key.clone()));
        }
    }

    /// Calls the platform for those who wait, as far as the account may be called.
    fn serve(&mut self, now: Instant) {
        while self.has_room()
            && let Some(key) = self.queue.next(now)
        {
            let Some(chat) = self.chats.get_mut(&key) else { continue };
            match chat.begin_call(now, &self.capabilities) {
                Some((address, task)) => {
                    self.queue.count(now);
                    let chat = key;
                    let job = Job { chat, address, task };
                    self.in_flight.push(Box::pin(Arc::clone(&self.platform).carry_out(job)));
                }
                // What it waited for is no longer wanted.
                None => self.line_up(&key, now),
            }
        }
    }

    fn finish(&mut self, ended: Ended, now: Instant) {
        let key = ended.chat.clone();
        for further in ended.calls.iter().skip(1) {
            self.queue.count(*further);
        }
        let moved_to = match &ended.result {
            Err(OutboundError::Moved { to }) => Some(to.clone()),
            _ => None,
        };
        if let Some(chat) = self.chats.get_mut(&key) {
            let asked_wait = chat.finish(ended, now);
            if let Some(wait) = asked_wait.filter(|wait| *wait > LONG_WAIT) {
                let connector = &self.platform.connector;
                tracing::warn!(
                    connector.name = %connector, retry.after_s = wait.as_secs(),
                    "the platform asks for a long wait; what a chat should show comes after it"
                );
            }
        }
        match moved_to {
            Some(to) => self.move_chat(&key, &to),
            None => self.look_at(&key),
        }
    }

    /// Goes on with a chat under its new id.
    fn move_chat(&mut self, from: &ChatKey, to: &ChatKey) {
        let Some(mut chat) = self.chats.remove(from) else { return };
        self.queue.leave(from);
        if let Some(wake) = chat.wake.take() {
            self.timers.remove(&(wake, from.clone()));
        }
        for target in self.moved.values_mut().filter(|target| *target == from) {
            target.clone_from(to);
        }
        self.moved.insert(from.clone(), to.clone());
        self.moved.remove(to);
        chat.move_to(to);
        match self.chats.entry(to.clone()) {
            Entry::Vacant(place) => {
                place.insert(chat);
            }
            Entry::Occupied(mut there) => there.get_mut().join(chat),
        }
        self.look_at(to);
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

#[cfg(test)]
impl Pacer {
    /// Carries out what it can, without waiting for timers.
    pub(super) async fn settle(&mut self) {
        while let Ok(command) = self.commands.try_recv() {
            self.take(command);
        }
        while let Some(ended) = self.in_flight.next().await {
            self.finish(ended, Instant::now());
        }
    }

    /// Looks at what is due after so much time.
    pub(super) async fn pass(&mut self, time: Duration) {
        self.settle().await;
        self.ring(Instant::now() + time);
        self.settle().await;
    }

    /// What it remembers of chats after so much time in which nothing happened.
    pub(super) fn remembered_after(&mut self, quiet: Duration) -> Vec<String> {
        self.ring(Instant::now() + quiet);
        assert!(!self.chats.is_empty() || (self.timers.is_empty() && self.queue.is_empty() && self.moved.is_empty()));
        self.chats.keys().map(ToString::to_string).collect()
    }
}

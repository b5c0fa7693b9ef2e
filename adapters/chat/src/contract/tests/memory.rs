//! A platform that has everything, and an adapter for it that does as the contract says, or does one thing wrong.

use crate::contract::{Fault, Lack, Platform, Who};
use crate::*;
use async_trait::async_trait;
use jiff::Timestamp;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "s3cr3t";
const LIMIT: usize = 200;

/// What an adapter does wrong.
pub(super) mod flaw {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const CONFIRMS_BEFORE_STORING: u8 = 1;
    pub(crate) const GIVES_NEW_IDS: u8 = 2;
    pub(crate) const FORGETS_THE_CURSOR: u8 = 3;
    pub(crate) const REVERSES: u8 = 4;
    pub(crate) const NEVER_CATCHES_UP: u8 = 5;
    pub(crate) const IGNORES_SHUTDOWN: u8 = 6;
    pub(crate) const KNOWS_PEOPLE_BY_NAME: u8 = 7;
    pub(crate) const IGNORES_OTHER_READERS: u8 = 8;
    pub(crate) const GIVES_UP_READING: u8 = 9;
    pub(crate) const APPENDS_EDITS: u8 = 10;
    pub(crate) const EDITS_THE_DEAD: u8 = 11;
    pub(crate) const KEEPS_CHOICES: u8 = 12;
    pub(crate) const DROPS_CHOICES: u8 = 13;
    pub(crate) const CUTS_TEXT: u8 = 14;
    pub(crate) const READS_MARKS: u8 = 15;
    pub(crate) const SHOWS_CONTROLS: u8 = 16;
    pub(crate) const HIDES_LIMITS: u8 = 17;
    pub(crate) const RETRIES: u8 = 18;
    pub(crate) const TAKES_LOST_FOR_FAILED: u8 = 19;
    pub(crate) const FINDS_NOTHING: u8 = 20;
    pub(crate) const TELLS_TEXT: u8 = 21;
    pub(crate) const TELLS_THE_SECRET: u8 = 22;
    pub(crate) const TRUSTS_FORWARDS: u8 = 23;
    pub(crate) const TAKES_BOTS_FOR_PEOPLE: u8 = 24;
    pub(crate) const DROPS_REPLIES: u8 = 25;
}

pub(super) struct Memory<const FLAW: u8> {
    world: Arc<World>,
}

#[derive(Default)]
struct World {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    happened: Vec<Event>,
    confirmed: usize,
    messages: Vec<Standing>,
    writes: usize,
    faults: VecDeque<Fault>,
    interrupted: bool,
    other_reader: bool,
    name: String,
    told: Option<String>,
    next_id: usize,
}

struct Standing {
    at: Address,
    reference: MessageRef,
    key: SendKey,
    text: String,
    choices: Vec<Choice>,
}

impl World {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics with the lock")
    }

    fn happens(&self, who: Who, at: &Address, kind: impl FnOnce(MessageRef) -> EventKind) -> bool {
        let mut state = self.state();
        state.next_id += 1;
        let number = state.next_id;
        let (id, kind_of_sender) = match who {
            Who::Person => ("1", SenderKind::Person),
            Who::AnotherPerson => ("2", SenderKind::Person),
            Who::Bot => ("3", SenderKind::Bot),
            Who::Anonymous => ("4", SenderKind::Anonymous),
        };
        let is_room = at.chat.as_str() == "room";
        let name = state.name.clone();
        state.happened.push(Event {
            id: format!("event {number}").into(),
            address: at.clone(),
            chat_kind: if is_room { ChatKind::Room } else { ChatKind::OneToOne },
            at: Timestamp::now(),
            sender: Sender {
                id: id.into(),
                kind: kind_of_sender,
                display_name: Some(name.into()),
            },
            kind: kind(format!("message {number}").into()),
        });
        drop(state);
        self.changed.notify_waiters();
        true
    }

    fn says(&self, who: Who, at: &Address, text: &str, change: impl FnOnce(&mut IncomingMessage)) -> bool {
        self.happens(who, at, |reference| {
            let mut message = message(reference, text);
            message.addressed = at.chat.as_str() != "room";
            change(&mut message);
            EventKind::Message(message)
        })
    }
}

fn message(reference: MessageRef, text: &str) -> IncomingMessage {
    IncomingMessage {
        reference,
        text: text.into(),
        reply_to: None,
        quote: None,
        addressed: true,
        provenance: Provenance::Typed,
        attachments: Vec::new(),
        more: None,
    }
}

fn address(chat: &str, thread: Option<&str>) -> Address {
    Address {
        connector: "memory".into(),
        chat: chat.into(),
        thread: thread.map(ThreadId::from),
    }
}

#[async_trait]
impl<const FLAW: u8> Platform for Memory<FLAW> {
    const LACKS: &'static [Lack] = &[];

    async fn start() -> Self {
        Self { world: Arc::default() }
    }

    async fn connector(&mut self) -> Connector {
        Connector {
            name: "memory".into(),
            inbound: Box::new(Reader::<FLAW>(Arc::clone(&self.world))),
            outbound: Arc::new(Writer::<FLAW> {
                world: Arc::clone(&self.world),
                capabilities: capabilities(),
            }),
        }
    }

    fn direct(&self) -> Address {
        address("direct", None)
    }

    async fn room(&mut self) -> Option<Address> {
        Some(address("room", None))
    }

    async fn thread(&mut self) -> Option<Address> {
        Some(address("room", Some("thread")))
    }

    fn secret(&self) -> Option<String> {
        Some(SECRET.to_owned())
    }

    async fn say(&mut self, who: Who, at: &Address, text: &str) -> bool {
        self.world.says(who, at, text, |_| {})
    }

    async fn choose(&mut self, at: &Address, message: &MessageRef, choice: &Choice) -> bool {
        let is_offered = self.world.state().messages.iter().any(|standing| {
            standing.reference == *message && standing.choices.iter().any(|offered| offered.id == choice.id)
        });
        is_offered
            && self.world.happens(Who::Person, at, |_| EventKind::Choice {
                message: message.clone(),
                choice: choice.id.clone(),
            })
    }

    async fn mention(&mut self, at: &Address, text: &str) -> bool {
        self.world.says(Who::Person, at, text, |message| message.addressed = true)
    }

    async fn reply(&mut self, at: &Address, to: &MessageRef, text: &str) -> bool {
        self.world.says(Who::Person, at, text, |message| {
            message.addressed = true;
            message.reply_to = Some(to.clone());
        })
    }

    async fn change(&mut self, at: &Address, said: &MessageRef, text: &str) -> bool {
        self.world
            .happens(Who::Person, at, |_| EventKind::Edit(message(said.clone(), text)))
    }

    async fn forward(&mut self, at: &Address, text: &str) -> bool {
        self.world
            .says(Who::Person, at, text, |message| message.provenance = Provenance::Forwarded)
    }

    async fn rename(&mut self, name: &str) -> bool {
        name.clone_into(&mut self.world.state().name);
        true
    }

    async fn read_elsewhere(&mut self) -> bool {
        self.world.state().other_reader = true;
        self.world.changed.notify_waiters();
        true
    }

    async fn transcript(&mut self, at: &Address) -> String {
        let state = self.world.state();
        let mut lines = Vec::new();
        for standing in state.messages.iter().filter(|standing| standing.at == *at) {
            lines.push(standing.text.clone());
            lines.extend(standing.choices.iter().map(|choice| format!("[{}]", choice.label)));
        }
        lines.join("\n")
    }

    async fn told_privately(&mut self) -> Option<String> {
        self.world.state().told.clone()
    }

    async fn fail(&mut self, fault: Fault) -> bool {
        self.world.state().faults.push_back(fault);
        true
    }

    async fn interrupt_reading(&mut self) -> bool {
        self.world.state().interrupted = true;
        self.world.changed.notify_waiters();
        true
    }

    async fn writes(&mut self) -> usize {
        self.world.state().writes
    }
}

struct Reader<const FLAW: u8>(Arc<World>);

impl<const FLAW: u8> Reader<FLAW> {
    async fn read(&self, inbox: &dyn Inbox) -> Result<(), InboundError> {
        let name = ConnectorName::from("memory");
        let world = &self.0;
        let stored = inbox.cursor(&name, "all").await?.and_then(|cursor| cursor.parse().ok());
        let mut position = if FLAW == flaw::CONFIRMS_BEFORE_STORING {
            world.state().confirmed
        } else {
            stored.filter(|_| FLAW != flaw::FORGETS_THE_CURSOR).unwrap_or(0)
        };
        loop {
            let changed = world.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if std::mem::take(&mut world.state().interrupted) && FLAW == flaw::GIVES_UP_READING {
                return Err(InboundError::Fatal("the platform is away".to_owned()));
            }
            if world.state().other_reader && FLAW != flaw::IGNORES_OTHER_READERS {
                inbox.report(&name, Condition::Contested);
            }
            let mut events: Vec<Event> = world.state().happened.iter().skip(position).take(2).cloned().collect();
            position += events.len();
            let is_idle = events.is_empty();
            events.iter_mut().for_each(spoil::<FLAW>);
            if FLAW == flaw::REVERSES {
                events.reverse();
            }
            if FLAW == flaw::CONFIRMS_BEFORE_STORING {
                world.state().confirmed = position;
            }
            let batch = EventBatch {
                scope: "all".to_owned(),
                cursor: Some(position.to_string()),
                events,
                caught_up: is_idle && FLAW != flaw::NEVER_CATCHES_UP,
            };
            let receipt = inbox.accept(&name, batch).await?;
            if let Some(reply) = receipt.replies.first() {
                world.state().told = Some(reply.text.as_str().to_owned());
            }
            if is_idle {
                changed.await;
            }
        }
    }
}

fn spoil<const FLAW: u8>(event: &mut Event) {
    static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    match FLAW {
        flaw::GIVES_NEW_IDS => {
            let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            event.id = format!("another {next}").into();
        }
        flaw::KNOWS_PEOPLE_BY_NAME => {
            let name = event.sender.display_name.clone().unwrap_or_default();
            event.sender.id = name.as_str().into();
        }
        flaw::TAKES_BOTS_FOR_PEOPLE => event.sender.kind = SenderKind::Person,
        flaw::TRUSTS_FORWARDS | flaw::DROPS_REPLIES => {
            if let EventKind::Message(message) = &mut event.kind {
                if FLAW == flaw::TRUSTS_FORWARDS {
                    message.provenance = Provenance::Typed;
                } else {
                    message.reply_to = None;
                }
            }
        }
        _ => {}
    }
}

#[async_trait]
impl<const FLAW: u8> Inbound for Reader<FLAW> {
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError> {
        tokio::select! {
            ended = self.read(&*inbox) => ended,
            () = shutdown.cancelled(), if FLAW != flaw::IGNORES_SHUTDOWN => Ok(()),
        }
    }
}

struct Writer<const FLAW: u8> {
    world: Arc<World>,
    capabilities: Capabilities,
}

impl<const FLAW: u8> Writer<FLAW> {
    /// Gives whether the answer is lost.
    fn call(&self, text: &str) -> Result<bool, OutboundError> {
        let mut state = self.world.state();
        if TextUnit::Utf16.length(text) > LIMIT {
            return Err(OutboundError::TooLong);
        }
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Unreachable) {
            return Err(OutboundError::Transient(match FLAW {
                flaw::TELLS_TEXT => text.to_owned(),
                flaw::TELLS_THE_SECRET => format!("http://{SECRET}/"),
                _ => "the platform is away".to_owned(),
            }));
        }
        state.writes += 1;
        match fault {
            Some(Fault::RateLimit(_)) if FLAW == flaw::RETRIES => {
                state.writes += 1;
                Ok(false)
            }
            Some(Fault::RateLimit(_)) if FLAW == flaw::HIDES_LIMITS => Err(OutboundError::Transient("busy".to_owned())),
            Some(Fault::RateLimit(retry_after)) => Err(OutboundError::RateLimited { retry_after }),
            Some(Fault::Forbidden) => Err(OutboundError::Forbidden("it says no".to_owned())),
            fault => Ok(fault == Some(Fault::LostAnswer)),
        }
    }

    fn answer(is_lost: bool) -> Result<(), OutboundError> {
        match is_lost {
            true if FLAW == flaw::TAKES_LOST_FOR_FAILED => Err(OutboundError::Transient("failed".to_owned())),
            true => Err(OutboundError::Unknown("no answer".to_owned())),
            false => Ok(()),
        }
    }
}

fn text_of<const FLAW: u8>(message: &OutgoingMessage) -> String {
    let text = message.body.to_plain_text();
    match FLAW {
        flaw::READS_MARKS => Document::parse(&text).to_plain_text(),
        flaw::SHOWS_CONTROLS => text,
        flaw::CUTS_TEXT => text.chars().take(50).collect(),
        _ => text
            .chars()
            .map(|character| match character {
                '\n' => '\n',
                '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '?',
                character if character.is_control() => '?',
                character => character,
            })
            .collect(),
    }
}

#[async_trait]
impl<const FLAW: u8> Outbound for Writer<FLAW> {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, to: &Address, key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let text = text_of::<FLAW>(message);
        let is_lost = self.call(&text)?;
        let mut state = self.world.state();
        if let Some(standing) = state.messages.iter().find(|standing| standing.key == *key) {
            return Ok(standing.reference.clone());
        }
        state.next_id += 1;
        let reference = MessageRef::new(format!("message {}", state.next_id));
        state.messages.push(Standing {
            at: to.clone(),
            reference: reference.clone(),
            key: key.clone(),
            text,
            choices: message.choices.clone(),
        });
        Self::answer(is_lost).map(|()| reference)
    }

    async fn edit(&self, _at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        let text = text_of::<FLAW>(message);
        let is_lost = self.call(&text)?;
        let mut state = self.world.state();
        let standing = state.messages.iter_mut().find(|standing| standing.reference == *reference);
        let Some(standing) = standing else {
            return if FLAW == flaw::EDITS_THE_DEAD {
                Ok(())
            } else {
                Err(OutboundError::Gone("it is not there".to_owned()))
            };
        };
        if FLAW == flaw::APPENDS_EDITS {
            standing.text.push_str(&text);
        } else {
            standing.text = text;
        }
        match FLAW {
            flaw::KEEPS_CHOICES if message.choices.is_empty() => {}
            flaw::DROPS_CHOICES => standing.choices.clear(),
            _ => standing.choices.clone_from(&message.choices),
        }
        Self::answer(is_lost)
    }

    async fn delete(&self, _at: &Address, reference: &MessageRef) -> Result<(), OutboundError> {
        self.call("")?;
        self.world
            .state()
            .messages
            .retain(|standing| standing.reference != *reference);
        Ok(())
    }

    async fn signal(&self, _at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        Ok(())
    }

    async fn find(&self, _at: &Address, key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        let state = self.world.state();
        let found = state.messages.iter().find(|standing| standing.key == *key);
        Ok(found
            .filter(|_| FLAW != flaw::FINDS_NOTHING)
            .map(|standing| standing.reference.clone()))
    }
}

fn capabilities() -> Capabilities {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, Duration::ZERO)],
        calls_per_minute: None,
    };
    Capabilities {
        text_limit: TextLimit {
            max: LIMIT,
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
        replies_to_choices: true,
        threads: true,
        typing_every: None,
        idempotent_sends: true,
        can_find_sends: true,
        keeps_messages: true,
        announce_again_after: Duration::ZERO,
    }
}

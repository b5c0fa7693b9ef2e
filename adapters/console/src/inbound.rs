//! The reading half: what the person types becomes events.

mod source;

use crate::config::{Input, Mode, Outcome, Settings};
use crate::editor::Typed;
use crate::exchange::{Exchange, Said};
use crate::outbound::{Display, lock};
use crate::plain::Decision;
use crate::strings;
use crate::ui::Ui;
use async_trait::async_trait;
use cortex_chat::{
    Address, ChatId, ChatKind, ChoiceId, Event, EventBatch, EventId, EventKind, Inbound, InboundError, Inbox, InboxError,
    IncomingMessage, MessageRef, Provenance, Sender, SenderId, SenderKind, Text,
};
use jiff::Timestamp;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The one chat and the one person of a terminal.
const LOCAL: &str = "local";
/// Ctrl-C twice within this time leaves.
const LEAVE_WITHIN: Duration = Duration::from_secs(2);

pub(crate) struct ConsoleInbound {
    pub(crate) settings: Settings,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) display: Arc<Mutex<Display>>,
    pub(crate) input: Input,
    pub(crate) decisions: mpsc::UnboundedReceiver<Decision>,
}

#[async_trait]
impl Inbound for ConsoleInbound {
    async fn run(self: Box<Self>, inbox: Arc<dyn Inbox>, shutdown: CancellationToken) -> Result<(), InboundError> {
        let Self {
            settings,
            exchange,
            display,
            input,
            decisions,
        } = *self;
        let mut conversation = Conversation {
            settings,
            exchange,
            display,
            inbox,
            last_interrupt: None,
        };
        let ended = tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            ended = conversation.read(input, decisions) => Some(ended),
        };
        conversation.close();
        if let Some(ended) = ended {
            ended?;
            conversation.settings.quit.cancel();
            shutdown.cancelled().await;
        }
        Ok(())
    }
}

/// Whether to go on reading.
#[derive(PartialEq, Eq)]
enum Next {
    GoOn,
    Leave,
}

struct Conversation {
    settings: Settings,
    exchange: Arc<Exchange>,
    display: Arc<Mutex<Display>>,
    inbox: Arc<dyn Inbox>,
    last_interrupt: Option<Instant>,
}

impl Conversation {
    /// Reads until the person leaves. A line that is being handed on when this is dropped may be lost; all earlier ones are
    /// on disk.
    async fn read(&mut self, input: Input, decisions: mpsc::UnboundedReceiver<Decision>) -> Result<(), InboundError> {
        if let Err(error) = self.hand_over(Vec::new()).await {
            tracing::warn!(%error, "that the terminal is read could not be put on record");
        }
        match self.settings.mode.clone() {
            Mode::Interactive => self.interactive(input).await,
            Mode::Plain => self.lines(input).await,
            Mode::Once { text, .. } => self.once(&text, decisions).await,
        }
    }

    async fn interactive(&mut self, input: Input) -> Result<(), InboundError> {
        let mut keys = source::keys(input).map_err(|error| terminal_failed(&error))?;
        self.with_ui(Ui::start)?;
        // The question that the line being typed is about.
        let mut addressed = self.exchange.newest_prompt();
        while let Some(key) = keys.events.recv().await {
            let (was_empty, typed) = self.with_ui(|ui| Ok((ui.editor.is_empty(), ui.handle(&key)?)))?;
            if was_empty {
                addressed = self.exchange.newest_prompt();
            }
            let next = match typed {
                Typed::Edited | Typed::Redraw | Typed::Resized(..) => Next::GoOn,
                Typed::Submitted(line) => self.typed_line(&line, &mut addressed).await?,
                Typed::Interrupted => self.interrupted().await?,
                Typed::Ended => Next::Leave,
            };
            if next == Next::Leave {
                break;
            }
        }
        Ok(())
    }

    async fn typed_line(&self, line: &str, addressed: &mut Option<MessageRef>) -> Result<Next, InboundError> {
        let said = self.exchange.read(line);
        let newest = self.exchange.newest_prompt();
        // A single word can be a keyword that decides.
        let may_decide = match &said {
            Said::Choice { .. } | Said::Reply { .. } => true,
            Said::Message(text) => text.split_whitespace().count() == 1,
            Said::Nothing => false,
        };
        if may_decide && newest.is_some() && newest != *addressed {
            *addressed = newest;
            self.with_ui(|ui| {
                ui.editor.set(line);
                ui.hint(strings::PROMPT_CHANGED)
            })?;
            return Ok(Next::GoOn);
        }
        if said != Said::Nothing {
            self.with_ui(|ui| ui.echo(line))?;
        }
        match self.say(said).await {
            // A full disk, say. The line is not lost, and the person can try again.
            Err(InboundError::Inbox(refusal)) => self.with_ui(|ui| {
                ui.editor.set(line);
                ui.hint(refusal.to_string())
            })?,
            said => said?,
        }
        Ok(Next::GoOn)
    }

    async fn interrupted(&mut self) -> Result<Next, InboundError> {
        let now = Instant::now();
        let again = self
            .last_interrupt
            .replace(now)
            .is_some_and(|last| now - last <= LEAVE_WITHIN);
        if again {
            return Ok(Next::Leave);
        }
        if self.exchange.is_working() {
            self.with_ui(|ui| ui.hint(strings::STOPPING))?;
            self.accept(EventKind::Stop).await?;
        } else {
            self.with_ui(|ui| {
                ui.editor.clear();
                ui.hint(strings::CTRL_C_AGAIN)
            })?;
        }
        Ok(Next::GoOn)
    }

    async fn lines(&mut self, input: Input) -> Result<(), InboundError> {
        let mut lines = source::lines(input);
        while let Some(line) = lines.recv().await {
            let said = self.exchange.read(&line);
            self.say(said).await?;
            self.exchange.until(Exchange::is_persons_turn).await;
        }
        if !self.exchange.is_idle() {
            self.settings.outcome.mark_failed();
            self.tell(strings::LEFT_UNDECIDED);
        }
        Ok(())
    }

    async fn once(&mut self, text: &Text, mut decisions: mpsc::UnboundedReceiver<Decision>) -> Result<(), InboundError> {
        // Until there is an answer; also when this is dropped.
        let unanswered = FailUnlessAnswered(Some(self.settings.outcome.clone()));
        self.say(Said::Message(text.as_str().to_owned())).await?;
        loop {
            tokio::select! {
                () = self.exchange.until(Exchange::is_idle) => break,
                decision = decisions.recv() => match decision.flatten() {
                    Some((of, choice)) => self.say(Said::Choice { of, choice }).await?,
                    None => return Ok(()),
                },
            }
        }
        let is_command = text.as_str().trim_start().starts_with('/');
        if is_command || !self.exchange.was_refused() {
            unanswered.answered();
        }
        Ok(())
    }

    async fn say(&self, said: Said) -> Result<(), InboundError> {
        let kind = match said {
            Said::Nothing => return Ok(()),
            Said::Message(text) => self.message(text, None),
            Said::Reply { to, text } => self.message(text, Some(to)),
            Said::Choice { of, choice } => self.choice(of, choice),
        };
        self.accept(kind).await
    }

    fn message(&self, text: String, reply_to: Option<MessageRef>) -> EventKind {
        let reference = MessageRef::new(Uuid::now_v7().to_string());
        self.exchange.expect_answer(&reference);
        EventKind::Message(IncomingMessage {
            reference,
            text: Text::new(text),
            reply_to,
            addressed: true,
            provenance: Provenance::Typed,
            attachments: Vec::new(),
            more: None,
            quote: None,
        })
    }

    fn choice(&self, message: MessageRef, choice: ChoiceId) -> EventKind {
        self.exchange.expect_decision();
        EventKind::Choice { message, choice }
    }

    async fn accept(&self, kind: EventKind) -> Result<(), InboundError> {
        let message = match &kind {
            EventKind::Message(message) => Some(message.reference.clone()),
            _ => None,
        };
        let event = Event {
            id: EventId::new(Uuid::now_v7().to_string()),
            address: Address {
                connector: self.settings.name.clone(),
                chat: ChatId::from(LOCAL),
                thread: None,
            },
            chat_kind: ChatKind::OneToOne,
            at: Timestamp::now(),
            sender: Sender {
                id: SenderId::from(LOCAL),
                kind: SenderKind::Person,
                display_name: None,
            },
            kind,
        };
        let accepted = self.hand_over(vec![event]).await;
        if accepted.is_err() {
            self.exchange.not_taken(message.as_ref());
        }
        accepted.map_err(InboundError::from)
    }

    /// What was typed is all there is to read, always.
    async fn hand_over(&self, events: Vec<Event>) -> Result<(), InboxError> {
        let batch = EventBatch {
            scope: LOCAL.to_owned(),
            cursor: None,
            events,
            caught_up: true,
        };
        self.inbox.accept(&self.settings.name, batch).await.map(drop)
    }

    /// Puts the terminal in order. What was applied before is shown when this returns.
    fn close(&self) {
        let mut display = lock(&self.display);
        if let Display::Screen(ui) = &mut *display
            && let Err(error) = ui.stop()
        {
            tracing::warn!(%error, "the terminal could not be put in order");
        }
    }

    fn tell(&self, sentence: &str) {
        if let Display::Plain(printer) = &mut *lock(&self.display)
            && let Err(error) = printer.tell(sentence)
        {
            tracing::warn!(%error, "standard error takes no more text");
        }
    }

    /// Runs on the screen; in a mode that has none, nothing calls it.
    fn with_ui<T>(&self, work: impl FnOnce(&mut Ui) -> io::Result<T>) -> Result<T, InboundError> {
        match &mut *lock(&self.display) {
            Display::Screen(ui) => work(ui).map_err(|error| terminal_failed(&error)),
            Display::Plain(_) => Err(InboundError::Fatal("there is no screen in this mode".to_owned())),
        }
    }
}

/// Marks the outcome as failed when dropped before there was an answer.
struct FailUnlessAnswered(Option<Outcome>);

impl FailUnlessAnswered {
    fn answered(mut self) {
        self.0 = None;
    }
}

impl Drop for FailUnlessAnswered {
    fn drop(&mut self) {
        if let Some(outcome) = &self.0 {
            outcome.mark_failed();
        }
    }
}

fn terminal_failed(error: &io::Error) -> InboundError {
    InboundError::Fatal(format!("the terminal cannot be used: {error}"))
}

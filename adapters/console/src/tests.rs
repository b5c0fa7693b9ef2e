#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod contract;
mod interactive;
mod once;
mod plain;
mod program;
mod rendering;

use crate::{GateAnswer, Input, Mode, Outcome, Settings, Streams, build_on};
use async_trait::async_trait;
use cortex_chat::{
    Address, Choice, ChoiceId, ChoiceStyle, Condition, ConnectorName, Document, EventBatch, EventKind, Inbox, InboxError,
    MessageKind, MessageRef, Outbound, OutgoingMessage, Receipt, SendKey,
};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use std::io::{BufReader, Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const SOON: Duration = Duration::from_secs(20);

/// Keeps what it is handed, and passes it on to the test.
struct ScriptedInbox {
    events: mpsc::UnboundedSender<cortex_chat::Event>,
}

#[async_trait]
impl Inbox for ScriptedInbox {
    async fn accept(&self, _connector: &ConnectorName, batch: EventBatch) -> Result<Receipt, InboxError> {
        for event in batch.events {
            self.events.send(event).map_err(|error| InboxError(error.to_string()))?;
        }
        Ok(Receipt::default())
    }

    async fn cursor(&self, _connector: &ConnectorName, _scope: &str) -> Result<Option<String>, InboxError> {
        Ok(None)
    }

    fn report(&self, _connector: &ConnectorName, _condition: Condition) {}
}

/// A terminal without a program: bytes in, screen out.
#[derive(Clone)]
struct Paper(Arc<Mutex<(vt100::Parser, Vec<u8>)>>);

impl Paper {
    fn new(columns: u16, rows: u16) -> Self {
        Self(Arc::new(Mutex::new((vt100::Parser::new(rows, columns, 1000), Vec::new()))))
    }

    fn screen(&self) -> String {
        self.0.lock().unwrap().0.screen().contents()
    }

    fn cursor(&self) -> (u16, u16) {
        self.0.lock().unwrap().0.screen().cursor_position()
    }

    fn transcript(&self) -> String {
        let mut paper = self.0.lock().unwrap();
        let screen = paper.0.screen_mut();
        let columns = screen.size().1;
        screen.set_scrollback(usize::MAX);
        let mut lines = Vec::new();
        for offset in (1..=screen.scrollback()).rev() {
            screen.set_scrollback(offset);
            lines.extend(screen.rows(0, columns).next());
        }
        screen.set_scrollback(0);
        lines.extend(screen.rows(0, columns));
        lines.join("\n").trim_end().to_owned()
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().1.clone()
    }

    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut paper = self.0.lock().unwrap();
        paper.0.process(bytes);
        paper.1.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A console between a scripted person and a scripted daemon.
struct Rig {
    outbound: Arc<dyn Outbound>,
    events: mpsc::UnboundedReceiver<cortex_chat::Event>,
    keys: mpsc::Sender<Event>,
    paper: Paper,
    errors: Paper,
    quit: CancellationToken,
    shutdown: CancellationToken,
    outcome: Outcome,
    running: JoinHandle<()>,
}

impl Rig {
    fn interactive(columns: u16, rows: u16) -> Self {
        Self::start(Mode::Interactive, None, columns, rows)
    }

    fn plain(input: &str) -> Self {
        Self::start(Mode::Plain, Some(input.to_owned()), 80, 24)
    }

    fn once(text: &str, gate: GateAnswer) -> Self {
        let text = text.into();
        Self::start(Mode::Once { text, gate }, None, 80, 24)
    }

    fn start(mode: Mode, lines: Option<String>, columns: u16, rows: u16) -> Self {
        let quit = CancellationToken::new();
        let outcome = Outcome::default();
        let settings = Settings {
            name: ConnectorName::from("console"),
            mode,
            quit: quit.clone(),
            outcome: outcome.clone(),
            history: None,
            styled: true,
        };
        let (paper, errors) = (Paper::new(columns, rows), Paper::new(columns, rows));
        let (keys, key_events) = mpsc::channel(1000);
        let input = match lines {
            Some(text) => Input::Lines(Box::new(BufReader::new(Cursor::new(text)))),
            None => Input::Events(key_events),
        };
        let streams = Streams {
            input,
            output: Box::new(paper.clone()),
            errors: Box::new(errors.clone()),
            size: (columns, rows),
        };
        let connector = build_on(settings, streams);
        let (sender, events) = mpsc::unbounded_channel();
        let shutdown = CancellationToken::new();
        let inbox = Arc::new(ScriptedInbox { events: sender });
        let running = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { connector.inbound.run(inbox, shutdown).await.unwrap() }
        });
        Self {
            outbound: connector.outbound,
            events,
            keys,
            paper,
            errors,
            quit,
            shutdown,
            outcome,
            running,
        }
    }

    async fn send(&self, message: OutgoingMessage) -> MessageRef {
        self.outbound.send(&address(), &SendKey::from("key"), &message).await.unwrap()
    }

    async fn edit(&self, reference: &MessageRef, message: OutgoingMessage) {
        self.outbound.edit(&address(), reference, &message).await.unwrap();
    }

    async fn press(&self, code: KeyCode, modifiers: KeyModifiers) {
        self.keys.send(Event::Key(KeyEvent::new(code, modifiers))).await.unwrap();
    }

    async fn ctrl(&self, character: char) {
        self.press(KeyCode::Char(character), KeyModifiers::CONTROL).await;
    }

    async fn type_text(&self, text: &str) {
        for character in text.chars() {
            self.press(KeyCode::Char(character), KeyModifiers::NONE).await;
        }
    }

    async fn type_line(&self, text: &str) {
        self.type_text(text).await;
        self.press(KeyCode::Enter, KeyModifiers::NONE).await;
    }

    async fn event(&mut self) -> cortex_chat::Event {
        tokio::time::timeout(SOON, self.events.recv()).await.unwrap().unwrap()
    }

    async fn message(&mut self) -> cortex_chat::IncomingMessage {
        match self.event().await.kind {
            EventKind::Message(message) => message,
            other => panic!("no message but {other:?}"),
        }
    }

    async fn choice(&mut self) -> (MessageRef, ChoiceId) {
        match self.event().await.kind {
            EventKind::Choice { message, choice } => (message, choice),
            other => panic!("no choice but {other:?}"),
        }
    }

    /// Keys are handled in their own time.
    async fn screen_shows(&self, text: &str) {
        let shown = async {
            while !self.paper.screen().contains(text) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(SOON, shown).await;
        assert!(waited.is_ok(), "no {text:?} on the screen:\n{}", self.paper.screen());
    }

    async fn leaves(self) -> (Paper, Paper, Outcome) {
        tokio::time::timeout(SOON, self.quit.cancelled()).await.unwrap();
        self.shutdown.cancel();
        tokio::time::timeout(SOON, self.running).await.unwrap().unwrap();
        (self.paper, self.errors, self.outcome)
    }

    fn no_choice_was_made(&mut self) -> bool {
        self.events.try_recv().is_err()
    }

    fn has_not_left(&self) -> bool {
        !self.quit.is_cancelled()
    }
}

fn address() -> Address {
    Address {
        connector: "console".into(),
        chat: "local".into(),
        thread: None,
    }
}

fn message(kind: MessageKind, text: &str) -> OutgoingMessage {
    OutgoingMessage {
        kind,
        body: Document::parse(text),
        choices: Vec::new(),
        reply_to: None,
        live: false,
        last: true,
    }
}

fn answer(text: &str) -> OutgoingMessage {
    message(MessageKind::Answer, text)
}

fn growing(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        live: true,
        ..answer(text)
    }
}

fn prompt(text: &str) -> OutgoingMessage {
    let choices = [
        ("Allow once", "yes", ChoiceStyle::Positive),
        ("Always", "always", ChoiceStyle::Positive),
        ("Deny", "no", ChoiceStyle::Negative),
    ];
    OutgoingMessage {
        choices: choices
            .into_iter()
            .map(|(label, keyword, style)| Choice {
                id: ChoiceId::new(format!("{keyword}-id")),
                label: label.to_owned(),
                keyword: keyword.to_owned(),
                emoji: None,
                style,
            })
            .collect(),
        ..message(MessageKind::Prompt, text)
    }
}

//! A connector at work.

use super::{Platform, RecordingInbox, SOON};
use crate::{
    Address, Choice, ChoiceId, ChoiceStyle, Document, Event, EventKind, InboundError, IncomingMessage, MessageKind,
    MessageRef, Outbound, OutboundError, OutgoingMessage, SendKey,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long `run` may take to end after its shutdown.
const PROMPTLY: Duration = Duration::from_secs(5);

/// A connector that reads into an inbox.
pub(super) struct Running {
    pub(super) inbox: Arc<RecordingInbox>,
    pub(super) outbound: Arc<dyn Outbound>,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), InboundError>>,
    sends: AtomicUsize,
}

impl Running {
    /// Starts a platform and a connector on it.
    pub(super) async fn on_new_platform<P: Platform>() -> (P, Self) {
        let mut platform = P::start().await;
        let running = Self::begin(&mut platform, Arc::default()).await;
        (platform, running)
    }

    pub(super) async fn begin<P: Platform>(platform: &mut P, inbox: Arc<RecordingInbox>) -> Self {
        let connector = platform.connector().await;
        let shutdown = CancellationToken::new();
        let running = connector.inbound.run(Arc::<RecordingInbox>::clone(&inbox), shutdown.clone());
        Self {
            inbox,
            outbound: connector.outbound,
            shutdown,
            task: tokio::spawn(running),
            sends: AtomicUsize::new(0),
        }
    }

    /// Ends the reading as a daemon does, and gives its inbox back.
    pub(super) async fn stop(self) -> Arc<RecordingInbox> {
        self.shutdown.cancel();
        let ended = tokio::time::timeout(PROMPTLY, self.task).await;
        let ended = ended
            .expect("the reading goes on after its shutdown")
            .expect("the reading panicked");
        assert!(ended.is_ok(), "the reading ended with {ended:?}");
        self.inbox
    }

    /// Ends the reading as a crash does, and gives its inbox back.
    pub(super) async fn kill(self) -> Arc<RecordingInbox> {
        self.task.abort();
        let _ = self.task.await;
        self.inbox
    }

    pub(super) fn has_ended(&self) -> bool {
        self.task.is_finished()
    }

    /// How the reading ended.
    pub(super) async fn end(self) -> (Arc<RecordingInbox>, Result<(), InboundError>) {
        let ended = tokio::time::timeout(SOON, self.task).await;
        let ended = ended.expect("the reading goes on").expect("the reading panicked");
        (self.inbox, ended)
    }

    /// Waits for the first event that is as asked for.
    pub(super) async fn event(&self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let found = self.inbox.until(|inbox| inbox.events().into_iter().find(&is_it)).await;
        let came: Vec<String> = self.inbox.events().iter().map(|event| format!("{:?}", event.kind)).collect();
        found.unwrap_or_else(|| {
            panic!(
                "no event that is {what} (the reading has ended: {}); came: {came:#?}",
                self.has_ended()
            )
        })
    }

    /// Waits for a message with this text.
    pub(super) async fn message(&self, text: &str) -> (Event, IncomingMessage) {
        let event = self.event("the message", |event| text_of(event) == Some(text)).await;
        match event.kind.clone() {
            EventKind::Message(message) => (event, message),
            _ => unreachable!("only messages have a text"),
        }
    }

    /// Waits for a taken choice.
    pub(super) async fn choice(&self) -> (MessageRef, ChoiceId) {
        let event = self
            .event("a choice", |event| matches!(event.kind, EventKind::Choice { .. }))
            .await;
        match event.kind {
            EventKind::Choice { message, choice } => (message, choice),
            _ => unreachable!("it is a choice"),
        }
    }

    /// Sends under a key that no other send has.
    pub(super) async fn send(&self, to: &Address, message: &OutgoingMessage) -> MessageRef {
        let number = self.sends.fetch_add(1, Ordering::SeqCst);
        let sent = self.try_send(to, &format!("send {number}"), message).await;
        sent.unwrap_or_else(|error| panic!("the send failed: {error}"))
    }

    pub(super) async fn try_send(
        &self,
        to: &Address,
        key: &str,
        message: &OutgoingMessage,
    ) -> Result<MessageRef, OutboundError> {
        in_time(self.outbound.send(to, &SendKey::from(key), message)).await
    }

    pub(super) async fn edit(&self, at: &Address, reference: &MessageRef, message: &OutgoingMessage) {
        let edited = self.try_edit(at, reference, message).await;
        edited.unwrap_or_else(|error| panic!("the edit failed: {error}"));
    }

    pub(super) async fn try_edit(
        &self,
        at: &Address,
        reference: &MessageRef,
        message: &OutgoingMessage,
    ) -> Result<(), OutboundError> {
        in_time(self.outbound.edit(at, reference, message)).await
    }
}

/// A call that waits by itself is waiting something out.
pub(super) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let answered = tokio::time::timeout(SOON, call).await;
    answered.unwrap_or_else(|_| panic!("a call to the platform takes too long"))
}

/// What a new message says.
pub(super) fn text_of(event: &Event) -> Option<&str> {
    match &event.kind {
        EventKind::Message(message) => Some(message.text.as_str()),
        _ => None,
    }
}

/// What the messages among events say.
pub(super) fn texts(events: &[Event]) -> Vec<String> {
    events.iter().filter_map(text_of).map(str::to_owned).collect()
}

/// An answer that is complete.
pub(super) fn answer(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        kind: MessageKind::Answer,
        body: Document::plain(text),
        choices: Vec::new(),
        reply_to: None,
        live: false,
        last: true,
    }
}

/// An answer that grows.
pub(super) fn growing(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        live: true,
        ..answer(text)
    }
}

/// A question with two choices.
pub(super) fn question(text: &str) -> OutgoingMessage {
    let choice = |id: &str, label: &str, keyword: &str, emoji: &str, style| Choice {
        id: ChoiceId::from(id),
        label: label.to_owned(),
        keyword: keyword.to_owned(),
        emoji: Some(emoji.to_owned()),
        style,
    };
    OutgoingMessage {
        kind: MessageKind::Prompt,
        choices: vec![
            // As long as ids may be.
            choice(&"a".repeat(64), "Go ahead", "yes", "✅", ChoiceStyle::Positive),
            choice("deny:1", "Refuse", "no", "❌", ChoiceStyle::Negative),
        ],
        ..answer(text)
    }
}

/// A question that is settled.
pub(super) fn settled(text: &str) -> OutgoingMessage {
    OutgoingMessage {
        choices: Vec::new(),
        ..question(text)
    }
}

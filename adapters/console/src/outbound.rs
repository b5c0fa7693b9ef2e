//! The writing half: messages of the bot to the display.

use crate::exchange::Exchange;
use crate::plain::Printer;
use crate::ui::Ui;
use async_trait::async_trait;
use cortex_chat::{
    Address, Capabilities, ChatPace, ChoiceDisplay, HoldBack, MessageRef, Outbound, OutboundError, OutgoingMessage, SendKey,
    Signal, TextLimit, TextUnit,
};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// A terminal bears 25 changes a second; more is not seen.
const REDRAW_INTERVAL: Duration = Duration::from_millis(40);
/// A terminal has no limit; a message must still fit in memory.
const MAX_CHARACTERS: usize = 1_000_000;

/// Where messages are shown.
pub(crate) enum Display {
    /// On a terminal, with an input line.
    Screen(Box<Ui>),
    /// On pipes.
    Plain(Printer),
}

/// Locks the display, also after a panic elsewhere: the terminal must still be put in order.
pub(crate) fn lock(display: &Mutex<Display>) -> MutexGuard<'_, Display> {
    display.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) struct ConsoleOutbound {
    exchange: Arc<Exchange>,
    display: Arc<Mutex<Display>>,
    capabilities: Capabilities,
}

impl ConsoleOutbound {
    pub(crate) fn new(exchange: Arc<Exchange>, display: Arc<Mutex<Display>>) -> Self {
        Self {
            exchange,
            display,
            capabilities: capabilities(),
        }
    }

    /// Takes note of a message and shows it. Terminals can be slow: not on a thread that others need.
    async fn show(&self, reference: MessageRef, message: OutgoingMessage) -> Result<(), OutboundError> {
        let exchange = Arc::clone(&self.exchange);
        let display = Arc::clone(&self.display);
        on_own_thread(move || {
            let mut display = lock(&display);
            let concerns_us = exchange.concerns_us(&message);
            let change = exchange.apply(&reference, &message);
            let shown = match &mut *display {
                Display::Screen(ui) => ui.show(&reference, &message, &change, exchange.open_prompts()),
                Display::Plain(printer) => printer.show(&reference, &message, &change, concerns_us),
            };
            drop(display);
            exchange.announce();
            shown
        })
        .await
    }
}

#[async_trait]
impl Outbound for ConsoleOutbound {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn send(&self, _to: &Address, _key: &SendKey, message: &OutgoingMessage) -> Result<MessageRef, OutboundError> {
        let reference = MessageRef::new(Uuid::now_v7().to_string());
        self.show(reference.clone(), message.clone()).await?;
        Ok(reference)
    }

    async fn edit(&self, _at: &Address, reference: &MessageRef, message: &OutgoingMessage) -> Result<(), OutboundError> {
        if self.exchange.is_gone(reference) {
            return Err(OutboundError::Gone("it was taken away".to_owned()));
        }
        self.show(reference.clone(), message.clone()).await
    }

    /// What was printed for good stays; a growing answer or an open question goes.
    async fn delete(&self, _at: &Address, reference: &MessageRef) -> Result<(), OutboundError> {
        let exchange = Arc::clone(&self.exchange);
        let display = Arc::clone(&self.display);
        let reference = reference.clone();
        on_own_thread(move || {
            let mut display = lock(&display);
            exchange.forget(&reference);
            let removed = match &mut *display {
                Display::Screen(ui) => ui.remove(&reference, exchange.open_prompts()),
                Display::Plain(_) => Ok(()),
            };
            drop(display);
            exchange.announce();
            removed
        })
        .await
    }

    async fn signal(&self, _at: &Address, _signal: Signal) -> Result<(), OutboundError> {
        Ok(())
    }

    async fn find(&self, _at: &Address, _key: &SendKey) -> Result<Option<MessageRef>, OutboundError> {
        Ok(None)
    }
}

/// A terminal that cannot be written to will not come back.
async fn on_own_thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), OutboundError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(written) => {
            written.map_err(|error| OutboundError::Forbidden(format!("the terminal takes no more text: {error}")))
        }
        Err(stopped) => Err(OutboundError::Transient(stopped.to_string())),
    }
}

fn capabilities() -> Capabilities {
    let pace = ChatPace {
        intervals: vec![(Duration::ZERO, REDRAW_INTERVAL)],
        calls_per_minute: None,
    };
    Capabilities {
        text_limit: TextLimit {
            max: MAX_CHARACTERS,
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
        typing_every: None,
        idempotent_sends: false,
        references_count_up: false,
        replies_to_choices: false,
        can_find_sends: false,
        keeps_messages: false,
        announce_again_after: Duration::ZERO,
    }
}

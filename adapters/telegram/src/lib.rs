//! Telegram as a chat platform: long polls in, one edited message out, buttons for choices.
//!
//! It speaks to the Bot API with teloxide's payloads, types and errors over an HTTP client of the daemon's. Updates are read
//! leniently one by one, since a single field that a typed form does not know must not cost a person's words.

mod client;
mod commands;
mod config;
mod convert;
mod inbound;
mod outbound;
mod render;
mod strings;
mod update;

#[cfg(test)]
mod tests;

pub use client::HttpFactory;
pub use config::{
    ACCOUNT_CALLS_PER_SECOND, API_URL, ONE_TO_ONE_INTERVAL, POLL_TIMEOUT, Pace, ROOM_CALLS_PER_MINUTE, ROOM_INTERVAL,
    Settings,
};

use client::Client;
use cortex_chat::Connector;
use inbound::TelegramInbound;
use outbound::TelegramOutbound;
use std::sync::Arc;
use thiserror::Error;

/// Why a connector could not be made.
#[derive(Debug, Error)]
pub enum BuildError {
    /// No HTTP client.
    #[error("no HTTP client can be made: {0}")]
    Http(String),
}

/// Makes a connector of a Telegram account. Nothing is called yet.
pub fn build(settings: Settings) -> Result<Connector, BuildError> {
    let client = Client::new(settings.api_url.clone(), settings.token.clone(), settings.http.clone())
        .map_err(|error| BuildError::Http(error.without_url().to_string()))?;
    let client = Arc::new(client);
    Ok(Connector {
        name: settings.name.clone(),
        outbound: Arc::new(TelegramOutbound::new(Arc::clone(&client), settings.pace)),
        inbound: Box::new(TelegramInbound { settings, client }),
    })
}

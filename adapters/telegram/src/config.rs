//! What the adapter is told: the account, where its API is, and how fast it may be used.

use crate::client::HttpFactory;
use cortex_chat::{ChatPace, ConnectorName};
use secrecy::SecretString;
use std::time::Duration;
use url::Url;

/// The Bot API of Telegram itself.
pub const API_URL: &str = "https://api.telegram.org";

/// How long Telegram holds an empty poll open. It takes at most 50 s; half a minute outlives no usual gateway.
pub const POLL_TIMEOUT: Duration = Duration::from_secs(30);

/// What Telegram's FAQ allows in one chat is a call a second; a little more keeps two calls that travel at different speeds
/// apart.
pub const ONE_TO_ONE_INTERVAL: Duration = Duration::from_millis(1_050);

/// Twenty calls a minute in a group are allowed, edits included; this and [`ROOM_CALLS_PER_MINUTE`] stay below.
pub const ROOM_INTERVAL: Duration = Duration::from_millis(3_500);

/// Below the twenty a minute that a group may get, all its topics together.
pub const ROOM_CALLS_PER_MINUTE: u32 = 18;

/// Below the thirty a second that an account may make.
pub const ACCOUNT_CALLS_PER_SECOND: u32 = 25;

/// A Telegram account and how to use it.
#[derive(Clone)]
pub struct Settings {
    /// The connector's name.
    pub name: ConnectorName,
    /// The bot's token, as `@BotFather` gives it.
    pub token: SecretString,
    /// Where the Bot API is.
    pub api_url: Url,
    /// How long an empty poll is held open.
    pub poll_timeout: Duration,
    /// How fast it may be used.
    pub pace: Pace,
    /// The commands that Telegram shows to people, each with a line on what it does.
    pub commands: Vec<(String, String)>,
    /// Makes the HTTP client, anew when a connection hangs.
    pub http: HttpFactory,
}

/// How fast an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The least time between two calls in a private chat; longer as an answer ages.
    pub one_to_one: Duration,
    /// The same in a group.
    pub room: Duration,
    /// The most calls a minute in a group, its topics included.
    pub room_calls_per_minute: u32,
    /// The most calls a second in all; `None` lifts it.
    pub account_calls_per_second: Option<u32>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            one_to_one: ONE_TO_ONE_INTERVAL,
            room: ROOM_INTERVAL,
            room_calls_per_minute: ROOM_CALLS_PER_MINUTE,
            account_calls_per_second: Some(ACCOUNT_CALLS_PER_SECOND),
        }
    }
}

impl Pace {
    /// About ten edits at full pace, then slower, slowest after a minute: by then nobody reads along word by word.
    pub(crate) fn in_private(self) -> ChatPace {
        ChatPace {
            intervals: vec![
                (Duration::ZERO, self.one_to_one),
                (self.one_to_one * 10, self.one_to_one * 3 / 2),
                (Duration::from_mins(1), self.one_to_one * 3),
            ],
            calls_per_minute: None,
        }
    }

    pub(crate) fn in_rooms(self) -> ChatPace {
        ChatPace {
            intervals: vec![(Duration::ZERO, self.room)],
            calls_per_minute: Some(self.room_calls_per_minute),
        }
    }
}

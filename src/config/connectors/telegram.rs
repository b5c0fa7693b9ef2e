//! `[connectors.NAME]` with `kind = "telegram"`: a bot and how to reach its API.

use crate::config::reader::{Section, Value};
use cortex_telegram::{API_URL, POLL_TIMEOUT, Pace};
use secrecy::SecretString;
use std::ops::RangeInclusive;
use std::time::Duration;
use url::Url;

/// What Telegram takes.
const POLL_TIMEOUTS: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(50);
/// Faster than any limit that is known, and still no mistake in a unit.
const CALLS: RangeInclusive<u32> = 1..=100_000;

/// A bot, and where its API is.
#[derive(Clone, Debug)]
pub struct TelegramSettings {
    /// As `@BotFather` gives it.
    pub token: SecretString,
    /// Where the Bot API is.
    pub api_url: Url,
    /// How long an empty poll is held open.
    pub poll_timeout: Duration,
    /// How fast the bot may be used.
    pub pace: Pace,
}

impl TelegramSettings {
    pub(super) fn read(section: &mut Section<'_>) -> Option<Self> {
        let token = section.require(
            "token",
            "write the token that @BotFather gave you, or where it is kept",
            token,
        );
        let api_url = match section.value("api_url") {
            Some(value) => value.web_address(API_URL, "token"),
            None => Url::parse(API_URL).ok(),
        };
        let poll_timeout = section.read("poll_timeout", |value| value.duration_within(POLL_TIMEOUTS));
        let mut pace_section = section.section("pace");
        let pace = read_pace(&mut pace_section);
        pace_section.finish();
        Some(Self {
            token: token?,
            api_url: api_url?,
            poll_timeout: poll_timeout.unwrap_or(POLL_TIMEOUT),
            pace,
        })
    }
}

fn read_pace(section: &mut Section<'_>) -> Pace {
    let usual = Pace::default();
    let account = section.read("account_calls_per_second", |value| value.integer(0..=*CALLS.end()));
    Pace {
        one_to_one: section.read("one_to_one", Value::duration).unwrap_or(usual.one_to_one),
        room: section.read("room", Value::duration).unwrap_or(usual.room),
        room_calls_per_minute: section
            .read("room_calls_per_minute", |value| value.integer(CALLS))
            .unwrap_or(usual.room_calls_per_minute),
        account_calls_per_second: match account {
            Some(0) => None,
            Some(calls) => Some(calls),
            None => usual.account_calls_per_second,
        },
    }
}

/// The token is not quoted in complaints.
fn token(value: &Value<'_>) -> Option<SecretString> {
    use secrecy::ExposeSecret as _;
    let token = value.secret()?;
    let text = token.expose_secret();
    let (id, secret) = text.split_once(':').unwrap_or_default();
    let is_token = !id.is_empty()
        && id.chars().all(|character| character.is_ascii_digit())
        && !secret.is_empty()
        && secret
            .chars()
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, '_' | '-'));
    if !is_token {
        value.complain(
            "is no token of a bot",
            "it has the form 123456789:ABC…, as @BotFather gives it",
        );
        return None;
    }
    Some(token)
}

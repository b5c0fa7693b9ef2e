//! One call to the Bot API: what goes over the wire, and what an answer or its absence means.
//!
//! The token is a part of every address, so no address gets into an error or a log line.

use reqwest::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use teloxide::ApiError;
use teloxide::requests::Payload;
use thiserror::Error;
use url::Url;

/// The longest a call other than a poll may take.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// Waited for where a rate limit names no time.
const UNNAMED_WAIT: Duration = Duration::from_secs(5);
/// What is kept of a description that Telegram gives.
const LONGEST_DESCRIPTION: usize = 200;
/// No answer of the Bot API comes near it: a hundred updates of the longest messages are about 2 MB.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// Makes HTTP clients for the adapter.
#[derive(Clone)]
pub struct HttpFactory(Arc<dyn Fn() -> Result<reqwest::Client, reqwest::Error> + Send + Sync>);

impl HttpFactory {
    /// Takes what makes a client. It should follow no redirects, which would carry the token elsewhere.
    pub fn new(make: impl Fn() -> Result<reqwest::Client, reqwest::Error> + Send + Sync + 'static) -> Self {
        Self(Arc::new(make))
    }

    fn make(&self) -> Result<reqwest::Client, reqwest::Error> {
        (self.0)()
    }
}

/// Why a call did not do what it was for.
#[derive(Debug, Error)]
pub(crate) enum CallError {
    /// Telegram says no.
    #[error("{}", .0.description)]
    Refused(Box<Refusal>),
    /// It cannot have arrived.
    #[error("Telegram's API cannot be reached: {0}")]
    NotSent(String),
    /// It may have arrived.
    #[error("no answer from Telegram's API: {0}")]
    Unanswered(String),
}

/// Telegram's no.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// As in HTTP.
    pub(crate) code: u16,
    /// Which one it is, as far as it is known.
    pub(crate) error: ApiError,
    /// In Telegram's words, cut and cleaned.
    pub(crate) description: String,
    /// To be waited for.
    pub(crate) retry_after: Option<Duration>,
    /// The chat's new id.
    pub(crate) migrate_to: Option<i64>,
}

/// Speaks to the Bot API for one bot.
pub(crate) struct Client {
    api_url: Url,
    token: SecretString,
    factory: HttpFactory,
    http: Mutex<reqwest::Client>,
}

#[derive(Deserialize)]
struct Envelope {
    ok: bool,
    result: Option<Box<RawValue>>,
    error_code: Option<u16>,
    description: Option<String>,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

impl Client {
    pub(crate) fn new(api_url: Url, token: SecretString, factory: HttpFactory) -> Result<Self, reqwest::Error> {
        let http = Mutex::new(factory.make()?);
        Ok(Self {
            api_url,
            token,
            factory,
            http,
        })
    }

    /// Begins anew with fresh connections.
    pub(crate) fn renew(&self) {
        match self.factory.make() {
            Ok(fresh) => *self.http.lock().unwrap_or_else(PoisonError::into_inner) = fresh,
            Err(error) => {
                tracing::warn!(error = %error.without_url(), "no new HTTP client could be made; the old one stays");
            }
        }
    }

    /// Calls a method as teloxide describes it; the answer is read as `T`, whatever else it holds.
    pub(crate) async fn call<P, T>(&self, payload: &P) -> Result<T, CallError>
    where
        P: Payload + Serialize,
        T: DeserializeOwned,
    {
        let body = serde_json::to_value(payload).map_err(|error| CallError::NotSent(error.to_string()))?;
        self.call_with(P::NAME, &body, CALL_TIMEOUT).await
    }

    /// Calls a method by its name.
    pub(crate) async fn call_with<T: DeserializeOwned>(
        &self,
        method: &str,
        body: &Value,
        timeout: Duration,
    ) -> Result<T, CallError> {
        let http = self.http.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let response = http
            .post(self.address(method)?)
            .timeout(timeout)
            .json(body)
            .send()
            .await
            .map_err(failed)?;
        let status = response.status();
        let text = read_body(response).await?;
        let result = self.open(status, &text)?;
        serde_json::from_str(result.get()).map_err(|_| CallError::Unanswered("its answer has an unknown form".to_owned()))
    }

    fn address(&self, method: &str) -> Result<Url, CallError> {
        let base = self.api_url.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/bot{}/{method}", self.token.expose_secret()))
            .map_err(|_| CallError::NotSent("the address made of api_url and token is none".to_owned()))
    }

    /// Takes the result out of its envelope. It is not looked into yet: what cannot be read may be a small part of it.
    fn open(&self, status: StatusCode, text: &[u8]) -> Result<Box<RawValue>, CallError> {
        let Ok(envelope) = serde_json::from_str::<Envelope>(&String::from_utf8_lossy(text)) else {
            // A server in between, or one that has nothing to say. Without a word it has not taken the call on.
            return Err(if status.is_server_error() && text.is_empty() {
                CallError::NotSent(format!("HTTP {status}"))
            } else {
                CallError::Unanswered(format!("HTTP {status} without an answer of the Bot API"))
            });
        };
        if let (true, Some(result)) = (envelope.ok, envelope.result) {
            return Ok(result);
        }
        let code = envelope.error_code.unwrap_or(status.as_u16());
        let description = self.clean(&envelope.description.unwrap_or_else(|| format!("error {code}")));
        if code >= 500 {
            return Err(CallError::Unanswered(description));
        }
        let limited = code == StatusCode::TOO_MANY_REQUESTS.as_u16();
        Err(CallError::Refused(Box::new(Refusal {
            code,
            error: serde_json::from_value(Value::from(description.as_str()))
                .unwrap_or_else(|_| ApiError::Unknown(description.clone())),
            retry_after: envelope
                .parameters
                .retry_after
                .map(Duration::from_secs)
                .or(limited.then_some(UNNAMED_WAIT)),
            migrate_to: envelope.parameters.migrate_to_chat_id,
            description,
        })))
    }

    /// A description fit for a log: short, without control characters and without the token.
    fn clean(&self, description: &str) -> String {
        let without_token = description.replace(self.token.expose_secret(), "[token]");
        without_token
            .chars()
            .filter(|character| !character.is_control())
            .take(LONGEST_DESCRIPTION)
            .collect()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}

async fn read_body(mut response: reqwest::Response) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(CallError::Unanswered("its answer is too large".to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn failed(error: reqwest::Error) -> CallError {
    if error.is_connect() || error.is_builder() || error.is_redirect() {
        CallError::NotSent(sentence(error))
    } else {
        unanswered(error)
    }
}

fn unanswered(error: reqwest::Error) -> CallError {
    CallError::Unanswered(sentence(error))
}

/// The error with what caused it, without the address.
fn sentence(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

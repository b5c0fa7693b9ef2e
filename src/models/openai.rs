//! The client for every server that speaks `OpenAI`'s chat completions, and for what such servers do to the contract.
//!
//! It owns retries and what a server was found not to take. It knows nothing of turns; a call is made, or fails with a sentence.

mod arguments;
mod calls;
mod errors;
mod exchange;
mod ids;
mod quirks;
mod redact;
mod replay;
mod request;
mod sentences;
mod stream;
mod visible;

use crate::models::{ModelAnswer, ModelClient, ModelError, ModelIdentity, ModelRequest, OnText, RetryPolicy};
use crate::models::{http_client, http_client_without_tls};
use async_trait::async_trait;
use errors::{Failure, Fault};
use exchange::Exchange;
use quirks::Quirks;
use redact::Redactor;
use request::Target;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{RequestBuilder, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use thiserror::Error;

/// A request is written anew at most so often for a server that refuses parts of it.
const MOST_REWRITES: u32 = 4;

/// One entry of `[models]` of kind `openai`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The NAME of `[models.NAME]`.
    pub name: String,
    /// Where the API is; it usually ends in `/v1`.
    pub base_url: Url,
    /// What kind of server it is.
    pub host: Host,
    /// The key, where the server wants one.
    pub api_key: Option<SecretString>,
    /// The server's name of the model.
    pub model: String,
    /// The most tokens of an answer; a request may ask for fewer.
    pub max_output_tokens: Option<u32>,
    /// Whether to ask for token counts at the end of a stream; a server that refuses is asked without.
    pub ask_usage: bool,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How often to try again.
    pub retry: RetryPolicy,
    /// How much of an answer is believed.
    pub limits: Limits,
}

impl Settings {
    /// Settings with the usual values.
    pub fn new(name: impl Into<String>, base_url: Url, model: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            base_url,
            host: Host::Standard,
            api_key: None,
            model: model.into(),
            max_output_tokens: None,
            ask_usage: true,
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
            limits: Limits::default(),
        }
    }
}

/// What kind of server is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Host {
    /// The address is that of the API.
    #[default]
    Standard,
    /// The address is that of an Open `WebUI`, whose API is under `/api`.
    OpenWebUi,
}

/// Limits of waiting. There is none for a whole answer: a turn has its own.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the connection. A client that is passed in keeps its own.
    pub connect: Duration,
    /// From the request to the head of the answer; a local model loads in this time.
    pub headers: Duration,
    /// Between two pieces of the answer; a model that thinks may be silent for long.
    pub idle: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            headers: Duration::from_mins(5),
            idle: Duration::from_mins(3),
        }
    }
}

/// Limits of size, so that no server can fill our memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// One event, or an answer that is not streamed.
    pub event_bytes: usize,
    /// One answer.
    pub answer_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: 2 << 20,
            answer_bytes: 16 << 20,
        }
    }
}

/// Settings that no client can be made of. The text names the entry and never the key.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The address is not one of a web server.
    #[error("base_url of [models.{name}] must start with http:// or https:// and name a host")]
    BaseUrl {
        /// The entry.
        name: String,
    },
    /// The key has a letter that cannot be sent.
    #[error("api_key of [models.{name}] has a letter that no key has, such as a line end in its middle")]
    ApiKey {
        /// The entry.
        name: String,
    },
    /// There is no model's name.
    #[error("model of [models.{name}] is empty")]
    Model {
        /// The entry.
        name: String,
    },
    /// No HTTP client could be made.
    #[error("no HTTP client for [models.{name}] could be made; are the system's certificates readable?")]
    Http {
        /// The entry.
        name: String,
        /// Why.
        source: reqwest::Error,
    },
}

/// A model behind a server that speaks chat completions.
pub struct OpenAi {
    settings: Settings,
    identity: ModelIdentity,
    target: Target,
    url: Url,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
    quirks: Mutex<Quirks>,
}

impl OpenAi {
    /// A client with connections of its own. Where the address needs no TLS, none is loaded.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let make = if settings.base_url.scheme() == "https" {
            http_client
        } else {
            http_client_without_tls
        };
        let http = make(settings.timeouts.connect).map_err(|source| SettingsError::Http {
            name: settings.name.clone(),
            source: source.without_url(),
        })?;
        Self::with_http(settings, http)
    }

    /// A client on connections that are shared. They should come from [`http_client`], which follows no redirects.
    pub fn with_http(mut settings: Settings, http: reqwest::Client) -> Result<Self, SettingsError> {
        let name = settings.name.clone();
        let is_web = matches!(settings.base_url.scheme(), "http" | "https");
        let Some(host) = settings.base_url.host_str().filter(|_| is_web) else {
            return Err(SettingsError::BaseUrl { name });
        };
        if settings.model.trim().is_empty() {
            return Err(SettingsError::Model { name });
        }
        let at = match settings.base_url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let quirks = Quirks::new(&settings.model, Some(host), settings.ask_usage);
        let target = Target {
            model: settings.model.clone(),
            origin: format!(
                "openai {}://{at}{} {}",
                settings.base_url.scheme(),
                settings.base_url.path(),
                settings.model
            ),
            is_google: host.ends_with("googleapis.com"),
            max_output_tokens: settings.max_output_tokens,
        };
        // A key that was read from a file ends in a line end.
        settings.api_key = settings
            .api_key
            .take()
            .map(trimmed)
            .filter(|key| !key.expose_secret().is_empty());
        Ok(Self {
            identity: ModelIdentity {
                name: name.clone(),
                kind: "openai".to_owned(),
                model: settings.model.clone(),
                label: format!("{} at {at}", settings.model),
            },
            url: completions_url(&settings.base_url, settings.host),
            authorization: settings.api_key.as_ref().map(|key| bearer(key, name)).transpose()?,
            target,
            settings,
            http,
            quirks: Mutex::new(quirks),
        })
    }

    fn quirks(&self) -> Quirks {
        *self.quirks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        let mut request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ACCEPT, "text/event-stream, application/json")
            .body(body.to_string());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        request
    }

    /// Notes what the server was found not to take. True when the request, written anew, may be taken.
    fn learn(&self, failure: &Failure, body: &Value, used: Quirks) -> bool {
        let Some(better) = used.after(failure, body) else {
            return false;
        };
        *self.quirks.lock().unwrap_or_else(PoisonError::into_inner) = better;
        tracing::debug!(
            model.name = self.settings.name,
            ?better,
            "the server does not take a part of the request"
        );
        true
    }
}

#[async_trait]
impl ModelClient for OpenAi {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    async fn call(&self, request: &ModelRequest, on_text: &mut OnText<'_>) -> Result<ModelAnswer, ModelError> {
        let exchange = Exchange {
            timeouts: &self.settings.timeouts,
            limits: self.settings.limits,
            origin: &self.target.origin,
        };
        let mut after_text = false;
        let mut made = 0;
        let mut rewrites = 0;
        let mut was_empty = false;
        loop {
            let quirks = self.quirks();
            let body = request::body(request, &self.target, quirks);
            let mut on_shown = |piece: &str| {
                after_text = true;
                on_text(piece);
            };
            let failure = match exchange.run(self.post(&body), &mut on_shown).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if rewrites < MOST_REWRITES && self.learn(&failure, &body, quirks) {
                rewrites += 1;
                continue;
            }
            made += 1;
            let is_empty = matches!(failure, Failure::Stream(Fault::Empty));
            // An empty answer is asked for once more, and no more: it may be all that the model has to say.
            let may_pass = failure.is_passing() && !after_text && !(is_empty && was_empty);
            was_empty |= is_empty;
            let wait = self.settings.retry.wait(made, failure.asked_wait()).filter(|_| may_pass);
            let Some(wait) = wait else {
                let redactor = Redactor::new(self.settings.api_key.as_ref(), request, &self.settings.model);
                let error = sentences::tell(&failure, &self.settings, &self.identity.label, &redactor, after_text);
                return Err(error);
            };
            tracing::debug!(model.name = self.settings.name, attempt = made, kind = ?failure.kind(), "a model call is made again");
            tokio::time::sleep(wait).await;
        }
    }
}

fn trimmed(key: SecretString) -> SecretString {
    if key.expose_secret().trim().len() == key.expose_secret().len() {
        key
    } else {
        key.expose_secret().trim().into()
    }
}

fn bearer(key: &SecretString, name: String) -> Result<HeaderValue, SettingsError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| SettingsError::ApiKey { name })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where completions are asked for. A query, which some hosts want for a version, stays.
fn completions_url(base: &Url, host: Host) -> Url {
    let mut path = base.path().trim_end_matches('/').to_owned();
    if host == Host::OpenWebUi && !path.ends_with("/api") && !path.ends_with("/chat/completions") {
        path.push_str("/api");
    }
    if !path.ends_with("/chat/completions") {
        path.push_str("/chat/completions");
    }
    let mut url = base.clone();
    url.set_path(&path);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_completions() {
        let url = |base: &str, host| completions_url(&base.parse().expect("a url"), host).to_string();
        assert_eq!(url("http://a:1/v1", Host::Standard), "http://a:1/v1/chat/completions");
        assert_eq!(url("http://a:1/v1/", Host::Standard), "http://a:1/v1/chat/completions");
        assert_eq!(
            url("https://a/x?api-version=2", Host::Standard),
            "https://a/x/chat/completions?api-version=2"
        );
        assert_eq!(url("https://a", Host::OpenWebUi), "https://a/api/chat/completions");
        assert_eq!(url("https://a/api/", Host::OpenWebUi), "https://a/api/chat/completions");
        assert_eq!(url("https://a/chat", Host::OpenWebUi), "https://a/chat/api/chat/completions");
    }
}

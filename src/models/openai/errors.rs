//! What can go wrong in one call, what the server says about it, whether the same call may be made again.
//!
//! The sentences for people are in `sentences`.

use crate::models::ModelErrorKind;
use crate::models::retry::{RetryHints, is_passing, seconds};
use reqwest::StatusCode;
use serde_json::Value;
use std::time::Duration;

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No connection.
    Unreachable(Unreachable),
    /// A connection, and no answer in time.
    NoHeaders,
    /// An answer that stopped coming.
    Silent,
    /// The connection ended before an answer.
    HungUp,
    /// The server sends us elsewhere.
    Redirected(Option<String>),
    /// A status that is not success.
    Refused(Refusal),
    /// Something is wrong in an answer whose status was success.
    Stream(Fault),
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreachable {
    NobodyListens,
    UnknownHost,
    UntrustedCertificate,
    TimedOut,
    Other,
}

/// A status that is not success, and what came with it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) hints: RetryHints,
    pub(super) error: Option<ServerError>,
    pub(super) is_web_page: bool,
    /// The start of the body, in lower case; for finding the parameter it names, never for showing.
    pub(super) body: String,
}

/// What is wrong in an answer.
#[derive(Debug)]
pub(super) enum Fault {
    /// The server said so, in the middle or instead of an answer.
    Told(ServerError),
    /// It ended before it was whole.
    Truncated,
    /// It ended for a reason that is a failure.
    FailedReason,
    /// Neither text nor calls.
    Empty,
    /// Not what the wire's contract says.
    NotUnderstood,
    /// A page for people.
    WebPage,
    /// More than anyone means.
    TooBig,
}

/// An error as servers describe it. Its message may quote anything, so it is cleaned before it is shown.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServerError {
    pub(super) status: Option<u16>,
    /// Its code, type and status words, in lower case.
    pub(super) codes: String,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

/// The error in a chunk or choice. Servers also send `"error": null` or `{}` beside valid data.
pub(super) fn error_in(chunk: &Value) -> Option<ServerError> {
    if let Some(error) = chunk.get("error") {
        let says_nothing = match error {
            Value::Null | Value::Bool(false) => true,
            Value::Object(fields) => fields.values().all(Value::is_null),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        if !says_nothing {
            return ServerError::from_value(chunk);
        }
    }
    let is_error = ["object", "type"]
        .iter()
        .any(|key| chunk.get(key).and_then(Value::as_str) == Some("error"));
    let only_detail = chunk.get("choices").is_none() && chunk.get("detail").is_some_and(|detail| !detail.is_null());
    if is_error || only_detail || chunk.is_array() {
        return ServerError::from_value(chunk);
    }
    None
}

impl ServerError {
    /// Reads any of the shapes that servers use: an object, wrapped in a list, with `error`, `detail` or `message`.
    pub(super) fn from_value(body: &Value) -> Option<Self> {
        if let Value::Array(items) = body {
            return items.iter().find_map(Self::from_value);
        }
        let inner = ["error", "detail"]
            .iter()
            .find_map(|key| body.get(key).filter(|value| !value.is_null()));
        let is_named = inner.is_some();
        let inner = inner.unwrap_or(body);
        let message = match inner {
            Value::String(text) => Some(text.as_str()),
            // FastAPI lists what is wrong with each field.
            Value::Array(items) => items
                .iter()
                .find_map(|item| item.get("msg").or_else(|| item.get("message"))?.as_str()),
            _ => ["message", "msg", "detail"].iter().find_map(|key| inner.get(key)?.as_str()),
        };
        let mut codes = Vec::new();
        let mut status = None;
        for place in [inner, body] {
            for code in ["code", "type", "status"].iter().filter_map(|key| place.get(key)) {
                let number = code.as_u64().or_else(|| code.as_str()?.parse().ok());
                status = status.or(number
                    .filter(|number| (400..600).contains(number))
                    .map(|number| number as u16));
                codes.extend(code.as_str().map(str::to_ascii_lowercase));
            }
        }
        if message.is_none() && codes.is_empty() && status.is_none() && !is_named {
            return None;
        }
        let details = inner.get("details").and_then(Value::as_array);
        let retry_after = details
            .into_iter()
            .flatten()
            .find_map(|detail| seconds(detail.get("retryDelay")?.as_str()?));
        Some(Self {
            status,
            codes: codes.join(" "),
            message: message.unwrap_or_default().to_owned(),
            retry_after,
        })
    }

    fn says(&self, phrases: &[&str]) -> bool {
        let message = self.message.to_ascii_lowercase();
        phrases
            .iter()
            .any(|phrase| message.contains(phrase) || self.codes.contains(phrase))
    }

    pub(super) fn is_out_of_credit(&self) -> bool {
        self.status == Some(402) || self.says(&["insufficient_quota", "insufficient credits", "insufficient balance"])
    }

    pub(super) fn is_about_tools(&self) -> bool {
        self.says(&[
            "does not support tools",
            "tool use is not supported",
            "no endpoints found that support tool",
        ])
    }

    fn is_about_length(&self) -> bool {
        self.says(&[
            "context_length_exceeded",
            "exceed_context_size",
            "maximum context length",
            "context window",
            "context size",
            "context length",
            "prompt is too long",
            "input is too long",
            "input token count",
            "too many tokens in",
        ])
    }

    fn is_about_a_missing_model(&self) -> bool {
        self.says(&[
            "model_not_found",
            "invalid_model",
            "invalid model",
            "no such model",
            "is not a valid model",
        ]) || (self.says(&["model"]) && self.says(&["not found", "does not exist"]))
    }
}

impl Failure {
    /// What kind of failure it is, for those who decide what to do.
    pub(super) fn kind(&self) -> ModelErrorKind {
        match self {
            Self::Unreachable(_) => ModelErrorKind::Unreachable,
            Self::NoHeaders | Self::Silent => ModelErrorKind::TimedOut,
            Self::Redirected(_) => ModelErrorKind::Rejected,
            Self::Refused(refusal) => kind_of(Some(refusal.status.as_u16()), refusal.error.as_ref(), refusal.hints.after),
            Self::Stream(Fault::Told(error)) => kind_of(error.status, Some(error), None),
            Self::HungUp | Self::Stream(Fault::FailedReason) => ModelErrorKind::Provider,
            Self::Stream(_) => ModelErrorKind::Malformed,
        }
    }

    /// Whether another attempt may end better. After a time limit there is none: the time is spent already.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(reason) => *reason != Unreachable::UntrustedCertificate,
            Self::HungUp => true,
            Self::NoHeaders | Self::Silent | Self::Redirected(_) => false,
            Self::Refused(refusal) => {
                let out_of_credit = refusal.error.as_ref().is_some_and(ServerError::is_out_of_credit);
                let by_status = is_passing(refusal.status) && !out_of_credit;
                refusal.hints.should_retry.unwrap_or(by_status)
            }
            Self::Stream(Fault::Told(error)) => {
                let status = error.status.and_then(|status| StatusCode::from_u16(status).ok());
                let passes = match self.kind() {
                    ModelErrorKind::RateLimited { .. } | ModelErrorKind::Provider | ModelErrorKind::TimedOut => true,
                    _ => status.is_some_and(is_passing),
                };
                passes && !error.is_out_of_credit()
            }
            Self::Stream(fault) => !matches!(fault, Fault::TooBig | Fault::WebPage),
        }
    }

    /// How long the server asks us to wait.
    pub(super) fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => {
                let in_body = || refusal.error.as_ref().and_then(|error| error.retry_after);
                refusal.hints.after.or_else(in_body)
            }
            Self::Stream(Fault::Told(error)) => error.retry_after,
            _ => None,
        }
    }
}

fn kind_of(status: Option<u16>, error: Option<&ServerError>, after: Option<Duration>) -> ModelErrorKind {
    let is = |test: fn(&ServerError) -> bool| error.is_some_and(test);
    let rate_limited = ModelErrorKind::RateLimited {
        retry_after: after.or_else(|| error.and_then(|error| error.retry_after)),
    };
    let is_clients_fault = status.is_none_or(|status| status < 500);
    match status {
        _ if is(ServerError::is_out_of_credit) => ModelErrorKind::Rejected,
        _ if status == Some(413) || is_long(status, error) => ModelErrorKind::ContextTooLong,
        Some(401 | 403) => ModelErrorKind::Unauthorized,
        Some(404) => ModelErrorKind::NotFound,
        Some(408) => ModelErrorKind::TimedOut,
        Some(429 | 529) => rate_limited,
        _ if error.is_some_and(|error| error.says(&["rate_limit", "rate limit", "overloaded", "resource_exhausted"])) => {
            rate_limited
        }
        _ if error.is_some_and(|error| error.says(&["invalid_api_key", "authentication_error"])) => {
            ModelErrorKind::Unauthorized
        }
        _ if is_clients_fault && is(ServerError::is_about_a_missing_model) => ModelErrorKind::NotFound,
        Some(400..500) => ModelErrorKind::Rejected,
        None if error.is_some_and(|error| error.says(&["invalid_request"])) => ModelErrorKind::Rejected,
        _ => ModelErrorKind::Provider,
    }
}

/// Whether the conversation was too long. A limit on tokens per minute is spoken of in the same words, with 429.
fn is_long(status: Option<u16>, error: Option<&ServerError>) -> bool {
    !matches!(status, Some(401 | 403 | 404 | 429)) && error.is_some_and(ServerError::is_about_length)
}

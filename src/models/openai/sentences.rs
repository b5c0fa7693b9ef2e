//! What a person is told when a call fails: what happened, to which model, what to do.
//!
//! No key, no address beyond the host, and none of the conversation's words, whatever the server quotes.

use super::errors::{Failure, Fault, ServerError, Unreachable};
use super::redact::Redactor;
use super::{Host, Settings};
use crate::models::{ModelError, ModelErrorKind};
use std::time::Duration;

const OLLAMA_PORT: u16 = 11434;

/// Makes the error that the caller gets.
pub(super) fn tell(
    failure: &Failure,
    settings: &Settings,
    label: &str,
    redactor: &Redactor,
    after_text: bool,
) -> ModelError {
    let kind = failure.kind();
    let message = sentence(failure, &kind, settings, label, redactor);
    ModelError {
        kind,
        message,
        after_text,
    }
}

fn sentence(failure: &Failure, kind: &ModelErrorKind, settings: &Settings, label: &str, redactor: &Redactor) -> String {
    let key = |field: &str| format!("{field} of [models.{}]", settings.name);
    match failure {
        Failure::Unreachable(reason) => format!("{label} cannot be reached: {}", why_unreachable(*reason, settings)),
        Failure::NoHeaders => format!(
            "{label} did not answer within {}. It may be loading or busy: try again later.",
            in_words(settings.timeouts.headers)
        ),
        Failure::Silent => format!(
            "{label} stopped in the middle of its answer: nothing came for {}. Try again.",
            in_words(settings.timeouts.idle)
        ),
        Failure::HungUp => {
            format!("{label} closed the connection without an answer. Check whether it is in order, and try again.")
        }
        Failure::Redirected(to) => {
            let to = to.as_deref().unwrap_or("another address");
            format!(
                "{label} sends us to {to}, and redirects are not followed. Set {} to the final address.",
                key("base_url")
            )
        }
        Failure::Stream(Fault::WebPage) => web_page(label, &key("base_url"), settings.host),
        Failure::Stream(Fault::Truncated) => format!("{label} broke off in the middle of its answer. Try again."),
        Failure::Stream(Fault::FailedReason) => {
            format!("{label} failed while it was writing its answer. Try again, or use another model.")
        }
        Failure::Stream(Fault::Empty) => {
            format!("{label} answered with nothing, also when asked again. Try other words or another model.")
        }
        Failure::Stream(Fault::NotUnderstood) => format!(
            "{label} answered with something that is not a chat completion. Check {}.",
            key("base_url")
        ),
        Failure::Stream(Fault::TooBig) => format!("{label} sent an answer that is too big to be meant. It was thrown away."),
        Failure::Refused(refusal) if refusal.is_web_page && refusal.status.is_client_error() => {
            let page = web_page(label, &key("base_url"), settings.host);
            format!("{page} (It says {}.)", refusal.status.as_u16())
        }
        Failure::Refused(refusal) => {
            let status = Some(refusal.status.as_u16());
            by_kind(kind, status, refusal.error.as_ref(), settings, label, redactor)
        }
        Failure::Stream(Fault::Told(error)) => by_kind(kind, error.status, Some(error), settings, label, redactor),
    }
}

fn why_unreachable(reason: Unreachable, settings: &Settings) -> String {
    let what = match reason {
        Unreachable::NobodyListens => "nobody answers at that address.",
        Unreachable::UnknownHost => "there is no host of that name.",
        Unreachable::UntrustedCertificate => "its TLS certificate is not trusted.",
        Unreachable::TimedOut => "no connection was made in time.",
        Unreachable::Other => "the connection failed.",
    };
    let url = &settings.base_url;
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let advice = match reason {
        Unreachable::UntrustedCertificate => {
            "Check the host name, or add its authority to the system's certificates.".to_owned()
        }
        _ if url.port() == Some(OLLAMA_PORT) => "Is Ollama running? Try: ollama serve".to_owned(),
        _ if is_local => "Is the server running?".to_owned(),
        _ => format!("Check base_url of [models.{}] and the network.", settings.name),
    };
    format!("{what} {advice}")
}

fn by_kind(
    kind: &ModelErrorKind,
    status: Option<u16>,
    error: Option<&ServerError>,
    settings: &Settings,
    label: &str,
    redactor: &Redactor,
) -> String {
    let code = status.map(|status| format!(" ({status})")).unwrap_or_default();
    let detail = error.and_then(|error| redactor.clean(&error.message));
    let detail = detail.map(|detail| format!(" It says: {detail}")).unwrap_or_default();
    let key = |field: &str| format!("{field} of [models.{}]", settings.name);
    let is = |test: fn(&ServerError) -> bool| error.is_some_and(test);
    match kind {
        ModelErrorKind::Unauthorized if settings.api_key.is_none() => {
            format!("{label} wants an API key{code}, and none is set. Set {}.", key("api_key"))
        }
        // No detail: servers quote parts of the key.
        ModelErrorKind::Unauthorized if status == Some(403) => format!(
            "{label} does not permit this request{code}. Check what {} may use.{detail}",
            key("api_key")
        ),
        ModelErrorKind::Unauthorized => format!("{label} refused the API key{code}. Check {}.", key("api_key")),
        ModelErrorKind::NotFound => {
            let advice = if settings.base_url.port() == Some(OLLAMA_PORT) {
                format!("Try: ollama pull {}", settings.model)
            } else {
                format!("Check model and {}, which usually ends in /v1.", key("base_url"))
            };
            format!("{label} was not found{code}. {advice}{detail}")
        }
        ModelErrorKind::RateLimited { retry_after } => {
            let when = retry_after.map_or_else(|| "later".to_owned(), |wait| format!("in {}", in_words(wait)));
            format!("{label} takes no more requests for now{code}. Try again {when}.{detail}")
        }
        ModelErrorKind::TimedOut => format!("{label} took too long{code}. Try again later.{detail}"),
        ModelErrorKind::ContextTooLong => {
            format!("The conversation is too long for {label}{code}. Start a new one, or use a model that reads more.")
        }
        _ if is(ServerError::is_out_of_credit) => {
            format!("The account behind {label} has no credit left{code}. Add some, or use another model.{detail}")
        }
        _ if is(ServerError::is_about_tools) => {
            format!("{label} cannot call tools{code}. Use another model, or a profile without tools.")
        }
        ModelErrorKind::Rejected => format!("{label} refused the request{code}. Check its settings.{detail}"),
        _ => format!("{label} failed{code}. Try again in a moment, or use another model.{detail}"),
    }
}

fn web_page(label: &str, key: &str, host: Host) -> String {
    let ending = match host {
        Host::Standard => "it usually ends in /v1",
        Host::OpenWebUi => "for Open WebUI it is the address of its start page",
    };
    format!("What answers for {label} is a web page, not an API. Check {key}: {ending}.")
}

fn in_words(duration: Duration) -> String {
    match duration.as_millis() {
        millis @ 0..1000 => format!("{millis} ms"),
        1000..120_000 => format!("{} s", duration.as_secs_f64().round()),
        _ => format!("{} min", (duration.as_secs_f64() / 60.0).round()),
    }
}

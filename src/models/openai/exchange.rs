//! One attempt: one request, one answer read to its end within its bounds. It never tries again.

#[cfg(test)]
mod hostile;

use super::errors::{Failure, Fault, Refusal, ServerError, Unreachable};
use super::stream::{Accumulator, StreamEnd};
use super::{Limits, Timeouts};
use crate::models::retry::RetryHints;
use crate::models::sse::{Decoder, Event};
use crate::models::{ModelAnswer, OnText};
use reqwest::header::LOCATION;
use reqwest::{Response, Url};
use serde_json::Value;
use std::error::Error as _;
use std::io;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// An error's body is read for so long and so far; nothing after that helps.
const LONGEST_ERROR_BODY: usize = 64 << 10;
const LONGEST_ERROR_WAIT: Duration = Duration::from_secs(10);
/// After `[DONE]` the end of the body is waited for so long, as the connection can then be used for the next round.
const LONGEST_GOODBYE: Duration = Duration::from_millis(20);

/// What every attempt of a client has in common.
pub(super) struct Exchange<'a> {
    pub(super) timeouts: &'a Timeouts,
    pub(super) limits: Limits,
    pub(super) origin: &'a str,
}

impl Exchange<'_> {
    /// Sends the request and reads its answer. Dropping the future closes the connection.
    pub(super) async fn run(
        &self,
        request: reqwest::RequestBuilder,
        on_text: &mut OnText<'_>,
    ) -> Result<ModelAnswer, Failure> {
        let response = timeout(self.timeouts.headers, request.send())
            .await
            .map_err(|_| Failure::NoHeaders)?
            .map_err(|error| why_not_sent(&error))?;
        if response.status().is_redirection() {
            return Err(Failure::Redirected(redirect_target(&response)));
        }
        if !response.status().is_success() {
            return Err(Failure::Refused(self.read_refusal(response).await));
        }
        self.read_answer(response, on_text).await
    }

    async fn read_answer(&self, mut response: Response, on_text: &mut OnText<'_>) -> Result<ModelAnswer, Failure> {
        let mut reader = Reader::new(self.limits);
        let end = loop {
            let Ok(next) = timeout(self.timeouts.idle, response.chunk()).await else {
                return Err(Failure::Silent);
            };
            match next {
                Ok(Some(bytes)) => {
                    if reader.take(&bytes, on_text).map_err(Failure::Stream)? {
                        let _ = timeout(LONGEST_GOODBYE, response.chunk()).await;
                        break StreamEnd::Done;
                    }
                }
                Ok(None) => break StreamEnd::Closed { clean: true },
                Err(_) => break StreamEnd::Closed { clean: false },
            }
        };
        reader.finish(end, self.origin, on_text).map_err(Failure::Stream)
    }

    async fn read_refusal(&self, mut response: Response) -> Refusal {
        let status = response.status();
        let hints = RetryHints::from_headers(response.headers(), SystemTime::now());
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(bytes)) = response.chunk().await {
                let room = LONGEST_ERROR_BODY - body.len();
                body.extend_from_slice(&bytes[..bytes.len().min(room)]);
                if body.len() == LONGEST_ERROR_BODY {
                    break;
                }
            }
        };
        let _ = timeout(LONGEST_ERROR_WAIT.min(self.timeouts.idle), read).await;
        let text = String::from_utf8_lossy(&body);
        let text = text.trim_start_matches('\u{feff}').trim();
        // An error can come as the only event of a stream.
        let json = text.strip_prefix("data:").unwrap_or(text);
        let error = serde_json::from_str(json).ok().as_ref().and_then(ServerError::from_value);
        Refusal {
            status,
            hints,
            error,
            is_web_page: text.starts_with('<'),
            body: text.to_lowercase(),
        }
    }
}

/// Reads a body of either form. Which it is shows in its first letter; the content type is often wrong.
struct Reader {
    limits: Limits,
    seen_bytes: usize,
    form: Form,
    answer: Accumulator,
}

enum Form {
    Unknown,
    Events(Decoder),
    Whole(Vec<u8>),
}

impl Reader {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            seen_bytes: 0,
            form: Form::Unknown,
            answer: Accumulator::default(),
        }
    }

    /// Takes the next bytes; true when the server said that it is done.
    fn take(&mut self, bytes: &[u8], on_text: &mut OnText<'_>) -> Result<bool, Fault> {
        self.seen_bytes += bytes.len();
        if self.seen_bytes > self.limits.answer_bytes {
            return Err(Fault::TooBig);
        }
        let mut bytes = bytes;
        if matches!(self.form, Form::Unknown) {
            let is_filler = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0xEF | 0xBB | 0xBF);
            let Some(start) = bytes.iter().position(|byte| !is_filler(byte)) else {
                return Ok(false);
            };
            bytes = &bytes[start..];
            self.form = match bytes[0] {
                b'<' => return Err(Fault::WebPage),
                b'{' | b'[' => Form::Whole(Vec::new()),
                _ => Form::Events(Decoder::new(self.limits.event_bytes)),
            };
        }
        match &mut self.form {
            Form::Unknown => Ok(false),
            Form::Whole(body) => {
                if body.len() + bytes.len() > self.limits.event_bytes {
                    return Err(Fault::TooBig);
                }
                body.extend_from_slice(bytes);
                Ok(false)
            }
            Form::Events(decoder) => {
                let events = decoder.feed(bytes).map_err(|_| Fault::TooBig)?;
                for event in events {
                    if take_event(&mut self.answer, &event, on_text)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    fn finish(mut self, mut end: StreamEnd, origin: &str, on_text: &mut OnText<'_>) -> Result<ModelAnswer, Fault> {
        match self.form {
            Form::Unknown => {}
            Form::Events(decoder) => {
                if let (StreamEnd::Closed { .. }, Some(event)) = (end, decoder.finish()) {
                    match take_event(&mut self.answer, &event, on_text) {
                        Ok(true) => end = StreamEnd::Done,
                        Ok(false) => {}
                        // Half of an event is not a mistake of its own.
                        Err(Fault::NotUnderstood) => end = StreamEnd::Closed { clean: false },
                        Err(fault) => return Err(fault),
                    }
                }
            }
            Form::Whole(body) => {
                take_whole(&mut self.answer, &body, on_text).map_err(|fault| match (fault, end) {
                    (Fault::NotUnderstood, StreamEnd::Closed { clean: false }) => Fault::Truncated,
                    (fault, _) => fault,
                })?;
                end = StreamEnd::Done;
            }
        }
        self.answer.finish(end, origin, on_text)
    }
}

fn take_event(answer: &mut Accumulator, event: &Event, on_text: &mut OnText<'_>) -> Result<bool, Fault> {
    let data = event.data.trim();
    if data == "[DONE]" {
        return Ok(true);
    }
    if data.is_empty() {
        return Ok(false);
    }
    let chunk: Value = serde_json::from_str(data).map_err(|_| Fault::NotUnderstood)?;
    if event.name == "error" {
        return Err(Fault::Told(ServerError::from_value(&chunk).unwrap_or_default()));
    }
    answer.push(&chunk, on_text)?;
    Ok(false)
}

/// Takes a body that is JSON instead of a stream: a whole completion, an error, or chunks one after the other.
fn take_whole(answer: &mut Accumulator, body: &[u8], on_text: &mut OnText<'_>) -> Result<(), Fault> {
    for value in serde_json::Deserializer::from_slice(body).into_iter::<Value>() {
        let value = value.map_err(|_| Fault::NotUnderstood)?;
        if value.get("choices").is_none() {
            return Err(ServerError::from_value(&value).map_or(Fault::NotUnderstood, Fault::Told));
        }
        answer.push(&value, on_text)?;
    }
    Ok(())
}

fn why_not_sent(error: &reqwest::Error) -> Failure {
    if !error.is_connect() {
        return if error.is_timeout() {
            Failure::NoHeaders
        } else {
            Failure::HungUp
        };
    }
    let mut reason = if error.is_timeout() {
        Unreachable::TimedOut
    } else {
        Unreachable::Other
    };
    let mut cause = error.source();
    while let Some(source) = cause {
        if let Some(io_error) = source.downcast_ref::<io::Error>() {
            match io_error.kind() {
                io::ErrorKind::ConnectionRefused => reason = Unreachable::NobodyListens,
                io::ErrorKind::TimedOut => reason = Unreachable::TimedOut,
                _ => {}
            }
        }
        // These two are known by their words alone.
        let words = source.to_string();
        if words.contains("dns error") {
            reason = Unreachable::UnknownHost;
        } else if words.contains("certificate") {
            reason = Unreachable::UntrustedCertificate;
        }
        cause = source.source();
    }
    Failure::Unreachable(reason)
}

/// Where we are sent, without query or user, for a person to judge.
fn redirect_target(response: &Response) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    let mut url: Url = response.url().join(location).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    // Refused only for addresses without a host, which have no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let shown = url.to_string();
    Some(shown.chars().filter(|letter| !letter.is_control()).take(200).collect())
}

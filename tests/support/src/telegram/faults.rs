//! Faults that tests script: what goes wrong with which calls, and how often.

use super::Control;
use super::params::Params;
use super::state::State;
use serde::Deserialize;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    TooManyRequests(u64),
    /// An answer with that code and description; nothing is done.
    Error(u16, String),
    /// A page with that status, as proxies make them; nothing is done.
    Html(u16),
    /// The call is done, and half of the answer is sent.
    Malformed,
    CutBefore,
    CutAfter,
    /// The call is done, and the answer comes so many milliseconds later.
    SlowMs(u64),
    Hang,
}

/// Something that goes wrong with the next calls that it fits.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// A method, or `*` for all, `getUpdates` among them.
    method: String,
    chat: Option<i64>,
    containing: Option<String>,
    #[serde(default)]
    after: usize,
    #[serde(default = "once")]
    times: usize,
    kind: Kind,
}

fn once() -> usize {
    1
}

impl Fault {
    /// A fault of a method, or of all methods for `*`. It is a 500 that comes once, until it is told otherwise.
    pub fn on(method: &str) -> Self {
        Self {
            method: method.to_owned(),
            chat: None,
            containing: None,
            after: 0,
            times: once(),
            kind: Kind::Html(500),
        }
    }

    /// Only for calls to this chat.
    #[must_use]
    pub fn in_chat(mut self, chat: i64) -> Self {
        self.chat = Some(chat);
        self
    }

    /// Only for calls with this in their parameters.
    #[must_use]
    pub fn containing(mut self, words: &str) -> Self {
        self.containing = Some(words.to_owned());
        self
    }

    /// Lets so many calls through first.
    #[must_use]
    pub fn after(mut self, calls: usize) -> Self {
        self.after = calls;
        self
    }

    /// How many calls it hits.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// 429, and the chat is to be left alone for so many seconds. Calls in that time get 429 too, and begin it anew.
    #[must_use]
    pub fn too_many_requests(self, retry_after: u64) -> Self {
        self.of(Kind::TooManyRequests(retry_after))
    }

    /// An error of the server's own: 500, 502 and the like, with a page of HTML.
    #[must_use]
    pub fn server_error(self, status: u16) -> Self {
        self.of(Kind::Html(status))
    }

    /// A page of HTML with status 200, as hotel networks send them.
    #[must_use]
    pub fn html_page(self) -> Self {
        self.of(Kind::Html(200))
    }

    /// A refusal in Telegram's form, such as 400 with `Bad Request: …`; nothing is done.
    #[must_use]
    pub fn refused(self, code: u16, description: &str) -> Self {
        self.of(Kind::Error(code, description.to_owned()))
    }

    /// The call is done, but its answer is cut off in the middle of the JSON.
    #[must_use]
    pub fn malformed(self) -> Self {
        self.of(Kind::Malformed)
    }

    /// The connection closes, and nothing is done.
    #[must_use]
    pub fn cut_before(self) -> Self {
        self.of(Kind::CutBefore)
    }

    /// The call is done, and the connection closes before the answer.
    #[must_use]
    pub fn cut_after(self) -> Self {
        self.of(Kind::CutAfter)
    }

    /// The call is done, and the answer comes that much later.
    #[must_use]
    pub fn slow(self, by: Duration) -> Self {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.of(Kind::SlowMs(millis))
    }

    /// Nothing is done, and no answer ever comes.
    #[must_use]
    pub fn hang(self) -> Self {
        self.of(Kind::Hang)
    }

    fn of(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    fn fits(&self, method: &str, params: &Params) -> bool {
        let words = self.containing.as_deref();
        (self.method == "*" || self.method.eq_ignore_ascii_case(method))
            && self.chat.is_none_or(|chat| params.integer("chat_id") == Some(chat))
            && words.is_none_or(|words| params.contain(words))
    }
}

/// What a fault does in the course of a call.
pub(super) enum Disturbance {
    /// Instead of the call, with that answer.
    Instead(Instead),
    /// To the answer of the call.
    Then(Then),
}

/// What comes in place of a call.
pub(super) enum Instead {
    TooManyRequests(u64),
    Error(u16, String),
    Html(u16),
    Cut,
    Nothing,
}

/// What happens to an answer.
#[derive(Clone, Copy)]
pub(super) enum Then {
    Malformed,
    Cut,
    Late(Duration),
}

impl State {
    /// The fault for this call, which is used up by it.
    pub(super) fn take_fault(&mut self, method: &str, params: &Params) -> Option<Disturbance> {
        let fault = self
            .faults
            .iter_mut()
            .find(|fault| fault.times > 0 && fault.fits(method, params))?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        fault.times -= 1;
        let kind = fault.kind.clone();
        self.faults.retain(|fault| fault.times > 0);
        Some(match kind {
            Kind::TooManyRequests(seconds) => Disturbance::Instead(Instead::TooManyRequests(seconds)),
            Kind::Error(code, description) => Disturbance::Instead(Instead::Error(code, description)),
            Kind::Html(status) => Disturbance::Instead(Instead::Html(status)),
            Kind::CutBefore => Disturbance::Instead(Instead::Cut),
            Kind::Hang => Disturbance::Instead(Instead::Nothing),
            Kind::Malformed => Disturbance::Then(Then::Malformed),
            Kind::CutAfter => Disturbance::Then(Then::Cut),
            Kind::SlowMs(millis) => Disturbance::Then(Then::Late(Duration::from_millis(millis))),
        })
    }
}

impl Control {
    /// Has something go wrong. Of several faults that fit a call, the first one hits it.
    pub fn fault(&self, fault: Fault) -> &Self {
        self.shared.change(|state| state.faults.push(fault));
        self
    }

    /// How many calls are still to be hit.
    pub fn faults_left(&self) -> usize {
        self.shared.state().faults.iter().map(|fault| fault.times).sum()
    }

    /// Forgets all faults.
    pub fn clear_faults(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// An outage: cuts all connections, and closes new ones at once until it is lifted. The port stays.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.gate.shut(refuse);
    }
}

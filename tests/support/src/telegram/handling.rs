//! A call from its arrival to its answer: windows and limits, scripted faults, the method itself, the record.

use super::Options;
use super::calls::{Call, is_metered};
use super::faults::{Disturbance, Instead, Then};
use super::methods::{self, ApiError, Method};
use super::params::Params;
use super::state::State;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What goes back to the client.
pub(super) enum Reply {
    Json(u16, Value),
    Html(u16),
    /// The beginning of an answer.
    Malformed(Value),
    Cut,
    /// Ever.
    Nothing,
}

/// A reply and how long it takes.
pub(super) struct Delivery {
    pub(super) reply: Reply,
    pub(super) delay: Duration,
}

impl From<Reply> for Delivery {
    fn from(reply: Reply) -> Self {
        Self {
            reply,
            delay: Duration::ZERO,
        }
    }
}

impl Reply {
    /// The envelope.
    pub(super) fn of(answer: Result<Value, ApiError>) -> Self {
        match answer {
            Ok(result) => Self::Json(200, json!({"ok": true, "result": result})),
            Err(error) => Self::Json(error.code, error.json()),
        }
    }

    /// What the client learns of the status; 0 for nothing.
    fn status(&self) -> u16 {
        match self {
            Self::Json(status, _) | Self::Html(status) => *status,
            Self::Malformed(_) => 200,
            Self::Cut | Self::Nothing => 0,
        }
    }

    /// What a fault makes of the answer to a call that was carried out.
    pub(super) fn disturbed(self, then: Then) -> Delivery {
        match (then, self) {
            (Then::Cut, _) => Self::Cut.into(),
            (Then::Malformed, Self::Json(_, body)) => Self::Malformed(body).into(),
            (Then::Late(delay), reply) => Delivery { reply, delay },
            (Then::Malformed, reply) => reply.into(),
        }
    }

    /// What a fault puts in place of a call. A 429 for a chat opens its window.
    pub(super) fn instead(instead: Instead, state: &mut State, chat: Option<i64>) -> Self {
        match instead {
            Instead::TooManyRequests(seconds) => {
                if let Some(chat) = chat {
                    let now = state.now();
                    state.limits.open_window(chat, Duration::from_secs(seconds), now);
                }
                Self::of(Err(ApiError::too_many_requests(seconds)))
            }
            Instead::Error(code, description) => Self::of(Err(ApiError::other(code, description))),
            Instead::Html(status) => Self::Html(status),
            Instead::Cut => Self::Cut,
            Instead::Nothing => Self::Nothing,
        }
    }
}

/// Carries a call out, as far as it gets, and puts it on record.
pub(super) fn handle(state: &mut State, options: &Options, method: &'static Method, params: &Params) -> Delivery {
    let chat = params.integer("chat_id");
    let mut call = Call {
        method: method.name,
        chat,
        thread: params.integer("message_thread_id"),
        message_id: params.integer("message_id"),
        at: Instant::now(),
        status: 0,
        error: None,
        inside_window: false,
        params: if options.keeps_bodies {
            Value::Object(params.values.clone())
        } else {
            Value::Null
        },
    };
    let delivery = deliver(state, options, method, params, &mut call);
    call.status = delivery.reply.status();
    if let Reply::Json(_, body) = &delivery.reply {
        call.error = body["description"].as_str().map(str::to_owned);
    }
    state.calls.push(call);
    delivery
}

fn deliver(state: &mut State, options: &Options, method: &'static Method, params: &Params, call: &mut Call) -> Delivery {
    // Asking about a chat does not disturb it.
    let chat = call.chat.filter(|_| !method.name.starts_with("get"));
    let now = state.now();
    if let Some(seconds) = chat.and_then(|chat| state.limits.punish(chat, now)) {
        call.inside_window = true;
        return Reply::of(Err(ApiError::too_many_requests(seconds))).into();
    }
    let then = match state.take_fault(method.name, params) {
        Some(Disturbance::Instead(instead)) => return Reply::instead(instead, state, chat).into(),
        Some(Disturbance::Then(then)) => Some(then),
        None => None,
    };
    if options.rate_limits
        && is_metered(method.name)
        && let Some(chat) = chat
    {
        let is_group = chat < 0;
        if let Err(seconds) = state.limits.spend(chat, is_group, now, options) {
            return Reply::of(Err(ApiError::too_many_requests(seconds))).into();
        }
    }
    let reply = Reply::of(methods::carry_out(state, options, method, params, call));
    match then {
        Some(then) => reply.disturbed(then),
        None => reply.into(),
    }
}

//! The methods: what each takes, and who carries it out.

mod access;
mod account;
mod chats;
mod drafts;
mod media;
mod messages;
mod rich;
mod small;
mod table;

pub(super) use account::me;
pub(super) use messages::without_reply;

use super::Options;
use super::calls::Call;
use super::params::Params;
use super::state::State;
use serde_json::{Value, json};
use std::time::Instant;

/// An answer that is not `ok`.
#[derive(Clone, Debug)]
pub(super) struct ApiError {
    pub(super) code: u16,
    pub(super) description: String,
    pub(super) parameters: Option<Value>,
}

impl ApiError {
    fn new(code: u16, description: String) -> Self {
        Self {
            code,
            description,
            parameters: None,
        }
    }

    pub(super) fn bad(what: impl AsRef<str>) -> Self {
        Self::new(400, format!("Bad Request: {}", what.as_ref()))
    }

    pub(super) fn forbidden(what: &str) -> Self {
        Self::new(403, format!("Forbidden: {what}"))
    }

    pub(super) fn conflict(what: &str) -> Self {
        Self::new(409, format!("Conflict: {what}"))
    }

    pub(super) fn not_found(what: &str) -> Self {
        Self::new(404, what.to_owned())
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized".to_owned())
    }

    pub(super) fn too_many_requests(seconds: u64) -> Self {
        let error = Self::new(429, format!("Too Many Requests: retry after {seconds}"));
        error.with(json!({"retry_after": seconds}))
    }

    /// Any code and text.
    pub(super) fn other(code: u16, description: String) -> Self {
        Self::new(code, description)
    }

    pub(super) fn with(mut self, parameters: Value) -> Self {
        self.parameters = Some(parameters);
        self
    }

    pub(super) fn json(&self) -> Value {
        let mut json = json!({"ok": false, "error_code": self.code, "description": self.description});
        if let Some(parameters) = &self.parameters {
            json["parameters"] = parameters.clone();
        }
        json
    }
}

type Answer = Result<Value, ApiError>;

/// A method with the parameters that it knows.
pub(super) struct Method {
    pub(super) name: &'static str,
    required: &'static [&'static str],
    /// In groups that several methods share.
    optional: &'static [&'static [&'static str]],
    run: fn(&mut Context<'_>) -> Answer,
}

/// What a method sees while it runs.
pub(super) struct Context<'a> {
    pub(super) state: &'a mut State,
    pub(super) options: &'a Options,
    pub(super) params: &'a Params,
    pub(super) method: &'static Method,
    pub(super) at: Instant,
    /// The message that was made or touched, for the record.
    pub(super) message_id: Option<i64>,
}

impl Context<'_> {
    /// An error that a careful client would not have caused.
    pub(super) fn wrong(&mut self, what: impl AsRef<str>) -> ApiError {
        let what = what.as_ref();
        self.note(what);
        ApiError::bad(what)
    }

    /// Puts on record that a careful client would not have done this, although the server takes it.
    pub(super) fn note(&mut self, what: &str) {
        let number = self.state.calls.len() + 1;
        let chat = self.params.text("chat_id").unwrap_or_default();
        self.state
            .violation(format!("call {number}, {} {chat}: {what}", self.method.name));
    }

    fn check_params(&mut self) {
        for name in &self.params.nulls {
            self.note(&format!("{name} is null"));
        }
        let method = self.method;
        let names = self.params.values.keys().chain(self.params.files.keys());
        let is_known = |name: &str| {
            let mut known = method.required.iter().chain(method.optional.iter().copied().flatten());
            known.any(|known| *known == name)
        };
        let is_attached = |name: &str| self.params.files.contains_key(name);
        let unknown = names.filter(|name| !is_known(name) && !is_attached(name)).cloned();
        for name in unknown.collect::<Vec<_>>() {
            self.note(&format!("it has no parameter {name}"));
        }
        for name in method.required {
            if !self.params.has(name) {
                self.note(&format!("{name} is missing"));
            }
        }
    }
}

/// The method of that name, in any case.
pub(super) fn find(name: &str) -> Option<&'static Method> {
    table::METHODS.iter().find(|method| method.name.eq_ignore_ascii_case(name))
}

/// Carries a call out, and notes the message that it is about.
pub(super) fn carry_out(
    state: &mut State,
    options: &Options,
    method: &'static Method,
    params: &Params,
    call: &mut Call,
) -> Answer {
    let mut context = Context {
        state,
        options,
        params,
        method,
        at: call.at,
        message_id: call.message_id,
    };
    context.check_params();
    let answer = (method.run)(&mut context);
    call.message_id = context.message_id;
    answer
}

//! A bot that says what it is told, and the few words that the tests share.

use cortex_test_support::telegram::TelegramFake;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::runtime::Runtime;

/// Long enough for a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// A client without TLS. It wants a provider of cryptography all the same, where the rest of the workspace has chosen TLS.
fn http() -> reqwest::Client {
    // Another test may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = reqwest::Client::builder().no_proxy().tls_certs_only([]);
    builder.build().expect("a client can be made")
}

/// Calls methods and waits for their answers. A copy of it may be used on another thread.
#[derive(Clone)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
    runtime: std::sync::Arc<Runtime>,
}

impl Client {
    pub(crate) fn new(fake: &TelegramFake) -> Self {
        Self::at(&fake.api_url(), fake.token())
    }

    pub(crate) fn at(api_url: &str, token: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self {
            base: format!("{api_url}/bot{token}"),
            http: http(),
            runtime: runtime.expect("a runtime").into(),
        }
    }

    /// The whole answer.
    pub(crate) fn call(&self, method: &str, params: Value) -> Value {
        self.try_call(method, params).expect("an answer")
    }

    #[expect(clippy::needless_pass_by_value, reason = "all callers make it for the call")]
    pub(crate) fn try_call(&self, method: &str, params: Value) -> Result<Value, reqwest::Error> {
        let request = self.http.post(format!("{}/{method}", self.base)).json(&params);
        self.runtime.block_on(async { request.send().await?.json().await })
    }

    /// The result of a call that must go well.
    pub(crate) fn ok(&self, method: &str, params: Value) -> Value {
        let answer = self.call(method, params);
        assert_eq!(answer["ok"], true, "{answer}");
        answer["result"].clone()
    }

    /// Status and description of a call that must not go well.
    pub(crate) fn refused(&self, method: &str, params: Value) -> String {
        let answer = self.call(method, params);
        assert_eq!(answer["ok"], false, "{answer}");
        let description = answer["description"].as_str().expect("a description");
        format!("{} {description}", answer["error_code"])
    }

    /// Sends a text and tells its id.
    pub(crate) fn send(&self, chat: i64, text: &str) -> i64 {
        let sent = self.ok("sendMessage", json!({"chat_id": chat, "text": text}));
        sent["message_id"].as_i64().expect("an id")
    }

    /// Status and body of any address.
    pub(crate) fn get(&self, url: &str) -> (u16, String) {
        self.read(self.http.get(url))
    }

    /// As [`Self::get`], with a body.
    pub(crate) fn post(&self, url: &str, kind: &str, body: &str) -> (u16, String) {
        let request = self.http.post(url).header("content-type", kind);
        self.read(request.body(body.to_owned()))
    }

    fn read(&self, request: reqwest::RequestBuilder) -> (u16, String) {
        let answer = async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        };
        self.runtime.block_on(answer).expect("an answer")
    }

    /// What is there from that offset on, without waiting.
    pub(crate) fn updates(&self, offset: i64) -> Vec<Value> {
        let updates = self.ok("getUpdates", json!({"offset": offset}));
        updates.as_array().expect("a list").clone()
    }
}

/// A fake, a bot and someone to talk with.
pub(crate) fn one_chat() -> (TelegramFake, Client, i64) {
    let fake = TelegramFake::start();
    let client = Client::new(&fake);
    let alice = fake.private_chat(fake.user("Alice"));
    (fake, client, alice)
}

/// Whether a violation with that in it came, which is then forgiven.
pub(crate) fn forgive(fake: &TelegramFake, what: &str) {
    let violations = fake.take_violations();
    let came = violations.iter().any(|violation| violation.contains(what));
    assert!(came, "no violation about {what:?} in {violations:?}");
}

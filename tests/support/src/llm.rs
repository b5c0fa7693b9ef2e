//! A fake of an OpenAI-compatible server: raw TCP, scripted to the byte, and strict about what it is asked.
//!
//! It runs on a thread of its own, so that plain and async tests can use it alike, and ends when it is dropped.

mod invariants;
mod reply;
mod server;

pub use reply::{Reply, Split};

use serde_json::Value;
use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// `POST` and the like.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null when it is empty or not JSON.
    pub body: Value,
    /// When its last byte came.
    pub at: Instant,
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The messages of a completion request.
    pub fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The content of the last message with that role; empty when there is none.
    pub fn last_content(&self, role: &str) -> &str {
        let found = self.messages().iter().rev().find(|message| message["role"] == role);
        found.and_then(|message| message["content"].as_str()).unwrap_or_default()
    }

    /// Whether a tool result comes after the last words of the user.
    pub fn is_after_tools(&self) -> bool {
        self.messages().last().is_some_and(|message| message["role"] == "tool")
    }
}

type Answerer = Box<dyn FnMut(&Request) -> Reply + Send>;

#[derive(Default)]
struct State {
    queue: VecDeque<Reply>,
    answerer: Option<Answerer>,
    routes: HashMap<String, Reply>,
    requests: Vec<Request>,
    violations: Vec<String>,
    hang_ups: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // A test that failed while it held the lock has said what is wrong already.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, longest: Duration, mut is_so: impl FnMut(&State) -> bool) -> bool {
        let (state, _) = self
            .changed
            .wait_timeout_while(self.state(), longest, |state| !is_so(state))
            .unwrap_or_else(PoisonError::into_inner);
        drop(state);
        is_so(&self.state())
    }
}

/// The running server. Dropping it ends it, and panics if it was asked something that no real server would take.
pub struct LlmFake {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl LlmFake {
    /// Starts a server on a free port of this machine.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let shared = Arc::new(Shared::default());
        let stop = CancellationToken::new();
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            let stop = stop.clone();
            move || server::run(listener, &shared, &stop)
        });
        Self {
            shared,
            address,
            stop,
            thread: Some(thread),
        }
    }

    /// The address for `base_url`, which ends in `/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The address of the host, without a path.
    pub fn root_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds to the replies that completion requests get, in order.
    pub fn reply(&self, reply: Reply) -> &Self {
        self.shared.state().queue.push_back(reply);
        self
    }

    /// What completion requests get when no reply is queued.
    pub fn answer_with(&self, answerer: impl FnMut(&Request) -> Reply + Send + 'static) -> &Self {
        self.shared.state().answerer = Some(Box::new(answerer));
        self
    }

    /// What a request for any other path gets, each time.
    pub fn route(&self, path: &str, reply: Reply) -> &Self {
        self.shared.state().routes.insert(path.to_owned(), reply);
        self
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.shared.state().requests.clone()
    }

    /// The last request; panics when there was none.
    pub fn last_request(&self) -> Request {
        self.shared.state().requests.last().cloned().expect("no request came")
    }

    /// Waits until so many requests came; panics when they do not come in time. Blocks the thread: a client in the same test
    /// needs a runtime with more than one.
    pub fn wait_for_requests(&self, count: usize, longest: Duration) -> Vec<Request> {
        let came = self.shared.wait_until(longest, |state| state.requests.len() >= count);
        let requests = self.requests();
        assert!(came, "{} of {count} requests came within {longest:?}", requests.len());
        requests
    }

    /// Waits until the client has closed a connection in the middle of an answer, and tells whether it did. Blocks the
    /// thread too.
    pub fn wait_for_hang_up(&self, longest: Duration) -> bool {
        self.shared.wait_until(longest, |state| state.hang_ups > 0)
    }

    /// Replies that nobody asked for yet.
    pub fn replies_left(&self) -> usize {
        self.shared.state().queue.len()
    }

    /// What was wrong with requests so far.
    pub fn violations(&self) -> Vec<String> {
        self.shared.state().violations.clone()
    }

    /// Ends the server; panics when a request was wrong or a queued reply was never asked for.
    pub fn finish(mut self) {
        self.end();
        self.check();
        let left = self.replies_left();
        assert!(left == 0, "{left} replies were never asked for");
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake server panicked");
        }
    }

    fn check(&self) {
        let violations = self.violations();
        assert!(
            violations.is_empty(),
            "the model was asked wrongly:\n{}",
            violations.join("\n")
        );
    }
}

impl Drop for LlmFake {
    fn drop(&mut self) {
        self.end();
        if !std::thread::panicking() {
            self.check();
        }
    }
}

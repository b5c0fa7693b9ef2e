//! A fake of the Telegram Bot API: a real HTTP server with the state of an account, its chats and its people.
//!
//! It answers as Telegram does, down to the texts of errors, and keeps a record of all that it is asked. It runs on a thread of
//! its own, so that plain and async tests can use it alike, and ends when it is dropped. What tests do to it and see of it is in
//! [`Control`], which [`TelegramFake`] derefs to.

mod calls;
mod chat;
mod control;
mod entities;
mod faults;
mod handling;
mod http;
mod keyboard;
mod limits;
mod listener;
mod methods;
mod params;
mod people;
mod post;
mod press;
mod remote;
mod report;
mod say;
mod state;
mod updates;
mod view;

pub use calls::{Call, Poll};
pub use chat::{Action, Draft, MessageHandle};
pub use control::Control;
pub use faults::Fault;
pub use press::CallbackAnswer;
pub use say::Say;
pub use view::{BotMessage, Button, Edit};

use state::Shared;
use std::net::{SocketAddr, TcpListener};
use std::ops::Deref;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Connections that wait to be taken.
const MOST_WAITING: i32 = 4096;

/// What differs from one fake to the next.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Options {
    /// The port on 127.0.0.1; 0 for a free one.
    pub port: u16,
    /// Whether calls that come too fast are answered with 429.
    pub rate_limits: bool,
    /// How many calls a private chat takes at once before it is down to one a second.
    pub private_burst: u32,
    /// How long a caller that was too fast must wait at least.
    pub penalty: Duration,
    /// Whether the bot gets all messages of groups; if not, only those that are meant for it, and all where it is an administrator.
    pub reads_all_group_messages: bool,
    /// Whether the methods for rich messages are known.
    pub rich_messages: bool,
    /// Whether the parameters of each call and the text of each edit are kept. A benchmark does without.
    pub keeps_bodies: bool,
    /// Whether the fake can be controlled over HTTP, from another process.
    pub remote_control: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            port: 0,
            rate_limits: false,
            private_burst: 1,
            penalty: Duration::from_secs(5),
            reads_all_group_messages: true,
            rich_messages: true,
            keeps_bodies: true,
            remote_control: false,
        }
    }
}

/// The running server. Dropping it ends it, and panics if it was asked something that no careful client would ask.
pub struct TelegramFake {
    control: Control,
    control_address: Option<SocketAddr>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl TelegramFake {
    /// Starts a server on a free port of this machine, without rate limits.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a server.
    pub fn start_with(options: Options) -> Self {
        let (listener, address) = listen(options.port);
        let control = options.remote_control.then(|| listen(0));
        let (control, control_address) = control.unzip();
        let shared = Arc::new(Shared::new(options, address));
        let stop = CancellationToken::new();
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            let stop = stop.clone();
            move || http::run(listener, control, shared, &stop)
        });
        Self {
            control: Control::new(shared),
            control_address,
            stop,
            thread: Some(thread),
        }
    }

    /// Where control commands are taken, even in an outage; none unless the options have it.
    pub fn control_url(&self) -> Option<String> {
        self.control_address.map(|address| format!("http://{address}/control"))
    }

    /// Ends the server; panics when a request was wrong.
    pub fn finish(mut self) {
        self.end();
        self.check();
    }

    fn end(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the fake server panicked");
        }
    }

    fn check(&self) {
        let violations = self.take_violations();
        assert!(
            violations.is_empty(),
            "Telegram was asked wrongly:\n{}",
            violations.join("\n")
        );
    }
}

fn listen(port: u16) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("the port is free");
    // The usual queue is too short for thousands who come at once, and whoever finds it full tries again only after a second.
    rustix::net::listen(&listener, MOST_WAITING).expect("a bound socket listens");
    let address = listener.local_addr().expect("a bound socket has an address");
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    (listener, address)
}

impl Deref for TelegramFake {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for TelegramFake {
    fn drop(&mut self) {
        self.end();
        if !std::thread::panicking() {
            self.check();
        }
    }
}

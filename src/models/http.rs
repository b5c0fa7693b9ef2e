//! The HTTP clients that models are called with: what they trust, whom they never follow.
//!
//! No client here follows a redirect (it would carry the key and the conversation to another place), retries by itself, or
//! takes a proxy from the environment unasked.

use reqwest::{Client, ClientBuilder, Error, Url, redirect, retry};
use std::time::Duration;

/// Connections are kept this long for the next round of a turn, then closed to give their memory back.
const POOL_IDLE: Duration = Duration::from_secs(30);

/// More are closed as soon as they are idle: after thousands of calls at once, each would hold some memory for nothing.
const MOST_IDLE: usize = 32;

/// What differs between clients.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// The longest that connecting may take, TLS included.
    pub connect_timeout: Duration,
    /// Whether the system's certificates are loaded, which costs some memory; without them only `http://` can be reached.
    pub tls: bool,
    /// The proxy.
    pub proxy: Proxy,
}

/// Through which proxy to go.
#[derive(Clone, Debug, Default)]
pub enum Proxy {
    /// None, whatever the environment says.
    #[default]
    None,
    /// The one that the environment names.
    Environment,
    /// This one.
    At(Url),
}

/// A client for every host, to be shared by all models: loading the system's certificates is costly.
pub fn http_client(connect_timeout: Duration) -> Result<Client, Error> {
    http_client_with(&HttpSettings {
        connect_timeout,
        tls: true,
        proxy: Proxy::None,
    })
}

/// A light client for hosts that are reached without TLS, such as a model on this machine.
pub fn http_client_without_tls(connect_timeout: Duration) -> Result<Client, Error> {
    http_client_with(&HttpSettings {
        connect_timeout,
        tls: false,
        proxy: Proxy::None,
    })
}

/// A client as the settings say.
pub fn http_client_with(settings: &HttpSettings) -> Result<Client, Error> {
    // Whoever came first has chosen the cryptography for the process; any will do.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = ClientBuilder::new()
        .user_agent(concat!("cortex/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(settings.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(MOST_IDLE)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false);
    builder = match &settings.proxy {
        Proxy::None => builder.no_proxy(),
        Proxy::Environment => builder,
        Proxy::At(address) => builder.no_proxy().proxy(reqwest::Proxy::all(address.clone())?),
    };
    if !settings.tls {
        // An empty list of trusted certificates: the system's are not read, and an https:// host is refused.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

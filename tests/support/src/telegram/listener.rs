//! Connections that can be cut: one by the answer to it, or all of them at once.

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Whether connections are taken, and the means to cut those that are open.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
}

#[derive(Default)]
struct GateState {
    is_shut: bool,
    /// The parent of every open connection's own.
    open: CancellationToken,
}

impl Gate {
    /// Shuts the gate, which cuts every connection, or opens it.
    pub(super) fn shut(&self, is_shut: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_shut = is_shut;
        if is_shut {
            state.open.cancel();
            state.open = CancellationToken::new();
        }
    }

    fn enter(&self) -> Option<CancellationToken> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (!state.is_shut).then(|| state.open.child_token())
    }
}

/// Accepts as long as the gate is open; closes new connections at once when it is shut.
pub(super) struct GatedListener {
    pub(super) inner: TcpListener,
    pub(super) gate: Arc<Gate>,
}

impl Listener for GatedListener {
    type Io = Cuttable;
    type Addr = Cut;

    async fn accept(&mut self) -> (Cuttable, Cut) {
        loop {
            let Ok((stream, _)) = self.inner.accept().await else {
                // Out of sockets, say; it may pass.
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            };
            let Some(token) = self.gate.enter() else {
                continue;
            };
            let _ = stream.set_nodelay(true);
            let cut = Cut(token.clone());
            let io = Cuttable {
                stream,
                token: token.clone(),
                cut: Box::pin(token.cancelled_owned()),
            };
            return (io, cut);
        }
    }

    fn local_addr(&self) -> io::Result<Cut> {
        Ok(Cut(CancellationToken::new()))
    }
}

/// Cuts the connection that a request came over.
#[derive(Clone, Debug)]
pub(super) struct Cut(CancellationToken);

impl Cut {
    /// What is answered now does not reach the client any more.
    pub(super) fn now(&self) {
        self.0.cancel();
    }
}

impl Connected<IncomingStream<'_, GatedListener>> for Cut {
    fn connect_info(stream: IncomingStream<'_, GatedListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A stream that fails once it is cut.
pub(super) struct Cuttable {
    stream: TcpStream,
    token: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Cuttable {
    fn check(&self) -> io::Result<()> {
        if self.token.is_cancelled() {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for Cuttable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Cuttable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

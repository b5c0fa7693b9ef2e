//! The socket side of the fake: as much HTTP/1.1 as a client needs.

use super::reply::{Ending, Piece};
use super::{Reply, Request, Shared, invariants};
use serde_json::Value;
use std::fmt::Write as _;
use std::io;
use std::net::TcpListener as StdListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

type Reader = BufReader<OwnedReadHalf>;

/// Serves until it is told to stop; all connections end with it.
pub(super) fn run(listener: StdListener, shared: &Arc<Shared>, stop: &CancellationToken) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for the fake server");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("the socket is bound and non-blocking");
        let accept = async {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(shared);
                // The runtime owns the task and drops it at the end.
                tokio::spawn(async move {
                    // An error is a client that left, which `hang_ups` counts where it matters.
                    let _ = serve(stream, &shared).await;
                });
            }
        };
        tokio::select! {
            () = accept => {}
            () = stop.cancelled() => {}
        }
    });
    runtime.shutdown_background();
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = read_request(&mut reader).await? {
        let reply = choose(request, shared);
        match send(&reply, &mut reader, &mut writer).await {
            Ok(Ending::Proper) => {}
            Ok(Ending::Dropped) => return Ok(()),
            Ok(Ending::Hangs) | Err(_) => {
                shared.state().hang_ups += 1;
                shared.changed.notify_all();
                return Ok(());
            }
        }
    }
    Ok(())
}

async fn read_request(reader: &mut Reader) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let method = words.next().unwrap_or_default();
    let path = words.next().unwrap_or_default();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok(Some(Request {
        method,
        path,
        headers,
        body: serde_json::from_slice(&body).unwrap_or(Value::Null),
        at: Instant::now(),
    }))
}

fn choose(request: Request, shared: &Shared) -> Reply {
    let mut state = shared.state();
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let number = state.requests.len() + 1;
    let reply = if let Some(reply) = state.routes.get(&path) {
        reply.clone()
    } else if path.ends_with("/chat/completions") {
        let wrong = invariants::violations(&request);
        state
            .violations
            .extend(wrong.into_iter().map(|wrong| format!("request {number}: {wrong}")));
        if let Some(reply) = state.queue.pop_front() {
            reply
        } else if let Some(answer) = &mut state.answerer {
            // A failed assertion in there must reach the test, which runs on another thread.
            catch_unwind(AssertUnwindSafe(|| answer(&request))).unwrap_or_else(|_| {
                state.violations.push(format!("request {number}: its answerer panicked"));
                Reply::error(500, "the script panicked")
            })
        } else {
            state.violations.push(format!("request {number}: no reply was left for it"));
            Reply::error(500, "the script has no reply left")
        }
    } else {
        Reply::error(404, "no such path")
    };
    state.requests.push(request);
    drop(state);
    shared.changed.notify_all();
    reply
}

/// Sends the reply and tells how it ended; an error means that the client left before that.
async fn send(reply: &Reply, reader: &mut Reader, writer: &mut OwnedWriteHalf) -> io::Result<Ending> {
    if let Some(status) = reply.status {
        let mut head = format!("HTTP/1.1 {status} Scripted\r\ntransfer-encoding: chunked\r\n");
        for (name, value) in &reply.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head.push_str("\r\n");
        writer.write_all(head.as_bytes()).await?;
    }
    for write in reply.writes() {
        match write {
            // Each write is a chunk of its own, so that the client gets it as one, however TCP packs it.
            Piece::Bytes(bytes) => {
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend_from_slice(&bytes);
                chunk.extend_from_slice(b"\r\n");
                writer.write_all(&chunk).await?;
            }
            Piece::Pause(pause) => tokio::select! {
                () = sleep(pause) => {}
                gone = client_leaves(reader) => return Err(gone),
            },
        }
    }
    match reply.ending {
        Ending::Proper if reply.status.is_some() => writer.write_all(b"0\r\n\r\n").await?,
        Ending::Proper | Ending::Dropped => {}
        Ending::Hangs => {
            client_leaves(reader).await;
        }
    }
    Ok(reply.ending)
}

/// Resolves when the client closes; it has nothing to send in the middle of an answer.
async fn client_leaves(reader: &mut Reader) -> io::Error {
    loop {
        match reader.fill_buf().await {
            Ok([]) => return io::ErrorKind::ConnectionAborted.into(),
            Ok(bytes) => {
                let length = bytes.len();
                reader.consume(length);
            }
            Err(error) => return error,
        }
    }
}

//! One connection: requests read by hand, answers written as they are due.

use super::answer::Form;
use super::record::Record;
use super::{Shared, control};
use cortex_test_support::clock::monotonic_micros;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

const STREAM_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
/// No head of a request is longer.
const LONGEST_HEAD: usize = 64 * 1024;

struct Request {
    path: String,
    body: Vec<u8>,
}

#[derive(Deserialize)]
struct Completion {
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: Option<Value>,
}

/// Serves until the client leaves. What it does wrong ends its connection alone.
pub(crate) async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    let _ = socket.set_nodelay(true);
    let mut connection = Connection {
        socket,
        buffer: Vec::with_capacity(4096),
    };
    while let Ok(Some(request)) = connection.read().await {
        let received = monotonic_micros();
        let served = if let Some(command) = request.path.strip_prefix("/control/") {
            let answer = control::command(&shared, command, &request.body);
            connection.answer(answer).await
        } else if request.path.ends_with("/chat/completions") {
            connection.complete(&shared, received, &request.body).await
        } else {
            connection.answer(Err(format!("there is no {}", request.path))).await
        };
        if served.is_err() {
            return;
        }
    }
}

struct Connection {
    socket: TcpStream,
    /// Read and not used yet.
    buffer: Vec<u8>,
}

impl Connection {
    /// The next request; none when the client is through.
    async fn read(&mut self) -> io::Result<Option<Request>> {
        let head_length = loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if self.buffer.len() > LONGEST_HEAD || self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        };
        let head = String::from_utf8_lossy(&self.buffer[..head_length]).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let body_length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let is_length = name.eq_ignore_ascii_case("content-length");
            is_length.then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        let length = head_length + body_length.unwrap_or(0);
        while self.buffer.len() < length {
            if self.socket.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
        let body = self.buffer[head_length..length].to_vec();
        self.buffer.drain(..length);
        Ok(Some(Request { path, body }))
    }

    async fn answer(&mut self, answer: Result<Value, String>) -> io::Result<()> {
        let (status, body) = match answer {
            Ok(answer) => ("200 OK", answer),
            Err(error) => ("400 Bad Request", json!({"error": {"message": error}})),
        };
        let body = body.to_string();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        self.socket.write_all(format!("{head}{body}").as_bytes()).await
    }

    async fn complete(&mut self, shared: &Shared, received: u64, body: &[u8]) -> io::Result<()> {
        let Ok(completion) = serde_json::from_slice::<Completion>(body) else {
            return self.answer(Err("the request is not understood".to_owned())).await;
        };
        let begun = Instant::now();
        let form = shared.form();
        let place = shared.records(|records| {
            records.add(Record {
                text: last_words(&completion),
                request_bytes: body.len(),
                name: form.name.clone(),
                received,
                pieces: Vec::new(),
                whole: false,
                left: false,
            })
        });
        let mut pieces = Vec::with_capacity(form.pieces());
        let written = self.stream(&form, begun, &mut pieces).await;
        shared.records(|records| records.end(place, pieces, written.is_ok()));
        written
    }

    async fn stream(&mut self, form: &Form, begun: Instant, pieces: &mut Vec<u64>) -> io::Result<()> {
        self.socket.write_all(STREAM_HEAD).await?;
        let (usual, last) = (form.usual_chunk(), form.last_chunk());
        for piece in 0..form.pieces() {
            let due = begun + form.due(piece);
            if due > Instant::now() {
                self.wait(due).await?;
            }
            let chunk = if piece + 1 == form.pieces() { &last } else { &usual };
            pieces.push(monotonic_micros());
            self.socket.write_all(chunk).await?;
        }
        self.socket.write_all(&form.end()).await
    }

    /// Waits, and hears when the client leaves meanwhile.
    async fn wait(&mut self, due: Instant) -> io::Result<()> {
        tokio::select! {
            () = sleep_until(due) => Ok(()),
            read = self.socket.read_buf(&mut self.buffer) => match read? {
                0 => Err(io::ErrorKind::ConnectionReset.into()),
                _ => {
                    sleep_until(due).await;
                    Ok(())
                }
            }
        }
    }
}

/// What the person said last.
fn last_words(completion: &Completion) -> String {
    let last = completion.messages.iter().rev().find(|message| message.role == "user");
    let text = last.and_then(|message| message.content.as_ref()).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

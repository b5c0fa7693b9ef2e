//! A model server for load, as a program: it speaks `OpenAI`'s chat completions as a stream, to thousands at once, as fast as it
//! is told to. It prints where it is as a line of JSON, takes commands at `/control/<command>`, and ends by itself.
//!
//! It reads HTTP by hand, since next to what it serves it must cost nothing: what is measured is the client.

mod answer;
mod connection;
mod control;
mod record;

use answer::Form;
use anyhow::{Context, Result, bail};
use record::Records;
use serde_json::json;
use std::io::{Read, stdin};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};

const USAGE: &str = "\
usage: llm-fake [--port PORT] [--threads THREADS] [--ends-after SECONDS] [--stdin]

  --port PORT           listen on this port of 127.0.0.1 instead of a free one
  --threads THREADS     serve on so many threads (1)
  --ends-after SECONDS  end after this time (3600)
  --stdin               end when standard input ends

Commands are taken at <control_url>/<command>, with a JSON object as the body:

  form {first_ms, every_ms, pieces, piece, last_ms, name}
      how answers look from now on: `pieces` pieces of text, the first after `first_ms`, one more every `every_ms`, the last one
      `last_ms` later than that; each is `piece`, and the last one ends with `END`
  records {from, times}
      what was asked and answered, from that number on; `times` adds the time of each piece. Times are microseconds of the
      machine's monotonic clock
  stats
  reset";

/// A fake that someone forgot does not stay for ever.
const ENDS_AFTER: Duration = Duration::from_hours(1);
/// Connections that wait to be taken: thousands may come at once.
const MOST_WAITING: u32 = 4096;

/// Shared by all connections.
struct Shared {
    form: Mutex<Form>,
    records: Mutex<Records>,
}

impl Shared {
    fn form(&self) -> Form {
        self.form.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn records<T>(&self, look: impl FnOnce(&mut Records) -> T) -> T {
        look(&mut self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Settings {
    port: u16,
    threads: usize,
    ends_after: Duration,
    ends_with_stdin: bool,
}

fn main() -> Result<()> {
    let Some(settings) = settings(std::env::args().skip(1))? else {
        println!("{USAGE}");
        return Ok(());
    };
    let mut runtime = if settings.threads > 1 {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.worker_threads(settings.threads).enable_all().build()?;
    runtime.block_on(async {
        let listener = listen(settings.port)?;
        let address = listener.local_addr()?;
        let base = format!("http://{address}");
        println!(
            "{}",
            json!({"base_url": format!("{base}/v1"), "control_url": format!("{base}/control")})
        );
        let shared = Arc::new(Shared {
            form: Mutex::default(),
            records: Mutex::default(),
        });
        tokio::select! {
            () = serve(&listener, &shared) => {}
            () = tokio::time::sleep(settings.ends_after) => {}
            () = end_of_stdin(), if settings.ends_with_stdin => {}
        }
        anyhow::Ok(())
    })?;
    runtime.shutdown_background();
    Ok(())
}

fn listen(port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    socket.listen(MOST_WAITING).context("the port can be listened on")
}

async fn serve(listener: &TcpListener, shared: &Arc<Shared>) {
    loop {
        match listener.accept().await {
            Ok((socket, _)) => {
                tokio::spawn(connection::serve(socket, Arc::clone(shared)));
            }
            // Out of files: those that end make room.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn end_of_stdin() {
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let _ = end.await;
}

fn settings(mut arguments: impl Iterator<Item = String>) -> Result<Option<Settings>> {
    let mut settings = Settings {
        port: 0,
        threads: 1,
        ends_after: ENDS_AFTER,
        ends_with_stdin: false,
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().with_context(|| format!("{argument} needs a number"))?;
            value
                .parse::<u32>()
                .with_context(|| format!("{argument} needs a number, not {value:?}"))
        };
        match argument.as_str() {
            "--port" => settings.port = u16::try_from(number()?).context("--port is at most 65535")?,
            "--threads" => settings.threads = number()?.max(1) as usize,
            "--ends-after" => settings.ends_after = Duration::from_secs(number()?.into()),
            "--stdin" => settings.ends_with_stdin = true,
            "--help" | "-h" => return Ok(None),
            other => bail!("unknown argument {other:?}\n{USAGE}"),
        }
    }
    Ok(Some(settings))
}

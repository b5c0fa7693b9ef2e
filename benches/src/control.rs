//! Commands to a fake, over a connection that is kept: what is measured must not wait for ours.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// No command takes longer.
const LONGEST: Duration = Duration::from_mins(2);

/// Where a fake takes commands.
pub(crate) struct Control {
    /// Host and port.
    address: String,
    connection: Mutex<Option<BufReader<TcpStream>>>,
}

impl Control {
    /// `url` ends in `/control`.
    pub(crate) fn new(url: &str) -> Result<Self> {
        let address = url.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/control"));
        Ok(Self {
            address: address
                .with_context(|| format!("{url} is no address of commands"))?
                .to_owned(),
            connection: Mutex::default(),
        })
    }

    /// Gives a command, and its answer.
    pub(crate) fn call(&self, command: &str, parameters: &Value) -> Result<Value> {
        let mut connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut open = match connection.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        let answer = exchange(&mut open, &self.address, command, parameters);
        let answer = answer.with_context(|| format!("the command {command} failed"))?;
        *connection = Some(open);
        Ok(answer)
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.address).with_context(|| format!("nobody is at {}", self.address))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        Ok(BufReader::new(stream))
    }
}

fn exchange(stream: &mut BufReader<TcpStream>, address: &str, command: &str, parameters: &Value) -> Result<Value> {
    let body = parameters.to_string();
    let head = format!(
        "POST /control/{command} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.get_mut().write_all(format!("{head}{body}").as_bytes())?;
    let mut status = String::new();
    stream.read_line(&mut status)?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            bail!("the connection was closed");
        }
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    if !status.contains(" 200 ") {
        bail!("{} {}", status.trim(), String::from_utf8_lossy(&body));
    }
    Ok(serde_json::from_slice(&body)?)
}

//! Server-sent events: bytes in any split to whole events.
//!
//! It owns framing alone and refuses to know what an event means. It never asks for more bytes and never reconnects: a client
//! that reconnects by itself would send a paid request again.

#[cfg(test)]
mod tests;

use thiserror::Error;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its `event:` field; empty when it has none.
    pub name: String,
    /// Its `data:` lines, joined by line feeds.
    pub data: String,
}

/// An event or a line grew past the limit of the decoder, which is of no use after this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("an event of the stream is longer than {limit_bytes} bytes")]
pub struct EventTooLong {
    /// The limit.
    pub limit_bytes: usize,
}

/// Turns bytes into events, holding at most one unfinished event.
#[derive(Debug)]
pub struct Decoder {
    limit_bytes: usize,
    line: Vec<u8>,
    name: String,
    data: Option<String>,
    at_start: bool,
    after_carriage_return: bool,
}

impl Decoder {
    /// A decoder that holds at most `limit_bytes` of one event.
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            line: Vec::new(),
            name: String::new(),
            data: None,
            at_start: true,
            after_carriage_return: false,
        }
    }

    /// Takes the next bytes and gives the events that they complete. Each byte is looked at once, however they are split.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, EventTooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(&first) = rest.first() {
            if self.after_carriage_return && first == b'\n' {
                self.after_carriage_return = false;
                rest = &rest[1..];
                continue;
            }
            self.after_carriage_return = false;
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let piece = &rest[..end.unwrap_or(rest.len())];
            self.hold(piece)?;
            let Some(end) = end else { break };
            self.after_carriage_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            events.extend(self.end_line());
        }
        Ok(events)
    }

    /// Ends the stream and gives the last event if no blank line had ended it.
    pub fn finish(mut self) -> Option<Event> {
        let from_line = if self.line.is_empty() { None } else { self.end_line() };
        from_line.or_else(|| self.dispatch())
    }

    fn hold(&mut self, piece: &[u8]) -> Result<(), EventTooLong> {
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len) + self.name.len();
        if held + piece.len() > self.limit_bytes {
            return Err(EventTooLong {
                limit_bytes: self.limit_bytes,
            });
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn end_line(&mut self) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let mut content = line.as_slice();
        if std::mem::take(&mut self.at_start) {
            content = content.strip_prefix(BYTE_ORDER_MARK).unwrap_or(content);
        }
        let event = if content.is_empty() { self.dispatch() } else { None };
        self.take_field(content);
        // The buffer is used again, so that a long stream does not allocate for every line.
        self.line = line;
        self.line.clear();
        event
    }

    fn take_field(&mut self, line: &[u8]) {
        let colon = line.iter().position(|&byte| byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = String::from_utf8_lossy(value.strip_prefix(b" ").unwrap_or(value));
        match &line[..colon] {
            b"data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(&value);
                }
                None => self.data = Some(value.into_owned()),
            },
            b"event" => self.name = value.into_owned(),
            // A comment, or a field that only matters to a client that reconnects.
            _ => {}
        }
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = std::mem::take(&mut self.name);
        let data = self.data.take().filter(|data| !data.is_empty())?;
        Some(Event { name, data })
    }
}

//! Rich messages: taken as they are, within their limits. How they look is for the clients.

use super::{Answer, ApiError, Context};
use serde_json::{Map, Value};

const LONGEST: usize = 32_768;
const MOST_BLOCKS: usize = 500;
const MOST_COLUMNS: usize = 20;

impl Context<'_> {
    /// Rich methods can be such that the server does not know yet.
    pub(super) fn needs_rich_messages(&self) -> Result<(), ApiError> {
        if self.options.rich_messages {
            Ok(())
        } else {
            Err(ApiError::not_found("Not Found: method not found"))
        }
    }

    /// The rich message of the call.
    pub(super) fn rich_message(&mut self) -> Result<Value, ApiError> {
        self.needs_rich_messages()?;
        let Some(rich) = self.params.object("rich_message")?.filter(Value::is_object) else {
            return Err(self.wrong("can't parse InputRichMessage: expected an Object"));
        };
        let forms = ["markdown", "html", "blocks"]
            .iter()
            .filter(|form| rich.get(**form).is_some());
        if forms.count() != 1 {
            return Err(
                self.wrong("can't parse InputRichMessage: exactly one of markdown, html and blocks must be specified")
            );
        }
        let text = rich["markdown"].as_str().or_else(|| rich["html"].as_str());
        let length = text.map_or_else(|| rich["blocks"].to_string().chars().count(), |text| text.chars().count());
        if length == 0 {
            return Err(self.wrong("rich message is empty"));
        }
        if length > LONGEST {
            return Err(self.wrong("RICH_MESSAGE_TOO_LONG"));
        }
        let blocks = rich["blocks"].as_array().map(Vec::len);
        let blocks = blocks.unwrap_or_else(|| text.map_or(0, |text| text.split("\n\n").count()));
        if blocks > MOST_BLOCKS {
            return Err(self.wrong("RICH_MESSAGE_BLOCKS_TOO_MANY"));
        }
        if text.map_or(0, columns) > MOST_COLUMNS {
            return Err(self.wrong("RICH_MESSAGE_COLUMNS_TOO_MANY"));
        }
        Ok(rich)
    }
}

/// The columns of the widest table of a Markdown text, told by the lines under the heads.
fn columns(text: &str) -> usize {
    let is_delimiter = |line: &&str| line.contains("---") && line.chars().all(|letter| " |:-".contains(letter));
    let lines = text.lines().map(str::trim).filter(is_delimiter);
    let columns = lines.map(|line| line.trim_matches('|').split('|').count());
    columns.max().unwrap_or(0)
}

pub(super) fn send_rich_message(context: &mut Context<'_>) -> Answer {
    context.needs_rich_messages()?;
    let chat = context.open_chat()?;
    let rich = context.rich_message()?;
    context.post(chat, Map::from_iter([("rich_message".to_owned(), rich)]))
}

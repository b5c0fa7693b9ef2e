//! The words of a message: what speaks to the bot in them, and what a plain text does not show.

use super::Bot;
use crate::update::Entity;

/// A text as the bot should read it.
pub(super) struct Words {
    /// Without the bot's own name at its beginning and behind its command; the addresses of links stand behind them.
    pub(super) text: String,
    /// Whether the bot is mentioned.
    pub(super) mentions_us: bool,
    /// The command that it begins with.
    pub(super) command: Option<CommandWord>,
}

pub(super) struct CommandWord {
    /// In lower case.
    pub(super) name: String,
    /// Whether the bot named behind the `@` is this one; `None` where none is named.
    pub(super) for_us: Option<bool>,
}

impl Words {
    pub(super) fn read(text: &str, entities: &[Entity], bot: &Bot) -> Self {
        let mentions_us = entities.iter().any(|entity| match entity.kind.as_str() {
            "mention" => slice(text, entity).is_some_and(|mention| is_our_name(mention.trim_start_matches('@'), bot)),
            "text_mention" => entity.user.as_ref().and_then(|user| user.id) == Some(bot.id),
            _ => false,
        });
        let with_addresses = with_addresses(text, entities);
        let spoken = without_our_name(&with_addresses, bot);
        let command = command(spoken, bot);
        let text = match &command {
            Some((word, rest)) if word.for_us == Some(true) => format!("/{}{rest}", word.name),
            _ => spoken.to_owned(),
        };
        Self {
            text,
            mentions_us,
            command: command.map(|(word, _)| word),
        }
    }
}

/// The command at the beginning of a text, and what follows it.
fn command<'a>(text: &'a str, bot: &Bot) -> Option<(CommandWord, &'a str)> {
    let body = text.strip_prefix('/')?;
    let end = body.find(char::is_whitespace).unwrap_or(body.len());
    let (head, rest) = body.split_at(end);
    let (name, addressee) = match head.split_once('@') {
        Some((name, addressee)) => (name, Some(addressee)),
        None => (head, None),
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    is_name.then(|| {
        let word = CommandWord {
            name: name.to_lowercase(),
            for_us: addressee.map(|addressee| is_our_name(addressee, bot)),
        };
        (word, rest)
    })
}

fn is_our_name(name: &str, bot: &Bot) -> bool {
    !bot.username.is_empty() && name.eq_ignore_ascii_case(&bot.username)
}

/// A text that begins with the bot's name, without it.
fn without_our_name<'a>(text: &'a str, bot: &Bot) -> &'a str {
    let Some(body) = text.trim_start().strip_prefix('@') else {
        return text;
    };
    let end = body
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(body.len());
    let (name, rest) = body.split_at(end);
    let rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | ':'));
    // A name alone is a call without words; it is left as it is.
    if is_our_name(name, bot) && !rest.is_empty() {
        rest
    } else {
        text
    }
}

/// Puts the address of each link whose text hides it behind that text.
fn with_addresses(text: &str, entities: &[Entity]) -> String {
    let mut links: Vec<(usize, &str)> = entities
        .iter()
        .filter(|entity| entity.kind == "text_link")
        .filter_map(|entity| Some((entity.offset.checked_add(entity.length)?, entity.url.as_deref()?)))
        .collect();
    links.sort_by_key(|(end, _)| std::cmp::Reverse(*end));
    let mut text = text.to_owned();
    for (end, url) in links {
        if let Some(at) = byte_index(&text, end) {
            text.insert_str(at, &format!(" ({url})"));
        }
    }
    text
}

fn slice<'a>(text: &'a str, entity: &Entity) -> Option<&'a str> {
    let start = byte_index(text, entity.offset)?;
    let end = byte_index(text, entity.offset.checked_add(entity.length)?)?;
    text.get(start..end)
}

/// The byte at which so many UTF-16 units end; `None` inside a character or past the end.
fn byte_index(text: &str, units: usize) -> Option<usize> {
    let mut left = units;
    for (index, character) in text.char_indices() {
        if left == 0 {
            return Some(index);
        }
        left = left.checked_sub(character.len_utf16())?;
    }
    (left == 0).then_some(text.len())
}

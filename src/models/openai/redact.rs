//! Cleans what a server says before a person or a log sees it: servers quote requests and keys in their errors.

use crate::models::{Arguments, Message, ModelRequest};
use secrecy::{ExposeSecret, SecretString};

const LONGEST_DETAIL_CHARS: usize = 240;
/// Shorter words say nothing about a conversation.
const SHORTEST_WORD_CHARS: usize = 4;
/// A piece of the key this long takes the whole word away.
const KEY_PIECE_CHARS: usize = 5;
/// Words that servers need for saying what is wrong, shown also when the conversation has them too.
const PLAIN_WORDS: &str = "about access account address again allowed already another answer argument arguments array available \
    because been before billing body busy call cannot chat check code completion completions content context could current \
    disabled does doesn empty enable endpoint enough error exceeded exceeds exist expected extra failed false field file find \
    first format found from function gateway given have host image images input inputs instead internal into invalid json just \
    large later length less limit limited list long loading memory message messages method missing mode model models more must \
    name need needs null number object only output over parameter parameters path permitted please plan prompt property \
    provided provider quota rate reached read reasoning refused request requested requests required requires response role \
    schema server service should size some stream string support supported system temporarily than that them then there this \
    time timeout token tokens tool tools total true unavailable unexpected unknown unsupported usage used user using valid \
    value very were what when which will with within wrong your";

/// Knows what may not be shown: the key and the words of one request.
pub(super) struct Redactor<'a> {
    key: Option<&'a SecretString>,
    request: &'a ModelRequest,
    model: &'a str,
}

impl<'a> Redactor<'a> {
    pub(super) fn new(key: Option<&'a SecretString>, request: &'a ModelRequest, model: &'a str) -> Self {
        Self { key, request, model }
    }

    /// The text on one line, cut, without the key and without words of the conversation; `None` when nothing is left.
    pub(super) fn clean(&self, text: &str) -> Option<String> {
        let spoken = self.spoken();
        let mut cleaned = String::new();
        for chunk in text.split_whitespace() {
            if !cleaned.is_empty() {
                cleaned.push(' ');
            }
            if self.has_key_piece(chunk) || chunk.contains("://") {
                cleaned.push('…');
            } else {
                self.push_clean_words(chunk, &spoken, &mut cleaned);
            }
            if cleaned.chars().count() > LONGEST_DETAIL_CHARS {
                cleaned = cleaned.chars().take(LONGEST_DETAIL_CHARS).chain(['…']).collect();
                break;
            }
        }
        let cleaned: String = cleaned.chars().filter(|letter| !letter.is_control()).collect();
        cleaned.chars().any(char::is_alphanumeric).then_some(cleaned)
    }

    fn push_clean_words(&self, chunk: &str, spoken: &[String], cleaned: &mut String) {
        let mut rest = chunk;
        while !rest.is_empty() {
            let end = rest.find(|letter: char| !letter.is_alphanumeric()).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            cleaned.push_str(if self.is_shown(word, spoken) { word } else { "…" });
            let gap = after.find(char::is_alphanumeric).unwrap_or(after.len());
            cleaned.push_str(&after[..gap]);
            rest = &after[gap..];
        }
    }

    fn is_shown(&self, word: &str, spoken: &[String]) -> bool {
        let word = word.to_lowercase();
        word.chars().count() < SHORTEST_WORD_CHARS
            || PLAIN_WORDS.split(' ').any(|plain| plain == word)
            || self.model.to_lowercase().contains(&word)
            || !spoken.iter().any(|text| text.contains(&word))
    }

    fn has_key_piece(&self, chunk: &str) -> bool {
        let Some(key) = self.key else { return false };
        let letters: Vec<char> = key.expose_secret().chars().collect();
        let pieces = letters.windows(KEY_PIECE_CHARS.min(letters.len().max(1)));
        pieces.map(String::from_iter).any(|piece| chunk.contains(&piece))
    }

    /// All that was said in the request, in lower case.
    fn spoken(&self) -> Vec<String> {
        let mut spoken = vec![self.request.system.as_str().to_lowercase()];
        for message in &self.request.messages {
            match message {
                Message::User { text } | Message::ToolResult { text, .. } => spoken.push(text.as_str().to_lowercase()),
                Message::Assistant { text, calls, replay } => {
                    spoken.push(text.as_str().to_lowercase());
                    spoken.extend(calls.iter().map(|call| match &call.arguments {
                        Arguments::Object(object) => object.to_string().to_lowercase(),
                        Arguments::Malformed { raw, .. } => raw.as_str().to_lowercase(),
                    }));
                    spoken.extend(replay.iter().map(|replay| replay.raw.to_string().to_lowercase()));
                }
            }
        }
        spoken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_and_conversation_are_taken_out_and_the_rest_stays() {
        let key = SecretString::from("sk-verysecret1234567890");
        let request = ModelRequest {
            messages: vec![Message::User {
                text: "My Canary-77 sings about models".into(),
            }],
            ..ModelRequest::default()
        };
        let redactor = Redactor::new(Some(&key), &request, "qwen3:8b");
        assert_eq!(
            redactor
                .clean("model 'qwen3:8b' got \"my canary-77\nsings\" with sk-very***7890 at https://x/?key=1")
                .as_deref(),
            Some("model 'qwen3:8b' got \"my …-77 …\" with … at …")
        );
        assert_eq!(redactor.clean("\u{7} … "), None);
        assert!(
            redactor
                .clean(&"word ".repeat(500))
                .is_some_and(|text| text.chars().count() <= 241)
        );
    }
}

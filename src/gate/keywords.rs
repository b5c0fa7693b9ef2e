//! What a typed answer to the gate means. Whole messages only, and never a guess: what does not fit is an ordinary message.

/// The words that decide, lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keywords {
    /// Allow once.
    pub yes: Vec<String>,
    /// Allow for this session.
    pub session: Vec<String>,
    /// Allow always.
    pub always: Vec<String>,
    /// Deny.
    pub no: Vec<String>,
    /// "All of them", after one of the others.
    pub all: Vec<String>,
    /// Show everything of the question.
    pub show: Vec<String>,
}

impl Default for Keywords {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect();
        Self {
            yes: words(&["yes", "y", "ok", "approve", "confirm"]),
            session: words(&["session"]),
            always: words(&["always"]),
            no: words(&["no", "n", "deny", "cancel"]),
            all: words(&["all"]),
            show: words(&["show"]),
        }
    }
}

/// What was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// The word.
    pub word: Word,
    /// What it is about.
    pub about: About,
}

/// The meaning of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// Allow once.
    Yes,
    /// Allow for this session.
    Session,
    /// Allow always.
    Always,
    /// Deny.
    No,
    /// Show everything.
    Show,
}

/// What a keyword is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// Nothing was named: what the message replies to, or the one open question.
    Unnamed,
    /// A question by its code, upper case.
    Code(String),
    /// All that was shown.
    All,
}

impl Keywords {
    /// Reads a whole message: a keyword, a keyword and a code, or a keyword and "all". Case, white space around and full
    /// stops do not matter; a question mark does.
    pub fn read(&self, text: &str) -> Option<Spoken> {
        if text.len() > 64 {
            return None;
        }
        let cleaned = text.replace(['.', '。'], " ").to_lowercase();
        let mut parts = cleaned.split_whitespace();
        let word = self.word(parts.next()?)?;
        let about = match parts.next() {
            None => About::Unnamed,
            Some(all) if self.all.iter().any(|known| known == all) => About::All,
            Some(code) if is_code(code) => About::Code(code.to_uppercase()),
            Some(_) => return None,
        };
        parts.next().is_none().then_some(Spoken { word, about })
    }

    fn word(&self, typed: &str) -> Option<Word> {
        let lists = [
            (&self.yes, Word::Yes),
            (&self.session, Word::Session),
            (&self.always, Word::Always),
            (&self.no, Word::No),
            (&self.show, Word::Show),
        ];
        lists
            .into_iter()
            .find(|(list, _)| list.iter().any(|known| known == typed))
            .map(|(_, word)| word)
    }
}

/// The letters of codes: none that is easily taken for another.
const CODE_LETTERS: &[u8] = b"KMPRTWXYCDFHJVABEGNQSZ";

/// The code of the n-th question ever asked, counted from zero: a letter and a number. Never used twice.
pub fn code(number: u64) -> String {
    let letters = CODE_LETTERS.len() as u64;
    // Neighbouring questions get different letters; numbers grow once all letters were used.
    let letter = CODE_LETTERS[usize::try_from(number % letters).unwrap_or(0)];
    format!("{}{}", char::from(letter), number / letters + 2)
}

/// Whether a word has the form of a code.
pub fn is_code(word: &str) -> bool {
    let mut characters = word.chars();
    characters.next().is_some_and(|letter| letter.is_ascii_alphabetic())
        && word.len() >= 2
        && word.len() <= 20
        && characters.all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Spoken> {
        Keywords::default().read(text)
    }

    #[test]
    fn keyword_counts_as_a_whole_message() {
        assert_eq!(
            read(" Yes. "),
            Some(Spoken {
                word: Word::Yes,
                about: About::Unnamed
            })
        );
        assert_eq!(
            read("ALWAYS"),
            Some(Spoken {
                word: Word::Always,
                about: About::Unnamed
            })
        );
        for other in [
            "yes please",
            "yes?",
            "yes!",
            "",
            "   ",
            "yesk7",
            "no way",
            "yes K7 K8",
            "yes all of them",
        ] {
            assert_eq!(read(other), None, "{other:?}");
        }
    }

    #[test]
    fn keyword_with_a_code_names_its_question() {
        assert_eq!(
            read("yes k7"),
            Some(Spoken {
                word: Word::Yes,
                about: About::Code("K7".into())
            })
        );
        assert_eq!(
            read("No. K12."),
            Some(Spoken {
                word: Word::No,
                about: About::Code("K12".into())
            })
        );
        assert_eq!(
            read("ok all"),
            Some(Spoken {
                word: Word::Yes,
                about: About::All
            })
        );
    }

    #[test]
    fn codes_are_never_used_twice() {
        let codes: std::collections::BTreeSet<_> = (0..5000).map(code).collect();
        assert_eq!(codes.len(), 5000);
        assert!(codes.iter().all(|code| is_code(code)));
    }
}

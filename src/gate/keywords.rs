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
    use cortex_test_support::long::cases;
    use proptest::prelude::*;

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

    /// A word of the lists, in any case.
    fn any_keyword() -> impl Strategy<Value = (String, Word)> {
        let Keywords {
            yes,
            session,
            always,
            no,
            show,
            ..
        } = Keywords::default();
        let lists = [
            (yes, Word::Yes),
            (session, Word::Session),
            (always, Word::Always),
            (no, Word::No),
            (show, Word::Show),
        ];
        let words = lists
            .into_iter()
            .flat_map(|(list, word)| list.into_iter().map(move |typed| (typed, word)));
        let words = prop::sample::select(words.collect::<Vec<_>>());
        (words, any::<u16>()).prop_map(|((typed, word), case)| (in_any_case(&typed, case), word))
    }

    fn in_any_case(typed: &str, case: u16) -> String {
        let letters = typed.chars().enumerate().map(|(place, letter)| {
            if case >> (place % 16) & 1 == 1 {
                letter.to_ascii_uppercase()
            } else {
                letter
            }
        });
        letters.collect()
    }

    /// What does not matter between words, and around them.
    const BLANK: &str = "[ \t\n.。\u{a0}\u{3000}]{1,3}";

    proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

        #[test]
        fn any_case_and_blanks_around_a_keyword_mean_the_same(
            (typed, word) in any_keyword(), number: u32, before in BLANK, between in BLANK, after in BLANK,
        ) {
            let code = code(number.into());
            let cases = [
                (String::new(), About::Unnamed),
                (code.to_lowercase(), About::Code(code.clone())),
                (code.clone(), About::Code(code)),
                ("aLL".to_owned(), About::All),
            ];
            for (named, about) in cases {
                let text = format!("{before}{typed}{between}{named}{after}");
                prop_assert_eq!(read(&text), Some(Spoken { word, about }), "{:?}", text);
            }
        }

        #[test]
        fn a_keyword_in_other_words_means_nothing((typed, _) in any_keyword(), other in "[a-z!?,;:’'é日0-9]{1,12}") {
            // Said otherwise, these are answers.
            prop_assume!(Keywords::default().word(&other).is_none() && other != "all" && !is_code(&other));
            for text in [
                format!("{typed} {other}"),
                format!("{other} {typed}"),
                format!("{typed} all {other}"),
                format!("{typed} K7 {other}"),
                format!("{typed}, {other}"),
                format!("{typed} {typed}"),
            ] {
                prop_assert_eq!(read(&text), None, "{:?}", text);
            }
        }

        #[test]
        fn any_text_means_no_more_than_its_words(text in any::<String>()) {
            let words = text.to_lowercase().replace(['.', '。'], " ");
            let count = words.split_whitespace().count();
            if let Some(Spoken { about, .. }) = read(&text) {
                prop_assert_eq!(count, if about == About::Unnamed { 1 } else { 2 });
            }
        }

        #[test]
        fn codes_differ_and_are_read_back(one: u32, other: u32) {
            prop_assert_eq!(code(one.into()) == code(other.into()), one == other);
        }
    }
}

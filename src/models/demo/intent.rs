//! What a person wants, read from their words by rules. It knows no tools and no results.

/// What was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Help,
    Time,
    List {
        path: Option<String>,
    },
    Read {
        paths: Vec<String>,
    },
    ReadAndWrite {
        paths: Vec<String>,
        target: String,
    },
    Search {
        query: String,
        path: Option<String>,
    },
    Write {
        path: String,
        content: String,
    },
    /// One of the above with a part missing; how to say it.
    Unclear(&'static str),
    Other,
}

const POLITE_STARTS: [&str; 10] = [
    "please",
    "can you",
    "could you",
    "would you",
    "will you",
    "hey",
    "hi",
    "hello",
    "now",
    "then",
];
const GREETINGS: [&str; 12] = [
    "hello",
    "hi",
    "hey",
    "help",
    "hallo",
    "moin",
    "servus",
    "greetings",
    "good morning",
    "good evening",
    "what can you do",
    "who are you",
];
/// Words between file names that name no file.
const FILLERS: [&str; 9] = ["the", "file", "files", "both", "and", "then", "me", "of", "contents"];

/// Reads a message.
pub(super) fn understand(text: &str) -> Intent {
    let whole = text.trim();
    let text = without_politeness(whole);
    if let Some(rest) = after_word(text, &["write", "save", "put", "create"]) {
        return write(rest);
    }
    if let Some(rest) = after_word(text, &["to"])
        && let Some((path, content)) = split_once(rest, &[" write ", " save ", ", write ", " write: "])
    {
        return write_to(path, content);
    }
    if let Some(rest) = after_word(
        text,
        &[
            "list",
            "ls",
            "show files",
            "show the files",
            "show me the files",
            "which files",
            "what files",
        ],
    ) {
        return list(rest);
    }
    if let Some(rest) = after_word(text, &["read", "show", "open", "cat", "summarize", "summarise"]) {
        return read(rest);
    }
    if let Some(rest) = after_word(text, &["search", "find", "grep", "look for"]) {
        return search(rest);
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    if words.len() <= 12
        && words
            .iter()
            .any(|word| matches!(*word, "time" | "date" | "day" | "today" | "clock"))
    {
        return Intent::Time;
    }
    let greets = GREETINGS.iter().any(|greeting| after_word(whole, &[greeting]).is_some());
    if whole.is_empty() || (greets && words.len() <= 6) {
        Intent::Help
    } else {
        Intent::Other
    }
}

/// `FILE: TEXT`, `TEXT to FILE`, `to FILE: TEXT`.
fn write(rest: &str) -> Intent {
    const HOW: &str = "write \"buy milk\" to shopping.md";
    let to = after_word(rest, &["to", "into"]);
    if let Some((path, content)) = to.unwrap_or(rest).split_once(':')
        && is_one_name(path)
        && looks_like_a_file(path)
    {
        return write_to(path, content);
    }
    if let Some((path, content)) = to.and_then(|rest| rest.split_once(char::is_whitespace)) {
        return write_to(path, content);
    }
    for separator in [" to ", " into ", " in "] {
        if let Some((content, path)) = rsplit_once(rest, separator)
            && is_one_name(path)
        {
            return write_to(path, content);
        }
    }
    Intent::Unclear(HOW)
}

fn write_to(path: &str, content: &str) -> Intent {
    let path = after_word(path, &["the file", "file"]).unwrap_or(path);
    Intent::Write {
        path: clean_name(path),
        content: unquoted(content.trim()).to_owned(),
    }
}

/// `A [and B ...] [and write a summary to C]`.
fn read(rest: &str) -> Intent {
    const HOW: &str = "read notes.md and plan.md and write a summary to summary.md";
    let parts = split_once(
        rest,
        &[
            " and write ",
            " then write ",
            ", write ",
            " and save ",
            " then save ",
            " and put ",
        ],
    );
    let (sources, order) = parts.map_or((rest, None), |(sources, order)| (sources, Some(order)));
    let paths: Vec<String> = sources
        .split(|letter: char| letter.is_whitespace() || letter == ',')
        .map(clean_name)
        .filter(|word| !word.is_empty() && !FILLERS.contains(&word.to_lowercase().as_str()))
        .collect();
    if paths.is_empty() {
        return Intent::Unclear(HOW);
    }
    let Some(order) = order else {
        return Intent::Read { paths };
    };
    let padded = format!(" {order}");
    let target = [" to ", " into ", " in "]
        .iter()
        .find_map(|separator| rsplit_once(&padded, separator));
    match target {
        Some((_, target)) if is_one_name(target) => Intent::ReadAndWrite {
            paths,
            target: clean_name(target),
        },
        _ => Intent::Unclear(HOW),
    }
}

fn list(rest: &str) -> Intent {
    let padded = format!(" {rest}");
    let place = [" in ", " of ", " under "]
        .iter()
        .find_map(|separator| rsplit_once(&padded, separator));
    let place = place.map(|(_, place)| {
        after_word(place, &["the folder", "folder", "the"])
            .unwrap_or(place)
            .to_owned()
    });
    Intent::List {
        path: place
            .map(|place| clean_name(&place))
            .filter(|place| !place.is_empty() && !is_here(place)),
    }
}

fn search(rest: &str) -> Intent {
    let rest = after_word(rest, &["for", "files for", "the files for"])
        .unwrap_or(rest)
        .trim();
    let (query, place) = match rsplit_once(rest, " in ") {
        Some((query, place)) if is_one_name(place) => (query, Some(clean_name(place))),
        _ => (rest, None),
    };
    let query = unquoted(query.trim_end_matches(['?', '!', '.']).trim());
    if query.is_empty() {
        return Intent::Unclear("search for milk in notes");
    }
    Intent::Search {
        query: query.to_owned(),
        path: place.filter(|place| !is_here(place)),
    }
}

fn is_here(place: &str) -> bool {
    matches!(place.to_lowercase().as_str(), "here" | "." | "files" | "them" | "it")
}

/// What follows when the text starts with one of these words, whatever their case.
fn after_word<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    let text = text.trim_start();
    words.iter().find_map(|word| {
        let start = text.get(..word.len())?;
        let rest = &text[word.len()..];
        let ends = rest
            .chars()
            .next()
            .is_none_or(|next| !next.is_alphanumeric() && !matches!(next, '_' | '.' | '/'));
        (start.eq_ignore_ascii_case(word) && ends).then(|| rest.trim_start_matches([' ', ',', '!', '\t']))
    })
}

fn without_politeness(mut text: &str) -> &str {
    while let Some(rest) = after_word(text, &POLITE_STARTS).filter(|rest| !rest.is_empty()) {
        text = rest;
    }
    text
}

/// Splits at the first of these that occurs, whatever its case; ASCII case keeps every place the same.
fn split_once<'a>(text: &'a str, separators: &[&str]) -> Option<(&'a str, &'a str)> {
    let lower = text.to_ascii_lowercase();
    let found = separators
        .iter()
        .filter_map(|separator| Some((lower.find(separator)?, separator.len())));
    found.min().map(|(place, length)| (&text[..place], &text[place + length..]))
}

fn rsplit_once<'a>(text: &'a str, separator: &str) -> Option<(&'a str, &'a str)> {
    let place = text.to_ascii_lowercase().rfind(separator)?;
    Some((&text[..place], &text[place + separator.len()..]))
}

fn is_one_name(text: &str) -> bool {
    let text = after_word(text, &["the file", "file"]).unwrap_or(text).trim();
    let is_quoted = unquoted(text).len() < text.len();
    !text.is_empty() && (is_quoted || !text.contains(char::is_whitespace))
}

fn looks_like_a_file(text: &str) -> bool {
    let name = unquoted(text.trim());
    name.contains(['.', '/']) || name.len() < text.trim().len()
}

fn clean_name(text: &str) -> String {
    let text = after_word(text, &["the file", "file"])
        .filter(|rest| !rest.is_empty())
        .unwrap_or(text)
        .trim();
    let inner = unquoted(text.trim_end_matches([',', ';', ':', '?', '!']));
    let is_only_dots = inner.bytes().all(|byte| byte == b'.');
    let name = if is_only_dots { inner } else { inner.trim_end_matches('.') };
    unquoted(name).to_owned()
}

fn unquoted(text: &str) -> &str {
    for (open, close) in [('"', '"'), ('\'', '\''), ('`', '`'), ('“', '”'), ('„', '“'), ('«', '»')] {
        if let Some(inner) = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)) {
            return inner;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_of(path: &str, content: &str) -> Intent {
        Intent::Write {
            path: path.to_owned(),
            content: content.to_owned(),
        }
    }

    fn read_of(paths: &[&str]) -> Intent {
        Intent::Read {
            paths: paths.iter().map(|&path| path.to_owned()).collect(),
        }
    }

    #[test]
    fn writing_in_every_order() {
        for text in [
            "write buy milk to shop.md",
            "Please write \"buy milk\" to shop.md.",
            "save 'buy milk' into the file shop.md",
            "write shop.md: buy milk",
            "to shop.md write buy milk",
            "write to shop.md: \"buy milk\"",
            "Write to shop.md buy milk",
            "write “buy milk” to \"shop.md\"",
        ] {
            assert_eq!(understand(text), write_of("shop.md", "buy milk"), "{text}");
        }
        assert_eq!(
            understand("write notes/a.md:\n# One\n\nTwo: three."),
            write_of("notes/a.md", "# One\n\nTwo: three.")
        );
        assert_eq!(understand("write go to bed to a.md"), write_of("a.md", "go to bed"));
        assert!(matches!(understand("write something"), Intent::Unclear(_)));
    }

    #[test]
    fn reading_one_or_more() {
        assert_eq!(understand("read a.md"), read_of(&["a.md"]));
        assert_eq!(understand("Can you read the file a.md?"), read_of(&["a.md"]));
        assert_eq!(understand("read a.md, b.md and 'c.md'."), read_of(&["a.md", "b.md", "c.md"]));
        assert_eq!(
            understand("read a.md and b.md and write a summary to c.md"),
            Intent::ReadAndWrite {
                paths: vec!["a.md".to_owned(), "b.md".to_owned()],
                target: "c.md".to_owned()
            }
        );
        assert!(matches!(understand("read"), Intent::Unclear(_)));
    }

    #[test]
    fn listing_searching_time_and_the_rest() {
        let list_of = |path: Option<&str>| Intent::List {
            path: path.map(str::to_owned),
        };
        assert_eq!(understand("list files"), list_of(None));
        assert_eq!(understand("List the files in docs/old."), list_of(Some("docs/old")));
        assert_eq!(understand("what files are in ..?"), list_of(Some("..")));
        assert_eq!(understand("show me the files"), list_of(None));
        let search_of = |query: &str, path: Option<&str>| Intent::Search {
            query: query.to_owned(),
            path: path.map(str::to_owned),
        };
        assert_eq!(
            understand("search for oat milk in notes"),
            search_of("oat milk", Some("notes"))
        );
        assert_eq!(understand("find \"milk\""), search_of("milk", None));
        assert_eq!(understand("What time is it?"), Intent::Time);
        assert_eq!(understand("hi, what is the date"), Intent::Time);
        for text in ["Hello!", "hi", "help", "What can you do?", ""] {
            assert_eq!(understand(text), Intent::Help, "{text}");
        }
        assert_eq!(understand("Why is the sky blue?"), Intent::Other);
        assert_eq!(understand("ß to"), Intent::Other);
    }
}

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use cortex_chat::{Choice, ChoiceStyle, TextLimit};
use cortex_test_support::long::cases;
use cortex_test_support::markdown::examples;
use proptest::prelude::*;
use std::fmt::Write as _;
use teloxide::types::MessageEntityKind;

const SAMPLE: &str = include_str!("sample.md");
const LIMIT: TextLimit = TextLimit {
    max: MAX_TEXT_UNITS,
    unit: TextUnit::Utf16,
};

fn units(text: &str) -> usize {
    TextUnit::Utf16.length(text)
}

/// The stretch of an entity; fails where it splits a character.
fn covered(rendered: &Rendered, entity: &MessageEntity) -> String {
    let units: Vec<u16> = rendered.text.encode_utf16().collect();
    String::from_utf16(&units[entity.offset..entity.offset + entity.length]).unwrap()
}

/// The text, then each entity with what it covers.
fn told(markdown: &str) -> String {
    let rendered = render(&Document::parse(markdown));
    check(&rendered);
    let mut told = rendered.text.clone();
    for entity in &rendered.entities {
        let kind = serde_json::to_string(entity).unwrap();
        write!(told, "\n{kind} {:?}", covered(&rendered, entity)).unwrap();
    }
    told
}

fn is_continuous(kind: &MessageEntityKind) -> bool {
    matches!(kind, MessageEntityKind::TextLink { .. })
}

fn is_code(kind: &MessageEntityKind) -> bool {
    matches!(kind, MessageEntityKind::Code | MessageEntityKind::Pre { .. })
}

fn is_quote(kind: &MessageEntityKind) -> bool {
    matches!(kind, MessageEntityKind::Blockquote | MessageEntityKind::ExpandableBlockquote)
}

/// What Telegram demands of a text and its entities, and what it would change about them.
#[track_caller]
fn check(rendered: &Rendered) {
    let text = &rendered.text;
    assert_eq!(text.trim_matches([' ', '\n']), text, "Telegram would trim it");
    assert!(
        !text.contains(|c: char| c != '\n' && c.is_control()),
        "Telegram would drop controls"
    );
    assert!(rendered.entities.len() <= 100, "too many entities");
    assert!(
        text.is_empty() || !text.chars().all(characters::is_nothing_to_telegram),
        "refused as empty"
    );
    for (index, entity) in rendered.entities.iter().enumerate() {
        let covered = covered(rendered, entity);
        assert!(!covered.trim().is_empty(), "blank: {:?}", entity.kind);
        assert_eq!(
            covered.trim_matches([' ', '\n']),
            covered,
            "white space at an end: {:?}",
            entity.kind
        );
        let end = entity.offset + entity.length;
        for inner in &rendered.entities[index + 1..] {
            assert!(inner.offset >= entity.offset, "not sorted");
            if inner.offset >= end {
                continue;
            }
            assert!(
                inner.offset + inner.length <= end,
                "{:?} crosses {:?}",
                entity.kind,
                inner.kind
            );
            assert!(!is_code(&entity.kind), "{:?} in code", inner.kind);
            assert!(!is_code(&inner.kind) || is_quote(&entity.kind), "code in {:?}", entity.kind);
            assert!(!is_quote(&inner.kind), "a quote in {:?}", entity.kind);
            assert!(
                !(is_continuous(&inner.kind) && is_continuous(&entity.kind)),
                "a link in a link"
            );
            assert_ne!(inner.kind, entity.kind, "nested in itself");
        }
    }
}

/// Whether all that can be seen of the plain text is in the rendered one, in its order.
#[track_caller]
fn check_nothing_lost(document: &Document, rendered: &Rendered) {
    let plain = characters::shown(&document.to_plain_text(), characters::Tab::Space);
    if plain.chars().all(characters::is_nothing_to_telegram) {
        return;
    }
    let mut shown = rendered.text.chars();
    for character in plain.chars().filter(|character| !character.is_whitespace()) {
        assert!(
            shown.any(|shown| shown == character),
            "{character:?} of {plain:?} is lost in {:?}",
            rendered.text
        );
    }
}

#[track_caller]
fn check_document(document: &Document) {
    let rendered = render(document);
    check(&rendered);
    check_nothing_lost(document, &rendered);
    if units(&document.to_plain_text()) <= MAX_TEXT_UNITS {
        assert!(units(&rendered.text) <= MAX_TEXT_UNITS, "{} units", units(&rendered.text));
    }
}

#[test]
fn everything() {
    insta::assert_snapshot!(told(SAMPLE));
}

#[test]
fn every_prefix_of_a_sample_is_legal() {
    for (end, _) in SAMPLE.char_indices() {
        check_document(&Document::parse_partial(&SAMPLE[..end]));
    }
}

#[test]
fn text_that_names_another_address_does_not_mislead() {
    let links = [
        ("https://bank.example.com", "https://evil.example.net/", true),
        ("bank.example.com", "https://evil.example.net/", true),
        ("click www.bank.example.com now", "https://evil.example.net/", true),
        ("bank。example。com", "https://evil.example.net/", true),
        ("bank.\u{200b}example.com", "https://evil.example.net/", true),
        ("me@example.com", "https://example.com/", true),
        ("https://example.com/a", "https://example.com/b", true),
        ("https://example.com/a", "https://example.com/ab", true),
        ("https://example.com", "https://example.com@evil.example.net/", true),
        ("https://example.com/", "https://example.com", false),
        ("Example.com", "https://www.example.com/deep/down?x=1", false),
        ("example.com/deep", "https://example.com/deep/down", false),
        ("(example.com)", "https://example.com/", false),
        ("config.toml", "https://example.com/config.toml", false),
        ("version 1.2", "https://example.com/", false),
        ("e.g. this", "https://example.com/", false),
    ];
    for (text, url, is_shown) in links {
        let rendered = render(&Document::parse(&format!("[{text}](<{url}>)")));
        assert_eq!(
            rendered.text.ends_with(')') && rendered.text.contains(" (http"),
            is_shown,
            "{text} {url}: {}",
            rendered.text
        );
        assert_eq!(rendered.entities.len(), 1, "{text} {url}");
    }
}

#[test]
fn only_harmless_addresses_are_links() {
    for url in [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "ftp://example.org/",
        "//example.org/",
        "../x",
        "http://localhost/",
        "tg:",
        "tg://a.b/c",
        "http://",
    ] {
        let rendered = render(&Document::parse(&format!("[text](<{url}>)")));
        assert_eq!(rendered.text, format!("text ({url})"));
        assert!(rendered.entities.is_empty(), "{url}");
    }
    for url in ["https://example.org/", "http://127.0.0.1/", "tg://resolve?domain=x"] {
        let rendered = render(&Document::parse(&format!("[text](<{url}>)")));
        assert_eq!((rendered.text.as_str(), rendered.entities.len()), ("text", 1), "{url}");
    }
}

#[test]
fn control_characters_stay_visible() {
    let rendered = render(&Document::plain("a\u{1b}[2Jb\u{7}c\u{202e}d\u{2066}e\rf\u{85}g"));
    assert_eq!(rendered.text, "a␛[2Jb␇c\u{fffd}d\u{fffd}e\nf\u{fffd}g");
}

#[test]
fn text_of_nothing_visible_is_not_empty() {
    let rendered = render(&Document::plain("\u{200b}\u{200d}"));
    assert_eq!(rendered.text, "\u{fffd}");
    assert_eq!(render(&Document::parse("")).text, "");
}

#[test]
fn first_line_of_code_keeps_its_indentation() {
    let rendered = render(&Document::parse("```\n\n\t  indented\n  less\n\n```"));
    assert_eq!(rendered.text, "\u{a0}     indented\n  less");
    assert_eq!(rendered.entities, [MessageEntity::pre(None, 0, units(&rendered.text))]);
}

#[test]
fn too_many_entities_leave_the_important_ones() {
    let text = "*i* **b** ~~s~~ `c` [l](https://example.org/)\n\n".repeat(45) + "```\nlast\n```";
    let rendered = render(&Document::parse(&text));
    check(&rendered);
    let count = |of: fn(&MessageEntityKind) -> bool| rendered.entities.iter().filter(|entity| of(&entity.kind)).count();
    assert_eq!(rendered.entities.len(), 100);
    assert_eq!(count(|kind| matches!(kind, MessageEntityKind::Pre { .. })), 1);
    assert_eq!(count(|kind| matches!(kind, MessageEntityKind::TextLink { .. })), 45);
    assert_eq!(count(|kind| matches!(kind, MessageEntityKind::Code)), 45);
    assert_eq!(count(|kind| matches!(kind, MessageEntityKind::Bold)), 9);
}

#[test]
fn long_texts_lose_detail_before_formatting() {
    let table = "| a | wide column with many words in it | b |\n|---|---|---|\n".to_owned() + &"| x | y | z |\n".repeat(500);
    let document = Document::parse(&format!("**bold**\n\n{table}"));
    assert!(units(&document.to_plain_text()) <= MAX_TEXT_UNITS);
    let rendered = render(&document);
    check_document(&document);
    assert_eq!(rendered.entities[0].kind, MessageEntityKind::Bold);
    assert!(rendered.text.ends_with("x│y│z"));

    let full = "x".repeat(MAX_TEXT_UNITS - 17);
    let misleading = render(&Document::parse(&format!(
        "{full} [bank.example.com](https://evil.example.net/)"
    )));
    assert_eq!(units(&misleading.text), MAX_TEXT_UNITS);
    assert!(misleading.entities.is_empty());
}

#[test]
fn whole_split_fits() {
    for part in Document::parse(&SAMPLE.repeat(20)).split(LIMIT) {
        check_document(&part);
    }
}

fn choice(label: &str, id: &str, style: ChoiceStyle) -> Choice {
    Choice {
        id: id.into(),
        label: label.to_owned(),
        keyword: id.to_owned(),
        emoji: None,
        style,
    }
}

#[test]
fn decisive_buttons_stand_side_by_side() {
    let choices = [
        choice("Allow once", "once", ChoiceStyle::Positive),
        choice("For this session", "session", ChoiceStyle::Neutral),
        choice("Always", "always", ChoiceStyle::Neutral),
        choice("Deny", "deny", ChoiceStyle::Negative),
        choice("Show all", "show", ChoiceStyle::Neutral),
    ];
    insta::assert_json_snapshot!(buttons(&choices));
    insta::assert_json_snapshot!(buttons(&[]), @r#"
    {
      "inline_keyboard": []
    }
    "#);
}

#[test]
fn long_labels_have_rows_of_their_own() {
    let choices = [
        choice("Allow this for the whole day", "a", ChoiceStyle::Positive),
        choice("Deny", "b", ChoiceStyle::Negative),
    ];
    let rows = buttons(&choices);
    assert_eq!(rows["inline_keyboard"].as_array().unwrap().len(), 2);
}

/// Text in which marks are frequent.
fn markup_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[a-z]{1,8}",
        2 => Just(" ".to_owned()),
        2 => Just("\n".to_owned()),
        2 => Just("\n\n".to_owned()),
        4 => prop::sample::select(vec![
            "*", "**", "_", "`", "```rust\n", "\n```\n", "> ", "- ", "1. ", "12345. ", "- [x] ", "    ", "    - ", "# ", "---\n", "~~",
            "| a | b |\n|---|--:|\n| c | d", "| wide wide wide wide wide | **b** |\n|---|--:|\n| cell and cell and cell and cell |  |\n| `e` | f",
            "[", "](http://x.example/y)", "](javascript:x)", "](../z)", "example.com", "![", "<b>", "<!--", "&amp;", "\\", "! ", ". ",
            "👨‍👩‍👧‍👦", "e\u{301}\u{302}", "👍🏽", "\r\n", "\t", "日本。語", "\u{202e}", "\u{1b}[31m", "\n[a]: http://b.example\n", "[a]",
            "\u{200b}", "\u{a0}", "\u{2028}", "&#10;", "&#9;", "* ** `x` ** *", "**`x` y**", "***x** `y` z*",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![3 => markup_text(), 2 => examples_joined(), 1 => "(?s).{0,300}"]
}

/// Every prefix of the examples of the `CommonMark` specification, with what is open closed.
#[test]
fn every_prefix_of_every_example_is_legal() {
    for example in examples() {
        check_document(&Document::parse(example));
        for (end, _) in example.char_indices() {
            check_document(&Document::parse_partial(&example[..end]));
        }
    }
}

/// Examples after one another, which change what each of them means.
fn examples_joined() -> impl Strategy<Value = String> {
    let example = prop::sample::select(examples());
    let joint = prop::sample::select(vec!["", "\n", "\n\n", "> ", "- ", "\t"]);
    let pieces = prop::collection::vec((joint, example), 1..6);
    pieces.prop_map(|pieces| {
        pieces
            .into_iter()
            .flat_map(|(joint, example)| [joint.to_owned(), example])
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(2000)))]

    #[test]
    fn any_text_is_legal_and_whole(text in any_text()) {
        check_document(&Document::parse(&text));
        check_document(&Document::plain(&text));
        check_document(&Document::parse_partial(&text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(60)))]

    #[test]
    fn any_long_text_fits_when_split(pieces in prop::collection::vec(any_text(), 1..8), times in 1_usize..40) {
        let text = pieces.join("\n\n").repeat(times);
        for part in Document::parse(&text).split(LIMIT) {
            check_document(&part);
        }
    }

    #[test]
    fn any_prefix_is_legal(text in markup_text()) {
        for (end, _) in text.char_indices() {
            check_document(&Document::parse_partial(&text[..end]));
        }
    }
}

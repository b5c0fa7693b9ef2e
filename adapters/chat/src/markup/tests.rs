#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;
use crate::TextUnit;
use cortex_test_support::long::cases;
use cortex_test_support::markdown::examples;
use proptest::prelude::*;
use std::time::{Duration, Instant};
use unicode_segmentation::UnicodeSegmentation;

const SAMPLE: &str = include_str!("sample.md");

fn characters(max: usize) -> TextLimit {
    TextLimit {
        max,
        unit: TextUnit::Characters,
    }
}

fn without_space(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn plain_parts(text: &str, max: usize) -> Vec<String> {
    let parts = Document::parse(text).split(characters(max));
    parts.iter().map(Document::to_plain_text).collect()
}

fn json(document: &Document) -> String {
    serde_json::to_string(document).unwrap()
}

#[track_caller]
fn check_parts(document: &Document, limit: TextLimit) {
    let whole = document.to_plain_text();
    let parts: Vec<String> = document.clone().split(limit).iter().map(Document::to_plain_text).collect();
    for part in &parts {
        assert!(!part.is_empty(), "an empty part");
        assert!(
            limit.unit.length(part) <= limit.max,
            "{} of {limit:?}: {part:?}",
            limit.unit.length(part)
        );
    }
    assert_eq!(without_space(&parts.concat()), without_space(&whole));
}

#[test]
fn tree_of_a_sample() {
    insta::assert_json_snapshot!(Document::parse(SAMPLE));
}

#[test]
fn plain_text_of_a_sample() {
    insta::assert_snapshot!(Document::parse(SAMPLE).to_plain_text());
}

#[test]
fn markdown_of_a_sample() {
    insta::assert_snapshot!(Document::parse(SAMPLE).to_markdown());
}

#[test]
fn stored_tree_is_read_back() {
    let document = Document::parse(SAMPLE);
    assert!(serde_json::from_str::<Document>(&json(&document)).unwrap() == document);
}

#[test]
fn raw_html_is_literal() {
    insta::assert_snapshot!(json(&Document::parse("a <b>bold</b>\n\n<script>\n**x**\n</script>")), @r#"{"blocks":[{"paragraph":[{"text":"a <b>bold</b>"}]},{"paragraph":[{"text":"<script>"},"soft_break",{"text":"**x**"},"soft_break",{"text":"</script>"}]}]}"#);
}

#[test]
fn literal_text_keeps_its_lines() {
    let text = "*one*\r\n\n\n  two";
    assert_eq!(Document::plain(text).to_plain_text(), "*one*\n\n\n  two");
    assert!(Document::plain(" \n ").is_empty());
}

#[test]
fn debug_tells_no_content() {
    let document = Document::parse("secret **secret**");
    let debug = format!("{document:?} {:?} {:?}", document.blocks, Inline::Text("secret".to_owned()));
    assert!(!debug.contains("secret"), "{debug}");
}

#[test]
fn loose_and_tight_lists_look_the_same() {
    assert!(Document::parse("- a\n- b") == Document::parse("- a\n\n- b"));
}

#[test]
fn image_is_a_link_with_its_description() {
    insta::assert_snapshot!(json(&Document::parse("![cat](c.png) ![](d.png)")), @r#"{"blocks":[{"paragraph":[{"link":{"url":"c.png","content":[{"text":"cat"}]}},{"text":" "},{"link":{"url":"d.png","content":[{"text":"d.png"}]}}]}]}"#);
}

#[test]
fn unfinished_marks_are_held_back() {
    let cases = [
        ("some **bo", "some"),
        ("some **bold*", "some"),
        ("some **bold**", "some bold"),
        ("some `co", "some"),
        ("some `code`", "some code"),
        ("see [lin", "see"),
        ("see [link](http://x", "see"),
        ("see [link](http://x)", "see link"),
        ("see ![ima", "see"),
        ("*a* and **b", "a and"),
        ("2 * 3 = 6", "2 * 3 = 6"),
        ("snake_case_name", "snake_case_name"),
        ("escaped \\*star", "escaped *star"),
        ("earlier **line\nthe last", "earlier **line\nthe last"),
        ("Title\n-", "Title"),
        ("~~gone", ""),
        ("- item\n- **bo", "• item\n•"),
        ("```\nlet **x", "let **x"),
        ("```\nlet x\n```\n**y", "let x"),
        ("```\nlet `x", "let `x"),
    ];
    for (text, shown) in cases {
        assert_eq!(Document::parse_partial(text).to_plain_text(), shown, "{text:?}");
    }
}

#[test]
fn table_waits_for_its_delimiter_row() {
    let cases = [
        ("before\n\n| a | b", "before"),
        ("before\n\n| a | b |\n", "before"),
        ("before\n\n| a | b |\n| -", "before"),
        ("before\n\n| a | b |\n|---|---|", "before\n\na\tb"),
        ("before\n\n| a | b |\n|---|---|\n| 1 ", "before\n\na\tb\n1\t"),
    ];
    for (text, shown) in cases {
        assert_eq!(Document::parse_partial(text).to_plain_text(), shown.trim(), "{text:?}");
    }
}

#[test]
fn open_fence_is_code() {
    insta::assert_snapshot!(json(&Document::parse_partial("```rust\nfn main() {")), @r#"{"blocks":[{"code":{"language":"rust","text":"fn main() {"}}]}"#);
}

#[test]
fn every_prefix_of_a_sample_renders() {
    for (end, _) in SAMPLE.char_indices() {
        let document = Document::parse_partial(&SAMPLE[..end]);
        check_parts(&document, characters(40));
        let _ = document.to_markdown();
    }
}

#[test]
fn cut_prefers_block_then_line_then_sentence_then_word() {
    assert_eq!(
        plain_parts("First block here.\n\nSecond one, longer", 30),
        ["First block here.", "Second one, longer"]
    );
    assert_eq!(
        plain_parts("One. Two words\nand another line", 20),
        ["One. Two words", "and another line"]
    );
    assert_eq!(
        plain_parts("A first sentence. And a second one", 24),
        ["A first sentence.", "And a second one"]
    );
    assert_eq!(
        plain_parts("word after word after word", 18),
        ["word after word", "after word"]
    );
    assert_eq!(
        plain_parts("abcdefghijklmnopqrstuvwxyz", 16),
        ["abcdefghijklmnop", "qrstuvwxyz"]
    );
}

#[test]
fn graphemes_are_not_cut() {
    let family = "👨‍👩‍👧‍👦";
    let parts = plain_parts(&family.repeat(7), 16);
    assert_eq!(
        parts,
        [family.repeat(2), family.repeat(2), family.repeat(2), family.to_owned()]
    );
}

#[test]
fn heading_stays_with_its_text() {
    let parts = plain_parts("Some words before it all.\n\n# Title\n\nThe text under it.", 40);
    assert_eq!(parts, ["Some words before it all.", "Title\n\nThe text under it."]);
}

#[test]
fn code_is_reopened_in_its_language() {
    let parts = Document::parse("```rust\nfn one() {\n    first();\n    second();\n}\n```").split(characters(26));
    let markdown: Vec<String> = parts.iter().map(Document::to_markdown).collect();
    assert_eq!(
        markdown,
        ["```rust\nfn one() {\n    first();\n```", "```rust\n    second();\n}\n```"]
    );
}

#[test]
fn numbers_and_quotes_go_on() {
    let parts = Document::parse("> 3. three three three three four\n> 4. five five five").split(characters(20));
    let json: Vec<String> = parts.iter().map(json).collect();
    insta::assert_snapshot!(json.join("\n"), @r#"
    {"blocks":[{"quote":[{"list":{"start":3,"items":[{"blocks":[{"paragraph":[{"text":"three three three"}]}]}]}}]}]}
    {"blocks":[{"quote":[{"list":{"start":3,"items":[{"continued":true,"blocks":[{"paragraph":[{"text":"three four"}]}]}]}}]}]}
    {"blocks":[{"quote":[{"list":{"start":4,"items":[{"blocks":[{"paragraph":[{"text":"five five five"}]}]}]}}]}]}
    "#);
}

#[test]
fn marks_go_on_in_the_next_part() {
    let parts = Document::parse("**bold words that go on and on**").split(characters(20));
    let markdown: Vec<String> = parts.iter().map(Document::to_markdown).collect();
    assert_eq!(markdown, ["**bold words that go**", "**on and on**"]);
}

#[test]
fn table_goes_on_in_the_next_part() {
    let parts = Document::parse("| a | b |\n|---|--:|\n| one | two |\n| three | four |").split(characters(16));
    let json: Vec<String> = parts.iter().map(json).collect();
    insta::assert_snapshot!(json.join("\n"), @r#"
    {"blocks":[{"table":{"alignments":["left","right"],"header":[[{"text":"a"}],[{"text":"b"}]],"rows":[[[{"text":"one"}],[{"text":"two"}]]]}}]}
    {"blocks":[{"table":{"alignments":["left","right"],"rows":[[[{"text":"three"}],[{"text":"four"}]]]}}]}
    "#);
}

#[test]
fn empty_document_has_no_parts() {
    assert!(Document::parse(" \n\n").split(characters(100)).is_empty());
}

#[test]
fn earlier_cuts_stay_while_the_text_grows() {
    let text = SAMPLE.repeat(3);
    let mut frozen: Vec<String> = Vec::new();
    for (end, _) in text.char_indices() {
        let parts: Vec<String> = Document::parse_partial(&text[..end])
            .split(characters(120))
            .iter()
            .map(Document::to_plain_text)
            .collect();
        let (_, finished) = parts.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
        assert!(
            finished.len() >= frozen.len(),
            "{} cuts became {} at {end}",
            frozen.len(),
            finished.len()
        );
        for (index, part) in frozen.iter().enumerate() {
            assert_eq!(part, &finished[index], "part {index} at {end}");
        }
        frozen = finished.to_vec();
    }
    assert!(frozen.len() > 10);
}

#[test]
fn aligned_table() {
    let document = Document::parse("| name | n |\n|---|--:|\n| **日本** | 1 |\n| longer name | 1000 |");
    let Block::Table(table) = &document.blocks[0] else {
        panic!("no table");
    };
    insta::assert_snapshot!(table.aligned_lines().join("\n"), @r"
    name        │    n
    ────────────┼─────
    日本        │    1
    longer name │ 1000
    ");
}

#[test]
fn hostile_nesting_is_bounded() {
    let texts = [
        ">".repeat(10_000),
        "> ".repeat(10_000) + "x",
        "[".repeat(10_000),
        "![".repeat(10_000),
        "*".repeat(10_000) + "x",
        "**a ".repeat(10_000),
        "*_".repeat(10_000) + "x" + &"_*".repeat(10_000),
        "- ".repeat(10_000) + "x",
        "1. ".repeat(5_000) + "x",
        "`".repeat(10_000),
        "~~a ".repeat(5_000),
        "<".repeat(10_000),
        "|".repeat(5_000) + "\n" + &"|-".repeat(5_000) + "\n" + &"|\n".repeat(5_000),
        (0..300).fold(String::new(), |text, depth| text + &"  ".repeat(depth) + "- x\n"),
    ];
    for text in texts {
        let document = Document::parse_partial(&text);
        let stored = json(&document);
        assert!(serde_json::from_str::<Document>(&stored).unwrap() == document);
        let _ = document.to_markdown();
        check_parts(&document, characters(100));
    }
}

#[test]
fn long_texts_take_linear_time() {
    let long_line = "word ".repeat(20_000);
    let hostile = [
        "[",
        "*a ",
        "_a",
        "> ",
        "[a](",
        "![",
        "`a``b",
        "<!--",
        "<a ",
        "~~a",
        "&a",
        "\\",
        "a\n---\n",
        "- a\n\n",
        "[a]: b\n",
        "|a|\n|-|\n",
    ];
    for piece in hostile {
        let started = Instant::now();
        let text = piece.repeat(100_000 / piece.len());
        Document::parse_partial(&text).split(characters(4000));
        let took = started.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?} for {piece:?}");
    }
    let texts = [
        SAMPLE.repeat(100_000 / SAMPLE.len()),
        long_line,
        "x".repeat(100_000),
        "- item\n".repeat(14_000),
    ];
    for text in texts {
        let started = Instant::now();
        let parts = Document::parse_partial(&text).split(characters(4000));
        assert!(parts.len() > 10);
        // A bound for an unoptimised build on a busy machine; optimised it takes a few milliseconds.
        assert!(
            started.elapsed() < Duration::from_secs(2),
            "{:?} for {} bytes",
            started.elapsed(),
            text.len()
        );
    }
}

/// Text in which marks are frequent.
fn markup_text() -> impl Strategy<Value = String> {
    let pieces = prop_oneof![
        4 => "[a-z]{1,8}",
        1 => "[A-Za-z]{20,60}",
        2 => Just(" ".to_owned()),
        2 => Just("\n".to_owned()),
        1 => Just("\n\n".to_owned()),
        1 => prop::sample::select(vec![
            "*", "**", "_", "`", "```rust\n", "\n```\n", "> ", "- ", "1. ", "12345. ", "- [x] ", "    ", "| a | b |\n|---|---|\n| c | d",
            "[", "](http://x)", "# ", "---\n", "~~", "<b>", "<!--", "&amp;", "\\", "! ", ". ", "👨‍👩‍👧‍👦", "e\u{301}\u{302}", "\r\n", "\t", "日本。語",
            "\u{202e}", "\u{1b}[31m", "\n[a]: b\n", "[a]",
        ])
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(pieces, 0..60).prop_map(|pieces| pieces.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![3 => markup_text(), 2 => examples_joined(), 1 => ".{0,300}"]
}

fn any_limit() -> impl Strategy<Value = TextLimit> {
    let unit = prop::sample::select(vec![TextUnit::Bytes, TextUnit::Characters, TextUnit::Utf16]);
    (16_usize..200, unit).prop_map(|(max, unit)| TextLimit { max, unit })
}

/// Every prefix of the examples of the specification, with what is open closed and cut.
#[test]
fn every_prefix_of_every_example_fits_and_joins_to_the_whole() {
    let limit = TextLimit {
        max: 16,
        unit: TextUnit::Utf16,
    };
    for example in examples() {
        check_parts(&Document::parse(example), limit);
        for (end, _) in example.char_indices() {
            let prefix = &example[..end];
            assert!(prefix.starts_with(partial::presentable(prefix)));
            check_parts(&Document::parse_partial(prefix), limit);
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
    fn parts_fit_and_join_to_the_whole(text in any_text(), limit in any_limit()) {
        check_parts(&Document::parse(&text), limit);
        check_parts(&Document::plain(&text), limit);
        check_parts(&Document::parse_partial(&text), limit);
    }

    #[test]
    fn parts_of_parts_are_themselves(text in any_text(), limit in any_limit()) {
        for part in Document::parse(&text).split(limit) {
            prop_assert!(part.clone().split(limit) == [part]);
        }
    }

    #[test]
    fn cuts_lie_between_graphemes(text in any_text(), max in 120_usize..200) {
        let limit = TextLimit { max, unit: TextUnit::Bytes };
        let document = Document::parse(&text);
        let graphemes = |text: &str| text.graphemes(true).filter(|grapheme| !grapheme.trim().is_empty()).count();
        let whole = graphemes(&document.to_plain_text());
        let parts: usize = document.split(limit).iter().map(|part| graphemes(&part.to_plain_text())).sum();
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn literal_text_is_escaped_in_markdown(text in any_text()) {
        let text = text.replace('\0', "");
        let document = Document::plain(&text);
        let again = Document::parse(&document.to_markdown());
        prop_assert_eq!(without_space(&again.to_plain_text()), without_space(&document.to_plain_text()));
    }

    #[test]
    fn held_back_text_is_a_tail(text in any_text()) {
        prop_assert!(text.starts_with(partial::presentable(&text)));
    }
}

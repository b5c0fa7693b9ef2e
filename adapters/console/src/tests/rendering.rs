use crate::printable::printable;
use crate::render::render;
use crate::wrap::Line;
use cortex_chat::Document;
use cortex_test_support::long::cases;
use proptest::prelude::*;

const SAMPLE: &str = "# Title\n\nText with **bold**, *italic*, ~~gone~~ and `code`; [a link](http://example.org).\n\n\
    1. first item, which is longer than the line\n2. second\n   - inner\n\n- [x] done\n- [ ] open\n\n\
    > quoted words that go on over the line\n\n```rust\nfn main() {\n\tlet long = \"a line that is broken anywhere\";\n}\n```\n\n\
    | name | n |\n|---|--:|\n| one | 1 |\n| eleven | 11 |\n\n---\n";

fn text(markdown: &str, width: usize) -> String {
    let lines = render(&Document::parse(markdown), width);
    let texts: Vec<String> = lines.iter().map(Line::text).collect();
    texts.join("\n")
}

#[test]
fn everything_at_a_narrow_width() {
    insta::assert_snapshot!(text(SAMPLE, 32));
}

#[test]
fn styles_are_escape_codes() {
    let lines = render(&Document::parse("# T\n\n**b** *i* ~~s~~ `c` [l](u)"), 80);
    let ansi: Vec<String> = lines.iter().map(Line::ansi).collect();
    insta::assert_debug_snapshot!(ansi, @r#"
    [
        "\u{1b}[1mT\u{1b}[0m",
        "",
        "\u{1b}[1mb\u{1b}[0m \u{1b}[3mi\u{1b}[0m \u{1b}[9ms\u{1b}[0m \u{1b}[2mc\u{1b}[0m \u{1b}[4ml\u{1b}[0m\u{1b}[2m (u)\u{1b}[0m",
    ]
    "#);
}

#[test]
fn wide_characters_count_twice() {
    assert_eq!(text("日本語日本語", 8), "日本語日\n本語");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    #[test]
    fn no_line_is_too_wide_and_none_controls_the_terminal(markdown in "(?s)([>\\-] ){0,20}.{0,200}", width in 8_usize..60) {
        for line in render(&Document::parse(&markdown), width) {
            prop_assert!(line.width() <= width, "{} > {width}", line.width());
            prop_assert!(!line.text().chars().any(char::is_control));
        }
    }

    #[test]
    fn printable_text_has_no_controls(text in "(?s).{0,100}") {
        let safe = printable(&text);
        prop_assert!(!safe.chars().any(|character| character.is_control() && character != '\n' && character != '\t'));
    }
}

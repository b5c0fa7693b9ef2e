#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

use super::*;
use cortex_test_support::long::cases;
use proptest::prelude::*;

fn decode(pieces: &[&[u8]]) -> Vec<Event> {
    let mut decoder = Decoder::new(1 << 16);
    let mut events = Vec::new();
    for piece in pieces {
        events.extend(decoder.feed(piece).unwrap());
    }
    events.extend(decoder.finish());
    events
}

fn data(text: &str) -> Vec<String> {
    decode(&[text.as_bytes()]).into_iter().map(|event| event.data).collect()
}

#[test]
fn data_with_and_without_space() {
    assert_eq!(data("data: a\n\ndata:b\n\ndata:  c\n\n"), ["a", "b", " c"]);
}

#[test]
fn comments_and_unknown_fields_are_skipped() {
    assert_eq!(
        data(": OPENROUTER PROCESSING\n\nid: 1\nretry: 5\ndata: a\n: keep-alive\n\n"),
        ["a"]
    );
}

#[test]
fn all_three_line_ends() {
    assert_eq!(data("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), ["a", "b", "c"]);
}

#[test]
fn a_carriage_return_apart_from_its_line_feed_ends_one_line() {
    let events = decode(&[b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n"]);
    assert_eq!(events[0].data, "a\nb");
    assert_eq!(events.len(), 1);
}

#[test]
fn lines_of_one_event_are_joined() {
    assert_eq!(data("data: {\"a\":\ndata:1}\n\n"), ["{\"a\":\n1}"]);
}

#[test]
fn byte_order_mark_at_the_start_only() {
    assert_eq!(data("\u{feff}data: a\n\n\u{feff}data: b\n\n"), ["a"]);
}

#[test]
fn unterminated_last_event_is_flushed() {
    assert_eq!(data("data: a\n\ndata: [DONE]"), ["a", "[DONE]"]);
    assert_eq!(data("data: a\n\ndata: b\n"), ["a", "b"]);
    assert_eq!(data("data: a\n\n"), ["a"]);
}

#[test]
fn names_belong_to_their_event() {
    let events = decode(&[b"event: error\ndata: a\n\ndata: b\n\n"]);
    assert_eq!((events[0].name.as_str(), events[1].name.as_str()), ("error", ""));
}

#[test]
fn a_letter_split_across_pieces_stays_whole() {
    assert_eq!(decode(&[b"data: \xF0\x9F", b"\x8E", b"\x89\n\n"])[0].data, "🎉");
}

#[test]
fn endless_line_and_endless_event_hit_the_limit() {
    let mut decoder = Decoder::new(100);
    assert!((0..20).any(|_| decoder.feed(b"data: aaaa").is_err()));
    let mut decoder = Decoder::new(100);
    assert!((0..50).any(|_| decoder.feed(b"data: aaaa\n").is_err()));
    let mut decoder = Decoder::new(100);
    assert!((0..50).all(|_| decoder.feed(b"data: aaaa\n\n").is_ok()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    #[test]
    fn any_split_gives_the_same_events(
        lines in prop::collection::vec(
            prop_oneof![
                "data: ?[ -~é🎉]{0,12}",
                Just(String::new()),
                ":[a-z ]{0,8}",
                "event: [a-z]{0,5}",
                "[a-z]{1,4}",
            ],
            0..30,
        ),
        line_end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        mark in any::<bool>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let mut stream = if mark { "\u{feff}".to_owned() } else { String::new() };
        for line in &lines {
            stream.push_str(line);
            stream.push_str(line_end);
        }
        let bytes = stream.as_bytes();
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        places.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for place in places {
            pieces.push(&bytes[start..place]);
            start = place;
        }
        pieces.push(&bytes[start..]);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();

        let whole = decode(&[bytes]);
        prop_assert_eq!(&decode(&pieces), &whole);
        prop_assert_eq!(&decode(&single), &whole);
        // An independent reading of the same lines.
        let mut expected = Vec::new();
        let mut open: Option<Vec<&str>> = None;
        for line in lines.iter().map(String::as_str).chain([""]) {
            if let Some(value) = line.strip_prefix("data:") {
                open.get_or_insert_default().push(value.strip_prefix(' ').unwrap_or(value));
            } else if line.is_empty()
                && let Some(parts) = open.take()
            {
                let joined = parts.join("\n");
                if !joined.is_empty() {
                    expected.push(joined);
                }
            }
        }
        let got: Vec<String> = whole.into_iter().map(|event| event.data).collect();
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn any_bytes_are_survived(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..10)) {
        let mut decoder = Decoder::new(64);
        for piece in &pieces {
            if decoder.feed(piece).is_err() {
                return Ok(());
            }
        }
        prop_assert!(decoder.finish().is_none_or(|event| !event.data.is_empty()));
    }
}

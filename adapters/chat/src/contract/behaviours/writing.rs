//! What stands in a chat.

use crate::contract::running::{Running, answer, growing, in_time};
use crate::contract::{Lack, Platform, applies};
use crate::{Document, OutboundError, OutgoingMessage, Signal, TextUnit};

/// Marks of all kinds of markup, on one line.
const MARKS: &str = "*a* _b_ ~~c~~ `d` <b>e</b> [f](http://g.example) | h \\ & &amp; @i #j";
/// What acts on a display instead of being shown, with the visible words among it.
const CONTROLS: &str = "one\u{1b}[31mtwo\u{7}three\u{202e}four\u{2066}five\u{9b}six";
const VISIBLE: [&str; 6] = ["one", "two", "three", "four", "five", "six"];

/// A growing answer is one message all the time.
pub async fn edit_replaces_in_place<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let reference = running.send(&direct, &growing("first words")).await;
    assert!(platform.transcript(&direct).await.contains("first words"));
    running.edit(&direct, &reference, &growing("second words")).await;
    let shown = platform.transcript(&direct).await;
    assert!(shown.contains("second words") && !shown.contains("first"), "{shown}");

    let last = OutgoingMessage {
        body: Document::parse("the **third** words"),
        ..answer("")
    };
    running.edit(&direct, &reference, &last).await;
    let shown = platform.transcript(&direct).await;
    assert_eq!(shown.matches("the third words").count(), 1, "{shown}");
    assert!(!shown.contains("first") && !shown.contains("second"), "{shown}");
    running.stop().await;
}

/// An edit that changes nothing is no failure and shows nothing twice.
pub async fn same_edit_changes_nothing<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let reference = running.send(&direct, &answer("as it stands")).await;
    for _ in 0..2 {
        let edited = running.try_edit(&direct, &reference, &answer("as it stands")).await;
        assert!(matches!(edited, Ok(()) | Err(OutboundError::NotModified)), "{edited:?}");
    }
    let shown = platform.transcript(&direct).await;
    assert_eq!(shown.matches("as it stands").count(), 1, "{shown}");
    running.stop().await;
}

/// What was taken away can be edited no more. Where messages are not kept, that goes for growing ones alone.
pub async fn deleted_message_is_gone<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let keeps_messages = running.outbound.capabilities().keeps_messages;
    running.send(&direct, &answer("what stays")).await;
    for message in [growing("what grows"), answer("what is complete")] {
        if !message.live && !keeps_messages {
            continue;
        }
        let reference = running.send(&direct, &message).await;
        let deleted = in_time(running.outbound.delete(&direct, &reference)).await;
        assert!(deleted.is_ok(), "{deleted:?}");
        let edited = running.try_edit(&direct, &reference, &growing("from the dead")).await;
        assert!(matches!(edited, Err(OutboundError::Gone(_))), "{edited:?}");
        let again = in_time(running.outbound.delete(&direct, &reference)).await;
        assert!(matches!(again, Ok(()) | Err(OutboundError::Gone(_))), "{again:?}");
        let shown = platform.transcript(&direct).await;
        assert!(shown.contains("what stays"), "{shown}");
        assert!(
            !["what grows", "what is complete", "from the dead"]
                .iter()
                .any(|text| shown.contains(text)),
            "{shown}"
        );
    }
    running.stop().await;
}

/// The limit is what it is said to be, whatever its unit.
pub async fn text_up_to_the_limit_is_taken<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    let limit = running.outbound.capabilities().text_limit;
    let thumb = "👍";
    let mut full = thumb.repeat(limit.max / limit.unit.length(thumb) / 2);
    full.push_str(&"x".repeat(limit.max - limit.unit.length(&full)));
    let too_long = format!("{full}x");

    let reference = running.send(&direct, &answer(&full)).await;
    let small = running.send(&direct, &growing("small")).await;
    let sent = running.try_send(&direct, "another key", &answer(&too_long)).await;
    let edited = running.try_edit(&direct, &small, &growing(&too_long)).await;
    let has_limit = matches!(sent, Err(OutboundError::TooLong)) && matches!(edited, Err(OutboundError::TooLong));
    if applies::<P>(Lack::TextLimit, has_limit) {
        let shown: String = platform.transcript(&direct).await.split_whitespace().collect();
        assert!(shown.contains(&full) && shown.contains("small"), "the text is not whole");
        let edited = running.try_edit(&direct, &small, &growing(&full)).await;
        assert!(edited.is_ok(), "{edited:?}");
    } else {
        assert!(sent.is_ok() && edited.is_ok(), "{sent:?} {edited:?}");
    }
    let edited = running.try_edit(&direct, &reference, &answer("short again")).await;
    assert!(edited.is_ok(), "{edited:?}");
    assert!(limit.unit != TextUnit::Utf16 || limit.unit.length(thumb) == 2);
    running.stop().await;
}

/// Nothing that a text contains does anything.
pub async fn hostile_text_is_literal<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    running.send(&direct, &answer(MARKS)).await;
    let shown = platform.transcript(&direct).await;
    assert!(shown.contains(MARKS), "{shown}");

    for body in [
        Document::plain(CONTROLS),
        Document::parse(&format!("```\n{CONTROLS}\n```")),
        Document::parse(&format!("| a |\n|---|\n| **{CONTROLS}** |")),
    ] {
        let (mut platform, running) = Running::on_new_platform::<P>().await;
        running.send(&direct, &OutgoingMessage { body, ..answer("") }).await;
        let shown = platform.transcript(&direct).await;
        let acts = |character: char| {
            (character.is_control() && character != '\n')
                || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        assert!(!shown.contains(acts), "{shown:?}");
        let mut rest = shown.as_str();
        for word in VISIBLE {
            let found = rest.find(word).map(|position| position + word.len());
            rest = &rest[found.unwrap_or_else(|| panic!("no {word:?} in its place in {shown:?}"))..];
        }
        running.stop().await;
    }
    running.stop().await;
}

/// A sign of life is shown or not; the chat goes on.
pub async fn signal_does_no_harm<P: Platform>() {
    let (mut platform, running) = Running::on_new_platform::<P>().await;
    let direct = platform.direct();
    for signal in [Signal::Typing, Signal::Typing, Signal::Idle, Signal::Idle] {
        let signalled = in_time(running.outbound.signal(&direct, signal)).await;
        assert!(signalled.is_ok(), "{signalled:?}");
    }
    running.send(&direct, &answer("hello")).await;
    assert!(platform.transcript(&direct).await.contains("hello"));
    running.stop().await;
}

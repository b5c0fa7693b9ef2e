//! Updates in, events out.

#![expect(clippy::needless_pass_by_value, reason = "updates are written where they are used")]

use crate::convert::{Bot, Converter};
use cortex_chat::{ChatKind, Event, EventKind, IncomingMessage, MoreToCome, Provenance, SenderKind};
use proptest::prelude::*;
use serde_json::{Value, json};

pub(super) fn converter() -> Converter {
    Converter {
        connector: "telegram".into(),
        bot: Bot {
            id: 99,
            username: "CortexBot".to_owned(),
        },
        commands: ["new", "help"].map(str::to_owned).into(),
    }
}

fn event(update: &Value) -> Event {
    converter().convert(update).unwrap().event
}

/// A message of ann in a private chat, with more fields or others.
pub(super) fn private(more: &Value) -> Value {
    let mut message = json!({
        "message_id": 7, "date": 1_700_000_000,
        "from": {"id": 5, "is_bot": false, "first_name": "Ann", "last_name": "Lee"},
        "chat": {"id": 5, "type": "private", "first_name": "Ann"},
    });
    merge(&mut message, more);
    message
}

/// The same in a group.
pub(super) fn group(more: &Value) -> Value {
    let mut message = private(&json!({"chat": {"id": -40, "type": "group", "title": "Us"}}));
    merge(&mut message, more);
    message
}

fn merge(into: &mut Value, more: &Value) {
    for (name, value) in more.as_object().unwrap() {
        into[name] = value.clone();
    }
}

fn said(message: Value) -> IncomingMessage {
    let update = json!({"update_id": 1, "message": message});
    match event(&update).kind {
        EventKind::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

#[test]
fn private_message_is_addressed_and_names_its_sender_by_number() {
    let event = event(&json!({"update_id": 1, "message": private(&json!({"text": "hello"}))}));
    assert_eq!(event.sender.id.as_str(), "5");
    assert_eq!(event.sender.kind, SenderKind::Person);
    assert_eq!(event.sender.display_name.unwrap().as_str(), "Ann Lee");
    assert_eq!((event.address.chat.as_str(), event.chat_kind), ("5", ChatKind::OneToOne));
    assert_eq!(event.at.as_second(), 1_700_000_000);
    assert!(said(private(&json!({"text": "hello"}))).addressed);
}

#[test]
fn same_message_has_the_same_id_under_another_update_id() {
    let id = |update_id: i64| {
        let update = json!({"update_id": update_id, "message": private(&json!({"text": "hello"}))});
        event(&update).id
    };
    assert_eq!(id(1), id(900));
}

#[test]
fn other_kinds_of_update_are_told_apart_by_what_they_hold() {
    let id = |text: &str| event(&json!({"update_id": 1, "brand_new": {"text": text}})).id;
    assert_ne!(id("a"), id("b"));
    let EventKind::Other { name, content } = event(&json!({"update_id": 1, "brand_new": {"a": 1}})).kind else {
        panic!("understood")
    };
    assert_eq!(name, "brand_new");
    assert_eq!(content.unwrap().as_str(), r#"{"update_id":1,"brand_new":{"a":1}}"#);
}

#[test]
fn group_message_counts_when_it_mentions_replies_or_commands() {
    let mention = |text: &str| json!({"text": text, "entities": [{"type": "mention", "offset": 0, "length": 10}]});
    assert!(!said(group(&json!({"text": "hello all"}))).addressed);
    let mentioned = said(group(&mention("@cortexbot, what is up?")));
    assert!(mentioned.addressed);
    assert_eq!(mentioned.text.as_str(), "what is up?");
    // Somebody else's name, and our name as a part of a longer one.
    assert!(!said(group(&mention("@otherbott hello"))).addressed);
    let longer = json!({"text": "@cortexbot2 hello", "entities": [{"type": "mention", "offset": 0, "length": 11}]});
    assert!(!said(group(&longer)).addressed);
    // By number, where there is no name; behind two units of emoji.
    let by_number = json!({"text": "😀 Cortex hello",
        "entities": [{"type": "text_mention", "offset": 3, "length": 6, "user": {"id": 99}}]});
    assert!(said(group(&by_number)).addressed);
    let reply =
        |author: i64| json!({"text": "and?", "reply_to_message": {"message_id": 3, "from": {"id": author}, "text": "x"}});
    assert!(said(group(&reply(99))).addressed);
    assert_eq!(said(group(&reply(99))).reply_to.unwrap().as_str(), "3");
    assert!(!said(group(&reply(6))).addressed);
}

#[test]
fn commands_in_groups_are_ours_by_name_or_by_list() {
    let command = |text: &str| said(group(&json!({"text": text})));
    assert!(command("/new").addressed);
    assert!(!command("/roll 2d6").addressed, "another bot's");
    let named = command("/roll@CORTEXbot 2d6");
    assert!(named.addressed);
    assert_eq!(named.text.as_str(), "/roll 2d6");
    let others = command("/new@otherbot");
    assert!(!others.addressed);
    assert_eq!(others.text.as_str(), "/new@otherbot");
    let after_name = json!({"text": "@cortexbot /new", "entities": [{"type": "mention", "offset": 0, "length": 10}]});
    assert_eq!(said(group(&after_name)).text.as_str(), "/new");
}

#[test]
fn topics_are_threads_and_their_root_is_no_reply() {
    let topic = json!({"text": "/new", "is_topic_message": true, "message_thread_id": 12,
        "reply_to_message": {"message_id": 12, "from": {"id": 99}, "forum_topic_created": {"name": "x"}}});
    let event = event(&json!({"update_id": 1, "message": group(&topic)}));
    assert_eq!(event.address.thread.unwrap().as_str(), "12");
    let message = said(group(&topic));
    assert_eq!(message.reply_to, None);
    // A chain of replies in a plain supergroup has such an id too.
    let chain = group(&json!({"text": "x", "message_thread_id": 12}));
    let event = self::event(&json!({"update_id": 1, "message": chain}));
    assert_eq!(event.address.thread, None);
}

#[test]
fn nobody_stands_behind_channels_hidden_admins_and_bots() {
    let kind = |more: Value| event(&json!({"update_id": 1, "message": group(&more)})).sender.kind;
    let as_channel =
        json!({"text": "x", "sender_chat": {"id": -1007, "type": "channel"}, "from": {"id": 136_817_688, "is_bot": true}});
    assert_eq!(kind(as_channel), SenderKind::Anonymous);
    let hidden_admin =
        json!({"text": "x", "sender_chat": {"id": -40, "type": "group"}, "from": {"id": 1_087_968_824, "is_bot": true}});
    assert_eq!(kind(hidden_admin), SenderKind::Anonymous);
    let forwarded_post = json!({"text": "x", "from": {"id": 777_000}, "is_automatic_forward": true});
    assert_eq!(kind(forwarded_post), SenderKind::Anonymous);
    assert_eq!(kind(json!({"text": "x", "from": {"id": 8, "is_bot": true}})), SenderKind::Bot);
    assert_eq!(kind(json!({"text": "x", "from": null})), SenderKind::Anonymous);
}

#[test]
fn forwards_and_words_through_bots_are_marked() {
    let provenance = |more: Value| said(private(&more)).provenance;
    assert_eq!(provenance(json!({"text": "x"})), Provenance::Typed);
    let forwarded = json!({"text": "x", "forward_origin": {"type": "hidden_user", "sender_user_name": "Bob"}});
    assert_eq!(provenance(forwarded), Provenance::Forwarded);
    assert_eq!(provenance(json!({"text": "x", "forward_origin": 7})), Provenance::Forwarded);
    assert_eq!(provenance(json!({"text": "x", "via_bot": {"id": 3}})), Provenance::ViaBot);
}

#[test]
fn quotes_come_along_and_say_whose_words_they_are() {
    let quote = |author: i64, text: &str| {
        let message =
            json!({"text": "translate", "reply_to_message": {"message_id": 3, "from": {"id": author}, "text": text}});
        said(private(&message)).quote
    };
    let others = quote(6, "guten Tag").unwrap();
    assert_eq!((others.text.as_str(), others.foreign), ("guten Tag", true));
    assert!(!quote(5, "my own").unwrap().foreign);
    assert!(quote(99, "the bot's own answer").is_none());
    let part = json!({"text": "why?", "quote": {"text": "a part"},
        "reply_to_message": {"message_id": 3, "from": {"id": 99}, "text": "a part of it"}});
    let part = said(private(&part)).quote.unwrap();
    assert_eq!((part.text.as_str(), part.foreign), ("a part", false));
    // Passed on by the person, written by somebody else.
    let passed_on = json!({"text": "why?", "reply_to_message":
        {"message_id": 3, "from": {"id": 5}, "text": "trust me", "forward_origin": {}}});
    assert!(said(private(&passed_on)).quote.unwrap().foreign);
}

#[test]
fn albums_and_cut_texts_say_that_more_may_come() {
    let photo = json!({"photo": [{"file_id": "s", "file_size": 1}, {"file_id": "l", "file_size": 9}],
        "caption": "look", "media_group_id": "g1"});
    let photo = said(private(&photo));
    assert_eq!(photo.more, Some(MoreToCome::Album("g1".into())));
    assert_eq!(photo.text.as_str(), "look");
    assert_eq!((photo.attachments.len(), photo.attachments[0].reference.as_str()), (1, "l"));
    let long = |units: usize| said(private(&json!({"text": "a".repeat(units)})));
    assert_eq!(long(3_899).more, None);
    assert_eq!(long(4_096).more, Some(MoreToCome::LongText));
    assert_eq!(long(4_096).text.as_str().len(), 4_096);
    // Cut at a word's end, where the white space is gone.
    assert!(long(4_000).text.as_str().ends_with('\n'));
}

#[test]
fn content_without_words_is_not_empty() {
    let voice = said(private(
        &json!({"voice": {"file_id": "v", "duration": 3, "mime_type": "audio/ogg"}}),
    ));
    assert_eq!(voice.attachments[0].name.as_str(), "voice message");
    let place = said(private(&json!({"location": {"latitude": 52.5, "longitude": 13.4}})));
    assert_eq!(place.text.as_str(), "[location: 52.50000, 13.40000]");
    let rich = said(private(
        &json!({"rich_message": {"blocks": [{"type": "paragraph", "text": "hello"}, {"type": "new", "text": ["wor", {"text": "ld"}]}]}}),
    ));
    assert_eq!(rich.text.as_str(), "hello\nwor\nld");
    let service = event(&json!({"update_id": 1, "message": group(&json!({"new_chat_title": "We"}))}));
    assert!(matches!(service.kind, EventKind::Other { .. }));
}

#[test]
fn unknown_fields_and_forms_never_cost_the_text() {
    let odd = json!({"text": "keep me", "entities": [{"type": "date_time", "offset": 0, "length": 4, "unix_time": {}}, 7, null],
        "reply_markup": {"inline_keyboard": [[{"text": "x", "disabled": {}}]]},
        "quote": "no object", "via_bot": null, "photo": "none", "reply_to_message": [], "sender_chat": 3, "media_group_id": {}});
    assert_eq!(said(private(&odd)).text.as_str(), "keep me");
    let beyond = json!({"text": "short 😀", "entities": [
        {"type": "mention", "offset": 7, "length": 900}, {"type": "mention", "offset": 18_446_744_073_709_551_615_u64, "length": 2},
        {"type": "text_link", "offset": 7, "length": 0, "url": "https://x.example"}]});
    assert!(said(private(&beyond)).text.as_str().starts_with("short "));
}

#[test]
fn links_behind_words_are_told() {
    let link = json!({"text": "see 😀 this now", "entities": [
        {"type": "text_link", "offset": 7, "length": 4, "url": "https://x.example/a"}]});
    assert_eq!(said(private(&link)).text.as_str(), "see 😀 this (https://x.example/a) now");
}

#[test]
fn edits_are_events_of_their_own() {
    let edit = |text: &str, date: i64| {
        let message = private(&json!({"text": text, "edit_date": date}));
        event(&json!({"update_id": 2, "edited_message": message}))
    };
    let first = edit("better", 1_700_000_009);
    assert!(matches!(&first.kind, EventKind::Edit(message) if message.text.as_str() == "better"));
    assert_eq!(first.id, edit("better", 1_700_000_009).id);
    assert_ne!(first.id, edit("best", 1_700_000_009).id);
    assert_ne!(first.id, edit("better", 1_700_000_010).id);
}

#[test]
fn press_names_presser_choice_and_message() {
    let press = |message: Value| {
        json!({"update_id": 3, "callback_query": {"id": "q1", "from": {"id": 6, "first_name": "Eve"},
            "message": message, "chat_instance": "i", "data": "o.123"}})
    };
    let pressed = event(&press(
        json!({"message_id": 11, "date": 0, "chat": {"id": -40, "type": "group"}}),
    ));
    assert_eq!(pressed.sender.id.as_str(), "6");
    assert_eq!((pressed.address.chat.as_str(), pressed.chat_kind), ("-40", ChatKind::Room));
    let EventKind::Choice { message, choice } = &pressed.kind else {
        panic!("no choice")
    };
    assert_eq!((message.as_str(), choice.as_str()), ("11", "o.123"));
    // Without its message it came from the chat with the presser.
    let bare = event(&press(Value::Null));
    assert_eq!((bare.address.chat.as_str(), bare.chat_kind), ("6", ChatKind::OneToOne));
    let forged = json!({"update_id": 4, "callback_query": {"id": "q2", "from": {"id": 6}, "data": {"not": "text"}}});
    let EventKind::Choice { choice, .. } = event(&forged).kind else {
        panic!("no choice")
    };
    assert_eq!(choice.as_str(), "");
}

#[test]
fn upgraded_group_tells_its_new_id() {
    let moved = group(&json!({"migrate_to_chat_id": -100_777_i64}));
    let event = event(&json!({"update_id": 5, "message": moved}));
    let EventKind::Moved { to } = event.kind else {
        panic!("not moved")
    };
    assert_eq!((event.address.chat.as_str(), to.as_str()), ("-40", "-100777"));
    // The new chat tells the same.
    let there = json!({"migrate_from_chat_id": -40, "chat": {"id": -100_777_i64, "type": "supergroup"}});
    let event = self::event(&json!({"update_id": 6, "message": group(&there)}));
    let EventKind::Moved { to } = event.kind else {
        panic!("not moved")
    };
    assert_eq!((event.address.chat.as_str(), to.as_str()), ("-40", "-100777"));
}

#[test]
fn update_without_a_number_is_none() {
    for raw in [
        json!(null),
        json!(7),
        json!([]),
        json!({}),
        json!({"update_id": "x", "message": {}}),
    ] {
        assert!(converter().convert(&raw).is_none());
    }
    assert!(converter().convert(&json!({"update_id": 7})).is_some());
}

/// Any JSON, not too deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    let names = prop_oneof![
        Just("message"),
        Just("text"),
        Just("from"),
        Just("chat"),
        Just("id"),
        Just("type"),
        Just("entities"),
        Just("offset"),
        Just("length"),
        Just("message_id"),
        Just("data"),
        Just("callback_query"),
        Just("edited_message"),
        Just("date"),
        Just("reply_to_message"),
        Just("photo"),
        Just("rich_message"),
        Just("quote"),
        Just("document"),
        Just("update_id"),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|fields| Value::Object(
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            )),
        ]
    })
}

proptest! {
    #[test]
    fn hostile_updates_are_converted_or_passed_over(id: i64, kind in "message|edited_message|callback_query|other", body in any_json()) {
        let update = json!({"update_id": id, kind: body});
        prop_assert_eq!(converter().convert(&update).unwrap().update_id, id);
        let mut message = private(&json!({}));
        if body.is_object() {
            merge(&mut message, &body);
        }
        let update = json!({"update_id": id, "message": message});
        prop_assert!(converter().convert(&update).is_some());
    }
}

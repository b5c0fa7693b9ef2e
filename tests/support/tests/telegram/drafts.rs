//! Drafts and rich messages.

use crate::client::{Client, forgive, one_chat};
use cortex_test_support::telegram::{Options, TelegramFake};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn draft_is_seen_for_thirty_seconds() {
    let (fake, client, alice) = one_chat();
    client.ok("sendMessageDraft", json!({"chat_id": alice, "draft_id": 7, "text": "Once"}));
    client.ok(
        "sendMessageDraft",
        json!({"chat_id": alice, "draft_id": 7, "text": "Once upon"}),
    );
    assert_eq!(fake.draft(alice).map(|draft| draft.text), Some("Once upon".to_owned()));
    assert_eq!(fake.drafts(alice).len(), 2);
    fake.advance(Duration::from_secs(29));
    assert!(fake.draft(alice).is_some());
    fake.advance(Duration::from_secs(2));
    assert!(fake.draft(alice).is_none());
    assert!(fake.messages(alice).is_empty());
}

#[test]
fn draft_goes_when_a_message_comes() {
    let (fake, client, alice) = one_chat();
    client.ok("sendMessageDraft", json!({"chat_id": alice, "draft_id": 7, "text": ""}));
    client.send(alice, "the end");
    assert!(fake.draft(alice).is_none());
}

#[test]
fn draft_needs_a_private_chat_and_an_id() {
    let (fake, client, alice) = one_chat();
    let group = fake.group("Friends");
    assert_eq!(
        client.refused("sendMessageDraft", json!({"chat_id": group, "draft_id": 7, "text": "x"})),
        "400 Bad Request: TEXTDRAFT_PEER_INVALID"
    );
    assert!(
        client
            .refused("sendMessageDraft", json!({"chat_id": alice, "draft_id": 0, "text": "x"}))
            .starts_with("400")
    );
    forgive(&fake, "non-zero");
}

#[test]
fn person_stops_a_draft() {
    let (fake, client, alice) = one_chat();
    let draft = json!({"chat_id": alice, "draft_id": 7, "text": "On and on", "can_stop": true});
    client.ok("sendMessageDraft", draft);
    fake.stop_draft(alice);
    let update = &client.updates(0)[0]["stopped_message_generation"];
    assert_eq!((&update["draft_id"], &update["chat"]["id"]), (&json!(7), &json!(alice)));
    assert!(fake.draft(alice).is_none());
}

fn rich(chat: i64, markdown: &str) -> Value {
    json!({"chat_id": chat, "rich_message": {"markdown": markdown}})
}

#[test]
fn rich_messages_have_limits() {
    let (fake, client, alice) = one_chat();
    client.ok("sendRichMessage", rich(alice, "# Title"));
    assert_eq!(fake.messages(alice)[0].json["rich_message"]["markdown"], "# Title");
    let wide = format!("|{}\n|{}\n", "a|".repeat(21), "---|".repeat(21));
    for wrong in ["x".repeat(32_769), "x\n\n".repeat(501), wide] {
        assert!(client.refused("sendRichMessage", rich(alice, &wrong)).starts_with("400"));
        assert_eq!(fake.take_violations().len(), 1);
    }
    let both = json!({"chat_id": alice, "rich_message": {"markdown": "x", "html": "x"}});
    client.refused("sendRichMessage", both);
    forgive(&fake, "exactly one");
}

#[test]
fn text_becomes_rich_by_an_edit() {
    let (fake, client, alice) = one_chat();
    let sent = client.send(alice, "plain");
    let edit = json!({"chat_id": alice, "message_id": sent, "rich_message": {"markdown": "**rich**"}});
    client.ok("editMessageText", edit);
    let message = &fake.messages(alice)[0];
    assert_eq!(message.text, "");
    assert_eq!(message.json["rich_message"]["markdown"], "**rich**");
    client.ok("sendRichMessageDraft", {
        let mut draft = rich(alice, "…");
        draft["draft_id"] = json!(3);
        draft
    });
    assert!(fake.draft(alice).is_some_and(|draft| draft.rich_message.is_some()));
}

#[test]
fn rich_methods_can_be_unknown() {
    let fake = TelegramFake::start_with(Options {
        rich_messages: false,
        ..Options::default()
    });
    let client = Client::new(&fake);
    let alice = fake.private_chat(fake.user("Alice"));
    let missing = "404 Not Found: method not found";
    assert_eq!(client.refused("sendRichMessage", rich(alice, "x")), missing);
    let mut draft = rich(alice, "x");
    draft["draft_id"] = json!(1);
    assert_eq!(client.refused("sendRichMessageDraft", draft), missing);
    let sent = client.send(alice, "plain");
    assert_eq!(fake.calls_to(alice).len(), 3);
    let mut edit = rich(alice, "x");
    edit["message_id"] = json!(sent);
    // An older server does not know the parameter, and misses the text.
    assert_eq!(
        client.refused("editMessageText", edit),
        "400 Bad Request: message text is empty"
    );
    forgive(&fake, "empty");
}

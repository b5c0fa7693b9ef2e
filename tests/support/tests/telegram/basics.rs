//! A conversation.

use crate::client::{SOON, one_chat};
use serde_json::json;
use std::time::Duration;

#[test]
fn message_is_answered_and_edited() {
    let (fake, client, alice) = one_chat();
    let asked = fake.say(alice, alice, "/start please");
    let updates = client.updates(0);
    assert_eq!(updates[0]["message"]["text"], "/start please");
    assert_eq!(updates[0]["message"]["entities"][0]["type"], "bot_command");
    assert_eq!(updates[0]["message"]["message_id"], asked.message_id);
    client.ok("sendChatAction", json!({"chat_id": alice, "action": "typing"}));
    assert!(fake.typing(alice));
    let sent = client.send(alice, "Hello");
    assert!(!fake.typing(alice));
    client.ok(
        "editMessageText",
        json!({"chat_id": alice, "message_id": sent, "text": "Hello, Alice"}),
    );
    let message = fake.wait_for_text(alice, "Alice", SOON);
    assert_eq!(message.edits.len(), 1);
    assert_eq!(
        fake.transcript(alice),
        "[1] Alice: /start please\n[2] Cortex (edited 1 times): Hello, Alice\n"
    );
}

#[test]
fn press_is_answered_once() {
    let (fake, client, alice) = one_chat();
    let markup = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "a", "style": "success"}]]});
    client.ok(
        "sendMessage",
        json!({"chat_id": alice, "text": "Sure?", "reply_markup": markup}),
    );
    let asked = fake.wait_for_text(alice, "Sure?", SOON);
    let press = fake.press(alice, asked.handle(), "Yes");
    let query = client.updates(0)[0]["callback_query"].clone();
    assert_eq!(query["data"], "a");
    assert_eq!(query["id"], press.as_str());
    client.ok("answerCallbackQuery", json!({"callback_query_id": press, "text": "Done"}));
    assert_eq!(fake.wait_for_answer(&press, SOON).text, "Done");
    let again = client.refused("answerCallbackQuery", json!({"callback_query_id": press}));
    assert_eq!(
        again,
        "400 Bad Request: query is too old and response timeout expired or query ID is invalid"
    );
}

#[test]
fn typing_is_shown_for_five_seconds() {
    let (fake, client, alice) = one_chat();
    fake.advance(Duration::from_secs(100));
    client.ok("sendChatAction", json!({"chat_id": alice, "action": "typing"}));
    assert!(fake.typing(alice));
    fake.advance(Duration::from_secs(6));
    assert!(!fake.typing(alice));
    assert_eq!(fake.actions(alice)[0].action, "typing");
    fake.finish();
}

#[test]
#[should_panic(expected = "[2] Cortex: what came instead")]
fn wait_in_vain_shows_the_transcript() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "hi");
    client.send(alice, "what came instead");
    fake.wait_for_text(alice, "what should come", Duration::from_millis(50));
}

#[test]
fn wait_sees_what_comes_later() {
    let (fake, client, alice) = one_chat();
    let sender = client.clone();
    let sending = std::thread::spawn(move || ["1", "2", "3"].map(|text| sender.send(alice, text)));
    let messages = fake.wait_for(alice, |messages| messages.len() == 3, SOON);
    assert_eq!(messages[2].text, "3");
    sending.join().expect("three messages");
}

//! Buttons and the answers to their presses.

use crate::client::{SOON, forgive, one_chat};
use serde_json::{Value, json};
use std::time::Duration;

const TOO_OLD: &str = "400 Bad Request: query is too old and response timeout expired or query ID is invalid";

fn ask(client: &crate::client::Client, chat: i64) {
    let markup = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    client.ok(
        "sendMessage",
        json!({"chat_id": chat, "text": "Sure?", "reply_markup": markup}),
    );
}

#[test]
fn press_is_too_old_after_fifteen_seconds() {
    let (fake, client, alice) = one_chat();
    ask(&client, alice);
    let asked = fake.wait_for_text(alice, "Sure", SOON).handle();
    let press = fake.press(alice, asked, "Yes");
    fake.advance(Duration::from_secs(16));
    assert_eq!(
        client.refused("answerCallbackQuery", json!({"callback_query_id": press})),
        TOO_OLD
    );
    assert_eq!(
        client.refused("answerCallbackQuery", json!({"callback_query_id": "12"})),
        TOO_OLD
    );
    assert_eq!(fake.answer_to(&press), None);
}

#[test]
fn answer_has_at_most_two_hundred_units() {
    let (fake, client, alice) = one_chat();
    ask(&client, alice);
    let asked = fake.wait_for_text(alice, "Sure", SOON).handle();
    let press = fake.press(alice, asked, "Yes");
    let answer = |text: &str| json!({"callback_query_id": press, "text": text, "show_alert": true});
    client.refused("answerCallbackQuery", answer(&"x".repeat(201)));
    forgive(&fake, "MESSAGE_TOO_LONG");
    client.ok("answerCallbackQuery", answer(&"x".repeat(200)));
    assert!(fake.wait_for_answer(&press, SOON).show_alert);
}

#[test]
fn each_press_has_an_id_of_its_own() {
    let (fake, client, alice) = one_chat();
    ask(&client, alice);
    let asked = fake.wait_for_text(alice, "Sure", SOON).handle();
    let [first, second] = [(); 2].map(|()| fake.press(alice, asked, "Yes"));
    assert_ne!(first, second);
    let updates = client.updates(0);
    assert_eq!(updates[0]["callback_query"]["id"], first.as_str());
    assert_eq!(updates[1]["callback_query"]["id"], second.as_str());
    let query = &updates[1]["callback_query"];
    assert_eq!(
        query["message"]["reply_markup"]["inline_keyboard"][0][0]["callback_data"],
        "y"
    );
    assert_eq!(query["message"]["from"]["is_bot"], true);
    assert!(query["chat_instance"].is_string());
}

#[test]
fn forged_inaccessible_and_absent_messages_can_be_pressed() {
    let (fake, client, alice) = one_chat();
    let mallory = fake.user("Mallory");
    ask(&client, alice);
    let asked = fake.wait_for_text(alice, "Sure", SOON).handle();
    fake.press_data(mallory, asked, "forged");
    fake.press_inaccessible(alice, asked, "old");
    fake.press_without_message(alice, alice, "none");
    let updates = client.updates(0);
    assert_eq!(updates[0]["callback_query"]["data"], "forged");
    assert_eq!(updates[0]["callback_query"]["from"]["id"], mallory);
    let inaccessible = &updates[1]["callback_query"]["message"];
    assert_eq!(inaccessible["date"], 0);
    assert_eq!(inaccessible.get("text"), None::<&Value>);
    assert_eq!(updates[2]["callback_query"].get("message"), None);
}

//! How often a bot may call.

use crate::client::{Client, one_chat};
use cortex_test_support::telegram::{Options, TelegramFake};
use serde_json::json;
use std::time::Duration;

fn strict(private_burst: u32) -> (TelegramFake, Client) {
    let fake = TelegramFake::start_with(Options {
        rate_limits: true,
        private_burst,
        ..Options::default()
    });
    let client = Client::new(&fake);
    (fake, client)
}

fn is_taken(client: &Client, chat: i64) -> bool {
    let answer = client.call("sendMessage", json!({"chat_id": chat, "text": "hi"}));
    assert!(answer["ok"] == true || answer["error_code"] == 429, "{answer}");
    answer["ok"] == true
}

#[test]
fn private_chat_takes_a_call_a_second() {
    let (fake, client) = strict(1);
    let alice = fake.private_chat(fake.user("Alice"));
    let bob = fake.private_chat(fake.user("Bob"));
    assert!(is_taken(&client, alice));
    assert!(is_taken(&client, bob));
    fake.advance(Duration::from_secs(1));
    assert!(is_taken(&client, alice));
    let refused = client.call("sendMessage", json!({"chat_id": alice, "text": "hi"}));
    assert_eq!(refused["parameters"]["retry_after"], 5);
    fake.advance(Duration::from_secs(4));
    assert!(!is_taken(&client, alice));
    fake.advance(Duration::from_secs(4));
    assert!(!is_taken(&client, alice));
    fake.advance(Duration::from_secs(5));
    assert!(is_taken(&client, alice));
    assert_eq!(fake.calls_inside_windows().len(), 2);
}

#[test]
fn private_chat_takes_a_burst_when_rested() {
    let (fake, client) = strict(3);
    let alice = fake.private_chat(fake.user("Alice"));
    let taken = (0..4).filter(|_| is_taken(&client, alice)).count();
    assert_eq!(taken, 3);
    fake.advance(Duration::from_secs(10));
    assert!(is_taken(&client, alice));
}

#[test]
fn group_takes_twenty_sends_and_edits_a_minute() {
    let (fake, client) = strict(1);
    let group = fake.group("Friends");
    let sent = client.send(group, "0");
    for number in 1..20 {
        let text = number.to_string();
        client.ok("editMessageText", json!({"chat_id": group, "message_id": sent, "text": text}));
    }
    assert!(!is_taken(&client, group));
    fake.advance(Duration::from_secs(61));
    assert!(is_taken(&client, group));
}

#[test]
fn topics_of_a_forum_share_its_limit() {
    let (fake, client) = strict(1);
    let forum = fake.forum("Work");
    let topics = [fake.topic(forum, "One"), fake.topic(forum, "Two")];
    for number in 0..20 {
        client.ok(
            "sendMessage",
            json!({"chat_id": forum, "text": "hi", "message_thread_id": topics[number % 2]}),
        );
    }
    assert!(!is_taken(&client, forum));
}

#[test]
fn account_takes_thirty_calls_a_second() {
    let (fake, client) = strict(1);
    let chats: Vec<_> = (0..31)
        .map(|number| fake.private_chat(fake.user(&format!("User {number}"))))
        .collect();
    let taken = chats.iter().filter(|chat| is_taken(&client, **chat)).count();
    // A slow machine may need more than a second for them.
    assert!(taken == 30 || taken == 31, "{taken}");
}

#[test]
fn typing_counts_and_renews_a_window() {
    let (fake, client) = strict(1);
    let alice = fake.private_chat(fake.user("Alice"));
    let typing = json!({"chat_id": alice, "action": "typing"});
    client.ok("sendChatAction", typing.clone());
    assert!(!is_taken(&client, alice));
    fake.advance(Duration::from_secs(4));
    assert!(client.refused("sendChatAction", typing).starts_with("429"));
    fake.advance(Duration::from_secs(4));
    assert!(!is_taken(&client, alice));
    fake.advance(Duration::from_secs(6));
    assert!(is_taken(&client, alice));
}

#[test]
fn limits_are_off_unless_asked_for() {
    let (fake, client, alice) = one_chat();
    for _ in 0..50 {
        client.send(alice, "hi");
    }
    assert_eq!(fake.most_within(alice, Duration::from_mins(1)), 50);
    assert!(fake.smallest_gap(alice).is_some_and(|gap| gap < Duration::from_secs(1)));
}

//! Updates and how they are fetched.

use crate::client::{Client, SOON, one_chat};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

fn ids(updates: &[serde_json::Value]) -> Vec<i64> {
    updates.iter().filter_map(|update| update["update_id"].as_i64()).collect()
}

#[test]
fn updates_come_again_until_confirmed() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "one");
    fake.say(alice, alice, "two");
    let first = ids(&client.updates(0));
    assert_eq!(first.len(), 2);
    assert_eq!(ids(&client.updates(0)), first);
    assert_eq!(fake.pending_updates(), 2);
    assert_eq!(ids(&client.updates(first[1])), first[1..]);
    assert_eq!(fake.confirmed_offset(), Some(first[1]));
    assert_eq!(client.updates(first[1] + 1), Vec::<serde_json::Value>::new());
    assert_eq!(fake.pending_updates(), 0);
}

#[test]
fn limit_cuts_a_batch() {
    let (fake, client, alice) = one_chat();
    for number in 0..5 {
        fake.say(alice, alice, &number.to_string());
    }
    let batch = client.ok("getUpdates", json!({"limit": 2}));
    assert_eq!(batch.as_array().map(Vec::len), Some(2));
    assert_eq!(batch[1]["message"]["text"], "1");
}

#[test]
fn negative_offset_forgets_all_but_the_last() {
    let (fake, client, alice) = one_chat();
    for number in 0..5 {
        fake.say(alice, alice, &number.to_string());
    }
    let last = client.updates(-1);
    assert_eq!(last.len(), 1);
    assert_eq!(last[0]["message"]["text"], "4");
    assert_eq!(fake.pending_updates(), 1);
}

#[test]
fn offset_beyond_the_tail_is_answered_from_the_head() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "one");
    let id = ids(&client.updates(0))[0];
    assert_eq!(ids(&client.updates(id + 1000)), [id]);
    assert_eq!(ids(&client.updates(id + 1000)), [id]);
}

#[test]
fn update_ids_restart_lower() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "before");
    let before = ids(&client.updates(0))[0];
    fake.restart_update_ids_at(5000);
    fake.say(alice, alice, "after");
    // Whoever takes the greatest id ever seen gets the same update for ever.
    for _ in 0..2 {
        let after = client.updates(before + 1);
        assert_eq!(after[0]["message"]["text"], "after");
        assert_eq!(ids(&after), [5000]);
    }
    assert!(client.updates(5001).is_empty());
}

#[test]
fn waiting_poll_is_woken_by_a_message() {
    let (fake, client, alice) = one_chat();
    let poller = client.clone();
    let poll = thread::spawn(move || {
        let began = Instant::now();
        let updates = poller.ok("getUpdates", json!({"timeout": 30}));
        (updates, began.elapsed())
    });
    assert!(fake.wait_until(SOON, |fake| !fake.polls().is_empty()));
    fake.say(alice, alice, "hi");
    let (updates, took) = poll.join().expect("a poll");
    assert_eq!(updates[0]["message"]["text"], "hi");
    assert!(took < SOON, "{took:?}");
    let poll = &fake.polls()[0];
    assert_eq!((poll.updates, poll.timeout, poll.status), (1, Duration::from_secs(30), 200));
}

#[test]
fn poll_without_updates_ends_when_its_time_is_over() {
    let (fake, client, _) = one_chat();
    let began = Instant::now();
    assert_eq!(client.ok("getUpdates", json!({"timeout": 1})), json!([]));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(fake.polls()[0].answered.is_some());
}

#[test]
fn timeout_is_at_most_fifty_seconds() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "hi");
    client.ok("getUpdates", json!({"timeout": 500}));
    assert_eq!(fake.polls()[0].timeout, Duration::from_secs(50));
}

#[test]
fn second_poller_ends_the_first() {
    let (fake, client, alice) = one_chat();
    let first = client.clone();
    let first = thread::spawn(move || first.refused("getUpdates", json!({"timeout": 30})));
    assert!(fake.wait_until(SOON, |fake| !fake.polls().is_empty()));
    let second = Client::new(&fake);
    let second = thread::spawn(move || second.ok("getUpdates", json!({"timeout": 30})));
    assert_eq!(
        first.join().expect("a poll"),
        "409 Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
    );
    fake.say(alice, alice, "hi");
    assert_eq!(second.join().expect("a poll")[0]["message"]["text"], "hi");
}

#[test]
fn allowed_updates_are_remembered() {
    let (fake, client, alice) = one_chat();
    client.ok("getUpdates", json!({"allowed_updates": ["callback_query"]}));
    fake.say(alice, alice, "unheard");
    assert!(client.updates(0).is_empty());
    client.ok("getUpdates", json!({"allowed_updates": []}));
    fake.say(alice, alice, "heard");
    assert_eq!(client.updates(0)[0]["message"]["text"], "heard");
}

#[test]
fn webhook_forbids_polling() {
    let (_fake, client, _) = one_chat();
    client.ok(
        "setWebhook",
        json!({"url": "https://example.org/hook", "secret_token": "abc"}),
    );
    assert_eq!(client.ok("getWebhookInfo", json!({}))["url"], "https://example.org/hook");
    assert_eq!(
        client.refused("getUpdates", json!({})),
        "409 Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
    );
    client.ok("deleteWebhook", json!({}));
    client.ok("getUpdates", json!({}));
}

#[test]
fn presses_die_in_the_queue_sooner_than_messages() {
    let (fake, client, alice) = one_chat();
    let said = fake.say(alice, alice, "hi");
    fake.press_data(alice, said, "x");
    fake.advance(Duration::from_secs(149));
    assert_eq!(fake.pending_updates(), 2);
    fake.advance(Duration::from_secs(2));
    let left = client.updates(0);
    assert_eq!(left.len(), 1);
    assert!(left[0]["message"].is_object());
    fake.advance(Duration::from_hours(24));
    assert!(client.updates(0).is_empty());
}

#[test]
fn raw_updates_are_handed_out_as_they_are() {
    let (fake, client, _) = one_chat();
    let id = fake.push_raw_update(json!({"guest_widget": {"depth": [1, 2]}}));
    assert_eq!(
        client.updates(0),
        [json!({"update_id": id, "guest_widget": {"depth": [1, 2]}})]
    );
}

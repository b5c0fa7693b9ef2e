//! What goes wrong when a test wants it to.

use crate::client::{SOON, one_chat};
use cortex_test_support::telegram::Fault;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn too_many_requests_opens_a_window_that_calls_renew() {
    let (fake, client, alice) = one_chat();
    let bob = fake.private_chat(fake.user("Bob"));
    fake.fault(Fault::on("sendMessage").too_many_requests(10));
    let send = json!({"chat_id": alice, "text": "hi"});
    let answer = client.call("sendMessage", send.clone());
    assert_eq!(
        answer,
        json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 10",
            "parameters": {"retry_after": 10}})
    );
    // The other chat is not touched by it.
    client.send(bob, "hi");
    fake.advance(Duration::from_secs(9));
    assert!(
        client
            .refused("sendChatAction", json!({"chat_id": alice, "action": "typing"}))
            .starts_with("429")
    );
    fake.advance(Duration::from_secs(9));
    assert!(client.refused("sendMessage", send.clone()).starts_with("429"));
    fake.advance(Duration::from_secs(11));
    client.ok("sendMessage", send);
    let inside = fake.calls_inside_windows();
    let methods: Vec<_> = inside.iter().map(|call| call.method).collect();
    assert_eq!(methods, ["sendChatAction", "sendMessage"]);
    assert_eq!(fake.messages(alice).len(), 1);
}

#[test]
fn server_errors_are_pages() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("sendMessage").server_error(502).times(2));
    for _ in 0..2 {
        let failed = client.try_call("sendMessage", json!({"chat_id": alice, "text": "hi"}));
        assert!(failed.expect_err("no JSON").is_decode());
    }
    assert_eq!(fake.faults_left(), 0);
    client.send(alice, "hi");
    let statuses: Vec<_> = fake.calls_to(alice).iter().map(|call| call.status).collect();
    assert_eq!(statuses, [502, 502, 200]);
    assert_eq!(fake.messages(alice).len(), 1);
}

#[test]
fn html_with_status_200_does_nothing() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("*").html_page());
    let failed = client.try_call("sendMessage", json!({"chat_id": alice, "text": "hi"}));
    assert!(failed.expect_err("no JSON").is_decode());
    assert!(fake.messages(alice).is_empty());
}

#[test]
fn half_an_answer_comes_after_the_deed() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("sendMessage").malformed());
    let failed = client.try_call("sendMessage", json!({"chat_id": alice, "text": "hi"}));
    assert!(failed.expect_err("no JSON").is_decode());
    assert_eq!(fake.messages(alice).len(), 1);
}

#[test]
fn connection_is_cut_before_or_after_the_deed() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("sendMessage").cut_before());
    fake.fault(Fault::on("sendMessage").cut_after());
    let send = json!({"chat_id": alice, "text": "hi"});
    let before = client.try_call("sendMessage", send.clone());
    assert!(before.expect_err("no answer").is_request());
    assert!(fake.messages(alice).is_empty());
    let after = client.try_call("sendMessage", send);
    assert!(after.expect_err("no answer").is_request());
    assert_eq!(fake.messages(alice).len(), 1);
    let statuses: Vec<_> = fake.calls_to(alice).iter().map(|call| call.status).collect();
    assert_eq!(statuses, [0, 0]);
    client.send(alice, "still there");
}

#[test]
fn slow_answer_comes_in_the_end() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("sendMessage").slow(Duration::from_millis(300)));
    let began = Instant::now();
    client.send(alice, "hi");
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn hanging_call_never_ends() {
    let (fake, client, alice) = one_chat();
    fake.fault(Fault::on("sendMessage").hang());
    let hanging = client.clone();
    let hanging = thread::spawn(move || {
        hanging
            .try_call("sendMessage", json!({"chat_id": alice, "text": "hi"}))
            .is_err()
    });
    assert!(fake.wait_until(SOON, |fake| fake.calls_to(alice).len() == 1));
    client.send(alice, "beside it");
    assert!(!hanging.is_finished());
    drop(fake);
    assert!(hanging.join().expect("the call ended with the fake"));
}

#[test]
fn refusals_say_what_the_test_wants() {
    let (fake, client, alice) = one_chat();
    let bob = fake.private_chat(fake.user("Bob"));
    fake.fault(
        Fault::on("sendMessage")
            .in_chat(bob)
            .refused(400, "Bad Request: CHAT_RESTRICTED"),
    );
    client.send(alice, "hi");
    assert_eq!(
        client.refused("sendMessage", json!({"chat_id": bob, "text": "hi"})),
        "400 Bad Request: CHAT_RESTRICTED"
    );
}

#[test]
fn fault_hits_only_what_it_names() {
    let (fake, client, alice) = one_chat();
    fake.fault(
        Fault::on("sendMessage")
            .containing("boom")
            .after(1)
            .refused(400, "Bad Request: no"),
    );
    client.send(alice, "harmless");
    client.send(alice, "boom one");
    client.refused("sendMessage", json!({"chat_id": alice, "text": "boom two"}));
    client.send(alice, "boom three");
}

#[test]
fn faults_hit_polls_too() {
    let (fake, client, alice) = one_chat();
    fake.say(alice, alice, "hi");
    fake.fault(Fault::on("getUpdates").too_many_requests(3));
    assert!(client.refused("getUpdates", json!({})).starts_with("429"));
    fake.fault(Fault::on("getUpdates").cut_after());
    assert!(client.try_call("getUpdates", json!({})).is_err());
    assert_eq!(client.updates(0).len(), 1);
}

#[test]
fn outage_cuts_all_connections_until_it_is_lifted() {
    let (fake, client, alice) = one_chat();
    let poller = client.clone();
    let poll = thread::spawn(move || poller.try_call("getUpdates", json!({"timeout": 30})).is_err());
    assert!(fake.wait_until(SOON, |fake| !fake.polls().is_empty()));
    fake.refuse_connections(true);
    assert!(poll.join().expect("a poll"));
    assert!(client.try_call("getMe", json!({})).is_err());
    fake.refuse_connections(false);
    client.send(alice, "back");
}

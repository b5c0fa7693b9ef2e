//! Kinds of chats, who is in them, and what the bot may do there.

use crate::client::{Client, one_chat};
use cortex_test_support::telegram::{Options, TelegramFake};
use serde_json::{Value, json};

fn send(client: &Client, chat: i64) -> String {
    client.refused("sendMessage", json!({"chat_id": chat, "text": "hi"}))
}

fn texts(updates: &[Value]) -> Vec<&str> {
    let messages = updates.iter().filter_map(|update| update["message"]["text"].as_str());
    messages.collect()
}

#[test]
fn blocked_bot_is_told_and_refused() {
    let (fake, client, alice) = one_chat();
    fake.block_bot(alice);
    let update = &client.updates(0)[0]["my_chat_member"];
    assert_eq!(update["old_chat_member"]["status"], "member");
    assert_eq!(update["new_chat_member"]["status"], "kicked");
    assert_eq!(send(&client, alice), "403 Forbidden: bot was blocked by the user");
    assert_eq!(
        client.refused("sendChatAction", json!({"chat_id": alice, "action": "typing"})),
        "403 Forbidden: bot was blocked by the user"
    );
    fake.unblock_bot(alice);
    client.send(alice, "back");
}

#[test]
fn bot_cannot_begin_a_conversation() {
    let (fake, client, _) = one_chat();
    let bob = fake.unopened_chat(fake.user("Bob"));
    assert_eq!(
        send(&client, bob),
        "403 Forbidden: bot can't initiate conversation with a user"
    );
    fake.say(bob, bob, "/start");
    client.send(bob, "hi");
}

#[test]
fn removed_bot_hears_nothing_and_is_refused() {
    let (fake, client, alice) = one_chat();
    let group = fake.group("Friends");
    let supergroup = fake.supergroup("Strangers");
    fake.remove_bot(group, alice);
    fake.remove_bot(supergroup, alice);
    fake.say(group, alice, "alone at last");
    assert_eq!(texts(&client.updates(0)), Vec::<&str>::new());
    assert_eq!(send(&client, group), "403 Forbidden: bot was kicked from the group chat");
    assert_eq!(
        send(&client, supergroup),
        "403 Forbidden: bot was kicked from the supergroup chat"
    );
    fake.add_bot(group, alice);
    client.send(group, "back");
    client.ok("leaveChat", json!({"chat_id": group}));
    assert_eq!(send(&client, group), "403 Forbidden: bot is not a member of the group chat");
}

#[test]
fn comings_and_goings_are_said() {
    let (fake, client, alice) = one_chat();
    let group = fake.group("Friends");
    fake.add_user(group, alice);
    fake.remove_user(group, alice);
    let updates = client.updates(0);
    assert_eq!(updates[0]["message"]["new_chat_members"][0]["id"], alice);
    assert_eq!(updates[1]["message"]["left_chat_member"]["id"], alice);
}

#[test]
fn kinds_of_chats_have_their_fields() {
    let (fake, client, alice) = one_chat();
    let private = client.ok("getChat", json!({"chat_id": alice}));
    assert_eq!(
        (private["type"].as_str(), private["username"].as_str()),
        (Some("private"), Some("alice"))
    );
    let forum = client.ok("getChat", json!({"chat_id": fake.forum("Work")}));
    assert_eq!(
        (forum["type"].as_str(), forum["is_forum"].as_bool()),
        (Some("supergroup"), Some(true))
    );
    let group = fake.group("Friends");
    fake.say(group, alice, "hi");
    fake.promote_user(group, alice);
    let member = client.ok("getChatMember", json!({"chat_id": group, "user_id": alice}));
    assert_eq!(member["status"], "administrator");
    let channel = fake.channel("News");
    fake.compose_post(channel, "today").send();
    let updates = client.updates(0);
    let post = &updates.last().expect("an update")["channel_post"];
    assert_eq!(post["text"], "today");
    assert_eq!(post.get("from"), None);
}

#[test]
fn upgraded_group_names_its_new_id() {
    let (fake, client, alice) = one_chat();
    let group = fake.group("Friends");
    fake.say(group, alice, "hi");
    let new = fake.upgrade_group(group);
    let updates = client.updates(0);
    assert_eq!(updates[1]["message"]["migrate_to_chat_id"], new);
    assert_eq!(updates[1]["message"]["chat"]["id"], group);
    assert_eq!(updates[2]["message"]["migrate_from_chat_id"], group);
    assert_eq!(updates[2]["message"]["chat"]["id"], new);
    assert_eq!(
        client.call("sendMessage", json!({"chat_id": group, "text": "hi"})),
        json!({"ok": false, "error_code": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat",
            "parameters": {"migrate_to_chat_id": new}})
    );
    client.send(new, "hi");
}

#[test]
fn topics_are_threads() {
    let (fake, client, alice) = one_chat();
    let forum = fake.forum("Work");
    let topic = fake.topic(forum, "Plans");
    let asked = fake.compose(forum, alice, "in the topic").thread(topic).send();
    fake.say(forum, alice, "in General");
    let updates = client.updates(0);
    let message = &updates[1]["message"];
    assert_eq!(
        (message["message_thread_id"].as_i64(), &message["is_topic_message"]),
        (Some(topic), &json!(true))
    );
    // Whoever takes a reply for a reply is wrong here.
    assert!(message["reply_to_message"]["forum_topic_created"].is_object());
    assert_eq!(updates[2]["message"].get("message_thread_id"), None);
    let params = |thread: i64| json!({"chat_id": forum, "text": "hi", "message_thread_id": thread});
    client.ok("sendMessage", params(topic));
    assert_eq!(fake.messages(forum)[0].thread, Some(topic));
    for wrong in [1, asked.message_id, 999] {
        assert_eq!(
            client.refused("sendMessage", params(wrong)),
            "400 Bad Request: message thread not found"
        );
    }
    assert_eq!(fake.calls_to(forum)[0].thread, Some(topic));
}

#[test]
fn thread_of_replies_is_no_topic() {
    let (fake, client, alice) = one_chat();
    let supergroup = fake.supergroup("Strangers");
    let first = fake.say(supergroup, alice, "one");
    fake.compose(supergroup, alice, "two").reply_to(first).send();
    let message = &client.updates(0)[1]["message"];
    assert_eq!(message["message_thread_id"], first.message_id);
    assert_eq!(message.get("is_topic_message"), None);
    assert_eq!(
        client.refused(
            "sendMessage",
            json!({"chat_id": supergroup, "text": "hi", "message_thread_id": first.message_id})
        ),
        "400 Bad Request: message thread not found"
    );
}

#[test]
fn bot_that_does_not_read_all_gets_what_is_for_it() {
    let fake = TelegramFake::start_with(Options {
        reads_all_group_messages: false,
        ..Options::default()
    });
    let client = Client::new(&fake);
    let alice = fake.user("Alice");
    let group = fake.group("Friends");
    assert_eq!(client.ok("getMe", json!({}))["can_read_all_group_messages"], false);
    let sent = client.send(group, "I am here");
    fake.say(group, alice, "just talk");
    fake.say(group, alice, "/help");
    fake.say(group, alice, "/help@other_bot");
    fake.say(group, alice, "hello @cortex_test_bot");
    fake.compose(group, alice, "a reply")
        .reply_to(fake.messages(group)[0].handle())
        .send();
    assert_eq!(fake.messages(group)[0].message_id, sent);
    assert_eq!(texts(&client.updates(0)), ["/help", "hello @cortex_test_bot", "a reply"]);
    fake.promote_bot(group);
    fake.say(group, alice, "all of it now");
    assert_eq!(texts(&client.updates(0)).last(), Some(&"all of it now"));
}

//! What people send, in all the forms that it can have.

use crate::client::one_chat;
use serde_json::{Value, json};

#[test]
fn mentions_and_commands_are_marked() {
    let (fake, client, alice) = one_chat();
    let group = fake.group("Friends");
    let bob = fake.user_without_username("Bob");
    let text = "😀 /ask@cortex_test_bot hey @cortex_test_bot and Bob, not me@example.org";
    fake.compose(group, alice, text).mentioning("Bob", bob).send();
    let update = client.updates(0)[0].clone();
    let entities = update["message"]["entities"].as_array().expect("entities").clone();
    let seen: Vec<_> = entities
        .iter()
        .map(|entity| {
            let units: Vec<u16> = text.encode_utf16().collect();
            let at = |name: &str| usize::try_from(entity[name].as_u64().expect("a number")).expect("a small one");
            let covered = String::from_utf16_lossy(&units[at("offset")..at("offset") + at("length")]);
            (entity["type"].as_str().expect("a type").to_owned(), covered)
        })
        .collect();
    let expected = [
        ("bot_command", "/ask@cortex_test_bot"),
        ("mention", "@cortex_test_bot"),
        ("text_mention", "Bob"),
    ];
    assert_eq!(seen, expected.map(|(kind, text)| (kind.to_owned(), text.to_owned())));
    assert_eq!(entities[2]["user"]["id"], bob);
    assert_eq!(entities[2]["user"].get("username"), None);
}

#[test]
fn authors_that_are_no_people() {
    let (fake, client, alice) = one_chat();
    let group = fake.supergroup("Friends");
    let channel = fake.channel("News");
    let other = fake.other_bot("Other");
    fake.compose_as_group(group, "as the group").send();
    fake.compose_linked(group, channel, "from the channel").send();
    fake.say(group, other, "from a bot");
    fake.compose(group, alice, "with help").via_bot(other).send();
    fake.compose(group, alice, "not my words").forwarded_from(other).send();
    let messages: Vec<_> = client.updates(0).iter().map(|update| update["message"].clone()).collect();
    assert_eq!(messages[0]["from"]["id"], 1_087_968_824);
    assert_eq!(messages[0]["sender_chat"]["id"], group);
    assert_eq!(messages[1]["from"]["id"], 777_000);
    assert_eq!(messages[1]["sender_chat"]["id"], channel);
    assert_eq!(messages[1]["is_automatic_forward"], true);
    assert_eq!(messages[2]["from"]["is_bot"], true);
    assert_eq!(messages[3]["via_bot"]["id"], other);
    assert_eq!(messages[4]["forward_origin"]["sender_user"]["id"], other);
}

#[test]
fn edits_come_with_and_without_a_change() {
    let (fake, client, alice) = one_chat();
    let said = fake.say(alice, alice, "frist");
    fake.edit(said, "first");
    fake.edit_without_change(said);
    let updates = client.updates(0);
    for update in &updates[1..] {
        assert_eq!(update["edited_message"]["text"], "first");
        assert_eq!(update["edited_message"]["message_id"], said.message_id);
        assert!(update["edited_message"]["edit_date"].is_u64());
    }
    assert_eq!(updates.len(), 3);
}

#[test]
fn long_paste_comes_in_parts() {
    let (fake, client, alice) = one_chat();
    let parts = fake.paste(alice, alice, &"😀".repeat(5000));
    let updates = client.updates(0);
    assert_eq!((parts.len(), updates.len()), (3, 3));
    let units = |update: &Value| update["message"]["text"].as_str().map(|text| text.encode_utf16().count());
    assert_eq!(
        updates.iter().map(units).collect::<Vec<_>>(),
        [Some(4096), Some(4096), Some(1808)]
    );
}

#[test]
fn album_is_messages_of_one_group() {
    let (fake, client, alice) = one_chat();
    fake.album(alice, alice, 3, "my holidays");
    let updates = client.updates(0);
    let group = updates[0]["message"]["media_group_id"].clone();
    assert!(group.is_string());
    assert!(updates.iter().all(|update| update["message"]["media_group_id"] == group));
    assert_eq!(updates[0]["message"]["caption"], "my holidays");
    assert_eq!(updates[1]["message"].get("caption"), None);
    assert!(updates[2]["message"]["photo"][1]["file_id"].is_string());
}

#[test]
fn poison_comes_as_it_is() {
    let (fake, client, alice) = one_chat();
    fake.compose(alice, alice, "at noon").entity("noon", "time_span").send();
    fake.compose(alice, alice, "")
        .field("text", Value::Null)
        .field("rich_message", json!({"blocks": [{"type": "hologram"}]}))
        .send();
    fake.compose(alice, alice, "no author").field("from", Value::Null).send();
    fake.compose(alice, alice, "old").field("date", json!(0)).send();
    fake.compose(alice, alice, "absurd")
        .field("text", json!({"not": ["a", "text"]}))
        .send();
    let messages: Vec<_> = client.updates(0).iter().map(|update| update["message"].clone()).collect();
    assert_eq!(messages[0]["entities"][0]["type"], "time_span");
    assert_eq!(messages[1].get("text"), None);
    assert!(messages[1]["rich_message"].is_object());
    assert_eq!(messages[2].get("from"), None);
    assert_eq!(messages[3]["date"], 0);
    assert!(messages[4]["text"].is_object());
}

#[test]
fn deleted_messages_are_gone_without_a_word() {
    let (fake, client, alice) = one_chat();
    let said = fake.say(alice, alice, "forget it");
    fake.delete(said);
    assert_eq!(client.updates(0).len(), 1);
    assert!(fake.message(said).is_deleted);
}

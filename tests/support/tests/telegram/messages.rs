//! Messages of the bot: what is taken, what is refused, what becomes of them.

use crate::client::{forgive, one_chat};
use serde_json::{Value, json};
use std::time::Duration;

const NOT_MODIFIED: &str = "400 Bad Request: message is not modified: specified new message content and reply markup are exactly \
    the same as a current content and reply markup of the message";

fn keyboard() -> Value {
    json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}, {"text": "No", "callback_data": "n"}]]})
}

#[test]
fn text_is_measured_in_utf16_units() {
    let (fake, client, alice) = one_chat();
    client.send(alice, &"😀".repeat(2048));
    let too_long = "😀".repeat(2048) + "a";
    assert_eq!(
        client.refused("sendMessage", json!({"chat_id": alice, "text": too_long})),
        "400 Bad Request: message is too long"
    );
    forgive(&fake, "too long");
    let sent = client.send(alice, "short");
    assert_eq!(
        client.refused(
            "editMessageText",
            json!({"chat_id": alice, "message_id": sent, "text": too_long})
        ),
        "400 Bad Request: MESSAGE_TOO_LONG"
    );
    forgive(&fake, "MESSAGE_TOO_LONG");
}

#[test]
fn empty_text_is_refused() {
    let (fake, client, alice) = one_chat();
    assert_eq!(
        client.refused("sendMessage", json!({"chat_id": alice, "text": " \n "})),
        "400 Bad Request: message text is empty"
    );
    forgive(&fake, "empty");
}

#[test]
fn edit_to_the_same_is_refused() {
    let (_fake, client, alice) = one_chat();
    let sent = client.send(alice, "same");
    // White space at the end is not kept, so it is no change.
    for text in ["same", "same \n"] {
        let edit = json!({"chat_id": alice, "message_id": sent, "text": text});
        assert_eq!(client.refused("editMessageText", edit), NOT_MODIFIED);
    }
    let bold = json!([{"type": "bold", "offset": 0, "length": 4}]);
    let edit = json!({"chat_id": alice, "message_id": sent, "text": "same", "entities": bold});
    client.ok("editMessageText", edit.clone());
    assert_eq!(client.refused("editMessageText", edit), NOT_MODIFIED);
}

#[test]
fn edit_without_a_keyboard_removes_it() {
    let (fake, client, alice) = one_chat();
    let sent = client.ok(
        "sendMessage",
        json!({"chat_id": alice, "text": "1", "reply_markup": keyboard()}),
    );
    let id = &sent["message_id"];
    assert_eq!(fake.messages(alice)[0].labels(), ["Yes", "No"]);
    client.ok(
        "editMessageText",
        json!({"chat_id": alice, "message_id": id, "text": "2", "reply_markup": keyboard()}),
    );
    assert_eq!(fake.messages(alice)[0].labels(), ["Yes", "No"]);
    client.ok("editMessageText", json!({"chat_id": alice, "message_id": id, "text": "3"}));
    assert!(fake.messages(alice)[0].labels().is_empty());
    let markup = json!({"chat_id": alice, "message_id": id, "reply_markup": keyboard()});
    client.ok("editMessageReplyMarkup", markup.clone());
    assert_eq!(fake.messages(alice)[0].labels(), ["Yes", "No"]);
    assert_eq!(client.refused("editMessageReplyMarkup", markup), NOT_MODIFIED);
    client.ok("editMessageReplyMarkup", json!({"chat_id": alice, "message_id": id}));
    assert!(fake.messages(alice)[0].labels().is_empty());
}

#[test]
fn edits_are_remembered() {
    let (fake, client, alice) = one_chat();
    let sent = client.send(alice, "1");
    for text in ["2", "3"] {
        client.ok("editMessageText", json!({"chat_id": alice, "message_id": sent, "text": text}));
    }
    let message = &fake.messages(alice)[0];
    let texts: Vec<_> = message.edits.iter().map(|edit| edit.text.as_str()).collect();
    assert_eq!((message.text.as_str(), texts), ("3", vec!["2", "3"]));
    assert!(message.sent_at <= message.edits[0].at && message.edits[0].at <= message.edits[1].at);
}

#[test]
fn messages_that_are_not_there_are_refused() {
    let (fake, client, alice) = one_chat();
    let theirs = fake.say(alice, alice, "mine").message_id;
    let edit = |id: i64| client.refused("editMessageText", json!({"chat_id": alice, "message_id": id, "text": "x"}));
    assert_eq!(edit(77), "400 Bad Request: message to edit not found");
    assert_eq!(edit(theirs), "400 Bad Request: message can't be edited");
    let delete = |id: i64| json!({"chat_id": alice, "message_id": id});
    assert_eq!(
        client.refused("deleteMessage", delete(77)),
        "400 Bad Request: message to delete not found"
    );
    let sent = client.send(alice, "x");
    client.ok("deleteMessage", delete(sent));
    assert_eq!(edit(sent), "400 Bad Request: message to edit not found");
    let all = fake.all_messages(alice);
    assert!(all[1].is_deleted && fake.messages(alice).is_empty());
    assert_eq!(
        client.refused("sendMessage", json!({"chat_id": 5, "text": "x"})),
        "400 Bad Request: chat not found"
    );
}

#[test]
fn old_messages_cannot_be_deleted() {
    let (fake, client, alice) = one_chat();
    let sent = client.send(alice, "x");
    fake.advance(Duration::from_hours(49));
    assert_eq!(
        client.refused("deleteMessage", json!({"chat_id": alice, "message_id": sent})),
        "400 Bad Request: message can't be deleted"
    );
}

#[test]
fn replies_need_their_message() {
    let (fake, client, alice) = one_chat();
    let asked = fake.say(alice, alice, "What is it?");
    let reply = |id: i64, lenient: bool| json!({"chat_id": alice, "text": "x", "reply_parameters": {"message_id": id, "allow_sending_without_reply": lenient}});
    client.ok("sendMessage", reply(asked.message_id, false));
    assert_eq!(fake.messages(alice)[0].reply_to, Some(asked.message_id));
    fake.delete(asked);
    assert_eq!(
        client.refused("sendMessage", reply(asked.message_id, false)),
        "400 Bad Request: message to be replied not found"
    );
    client.ok("sendMessage", reply(asked.message_id, true));
    assert_eq!(fake.messages(alice)[1].reply_to, None);
}

#[test]
fn link_preview_and_sound_are_seen() {
    let (fake, client, alice) = one_chat();
    client.ok(
        "sendMessage",
        json!({"chat_id": alice, "text": "https://example.org", "link_preview_options": {"is_disabled": true},
            "disable_notification": true}),
    );
    let message = &fake.messages(alice)[0];
    assert!(message.link_preview_disabled && message.is_silent);
    client.send(alice, "https://example.org");
    assert!(!fake.messages(alice)[1].link_preview_disabled);
}

#[test]
fn unsound_entities_are_refused_and_put_on_record() {
    let (fake, client, alice) = one_chat();
    let entity = |kind: &str, offset: usize, length: usize| json!({"type": kind, "offset": offset, "length": length});
    let unsound = [
        ("outside", json!([entity("bold", 2, 3)])),
        ("splits", json!([entity("bold", 0, 1)])),
        ("empty", json!([entity("bold", 0, 0)])),
        ("unsupported", json!([entity("heading", 0, 2)])),
        ("overlap", json!([entity("bold", 0, 3), entity("italic", 2, 2)])),
        ("nested", json!([entity("bold", 0, 4), entity("code", 2, 1)])),
        ("nested", json!([entity("blockquote", 0, 4), entity("blockquote", 2, 1)])),
        ("url is missing", json!([entity("text_link", 0, 4)])),
    ];
    for (what, entities) in unsound {
        let refused = client.refused("sendMessage", json!({"chat_id": alice, "text": "😀ab", "entities": entities}));
        assert!(refused.starts_with("400 Bad Request: can't parse entities: "), "{refused}");
        forgive(&fake, what);
    }
    let sound = json!([entity("blockquote", 0, 4), entity("bold", 0, 4), entity("italic", 2, 2)]);
    client.ok("sendMessage", json!({"chat_id": alice, "text": "😀ab", "entities": sound}));
    let quoted = json!([entity("blockquote", 0, 4), entity("pre", 0, 4)]);
    client.ok("sendMessage", json!({"chat_id": alice, "text": "😀ab", "entities": quoted}));
}

#[test]
fn buttons_are_checked() {
    let (fake, client, alice) = one_chat();
    let send = |markup: Value| client.refused("sendMessage", json!({"chat_id": alice, "text": "x", "reply_markup": markup}));
    let button = |button: Value| send(json!({"inline_keyboard": [[button]]}));
    let data = "ä".repeat(33);
    assert_eq!(
        button(json!({"text": "x", "callback_data": data})),
        "400 Bad Request: BUTTON_DATA_INVALID"
    );
    assert_eq!(
        button(json!({"text": "x", "callback_data": ""})),
        "400 Bad Request: BUTTON_DATA_INVALID"
    );
    assert!(button(json!({"text": "x"})).contains("Text buttons are not allowed in the inline keyboard"));
    assert!(button(json!({"text": "x", "callback_data": "x", "style": "pink"})).contains("invalid button style specified"));
    assert!(send(json!({"inline_keyboard": null})).starts_with("400"));
    assert_eq!(fake.take_violations().len(), 5);
    let longest = "a".repeat(64);
    let markup = json!({"inline_keyboard": [[{"text": "x", "callback_data": longest, "style": "danger"}]]});
    client.ok("sendMessage", json!({"chat_id": alice, "text": "x", "reply_markup": markup}));
    assert_eq!(fake.messages(alice)[0].keyboard[0][0].style.as_deref(), Some("danger"));
}

#[test]
fn commands_are_kept_by_scope_and_language() {
    let (fake, client, alice) = one_chat();
    let commands = |name: &str| json!([{"command": name, "description": "Does it"}]);
    client.ok("setMyCommands", json!({"commands": commands("stop")}));
    let scope = json!({"type": "chat", "chat_id": alice});
    client.ok(
        "setMyCommands",
        json!({"commands": commands("halt"), "scope": scope, "language_code": "de"}),
    );
    assert_eq!(fake.commands("default"), [("stop".to_owned(), "Does it".to_owned())]);
    assert_eq!(fake.commands_in(&format!("chat {alice}"), "de")[0].0, "halt");
    let got = client.ok("getMyCommands", json!({"scope": scope, "language_code": "de"}));
    assert_eq!(got, commands("halt"));
    assert_eq!(client.ok("getMyCommands", json!({"scope": scope})), json!([]));
    let wrong = client.refused("setMyCommands", json!({"commands": commands("Not good")}));
    assert_eq!(wrong, "400 Bad Request: BOT_COMMAND_INVALID");
    forgive(&fake, "BOT_COMMAND_INVALID");
}

#[test]
fn reactions_are_one_from_the_list() {
    let (fake, client, alice) = one_chat();
    let said = fake.say(alice, alice, "hi");
    let react = |reaction: Value| json!({"chat_id": alice, "message_id": said.message_id, "reaction": reaction});
    client.ok("setMessageReaction", react(json!([{"type": "emoji", "emoji": "👀"}])));
    assert_eq!(fake.reaction(said).as_deref(), Some("👀"));
    client.ok("setMessageReaction", react(json!([])));
    assert_eq!(fake.reaction(said), None);
    let refused = client.refused("setMessageReaction", react(json!([{"type": "emoji", "emoji": "🦕"}])));
    assert_eq!(refused, "400 Bad Request: REACTION_INVALID");
    forgive(&fake, "REACTION_INVALID");
}

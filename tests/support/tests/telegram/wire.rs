//! Paths, tokens, and the forms in which parameters come.

use crate::client::{Client, forgive, one_chat};
use cortex_test_support::telegram::TelegramFake;
use serde_json::{Value, json};

#[test]
fn get_me_is_complete() {
    let (fake, client, _) = one_chat();
    let me = client.ok("getMe", json!({}));
    assert_eq!(me, fake.bot());
    assert_eq!(me["is_bot"], true);
    for flag in [
        "can_join_groups",
        "can_read_all_group_messages",
        "supports_inline_queries",
        "has_main_web_app",
        "can_connect_to_business",
    ] {
        assert!(me[flag].is_boolean(), "{flag}");
    }
}

#[test]
fn methods_have_any_case() {
    let (_fake, client, alice) = one_chat();
    client.ok("GetMe", json!({}));
    client.ok("SENDMESSAGE", json!({"chat_id": alice, "text": "hi"}));
}

#[test]
fn wrong_tokens_and_methods_are_refused() {
    let (fake, client, _) = one_chat();
    let url = fake.api_url();
    let unauthorized = json!({"ok": false, "error_code": 401, "description": "Unauthorized"});
    let (status, body) = client.get(&format!("{url}/bot110201543:BBHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe"));
    assert_eq!((status, body), (401, unauthorized.to_string()));
    let not_found = json!({"ok": false, "error_code": 404, "description": "Not Found"});
    assert_eq!(client.get(&format!("{url}/botabc/getMe")), (404, not_found.to_string()));
    assert_eq!(client.get(&url).0, 404);
    assert_eq!(client.refused("getNothing", json!({})), "404 Not Found: method not found");
    forgive(&fake, "getNothing");
}

#[test]
fn parameters_come_in_every_form() {
    let (fake, client, alice) = one_chat();
    let url = format!("{}/bot{}/sendMessage", fake.api_url(), fake.token());
    assert_eq!(client.get(&format!("{url}?chat_id={alice}&text=by+query%21")).0, 200);
    client.post(
        &url,
        "application/x-www-form-urlencoded",
        &format!("chat_id={alice}&text=by%20form"),
    );
    let part =
        |name: &str, value: &str| format!("--cut\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let markup = r#"{"inline_keyboard":[[{"text":"x","callback_data":"x"}]]}"#;
    let parts =
        part("chat_id", &alice.to_string()) + &part("text", "by parts") + &part("reply_markup", markup) + "--cut--\r\n";
    client.post(&url, "multipart/form-data; boundary=cut", &parts);
    client.send(alice, "by JSON");
    let messages = fake.messages(alice);
    let texts: Vec<_> = messages.iter().map(|message| message.text.as_str()).collect();
    assert_eq!(texts, ["by query!", "by form", "by parts", "by JSON"]);
    assert_eq!(messages[2].labels(), ["x"]);
}

#[test]
fn mistakes_in_parameters_are_put_on_record() {
    let (fake, client, alice) = one_chat();
    client.ok(
        "sendMessage",
        json!({"chat_id": alice, "text": "x", "reply_markup": Value::Null}),
    );
    forgive(&fake, "reply_markup is null");
    client.ok("sendMessage", json!({"chat_id": alice, "text": "x", "colour": "red"}));
    forgive(&fake, "no parameter colour");
    client.refused("sendMessage", json!({"chat_id": alice}));
    forgive(&fake, "text is missing");
    let entities = json!([{"type": "bold", "offset": 0, "length": 1}]);
    client.ok(
        "sendMessage",
        json!({"chat_id": alice, "text": "x", "parse_mode": "HTML", "entities": entities}),
    );
    forgive(&fake, "parse_mode and entities");
    client.ok("getUpdates", json!({"offset": Value::Null}));
    forgive(&fake, "getUpdates: offset is null");
}

#[test]
#[should_panic(expected = "text is missing")]
fn drop_tells_of_violations() {
    let fake = TelegramFake::start();
    let client = Client::new(&fake);
    let alice = fake.private_chat(fake.user("Alice"));
    client.refused("sendMessage", json!({"chat_id": alice}));
    drop(fake);
}

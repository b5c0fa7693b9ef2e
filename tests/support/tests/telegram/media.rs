//! Files, both ways.

use crate::client::{Client, forgive, one_chat};
use cortex_test_support::telegram::TelegramFake;
use serde_json::{Value, json};

fn download(fake: &TelegramFake, client: &Client, file_id: &Value) -> (u16, String) {
    let file = client.ok("getFile", json!({"file_id": file_id}));
    let path = file["file_path"].as_str().expect("a path");
    // Clients may or may not encode it.
    let encoded = path.replace('/', "%2F");
    let both = [path, &encoded].map(|path| client.get(&format!("{}/file/bot{}/{path}", fake.api_url(), fake.token())));
    assert_eq!(both[0], both[1]);
    both[0].clone()
}

#[test]
fn sent_files_can_be_downloaded() {
    let (fake, client, alice) = one_chat();
    fake.compose(alice, alice, "look").document("notes.txt", b"the notes").send();
    fake.compose(alice, alice, "").voice(b"hello").send();
    let photo = vec![b'x'; 5000];
    fake.compose(alice, alice, "").photo(&photo).send();
    let updates = client.updates(0);
    let document = &updates[0]["message"]["document"];
    assert_eq!(updates[0]["message"]["caption"], "look");
    assert_eq!(document["file_name"], "notes.txt");
    assert_eq!(download(&fake, &client, &document["file_id"]), (200, "the notes".to_owned()));
    let voice = &updates[1]["message"]["voice"];
    assert_eq!(voice["mime_type"], "audio/ogg");
    assert_eq!(download(&fake, &client, &voice["file_id"]).1, "hello");
    let sizes = &updates[2]["message"]["photo"];
    assert_eq!(download(&fake, &client, &sizes[0]["file_id"]).1.len(), 1200);
    assert_eq!(download(&fake, &client, &sizes[1]["file_id"]).1.len(), 5000);
}

#[test]
fn unknown_and_large_files_are_refused() {
    let (fake, client, alice) = one_chat();
    assert_eq!(
        client.refused("getFile", json!({"file_id": "x"})),
        "400 Bad Request: invalid file_id"
    );
    let large = vec![0; 20 * 1024 * 1024 + 1];
    fake.compose(alice, alice, "").document("large.bin", &large).send();
    let id = client.updates(0)[0]["message"]["document"]["file_id"].clone();
    assert_eq!(
        client.refused("getFile", json!({"file_id": id})),
        "400 Bad Request: file is too big"
    );
    let url = format!("{}/file/bot{}/documents/none", fake.api_url(), fake.token());
    assert_eq!(client.get(&url).0, 404);
}

#[test]
fn bot_uploads_and_sends_again() {
    let (fake, client, alice) = one_chat();
    let part = |head: &str, value: &str| format!("--cut\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n");
    let body = part("name=\"chat_id\"", &alice.to_string())
        + &part("name=\"caption\"", "the report")
        + &part("name=\"document\"; filename=\"report.txt\"", "all is well")
        + "--cut--\r\n";
    let url = format!("{}/bot{}/sendDocument", fake.api_url(), fake.token());
    let (status, body) = client.post(&url, "multipart/form-data; boundary=cut", &body);
    assert_eq!(status, 200, "{body}");
    let message = &fake.messages(alice)[0];
    assert_eq!(message.text, "the report");
    let file = ("report.txt".to_owned(), b"all is well".to_vec());
    assert_eq!(fake.file(message.handle()), Some(file.clone()));
    let id = &message.json["document"]["file_id"];
    client.ok("sendDocument", json!({"chat_id": alice, "document": id}));
    assert_eq!(fake.file(fake.messages(alice)[1].handle()), Some(file));
    assert_eq!(
        client.refused("sendPhoto", json!({"chat_id": alice, "photo": "nothing"})),
        "400 Bad Request: wrong file identifier/HTTP URL specified"
    );
}

#[test]
fn captions_are_short() {
    let (fake, client, alice) = one_chat();
    fake.compose(alice, alice, "").voice(b"hello").send();
    let id = client.updates(0)[0]["message"]["voice"]["file_id"].clone();
    let captioned = |length: usize| json!({"chat_id": alice, "voice": id, "caption": "x".repeat(length)});
    client.ok("sendVoice", captioned(1024));
    assert_eq!(
        client.refused("sendVoice", captioned(1025)),
        "400 Bad Request: message caption is too long"
    );
    forgive(&fake, "caption");
    let sent = fake.messages(alice)[0].message_id;
    assert_eq!(
        client.refused("editMessageText", json!({"chat_id": alice, "message_id": sent, "text": "x"})),
        "400 Bad Request: there is no text in the message to edit"
    );
}

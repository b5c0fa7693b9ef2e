//! The fake as a program, controlled from outside.

use crate::client::Client;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

struct Program {
    child: Child,
    control: String,
    client: Client,
}

impl Program {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_telegram-fake"))
            .args(["--ends-after", "60", "--stdin"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let place: Value = serde_json::from_str(&line).expect("JSON");
        let text = |name: &str| place[name].as_str().expect("a text").to_owned();
        Self {
            child,
            control: text("control_url"),
            client: Client::at(&text("api_url"), &text("token")),
        }
    }

    fn control(&self, command: &str, params: &Value) -> Value {
        let url = format!("{}/{command}", self.control);
        let (status, body) = self.client.post(&url, "application/json", &params.to_string());
        assert_eq!(status, 200, "{command}: {body}");
        serde_json::from_str(&body).unwrap_or(Value::String(body))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

#[test]
fn conversation_is_controlled_over_http() {
    let program = Program::start(&[]);
    let client = &program.client;
    let said = program.control("say", &json!({"user": 77, "text": "hello"}));
    assert_eq!(said, json!({"chat": 77, "message_id": 1}));
    assert_eq!(client.updates(0)[0]["message"]["text"], "hello");
    let markup = json!({"inline_keyboard": [[{"text": "Yes", "callback_data": "y"}]]});
    client.ok("sendMessage", json!({"chat_id": 77, "text": "Sure?", "reply_markup": markup}));
    assert_eq!(
        program.control("wait", &json!({"chat": 77, "text": "Sure", "seconds": 10})),
        true
    );
    let pressed = program.control("press", &json!({"user": 77, "chat": 77, "message_id": 2, "label": "Yes"}));
    client.ok(
        "answerCallbackQuery",
        json!({"callback_query_id": pressed["callback"], "text": "Fine"}),
    );
    assert_eq!(program.control("answer", &pressed)["text"], "Fine");
    let transcript = program.control("transcript", &json!({"chat": 77}));
    assert_eq!(transcript, "[1] User 77: hello\n[2] Cortex: Sure?\n    [ Yes ]\n");
    program.control("fault", &json!({"method": "sendMessage", "kind": {"too_many_requests": 3}}));
    assert!(
        client
            .refused("sendMessage", json!({"chat_id": 77, "text": "x"}))
            .starts_with("429")
    );
    program.control("advance", &json!({"seconds": 4}));
    client.send(77, "again");
    assert_eq!(
        program.control("calls", &json!({"chat": 77})).as_array().map(Vec::len),
        Some(3)
    );
    program.control("reset", &json!({}));
    assert_eq!(program.control("stats", &json!({}))["calls"], 0);
}

#[test]
fn mistakes_of_the_controller_are_told() {
    let program = Program::start(&[]);
    let url = format!("{}/transcript", program.control);
    let (status, body) = program.client.get(&url);
    assert_eq!((status, body.as_str()), (400, r#"{"error":"chat is missing or no integer"}"#));
    let url = format!("{}/press?user=1&chat=1&message_id=1&data=x", program.control);
    let (status, body) = program.client.get(&url);
    assert_eq!((status, body.as_str()), (400, r#"{"error":"there is no chat 1"}"#));
}

#[test]
fn faults_are_told_in_a_query() {
    let program = Program::start(&[]);
    let fault = |rest: &str| program.client.get(&format!("{}/fault?{rest}", program.control));
    assert_eq!(fault("method=getMe&kind=cut_before&times=2").0, 200);
    assert_eq!(fault("method=getMe&kind={%22error%22:[403,%22Forbidden:%20no%22]}").0, 200);
    assert_eq!(fault("method=getMe&kind=earthquake").0, 400);
    for _ in 0..2 {
        assert!(program.client.try_call("getMe", json!({})).is_err());
    }
    assert_eq!(program.client.refused("getMe", json!({})), "403 Forbidden: no");
    program.client.ok("getMe", json!({}));
}

#[test]
fn control_outlives_an_outage() {
    let program = Program::start(&[]);
    program.control("outage", &json!({"on": true}));
    assert!(program.client.try_call("getMe", json!({})).is_err());
    program.control("outage", &json!({"on": false}));
    program.client.ok("getMe", json!({}));
}

#[test]
fn many_messages_are_queued_and_timed() {
    let program = Program::start(&["--without-bodies"]);
    let queued = program.control(
        "say-many",
        &json!({"chats": 300, "messages": 2, "first": 5000, "text": "{n} of {chat}"}),
    );
    assert_eq!(queued["messages"], 600);
    let mut offset = 0;
    let mut texts = Vec::new();
    loop {
        let updates = program.client.updates(offset);
        let Some(last) = updates.last() else { break };
        offset = last["update_id"].as_i64().expect("an id") + 1;
        let said = updates
            .iter()
            .map(|update| update["message"]["text"].as_str().expect("a text").to_owned());
        texts.extend(said);
    }
    assert_eq!(texts.len(), 600);
    assert_eq!((texts[0].as_str(), texts[300].as_str()), ("1 of 5000", "2 of 5000"));
    let sent = program.client.send(5001, "hi");
    program.client.ok(
        "editMessageText",
        json!({"chat_id": 5001, "message_id": sent, "text": "high"}),
    );
    assert_eq!(program.control("wait", &json!({"answered": 1, "seconds": 10})), true);
    let timings = program.control("timings", &json!({}));
    assert_eq!(timings.as_array().map(Vec::len), Some(300));
    let line = &timings[1];
    assert_eq!(line["chat"], 5001);
    let time = |value: &Value| value.as_u64().expect("a time");
    let handed_out = time(&line["handed_out"][0]);
    assert!(time(&line["said"][0]) <= handed_out && handed_out <= time(&line["first_send"]));
    assert!(time(&line["first_send"]) <= time(&line["last_edit"]));
    let stats = program.control("stats", &json!({}));
    assert_eq!(
        (&stats["sends"], &stats["edits"], &stats["handed_out"]),
        (&json!(1), &json!(1), &json!(600))
    );
}

//! What every real server expects of a completion request.

use super::Request;
use serde_json::Value;
use std::collections::HashSet;

/// What is wrong with the request; nothing, as a rule.
pub(super) fn violations(request: &Request) -> Vec<String> {
    let mut wrong = Vec::new();
    let body = &request.body;
    if request.method != "POST" {
        wrong.push(format!("the method is {}", request.method));
    }
    if body["model"].as_str().is_none_or(str::is_empty) {
        wrong.push("no model is named".to_owned());
    }
    if body["stream"] != true {
        wrong.push("no stream is asked for".to_owned());
    }
    let messages = request.messages();
    if messages.is_empty() {
        wrong.push("there are no messages".to_owned());
    }
    check_tools(body, &mut wrong);
    check_messages(messages, &mut wrong);
    wrong
}

fn check_tools(body: &Value, wrong: &mut Vec<String>) {
    let Some(tools) = body.get("tools") else { return };
    let mut names = HashSet::new();
    let Some(tools) = tools.as_array().filter(|tools| !tools.is_empty()) else {
        wrong.push("tools is not a list with something in it".to_owned());
        return;
    };
    for tool in tools {
        let name = tool["function"]["name"].as_str().unwrap_or_default();
        if tool["type"] != "function" || !is_name(name) || !tool["function"]["parameters"].is_object() {
            wrong.push(format!("the tool {name:?} is not a function with a name and parameters"));
        }
        if !names.insert(name) {
            wrong.push(format!("the tool {name:?} is offered twice"));
        }
    }
}

fn check_messages(messages: &[Value], wrong: &mut Vec<String>) {
    let mut open: HashSet<&str> = HashSet::new();
    for (place, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if role == "tool" {
            let id = message["tool_call_id"].as_str().unwrap_or_default();
            if !open.remove(id) {
                wrong.push(format!("message {place} is a result without a call, or a second one"));
            }
            if !message["content"].is_string() {
                wrong.push(format!("message {place} is a result without text"));
            }
            continue;
        }
        if !open.is_empty() {
            wrong.push(format!("message {place} comes before {} results", open.len()));
            open.clear();
        }
        let content = &message["content"];
        let has_content = content.is_string() || content.is_array();
        match role {
            "system" | "developer" if has_content => {
                if place > 0 {
                    wrong.push(format!("message {place} is a system message in the middle"));
                }
            }
            "user" if has_content => {}
            "assistant" => match message.get("tool_calls") {
                None if has_content => {}
                None => wrong.push(format!("message {place} says nothing and calls nothing")),
                Some(calls) => check_calls(place, calls, &mut open, wrong),
            },
            _ => wrong.push(format!("message {place} has the role {role:?}, or no content")),
        }
    }
    if !open.is_empty() {
        wrong.push(format!("{} calls have no result", open.len()));
    }
}

fn check_calls<'a>(place: usize, calls: &'a Value, open: &mut HashSet<&'a str>, wrong: &mut Vec<String>) {
    let calls = calls.as_array().map_or(&[][..], Vec::as_slice);
    if calls.is_empty() {
        wrong.push(format!("message {place} has an empty list of calls"));
    }
    for call in calls {
        let id = call["id"].as_str().unwrap_or_default();
        if id.is_empty() || !open.insert(id) {
            wrong.push(format!("message {place} has a call without an id of its own"));
        }
        if call["type"] != "function" || !is_name(call["function"]["name"].as_str().unwrap_or_default()) {
            wrong.push(format!("message {place} has a call that is no function with a valid name"));
        }
        let arguments = call["function"]["arguments"].as_str().unwrap_or_default();
        if !serde_json::from_str::<Value>(arguments).is_ok_and(|arguments| arguments.is_object()) {
            wrong.push(format!(
                "message {place} has a call whose arguments are not an object written as a string"
            ));
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=64).contains(&name.len()) && name.bytes().all(is_letter)
}

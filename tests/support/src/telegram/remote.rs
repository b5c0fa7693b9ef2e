//! Control over HTTP, for whoever is in another process: `/control/<command>`, with parameters in the query or as JSON.

use super::Control;
use super::chat::MessageHandle;
use super::faults::Fault;
use super::params::Params;
use super::report;
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The people of `say-many` have ids from here on, unless they are told otherwise.
const FIRST_OF_MANY: i64 = 1_000_000;

/// What a command answers, or why it could not.
pub(super) type Answer = Result<Value, String>;

/// Carries a command out. What panics in a test is an error here.
pub(super) fn command(control: &Control, name: &str, params: &Params) -> Answer {
    let arguments = Arguments(params);
    catch_unwind(AssertUnwindSafe(|| run(control, name, &arguments))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(text.unwrap_or_else(|| "it went wrong".to_owned()))
    })
}

struct Arguments<'a>(&'a Params);

impl Arguments<'_> {
    fn integer(&self, name: &str) -> Result<i64, String> {
        self.0.integer(name).ok_or_else(|| format!("{name} is missing or no integer"))
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.0.text(name).ok_or_else(|| format!("{name} is missing"))
    }

    fn text_or(&self, name: &str, default: &str) -> String {
        self.0.text(name).unwrap_or_else(|| default.to_owned())
    }

    fn count(&self, name: &str, default: usize) -> Result<usize, String> {
        if !self.0.has(name) {
            return Ok(default);
        }
        usize::try_from(self.integer(name)?).map_err(|_| format!("{name} is negative"))
    }

    fn seconds(&self, name: &str, default: Option<f64>) -> Result<Duration, String> {
        let given = self.0.text(name).and_then(|text| text.parse().ok()).or(default);
        let seconds = given.ok_or_else(|| format!("{name} is missing or no number"))?;
        Duration::try_from_secs_f64(seconds).map_err(|_| format!("{name} is out of range"))
    }

    fn message(&self) -> Result<MessageHandle, String> {
        Ok(MessageHandle {
            chat: self.integer("chat")?,
            message_id: self.integer("message_id")?,
        })
    }

    fn object(&self, name: &str) -> Result<Value, String> {
        let value = self.0.object(name).map_err(|error| error.description)?;
        value.ok_or_else(|| format!("{name} is missing"))
    }
}

fn run(control: &Control, name: &str, arguments: &Arguments<'_>) -> Answer {
    let done = || Ok(json!(true));
    match name {
        "user" => {
            let name = arguments.text_or("name", "Someone");
            let user = match arguments.0.integer("id") {
                Some(id) => control.user_with_id(id, &name),
                None => control.user(&name),
            };
            Ok(json!({"user": user}))
        }
        "chat" => open_chat(control, arguments),
        "topic" => {
            let thread = control.topic(arguments.integer("chat")?, &arguments.text("name")?);
            Ok(json!({"thread": thread}))
        }
        "say" => say(control, arguments),
        "say-many" => say_many(control, arguments),
        "edit" => {
            control.edit(arguments.message()?, &arguments.text("text")?);
            done()
        }
        "delete" => {
            control.delete(arguments.message()?);
            done()
        }
        "press" => {
            let (user, message) = (arguments.integer("user")?, arguments.message()?);
            let callback = match arguments.0.text("data") {
                Some(data) => control.press_data(user, message, &data),
                None => control.press(user, message, &arguments.text("label")?),
            };
            Ok(json!({"callback": callback}))
        }
        "answer" => {
            let answer = control.answer_to(&arguments.text("callback")?);
            Ok(report::answer(control, answer.as_ref()))
        }
        "stop-draft" => {
            control.stop_draft(arguments.integer("chat")?);
            done()
        }
        "block" | "unblock" => {
            let user = arguments.integer("user")?;
            if name == "block" {
                control.block_bot(user);
            } else {
                control.unblock_bot(user);
            }
            done()
        }
        "update" => Ok(json!({"update_id": control.push_raw_update(arguments.object("update")?)})),
        "fault" => {
            control.fault(fault(arguments)?);
            done()
        }
        "clear-faults" => {
            control.clear_faults();
            done()
        }
        "outage" => {
            control.refuse_connections(arguments.0.flag("on"));
            done()
        }
        "advance" => {
            control.advance(arguments.seconds("seconds", None)?);
            done()
        }
        "reset" => {
            control.reset();
            done()
        }
        "messages" => Ok(report::messages(control, arguments.integer("chat")?)),
        "transcript" => Ok(json!(control.transcript(arguments.integer("chat")?))),
        "calls" => Ok(report::calls(control, arguments.0.integer("chat"))),
        "polls" => Ok(report::polls(control)),
        "commands" => {
            let commands = control.commands_in(&arguments.text_or("scope", "default"), &arguments.text_or("language", ""));
            Ok(json!(commands))
        }
        "wait" => wait(control, arguments),
        "timings" => Ok(report::timings(control, arguments.0.integer("chat"))),
        "answers" => Ok(report::answers(control)),
        "count-ending" => Ok(report::count_ending(control, &arguments.text("ending")?)),
        "stats" => Ok(report::stats(control)),
        "violations" => Ok(json!(control.violations())),
        _ => Err(format!("there is no command {name}")),
    }
}

fn fault(arguments: &Arguments<'_>) -> Result<Fault, String> {
    let mut fields = arguments.0.values.clone();
    for (name, value) in &mut fields {
        let is_words = name == "method" || name == "containing";
        // In a query, all else is JSON in a string, or a bare word.
        if let Some(text) = value.as_str().filter(|_| !is_words)
            && let Ok(parsed) = serde_json::from_str(text)
        {
            *value = parsed;
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| error.to_string())
}

fn open_chat(control: &Control, arguments: &Arguments<'_>) -> Answer {
    let title = arguments.text_or("title", "Group");
    let chat = match arguments.text("kind")?.as_str() {
        "private" => control.private_chat(arguments.integer("user")?),
        "group" => control.group(&title),
        "supergroup" => control.supergroup(&title),
        "forum" => control.forum(&title),
        "channel" => control.channel(&title),
        other => return Err(format!("there is no kind {other}")),
    };
    Ok(json!({"chat": chat}))
}

/// Someone who is not there yet comes to be, with a private chat.
fn say(control: &Control, arguments: &Arguments<'_>) -> Answer {
    let user = arguments.integer("user")?;
    let chat = arguments.0.integer("chat").unwrap_or(user);
    control.ensure_people(&[user], chat == user);
    let mut message = control.compose(chat, user, &arguments.text("text")?);
    if let Some(reply_to) = arguments.0.integer("reply_to") {
        message = message.reply_to(MessageHandle {
            chat,
            message_id: reply_to,
        });
    }
    if let Some(thread) = arguments.0.integer("thread") {
        message = message.thread(thread);
    }
    Ok(json!({"chat": chat, "message_id": message.send().message_id}))
}

/// The first message of each chat, then the second of each, and so on.
fn say_many(control: &Control, arguments: &Arguments<'_>) -> Answer {
    let chats = arguments.count("chats", 1)?;
    let messages = arguments.count("messages", 1)?;
    let text = arguments.text_or("text", "Message {n} from {chat}");
    let first = arguments.0.integer("first").unwrap_or(FIRST_OF_MANY);
    let people: Vec<i64> = (first..).take(chats).collect();
    let began = Instant::now();
    control.ensure_people(&people, true);
    control.say_each(&people, messages, &text);
    Ok(json!({
        "first": first,
        "chats": chats,
        "messages": chats * messages,
        "micros": u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    }))
}

/// Waits for a text in a chat, or for so many chats that a message of the bot came to.
fn wait(control: &Control, arguments: &Arguments<'_>) -> Answer {
    let longest = arguments.seconds("seconds", Some(10.0))?;
    let came = if let Some(needle) = arguments.0.text("text") {
        let chat = arguments.integer("chat")?;
        let has = |control: &Control| control.messages(chat).iter().any(|message| message.text.contains(&needle));
        control.wait_until(longest, has)
    } else {
        let chats = arguments.count("answered", 1)?;
        control.wait_until(longest, |control| control.answered_chats() >= chats)
    };
    Ok(json!(came))
}

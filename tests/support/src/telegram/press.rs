//! Presses of buttons, and what the bot answers them.

use super::Control;
use super::chat::MessageHandle;
use super::state::State;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What the bot answered to a press.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallbackAnswer {
    /// What the person sees; may be empty.
    pub text: String,
    /// Whether it must be clicked away.
    pub show_alert: bool,
    /// When it came.
    pub at: Instant,
}

/// A press as the server remembers it.
pub(super) struct Press {
    /// By the fake's clock.
    pub(super) pressed: Instant,
    pub(super) answer: Option<CallbackAnswer>,
}

impl Control {
    /// Presses the button with that label, and tells the id of the callback query. Panics when there is no such button.
    pub fn press(&self, user: i64, message: MessageHandle, label: &str) -> String {
        let seen = self.message(message);
        let mut buttons = seen.keyboard.iter().flatten();
        let button = buttons.find(|button| button.label == label);
        let data = button.and_then(|button| button.data.clone());
        let data = data.unwrap_or_else(|| panic!("there is no button {label:?} in\n{}", self.transcript(message.chat)));
        self.press_data(user, message, &data)
    }

    /// Sends data as if a button had it: an old one, or one that was never there.
    pub fn press_data(&self, user: i64, message: MessageHandle, data: &str) -> String {
        self.shared.change(|state| {
            let json = Value::Object(state.chat(message.chat).messages[&message.message_id].json.clone());
            state.add_press(user, message.chat, Some(json), data)
        })
    }

    /// A press under a message so old that the bot is not shown it.
    pub fn press_inaccessible(&self, user: i64, message: MessageHandle, data: &str) -> String {
        self.shared.change(|state| {
            let chat = state.chat(message.chat).json();
            let json = json!({"chat": chat, "message_id": message.message_id, "date": 0});
            state.add_press(user, message.chat, Some(json), data)
        })
    }

    /// A press of which the message is not told.
    pub fn press_without_message(&self, user: i64, chat: i64, data: &str) -> String {
        self.shared.change(|state| state.add_press(user, chat, None, data))
    }

    /// Presses the button that stops the draft which the chat shows; panics when there is none.
    pub fn stop_draft(&self, chat: i64) {
        self.shared.change(|state| {
            let now = state.now();
            let shown = state.chat(chat);
            let json = shown.json();
            let draft = shown.draft(now).filter(|draft| draft.can_stop);
            let draft = draft.unwrap_or_else(|| panic!("chat {chat} shows no draft that can be stopped"));
            let mut update = json!({"chat": json, "draft_id": draft.draft_id});
            if let Some(thread) = draft.thread {
                update["message_thread_id"] = json!(thread);
            }
            shown.drafts.iter_mut().for_each(|draft| draft.ends = now);
            state.push_update("stopped_message_generation", update, Some(chat));
        });
    }

    /// What the bot answered to a press, if it did.
    pub fn answer_to(&self, callback: &str) -> Option<CallbackAnswer> {
        self.shared.state().presses.get(callback)?.answer.clone()
    }

    /// Waits for the answer to a press; panics when it does not come in time.
    pub fn wait_for_answer(&self, callback: &str, longest: Duration) -> CallbackAnswer {
        self.wait_until(longest, |control| control.answer_to(callback).is_some());
        let answer = self.answer_to(callback);
        answer.unwrap_or_else(|| panic!("the press was not answered within {longest:?}"))
    }
}

impl State {
    /// Queues a press in a chat.
    pub(super) fn add_press(&mut self, user: i64, chat: i64, message: Option<Value>, data: &str) -> String {
        // Real ones are long numbers, too long for a float.
        let id = format!("44{:017}", 7_000_000_000_000 + self.new_id());
        let from = self.people.get(&user).map(super::chat::Person::json);
        let from = from.unwrap_or_else(|| panic!("there is no user {user}"));
        let mut query =
            json!({"id": id, "from": from, "chat_instance": format!("-83{}", chat.unsigned_abs()), "data": data});
        if let Some(message) = message {
            query["message"] = message;
        }
        let press = Press {
            pressed: self.now(),
            answer: None,
        };
        self.presses.insert(id.clone(), press);
        self.push_update("callback_query", query, Some(chat));
        id
    }
}

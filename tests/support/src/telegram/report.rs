//! What happened, as JSON. Times are microseconds since the fake began.

use super::Control;
use super::chat::Chat;
use super::press::CallbackAnswer;
use super::view::BotMessage;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Instant;

/// Microseconds between two times.
fn micros(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_micros()).unwrap_or(u64::MAX)
}

fn message(started: Instant, message: &BotMessage) -> Value {
    let button = |button: &super::view::Button| json!({"label": button.label, "data": button.data, "style": button.style});
    let keyboard = message.keyboard.iter().map(|row| row.iter().map(button).collect::<Vec<_>>());
    let edits = message.edits.iter();
    let edits = edits.map(|edit| json!({"at": micros(started, edit.at), "text": edit.text}));
    json!({
        "message_id": message.message_id,
        "text": message.text,
        "entities": message.entities,
        "keyboard": keyboard.collect::<Vec<_>>(),
        "reply_to": message.reply_to,
        "thread": message.thread,
        "sent": micros(started, message.sent_at),
        "edits": edits.collect::<Vec<_>>(),
        "link_preview_disabled": message.link_preview_disabled,
        "is_silent": message.is_silent,
    })
}

pub(super) fn messages(control: &Control, chat: i64) -> Value {
    let started = control.shared.state().started;
    let messages = control.messages(chat);
    messages.iter().map(|one| message(started, one)).collect()
}

pub(super) fn answer(control: &Control, answer: Option<&CallbackAnswer>) -> Value {
    let started = control.shared.state().started;
    let answer = answer.map(|answer| {
        let at = micros(started, answer.at);
        json!({"text": answer.text, "show_alert": answer.show_alert, "at": at})
    });
    answer.unwrap_or_default()
}

pub(super) fn calls(control: &Control, chat: Option<i64>) -> Value {
    let state = control.shared.state();
    let calls = state.calls.iter().filter(|call| chat.is_none() || call.chat == chat);
    let calls = calls.map(|call| {
        json!({
            "method": call.method,
            "chat": call.chat,
            "thread": call.thread,
            "message_id": call.message_id,
            "at": micros(state.started, call.at),
            "status": call.status,
            "error": call.error,
            "inside_window": call.inside_window,
            "params": call.params,
        })
    });
    calls.collect()
}

pub(super) fn polls(control: &Control) -> Value {
    let state = control.shared.state();
    let polls = state.polls.iter().map(|poll| {
        json!({
            "at": micros(state.started, poll.at),
            "offset": poll.offset,
            "limit": poll.limit,
            "timeout": poll.timeout.as_secs(),
            "answered": poll.answered.map(|at| micros(state.started, at)),
            "updates": poll.updates,
            "status": poll.status,
        })
    });
    polls.collect()
}

/// When things happened in each chat, or in one.
pub(super) fn timings(control: &Control, only: Option<i64>) -> Value {
    let state = control.shared.state();
    let mut chats: Vec<&Chat> = state
        .chats
        .values()
        .filter(|chat| only.is_none_or(|id| chat.id == id))
        .collect();
    chats.sort_by_key(|chat| chat.id);
    let since = |times: &[Instant]| times.iter().map(|at| micros(state.started, *at)).collect::<Vec<_>>();
    let timings = chats.into_iter().map(|chat| {
        let line = &chat.timeline;
        let edits = since(&line.edits);
        let sends = since(&line.sends);
        json!({
            "chat": chat.id,
            "said": since(&line.said),
            "handed_out": since(&line.handed_out),
            "first_send": sends.first(),
            "sends": sends,
            "last_edit": edits.last(),
            "edits": edits,
        })
    });
    timings.collect()
}

/// What the bot has said in each chat: how many messages stand there, and how the last one ends.
pub(super) fn answers(control: &Control) -> Value {
    /// Enough to see whether an answer is whole.
    const END_SHOWN: usize = 40;
    let state = control.shared.state();
    let mut chats: Vec<&Chat> = state.chats.values().collect();
    chats.sort_by_key(|chat| chat.id);
    let answers = chats.into_iter().map(|chat| {
        let standing = || {
            chat.messages
                .values()
                .filter(|message| message.is_bots && !message.is_deleted)
        };
        let last = standing().next_back().map(super::chat::Message::text).unwrap_or_default();
        let end = last.char_indices().rev().take(END_SHOWN).last().map_or(0, |(at, _)| at);
        json!({"chat": chat.id, "standing": standing().count(), "characters": last.chars().count(), "end": &last[end..]})
    });
    answers.collect()
}

/// In how many chats the bot's last message ends like this.
pub(super) fn count_ending(control: &Control, ending: &str) -> Value {
    let state = control.shared.state();
    let ends = |chat: &&Chat| {
        let last = chat.messages.values().rfind(|message| message.is_bots && !message.is_deleted);
        last.is_some_and(|message| message.text().ends_with(ending))
    };
    json!(state.chats.values().filter(ends).count())
}

pub(super) fn stats(control: &Control) -> Value {
    let state = control.shared.state();
    let mut by_method: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
    for call in &state.calls {
        *by_method
            .entry(call.method)
            .or_default()
            .entry(call.status.to_string())
            .or_default() += 1;
    }
    let sum = |count: fn(&Chat) -> usize| state.chats.values().map(count).sum::<usize>();
    json!({
        "micros": micros(state.started, Instant::now()),
        "started_monotonic": state.started_monotonic,
        "chats": state.chats.len(),
        "answered_chats": sum(|chat| usize::from(!chat.timeline.sends.is_empty())),
        "said": sum(|chat| chat.timeline.said.len()),
        "handed_out": sum(|chat| chat.timeline.handed_out.len()),
        "sends": sum(|chat| chat.timeline.sends.len()),
        "edits": sum(|chat| chat.timeline.edits.len()),
        "calls": state.calls.len(),
        "by_method": by_method,
        "inside_windows": state.calls.iter().filter(|call| call.inside_window).count(),
        "polls": state.polls.len(),
        "pending_updates": state.updates.pending(),
        "confirmed_offset": state.updates.confirmed,
        "violations": state.violations.len(),
    })
}

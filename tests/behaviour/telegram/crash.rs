//! The failpoints of the core, swept on Telegram: nothing is lost, nothing happens twice but what Telegram leaves no way to know,
//! and that is counted.

use crate::crash::{arrivals, side_by_side};
use crate::support::{PROGRAM, SOON, Stored, read, results, said, write};
use cortex::failpoint;
use cortex_test_support::daemon::{Serving, TestDaemon};
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::telegram::TelegramFake;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TASK: &str = "sum up a.md and b.md in sum.md";
const SUMMARY: &str = "apples and bears\n";
const ANSWER: &str = "The summary is written.";
const UNKNOWN: &str = "do not know whether it took effect";
const LOOK_EVERY: Duration = Duration::from_millis(5);

const TURNS_OVER: &str = "SELECT count(*) FROM turn WHERE status = 'complete'";
const NOT_SHOWN: &str = "SELECT count(*) FROM message WHERE shown_version < desired_version";
const POSSIBLE_DUPLICATES: &str = "SELECT count(*) FROM audit WHERE kind = 'possible_duplicate'";

fn model(request: &Request) -> Reply {
    assert_eq!(said(request), TASK);
    match results(request).len() {
        0 => Reply::text_and_calls("Let me read both.", &[read("files/a.md"), read("files/b.md")]),
        2 => Reply::calls(&[write("files/sum.md", SUMMARY, "append")]),
        _ => Reply::text(ANSWER),
    }
}

/// What came of a run with these deaths.
struct Survived {
    /// Whether the first failpoint was reached.
    died: bool,
    /// Sends that may have arrived twice, as the daemon has put them on record.
    possible_duplicates: i64,
}

/// Lives through the story with a death at each of these places, and checks that all is well in the end.
fn survives(failpoints: &[&str]) -> Survived {
    let llm = LlmFake::start();
    llm.answer_with(model);
    let telegram = TelegramFake::start();
    let alice = telegram.user("Alice");
    let home = telegram.private_chat(alice);
    let daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice);
    daemon.write_file("a.md", "apples");
    daemon.write_file("b.md", "bears");
    telegram.say(home, alice, TASK);

    let mut deaths = Vec::new();
    let mut answered = BTreeSet::new();
    let mut told_unknown = 0;
    for failpoint in failpoints {
        let mut serving = daemon.serve_dying_at(failpoint);
        deaths.push(live(
            &daemon,
            &telegram,
            &mut serving,
            home,
            alice,
            &mut answered,
            &mut told_unknown,
        ));
    }
    let mut serving = daemon.serve();
    let died = live(
        &daemon,
        &telegram,
        &mut serving,
        home,
        alice,
        &mut answered,
        &mut told_unknown,
    );
    let seen = format!("{failpoints:?}\n{}\n{}", telegram.transcript(home), serving.log());
    assert!(!died, "died without a reason: {seen}");

    let stored = Stored::of(&daemon);
    let possible_duplicates = stored.number(POSSIBLE_DUPLICATES);
    // One call at a time was on its way to the chat when the daemon died.
    assert!(
        possible_duplicates <= failpoints.len() as i64,
        "more in doubt than can be: {seen}"
    );
    let standing = telegram.messages(home);
    let answers = standing.iter().filter(|message| message.text == ANSWER).count() as i64;
    assert!(answers >= 1, "no answer: {seen}");
    assert!(answers <= 1 + possible_duplicates, "an answer stands twice: {seen}");
    // What is left half done can only be a copy that nobody knows of.
    let unfinished = standing
        .iter()
        .filter(|message| !message.keyboard.is_empty() || message.text.contains('…'));
    assert!(unfinished.count() as i64 <= possible_duplicates, "left unfinished: {seen}");

    let content = daemon.read_file("sum.md");
    let is_right = content.as_deref() == Some(SUMMARY) || (told_unknown > 0 && content.is_none());
    assert!(is_right, "{content:?}: {seen}");
    assert!(
        told_unknown <= 1 + possible_duplicates,
        "told twice that the outcome is unknown: {seen}"
    );
    assert_eq!(stored.words("SELECT status FROM turn"), ["complete"], "{seen}");
    let unasked = "SELECT count(*) FROM tool_run WHERE tool = 'file_write' AND approval IS NULL";
    assert_eq!(stored.number(unasked), 0, "{seen}");
    assert!(
        stored.number("SELECT count(*) FROM tool_run WHERE tool = 'file_write'") <= 1,
        "{seen}"
    );
    assert_eq!(
        stored.number("SELECT count(*) FROM approval WHERE status = 'pending'"),
        0,
        "{seen}"
    );
    assert_eq!(
        stored.number("SELECT count(*) FROM event WHERE body LIKE '%sum up%'"),
        1,
        "{seen}"
    );
    stored.history_is_paired();
    assert!(
        telegram.wait_until(SOON, |control| control.pending_updates() == 0),
        "not confirmed: {seen}"
    );
    llm.finish();
    Survived {
        died: deaths.first().copied().unwrap_or_default(),
        possible_duplicates,
    }
}

/// Presses what is asked until all is done or the daemon has died, and tells whether it did.
fn live(
    daemon: &TestDaemon,
    telegram: &TelegramFake,
    serving: &mut Serving,
    home: i64,
    alice: i64,
    answered: &mut BTreeSet<i64>,
    told_unknown: &mut i64,
) -> bool {
    let deadline = Instant::now() + SOON;
    loop {
        if serving.has_ended() {
            return true;
        }
        assert!(
            Instant::now() < deadline,
            "nothing more happens:\n{}\n{}",
            telegram.transcript(home),
            serving.log()
        );
        for prompt in telegram.messages(home) {
            let is_open = prompt.text.contains("may I run") && !prompt.keyboard.is_empty();
            if is_open && answered.insert(prompt.message_id) {
                let unknown = prompt.text.contains(UNKNOWN);
                *told_unknown += i64::from(unknown);
                telegram.press(alice, prompt.handle(), if unknown { "Deny" } else { "Allow once" });
            }
        }
        if daemon.store().exists() && is_done(daemon) {
            return false;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn is_done(daemon: &TestDaemon) -> bool {
    let stored = Stored::of(daemon);
    // The tables may not be there yet.
    stored.try_number(TURNS_OVER) == Some(1) && stored.try_number(NOT_SHOWN) == Some(0)
}

#[test]
fn story_on_telegram_survives_a_crash_at_every_step() {
    let most = failpoint::NAMES.iter().map(|name| arrivals(name)).max().unwrap_or(0);
    let cases = (1..=most).flat_map(|arrival| failpoint::NAMES.iter().map(move |name| (*name, arrival)));
    let passed: Mutex<BTreeMap<&str, u32>> = Mutex::default();
    let duplicates: Mutex<BTreeMap<&str, i64>> = Mutex::default();
    side_by_side(
        cases.filter(|(name, arrival)| *arrival <= arrivals(name)),
        |(name, arrival)| {
            let known = passed.lock().unwrap().get(name).copied().unwrap_or(0);
            if arrival > known + 5 {
                return;
            }
            let survived = survives(&[&format!("{name}#{arrival}")]);
            if survived.died {
                let mut passed = passed.lock().unwrap();
                let most = passed.entry(name).or_default();
                *most = arrival.max(*most);
                *duplicates.lock().unwrap().entry(name).or_default() += survived.possible_duplicates;
            }
        },
    );
    let (passed, duplicates) = (passed.into_inner().unwrap(), duplicates.into_inner().unwrap());
    println!("places and how often the story passed them: {passed:?}");
    println!("sends that may stand twice, by place: {duplicates:?}");
    let never: Vec<_> = failpoint::NAMES.iter().filter(|name| !passed.contains_key(*name)).collect();
    assert!(never.is_empty(), "the story never comes by {never:?}");
}

#[test]
fn story_on_telegram_survives_a_second_crash_while_it_is_put_right() {
    let first = [
        "tool.after_effect#3",
        "finish.after_commit",
        "ask.after_commit",
        "send.after_effect#2",
    ];
    let second = [
        "step.before_commit",
        "step.after_commit",
        "accept.after_commit",
        "send.after_effect",
    ];
    let cases = first
        .iter()
        .flat_map(|first| second.iter().map(move |second| (*first, *second)))
        .flat_map(|(first, second)| (1..=4).map(move |arrival| (first, format!("{second}#{arrival}"))));
    side_by_side(cases, |(first, second)| assert!(survives(&[first, &second]).died, "{first}"));
}

//! The failpoints of the core, swept on Telegram: nothing is lost, nothing happens twice but what Telegram leaves no way to know,
//! and that is counted. The process dies, or the power fails, so that what was not synced to the disk is lost too.

use crate::crash::{arrivals, side_by_side};
use crate::support::{PROGRAM, SOON, Stored, read, results, said, write};
use cortex::failpoint;
use cortex_test_support::daemon::{Serving, TestDaemon};
use cortex_test_support::disk::Kept;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::long::is_long;
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

/// What dies.
#[derive(Clone, Copy, Debug)]
enum Death {
    Process,
    /// The machine, with this left on the disk of what was not synced.
    Machine(Kept),
}

/// What came of a run with these deaths.
struct Survived {
    /// Whether the first failpoint was reached.
    died: bool,
    /// Sends that may have arrived twice, as the daemon has put them on record.
    possible_duplicates: i64,
}

/// Lives through the story with a death at each of these places, and checks that all is well in the end.
fn survives(failpoints: &[&str], death: Death) -> Survived {
    let llm = LlmFake::start();
    llm.answer_with(model);
    let telegram = TelegramFake::start();
    let alice = telegram.user("Alice");
    let home = telegram.private_chat(alice);
    let mut daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice);
    if let Death::Machine(_) = death {
        daemon = daemon.on_recorded_disk();
    }
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
        serving.kill();
        if let Death::Machine(kept) = death {
            daemon.lose_power(kept);
        }
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
    let seen = format!("{failpoints:?} {death:?}\n{}\n{}", telegram.transcript(home), serving.log());
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
    survives_at_every_step(u32::MAX, |_| vec![Death::Process]);
}

/// Lives through the story with a death at each place, at no more arrivals there than so many.
fn survives_at_every_step(most_arrivals: u32, deaths: impl Fn(u32) -> Vec<Death> + Sync) {
    let arrivals = |name: &str| arrivals(name).min(most_arrivals);
    let most = failpoint::NAMES.iter().map(|name| arrivals(name)).max().unwrap_or(0);
    let cases = (1..=most).flat_map(|arrival| failpoint::NAMES.iter().map(move |name| (*name, arrival)));
    let cases = cases.flat_map(|(name, arrival)| deaths(arrival).into_iter().map(move |death| (name, arrival, death)));
    let passed: Mutex<BTreeMap<&str, u32>> = Mutex::default();
    let duplicates: Mutex<BTreeMap<&str, i64>> = Mutex::default();
    side_by_side(
        cases.filter(|(name, arrival, _)| *arrival <= arrivals(name)),
        |(name, arrival, death)| {
            let known = passed.lock().unwrap().get(name).copied().unwrap_or(0);
            if arrival > known + 5 {
                return;
            }
            let survived = survives(&[&format!("{name}#{arrival}")], death);
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
    side_by_side(cases, |(first, second)| {
        assert!(survives(&[first, &second], Death::Process).died, "{first}");
    });
}

#[test]
fn story_on_telegram_survives_a_power_loss_at_every_step() {
    let seed = |arrival: u32| Death::Machine(Kept::Some(u64::from(arrival)));
    if is_long() {
        let seeds = |arrival| (0..4).map(move |more| seed(arrival + 100 * more));
        survives_at_every_step(u32::MAX, |arrival| {
            std::iter::once(Death::Machine(Kept::Nothing)).chain(seeds(arrival)).collect()
        });
    } else {
        // Each place with nothing kept, and with something of it.
        survives_at_every_step(6, |arrival| {
            vec![if arrival % 2 == 1 {
                Death::Machine(Kept::Nothing)
            } else {
                seed(arrival)
            }]
        });
    }
}

#[test]
fn story_on_telegram_survives_a_second_power_loss() {
    for arrival in 1..=4 {
        let second = format!("step.after_commit#{arrival}");
        let death = Death::Machine(Kept::Nothing);
        assert!(survives(&["tool.after_effect#3", &second], death).died);
    }
}

/// The record that the others rely on tells of all that the daemon does to its disk, and of nothing else.
#[test]
fn record_of_the_disk_is_complete() {
    let (telegram, daemon, mut serving) = after_an_answer();
    assert!(serving.stop(SOON).success(), "{}", serving.log());
    daemon.check_record();
    daemon.lose_power(Kept::Nothing);
    assert_eq!(Stored::of(&daemon).number(TURNS_OVER), 1);
    drop(telegram);
}

/// What the others would find if the daemon did not sync in time.
#[test]
fn disk_that_syncs_nothing_loses_a_message() {
    let (telegram, daemon, mut serving) = after_an_answer();
    assert!(telegram.wait_until(SOON, |control| control.pending_updates() == 0));
    serving.kill();
    daemon.lose_power(Kept::NothingAtAll);
    assert!(!daemon.store().exists());
}

fn after_an_answer() -> (TelegramFake, TestDaemon, Serving) {
    let llm = LlmFake::start();
    llm.answer_with(|_| Reply::text(ANSWER));
    let telegram = TelegramFake::start();
    let alice = telegram.user("Alice");
    let home = telegram.private_chat(alice);
    let daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice).on_recorded_disk();
    let serving = daemon.serve();
    telegram.say(home, alice, TASK);
    telegram.wait_for_text(home, ANSWER, SOON);
    Stored::of(&daemon).becomes(NOT_SHOWN, 0);
    (telegram, daemon, serving)
}

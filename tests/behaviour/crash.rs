//! Crashes at every journaled step: nothing is lost, nothing happens twice, and no question is forgotten.

use crate::support::{PROGRAM, SOON, Stored, read, results, said, wait_for_prompt, write};
use cortex::failpoint;
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const TASK: &str = "sum up a.md and b.md in sum.md";
const SUMMARY: &str = "apples and bears\n";
const ANSWER: &str = "The summary is written.";
const UNKNOWN: &str = "do not know whether it took effect";
const CRASHES_ON_BOOM: &str = "turn.text=boom";
const WRITES: &str = "SELECT count(*) FROM tool_run WHERE tool = 'file_write'";
const WRITES_UNASKED: &str = "SELECT count(*) FROM tool_run WHERE tool = 'file_write' AND approval IS NULL";

/// How often the screen is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Cases beside each other.
const THREADS: usize = 4;

/// How many arrivals at a failpoint are tried, as far as the scenario gets there so often. A step is stored at every turn of the
/// story, and each of these commits is a place of its own; pictures of a growing answer are all alike.
pub(crate) fn arrivals(name: &str) -> u32 {
    match name {
        "step.before_commit" | "step.after_commit" => 60,
        "send.after_intent" | "send.after_effect" | "send.after_record" => 6,
        "model.first_text" => 2,
        _ => 4,
    }
}

fn story(request: &Request) -> Reply {
    match results(request).len() {
        0 => Reply::text_and_calls("Let me read both.", &[read("files/a.md"), read("files/b.md")]),
        2 => Reply::calls(&[write("files/sum.md", SUMMARY, "append")]),
        _ => Reply::text(ANSWER),
    }
}

/// What a person saw and did in one sitting.
#[derive(Default)]
struct Sitting {
    died: bool,
    answers: usize,
    told_unknown: usize,
    screen: String,
}

/// Types the task, where the store does not have it, and answers what is asked until the task is done, the person has left, or
/// the daemon has died.
fn sit(daemon: &TestDaemon, failpoint: Option<&str>) -> Sitting {
    let mut sitting = Sitting::default();
    let mut typed = daemon.store().exists() && Stored::of(daemon).number("SELECT count(*) FROM turn") > 0;
    let mut terminal = failpoint.map_or_else(|| daemon.chat(), |failpoint| daemon.chat_dying_at(failpoint));
    let (mut answered, mut left) = (0, false);
    let deadline = Instant::now() + SOON;
    while !terminal.has_ended() {
        let screen = terminal.transcript();
        assert!(Instant::now() < deadline, "nothing more happens:\n{screen}\n{}", daemon.log());
        if !screen.contains('›') {
            // Keys typed before the input line is there belong to nobody.
            std::thread::sleep(LOOK_EVERY);
            continue;
        }
        let asked = screen.matches("may I run").count();
        if !typed {
            let _ = terminal.type_line(TASK);
            typed = true;
        } else if asked > answered && screen.matches("to answer, or `> `").count() == asked {
            answered = asked;
            let unknown = screen.matches(UNKNOWN).count();
            let answer = if unknown > sitting.told_unknown { "> no" } else { "> yes" };
            sitting.told_unknown = unknown;
            let _ = terminal.type_line(answer);
        } else if !left && typed && all_is_done(daemon) {
            let _ = terminal.press_ctrl_d();
            left = true;
        }
        std::thread::sleep(LOOK_EVERY);
    }
    let status = terminal.wait_for_exit(SOON);
    sitting.screen = terminal.transcript();
    sitting.died = !status.success();
    sitting.answers = sitting.screen.matches(ANSWER).count();
    sitting
}

/// Whether the turn is over and everything about it is shown.
fn all_is_done(daemon: &TestDaemon) -> bool {
    let stored = Stored::of(daemon);
    stored.number("SELECT count(*) FROM turn WHERE status = 'complete'") == 1
        && stored.number("SELECT count(*) FROM message WHERE shown_version < desired_version") == 0
}

/// Kills the story at these places, one after the other, starts it once more, and checks that all is well in the end. Tells
/// whether the first place was reached.
fn survives(failpoints: &[&str]) -> bool {
    let fake = LlmFake::start();
    fake.answer_with(|request| {
        assert_eq!(said(request), TASK);
        story(request)
    });
    let daemon = task_at_hand(&fake);
    let mut sittings: Vec<Sitting> = failpoints.iter().map(|place| sit(&daemon, Some(place))).collect();
    sittings.push(sit(&daemon, None));
    let screens: Vec<&str> = sittings.iter().map(|sitting| sitting.screen.as_str()).collect();
    let seen = format!("{failpoints:?}\n{}", screens.join("\n--- started again ---\n"));
    let last = &sittings[sittings.len() - 1];
    assert!(!last.died, "died without a reason: {seen}\n{}", daemon.log());

    // Nothing lost: the answer came, and stands once where it was shown.
    assert!(sittings.iter().any(|sitting| sitting.answers > 0), "no answer: {seen}");
    assert!(
        sittings.iter().all(|sitting| sitting.answers <= 1),
        "an answer stands twice: {seen}"
    );
    // Nothing twice: the file has the text once, or not at all where the person was told so and did not want it repeated.
    let told_unknown = sittings.iter().any(|sitting| sitting.told_unknown > 0);
    let content = daemon.read_file("sum.md");
    let is_right = content.as_deref() == Some(SUMMARY) || (told_unknown && content.is_none());
    assert!(is_right, "{content:?}: {seen}");
    assert!(last.told_unknown <= 1, "told twice that the outcome is unknown: {seen}");

    let stored = Stored::of(&daemon);
    assert_eq!(stored.words("SELECT status FROM turn"), ["complete"], "{seen}");
    assert_eq!(stored.number(WRITES_UNASKED), 0, "{seen}");
    assert!(stored.number(WRITES) <= 1, "{seen}");
    // No question forgotten: what was open was shown again, and answered.
    let open = "SELECT count(*) FROM approval WHERE status = 'pending'";
    assert_eq!(stored.number(open), 0, "{seen}");
    let answers = "SELECT count(*) FROM history WHERE body LIKE '%The summary is written.%'";
    assert_eq!(stored.number(answers), 1, "{seen}");
    stored.history_is_paired();
    fake.finish();
    sittings[0].died
}

fn task_at_hand(fake: &LlmFake) -> TestDaemon {
    let daemon = TestDaemon::on_fake(PROGRAM, fake);
    daemon.write_file("a.md", "apples");
    daemon.write_file("b.md", "bears");
    daemon
}

/// Works through cases on a few threads.
pub(crate) fn side_by_side<T: Send>(cases: impl IntoIterator<Item = T>, work: impl Fn(T) + Sync) {
    let cases: Mutex<VecDeque<T>> = Mutex::new(cases.into_iter().collect());
    let next = || cases.lock().unwrap().pop_front();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(case) = next() {
                    work(case);
                }
            });
        }
    });
}

#[test]
fn story_survives_a_crash_at_every_step() {
    let most = failpoint::NAMES.iter().map(|name| arrivals(name)).max().unwrap_or(0);
    let cases = (1..=most).flat_map(|arrival| failpoint::NAMES.iter().map(move |name| (*name, arrival)));
    // How often the story passes each place.
    let passed: Mutex<BTreeMap<&str, u32>> = Mutex::default();
    side_by_side(
        cases.filter(|(name, arrival)| *arrival <= arrivals(name)),
        |(name, arrival)| {
            let known = passed.lock().unwrap().get(name).copied().unwrap_or(0);
            // Where it did not get the last times, it does not get now; cases beside this one may not be over.
            let hopeless = arrival > known + 1 + THREADS as u32;
            if !hopeless && survives(&[&format!("{name}#{arrival}")]) {
                let mut passed = passed.lock().unwrap();
                let most = passed.entry(name).or_default();
                *most = arrival.max(*most);
            }
        },
    );
    let passed = passed.into_inner().unwrap();
    println!("places and how often the story passed them: {passed:?}");
    let never: Vec<_> = failpoint::NAMES.iter().filter(|name| !passed.contains_key(*name)).collect();
    assert!(never.is_empty(), "the story never comes by {never:?}");
}

#[test]
fn story_survives_a_second_crash_while_it_is_put_right() {
    // Cut off with an unknown outcome, with an answer to be shown, and with a question to be put again.
    let first = ["tool.after_effect#3", "finish.after_commit", "ask.after_commit"];
    let second = ["step.before_commit", "step.after_commit"];
    let cases = first
        .iter()
        .flat_map(|first| second.iter().map(move |second| (*first, *second)))
        .flat_map(|(first, second)| (1..=12).map(move |arrival| (first, format!("{second}#{arrival}"))));
    side_by_side(cases, |(first, second)| assert!(survives(&[first, &second]), "{first}"));
}

#[test]
fn write_of_unknown_outcome_is_repeated_only_when_wanted() {
    let fake = LlmFake::start();
    fake.answer_with(story);
    let daemon = task_at_hand(&fake);
    let died = sit(&daemon, Some("tool.after_effect#3"));
    assert!(died.died);
    assert_eq!(daemon.read_file("sum.md").as_deref(), Some(SUMMARY));

    let mut terminal = daemon.chat();
    terminal.wait_for(UNKNOWN, SOON);
    wait_for_prompt(&terminal);
    assert!(
        !terminal.screen_text().contains("Always (always)"),
        "a grant is no answer to this"
    );
    terminal.type_line("> yes").unwrap();
    terminal.wait_for(ANSWER, SOON);
    assert_eq!(daemon.read_file("sum.md"), Some(SUMMARY.repeat(2)));
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number(WRITES), 2);
    assert_eq!(stored.number(WRITES_UNASKED), 0);
}

#[test]
fn request_that_crashes_the_daemon_is_set_aside() {
    let fake = LlmFake::start();
    fake.answer_with(|request| Reply::text(&format!("You said {}.", said(request))));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = daemon.chat_dying_at(CRASHES_ON_BOOM);
    terminal.wait_for("›", SOON);
    terminal.type_line("boom").unwrap();
    assert!(!terminal.wait_for_exit(SOON).success());
    for _ in 0..2 {
        let mut terminal = daemon.chat_dying_at(CRASHES_ON_BOOM);
        assert!(!terminal.wait_for_exit(SOON).success());
    }
    let mut terminal = daemon.chat_dying_at(CRASHES_ON_BOOM);
    terminal.wait_for("I have set it aside", SOON);
    // Keys typed before the input line is there belong to nobody.
    terminal.wait_for("›", SOON);
    terminal.type_line("hello").unwrap();
    terminal.wait_for("You said hello.", SOON);
    assert_eq!(fake.requests().len(), 1);
    let stored = Stored::of(&daemon);
    assert_eq!(stored.words("SELECT status FROM turn ORDER BY number"), ["error", "complete"]);
}

#[test]
fn answer_cut_off_in_its_middle_is_whole_after_a_restart() {
    const ANSWER: &str = "one two three four five six seven eight nine ten";
    let fake = LlmFake::start();
    fake.reply(Reply::text_slowly(ANSWER, Duration::from_millis(100)));
    fake.reply(Reply::text(ANSWER));
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    terminal.type_line("count").unwrap();
    terminal.wait_for("one two three", SOON);
    terminal.kill();
    assert!(!terminal.screen_text().contains("ten"));

    let terminal = daemon.chat();
    terminal.wait_for(ANSWER, SOON);
    Stored::of(&daemon).becomes("SELECT count(*) FROM message WHERE shown_version < desired_version", 0);
    assert_eq!(terminal.transcript().matches("one").count(), 1, "{}", terminal.transcript());
    fake.finish();
}

//! How often the bot calls while an answer grows, and what it does when Telegram asks it to wait. At the pace of the defaults.

use crate::support::{PROGRAM, SOON};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply};
use cortex_test_support::telegram::{BotMessage, Fault, Options, TelegramFake};
use std::time::{Duration, Instant};

/// 50 tokens a second.
const TOKEN_EVERY: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_mins(1);

/// An answer of so many tokens, each a word.
fn answer_of(tokens: usize) -> String {
    let words: Vec<String> = (1..=tokens).map(|number| format!("w{number}")).collect();
    words.join(" ")
}

struct Scene {
    llm: LlmFake,
    telegram: TelegramFake,
    daemon: TestDaemon,
    alice: i64,
}

fn scene(options: Options) -> Scene {
    let llm = LlmFake::start();
    let telegram = TelegramFake::start_with(options);
    let alice = telegram.user("Alice");
    let mut daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice);
    daemon.unset("connectors.telegram.pace");
    Scene {
        llm,
        telegram,
        daemon,
        alice,
    }
}

fn strict() -> Options {
    Options {
        rate_limits: true,
        ..Options::default()
    }
}

/// Waits for an answer that ends so in a single message.
#[track_caller]
fn wait_for_whole(telegram: &TelegramFake, chat: i64, answer: &str, longest: Duration) {
    telegram.wait_for(
        chat,
        |messages| messages.iter().any(|message| message.text == answer),
        longest,
    );
    assert_eq!(telegram.messages(chat).len(), 1, "{}", telegram.transcript(chat));
}

#[test]
fn long_answer_stays_within_a_call_a_second_in_private() {
    let Scene {
        llm,
        telegram,
        daemon,
        alice,
    } = scene(strict());
    let home = telegram.private_chat(alice);
    let answer = answer_of(400);
    llm.reply(Reply::text_slowly(&answer, TOKEN_EVERY));
    let serving = daemon.serve();
    telegram.say(home, alice, "count");
    wait_for_whole(&telegram, home, &answer, LONG);

    let gap = telegram.smallest_gap(home).unwrap();
    assert!(gap >= Duration::from_secs(1), "two calls {gap:?} apart");
    let calls = telegram.calls_to(home);
    assert!(
        calls.iter().all(|call| call.status == 200),
        "{:?}",
        calls.iter().map(|call| call.status).collect::<Vec<_>>()
    );
    assert!((5..12).contains(&calls.len()), "{} calls for one answer", calls.len());
    println!("400 tokens: {} calls, the closest {gap:?} apart", calls.len());
    drop(serving);
    llm.finish();
}

#[test]
fn long_answer_stays_within_twenty_calls_a_minute_in_a_group() {
    let Scene {
        llm,
        telegram,
        daemon,
        alice,
    } = scene(strict());
    let group = telegram.supergroup("Us");
    telegram.add_user(group, alice);
    let answer = answer_of(400);
    llm.reply(Reply::text_slowly(&answer, TOKEN_EVERY));
    let _serving = daemon.serve();
    telegram.say(group, alice, "@cortex_test_bot count");
    wait_for_whole(&telegram, group, &answer, LONG);

    let gap = telegram.smallest_gap(group).unwrap();
    assert!(gap >= Duration::from_secs(3), "two calls {gap:?} apart");
    assert!(telegram.most_within(group, Duration::from_mins(1)) <= 20);
    assert!(telegram.calls_to(group).iter().all(|call| call.status == 200));
}

#[test]
#[ignore = "takes two minutes; for a run by hand"]
fn busy_topics_of_a_group_share_its_twenty_calls_a_minute() {
    let Scene {
        llm,
        telegram,
        daemon,
        alice,
    } = scene(strict());
    let forum = telegram.forum("Us");
    telegram.add_user(forum, alice);
    let answer = answer_of(700);
    llm.answer_with({
        let answer = answer.clone();
        move |_| Reply::text_slowly(&answer, Duration::from_millis(100))
    });
    let _serving = daemon.serve();
    for name in ["one", "two", "three", "four"] {
        let topic = telegram.topic(forum, name);
        telegram.compose(forum, alice, "@cortex_test_bot count").thread(topic).send();
    }
    let all = |messages: &[BotMessage]| messages.iter().filter(|message| message.text == answer).count() == 4;
    telegram.wait_for(forum, all, LONG * 3);

    let most = telegram.most_within(forum, Duration::from_mins(1));
    assert!((10..=20).contains(&most), "{most} calls in a minute");
    assert!(telegram.calls_to(forum).iter().all(|call| call.status == 200));
    println!("four topics for 70 s: {most} calls in the busiest minute");
}

#[test]
fn waits_that_telegram_asks_for_are_kept_and_the_answer_is_whole() {
    for (call, seconds) in [("editMessageText", 1), ("sendMessage", 1), ("editMessageText", 3)] {
        is_whole_after_a_wait(call, seconds);
    }
}

#[test]
#[ignore = "takes six minutes; for a run by hand"]
fn long_waits_that_telegram_asks_for_are_kept_too() {
    for seconds in [20, 300] {
        is_whole_after_a_wait("editMessageText", seconds);
    }
}

/// A 429 in the middle of an answer, on this call, for so long.
fn is_whole_after_a_wait(method: &str, seconds: u64) {
    let Scene {
        llm,
        telegram,
        daemon,
        alice,
    } = scene(Options::default());
    let home = telegram.private_chat(alice);
    let answer = answer_of(150);
    llm.reply(Reply::text_slowly(&answer, TOKEN_EVERY));
    telegram.fault(Fault::on(method).in_chat(home).times(1).too_many_requests(seconds));
    let _serving = daemon.serve();
    telegram.say(home, alice, "count");
    let began = Instant::now();
    wait_for_whole(&telegram, home, &answer, LONG + Duration::from_secs(seconds));

    assert!(began.elapsed() >= Duration::from_secs(seconds), "the wait was not kept");
    let inside = telegram.calls_inside_windows();
    assert!(inside.is_empty(), "called inside the window: {inside:?}");
    assert_eq!(telegram.faults_left(), 0, "the fault never came");
}

#[test]
fn finals_of_several_chats_all_come_while_one_must_wait() {
    let Scene {
        llm,
        telegram,
        mut daemon,
        alice,
    } = scene(strict());
    let bob = telegram.user("Bob");
    daemon.set("users.bob.identities", &format!("[\"telegram:{bob}\"]"));
    let (home, bobs) = (telegram.private_chat(alice), telegram.private_chat(bob));
    llm.answer_with(|_| Reply::text("All well."));
    telegram.fault(Fault::on("sendMessage").in_chat(home).times(1).too_many_requests(3));
    let _serving = daemon.serve();
    telegram.say(home, alice, "how is it?");
    telegram.say(bobs, bob, "how is it?");
    let began = Instant::now();
    telegram.wait_for_text(bobs, "All well.", SOON);
    assert!(began.elapsed() < Duration::from_secs(2), "one chat's wait holds up another");
    telegram.wait_for_text(home, "All well.", SOON);
    assert!(telegram.calls_inside_windows().is_empty());
}

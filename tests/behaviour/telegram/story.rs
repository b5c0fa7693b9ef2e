//! The whole story: a stranger, a known user, a growing answer, a gate, a crash, an approval, one effect.

use crate::support::{PROGRAM, SOON, Stored, results, said, write};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::telegram::TelegramFake;
use std::time::Duration;

const COUNT: &str = "count to twelve";
const LONG_ANSWER: &str = "word1 word2 word3 word4 word5 word6 word7 word8 word9 word10 word11 word12";
const FIRST: &str = "note apples";
const SECOND: &str = "note bears";

fn story(request: &Request) -> Reply {
    let note = match said(request) {
        FIRST => "apples\n",
        SECOND => "bears\n",
        _ => return Reply::text_slowly(LONG_ANSWER, Duration::from_millis(60)),
    };
    if results(request).is_empty() {
        Reply::calls(&[write("files/notes.md", note, "append")])
    } else {
        Reply::text("It is noted.")
    }
}

#[test]
fn story_on_telegram() {
    let llm = LlmFake::start();
    llm.answer_with(story);
    let telegram = TelegramFake::start();
    let (alice, eve) = (telegram.user("Alice"), telegram.user("Eve"));
    let (home, eves) = (telegram.private_chat(alice), telegram.private_chat(eve));
    let daemon = TestDaemon::on_telegram(PROGRAM, &llm, &telegram, alice);
    let mut first = daemon.serve();
    first.wait_for_log("ready", SOON);

    // A stranger is refused.
    telegram.say(eves, eve, "/start");
    telegram.wait_for_text(eves, "only talk with people I know", SOON);
    assert!(llm.requests().is_empty());

    // A known user asks, and sees the answer grow in one message.
    telegram.say(home, alice, COUNT);
    let answer = telegram.wait_for_text(home, "word12", SOON);
    println!("{}", telegram.transcript(home));
    println!("{}", first.log());
    assert!(answer.edits.len() > 2, "it did not grow: {:?}", answer.edits.len());
    let _ = Stored::of(&daemon);
}

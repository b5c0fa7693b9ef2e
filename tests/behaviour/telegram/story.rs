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
const NOTED: &str = "It is noted.";

fn story(request: &Request) -> Reply {
    let note = match said(request) {
        FIRST => "apples\n",
        SECOND => "bears\n",
        _ => return Reply::text_slowly(LONG_ANSWER, Duration::from_millis(60)),
    };
    if results(request).is_empty() {
        Reply::calls(&[write("files/notes.md", note, "append")])
    } else {
        Reply::text(NOTED)
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

    // A stranger is refused, once.
    telegram.say(eves, eve, "/start");
    let refusal = telegram.wait_for_text(eves, "only talk with people I know", SOON);
    assert!(
        refusal.text.contains(&eve.to_string()),
        "the id is not told: {}",
        refusal.text
    );
    telegram.say(eves, eve, COUNT);

    // A known user asks, and sees the answer grow in one message.
    telegram.say(home, alice, COUNT);
    let answer = telegram.wait_for_text(home, "word12", SOON);
    assert!(answer.edits.len() > 2, "it did not grow:\n{}", telegram.transcript(home));
    assert_eq!(telegram.messages(home).len(), 1, "{}", telegram.transcript(home));
    assert_eq!(telegram.messages(eves).len(), 1, "{}", telegram.transcript(eves));
    assert_eq!(llm.requests().len(), 1, "the stranger reached the model");

    // A dangerous call waits. The daemon is killed, and the button is pressed while it is down.
    let request = telegram.say(home, alice, FIRST);
    let prompt = telegram.wait_for_text(home, "may I run file_write", SOON);
    assert_eq!(prompt.labels(), ["Allow once", "Deny", "For this session", "Always"]);
    assert_eq!(prompt.reply_to, Some(request.message_id), "{}", telegram.transcript(home));
    Stored::of(&daemon).becomes(
        "SELECT count(*) FROM message WHERE approval IS NOT NULL AND send_state = 'sent'",
        1,
    );
    first.kill();
    assert_eq!(daemon.read_file("notes.md"), None);
    let pressed = telegram.press(alice, prompt.handle(), "Allow once");

    let second = daemon.serve();
    let reply = telegram.wait_for_text(home, NOTED, SOON);
    assert_eq!(daemon.read_file("notes.md").as_deref(), Some("apples\n"));
    assert_eq!(reply.reply_to, Some(request.message_id), "{}", telegram.transcript(home));
    assert!(
        reply.handle().message_id > prompt.handle().message_id,
        "an answer far up is seen by nobody"
    );
    telegram.wait_for_answer(&pressed, SOON);
    let outcome = telegram.wait_for_text(home, "allowed once by alice", SOON);
    assert_eq!(outcome.handle(), prompt.handle());
    assert!(outcome.keyboard.is_empty(), "the buttons are still there");

    // In a second round a typed answer does the same; nobody else's does anything.
    let request = telegram.say(home, alice, SECOND);
    let prompt = telegram
        .wait_for(
            home,
            |messages| messages.iter().filter(|message| message.text.contains("may I run")).count() == 1,
            SOON,
        )
        .into_iter()
        .find(|message| message.text.contains("may I run"))
        .unwrap();
    let foreign = telegram.press(eve, prompt.handle(), "Allow once");
    telegram.wait_for_answer(&foreign, SOON);
    assert_eq!(daemon.read_file("notes.md").as_deref(), Some("apples\n"));
    telegram.compose(home, alice, "yes").reply_to(prompt.handle()).send();
    telegram.wait_for(
        home,
        |messages| messages.iter().filter(|message| message.text == NOTED).count() == 2,
        SOON,
    );
    assert_eq!(daemon.read_file("notes.md").as_deref(), Some("apples\nbears\n"));
    let last = telegram.messages(home).pop().unwrap();
    assert_eq!((last.text.as_str(), last.reply_to), (NOTED, Some(request.message_id)));

    // A press on what was decided changes nothing.
    let stale = telegram.press_data(alice, prompt.handle(), prompt.keyboard[0][0].data.as_deref().unwrap());
    telegram.wait_for_answer(&stale, SOON);
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run WHERE tool = 'file_write'"), 2);
    assert_eq!(stored.number("SELECT count(*) FROM tool_run WHERE approval IS NULL"), 0);
    stored.history_is_paired();
    assert!(!second.log().contains("ERROR"), "{}", second.log());
    assert!(!second.log().contains(telegram.token()), "the token is in the log");
    assert!(!second.log().contains("apples"), "words of a message are in the log");
    println!("{}", telegram.transcript(home));
}

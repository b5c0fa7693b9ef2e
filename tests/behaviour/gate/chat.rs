//! What goes on around the gate: stopping, queueing, commands, other messages while something waits.

use super::{ask_to_write, chat, clerk, say, with_clerk};
use crate::support::{PROGRAM, SOON, Stored, said};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::{LlmFake, Reply};
use cortex_test_support::terminal::Terminal;
use std::time::{Duration, Instant};

const ENDLESS: &str =
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma tau omega";
/// A stop that is not prompt takes the rest of the stream.
const PROMPTLY: Duration = Duration::from_secs(5);

fn slow() -> (LlmFake, TestDaemon) {
    let fake = LlmFake::start();
    fake.answer_with(|request| {
        if said(request) == "talk" {
            Reply::text_slowly(ENDLESS, Duration::from_millis(400))
        } else {
            clerk(request)
        }
    });
    let daemon = TestDaemon::on_fake(PROGRAM, &fake);
    (fake, daemon)
}

#[track_caller]
fn stops(stop: impl FnOnce(&mut Terminal)) {
    let (fake, daemon) = slow();
    let mut terminal = chat(&daemon);
    say(&mut terminal, "talk", "alpha beta");
    let begun = Instant::now();
    stop(&mut terminal);
    terminal.wait_for("(Stopped.)", PROMPTLY);
    assert!(begun.elapsed() < PROMPTLY);
    assert!(fake.wait_for_hang_up(PROMPTLY), "the model goes on talking");
    let screen = terminal.screen_text();
    assert!(screen.contains("alpha beta") && !screen.contains("omega"), "{screen}");
    say(&mut terminal, "hello", "You said hello.");
    let heard = fake
        .last_request()
        .messages()
        .iter()
        .map(ToString::to_string)
        .collect::<String>();
    assert!(
        heard.contains("alpha beta") && heard.contains("The user stopped this answer here"),
        "{heard}"
    );
    let stored = Stored::of(&daemon);
    assert_eq!(
        stored.words("SELECT status FROM turn ORDER BY number"),
        ["cancelled", "complete"]
    );
}

#[test]
fn stop_command_stops_a_growing_answer() {
    stops(|terminal| terminal.type_line("/stop").unwrap());
}

#[test]
fn ctrl_c_stops_a_growing_answer() {
    stops(|terminal| terminal.press_ctrl_c().unwrap());
}

#[test]
fn stop_drops_what_is_queued_and_leaves_what_waits() {
    let (_fake, daemon) = slow();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    say(&mut terminal, "talk", "alpha beta");
    say(
        &mut terminal,
        "and then this",
        "Queued: I answer this after the request before it.",
    );
    say(&mut terminal, "/stop", "Stopped 2 requests.");
    let stored = Stored::of(&daemon);
    stored.becomes("SELECT count(*) FROM turn WHERE status = 'cancelled'", 2);
    assert_eq!(stored.words("SELECT status FROM approval"), ["pending"]);
    say(&mut terminal, "yes K2", "files/a.md now has");
}

#[test]
fn queued_message_is_told_and_answered_in_its_order() {
    let (_fake, daemon) = slow();
    let mut terminal = chat(&daemon);
    say(&mut terminal, "talk", "alpha");
    say(&mut terminal, "hello", "Queued: I answer this after the request before it.");
    terminal.wait_for("You said hello.", SOON);
    let screen = terminal.transcript();
    assert!(
        screen.find("omega").unwrap() < screen.find("You said hello.").unwrap(),
        "{screen}"
    );
}

#[test]
fn waiting_turn_does_not_block_other_messages() {
    let (fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    ask_to_write(&mut terminal, "write a.md one", "K2");
    say(&mut terminal, "how are you", "You said how are you.");
    let system = fake.last_request().last_content("system").to_owned();
    assert!(
        system.contains("Still waiting for the user's decision from earlier requests: K2. Their actions have not happened."),
        "{system}"
    );
    say(&mut terminal, "yes K2", "files/a.md now has");
    // History is ordered by completion.
    let stored = Stored::of(&daemon);
    let asked = "SELECT body FROM history WHERE open = 0 AND body LIKE '%\"user\"%' ORDER BY number";
    stored.becomes("SELECT count(*) FROM turn WHERE status = 'complete'", 2);
    let asked = stored.words(asked);
    assert!(
        asked[0].contains("how are you") && asked[1].contains("write a.md one"),
        "{asked:?}"
    );
    stored.history_is_paired();
    say(&mut terminal, "thanks", "You said thanks.");
    assert!(!fake.last_request().last_content("system").contains("Still waiting"));
}

#[test]
fn commands_answer() {
    let (_fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    say(&mut terminal, "/help", "/approvals lists what waits for your decision");
    say(&mut terminal, "/approvals", "Nothing waits for a decision here.");
    say(&mut terminal, "/stop", "Nothing is running.");
    say(&mut terminal, "/nonsense", "There is no command /nonsense.");
    say(&mut terminal, "hello", "You said hello.");
    say(&mut terminal, "/usage", "Last request: 10, 0, 3");
    ask_to_write(&mut terminal, "write a.md one", "K2");
    say(&mut terminal, "/status", "Waiting for a decision: K2");
    terminal.wait_for("You are: alice", SOON);
    terminal.wait_for("Requests finished in this session: 1", SOON);
    say(
        &mut terminal,
        "/approvals",
        "K2 file_write (medium risk), asked by alice, until",
    );
    say(&mut terminal, "/deny Z9", "Nothing waits under the code Z9.");
    say(
        &mut terminal,
        "/deny K2 wrong day",
        "Action denied by user. Reason: wrong day",
    );
    say(&mut terminal, "/deny", "There is nothing waiting for a decision here.");
    say(&mut terminal, "/new", "A new session has begun");
    say(&mut terminal, "/status", "Requests finished in this session: 0");
}

#[test]
fn new_session_forgets_what_was_said() {
    let (fake, daemon) = with_clerk();
    let mut terminal = chat(&daemon);
    say(&mut terminal, "my word is xyzzy", "You said my word is xyzzy.");
    say(&mut terminal, "what is it", "You said what is it.");
    assert_eq!(fake.last_request().messages().len(), 4);
    say(&mut terminal, "/new", "A new session has begun");
    say(&mut terminal, "and now", "You said and now.");
    assert_eq!(fake.last_request().messages().len(), 2, "the system prompt and the message");
}

//! Strangers at the terminal, and the operator who lets them in from the command line beside the daemon.

use super::with_parrot;
use crate::support::{PROGRAM, SOON, Stored};
use cortex_test_support::daemon::TestDaemon;
use cortex_test_support::llm::LlmFake;
use cortex_test_support::telegram::TelegramFake;
use cortex_test_support::terminal::Terminal;

const TOLD: &str = "I only talk with people I know.";
const LET_IN: &str = "You can talk to me now.";
/// A code that was never given.
const FORGED: &str = "ZZZZZZZZ";

/// A daemon at whose terminal a stranger sits.
fn with_stranger() -> (LlmFake, TestDaemon) {
    let (fake, mut daemon) = with_parrot();
    daemon.unset("users.");
    (fake, daemon)
}

/// Lets the stranger write, and gives the code that the store has for them; the same must stand on the screen.
#[track_caller]
fn code_of_stranger(daemon: &TestDaemon, terminal: &mut Terminal) -> String {
    terminal.wait_for("›", SOON);
    terminal.type_line("hello").unwrap();
    terminal.wait_for(TOLD, SOON);
    let code = Stored::of(daemon)
        .words("SELECT code FROM pairing ORDER BY number DESC")
        .remove(0);
    terminal.wait_for(&format!("the person who runs me: {code}"), SOON);
    terminal.wait_for("Your id here is console:local", SOON);
    code
}

#[test]
fn stranger_is_let_in_beside_the_running_daemon_for_good_until_removed() {
    let (fake, mut daemon) = with_stranger();
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    let paired = daemon.users(&["pair", &code.to_lowercase(), "--yes"]);
    assert_eq!(paired.code, 0, "{paired:?}");
    assert!(paired.output.contains("  Id: local\n"), "{paired:?}");
    assert!(
        paired
            .output
            .ends_with("They are now the user console:local, with the role user.\n"),
        "{paired:?}"
    );
    terminal.wait_for(LET_IN, SOON);
    terminal.type_line("hello").unwrap();
    terminal.wait_for("You said hello.", SOON);
    terminal.type_line("/help").unwrap();
    terminal.wait_for("/usage shows the tokens used", SOON);
    terminal.type_line("/pair ABCDEFGH").unwrap();
    terminal.wait_for("Only an admin can let people in.", SOON);
    assert!(!terminal.screen_text().contains("/pair CODE"), "{}", terminal.screen_text());
    let again = daemon.users(&["pair", &code, "--yes"]);
    assert_eq!(again.code, 1, "a code lets in once: {again:?}");
    terminal.kill();

    // Not even another config takes them away, unless it names them.
    daemon.set("users.alice.role", "\"admin\"");
    let mut terminal = daemon.run();
    terminal.wait_for("›", SOON);
    terminal.type_line("/status").unwrap();
    terminal.wait_for("You are: console:local", SOON);
    assert!(
        !terminal.screen_text().contains(LET_IN),
        "the word is said once: {}",
        terminal.screen_text()
    );
    let list = daemon.users(&["list"]);
    assert_eq!(
        list.output,
        "alice (admin, from the config)\nconsole:local (user, paired)\n  console:local (paired)\n"
    );
    let refused = daemon.users(&["remove", "alice"]);
    assert!(
        refused.code == 1 && refused.errors.contains("alice is in the config"),
        "{refused:?}"
    );
    let removed = daemon.users(&["remove", "console:local"]);
    assert_eq!(removed.output, "console:local is a user no more.\n", "{removed:?}");
    let asked = fake.requests().len();
    let new_code = code_of_stranger(&daemon, &mut terminal);
    assert_ne!(code, new_code);
    assert_eq!(fake.requests().len(), asked);
}

#[test]
fn operator_sees_who_it_is_and_can_say_no() {
    let (_fake, daemon) = with_stranger();
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    let piped = daemon.users(&["pair", &code]);
    assert!(piped.code == 1 && piped.errors.contains("add --yes"), "{piped:?}");
    for (answer, outcome) in [("n", "Nobody was let in."), ("y", "They are now the user bob")] {
        let mut operator = daemon.users_in_terminal(&["pair", &code, "--name", "bob"]);
        operator.wait_for("Connector: console", SOON);
        operator.wait_for("Let them in as the new user bob? [y/N]", SOON);
        assert!(!terminal.screen_text().contains(LET_IN));
        operator.type_line(answer).unwrap();
        operator.wait_for(outcome, SOON);
        operator.wait_for_exit(SOON);
    }
    terminal.wait_for(LET_IN, SOON);
    assert_eq!(Stored::of(&daemon).words("SELECT name FROM user"), ["bob"]);
}

#[test]
fn stranger_can_become_a_user_of_the_config() {
    let (_fake, mut daemon) = with_stranger();
    daemon.set("users.alice.role", "\"admin\"");
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    let paired = daemon.users(&["pair", &code, "--name", "alice", "--yes"]);
    assert!(paired.output.contains("the user alice, with the role admin"), "{paired:?}");
    terminal.wait_for(LET_IN, SOON);
    terminal.type_line("/help").unwrap();
    terminal.wait_for("/pair CODE lets a stranger in", SOON);
    terminal.type_line(&format!("/pair {FORGED}")).unwrap();
    terminal.wait_for("There is no such code", SOON);
}

#[test]
fn config_wins_over_a_pairing() {
    let (_fake, mut daemon) = with_stranger();
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    assert_eq!(daemon.users(&["pair", &code, "--yes"]).code, 0);
    terminal.kill();
    daemon.set("users.carol.identities", "[\"console:local\"]");
    let mut terminal = daemon.run();
    terminal.wait_for("›", SOON);
    terminal.type_line("/status").unwrap();
    terminal.wait_for("You are: carol", SOON);
    terminal.kill();
    daemon.unset("users.");
    let mut terminal = daemon.run();
    terminal.wait_for("›", SOON);
    terminal.type_line("hello again").unwrap();
    terminal.wait_for(TOLD, SOON);
}

#[test]
fn forged_codes_lock_the_pairing() {
    let (_fake, daemon) = with_stranger();
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    for tried in 1..=4 {
        let refused = daemon.users(&["pair", FORGED, "--yes"]);
        assert!(
            refused.code == 1 && refused.errors.contains("There is no such code"),
            "{tried}: {refused:?}"
        );
    }
    let locked = daemon.users(&["pair", FORGED, "--yes"]);
    assert!(locked.errors.contains("nobody can be let in for ten minutes"), "{locked:?}");
    terminal.kill();
    let terminal = daemon.run();
    terminal.wait_for("›", SOON);
    let right = daemon.users(&["pair", &code, "--yes"]);
    assert!(right.code == 1 && right.errors.contains("Too many wrong codes"), "{right:?}");
    let stored = Stored::of(&daemon);
    assert_eq!(stored.number("SELECT count(*) FROM identity"), 0);
    assert_eq!(stored.number("SELECT count(*) FROM audit WHERE kind = 'pairing_refused'"), 6);
    let audit = stored.words("SELECT body FROM audit").join("\n");
    assert!(!audit.contains(FORGED) && !audit.contains(&code), "{audit}");
}

#[test]
fn who_was_let_in_while_the_daemon_was_down_is_told_at_its_start() {
    let (_fake, daemon) = with_stranger();
    let mut terminal = daemon.run();
    let code = code_of_stranger(&daemon, &mut terminal);
    terminal.kill();
    let list = daemon.users(&["list"]);
    assert_eq!(list.output, "There are no users.\n", "{list:?}");
    let paired = daemon.users(&["pair", &code, "--yes"]);
    assert_eq!(paired.code, 0, "{paired:?}");
    let terminal = daemon.run();
    terminal.wait_for(LET_IN, SOON);
}

#[test]
fn no_store_and_one_of_another_version_are_left_alone() {
    let (_fake, daemon) = with_stranger();
    let missing = daemon.users(&["list"]);
    assert!(
        missing.code == 1 && missing.errors.contains("there is no store at"),
        "{missing:?}"
    );
    assert!(!daemon.store().exists());
    daemon.run().wait_for("›", SOON);
    let connection = rusqlite::Connection::open(daemon.store()).unwrap();
    for (version, sentence) in [(99, "by a newer version of cortex"), (1, "by an older version of cortex")] {
        connection.pragma_update(None, "user_version", version).unwrap();
        let refused = daemon.users(&["pair", FORGED, "--yes"]);
        assert!(refused.code == 1 && refused.errors.contains(sentence), "{refused:?}");
    }
}

#[test]
fn codes_stand_in_no_log() {
    let (_fake, daemon) = with_parrot();
    let daemon = daemon.with("users.alice.role", "\"admin\"").with("log.filter", "\"trace\"");
    let mut terminal = daemon.chat();
    terminal.wait_for("›", SOON);
    terminal.type_line(&format!("/pair {FORGED} canary-id")).unwrap();
    terminal.wait_for("There is no such code", SOON);
    // The model's side of the log is long.
    terminal.type_line("hello").unwrap();
    terminal.wait_for("You said hello.", SOON);
    terminal.press_ctrl_d().unwrap();
    terminal.wait_for_exit(SOON);
    let log = daemon.log();
    assert!(log.len() > 1000 && !log.contains(FORGED), "{log}");
}

#[test]
fn admin_lets_somebody_in_on_telegram() {
    let (fake, telegram) = (LlmFake::start(), TelegramFake::start());
    fake.answer_with(super::parrot);
    let (alice, eve) = (telegram.user("Alice"), telegram.user("<b>Alice</b> `\u{202E}"));
    let (home, eves) = (telegram.private_chat(alice), telegram.private_chat(eve));
    let group = telegram.supergroup("House");
    telegram.add_user(group, alice);
    telegram.add_user(group, eve);
    let daemon = TestDaemon::on_telegram(PROGRAM, &fake, &telegram, alice).with("users.alice.role", "\"admin\"");
    let mut daemon_runs = daemon.serve();
    daemon_runs.wait_for_log("ready", SOON);

    telegram.say(eves, eve, "/start");
    let told = telegram.wait_for_text(eves, &format!("Your id here is telegram:{eve}."), SOON);
    let code = Stored::of(&daemon).words("SELECT code FROM pairing").remove(0);
    assert!(told.text.contains(&code), "{}", told.text);
    telegram.say(eves, eve, "/start again");
    telegram.say(group, eve, "/start@cortex_bot");

    telegram.say(home, alice, &format!("/pair {code}"));
    let shown = telegram.wait_for_text(home, &format!("/pair {code} {eve}"), SOON);
    assert!(
        shown
            .text
            .contains("They call themselves <b>Alice</b> `⟨U+202E⟩ (their own words;"),
        "{}",
        shown.text
    );
    telegram.say(home, alice, &format!("/pair {code} {alice}"));
    telegram.wait_for_text(home, "I gave that code to another id", SOON);
    telegram.say(home, alice, &format!("/pair {code} {eve} eve"));
    telegram.wait_for_text(home, "is now the user eve, with the role user", SOON);
    telegram.wait_for_text(eves, LET_IN, SOON);
    telegram.say(eves, eve, "hello");
    telegram.wait_for_text(eves, "You said hello.", SOON);
    assert_eq!(telegram.messages(eves).len(), 3, "{}", telegram.transcript(eves));
    assert_eq!(telegram.messages(group).len(), 0, "{}", telegram.transcript(group));
    assert!(!daemon_runs.log().contains(&code), "{}", daemon_runs.log());
}

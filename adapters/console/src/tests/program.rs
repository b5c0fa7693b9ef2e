//! The console in a terminal of its own: raw mode, real keys, a real window.

use super::*;
use cortex_test_support::terminal::{CommandBuilder, Terminal};

const IN_TERMINAL: &str = "CONSOLE_TEST_IN_TERMINAL";

/// Not a test: the program that the test below starts in a terminal. It says everything back.
#[tokio::test]
#[ignore = "is the program of another test"]
async fn parrot() {
    if std::env::var_os(IN_TERMINAL).is_none() {
        return;
    }
    let quit = CancellationToken::new();
    let settings = Settings::new(ConnectorName::from("console"), Mode::of_process(), quit.clone());
    let connector = crate::build(settings);
    let (sender, mut events) = mpsc::unbounded_channel();
    let inbox = Arc::new(ScriptedInbox { events: sender });
    let running = tokio::spawn(connector.inbound.run(inbox, quit));
    while let Some(event) = events.recv().await {
        let EventKind::Message(said) = event.kind else {
            continue;
        };
        let text = format!("You said **{}**.", said.text.as_str());
        let reference = connector
            .outbound
            .send(&address(), &SendKey::from("key"), &growing("You"))
            .await
            .unwrap();
        connector.outbound.edit(&address(), &reference, &answer(&text)).await.unwrap();
    }
    running.await.unwrap().unwrap();
}

fn start_parrot() -> Terminal {
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args([
        "--exact",
        "tests::program::parrot",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(IN_TERMINAL, "yes");
    Terminal::start(command, 60, 20).unwrap()
}

#[test]
fn conversation_in_a_terminal() {
    let mut terminal = start_parrot();
    terminal.wait_for("› ", SOON);
    terminal.type_keys("hello tehre\u{1b}[D\u{1b}[D\u{1b}[D").unwrap();
    terminal.type_keys("\u{7f}\u{1b}[3~he\r").unwrap();
    terminal.wait_for("You said hello there.", SOON);
    terminal.type_keys("\u{1b}[A!\r").unwrap();
    terminal.wait_for("You said hello there!.", SOON);
    terminal.press_ctrl_d().unwrap();
    assert!(terminal.wait_for_exit(SOON).success(), "{}", terminal.screen_text());
    assert!(!terminal.screen_text().contains("› \n"));
}

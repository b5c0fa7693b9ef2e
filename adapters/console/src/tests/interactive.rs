use super::*;

#[tokio::test]
async fn answer_is_redrawn_in_place() {
    let mut rig = Rig::interactive(30, 12);
    rig.type_line("hello").await;
    assert_eq!(rig.message().await.text.as_str(), "hello");

    let reference = rig.send(growing("One")).await;
    rig.edit(&reference, growing("One **two** three, and more than a line")).await;
    insta::assert_snapshot!(rig.paper.screen(), @r"
    › hello

    One two three, and more than a
    line

    ›
    ");
    let before = rig.paper.bytes().len();
    rig.edit(&reference, growing("One **two** three, and more than a line!"))
        .await;
    let written = String::from_utf8(rig.paper.bytes()[before..].to_vec()).unwrap();
    assert!(
        written.contains("line!") && !written.contains("One"),
        "more than the changed row: {written:?}"
    );

    rig.edit(&reference, answer("One two.")).await;
    insta::assert_snapshot!(rig.paper.transcript(), @r"
    › hello

    One two.

    ›
    ");
}

#[tokio::test]
async fn answer_longer_than_the_screen_is_whole_at_the_end() {
    let rig = Rig::interactive(20, 6);
    rig.screen_shows("›").await;
    let lines: Vec<String> = (1..=20).map(|number| format!("line {number}")).collect();
    let reference = rig.send(growing("line 1")).await;
    for count in 2..=20 {
        rig.edit(&reference, growing(&lines[..count].join("\n"))).await;
    }
    insta::assert_snapshot!(rig.paper.screen(), @r"
    ⋯ the beginning is
    line 18
    line 19
    line 20

    ›
    ");
    rig.edit(&reference, answer(&lines.join("\n"))).await;
    assert_eq!(rig.paper.transcript(), format!("{}\n\n›", lines.join("\n")));
}

#[tokio::test]
async fn typing_while_an_answer_grows_is_kept() {
    let mut rig = Rig::interactive(30, 10);
    rig.type_text("half a th").await;
    rig.screen_shows("half a th").await;
    let reference = rig.send(growing("Grow")).await;
    rig.type_text("ought").await;
    rig.screen_shows("half a thought").await;
    rig.edit(&reference, answer("Growing\nand grown")).await;
    rig.send(message(MessageKind::Notice, "a notice")).await;
    insta::assert_snapshot!(rig.paper.screen(), @r"
    Growing
    and grown

    a notice

    › half a thought
    ");
    assert_eq!(rig.paper.cursor(), (5, 16));
    rig.press(KeyCode::Enter, KeyModifiers::NONE).await;
    assert_eq!(rig.message().await.text.as_str(), "half a thought");
}

#[tokio::test]
async fn input_longer_than_a_row_is_wrapped() {
    let rig = Rig::interactive(12, 8);
    rig.type_text("0123456789abcdefghijklmnop").await;
    rig.screen_shows("p").await;
    insta::assert_snapshot!(rig.paper.screen(), @r"
    › 0123456789
    abcdefghijkl
    mnop
    ");
    assert_eq!(rig.paper.cursor(), (2, 4));
    rig.ctrl('a').await;
    rig.ctrl('k').await;
    rig.type_text("new").await;
    rig.screen_shows("new").await;
    assert_eq!(rig.paper.screen().trim_end(), "› new");
}

#[tokio::test]
async fn choices_are_numbered_and_answered_by_number() {
    let mut rig = Rig::interactive(60, 14);
    rig.screen_shows("›").await;
    let first = rig.send(prompt("**K7** Delete `notes.txt`?")).await;
    let second = rig.send(prompt("**K8** Send the mail?")).await;
    insta::assert_snapshot!(rig.paper.screen(), @r"
    K7 Delete notes.txt?
      1) Allow once (yes)
      2) Always (always)
      3) Deny (no)
    Type 1 to 3 to answer, or `> ` and a reason to refuse.

    K8 Send the mail?
      1) Allow once (yes)
      2) Always (always)
      3) Deny (no)
    Type 1 to 3 to answer, or `> ` and a reason to refuse.

    2 questions are open: a number answers the newest.
    ›
    ");
    rig.type_line("1").await;
    assert_eq!(rig.choice().await, (second.clone(), ChoiceId::from("yes-id")));
    rig.edit(
        &second,
        message(MessageKind::Prompt, "**K8** Send the mail?\n\nAllowed once by you."),
    )
    .await;
    rig.screen_shows("1 question is open: a number answers it.").await;
    assert!(rig.paper.screen().contains("Allowed once by you."));
    assert_eq!(rig.paper.transcript().matches("Send the mail").count(), 1);

    rig.type_line("3").await;
    assert_eq!(rig.choice().await, (first, ChoiceId::from("no-id")));
}

#[tokio::test]
async fn other_lines_at_a_question_are_messages() {
    let mut rig = Rig::interactive(60, 14);
    rig.screen_shows("›").await;
    let asked = rig.send(prompt("Sure?")).await;
    rig.type_line("yes K7").await;
    let said = rig.message().await;
    assert_eq!((said.text.as_str(), said.reply_to), ("yes K7", None));
    rig.type_line("4").await;
    assert_eq!(rig.message().await.text.as_str(), "4");
    rig.type_line("> not that file").await;
    let reason = rig.message().await;
    assert_eq!((reason.text.as_str(), reason.reply_to), ("not that file", Some(asked)));
}

#[tokio::test]
async fn decision_typed_for_an_older_question_is_not_sent() {
    let mut rig = Rig::interactive(60, 24);
    rig.screen_shows("›").await;
    rig.send(prompt("First?")).await;
    rig.type_text("1").await;
    rig.screen_shows("› 1").await;
    let second = rig.send(prompt("Second?")).await;
    rig.press(KeyCode::Enter, KeyModifiers::NONE).await;
    rig.screen_shows("Another question came up").await;
    assert!(rig.events.try_recv().is_err());
    rig.press(KeyCode::Enter, KeyModifiers::NONE).await;
    assert_eq!(rig.choice().await.0, second);

    rig.type_text("yes").await;
    rig.screen_shows("› yes").await;
    rig.send(prompt("Third?")).await;
    rig.press(KeyCode::Enter, KeyModifiers::NONE).await;
    rig.screen_shows("Another question came up").await;
    assert!(rig.events.try_recv().is_err());
}

#[tokio::test]
async fn hostile_text_is_made_visible() {
    let mut rig = Rig::interactive(60, 24);
    rig.screen_shows("›").await;
    let hostile = "a\u{1b}]0;title\u{7}b \u{1b}[2J\u{9b}31m \u{202e}txt.exe";
    let before = rig.paper.bytes().len();
    rig.send(growing(&format!(
        "{hostile}\n\n```\n{hostile}\n```\n[{hostile}](<http://{hostile}>)"
    )))
    .await;
    rig.send(message(MessageKind::Notice, hostile)).await;
    let mut asked = prompt(hostile);
    asked.choices[0].label = hostile.to_owned();
    asked.choices[0].keyword = hostile.to_owned();
    let reference = rig.send(asked).await;
    rig.edit(&reference, message(MessageKind::Prompt, &format!("{hostile} gone")))
        .await;
    rig.keys.send(Event::Paste(hostile.to_owned())).await.unwrap();
    rig.screen_shows("› a␛]0;title␇b").await;
    rig.press(KeyCode::Enter, KeyModifiers::NONE).await;
    assert_eq!(rig.message().await.text.as_str(), hostile);

    let written = String::from_utf8(rig.paper.bytes()[before..].to_vec()).unwrap();
    assert!(
        !written.contains("\u{1b}]") && !written.contains("\u{1b}[2J") && !written.contains(['\u{7}', '\u{9b}', '\u{202e}'])
    );
    assert!(
        rig.paper.screen().contains("a␛]0;title␇b ␛[2J<U+009B>31m <U+202E>txt.exe"),
        "{}",
        rig.paper.screen()
    );
}

#[tokio::test]
async fn ctrl_c_stops_a_growing_answer() {
    let mut rig = Rig::interactive(60, 10);
    rig.screen_shows("›").await;
    rig.send(growing("thinking")).await;
    rig.ctrl('c').await;
    assert!(matches!(rig.event().await.kind, EventKind::Stop));
    assert!(rig.has_not_left());
}

#[tokio::test]
async fn ctrl_c_twice_leaves() {
    let mut rig = Rig::interactive(60, 10);
    rig.type_text("nonsense").await;
    rig.ctrl('c').await;
    rig.screen_shows("Ctrl-C again leaves.").await;
    assert!(!rig.paper.screen().contains("nonsense"));
    rig.ctrl('c').await;
    assert!(rig.events.try_recv().is_err());
    let (paper, _, outcome) = rig.leaves().await;
    assert_eq!(paper.screen().trim(), "");
    assert!(!outcome.failed());
}

#[tokio::test]
async fn ctrl_d_leaves_and_shows_what_there_was() {
    let rig = Rig::interactive(60, 10);
    rig.screen_shows("›").await;
    rig.send(growing("unfinished")).await;
    rig.ctrl('d').await;
    let (paper, _, _) = rig.leaves().await;
    assert_eq!(paper.screen().trim(), "unfinished");
}

#[tokio::test]
async fn earlier_lines_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("console/history");
    for expected in [vec![], vec!["first", "second"]] {
        let mut history = crate::history::History::open(&path).unwrap();
        let mut found = Vec::new();
        while let Some(line) = history.earlier("draft") {
            found.insert(0, line.to_owned());
        }
        assert_eq!(found, expected);
        if found.is_empty() {
            history.add("first");
            history.add("second");
        } else {
            assert_eq!(history.later(), Some("second"));
            assert_eq!(history.later(), Some("draft"));
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn corrected_answer_is_printed_again() {
    let rig = Rig::interactive(60, 12);
    rig.screen_shows("›").await;
    let reference = rig.send(answer("wrong")).await;
    rig.edit(&reference, answer("wrong")).await;
    rig.edit(&reference, answer("right")).await;
    insta::assert_snapshot!(rig.paper.screen(), @r"
    wrong

    (changed)
    right

    ›
    ");
}

#[tokio::test]
async fn smaller_window_is_drawn_anew() {
    let rig = Rig::interactive(60, 10);
    rig.type_text("some words").await;
    rig.screen_shows("some words").await;
    rig.paper.0.lock().unwrap().0.screen_mut().set_size(8, 20);
    rig.keys.send(Event::Resize(20, 8)).await.unwrap();
    let reference = rig.send(growing("text that is broken at twenty cells")).await;
    rig.edit(&reference, answer("text that is broken at twenty cells")).await;
    rig.screen_shows("at twenty cells").await;
    assert!(rig.paper.screen().contains("› some words"));
}

#[tokio::test]
async fn outbound_deletes_what_grows() {
    let rig = Rig::interactive(60, 10);
    rig.screen_shows("›").await;
    let reference = rig.send(growing("withdrawn")).await;
    rig.outbound.delete(&address(), &reference).await.unwrap();
    assert_eq!(rig.paper.screen().trim(), "›");
}

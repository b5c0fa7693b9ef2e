//! The stored forms.

use super::*;
use cortex_chat::{Attachment, Quote};

/// Every form that is stored as JSON. A change here needs a default for what is already on people's disks.
#[test]
fn stored_forms_keep_their_shape() {
    use crate::gate::{Binding, Choice, Question, preview};
    use crate::models::Arguments;
    use crate::tools::Prepared;
    use crate::turn::{AskReason, Notice};

    let approval: crate::domain::ApprovalId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let arguments = serde_json::json!({"path": "a.md"});
    let prepared = Prepared {
        target: Some("notes/a.md".into()),
        state_hash: Some("(hash)".into()),
        grant_shape: Some("file_write to notes/a.md".into()),
        affects: Text::from("creates notes/a.md, 1 line"),
        diff: Some(Text::from("+one")),
    };
    let question = Question {
        code: "K2".into(),
        tool: "file_write".into(),
        description: "Writes a file.".into(),
        risk: Risk::Medium,
        reason: AskReason::Policy,
        arguments: Arguments::Object(arguments.clone()),
        prepared,
        model_words: Some(Text::from("I will write it.")),
        session_offered: true,
        always_offered: true,
        all_covers: vec!["K2".into(), "M2".into()],
        expires_at: at,
    };
    let binding = Binding {
        definition_hash: "(hash)".into(),
        arguments_hash: "(hash)".into(),
        target: Some("notes/a.md".into()),
        state_hash: Some("(hash)".into()),
    };
    let event = Event {
        id: "e1".into(),
        address: Address {
            connector: "test".into(),
            chat: "home".into(),
            thread: Some("t1".into()),
        },
        chat_kind: ChatKind::Room,
        at,
        sender: Sender {
            id: "ann".into(),
            kind: SenderKind::Person,
            display_name: Some("Ann".into()),
        },
        kind: EventKind::Choice {
            message: "m1".into(),
            choice: Choice::Once.id(approval),
        },
    };
    let enclosed = crate::turn::Enclosed {
        quotes: vec![Quote {
            text: "as I said".into(),
            foreign: true,
        }],
        attachments: vec![Attachment {
            name: "a.jpg".into(),
            media_type: "image/jpeg".into(),
            size_bytes: Some(1024),
            reference: "r1".into(),
        }],
    };
    let notice = Notice {
        approval,
        code: "K2".into(),
        name: "file_write".into(),
        args: arguments,
    };
    let turn_events = [
        TurnEvent::Progress {
            text: "⚙ file_write …".into(),
        },
        TurnEvent::Token { text: "Hello".into() },
        TurnEvent::Reset,
        TurnEvent::Confirm {
            tools: vec![notice],
            message: strings::CONFIRM_MESSAGE.into(),
        },
        TurnEvent::Decided {
            approval,
            decision: "allowed".into(),
        },
        TurnEvent::Done {
            response: "Hello".into(),
            backend: "demo".into(),
            backend_label: "demo".into(),
        },
        TurnEvent::Error { message: "no".into() },
        TurnEvent::Cancelled,
    ];
    insta::assert_json_snapshot!("event", event);
    insta::assert_json_snapshot!("policy", policy());
    insta::assert_json_snapshot!("question", question);
    insta::assert_json_snapshot!("binding", binding);
    insta::assert_json_snapshot!("message", preview::prompt(approval, &question));
    insta::assert_json_snapshot!("turn_event", turn_events);
    insta::assert_json_snapshot!("enclosed", enclosed);
}

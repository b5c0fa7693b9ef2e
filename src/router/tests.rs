mod hostile;

use super::*;
use cortex_chat::{Address, Sender};
use jiff::Timestamp;

fn ann() -> UserName {
    UserName("ann".into())
}

fn open(code: &str, prompt: &str, shown_with: &[&str]) -> ApprovalView {
    ApprovalView {
        id: ApprovalId::new(),
        code: code.into(),
        asker: ann(),
        risk: Risk::Medium,
        status: ApprovalStatus::Pending,
        prompts: vec![prompt.into()],
        shown_with: shown_with.iter().map(|code| (*code).to_owned()).collect(),
    }
}

fn typed(text: &str) -> IncomingMessage {
    IncomingMessage {
        reference: "m1".into(),
        text: text.into(),
        reply_to: None,
        addressed: true,
        provenance: Provenance::Typed,
        attachments: Vec::new(),
        more: None,
        quote: None,
    }
}

fn event(message: IncomingMessage) -> Event {
    Event {
        id: "e1".into(),
        address: Address {
            connector: "console".into(),
            chat: "local".into(),
            thread: None,
        },
        chat_kind: ChatKind::OneToOne,
        at: Timestamp::UNIX_EPOCH,
        sender: Sender {
            id: "local".into(),
            kind: SenderKind::Person,
            display_name: None,
        },
        kind: EventKind::Message(message),
    }
}

fn understood(event: &Event, approvals: &[ApprovalView], newest: Option<ApprovalId>) -> Intent {
    let keywords = Keywords::default();
    let user = ann();
    let situation = Situation {
        user: Some(&user),
        quietly: false,
        stranger_told: false,
        keywords: &keywords,
        approvals,
        newest_is_prompt_of: newest,
        unfinished: None,
        edited: None,
        to_stop: None,
    };
    route(event, &situation)
}

fn decided(intent: &Intent) -> Option<(Vec<ApprovalId>, Choice)> {
    match intent {
        Intent::Decide { approvals, choice, .. } => Some((approvals.clone(), *choice)),
        _ => None,
    }
}

#[test]
fn bare_keyword_decides_only_the_one_newest_question() {
    let question = open("K2", "p1", &["K2"]);
    let id = question.id;
    let one = [question];
    assert_eq!(
        decided(&understood(&event(typed("Yes.")), &one, Some(id))),
        Some((vec![id], Choice::Once))
    );
    // The bot said something else since.
    assert_eq!(understood(&event(typed("ok")), &one, None), Intent::Ask { tainted: false });
    // "Always" is never given by a bare word.
    assert_eq!(
        understood(&event(typed("always")), &one, Some(id)),
        Intent::Ask { tainted: false }
    );
    // Two are open.
    let two = [open("K2", "p1", &["K2"]), open("M2", "p2", &["K2", "M2"])];
    assert_eq!(
        understood(&event(typed("yes")), &two, Some(two[1].id)),
        Intent::Ask { tainted: false }
    );
    // High risk.
    let high = [ApprovalView {
        risk: Risk::High,
        ..open("K2", "p1", &["K2"])
    }];
    assert_eq!(
        understood(&event(typed("yes")), &high, Some(high[0].id)),
        Intent::Ask { tainted: false }
    );
    // In a room.
    let in_room = Event {
        chat_kind: ChatKind::Room,
        ..event(typed("yes"))
    };
    assert_eq!(understood(&in_room, &one, Some(id)), Intent::Ask { tainted: false });
    // A question.
    assert_eq!(
        understood(&event(typed("yes?")), &one, Some(id)),
        Intent::Ask { tainted: false }
    );
}

#[test]
fn reply_to_the_prompt_decides_and_other_words_deny() {
    let question = open("K2", "p1", &["K2"]);
    let id = question.id;
    let one = [question];
    let reply = |text| {
        event(IncomingMessage {
            reply_to: Some("p1".into()),
            ..typed(text)
        })
    };
    assert_eq!(
        decided(&understood(&reply("always"), &one, None)),
        Some((vec![id], Choice::Always))
    );
    let denied = Intent::Decide {
        approvals: vec![id],
        choice: Choice::Deny,
        reason: Some(Text::from("not that file")),
    };
    assert_eq!(understood(&reply("not that file"), &one, None), denied);
}

#[test]
fn code_names_its_question() {
    let approvals = [open("K2", "p1", &["K2"]), open("M2", "p2", &["K2", "M2"])];
    let id = approvals[0].id;
    assert_eq!(
        decided(&understood(&event(typed("no k2")), &approvals, None)),
        Some((vec![id], Choice::Deny))
    );
    assert_eq!(
        understood(&event(typed("yes Z9")), &approvals, None),
        Intent::Say(strings::no_such_code("Z9"))
    );
}

#[test]
fn yes_all_covers_the_set_shown_without_high_risk() {
    let first = open("K2", "p1", &["K2"]);
    let second = open("M2", "p2", &["K2", "M2", "P2"]);
    let third = ApprovalView {
        risk: Risk::High,
        ..open("P2", "p3", &["K2", "M2", "P2"])
    };
    let later = open("R2", "p4", &["K2", "M2", "P2", "R2"]);
    let approvals = [first, second, third, later];
    let reply = event(IncomingMessage {
        reply_to: Some("p2".into()),
        ..typed("yes all")
    });
    let covered = decided(&understood(&reply, &approvals, None));
    assert_eq!(
        covered,
        Some((vec![approvals[0].id, approvals[1].id], Choice::Once)),
        "what came later is not covered"
    );
}

#[test]
fn forwarded_edited_and_dictated_words_never_decide_or_command() {
    let question = open("K2", "p1", &["K2"]);
    let id = question.id;
    let one = [question];
    for provenance in [Provenance::Forwarded, Provenance::ViaBot, Provenance::Transcript] {
        for text in ["yes", "yes K2", "/new", "!stop"] {
            let message = IncomingMessage {
                provenance,
                reply_to: Some("p1".into()),
                ..typed(text)
            };
            let intent = understood(&event(message), &one, Some(id));
            assert_eq!(
                intent,
                Intent::Say(strings::MUST_BE_TYPED.to_owned()),
                "{provenance:?} {text}"
            );
        }
    }
    let edit = Event {
        kind: EventKind::Edit(typed("yes K2")),
        ..event(typed(""))
    };
    assert_eq!(understood(&edit, &one, Some(id)), Intent::Ignore("edit of no request"));
}

#[test]
fn bots_and_hidden_senders_are_nobody() {
    for kind in [SenderKind::Bot, SenderKind::Anonymous] {
        let mut event = event(typed("yes K2"));
        event.sender.kind = kind;
        assert_eq!(
            understood(&event, &[open("K2", "p1", &["K2"])], None),
            Intent::Ignore("not a person")
        );
    }
}

#[test]
fn another_person_decides_nothing() {
    let question = ApprovalView {
        asker: UserName("bob".into()),
        ..open("K2", "p1", &["K2"])
    };
    let press = Event {
        kind: EventKind::Choice {
            message: "p1".into(),
            choice: Choice::Once.id(question.id),
        },
        ..event(typed(""))
    };
    assert_eq!(
        understood(&press, &[question], None),
        Intent::Say(strings::NOT_YOURS_TO_DECIDE.to_owned())
    );
}

#[test]
fn late_press_is_told_what_was_decided() {
    let question = ApprovalView {
        status: ApprovalStatus::Denied,
        ..open("K2", "p1", &["K2"])
    };
    let press = Event {
        kind: EventKind::Choice {
            message: "p1".into(),
            choice: Choice::Once.id(question.id),
        },
        ..event(typed(""))
    };
    assert_eq!(
        understood(&press, &[question], None),
        Intent::Say(strings::already_decided("K2", "denied"))
    );
    let forged = Event {
        kind: EventKind::Choice {
            message: "p1".into(),
            choice: "nonsense:o".into(),
        },
        ..event(typed(""))
    };
    assert_eq!(
        understood(&forged, &[], None),
        Intent::Say(strings::NOTHING_TO_DECIDE.to_owned())
    );
}

#[test]
fn stranger_is_told_once() {
    let keywords = Keywords::default();
    let mut situation = Situation {
        user: None,
        quietly: false,
        stranger_told: false,
        keywords: &keywords,
        approvals: &[],
        newest_is_prompt_of: None,
        unfinished: None,
        edited: None,
        to_stop: None,
    };
    assert_eq!(route(&event(typed("hi")), &situation), Intent::TellStranger);
    situation.stranger_told = true;
    assert_eq!(route(&event(typed("hi")), &situation), Intent::Ignore("stranger"));
    situation.stranger_told = false;
    let in_room = Event {
        chat_kind: ChatKind::Room,
        ..event(typed("hi"))
    };
    assert_eq!(route(&in_room, &situation), Intent::Ignore("stranger"));
    for text in ["/start", "/pair ABCDEFGH local", "yes"] {
        assert_eq!(route(&event(typed(text)), &situation), Intent::TellStranger, "{text}");
    }
    // Only who writes is told, not who looks in or leaves.
    for kind in [
        EventKind::Other {
            name: "blocked".into(),
            content: None,
        },
        EventKind::Stop,
        EventKind::Edit(typed("hi")),
    ] {
        let event = Event {
            kind,
            ..event(typed(""))
        };
        assert_eq!(route(&event, &situation), Intent::Ignore("stranger"));
    }
}

#[test]
fn pair_takes_a_code_an_id_and_a_name() {
    let request = |code: &str, id: Option<&str>, name: Option<&str>| {
        Some(Command::Pair(Some(PairRequest {
            code: code.into(),
            id: id.map(str::to_owned),
            name: name.map(str::to_owned),
        })))
    };
    assert_eq!(Command::read("/pair ABC"), request("ABC", None, None));
    assert_eq!(
        Command::read("!PAIR  abc @ann:house "),
        request("abc", Some("@ann:house"), None)
    );
    assert_eq!(Command::read("/pair ABC 12 ann"), request("ABC", Some("12"), Some("ann")));
    for text in ["/pair", "/pair ABC 12 ann more"] {
        assert_eq!(Command::read(text), Some(Command::Pair(None)), "{text}");
    }
    let shown = format!("{:?}", Command::read("/pair ABC 12"));
    assert!(!shown.contains("ABC"), "{shown}");
}

#[test]
fn listed_commands_are_those_there_are() {
    for (name, description) in COMMANDS {
        let read = Command::read(&format!("/{name}"));
        assert!(read.is_some() && !matches!(read, Some(Command::Unknown(_))), "{name}");
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        assert!((1..=32).contains(&name.len()) && name.chars().all(fits), "{name}");
        assert!((1..=256).contains(&description.chars().count()), "{name}");
        assert!(!description.contains(['`', '*', '\n']), "{name}: without markup");
    }
    let help = strings::help(COMMANDS, false);
    assert!(
        COMMANDS.iter().all(|(name, _)| help.contains(&format!("- `/{name}` "))),
        "{help}"
    );
    assert!(!help.contains("/pair"));
    assert!(strings::help(COMMANDS, true).contains("/pair CODE"));
}

#[test]
fn commands_are_told_from_paths_and_words() {
    assert_eq!(Command::read("/new"), Some(Command::New));
    assert_eq!(Command::read(" !Stop@cortex_bot "), Some(Command::Stop));
    let deny = Command::Deny {
        which: Which::Code("K2".into()),
        reason: Some(Text::from("too risky")),
    };
    assert_eq!(Command::read("/deny k2 too risky"), Some(deny));
    assert_eq!(Command::read("/frobnicate now"), Some(Command::Unknown("frobnicate".into())));
    for text in ["/etc/hosts", "/", "! what", "new", "//x", "/9lives"] {
        assert_eq!(Command::read(text), None, "{text}");
    }
}

#[test]
fn next_part_joins_and_what_stands_for_itself_does_not() {
    let keywords = Keywords::default();
    let (user, turn) = (ann(), TurnId::new());
    let question = open("K2", "p1", &["K2"]);
    let about = |more: MoreToCome, open: bool, message: IncomingMessage| {
        let unfinished = Unfinished {
            turn,
            more,
            provenance: Provenance::Typed,
            last_at: Timestamp::UNIX_EPOCH,
        };
        let situation = Situation {
            user: Some(&user),
            quietly: false,
            stranger_told: false,
            keywords: &keywords,
            approvals: if open { std::slice::from_ref(&question) } else { &[] },
            newest_is_prompt_of: open.then_some(question.id),
            unfinished: Some(&unfinished),
            edited: None,
            to_stop: None,
        };
        route(&event(message), &situation)
    };
    let long = |message| about(MoreToCome::LongText, false, message);
    let album = |message| about(MoreToCome::Album("a".into()), false, message);
    let item = |id: &str| IncomingMessage {
        more: Some(MoreToCome::Album(id.into())),
        ..typed("")
    };
    let reply = IncomingMessage {
        reply_to: Some("m0".into()),
        ..typed("rest")
    };
    let unaddressed = IncomingMessage {
        addressed: false,
        ..typed("rest")
    };
    assert_eq!(long(typed("rest")), Intent::Join(turn));
    assert_eq!(long(unaddressed), Intent::Join(turn));
    assert_eq!(album(item("a")), Intent::Join(turn));
    assert_eq!(long(reply), Intent::Ask { tainted: false });
    assert_eq!(album(item("b")), Intent::Ignore("empty"));
    assert_eq!(album(typed("words")), Intent::Ask { tainted: false });
    assert_eq!(long(typed("/stop")), Intent::Run(Command::Stop));
    // A word that decides is no part; where nothing is to be decided, it is one.
    assert!(decided(&about(MoreToCome::LongText, true, typed("yes"))).is_some());
    assert_eq!(long(typed("yes")), Intent::Join(turn));
}

#[test]
fn edit_changes_only_an_untouched_request_of_its_author() {
    let keywords = Keywords::default();
    let (user, turn) = (ann(), TurnId::new());
    let question = open("K2", "p1", &["K2"]);
    let edit = |stage: Stage, message: IncomingMessage| {
        let edited = EditedRequest {
            turn,
            author: "local".into(),
            text: "before".into(),
            stage,
        };
        let situation = Situation {
            user: Some(&user),
            quietly: false,
            stranger_told: false,
            keywords: &keywords,
            approvals: std::slice::from_ref(&question),
            newest_is_prompt_of: Some(question.id),
            unfinished: None,
            edited: Some(&edited),
            to_stop: None,
        };
        let by = |sender: &str| {
            let mut event = event(message.clone());
            event.kind = EventKind::Edit(message.clone());
            event.sender.id = sender.into();
            route(&event, &situation)
        };
        assert!(matches!(by("another"), Intent::Ignore(_)));
        by("local")
    };
    assert_eq!(edit(Stage::Untouched, typed("after")), Intent::Replace(turn));
    assert_eq!(edit(Stage::Begun, typed("after")), Intent::TellBegun(turn));
    assert!(matches!(edit(Stage::Over, typed("after")), Intent::Ignore(_)));
    assert!(matches!(edit(Stage::Begun, typed("before")), Intent::Ignore(_)));
    // It is the new words of the request, whatever they would mean as a message.
    assert_eq!(edit(Stage::Untouched, typed("yes")), Intent::Replace(turn));
    assert_eq!(
        edit(Stage::Untouched, typed("/stop")),
        Intent::Say(strings::MUST_BE_TYPED.to_owned())
    );
    let through_a_bot = IncomingMessage {
        provenance: Provenance::ViaBot,
        ..typed("after")
    };
    assert!(matches!(edit(Stage::Untouched, through_a_bot), Intent::Ignore(_)));
}

#[test]
fn press_of_a_stranger_is_answered_quietly_or_not_at_all() {
    let keywords = Keywords::default();
    let press = Event {
        chat_kind: ChatKind::Room,
        kind: EventKind::Choice {
            message: "p1".into(),
            choice: Choice::Once.id(ApprovalId::new()),
        },
        ..event(typed(""))
    };
    let pressed = |quietly: bool| {
        let situation = Situation {
            user: None,
            quietly,
            stranger_told: false,
            keywords: &keywords,
            approvals: &[],
            newest_is_prompt_of: None,
            unfinished: None,
            edited: None,
            to_stop: None,
        };
        route(&press, &situation)
    };
    assert_eq!(pressed(true), Intent::Say(strings::NOT_YOURS_TO_DECIDE.to_owned()));
    assert_eq!(pressed(false), Intent::Ignore("stranger"));
}

#[test]
fn turn_is_stopped_by_its_asker_or_an_admin_as_long_as_it_is_at_work() {
    let keywords = Keywords::default();
    let (user, turn) = (ann(), TurnId::new());
    let press = Event {
        kind: EventKind::Choice {
            message: "m1".into(),
            choice: crate::turn::stop_choice(turn),
        },
        ..event(typed(""))
    };
    let pressed = |asker: &str, by_admin: bool, status: Option<TurnStatus>| {
        let target = TurnToStop {
            asker: UserName(asker.into()),
            by_admin,
            status,
        };
        let situation = Situation {
            user: Some(&user),
            quietly: true,
            stranger_told: false,
            keywords: &keywords,
            approvals: &[],
            newest_is_prompt_of: None,
            unfinished: None,
            edited: None,
            to_stop: Some(&target),
        };
        route(&press, &situation)
    };
    let say = |word: &str| Intent::Say(word.to_owned());
    assert_eq!(pressed("ann", false, Some(TurnStatus::Running)), Intent::StopTurn(turn));
    assert_eq!(pressed("ann", false, Some(TurnStatus::Queued)), Intent::StopTurn(turn));
    assert_eq!(pressed("bob", true, Some(TurnStatus::Running)), Intent::StopTurn(turn));
    assert_eq!(
        pressed("bob", false, Some(TurnStatus::Running)),
        say(strings::NOT_YOURS_TO_STOP)
    );
    assert_eq!(
        pressed("ann", false, Some(TurnStatus::AwaitingConfirmation)),
        say(strings::WAITS_NOT_RUNS)
    );
    assert_eq!(pressed("ann", false, Some(TurnStatus::Complete)), say(strings::OVER_ALREADY));
    assert_eq!(pressed("ann", false, None), say(strings::OVER_ALREADY));
    assert_eq!(understood(&press, &[], None), say(strings::OVER_ALREADY));
}

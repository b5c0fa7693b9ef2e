//! Any event in any situation: an intent, and a decision only from whom it is asked of, who typed or pressed it and can mean
//! nothing else.

use super::*;
use cortex_test_support::long::cases;
use proptest::prelude::*;

const CODES: [&str; 4] = ["K2", "M2", "P2", "R13"];

/// Words from which answers and commands are made, and others.
fn any_words() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        4 => prop::sample::select(vec![
            "yes", "y", "ok", "no", "NO.", "session", "always", "show", "all", "k2", "M2", "r13", "K99999999999999999999", "/deny", "!deny",
            "/stop", "/pair", "/new@cortex_bot", "/help", "/", "!", "/etc/hosts", "@cortex_bot", ".", "?", "…", "\u{202e}yes", "ｙｅｓ", "K2",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,12}",
    ];
    let blank = prop::sample::select(vec![" ", "  ", "\n", "\t", "\u{a0}", "", ". "]);
    let words = prop::collection::vec((word, blank), 0..4);
    let words = words.prop_map(|words| words.into_iter().flat_map(|(word, blank)| [word, blank.to_owned()]).collect());
    prop_oneof![8 => words, 1 => any::<String>()]
}

fn any_approvals() -> impl Strategy<Value = Vec<ApprovalView>> {
    let approval = (
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::sample::subsequence(CODES.to_vec(), 0..=4),
    );
    prop::collection::vec(approval, 0..=4).prop_map(|approvals| {
        let numbered = approvals.into_iter().zip(CODES);
        let views = numbered.map(|((is_anns, is_high, is_open, shown_with), code)| ApprovalView {
            asker: if is_anns { ann() } else { UserName("bob".into()) },
            risk: if is_high { Risk::High } else { Risk::Medium },
            status: if is_open {
                ApprovalStatus::Pending
            } else {
                ApprovalStatus::Denied
            },
            ..open(code, &format!("prompt {code}"), &shown_with)
        });
        views.collect()
    })
}

fn any_provenance() -> impl Strategy<Value = Provenance> {
    prop_oneof![
        6 => Just(Provenance::Typed),
        1 => Just(Provenance::Forwarded),
        1 => Just(Provenance::ViaBot),
    ]
}

/// Something like what a platform hands back of a choice.
fn any_choice_id() -> impl Strategy<Value = String> {
    let made = (any::<u128>(), "[osadvx:O]{0,2}").prop_map(|(id, letter)| {
        let id = uuid::Uuid::from_u128(id);
        [
            format!("{}:{letter}", id.simple()),
            format!("{}:{letter}", id.hyphenated()),
            format!("{}:{letter}", id.simple()).to_uppercase(),
            format!("{}:{letter}", id.urn()),
            format!("{}:{letter}", id.braced()),
            format!("stop:{}", id.simple()),
            format!("stop:{}", id.hyphenated()),
            format!(" {}:{letter}", id.simple()),
        ]
    });
    prop_oneof![
        3 => (made, 0..8_usize).prop_map(|(ids, place)| ids[place].clone()),
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    #[test]
    fn only_the_asked_decide_and_only_by_what_they_typed(
        text in any_words(), approvals in any_approvals(), provenance in any_provenance(), newest in prop::option::of(0..4_usize),
        reply_to in prop::option::of(0..4_usize), addressed: bool, is_user: bool, is_room: bool,
    ) {
        let keywords = Keywords::default();
        let user = ann();
        let situation = Situation {
            user: is_user.then_some(&user),
            quietly: false,
            stranger_told: false,
            keywords: &keywords,
            approvals: &approvals,
            newest_is_prompt_of: newest.and_then(|newest| approvals.get(newest)).map(|newest| newest.id),
            unfinished: None,
            edited: None,
            to_stop: None,
        };
        let reply_to = reply_to.and_then(|place| approvals.get(place)).map(|approval| approval.prompts[0].clone());
        let message = IncomingMessage {
            addressed,
            provenance,
            reply_to: reply_to.clone(),
            ..typed(&text)
        };
        let event = Event {
            chat_kind: if is_room { ChatKind::Room } else { ChatKind::OneToOne },
            ..event(message.clone())
        };
        let intent = route(&event, &situation);
        if let Intent::Say(words) = &intent {
            prop_assert!(words.len() <= text.len() + 1000);
        }
        if !is_user {
            prop_assert!(matches!(intent, Intent::TellStranger | Intent::Ignore(_)));
        }
        // An edit says no more than it did as a message.
        let edit = Event { kind: EventKind::Edit(message), ..event };
        prop_assert!(decided(&route(&edit, &situation)).is_none());
        let Some((ids, choice)) = decided(&intent) else { return Ok(()) };
        prop_assert_eq!(provenance, Provenance::Typed);
        prop_assert!(!ids.is_empty());
        let decided: Vec<_> = approvals.iter().filter(|approval| ids.contains(&approval.id)).collect();
        prop_assert_eq!(decided.len(), ids.len());
        for approval in &decided {
            prop_assert_eq!(&approval.asker, &ann());
            prop_assert_eq!(approval.status, ApprovalStatus::Pending);
        }
        let names_it = decided.iter().any(|approval| text.to_uppercase().contains(&approval.code));
        let replies = reply_to.is_some_and(|replied| decided.iter().any(|approval| approval.prompts.contains(&replied)));
        let covers_all = text.to_lowercase().contains("all");
        if covers_all && choice != Choice::Deny && !replies {
            prop_assert!(decided.iter().all(|approval| approval.risk != Risk::High) || names_it);
        }
        if !names_it && !replies && !covers_all {
            prop_assert!(!is_room && decided.len() == 1 && decided[0].risk != Risk::High && choice != Choice::Always);
        }
    }

    #[test]
    fn choices_are_read_only_as_they_were_made(id in any_choice_id()) {
        let id = ChoiceId::new(id);
        if let Some((approval, choice)) = Choice::from_id(&id) {
            prop_assert_eq!(choice.id(approval), id.clone());
        }
        if let Some(turn) = turn_to_stop(&id) {
            prop_assert_eq!(crate::turn::stop_choice(turn), id.clone());
        }
        let press = Event {
            kind: EventKind::Choice { message: "m1".into(), choice: id },
            ..event(typed(""))
        };
        prop_assert!(matches!(understood(&press, &[], None), Intent::Say(_)));
    }

    #[test]
    fn any_text_is_a_command_or_none(text in any_words()) {
        if let Some(command) = Command::read(&text) {
            prop_assert!(text.trim_start().starts_with(['/', '!']));
            if let Command::Unknown(name) = command {
                prop_assert!(name.len() <= text.len() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'));
            }
        }
    }
}

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod world;

use super::*;
use crate::domain::{SessionId, UserName};
use crate::models::{Finish, TokenUsage, ToolCall};
use crate::turn::{MemorySwitches, Mode, Request};
use cortex_chat::{Address, ChatKind};
use cortex_test_support::long::cases;
use proptest::prelude::*;
use serde_json::json;

const LIMITS: Limits = Limits {
    max_rounds: 4,
    max_gates: 3,
    max_pending: 2,
};

fn new_turn() -> TurnState {
    let request = Request {
        text: Text::from("do it"),
        enclosed: crate::turn::Enclosed::default(),
        user: UserName("ann".into()),
        session: SessionId::new(),
        address: Address {
            connector: "console".into(),
            chat: "local".into(),
            thread: None,
        },
        chat_kind: ChatKind::OneToOne,
        reply_to: None,
        profile: "chat".into(),
        persona: None,
        mode: Mode::Chat,
        tier: 2,
        memory: MemorySwitches::default(),
        respond: true,
        tainted: false,
    };
    TurnState::new(request, "fence".into())
}

fn answer(text: &str, calls: &[(&str, &str)]) -> Input {
    let calls = calls
        .iter()
        .map(|(id, path)| ToolCall {
            id: (*id).into(),
            provider_id: None,
            name: "tool".into(),
            arguments: Arguments::Object(json!({ "path": path })),
        })
        .collect();
    let (text, usage) = (Text::from(text), TokenUsage::default());
    Input::ModelAnswered(ModelAnswer {
        text,
        calls,
        replay: None,
        usage,
        finish: Finish::Complete,
    })
}

fn done(text: &str) -> CallResult {
    CallResult {
        text: Text::from(text),
        outcome: CallOutcome::Succeeded,
        tainted: false,
    }
}

fn results(state: &TurnState) -> Vec<&str> {
    state
        .exchange
        .iter()
        .filter_map(|message| match message {
            Message::ToolResult { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// A turn whose one call waits for this question.
fn waiting(approval: ApprovalId) -> TurnState {
    let mut state = new_turn();
    let _ = state.step(answer("", &[("c1", "a")]), LIMITS);
    assert_eq!(
        state.step(Input::Assessed(vec![(0, Verdict::Ask(Effect::Changes))]), LIMITS),
        Action::Ask(vec![0])
    );
    assert_eq!(
        state.step(Input::Asked(vec![(0, approval, Prepared::default())]), LIMITS),
        Action::Wait
    );
    state
}

#[test]
fn answer_without_calls_ends_the_turn() {
    let mut state = new_turn();
    assert_eq!(state.step(Input::Resumed, LIMITS), Action::CallModel { may_call_tools: true });
    assert_eq!(state.step(answer("hello", &[]), LIMITS), Action::Finish);
    assert_eq!(
        state.phase,
        Phase::Over(Outcome::Answered {
            text: Text::from("hello")
        })
    );
}

#[test]
fn neighbouring_read_only_calls_run_side_by_side_in_call_order() {
    let mut state = new_turn();
    let calls = [("c1", "a"), ("c2", "b"), ("c3", "c"), ("c4", "d")];
    assert_eq!(state.step(answer("", &calls), LIMITS), Action::Assess(vec![0, 1, 2, 3]));
    let verdicts = [Effect::ReadOnly, Effect::ReadOnly, Effect::Changes, Effect::ReadOnly];
    let verdicts = verdicts.into_iter().map(Verdict::Run).enumerate().collect();
    assert_eq!(state.step(Input::Assessed(verdicts), LIMITS), Action::Run(vec![0, 1]));
    let _ = state.step(
        Input::Started(vec![(0, Prepared::default()), (1, Prepared::default())]),
        LIMITS,
    );
    // The second is done first; the results stand in call order all the same.
    assert_eq!(
        state.step(Input::Finished(vec![(1, done("two")), (0, done("one"))]), LIMITS),
        Action::Run(vec![2])
    );
    assert_eq!(
        state.step(Input::Finished(vec![(2, done("three"))]), LIMITS),
        Action::Run(vec![3])
    );
    let next = state.step(Input::Finished(vec![(3, done("four"))]), LIMITS);
    assert_eq!(next, Action::CallModel { may_call_tools: true });
    assert_eq!(results(&state), ["one", "two", "three", "four"]);
}

#[test]
fn calls_before_the_first_question_run_and_later_ones_wait() {
    let mut state = new_turn();
    let _ = state.step(answer("", &[("c1", "a"), ("c2", "b"), ("c3", "c")]), LIMITS);
    let verdicts = vec![
        (0, Verdict::Run(Effect::ReadOnly)),
        (1, Verdict::Ask(Effect::Changes)),
        (2, Verdict::Run(Effect::ReadOnly)),
    ];
    assert_eq!(state.step(Input::Assessed(verdicts), LIMITS), Action::Run(vec![0]));
    assert_eq!(
        state.step(Input::Finished(vec![(0, done("one"))]), LIMITS),
        Action::Ask(vec![1])
    );
    let approval = ApprovalId::new();
    assert_eq!(
        state.step(Input::Asked(vec![(1, approval, Prepared::default())]), LIMITS),
        Action::Wait
    );
    let decided = Input::Decided {
        approval,
        decision: Decision::Allowed,
    };
    assert_eq!(state.step(decided, LIMITS), Action::Run(vec![1]));
    assert_eq!(
        state.step(Input::Finished(vec![(1, done("two"))]), LIMITS),
        Action::Run(vec![2])
    );
}

#[test]
fn denial_is_told_with_its_reason_and_not_asked_again() {
    let approval = ApprovalId::new();
    let mut state = waiting(approval);
    let reason = Some(Text::from("wrong file"));
    let next = state.step(
        Input::Decided {
            approval,
            decision: Decision::Denied { reason },
        },
        LIMITS,
    );
    assert_eq!(next, Action::CallModel { may_call_tools: true });
    assert_eq!(results(&state), ["Action denied by user. Reason: wrong file"]);
    let again = state.step(answer("", &[("c2", "a")]), LIMITS);
    assert_eq!(again, Action::CallModel { may_call_tools: true });
    assert!(results(&state)[1].contains("denied this same call"));
}

#[test]
fn decision_counts_once() {
    let approval = ApprovalId::new();
    let mut state = waiting(approval);
    let _ = state.step(
        Input::Decided {
            approval,
            decision: Decision::Allowed,
        },
        LIMITS,
    );
    let before = state.clone();
    let _ = state.step(
        Input::Decided {
            approval,
            decision: Decision::Denied { reason: None },
        },
        LIMITS,
    );
    assert_eq!(state, before);
}

#[test]
fn run_cut_off_by_a_crash_is_asked_about_unless_it_is_harmless() {
    let approval = ApprovalId::new();
    let mut state = waiting(approval);
    let _ = state.step(
        Input::Decided {
            approval,
            decision: Decision::Allowed,
        },
        LIMITS,
    );
    let _ = state.step(Input::Started(vec![(0, Prepared::default())]), LIMITS);
    assert_eq!(state.step(Input::Resumed, LIMITS), Action::Recover(vec![0]));
    let mut finished = state.clone();
    let known = finished.step(Input::Recovered(vec![(0, Some(done("it was written")))]), LIMITS);
    assert_eq!(known, Action::CallModel { may_call_tools: true });
    assert_eq!(state.step(Input::Recovered(vec![(0, None)]), LIMITS), Action::Ask(vec![0]));

    let mut harmless = new_turn();
    let _ = harmless.step(answer("", &[("c1", "a")]), LIMITS);
    let _ = harmless.step(Input::Assessed(vec![(0, Verdict::Run(Effect::ReadOnly))]), LIMITS);
    let _ = harmless.step(Input::Started(vec![(0, Prepared::default())]), LIMITS);
    assert_eq!(harmless.step(Input::Recovered(vec![(0, None)]), LIMITS), Action::Run(vec![0]));
}

#[test]
fn refusing_to_repeat_an_unknown_run_says_that_it_is_unknown() {
    let (first, second) = (ApprovalId::new(), ApprovalId::new());
    let mut state = waiting(first);
    let _ = state.step(
        Input::Decided {
            approval: first,
            decision: Decision::Allowed,
        },
        LIMITS,
    );
    let _ = state.step(Input::Started(vec![(0, Prepared::default())]), LIMITS);
    let _ = state.step(Input::Recovered(vec![(0, None)]), LIMITS);
    let _ = state.step(Input::Asked(vec![(0, second, Prepared::default())]), LIMITS);
    let _ = state.step(
        Input::Decided {
            approval: second,
            decision: Decision::Denied { reason: None },
        },
        LIMITS,
    );
    assert_eq!(results(&state), [strings::CALL_OUTCOME_UNKNOWN]);
}

#[test]
fn third_identical_call_in_a_row_is_not_run() {
    let mut state = new_turn();
    for _ in 0..2 {
        let _ = state.step(answer("", &[("c", "a")]), LIMITS);
        let _ = state.step(Input::Assessed(vec![(0, Verdict::Run(Effect::ReadOnly))]), LIMITS);
        let _ = state.step(Input::Finished(vec![(0, done("same"))]), LIMITS);
    }
    let _ = state.step(answer("", &[("c", "a")]), LIMITS);
    assert!(results(&state)[2].contains("not run a third time"));
}

#[test]
fn three_identical_calls_in_one_round_run_twice() {
    let mut state = new_turn();
    let next = state.step(answer("", &[("c1", "a"), ("c2", "a"), ("c3", "a")]), LIMITS);
    assert_eq!(next, Action::Assess(vec![0, 1]));
}

#[test]
fn malformed_arguments_are_never_run() {
    let mut state = new_turn();
    let call = ToolCall {
        id: "c1".into(),
        provider_id: None,
        name: "tool".into(),
        arguments: Arguments::Malformed {
            raw: Text::from("{\"a\":"),
            problem: "it ends too early".into(),
        },
    };
    let input = Input::ModelAnswered(ModelAnswer {
        text: Text::default(),
        calls: vec![call],
        replay: None,
        usage: TokenUsage::default(),
        finish: Finish::Length,
    });
    assert_eq!(state.step(input, LIMITS), Action::CallModel { may_call_tools: true });
    assert!(results(&state)[0].contains("not a valid JSON object (it ends too early)"));
}

#[test]
fn round_limit_leads_to_one_last_call_without_tools() {
    let mut state = new_turn();
    let mut next = Action::CallModel { may_call_tools: true };
    for round in 0..LIMITS.max_rounds {
        assert_eq!(next, Action::CallModel { may_call_tools: true });
        let _ = state.step(answer("", &[("c", &round.to_string())]), LIMITS);
        let _ = state.step(Input::Assessed(vec![(0, Verdict::Run(Effect::ReadOnly))]), LIMITS);
        next = state.step(Input::Finished(vec![(0, done("found"))]), LIMITS);
    }
    assert_eq!(next, Action::CallModel { may_call_tools: false });
    let failure = ModelFailure { message: "gone".into() };
    assert_eq!(state.clone().step(Input::Failed(failure.clone()), LIMITS), Action::Finish);
    let _ = state.step(Input::Failed(failure), LIMITS);
    let Phase::Over(Outcome::Answered { text }) = &state.phase else {
        panic!("{:?}", state.phase)
    };
    assert!(text.as_str().contains("found"), "what was gathered is the fallback");
}

#[test]
fn approval_in_the_last_round_is_still_seen_by_the_model() {
    let approval = ApprovalId::new();
    let one_round = Limits { max_rounds: 1, ..LIMITS };
    let mut state = new_turn();
    let _ = state.step(answer("", &[("c1", "a")]), one_round);
    let _ = state.step(Input::Assessed(vec![(0, Verdict::Ask(Effect::Changes))]), one_round);
    let _ = state.step(Input::Asked(vec![(0, approval, Prepared::default())]), one_round);
    let _ = state.step(
        Input::Decided {
            approval,
            decision: Decision::Allowed,
        },
        one_round,
    );
    let next = state.step(Input::Finished(vec![(0, done("written"))]), one_round);
    assert_eq!(next, Action::CallModel { may_call_tools: false });
}

#[test]
fn more_questions_than_the_cap_are_refused_as_results() {
    let mut state = new_turn();
    let _ = state.step(answer("", &[("c1", "a"), ("c2", "b"), ("c3", "c")]), LIMITS);
    let verdicts = (0..3).map(|index| (index, Verdict::Ask(Effect::Changes))).collect();
    assert_eq!(state.step(Input::Assessed(verdicts), LIMITS), Action::Ask(vec![0, 1]));
    let CallStatus::Done { outcome, .. } = state.round[2].status else {
        panic!("the third should be refused")
    };
    assert_eq!(outcome, CallOutcome::Refused);
}

#[test]
fn stop_gives_every_open_call_a_result() {
    let mut state = waiting(ApprovalId::new());
    assert_eq!(
        state.step(
            Input::Stopped {
                shown: Text::from("so far")
            },
            LIMITS
        ),
        Action::Finish
    );
    assert_eq!(results(&state), [strings::CALL_STOPPED]);
    insta::assert_snapshot!(
        crate::turn::history_entries(&state)
            .iter()
            .map(|entry| serde_json::to_string(entry).unwrap())
            .collect::<Vec<_>>()
            .join("\n"),
        @r#"
    {"role":"user","text":"do it"}
    {"role":"assistant","text":"","calls":[{"id":"c1","name":"tool","arguments":{"object":{"path":"a"}}}]}
    {"role":"tool_result","call_id":"c1","tool":"tool","text":"Tool error: the user stopped the request before this call was finished."}
    {"role":"assistant","text":"so far\n\n[The user stopped this answer here.]"}
    "#
    );
}

#[test]
fn stored_state_keeps_its_form() {
    let mut state = waiting("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap());
    state.request.session = "01890a5d-ac96-774b-bcce-b302099a8058".parse().unwrap();
    state.round[0].key.arguments_hash = "(hash)".into();
    state.recent.clear();
    insta::assert_json_snapshot!(state);
    let json = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<TurnState>(&json).unwrap(), state);
}

/// Whatever happens in whatever order, for the property below.
fn any_input() -> impl Strategy<Value = Input> {
    let index = 0..4_usize;
    prop_oneof![
        Just(Input::Resumed),
        proptest::collection::vec(0..3_u8, 0..4).prop_map(|paths| {
            let names = ["a", "b", "c"];
            let ids = ["c0", "c1", "c2", "c3"];
            let calls: Vec<_> = paths.iter().zip(ids).map(|(path, id)| (id, names[*path as usize])).collect();
            answer("words", &calls)
        }),
        Just(Input::Failed(ModelFailure { message: "no".into() })),
        (index.clone(), any::<bool>()).prop_map(|(index, ask)| {
            let verdict = if ask {
                Verdict::Ask(Effect::Changes)
            } else {
                Verdict::Run(Effect::ReadOnly)
            };
            Input::Assessed(vec![(index, verdict)])
        }),
        index.clone().prop_map(|index| Input::Finished(vec![(index, done("result"))])),
        index
            .clone()
            .prop_map(|index| Input::Started(vec![(index, Prepared::default())])),
        index.clone().prop_map(Input::Changed),
        index.clone().prop_map(|index| Input::Granted(vec![index])),
        index.prop_map(|index| Input::Recovered(vec![(index, None)])),
        Just(Input::Stopped { shown: Text::default() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    #[test]
    fn any_order_of_events_keeps_every_call_with_its_result(inputs in proptest::collection::vec(any_input(), 0..40)) {
        let mut state = new_turn();
        for input in inputs {
            let over = matches!(state.phase, Phase::Over(_));
            let before = state.clone();
            let action = state.step(input, LIMITS);
            if over {
                prop_assert_eq!(&state, &before, "what is over stays as it is");
                prop_assert_eq!(action.clone(), Action::Finish);
            }
            prop_assert!(state.rounds_used <= LIMITS.max_rounds + 1);
            // Every call in the history has exactly one result after it, except those of the round at work.
            let calls: usize = state.exchange.iter().map(|message| match message {
                Message::Assistant { calls, .. } => calls.len(),
                _ => 0,
            }).sum();
            prop_assert_eq!(calls, results(&state).len() + state.round.len());
            if matches!(action, Action::CallModel { .. } | Action::Finish) {
                prop_assert!(state.round.is_empty());
            }
        }
    }
}

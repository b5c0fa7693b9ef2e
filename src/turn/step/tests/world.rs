//! A world that does what a turn asks for, in any order and with any answers; that crashes at any moment, and tells things twice
//! or too late. Whatever it does, nothing runs unasked or twice, and the turn comes to its end.

use super::*;
use cortex_test_support::long::cases;
use std::collections::{BTreeMap, BTreeSet};

/// A turn that is answered normally is over after so many moves.
const MOVES_TO_THE_END: usize = 400;

/// What follows from the bytes that a case consists of; the plainest at their end.
struct Choices {
    left: std::vec::IntoIter<u8>,
}

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        usize::from(self.left.next().unwrap_or(0)) % end
    }

    /// Never at the end.
    fn rarely(&mut self) -> bool {
        self.below(8) == 7
    }

    fn is_over(&self) -> bool {
        self.left.len() == 0
    }
}

/// What the world knows of a call, by its id.
#[derive(Default)]
struct Known {
    effect: Option<Effect>,
    /// The gate wants a person's word, or did.
    must_ask: bool,
    granted: bool,
    /// Approvals with which it may be run, each once.
    allowed: BTreeSet<ApprovalId>,
    effects: usize,
    /// Runs that nobody asked about again.
    free_runs: usize,
}

struct World {
    state: TurnState,
    choices: Choices,
    calls: BTreeMap<String, Known>,
    made: usize,
    used: BTreeSet<ApprovalId>,
}

impl World {
    fn new(choices: Vec<u8>) -> Self {
        Self {
            state: new_turn(),
            choices: Choices {
                left: choices.into_iter(),
            },
            calls: BTreeMap::new(),
            made: 0,
            used: BTreeSet::new(),
        }
    }

    fn step(&mut self, input: Input) -> Action {
        let action = self.state.step(input, LIMITS);
        self.check();
        // What is stored is all that there is: after a restart, the same is asked for.
        let stored = serde_json::to_string(&self.state).unwrap();
        let mut read: TurnState = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, self.state);
        assert_eq!(read.step(Input::Resumed, LIMITS), action);
        assert_eq!(read, self.state, "taking up changes nothing");
        action
    }

    fn check(&self) {
        let state = &self.state;
        assert!(state.rounds_used <= LIMITS.max_rounds);
        assert!(state.gates_used <= LIMITS.max_gates);
        assert!(state.pending().count() <= LIMITS.max_pending);
        // Calls and results are paired, in their order, but for the round at work.
        let mut open: Vec<&str> = Vec::new();
        for message in &state.exchange {
            match message {
                Message::Assistant { calls, .. } => {
                    assert!(open.is_empty());
                    open = calls.iter().map(|call| call.id.as_str()).collect();
                    open.reverse();
                }
                Message::ToolResult { call_id, .. } => assert_eq!(open.pop(), Some(call_id.as_str())),
                other @ Message::User { .. } => panic!("{other:?}"),
            }
        }
        let at_work: Vec<&str> = state.round.iter().rev().map(|entry| entry.call.id.as_str()).collect();
        assert_eq!(open, at_work);
    }

    fn known(&mut self, index: usize) -> &mut Known {
        let id = self.state.round[index].call.id.clone();
        self.calls.entry(id).or_default()
    }

    /// Does what is asked for; tells what is asked for then.
    fn carry_out(&mut self, action: Action) -> Action {
        if self.choices.rarely() {
            self.disturb(&action);
            return self.step(Input::Resumed);
        }
        match action {
            Action::CallModel { may_call_tools } => self.answer(may_call_tools),
            Action::Assess(calls) => self.assess(&calls),
            Action::Run(calls) => self.run(&calls),
            Action::Recover(calls) => self.recover(&calls),
            Action::Ask(calls) => self.ask(&calls),
            Action::Wait => self.decide(),
            Action::Finish => unreachable!("it is over"),
        }
    }

    /// What comes too late, twice, or from nowhere changes nothing.
    fn disturb(&mut self, action: &Action) {
        let before = self.state.clone();
        let unknown = Input::Decided {
            approval: ApprovalId::new(),
            decision: Decision::Allowed,
        };
        let _ = self.step(unknown);
        if let Some(approval) = self.used.first().copied() {
            let decision = Decision::Denied { reason: None };
            let _ = self.step(Input::Decided { approval, decision });
        }
        let _ = self.step(Input::Assessed(vec![(99, Verdict::Run(Effect::ReadOnly))]));
        let _ = self.step(Input::Granted(vec![99]));
        let _ = self.step(Input::Recovered(vec![(99, None)]));
        if !matches!(action, Action::CallModel { .. }) {
            let _ = self.step(answer("too late", &[("late", "late")]));
        }
        assert_eq!(self.state, before);
    }

    fn answer(&mut self, may_call_tools: bool) -> Action {
        let count = self.choices.below(6);
        if self.choices.rarely() {
            return self.step(Input::Failed(ModelFailure { message: "no".into() }));
        }
        let calls: Vec<(String, &str)> = (0..count)
            .map(|_| {
                self.made += 1;
                (format!("c{}", self.made), ["a", "b", "c", "d"][self.choices.below(4)])
            })
            .collect();
        let calls: Vec<(&str, &str)> = calls.iter().map(|(id, path)| (id.as_str(), *path)).collect();
        let next = self.step(answer("words", &calls));
        if !may_call_tools || count == 0 {
            assert_eq!(next, Action::Finish);
        }
        next
    }

    fn assess(&mut self, calls: &[usize]) -> Action {
        let mut verdicts = Vec::new();
        for index in calls {
            assert_eq!(self.state.round[*index].status, CallStatus::New);
            let effect = [Effect::ReadOnly, Effect::Changes, Effect::Idempotent][self.choices.below(3)];
            let verdict = match self.choices.below(4) {
                0 => Verdict::Run(effect),
                1 | 2 => Verdict::Ask(effect),
                _ => Verdict::Refuse("no".to_owned()),
            };
            let known = self.known(*index);
            known.effect = Some(effect);
            known.must_ask = matches!(verdict, Verdict::Ask(_));
            known.free_runs = usize::from(matches!(verdict, Verdict::Run(_)));
            verdicts.push((*index, verdict));
        }
        self.step(Input::Assessed(verdicts))
    }

    fn run(&mut self, calls: &[usize]) -> Action {
        let mut order: Vec<usize> = calls.to_vec();
        for index in calls {
            let status = self.state.round[*index].status.clone();
            let known = self.known(*index);
            let effect = known.effect;
            assert!(calls.len() == 1 || effect == Some(Effect::ReadOnly), "not side by side");
            match status {
                CallStatus::Ready => assert!(!known.must_ask || known.granted, "it runs unasked"),
                CallStatus::Approved { approval, .. } => assert!(known.allowed.contains(&approval), "nobody allowed it"),
                other => panic!("{other:?} is not to be run"),
            }
        }
        if self.choices.rarely() {
            // Found out while its start is stored, before it is made.
            let index = calls[self.choices.below(calls.len())];
            if matches!(self.state.round[index].status, CallStatus::Approved { .. }) {
                return self.step(Input::Changed(index));
            }
        }
        let starts = calls.iter().map(|index| (*index, Prepared::default())).collect();
        let asks = calls.iter().map(|index| approval_of(&self.state.round[*index].status));
        let asks: Vec<Option<ApprovalId>> = asks.collect();
        let after_start = self.step(Input::Started(starts));
        assert_eq!(after_start, Action::Recover(calls.to_vec()));
        if self.choices.rarely() {
            return after_start;
        }
        for (index, approval) in calls.iter().zip(asks) {
            self.takes_effect(*index, approval);
        }
        if self.choices.rarely() {
            return after_start;
        }
        if self.choices.below(2) == 1 {
            order.reverse();
        }
        let results = order.into_iter().map(|index| (index, done("result"))).collect();
        self.step(Input::Finished(results))
    }

    /// What must not be repeated takes effect once for each time that somebody was asked, or once where nobody need be.
    fn takes_effect(&mut self, index: usize, approval: Option<ApprovalId>) {
        let is_new = approval.is_none_or(|approval| self.used.insert(approval));
        let known = self.known(index);
        known.effects += 1;
        if known.effect != Some(Effect::Changes) {
            return;
        }
        match approval {
            Some(_) => assert!(is_new, "one approval, two effects"),
            None => {
                assert!(known.free_runs > 0, "it takes effect again, and nobody was asked");
                known.free_runs -= 1;
            }
        }
    }

    fn recover(&mut self, calls: &[usize]) -> Action {
        let mut found = Vec::new();
        for index in calls {
            assert!(matches!(self.state.round[*index].status, CallStatus::Started { .. }));
            let has_result = self.known(*index).effects > 0 && self.choices.rarely();
            found.push((*index, has_result.then(|| done("found"))));
        }
        self.step(Input::Recovered(found))
    }

    fn ask(&mut self, calls: &[usize]) -> Action {
        assert!(!calls.is_empty(), "nothing to ask, and nothing else to do");
        let mut questions = Vec::new();
        let mut granted = Vec::new();
        for index in calls {
            let CallStatus::MustAsk { reason } = self.state.round[*index].status else {
                panic!("{:?} is not to be asked about", self.state.round[*index].status)
            };
            if reason == AskReason::Policy && self.choices.rarely() {
                self.known(*index).granted = true;
                self.known(*index).free_runs = 1;
                granted.push(*index);
            } else {
                questions.push((*index, ApprovalId::new(), Prepared::default()));
            }
        }
        if !granted.is_empty() {
            // The others are asked about in the next step.
            return self.step(Input::Granted(granted));
        }
        self.step(Input::Asked(questions))
    }

    fn decide(&mut self) -> Action {
        let pending: Vec<ApprovalId> = self.state.pending().collect();
        assert!(!pending.is_empty(), "nobody would ever end this wait");
        let approval = pending[self.choices.below(pending.len())];
        let decision = match self.choices.below(4) {
            0 | 1 => Decision::Allowed,
            2 => Decision::Denied { reason: None },
            _ => Decision::Expired,
        };
        if decision == Decision::Allowed {
            let is_it = |entry: &RoundCall| approval_of(&entry.status) == Some(approval);
            let index = self.state.round.iter().position(is_it).unwrap();
            self.known(index).allowed.insert(approval);
        }
        self.step(Input::Decided { approval, decision })
    }
}

fn approval_of(status: &CallStatus) -> Option<ApprovalId> {
    match status {
        CallStatus::Pending { approval, .. } | CallStatus::Approved { approval, .. } => Some(*approval),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    #[test]
    fn any_world_runs_nothing_unasked_or_twice_and_comes_to_an_end(choices in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut world = World::new(choices);
        let mut action = world.step(Input::Resumed);
        let mut moves_left = None;
        while action != Action::Finish {
            action = world.carry_out(action);
            if world.choices.is_over() {
                let left: &mut usize = moves_left.get_or_insert(MOVES_TO_THE_END);
                *left -= 1;
                prop_assert!(*left > 0, "it does not end: {:?}", world.state);
            }
        }
        prop_assert!(world.state.round.is_empty());
        let before = world.state.clone();
        prop_assert_eq!(world.state.step(Input::Stopped { shown: Text::default() }, LIMITS), Action::Finish);
        prop_assert_eq!(world.state, before);
    }

    #[test]
    fn stop_ends_a_turn_wherever_it_is(choices in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut world = World::new(choices);
        let mut action = world.step(Input::Resumed);
        while action != Action::Finish && !world.choices.is_over() {
            action = world.carry_out(action);
        }
        prop_assert_eq!(world.step(Input::Stopped { shown: Text::default() }), Action::Finish);
        prop_assert!(world.state.round.is_empty());
    }
}

//! The pure step function: a state and what happened give the next state and what to do.

use super::{AskReason, CallKey, CallOutcome, CallStatus, Phase, RoundCall, ToolLogEntry, TurnState};
use crate::domain::ApprovalId;
use crate::models::{Arguments, Message, ModelAnswer};
use crate::strings;
use crate::tools::{Effect, Prepared};
use cortex_chat::Text;
use serde::{Deserialize, Serialize};

/// Calls that one model answer may make; more are refused as results. No provider's model makes as many in earnest.
const MAX_CALLS_PER_ROUND: usize = 32;

/// The identical call is not run when it comes this many times in a row.
const IDENTICAL_CALLS: usize = 3;

/// Something that happened to a turn.
#[derive(Clone, Debug)]
pub enum Input {
    /// It is taken up: the first time, after a decision, or after a crash.
    Resumed,
    /// The model answered.
    ModelAnswered(ModelAnswer),
    /// Something failed for good: the model, or a limit of the whole turn.
    Failed(ModelFailure),
    /// The gate looked at new calls.
    Assessed(Vec<(usize, Verdict)>),
    /// Standing permissions cover these calls, so nobody needs to be asked about them.
    Granted(Vec<usize>),
    /// Questions were put to the person.
    Asked(Vec<(usize, ApprovalId, Prepared)>),
    /// The starts of these calls are on disk.
    Started(Vec<(usize, Prepared)>),
    /// These calls have their results.
    Finished(Vec<(usize, CallResult)>),
    /// What a person allowed is no longer what would happen.
    Changed(usize),
    /// What the store knows of calls that a crash cut off; `None` where nobody knows.
    Recovered(Vec<(usize, Option<CallResult>)>),
    /// A question was decided.
    Decided {
        /// Which one.
        approval: ApprovalId,
        /// How.
        decision: Decision,
    },
    /// The person stopped the turn.
    Stopped {
        /// What was already shown of the answer.
        shown: Text,
    },
}

/// How a question was decided, as far as the turn is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Go ahead.
    Allowed,
    /// Do not.
    Denied {
        /// What the person said to it.
        reason: Option<Text>,
    },
    /// Nobody answered in time.
    Expired,
}

/// A failure that ends the turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFailure {
    /// For the person.
    pub message: String,
}

/// What the gate says of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not run; this is its result.
    Refuse(String),
    /// It may run unasked.
    Run(Effect),
    /// A person must be asked.
    Ask(Effect),
}

/// What a call gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// What the model reads.
    pub text: Text,
    /// How it ended.
    pub outcome: CallOutcome,
    /// Whether it comes from strangers.
    pub tainted: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Call the model.
    CallModel {
        /// With tools on offer.
        may_call_tools: bool,
    },
    /// Ask the gate about these new calls.
    Assess(Vec<usize>),
    /// Run these calls, side by side.
    Run(Vec<usize>),
    /// Find out what became of these calls, which a crash cut off.
    Recover(Vec<usize>),
    /// Ask a person about these calls.
    Ask(Vec<usize>),
    /// Let go of the conversation until a person has decided.
    Wait,
    /// Store and show the outcome.
    Finish,
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Outcome {
    /// With an answer.
    Answered {
        /// The answer.
        text: Text,
    },
    /// With an error.
    Failed {
        /// For the person.
        message: String,
    },
    /// By the person.
    Stopped {
        /// What was already shown.
        shown: Text,
    },
}

/// The limits that the step function keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Model calls with tools on offer.
    pub max_rounds: u32,
    /// Times a person is asked in one turn.
    pub max_gates: u32,
    /// Questions open at once.
    pub max_pending: usize,
}

impl Limits {
    /// For steps that neither ask nor begin a round.
    pub const NONE: Self = Self {
        max_rounds: u32::MAX,
        max_gates: u32::MAX,
        max_pending: usize::MAX,
    };
}

impl TurnState {
    /// Moves the turn on. The caller stores the new state before it carries out what is returned.
    #[must_use = "the returned action is what the turn waits for"]
    pub fn step(&mut self, input: Input, limits: Limits) -> Action {
        if !matches!(self.phase, Phase::Over(_)) {
            self.apply(input, limits);
            self.settle_round(limits);
        }
        self.next_action()
    }

    fn apply(&mut self, input: Input, limits: Limits) {
        match input {
            Input::Resumed => {}
            Input::ModelAnswered(answer) => self.take_answer(answer),
            Input::Failed(_) if self.cut_short && self.phase == Phase::Thinking => {
                let text = strings::gathered_so_far(&self.tool_log);
                self.phase = Phase::Over(Outcome::Answered { text });
            }
            Input::Failed(failure) => self.end(
                Outcome::Failed {
                    message: failure.message,
                },
                strings::CALL_NOT_RUN,
            ),
            Input::Assessed(verdicts) => self.take_verdicts(verdicts, limits),
            Input::Granted(calls) => self.take_grants(&calls),
            Input::Asked(questions) => self.take_questions(questions),
            Input::Started(starts) => {
                for (index, prepared) in starts {
                    if let Some(entry) = self.round.get_mut(index) {
                        let approval = match entry.status {
                            CallStatus::Approved { approval, .. } => Some(approval),
                            _ => None,
                        };
                        entry.status = CallStatus::Started { approval, prepared };
                    }
                }
            }
            Input::Finished(results) => {
                for (index, result) in results {
                    self.finish_call(index, result);
                }
            }
            Input::Changed(index) => self.must_ask(index, AskReason::Changed, limits),
            Input::Recovered(found) => self.take_recovered(found, limits),
            Input::Decided { approval, decision } => self.take_decision(approval, decision),
            Input::Stopped { shown } => self.end(Outcome::Stopped { shown }, strings::CALL_STOPPED),
        }
    }

    fn take_answer(&mut self, answer: ModelAnswer) {
        if self.phase != Phase::Thinking {
            return;
        }
        self.usage += answer.usage;
        let offered_tools = !self.cut_short;
        if answer.calls.is_empty() || !offered_tools {
            let text = if answer.text.is_blank() {
                strings::gathered_so_far(&self.tool_log)
            } else {
                answer.text
            };
            self.phase = Phase::Over(Outcome::Answered { text });
            return;
        }
        self.rounds_used += 1;
        self.phase = Phase::Acting;
        for (index, call) in answer.calls.iter().enumerate() {
            let entry = self.new_call(index, call);
            self.recent.push(entry.key.clone());
            self.round.push(entry);
        }
        let surplus = self.recent.len().saturating_sub(MAX_CALLS_PER_ROUND);
        self.recent.drain(..surplus);
        self.exchange.push(Message::Assistant {
            text: answer.text,
            calls: answer.calls,
            replay: answer.replay,
        });
    }

    /// A call as the model made it, refused at once where no look at the world is needed to say so.
    fn new_call(&self, index: usize, call: &crate::models::ToolCall) -> RoundCall {
        let key = CallKey {
            tool: call.name.clone(),
            arguments_hash: match &call.arguments {
                Arguments::Object(arguments) => crate::tools::arguments_hash(arguments),
                Arguments::Malformed { .. } => String::new(),
            },
        };
        let repeated = self.recent.iter().rev().take_while(|earlier| **earlier == key).count() + 1 >= IDENTICAL_CALLS;
        let refusal = match &call.arguments {
            Arguments::Malformed { problem, .. } => Some(strings::arguments_not_json(problem)),
            Arguments::Object(_) if index >= MAX_CALLS_PER_ROUND => Some(strings::too_many_calls(MAX_CALLS_PER_ROUND)),
            Arguments::Object(_) if self.denied.contains(&key) => Some(strings::CALL_DENIED_BEFORE.to_owned()),
            Arguments::Object(_) if repeated => Some(strings::CALL_REPEATED.to_owned()),
            Arguments::Object(_) => None,
        };
        let status = match refusal {
            Some(refusal) => CallStatus::Done {
                result: strings::tool_error(&refusal),
                outcome: CallOutcome::Refused,
            },
            None => CallStatus::New,
        };
        RoundCall {
            call: call.clone(),
            key,
            status,
            effect: Effect::Changes,
            asked_again: false,
        }
    }

    fn take_verdicts(&mut self, verdicts: Vec<(usize, Verdict)>, limits: Limits) {
        for (index, verdict) in verdicts {
            let Some(entry) = self.round.get_mut(index).filter(|entry| entry.status == CallStatus::New) else {
                continue;
            };
            match verdict {
                Verdict::Refuse(reason) => {
                    entry.status = CallStatus::Done {
                        result: strings::tool_error(&reason),
                        outcome: CallOutcome::Refused,
                    };
                }
                Verdict::Run(effect) => {
                    entry.effect = effect;
                    entry.status = CallStatus::Ready;
                }
                Verdict::Ask(effect) => {
                    entry.effect = effect;
                    self.must_ask(index, AskReason::Policy, limits);
                }
            }
        }
    }

    /// Marks a call for the gate, unless the caps on asking are reached.
    fn must_ask(&mut self, index: usize, reason: AskReason, limits: Limits) {
        let open = self
            .round
            .iter()
            .filter(|entry| matches!(entry.status, CallStatus::MustAsk { .. } | CallStatus::Pending { .. }));
        let refusal = if open.count() >= limits.max_pending {
            Some(strings::too_many_pending(limits.max_pending))
        } else if self.gates_used >= limits.max_gates {
            Some(strings::too_many_gates(limits.max_gates))
        } else {
            None
        };
        let Some(entry) = self.round.get_mut(index) else { return };
        entry.status = match refusal {
            Some(refusal) => {
                let outcome = if reason == AskReason::OutcomeUnknown {
                    CallOutcome::Unknown
                } else {
                    CallOutcome::Refused
                };
                CallStatus::Done {
                    result: strings::tool_error(&refusal),
                    outcome,
                }
            }
            None => CallStatus::MustAsk { reason },
        };
    }

    /// A granted call runs like one that needs no question; its start is checked against the grant once more.
    fn take_grants(&mut self, calls: &[usize]) {
        for index in calls {
            let asked_by_policy = CallStatus::MustAsk {
                reason: AskReason::Policy,
            };
            if let Some(entry) = self.round.get_mut(*index).filter(|entry| entry.status == asked_by_policy) {
                entry.status = CallStatus::Ready;
            }
        }
    }

    fn take_questions(&mut self, questions: Vec<(usize, ApprovalId, Prepared)>) {
        if questions.is_empty() {
            return;
        }
        self.gates_used += 1;
        self.phase = Phase::AwaitingConfirmation;
        for (index, approval, prepared) in questions {
            if let Some(entry) = self.round.get_mut(index) {
                entry.asked_again = matches!(
                    entry.status,
                    CallStatus::MustAsk {
                        reason: AskReason::OutcomeUnknown
                    }
                );
                entry.status = CallStatus::Pending { approval, prepared };
            }
        }
    }

    fn take_recovered(&mut self, found: Vec<(usize, Option<CallResult>)>, limits: Limits) {
        for (index, result) in found {
            let Some(entry) = self.round.get_mut(index) else { continue };
            let CallStatus::Started { approval, prepared } = entry.status.clone() else {
                continue;
            };
            match (result, entry.effect, approval) {
                (Some(result), ..) => self.finish_call(index, result),
                (None, Effect::ReadOnly | Effect::Idempotent, None) => entry.status = CallStatus::Ready,
                (None, Effect::ReadOnly | Effect::Idempotent, Some(approval)) => {
                    entry.status = CallStatus::Approved { approval, prepared };
                }
                (None, Effect::Changes, _) => self.must_ask(index, AskReason::OutcomeUnknown, limits),
            }
        }
    }

    fn take_decision(&mut self, decided: ApprovalId, decision: Decision) {
        let Some(entry) = self
            .round
            .iter_mut()
            .find(|entry| matches!(entry.status, CallStatus::Pending { approval, .. } if approval == decided))
        else {
            return;
        };
        let CallStatus::Pending { approval, prepared } = entry.status.clone() else {
            return;
        };
        let refused_as = if entry.asked_again {
            CallOutcome::Unknown
        } else {
            CallOutcome::Denied
        };
        entry.status = match decision {
            Decision::Allowed => CallStatus::Approved { approval, prepared },
            Decision::Denied { .. } | Decision::Expired if entry.asked_again => CallStatus::Done {
                result: Text::from(strings::CALL_OUTCOME_UNKNOWN),
                outcome: refused_as,
            },
            Decision::Denied { reason } => {
                self.denied.push(entry.key.clone());
                CallStatus::Done {
                    result: strings::denied_by_user(reason.as_ref()),
                    outcome: refused_as,
                }
            }
            Decision::Expired => {
                self.denied.push(entry.key.clone());
                CallStatus::Done {
                    result: Text::from(strings::CALL_EXPIRED),
                    outcome: refused_as,
                }
            }
        };
        if self.phase == Phase::AwaitingConfirmation && self.pending().next().is_none() {
            self.phase = Phase::Acting;
            self.segment += 1;
        }
    }

    fn finish_call(&mut self, index: usize, result: CallResult) {
        self.tainted |= result.tainted;
        if let Some(entry) = self.round.get_mut(index) {
            entry.status = CallStatus::Done {
                result: result.text,
                outcome: result.outcome,
            };
        }
    }

    /// Ends the turn; every call that has no result gets one, so that no history ever holds half a round.
    fn end(&mut self, outcome: Outcome, result_of_open_calls: &str) {
        for entry in &mut self.round {
            if !matches!(entry.status, CallStatus::Done { .. }) {
                entry.status = CallStatus::Done {
                    result: Text::from(result_of_open_calls),
                    outcome: CallOutcome::Cancelled,
                };
            }
        }
        self.move_round_to_exchange();
        self.phase = Phase::Over(outcome);
    }

    /// When every call of the round has its result, the model is next.
    fn settle_round(&mut self, limits: Limits) {
        let all_done = self.round.iter().all(|entry| matches!(entry.status, CallStatus::Done { .. }));
        if self.phase != Phase::Acting || !all_done {
            return;
        }
        self.move_round_to_exchange();
        self.cut_short = self.rounds_used >= limits.max_rounds;
        self.phase = Phase::Thinking;
    }

    fn move_round_to_exchange(&mut self) {
        for entry in self.round.drain(..) {
            let CallStatus::Done { result, outcome } = entry.status else {
                continue;
            };
            self.tool_log.push(ToolLogEntry {
                tool: entry.call.name.clone(),
                arguments: entry.call.arguments.clone(),
                result: result.clone(),
                outcome,
            });
            self.exchange.push(Message::ToolResult {
                call_id: entry.call.id,
                tool: entry.call.name,
                text: result,
            });
        }
    }

    /// What the state asks for; the same state always asks for the same.
    fn next_action(&self) -> Action {
        match self.phase {
            Phase::Over(_) => Action::Finish,
            Phase::AwaitingConfirmation => Action::Wait,
            Phase::Thinking => Action::CallModel {
                may_call_tools: !self.cut_short,
            },
            Phase::Acting => self.next_in_round(),
        }
    }

    fn next_in_round(&self) -> Action {
        let indices_where = |wanted: fn(&CallStatus) -> bool| -> Vec<usize> {
            self.round
                .iter()
                .enumerate()
                .filter(|(_, entry)| wanted(&entry.status))
                .map(|(index, _)| index)
                .collect()
        };
        let started = indices_where(|status| matches!(status, CallStatus::Started { .. }));
        if !started.is_empty() {
            return Action::Recover(started);
        }
        let new = indices_where(|status| matches!(status, CallStatus::New));
        if !new.is_empty() {
            return Action::Assess(new);
        }
        let runnable = |entry: &RoundCall| matches!(entry.status, CallStatus::Ready | CallStatus::Approved { .. });
        let first_open = self
            .round
            .iter()
            .position(|entry| !matches!(entry.status, CallStatus::Done { .. }));
        match first_open {
            Some(first) if runnable(&self.round[first]) => {
                let beside = self.round[first..]
                    .iter()
                    .take_while(|entry| runnable(entry) && entry.effect == Effect::ReadOnly)
                    .count();
                Action::Run((first..first + beside.max(1)).collect())
            }
            _ => Action::Ask(indices_where(|status| matches!(status, CallStatus::MustAsk { .. }))),
        }
    }
}

#[cfg(test)]
mod tests;

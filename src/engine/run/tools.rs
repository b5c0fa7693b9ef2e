//! Running the calls of a round, and finding out what became of those that a crash cut off.

use super::Run;
use crate::engine::toolcall::{self, Ran, Ready};
use crate::engine::{Profile, audit};
use crate::failpoint;
use crate::models::ToolCall;
use crate::store::{AuditRecord, FinishedRun, StoreError, ToolStart};
use crate::strings;
use crate::tools::Effect;
use crate::turn::{CallKey, CallOutcome, CallResult, CallStatus, Input, Limits, RoundCall, Verdict};
use cortex_chat::Text;
use futures_util::future::join_all;
use serde_json::json;
use std::time::Duration;

impl Run<'_> {
    pub(super) async fn run_tools(
        &mut self,
        calls: &[usize],
        profile: &Profile,
        limits: Limits,
    ) -> Result<Input, StoreError> {
        failpoint::hit("tool.before_start");
        let ready = match self.prepare(calls, profile).await {
            Ok(ready) => ready,
            // The others are looked at again in the next step; what is refused has its result.
            Err(refused) => return Ok(Input::Finished(refused)),
        };
        let starts = ready.iter().map(start_of).collect();
        let committed = self.commit(limits, |step| step.starts = starts).await?;
        failpoint::hit("tool.after_start");
        for (index, result) in &committed.refused {
            if let Some(ready) = ready.iter().find(|ready| ready.index == *index) {
                self.note_result(&ready.call, result, "", Duration::ZERO);
            }
        }
        let started: Vec<Ready> = ready.into_iter().filter(|ready| self.has_started(ready.index)).collect();
        if started.is_empty() {
            return Ok(Input::Resumed);
        }
        for ready in &started {
            self.progress(&ready.call.call.id, strings::progress_running(&ready.call.call.name));
        }
        let (engine, context) = (self.engine, self.tool_context());
        let ran = join_all(started.into_iter().map(|ready| engine.run_tool(ready, context.clone()))).await;
        for run in &ran {
            self.note_run(run);
        }
        let results = ran.into_iter().map(|run| (run.index, run.result)).collect();
        let _ = self.state.step(Input::Finished(results), limits);
        self.commit(limits, |_| ()).await?;
        failpoint::hit("tool.after_finish");
        Ok(Input::Resumed)
    }

    /// Asks the gate about new calls.
    pub(super) fn assess(&mut self, calls: &[usize], profile: &Profile) -> Input {
        let verdicts = self.engine.assess(&self.state, calls, profile, self.claimed.policy.as_ref());
        for (index, verdict) in &verdicts {
            if let Verdict::Refuse(reason) = verdict {
                let call = self.state.round[*index].clone();
                self.note_result(&call, &refused(strings::tool_error(reason)), "", Duration::ZERO);
            }
        }
        Input::Assessed(verdicts)
    }

    /// Notes the calls of an answer that were refused without a look: malformed, denied before, repeated. `logged` is how many
    /// calls the turn had behind it before the answer.
    pub(super) fn note_refused_at_once(&mut self, logged: usize) {
        let still_in_round = self.state.round.iter().filter_map(|call| match &call.status {
            CallStatus::Done { result, .. } => Some((call.clone(), result.clone())),
            _ => None,
        });
        // Where all were refused, the round is over and they stand in the log.
        let already_logged = self.state.tool_log[logged..].iter().map(|entry| {
            let call = ToolCall {
                id: String::new(),
                provider_id: None,
                name: entry.tool.clone(),
                arguments: entry.arguments.clone(),
            };
            let key = CallKey {
                tool: entry.tool.clone(),
                arguments_hash: String::new(),
            };
            let (status, effect) = (CallStatus::New, Effect::Changes);
            (
                RoundCall {
                    call,
                    key,
                    status,
                    effect,
                    asked_again: false,
                },
                entry.result.clone(),
            )
        });
        let all: Vec<(RoundCall, Text)> = still_in_round.chain(already_logged).collect();
        for (call, result) in all {
            self.note_result(&call, &refused(result), "", Duration::ZERO);
        }
    }

    /// Looks at what each call would do. Where some cannot even be looked at, gives those with their results.
    pub(super) async fn prepare(
        &mut self,
        calls: &[usize],
        profile: &Profile,
    ) -> Result<Vec<Ready>, Vec<(usize, CallResult)>> {
        let context = self.tool_context();
        let mut ready = Vec::with_capacity(calls.len());
        let mut refused = Vec::new();
        for index in calls {
            let call = &self.state.round[*index];
            // Looked at before every question and every start: an answer that was given meanwhile counts for nothing here.
            if self.engine.contested.includes(&self.state.request.address.connector) {
                refused.push((*index, toolcall::refused_as_contested(call)));
                continue;
            }
            match self.engine.prepare(*index, call, profile, &context).await {
                Ok(prepared) => ready.push(prepared),
                Err(result) => refused.push((*index, result)),
            }
        }
        if refused.is_empty() {
            return Ok(ready);
        }
        for (index, result) in &refused {
            let call = self.state.round[*index].clone();
            self.note_result(&call, result, "", Duration::ZERO);
        }
        Err(refused)
    }

    fn tool_context(&self) -> crate::tools::ToolContext {
        toolcall::context(&self.state.request.user, self.claimed.policy.as_ref(), &self.stop)
    }

    fn has_started(&self, index: usize) -> bool {
        self.state
            .round
            .get(index)
            .is_some_and(|entry| matches!(entry.status, CallStatus::Started { .. }))
    }

    fn note_run(&mut self, run: &Ran) {
        self.draft.finished.push(FinishedRun {
            call_id: run.call.call.id.clone(),
            outcome: run.result.outcome,
            result: run.result.text.as_str().to_owned(),
            tainted: run.result.tainted,
        });
        self.note_result(&run.call, &run.result, &run.summary, run.took);
    }

    /// Shows and audits how a call ended.
    fn note_result(&mut self, call: &RoundCall, result: &CallResult, summary: &str, duration: Duration) {
        let approval = match &call.status {
            CallStatus::Approved { approval, .. } => Some(*approval),
            _ => None,
        };
        let profile = self.engine.profile(&self.state.request.profile);
        let model = profile.map(|profile| profile.model.identity().name.clone());
        self.draft.audit.push(AuditRecord {
            kind: "tool",
            body: json!({
                "tool": call.call.name, "arguments": audit::masked(&call.call.arguments.to_value()),
                "arguments_hash": call.key.arguments_hash, "conversation": self.fence.conversation, "engine": "single",
                "model": model, "outcome": result.outcome, "result_bytes": result.text.as_str().len(),
                "duration_ms": duration.as_millis() as u64, "approval": approval,
            }),
        });
        self.progress(
            &call.call.id,
            strings::progress_done(&call.call.name, result.outcome, summary),
        );
    }

    pub(super) async fn recover(&mut self, calls: &[usize]) -> Result<Input, StoreError> {
        let ids = calls.iter().map(|index| self.state.round[*index].call.id.clone()).collect();
        let found = self.engine.store.results_of(self.fence.turn, ids).await?;
        let known = calls.iter().zip(found).map(|(index, run)| {
            let result = run.map(|run| CallResult {
                text: Text::new(run.result),
                outcome: run.outcome,
                tainted: run.tainted,
            });
            (*index, result)
        });
        Ok(Input::Recovered(known.collect()))
    }
}

fn refused(text: Text) -> CallResult {
    CallResult {
        text,
        outcome: CallOutcome::Refused,
        tainted: false,
    }
}

fn start_of(ready: &Ready) -> ToolStart {
    ToolStart {
        index: ready.index,
        call_id: ready.call.call.id.clone(),
        definition: ready.definition.clone(),
        prepared: ready.prepared.clone(),
        binding: ready.binding.clone(),
        approval: match ready.call.status {
            CallStatus::Approved { approval, .. } => Some(approval),
            _ => None,
        },
    }
}

//! One call of a tool: prepared, and run within its limits.

use super::{Engine, Profile};
use crate::domain::UserName;
use crate::failpoint;
use crate::gate::{Binding, Policy};
use crate::models::Arguments;
use crate::strings;
use crate::tools::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolOutput, cut_output};
use crate::turn::{AskReason, CallOutcome, CallResult, CallStatus, RoundCall};
use cortex_chat::Text;
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a tool that was told to end may take to say what it has done.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// A call with all that is needed to ask about it or to run it.
pub(super) struct Ready {
    pub(super) index: usize,
    pub(super) call: RoundCall,
    pub(super) arguments: Value,
    pub(super) tool: Arc<dyn Tool>,
    pub(super) definition: ToolDefinition,
    pub(super) prepared: Prepared,
    pub(super) binding: Binding,
}

/// What a run gave, for the turn, the progress display and the audit.
pub(super) struct Ran {
    pub(super) index: usize,
    pub(super) call: RoundCall,
    pub(super) result: CallResult,
    pub(super) summary: String,
    pub(super) took: Duration,
}

impl Engine {
    /// Looks at what a call would do; the error is the call's result.
    pub(super) async fn prepare(
        &self,
        index: usize,
        call: &RoundCall,
        profile: &Profile,
        context: &ToolContext,
    ) -> Result<Ready, CallResult> {
        let name = &call.call.name;
        let listed = profile.tools.as_ref().is_none_or(|tools| tools.contains(name));
        let (Some(definition), Some(tool), Some(hash), true) = (
            self.definition(name),
            self.tools.get(name),
            self.tools.definition_hash(name),
            listed,
        ) else {
            return Err(refused(strings::TOOL_NOT_OFFERED));
        };
        let Arguments::Object(arguments) = call.call.arguments.clone() else {
            return Err(refused(&strings::arguments_not_json("not an object")));
        };
        let limit = definition.time_limit.min(self.settings.tool_time_limit);
        let prepared = tokio::select! {
            prepared = tokio::time::timeout(limit, tool.prepare(&arguments, context)) => prepared,
            () = context.cancel.cancelled() => return Err(cancelled(strings::CALL_STOPPED, CallOutcome::Cancelled)),
        };
        let prepared = match prepared {
            Ok(Ok(prepared)) => prepared,
            Ok(Err(error)) => return Err(failed(&error.to_string())),
            Err(_) => return Err(failed(&strings::tool_timed_out(limit))),
        };
        let binding = Binding::new(hash, &arguments, &prepared);
        Ok(Ready {
            index,
            call: call.clone(),
            arguments,
            tool,
            definition,
            prepared,
            binding,
        })
    }

    /// Runs a call whose start is on disk. Never fails: what goes wrong is the call's result.
    pub(super) async fn run_tool(&self, ready: Ready, context: ToolContext) -> Ran {
        let begun = Instant::now();
        let limit = ready.definition.time_limit.min(self.settings.tool_time_limit);
        let output_limit = ready.definition.output_limit_bytes.min(self.settings.tool_output_limit_bytes);
        let tainted = ready.definition.untrusted_results;
        let harmless = ready.definition.effect != Effect::Changes;
        let (index, call, cancel) = (ready.index, ready.call.clone(), context.cancel.clone());
        // A task of its own: a panic in a tool is that tool's failure.
        let mut running = tokio::spawn(async move { ready.tool.run(&ready.arguments, &ready.prepared, &context).await });
        let ended = tokio::select! {
            ended = &mut running => Some(ended),
            () = tokio::time::sleep(limit) => None,
            // Told to end, a tool says itself what it has done, if it is quick about it.
            () = cancel.cancelled() => tokio::time::timeout(STOP_GRACE, &mut running).await.ok(),
        };
        failpoint::hit("tool.after_effect");
        running.abort();
        let (result, summary) = match ended {
            Some(Ok(Ok(output))) => succeeded(output, output_limit, tainted),
            Some(Ok(Err(error))) => (
                CallResult {
                    tainted,
                    ..failed(&error.to_string())
                },
                String::new(),
            ),
            Some(Err(_)) => (failed("the tool broke down"), String::new()),
            None if cancel.is_cancelled() && harmless => {
                (cancelled(strings::CALL_STOPPED, CallOutcome::Cancelled), String::new())
            }
            None if cancel.is_cancelled() => (cancelled(strings::CALL_STOP_UNKNOWN, CallOutcome::Unknown), String::new()),
            None => (failed(&strings::tool_timed_out(limit)), String::new()),
        };
        Ran {
            index,
            call,
            result,
            summary,
            took: begun.elapsed(),
        }
    }
}

/// The result of a call that must not run while somebody else reads the account that asked for it. One of which nobody knows
/// whether a crash cut it off before or after its effect is not said to have had none.
pub(super) fn refused_as_contested(call: &RoundCall) -> CallResult {
    let reason = AskReason::OutcomeUnknown;
    if call.asked_again || call.status == (CallStatus::MustAsk { reason }) {
        return cancelled(strings::TOOLS_OFF_OUTCOME_UNKNOWN, CallOutcome::Unknown);
    }
    refused(strings::TOOLS_OFF)
}

/// On whose behalf a turn's tools run.
pub(super) fn context(user: &UserName, policy: Option<&Policy>, cancel: &CancellationToken) -> ToolContext {
    ToolContext {
        user: user.clone(),
        time_zone: policy.and_then(|policy| policy.time_zone.clone()),
        cancel: cancel.child_token(),
    }
}

fn succeeded(output: ToolOutput, limit_bytes: usize, tainted: bool) -> (CallResult, String) {
    let text = Text::new(cut_output(&output.text, limit_bytes).into_owned());
    (
        CallResult {
            text,
            outcome: CallOutcome::Succeeded,
            tainted,
        },
        output.summary,
    )
}

fn failed(reason: &str) -> CallResult {
    CallResult {
        text: strings::tool_error(reason),
        outcome: CallOutcome::Failed,
        tainted: false,
    }
}

fn refused(reason: &str) -> CallResult {
    CallResult {
        text: strings::tool_error(reason),
        outcome: CallOutcome::Refused,
        tainted: false,
    }
}

fn cancelled(text: &str, outcome: CallOutcome) -> CallResult {
    CallResult {
        text: Text::from(text),
        outcome,
        tainted: false,
    }
}

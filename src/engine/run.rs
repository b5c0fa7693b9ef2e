//! One taken-up turn, from its stored state to the next point where it rests.

use super::prompt::{self, Surroundings};
use super::toolcall::{self, Ran, Ready};
use super::{Engine, Left, Profile};
use crate::delivery::{LiveAnswer, LiveStart, PacerHandle, progress_document};
use crate::domain::ApprovalId;
use crate::failpoint;
use crate::gate::{Policy, Question, Requirement};
use crate::models::{ModelAnswer, ModelError};
use crate::store::{
    AuditRecord, ClaimedTurn, Committed, DesiredMessage, Fence, FinishedRun, GrantShape, HistoryAppend, MessageId,
    NewQuestion, StepCommit, StoreError, ToolStart, UsageRecord,
};
use crate::strings;
use crate::turn::{
    Action, AskReason, CallResult, CallStatus, Input, Limits, ModelFailure, Outcome, Phase, TurnEvent, TurnState,
    history_entries,
};
use cortex_chat::{Document, MessageKind, OutgoingMessage, Text};
use futures_util::future::join_all;
use jiff::ToSpan as _;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First wait after a step could not be stored; doubles each time.
const STORE_RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait.
const STORE_RETRY_LONGEST: Duration = Duration::from_secs(30);

/// What is stored with the next step.
#[derive(Default)]
struct Draft {
    events: Vec<TurnEvent>,
    finished: Vec<FinishedRun>,
    usage: Vec<UsageRecord>,
    audit: Vec<AuditRecord>,
}

pub(super) struct Run<'a> {
    engine: &'a Engine,
    claimed: ClaimedTurn,
    state: TurnState,
    fence: Fence,
    draft: Draft,
    answer: Arc<LiveAnswer>,
    pacer: Option<PacerHandle>,
    stop: CancellationToken,
    shutdown: CancellationToken,
    deadline: Instant,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        mut claimed: ClaimedTurn,
        stop: CancellationToken,
        shutdown: CancellationToken,
    ) -> Self {
        let state = claimed.state.clone();
        let pacer = engine.pacers.get(&state.request.address.connector).cloned();
        let limit = pacer.as_ref().map_or(
            cortex_chat::TextLimit {
                max: usize::MAX,
                unit: cortex_chat::TextUnit::Characters,
            },
            |pacer| pacer.capabilities.text_limit,
        );
        let placeholder = pacer.as_ref().is_some_and(|pacer| pacer.capabilities.typing_every.is_none());
        let answer = Arc::new(LiveAnswer::new(limit, state.request.reply_to.clone(), placeholder));
        for entry in &state.tool_log {
            answer.set_progress(
                &format!("log{}", entry.tool),
                strings::progress_done(&entry.tool, entry.outcome, ""),
            );
        }
        let fence = Fence {
            turn: claimed.id,
            conversation: claimed.conversation,
            epoch: claimed.epoch,
            version: claimed.version,
        };
        if let Some(pacer) = &pacer {
            pacer.show_live(LiveStart {
                turn: claimed.id,
                segment: state.segment,
                conversation: claimed.conversation,
                address: state.request.address.clone(),
                chat_kind: state.request.chat_kind,
                answer: Arc::clone(&answer),
                standing: std::mem::take(&mut claimed.messages),
            });
        }
        let deadline = Instant::now() + engine.settings.turn_timeout;
        Self {
            engine,
            claimed,
            state,
            fence,
            draft: Draft::default(),
            answer,
            pacer,
            stop,
            shutdown,
            deadline,
        }
    }

    /// Drives the turn until it rests.
    pub(super) async fn drive(mut self) -> Result<Left, StoreError> {
        let left = self.drive_to_rest().await;
        if let Some(pacer) = &self.pacer {
            pacer.end_live(&self.state.request.address.chat, self.fence.turn);
        }
        left
    }

    async fn drive_to_rest(&mut self) -> Result<Left, StoreError> {
        failpoint::hit_on_text("turn.text", self.state.request.text.as_str());
        let Some(profile) = self.engine.profile(&self.state.request.profile) else {
            let message = format!(
                "There is no profile {} any more; the config must name one.",
                self.state.request.profile
            );
            let _ = self.state.step(Input::Failed(ModelFailure { message }), Limits::NONE);
            return self.finish().await;
        };
        let limits = self.engine.limits(profile);
        let mut action = self.state.step(Input::Resumed, limits);
        if self.claimed.attempts > 1 {
            self.emit(TurnEvent::Reset);
        }
        loop {
            let input = match action {
                Action::Finish => return self.finish().await,
                Action::Wait => return self.rest(Vec::new(), limits).await,
                // Only what would begin something new: an answer that is there is not thrown away.
                _ if self.shutdown.is_cancelled() => return Ok(Left::Interrupted),
                _ if self.stop.is_cancelled() => Input::Stopped {
                    shown: self.answer.text(),
                },
                _ if Instant::now() >= self.deadline => Input::Failed(ModelFailure {
                    message: strings::turn_timed_out(self.engine.settings.turn_timeout),
                }),
                Action::CallModel { may_call_tools } => self.call_model(profile, may_call_tools).await?,
                Action::Assess(calls) => {
                    let policy = self.claimed.policy.as_ref();
                    Input::Assessed(self.engine.assess(&self.state, &calls, profile, policy))
                }
                Action::Run(calls) => self.run_tools(&calls, limits).await?,
                Action::Recover(calls) => self.recover(&calls).await?,
                Action::Ask(calls) => match self.ask(&calls, limits).await? {
                    Asked::Rest(left) => return Ok(left),
                    Asked::Needless(input) => input,
                },
            };
            action = self.state.step(input, limits);
        }
    }

    // --- The model.

    async fn call_model(&mut self, profile: &Profile, may_call_tools: bool) -> Result<Input, StoreError> {
        // A turn goes on with what its asker may do now, not with what they might when it began.
        let offers = match &self.claimed.policy {
            Some(policy) => self.engine.offers(profile, policy),
            None => {
                return Ok(Input::Failed(ModelFailure {
                    message: strings::USER_REMOVED.to_owned(),
                }));
            }
        };
        let surroundings = Surroundings {
            history: &self.claimed.history,
            waiting: &self.claimed.waiting,
            now: self.engine.clock.now(),
            time_zone: self.claimed.policy.as_ref().and_then(|policy| policy.time_zone.as_deref()),
        };
        let may_call_tools = may_call_tools && !offers.is_empty();
        let request = prompt::request(profile, &self.state, offers, may_call_tools, &surroundings);
        failpoint::hit("model.before_call");
        let (answer, pacer, engine, turn) = (Arc::clone(&self.answer), self.pacer.clone(), self.engine, self.fence.turn);
        let chat = self.state.request.address.chat.clone();
        let mut on_text = move |piece: &str| {
            failpoint::hit("model.first_text");
            if answer.push_text(piece)
                && let Some(pacer) = &pacer
            {
                pacer.nudge(&chat);
            }
            if engine.listeners.receiver_count() > 0 {
                let _ = engine.listeners.send((turn, TurnEvent::Token { text: Text::from(piece) }));
            }
        };
        let limit = engine
            .settings
            .model_timeout
            .min(self.deadline.saturating_duration_since(Instant::now()));
        let called = tokio::select! {
            called = tokio::time::timeout(limit, profile.model.call(&request, &mut on_text)) => called,
            () = self.stop.cancelled() => return Ok(Input::Stopped { shown: self.answer.text() }),
        };
        failpoint::hit("model.after_call");
        Ok(match called {
            Ok(Ok(answer)) => self.take_answer(profile, answer),
            Ok(Err(error)) => Input::Failed(self.model_failure(profile, &error)),
            Err(_) => {
                let message = strings::model_timed_out(&profile.model.identity().label, limit);
                Input::Failed(ModelFailure { message })
            }
        })
    }

    fn take_answer(&mut self, profile: &Profile, answer: ModelAnswer) -> Input {
        self.draft.usage.push(UsageRecord {
            model: profile.model.identity().clone(),
            tokens: answer.usage,
        });
        if !answer.calls.is_empty() && !self.state.cut_short {
            // What a model says before a call is progress, not the answer.
            if !answer.text.is_blank() {
                self.withdraw_text();
                let line = one_line(answer.text.as_str());
                self.progress(&format!("said{}", self.state.rounds_used), line);
            }
        } else if !answer.text.is_blank() {
            // Live listeners have had it in pieces; the stored event is one coalesced piece.
            self.draft.events.push(TurnEvent::Token {
                text: answer.text.clone(),
            });
        }
        Input::ModelAnswered(answer)
    }

    fn model_failure(&mut self, profile: &Profile, error: &ModelError) -> ModelFailure {
        tracing::warn!(
            turn.id = %self.fence.turn, model = %profile.model.identity().name, kind = ?error.kind, %error,
            "a model call failed"
        );
        if error.after_text {
            self.withdraw_text();
        }
        ModelFailure {
            message: error.message.clone(),
        }
    }

    fn withdraw_text(&mut self) {
        if self.answer.reset_text() {
            self.nudge();
        }
        self.emit(TurnEvent::Reset);
    }

    // --- Tools.

    async fn run_tools(&mut self, calls: &[usize], limits: Limits) -> Result<Input, StoreError> {
        failpoint::hit("tool.before_start");
        let context = toolcall::context(&self.state.request.user, self.claimed.policy.as_ref(), &self.stop);
        let mut ready = Vec::with_capacity(calls.len());
        let mut refused = Vec::new();
        for index in calls {
            match self.engine.prepare(*index, &self.state.round[*index], &context).await {
                Ok(prepared) => ready.push(prepared),
                Err(result) => refused.push((*index, result)),
            }
        }
        if !refused.is_empty() {
            for (index, result) in &refused {
                self.note_result(*index, result, "", Duration::ZERO);
            }
            // The others are looked at again in the next step; what is refused has its result.
            return Ok(Input::Finished(refused));
        }
        let starts = ready.iter().map(Self::start_of).collect();
        self.commit(limits, |step| step.starts = starts).await?;
        failpoint::hit("tool.after_start");
        let (started, held_back): (Vec<Ready>, Vec<Ready>) = ready
            .into_iter()
            .partition(|ready| matches!(self.state.round[ready.index].status, CallStatus::Started { .. }));
        for ready in held_back {
            if let CallStatus::Done { result, outcome } = self.state.round[ready.index].status.clone() {
                self.note_result(
                    ready.index,
                    &CallResult {
                        text: result,
                        outcome,
                        tainted: false,
                    },
                    "",
                    Duration::ZERO,
                );
            }
        }
        for ready in &started {
            self.progress(&ready.call.call.id, strings::progress_running(&ready.call.call.name));
        }
        let engine = self.engine;
        let runs = started.into_iter().map(|ready| engine.run_tool(ready, context.clone()));
        let ran: Vec<Ran> = join_all(runs).await;
        if self.stop.is_cancelled() {
            for run in &ran {
                self.note_run(run);
            }
            return Ok(Input::Stopped {
                shown: self.answer.text(),
            });
        }
        let mut results = Vec::with_capacity(ran.len());
        for run in ran {
            self.note_run(&run);
            results.push((run.index, run.result));
        }
        let _ = self.state.step(Input::Finished(results), limits);
        self.commit(limits, |_| ()).await?;
        failpoint::hit("tool.after_finish");
        Ok(Input::Resumed)
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

    fn note_run(&mut self, run: &Ran) {
        self.draft.finished.push(FinishedRun {
            call_id: self.state.round[run.index].call.id.clone(),
            outcome: run.result.outcome,
            result: run.result.text.as_str().to_owned(),
            tainted: run.result.tainted,
        });
        self.note_result(run.index, &run.result, &run.summary, run.took);
    }

    /// Shows and audits how a call ended.
    fn note_result(&mut self, index: usize, result: &CallResult, summary: &str, duration: Duration) {
        let call = &self.state.round[index];
        let (id, tool) = (call.call.id.clone(), call.call.name.clone());
        self.draft.audit.push(AuditRecord {
            kind: "tool",
            body: json!({
                "tool": tool, "arguments_hash": call.key.arguments_hash, "outcome": result.outcome,
                "result_bytes": result.text.as_str().len(), "duration_ms": duration.as_millis() as u64,
                "approval": match &call.status {
                    CallStatus::Started { approval, .. } => *approval,
                    _ => None,
                },
            }),
        });
        self.progress(&id, strings::progress_done(&tool, result.outcome, summary));
    }

    async fn recover(&mut self, calls: &[usize]) -> Result<Input, StoreError> {
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

    // --- The gate.

    async fn ask(&mut self, calls: &[usize], limits: Limits) -> Result<Asked, StoreError> {
        let context = toolcall::context(&self.state.request.user, self.claimed.policy.as_ref(), &self.stop);
        let mut ready = Vec::with_capacity(calls.len());
        let mut refused = Vec::new();
        for index in calls {
            match self.engine.prepare(*index, &self.state.round[*index], &context).await {
                Ok(prepared) => ready.push(prepared),
                Err(result) => refused.push((*index, result)),
            }
        }
        if !refused.is_empty() {
            for (index, result) in &refused {
                self.note_result(*index, result, "", Duration::ZERO);
            }
            return Ok(Asked::Needless(Input::Finished(refused)));
        }
        let granted = self.granted(&ready).await?;
        if !granted.is_empty() {
            return Ok(Asked::Needless(Input::Granted(granted)));
        }
        let questions = ready.iter().map(|ready| self.question(ready)).collect();
        failpoint::hit("ask.before_commit");
        let left = self.rest(questions, limits).await?;
        failpoint::hit("ask.after_commit");
        Ok(Asked::Rest(left))
    }

    /// Which of these calls a standing permission covers: only those that are asked about because the policy says so, and not
    /// those that must be confirmed each time.
    async fn granted(&self, ready: &[Ready]) -> Result<Vec<usize>, StoreError> {
        let may_be_granted = |ready: &&Ready| {
            let by_policy = CallStatus::MustAsk {
                reason: AskReason::Policy,
            };
            let requirement = |policy: &Policy| policy.requirement(&ready.definition, self.state.tainted);
            ready.call.status == by_policy && self.claimed.policy.as_ref().map(requirement) == Some(Requirement::Confirm)
        };
        let shapes = ready.iter().filter(may_be_granted).filter_map(|ready| {
            Some(GrantShape {
                index: ready.index,
                tool: ready.definition.name.clone(),
                shape: ready.prepared.grant_shape.clone()?,
                definition_hash: ready.binding.definition_hash.clone(),
            })
        });
        let shapes: Vec<GrantShape> = shapes.collect();
        if shapes.is_empty() {
            return Ok(Vec::new());
        }
        self.engine.store.granted(self.fence.turn, shapes).await
    }

    fn question(&self, ready: &Ready) -> NewQuestion {
        let reason = match ready.call.status {
            CallStatus::MustAsk { reason } => reason,
            _ => AskReason::Policy,
        };
        let expires = i64::try_from(self.engine.settings.expires_after.as_secs()).unwrap_or(i64::MAX / 1000);
        let now = self.engine.clock.now();
        let mut question = Question {
            code: String::new(),
            tool: ready.definition.name.clone(),
            description: ready.definition.description.clone(),
            risk: ready.definition.risk,
            reason,
            arguments: ready.call.call.arguments.clone(),
            prepared: ready.prepared.clone(),
            model_words: self.words_before_calls(),
            session_offered: false,
            always_offered: false,
            all_covers: Vec::new(),
            expires_at: now.checked_add(expires.seconds()).unwrap_or(jiff::Timestamp::MAX),
        };
        if let Some(policy) = &self.claimed.policy {
            (question.session_offered, question.always_offered) =
                self.engine
                    .grants_offered(&question, self.state.tainted, policy, &ready.definition);
        }
        NewQuestion {
            index: ready.index,
            id: ApprovalId::new(),
            call_id: ready.call.call.id.clone(),
            question,
            binding: ready.binding.clone(),
        }
    }

    /// What the model wrote before the calls of this round.
    fn words_before_calls(&self) -> Option<Text> {
        match self.state.exchange.last() {
            Some(crate::models::Message::Assistant { text, .. }) if !text.is_blank() => Some(text.clone()),
            _ => None,
        }
    }

    /// Stores the questions and lets go of the conversation.
    async fn rest(&mut self, questions: Vec<NewQuestion>, limits: Limits) -> Result<Left, StoreError> {
        let stands = self.answer.close() > 0;
        let mut lines = self.answer.progress_lines();
        lines.push(strings::WAITING.to_owned());
        // Not an answer: what a script reads as one comes after the decision.
        let waiting = OutgoingMessage {
            kind: MessageKind::Notice,
            body: progress_document(lines.iter().map(String::as_str)),
            choices: Vec::new(),
            reply_to: self.state.request.reply_to.clone(),
            live: false,
            last: false,
        };
        let segment = self.state.segment;
        let message = DesiredMessage {
            id: MessageId::answer(self.fence.turn, segment, 0),
            content: Some(waiting),
        };
        let mut messages: Vec<DesiredMessage> = stands.then_some(message).into_iter().collect();
        messages.extend(self.surplus_parts(1));
        let committed = self
            .commit(limits, |step| {
                step.questions = questions;
                step.messages = messages;
            })
            .await?;
        Ok(Left::Slot(committed.next.map(Box::new)))
    }

    // --- The end.

    async fn finish(&mut self) -> Result<Left, StoreError> {
        let Phase::Over(outcome) = self.state.phase.clone() else {
            return Ok(Left::Interrupted);
        };
        let limits = Limits::NONE;
        let (text, event) = match outcome {
            Outcome::Answered { text } => {
                let shown = if self.state.cut_short {
                    format!("{}\n\n{}", text.as_str(), strings::CUT_SHORT)
                } else {
                    text.into_string()
                };
                let identity = self
                    .engine
                    .profile(&self.state.request.profile)
                    .map(|profile| profile.model.identity());
                let event = TurnEvent::Done {
                    response: Text::new(shown.clone()),
                    backend: identity.map(|identity| identity.kind.clone()).unwrap_or_default(),
                    backend_label: identity.map(|identity| identity.label.clone()).unwrap_or_default(),
                };
                (shown, event)
            }
            Outcome::Failed { message } => (
                strings::failed(&message),
                TurnEvent::Error {
                    message: Text::new(message),
                },
            ),
            Outcome::Stopped { shown } => {
                let text = if shown.is_blank() {
                    strings::STOPPED.to_owned()
                } else {
                    format!("{}\n\n{}", shown.as_str(), strings::STOPPED)
                };
                (text, TurnEvent::Cancelled)
            }
        };
        let messages = self.final_messages(&text);
        let history = HistoryAppend {
            entries: history_entries(&self.state),
            metadata: self.metadata(),
            tainted: self.state.tainted,
        };
        self.draft.events.push(event.clone());
        failpoint::hit("finish.before_commit");
        let committed = self
            .commit(limits, |step| {
                step.messages = messages;
                step.history = Some(history);
            })
            .await?;
        failpoint::hit("finish.after_commit");
        self.tell_listeners(&event);
        Ok(Left::Slot(committed.next.map(Box::new)))
    }

    /// The answer in as many messages as it needs; what stands beyond them is taken away.
    fn final_messages(&self, text: &str) -> Vec<DesiredMessage> {
        let Some(pacer) = &self.pacer else { return Vec::new() };
        let parts = Document::parse(text).split(pacer.capabilities.text_limit);
        let count = parts.len();
        let mut messages: Vec<DesiredMessage> = parts
            .into_iter()
            .enumerate()
            .map(|(part, body)| DesiredMessage {
                id: MessageId::answer(self.fence.turn, self.state.segment, part),
                content: Some(OutgoingMessage {
                    kind: MessageKind::Answer,
                    body,
                    choices: Vec::new(),
                    reply_to: self.state.request.reply_to.clone().filter(|_| part == 0),
                    live: false,
                    last: part + 1 == count,
                }),
            })
            .collect();
        messages.extend(self.surplus_parts(count));
        messages
    }

    /// Messages of the growing answer from this part on, which are no longer wanted.
    fn surplus_parts(&self, from: usize) -> Vec<DesiredMessage> {
        (from..self.answer.close())
            .map(|part| DesiredMessage {
                id: MessageId::answer(self.fence.turn, self.state.segment, part),
                content: None,
            })
            .collect()
    }

    fn metadata(&self) -> serde_json::Value {
        let identity = self
            .engine
            .profile(&self.state.request.profile)
            .map(|profile| profile.model.identity());
        json!({
            "backend": identity.map(|identity| &identity.kind), "backend_label": identity.map(|identity| &identity.label),
            "host": self.engine.host, "off_record": self.state.request.mode == crate::turn::Mode::Otr,
        })
    }

    // --- Storing and telling.

    /// Stores the state with what was drafted, and shows what came of it.
    async fn commit(&mut self, limits: Limits, fill: impl FnOnce(&mut StepCommit)) -> Result<Committed, StoreError> {
        let draft = std::mem::take(&mut self.draft);
        let mut step = StepCommit {
            fence: self.fence,
            state: self.state.clone(),
            limits,
            events: draft.events,
            messages: Vec::new(),
            finished: draft.finished,
            starts: Vec::new(),
            questions: Vec::new(),
            usage: draft.usage,
            audit: draft.audit,
            history: None,
            claim_next: (!self.shutdown.is_cancelled()).then_some(self.engine.settings.history_tokens),
        };
        fill(&mut step);
        let mut committed = self.commit_patiently(Arc::new(step)).await?;
        self.state = committed.state.clone();
        self.fence.version = committed.version;
        if let Some(pacer) = &self.pacer {
            pacer.show(std::mem::take(&mut committed.messages));
        }
        if let Some(confirm) = committed.confirm.take() {
            self.tell_listeners(&confirm);
        }
        Ok(committed)
    }

    /// A store that is full or fails for a while holds the turn up, and loses nothing of it.
    async fn commit_patiently(&self, step: Arc<StepCommit>) -> Result<Committed, StoreError> {
        let mut wait = STORE_RETRY_FIRST;
        loop {
            match self.engine.store.commit_step(Arc::clone(&step)).await {
                Err(error @ (StoreError::Full(_) | StoreError::Database(_))) if !self.shutdown.is_cancelled() => {
                    tracing::error!(%error, turn.id = %self.fence.turn, retry.after = ?wait, "a step could not be stored");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(STORE_RETRY_LONGEST);
                }
                other => return other,
            }
        }
    }

    fn progress(&mut self, key: &str, line: String) {
        let changed = self.answer.set_progress(key, line.clone());
        if changed {
            self.nudge();
        }
        self.emit(TurnEvent::Progress { text: Text::new(line) });
    }

    fn emit(&mut self, event: TurnEvent) {
        self.tell_listeners(&event);
        self.draft.events.push(event);
    }

    fn tell_listeners(&self, event: &TurnEvent) {
        if self.engine.listeners.receiver_count() > 0 {
            let _ = self.engine.listeners.send((self.fence.turn, event.clone()));
        }
    }

    fn nudge(&self) {
        if let Some(pacer) = &self.pacer {
            pacer.nudge(&self.state.request.address.chat);
        }
    }
}

/// Whether the turn rests, or a call turned out to need no question.
enum Asked {
    Rest(Left),
    Needless(Input),
}

/// A model's words as one line of progress.
fn one_line(text: &str) -> String {
    const LONGEST: usize = 200;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST {
        line
    } else {
        line.chars().take(LONGEST).chain(['…']).collect()
    }
}

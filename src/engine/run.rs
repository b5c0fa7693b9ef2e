//! One taken-up turn, from its stored state to the next point where it rests.
//!
//! Here the turn is driven and stored; what each action does is in the files below.

mod end;
mod gate;
mod model;
mod tools;

use super::{Engine, Left};
use crate::delivery::{LiveAnswer, LiveForm, LiveStart, PacerHandle};
use crate::domain::TurnId;
use crate::failpoint;
use crate::store::{AuditRecord, ClaimedTurn, Committed, Fence, FinishedRun, StepCommit, StoreError, UsageRecord};
use crate::strings;
use crate::turn::{Action, Input, Limits, ModelFailure, TurnEvent, TurnState};
use cortex_chat::{ChatId, Choice, ChoiceDisplay, ChoiceStyle, Text, TextLimit, TextUnit};
use gate::Asked;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// First wait after a step could not be stored; doubles each time.
const STORE_RETRY_FIRST: Duration = Duration::from_millis(500);
/// The longest such wait.
const STORE_RETRY_LONGEST: Duration = Duration::from_secs(30);

/// A turn that answers nobody's chat is not split.
const NO_LIMIT: TextLimit = TextLimit {
    max: usize::MAX,
    unit: TextUnit::Characters,
};

/// What is stored with the next step.
#[derive(Default)]
struct Draft {
    events: Vec<TurnEvent>,
    finished: Vec<FinishedRun>,
    usage: Vec<UsageRecord>,
    audit: Vec<AuditRecord>,
}

/// Shows the growing answer, and ends that however the run ends.
struct Showing {
    pacer: PacerHandle,
    chat: ChatId,
    turn: TurnId,
    answer: Arc<LiveAnswer>,
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.pacer.end_live(&self.chat, self.turn, &self.answer);
    }
}

pub(super) struct Run<'a> {
    engine: &'a Engine,
    claimed: ClaimedTurn,
    state: TurnState,
    fence: Fence,
    draft: Draft,
    answer: Arc<LiveAnswer>,
    showing: Option<Showing>,
    stop: CancellationToken,
    let_go: CancellationToken,
    shutdown: CancellationToken,
    deadline: Instant,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        mut claimed: ClaimedTurn,
        stop: CancellationToken,
        let_go: CancellationToken,
        shutdown: CancellationToken,
    ) -> Self {
        let state = claimed.state.clone();
        let request = &state.request;
        let pacer = engine.pacers.get(&claimed.address.connector).cloned();
        let capabilities = pacer.as_ref().map(|pacer| &*pacer.capabilities);
        let has_buttons = capabilities.is_some_and(|can| can.choices == ChoiceDisplay::Buttons);
        let answer = Arc::new(LiveAnswer::new(LiveForm {
            limit: capabilities.map_or(NO_LIMIT, |can| can.text_limit),
            reply_to: request.reply_to.clone(),
            placeholder: capabilities.is_some_and(|can| can.typing_every.is_none()),
            stop: has_buttons.then(|| stop_choice(claimed.id)),
        }));
        for (number, entry) in state.tool_log.iter().enumerate() {
            let line = strings::progress_done(&entry.tool, entry.outcome, "");
            answer.set_progress(&format!("earlier {number}"), line);
        }
        let showing = pacer.map(|pacer| {
            pacer.show_live(LiveStart {
                turn: claimed.id,
                segment: state.segment,
                conversation: claimed.conversation,
                address: claimed.address.clone(),
                chat_kind: request.chat_kind,
                answer: Arc::clone(&answer),
                standing: std::mem::take(&mut claimed.messages),
            });
            Showing {
                pacer,
                chat: claimed.address.chat.clone(),
                turn: claimed.id,
                answer: Arc::clone(&answer),
            }
        });
        let fence = Fence {
            turn: claimed.id,
            conversation: claimed.conversation,
            epoch: claimed.epoch,
            version: claimed.version,
        };
        let (draft, deadline) = (Draft::default(), Instant::now() + engine.settings.turn_timeout);
        Self {
            engine,
            claimed,
            state,
            fence,
            draft,
            answer,
            showing,
            stop,
            let_go,
            shutdown,
            deadline,
        }
    }

    /// Drives the turn until it rests.
    pub(super) async fn drive(mut self) -> Result<Left, StoreError> {
        failpoint::hit_on_text("turn.text", self.state.request.text.as_str());
        let engine = self.engine;
        let Some(profile) = engine.profile(&self.state.request.profile) else {
            let message = strings::no_profile(&self.state.request.profile);
            let _ = self.state.step(Input::Failed(ModelFailure { message }), Limits::NONE);
            return self.finish().await;
        };
        let limits = engine.limits(profile);
        let mut action = self.state.step(Input::Resumed, limits);
        if self.claimed.attempts > 1 || self.claimed.begins_anew() {
            // An earlier try may have shown something.
            self.emit(TurnEvent::Reset);
        }
        loop {
            let input = match action {
                Action::Finish => return self.finish().await,
                Action::Wait => return self.rest(Vec::new(), limits).await,
                _ if self.let_go.is_cancelled() => return Err(self.superseded()),
                _ if self.stop.is_cancelled() => Input::Stopped {
                    shown: self.answer.text(),
                },
                _ if self.shutdown.is_cancelled() => return self.interrupt(limits).await,
                _ if Instant::now() >= self.deadline => Input::Failed(ModelFailure {
                    message: strings::turn_timed_out(engine.settings.turn_timeout),
                }),
                Action::CallModel { may_call_tools } => self.call_model(profile, may_call_tools).await?,
                Action::Assess(calls) => self.assess(&calls, profile),
                Action::Run(calls) => self.run_tools(&calls, profile, limits).await?,
                Action::Recover(calls) => self.recover(&calls).await?,
                Action::Ask(calls) => match self.ask(&calls, profile, limits).await? {
                    Asked::Rest(left) => return Ok(left),
                    Asked::Answered(input) => input,
                },
            };
            let answered = matches!(input, Input::ModelAnswered(_));
            let logged = self.state.tool_log.len();
            action = self.state.step(input, limits);
            if answered {
                self.note_refused_at_once(logged);
            }
        }
    }

    /// Another run has the turn now. Nothing is stored or shown of this one any more.
    fn superseded(&self) -> StoreError {
        StoreError::Superseded {
            expected: self.fence.version,
        }
    }

    /// Stores what was reached, so that the next start pays for no model call twice.
    async fn interrupt(&mut self, limits: Limits) -> Result<Left, StoreError> {
        if !self.draft.usage.is_empty() || !self.draft.finished.is_empty() {
            self.commit(limits, |_| ()).await?;
        }
        Ok(Left::Interrupted)
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
        if let Some(showing) = &self.showing {
            showing.pacer.show(std::mem::take(&mut committed.messages));
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
                    // Whoever waits for the answer sees why it does not come, as far as a message of it stands already.
                    if self.answer.set_progress("store", strings::STORE_FAILS.to_owned()) {
                        self.nudge();
                    }
                    tokio::select! {
                        () = tokio::time::sleep(wait) => wait = (wait * 2).min(STORE_RETRY_LONGEST),
                        () = self.shutdown.cancelled() => {}
                    }
                }
                other => return other,
            }
        }
    }

    fn progress(&mut self, key: &str, line: String) {
        if self.answer.set_progress(key, line.clone()) {
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
            // The last listener may leave at any time.
            let _ = self.engine.listeners.send((self.fence.turn, event.clone()));
        }
    }

    fn nudge(&self) {
        if let Some(showing) = &self.showing {
            showing.pacer.nudge(&showing.chat);
        }
    }

    /// The kind and the label of the turn's model, as people are told of it.
    fn backend(&self) -> (String, String) {
        let profile = self.engine.profile(&self.state.request.profile);
        let identity = profile.map(|profile| profile.model.identity());
        identity
            .map(|identity| (identity.kind.clone(), identity.label.clone()))
            .unwrap_or_default()
    }
}

/// Offered with a growing answer, where one press is quicker than typing the command.
fn stop_choice(turn: TurnId) -> Choice {
    Choice {
        id: crate::turn::stop_choice(turn),
        label: strings::STOP.to_owned(),
        keyword: "/stop".to_owned(),
        emoji: None,
        style: ChoiceStyle::Negative,
    }
}

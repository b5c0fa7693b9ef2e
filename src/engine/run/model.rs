//! Calling the model and taking its answer.

use super::Run;
use crate::config::Prices;
use crate::engine::Profile;
use crate::engine::prompt::{self, Surroundings};
use crate::failpoint;
use crate::models::{ModelAnswer, ModelError, ModelRequest, TokenUsage};
use crate::store::{StoreError, UsageRecord};
use crate::strings;
use crate::turn::{Input, ModelFailure, TurnEvent};
use cortex_chat::{Document, Text};
use std::sync::Arc;
use tokio::time::Instant;

/// The longest line of progress made of a model's words.
const LONGEST_LINE: usize = 200;

impl Run<'_> {
    pub(super) async fn call_model(&mut self, profile: &Profile, may_call_tools: bool) -> Result<Input, StoreError> {
        let Some(request) = self.request(profile, may_call_tools) else {
            return Ok(Input::Failed(ModelFailure {
                message: strings::USER_REMOVED.to_owned(),
            }));
        };
        failpoint::hit("model.before_call");
        let (answer, engine, turn) = (Arc::clone(&self.answer), self.engine, self.fence.turn);
        let showing = self
            .showing
            .as_ref()
            .map(|showing| (showing.pacer.clone(), showing.chat.clone()));
        let mut on_text = move |piece: &str| {
            failpoint::hit("model.first_text");
            if answer.push_text(piece)
                && let Some((pacer, chat)) = &showing
            {
                pacer.nudge(chat);
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
            () = self.let_go.cancelled() => return Err(self.superseded()),
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

    /// What the model is asked; `None` when the asker is no longer a user: a turn goes on with what its asker may do now.
    fn request(&self, profile: &Profile, may_call_tools: bool) -> Option<ModelRequest> {
        let policy = self.claimed.policy.as_ref()?;
        let offers = self.engine.offers(profile, policy);
        let surroundings = Surroundings {
            history: &self.claimed.history,
            waiting: &self.claimed.waiting,
            now: self.engine.clock.now(),
            time_zone: policy.time_zone.as_deref(),
        };
        let may_call_tools = may_call_tools && !offers.is_empty();
        Some(prompt::request(profile, &self.state, offers, may_call_tools, &surroundings))
    }

    fn take_answer(&mut self, profile: &Profile, answer: ModelAnswer) -> Input {
        self.draft.usage.push(UsageRecord {
            model: profile.model.identity().clone(),
            tokens: answer.usage,
            cost_micros: profile.prices.map(|prices| cost_micros(prices, answer.usage)),
        });
        if !answer.calls.is_empty() && !self.state.cut_short {
            // What a model says before a call is progress, not the answer.
            if !answer.text.is_blank() {
                self.withdraw_text();
                let words = Document::parse(answer.text.as_str()).to_plain_text();
                self.progress(&format!("said {}", self.state.rounds_used), one_line(&words));
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
}

/// What a call cost, in millionths of the currency, rounded up.
fn cost_micros(prices: Prices, used: TokenUsage) -> u64 {
    let millionths = u128::from(used.prompt) * u128::from(prices.prompt_micros_per_million)
        + u128::from(used.completion) * u128::from(prices.completion_micros_per_million);
    u64::try_from(millionths.div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// A model's words as one line of progress.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= LONGEST_LINE {
        return line;
    }
    line.chars().take(LONGEST_LINE).chain(['…']).collect()
}

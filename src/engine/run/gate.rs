//! Putting questions to the person, unless a standing permission answers them.

use super::Run;
use crate::delivery::progress_document;
use crate::domain::ApprovalId;
use crate::engine::toolcall::Ready;
use crate::engine::{Left, Profile};
use crate::failpoint;
use crate::gate::{Question, Requirement};
use crate::models::Message;
use crate::store::{DesiredMessage, MessageId, NewQuestion, StoreError};
use crate::turn::{AskReason, CallStatus, Input, Limits};
use cortex_chat::{MessageKind, OutgoingMessage, Text};
use jiff::{SignedDuration, Timestamp};

/// Whether the turn rests, or nobody had to be asked.
pub(super) enum Asked {
    Rest(Left),
    Answered(Input),
}

impl Run<'_> {
    pub(super) async fn ask(&mut self, calls: &[usize], profile: &Profile, limits: Limits) -> Result<Asked, StoreError> {
        let ready = match self.prepare(calls, profile).await {
            Ok(ready) => ready,
            Err(refused) => return Ok(Asked::Answered(Input::Finished(refused))),
        };
        let mut granted = Vec::new();
        for ready in &ready {
            if self.is_granted(ready).await? {
                granted.push(ready.index);
            }
        }
        if !granted.is_empty() {
            return Ok(Asked::Answered(Input::Granted(granted)));
        }
        let questions = ready.iter().map(|ready| self.question(ready)).collect();
        failpoint::hit("ask.before_commit");
        let left = self.rest(questions, limits).await?;
        failpoint::hit("ask.after_commit");
        Ok(Asked::Rest(left))
    }

    /// Whether a standing permission covers a call. It is checked again when the call starts.
    async fn is_granted(&self, ready: &Ready) -> Result<bool, StoreError> {
        let (Some(policy), Some(shape)) = (&self.claimed.policy, &ready.prepared.grant_shape) else {
            return Ok(false);
        };
        let grantable = policy.requirement(&ready.definition, self.state.tainted) == Requirement::Confirm;
        if !grantable || ready.ask_reason() != AskReason::Policy {
            return Ok(false);
        }
        let user = self.state.request.user.clone();
        let (tool, hash) = (ready.definition.name.clone(), ready.binding.definition_hash.clone());
        self.engine
            .store
            .is_granted(user, self.fence.turn, tool, shape.clone(), hash)
            .await
    }

    fn question(&self, ready: &Ready) -> NewQuestion {
        let mut question = Question {
            code: String::new(),
            tool: ready.definition.name.clone(),
            description: ready.definition.description.clone(),
            risk: ready.definition.risk,
            reason: ready.ask_reason(),
            arguments: ready.call.call.arguments.clone(),
            prepared: ready.prepared.clone(),
            model_words: self.words_before_calls(),
            session_offered: false,
            always_offered: false,
            all_covers: Vec::new(),
            expires_at: self.expiry(),
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

    /// When a question put now runs out.
    fn expiry(&self) -> Timestamp {
        let after = SignedDuration::try_from(self.engine.settings.expires_after).unwrap_or(SignedDuration::MAX);
        self.engine.clock.now().checked_add(after).unwrap_or(Timestamp::MAX)
    }

    /// What the model wrote before the calls of this round.
    fn words_before_calls(&self) -> Option<Text> {
        let last_words = self.state.exchange.iter().rev().find_map(|message| match message {
            Message::Assistant { text, .. } => Some(text),
            _ => None,
        });
        last_words.filter(|text| !text.is_blank()).cloned()
    }

    /// Stores the questions and lets go of the conversation.
    pub(super) async fn rest(&mut self, questions: Vec<NewQuestion>, limits: Limits) -> Result<Left, StoreError> {
        let messages = self.progress_left_standing();
        let committed = self
            .commit(limits, |step| {
                step.questions = questions;
                step.messages = messages;
            })
            .await?;
        Ok(Left::Slot(committed.next.map(Box::new)))
    }

    /// What the chat keeps of the growing answer while the turn rests: its progress, which stays true whatever is decided. The
    /// questions below it say what is waited for.
    fn progress_left_standing(&self) -> Vec<DesiredMessage> {
        let standing = self.answer.close();
        let lines = self.answer.progress_lines();
        if lines.is_empty() || standing == 0 {
            return self.withdrawn_parts(0..standing);
        }
        // Not an answer: what a script reads as one comes after the decision.
        let progress = OutgoingMessage {
            kind: MessageKind::Notice,
            body: progress_document(lines.iter().map(String::as_str)),
            choices: Vec::new(),
            reply_to: self.state.request.reply_to.clone(),
            live: false,
            last: false,
        };
        let first = DesiredMessage {
            id: MessageId::answer(self.fence.turn, self.state.segment, 0),
            content: Some(progress),
        };
        std::iter::once(first).chain(self.withdrawn_parts(1..standing)).collect()
    }
}

impl Ready {
    /// Why a person is asked about the call.
    fn ask_reason(&self) -> AskReason {
        match self.call.status {
            CallStatus::MustAsk { reason } => reason,
            _ => AskReason::Policy,
        }
    }
}

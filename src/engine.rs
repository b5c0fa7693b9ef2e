//! Runs turns: drives the step function, calls models and tools, stores each step before its effects are carried out.
//!
//! Nothing here names a platform or a provider.

mod assess;
mod audit;
mod prompt;
mod run;
mod toolcall;

use crate::clock::Clock;
use crate::contested::Contested;
use crate::delivery::PacerHandle;
use crate::domain::TurnId;
use crate::gate::{Policy, Question};
use crate::models::{ModelClient, ToolOffer};
use crate::store::{ClaimedTurn, Store, StoreError};
use crate::tools::{Registry, ToolDefinition};
use crate::turn::{Limits, TurnEvent};
use cortex_chat::ConnectorName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

/// How long a turn that begins anew waits for the call in flight in its chat.
const LONGEST_SETTLING: Duration = Duration::from_secs(5);

/// Everything that running turns share, built once.
pub struct Engine {
    /// What outlives the process.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The tools there are.
    pub tools: Arc<Registry>,
    /// Tools that ask every time, by the config.
    pub always_confirm: BTreeSet<String>,
    /// Who answers, by profile.
    pub profiles: BTreeMap<String, Profile>,
    /// Where answers are shown.
    pub pacers: BTreeMap<ConnectorName, PacerHandle>,
    /// Connectors whose askers' tools do not run.
    pub contested: Contested,
    /// Limits of time and number.
    pub settings: EngineLimits,
    /// Everybody who listens to turns; a slow listener misses events and reads them from the store.
    pub listeners: broadcast::Sender<(TurnId, TurnEvent)>,
    /// The machine's name.
    pub host: String,
}

/// A model with what it is set up for.
pub struct Profile {
    /// The model.
    pub model: Arc<dyn ModelClient>,
    /// Its system prompt: the daemon's and the profile's own.
    pub system: String,
    /// The tools it narrows to; `None` narrows nothing, an empty set means none.
    pub tools: Option<BTreeSet<String>>,
    /// Rounds with tools.
    pub max_rounds: u32,
    /// As providers define it.
    pub temperature: Option<f32>,
    /// The longest answer.
    pub max_output_tokens: Option<u32>,
    /// What its tokens cost, where the config says so.
    pub prices: Option<crate::config::Prices>,
    /// Whether the prompt tells date and time.
    pub inject_datetime: bool,
    /// Whether the prompt tells whether the conversation is on the record.
    pub inject_mode: bool,
}

/// Limits of time and number.
#[derive(Clone, Debug)]
pub struct EngineLimits {
    /// Of a whole turn, without the time that a person takes to decide.
    pub turn_timeout: Duration,
    /// Of one model call.
    pub model_timeout: Duration,
    /// Times a person is asked in a turn.
    pub max_gates: u32,
    /// Questions open at once in a round.
    pub max_pending: usize,
    /// Times a turn is taken up without storing a step.
    pub max_attempts: u32,
    /// How long a question waits.
    pub expires_after: Duration,
    /// Whether "always" is offered at all.
    pub allow_always: bool,
    /// Tokens of history for a turn.
    pub history_tokens: u64,
    /// The longest run of any tool.
    pub tool_time_limit: Duration,
    /// The longest result of any tool.
    pub tool_output_limit_bytes: usize,
}

/// How a taken-up turn left the engine.
#[derive(Debug)]
pub enum Left {
    /// Over, or waiting for a person; the conversation's next turn was taken up in the same step.
    Slot(Option<Box<ClaimedTurn>>),
    /// The daemon is stopping; the turn goes on at the next start.
    Interrupted,
}

impl Engine {
    /// Works on a turn until it is over, waits for a person, or the daemon stops.
    ///
    /// `stop` is the person's wish to stop this turn, `let_go` tells that the turn has moved on without this run, which ends as
    /// superseded and leaves all that it showed to the next one; `shutdown` is the daemon's end.
    pub async fn run(
        &self,
        claimed: ClaimedTurn,
        stop: CancellationToken,
        let_go: CancellationToken,
        shutdown: CancellationToken,
    ) -> Result<Left, StoreError> {
        run::Run::new(self, claimed, stop, let_go, shutdown).drive().await
    }

    /// Brings the messages of a turn up to what an earlier run of it has shown until its very end.
    pub async fn take_over(&self, claimed: &mut ClaimedTurn) {
        let address = &claimed.address;
        if let Some(pacer) = self.pacers.get(&address.connector) {
            // A platform that is slow to answer holds the turn up no longer than this; then a part of the old text may stay.
            let _ = tokio::time::timeout(LONGEST_SETTLING, pacer.settled(&address.chat)).await;
        }
        match self.store.messages_of(claimed.id).await {
            Ok(messages) => claimed.messages = messages,
            Err(error) => tracing::warn!(%error, turn.id = %claimed.id, "what a turn has shown could not be looked up"),
        }
    }

    /// The profile of this name, or the chat profile.
    fn profile(&self, name: &str) -> Option<&Profile> {
        self.profiles
            .get(name)
            .or_else(|| self.profiles.get(crate::config::CHAT_PROFILE))
    }

    /// The limits that the step function keeps for a profile.
    fn limits(&self, profile: &Profile) -> Limits {
        Limits {
            max_rounds: profile.max_rounds,
            max_gates: self.settings.max_gates,
            max_pending: self.settings.max_pending,
        }
    }

    /// A tool as the config lets it be.
    fn definition(&self, name: &str) -> Option<ToolDefinition> {
        let mut definition = self.tools.definition(name)?.clone();
        if self.always_confirm.contains(name) {
            definition.confirm = crate::domain::Confirm::Always;
        }
        Some(definition)
    }

    /// The tools that this user is offered in this profile.
    fn offers(&self, profile: &Profile, policy: &Policy) -> Vec<ToolOffer> {
        self.tools
            .definitions()
            .filter(|tool| profile.tools.as_ref().is_none_or(|listed| listed.contains(&tool.name)))
            .filter(|tool| policy.permits(tool).is_ok())
            .map(|tool| ToolOffer {
                name: tool.name.clone(),
                description: tool.description.clone(),
                parameters: tool.parameters.clone(),
            })
            .collect()
    }

    /// Whether a question may be answered with a standing permission, for this session and for ever.
    fn grants_offered(&self, question: &Question, tainted: bool, policy: &Policy, tool: &ToolDefinition) -> (bool, bool) {
        let possible = question.prepared.grant_shape.is_some()
            && !tainted
            && policy.requirement(tool, tainted) == crate::gate::Requirement::Confirm
            && question.reason == crate::turn::AskReason::Policy;
        (possible, possible && self.settings.allow_always && policy.may_grant_always)
    }
}

//! One request from start to end: its stored state, and the pure step function that moves it on.
//!
//! The state holds everything that is needed to go on after a crash. Nothing here does I/O, knows a platform, or asks the time.

mod event;
mod history;
mod step;
mod stop;

pub use event::{Notice, TurnEvent};
pub use history::history_entries;
pub use step::{Action, CallResult, Decision, Input, Limits, ModelFailure, Outcome, Verdict};
pub use stop::{stop_choice, turn_to_stop};

use crate::domain::{ApprovalId, SessionId, UserName};
use crate::models::{Message, TokenUsage, ToolCall};
use crate::tools::Prepared;
use cortex_chat::{Address, Attachment, ChatKind, MessageRef, Quote, Text};
use serde::{Deserialize, Serialize};

/// The version of the stored form; a daemon refuses a newer one and converts an older one.
pub const STATE_VERSION: u32 = 1;

/// Where a turn stands, as the store's column says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// Waits for its conversation's slot.
    Queued,
    /// Is being worked on.
    Running,
    /// Waits for a person.
    AwaitingConfirmation,
    /// Answered.
    Complete,
    /// Failed.
    Error,
    /// Stopped by the person.
    Cancelled,
}

impl TurnStatus {
    /// The word in the store, in logs and over HTTP.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::AwaitingConfirmation => "awaiting_confirmation",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [
            Self::Queued,
            Self::Running,
            Self::AwaitingConfirmation,
            Self::Complete,
            Self::Error,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// What was asked, by whom, and how it is to be answered. Changes only as long as nothing was done for it but thinking: when more of
/// it comes, or its message is edited. Names keys, holds none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The person's own words.
    pub text: Text,
    /// What came with them.
    #[serde(default, skip_serializing_if = "Enclosed::is_empty")]
    pub enclosed: Enclosed,
    /// The asker; the whole turn acts, is billed and is audited as this user.
    pub user: UserName,
    /// The session whose history it continues.
    pub session: SessionId,
    /// Where it was asked; the answer goes to where the conversation is held by then.
    pub address: Address,
    /// One-to-one or not.
    pub chat_kind: ChatKind,
    /// The message that asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<MessageRef>,
    /// The profile that answers.
    pub profile: String,
    /// The persona by name, where it is not the default one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persona: Option<String>,
    /// On or off the record.
    #[serde(default)]
    pub mode: Mode,
    /// Context tier, 1 to 4.
    pub tier: u8,
    /// Which memories may be used.
    #[serde(default)]
    pub memory: MemorySwitches,
    /// Whether an answer is to be written for a person.
    pub respond: bool,
    /// Whether the words come from somebody who is not trusted, such as a forwarded message.
    #[serde(default)]
    pub tainted: bool,
}

/// What a person sends along with their words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enclosed {
    /// What they show of other messages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotes: Vec<Quote>,
    /// Files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

impl Enclosed {
    /// Whether nothing came along.
    pub fn is_empty(&self) -> bool {
        self.quotes.is_empty() && self.attachments.is_empty()
    }
}

/// Whether what is said is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Kept in the session.
    #[default]
    Chat,
    /// Off the record.
    Otr,
}

/// Which memories may be used, each by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemorySwitches {
    /// The conversation's running summary.
    pub short: bool,
    /// Recent days' summaries.
    pub mid: bool,
    /// Facts the user asked to keep.
    pub long: bool,
}

impl Default for MemorySwitches {
    fn default() -> Self {
        Self {
            short: true,
            mid: true,
            long: true,
        }
    }
}

/// The stored state of a turn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TurnState {
    /// [`STATE_VERSION`] when it was written.
    pub version: u32,
    /// What was asked.
    pub request: Request,
    /// What happens next.
    pub phase: Phase,
    /// What models and tools said in this turn, after the request.
    pub exchange: Vec<Message>,
    /// The calls of the model's last answer, while they are handled.
    pub round: Vec<RoundCall>,
    /// Every call of the turn with its result.
    pub tool_log: Vec<ToolLogEntry>,
    /// Model calls that had tools on offer.
    pub rounds_used: u32,
    /// Times that a person was asked.
    pub gates_used: u32,
    /// Number of the answer's message: a new one is begun after every decision.
    pub segment: u32,
    /// Tool and arguments' hash of what was denied in this turn.
    pub denied: Vec<CallKey>,
    /// The calls made last, newest last, to notice a model that goes round in circles.
    pub recent: Vec<CallKey>,
    /// What the turn has cost so far.
    pub usage: TokenUsage,
    /// A random word around results, which nobody who writes a result can know.
    pub fence: String,
    /// Whether something untrusted was read.
    pub tainted: bool,
    /// Whether the round limit was reached, and the answer is written from what there is.
    pub cut_short: bool,
}

/// What a turn does next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// A model call is due or in flight.
    Thinking,
    /// The round's calls are handled.
    Acting,
    /// A person decides.
    AwaitingConfirmation,
    /// Over.
    Over(Outcome),
}

/// A call of the present round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoundCall {
    /// As the model made it.
    pub call: ToolCall,
    /// Tool and arguments' hash.
    pub key: CallKey,
    /// How far it is.
    pub status: CallStatus,
    /// What a repeated run means; decides whether it may run beside its neighbours and again after a crash.
    pub effect: crate::tools::Effect,
    /// Whether the question is about a run whose outcome a crash left unknown.
    #[serde(default)]
    pub asked_again: bool,
}

/// How far a call is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CallStatus {
    /// Nobody has looked at it yet.
    New,
    /// May run unasked when its turn comes.
    Ready,
    /// Must be confirmed; the question has not been put yet.
    MustAsk {
        /// Why it is asked.
        reason: AskReason,
    },
    /// The question has been put.
    Pending {
        /// The question.
        approval: ApprovalId,
        /// What was shown.
        prepared: Prepared,
    },
    /// A person allowed it.
    Approved {
        /// The question.
        approval: ApprovalId,
        /// What was shown: what runs is this, or it is asked again.
        prepared: Prepared,
    },
    /// Its start is on disk.
    Started {
        /// The question that allowed it, where there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<ApprovalId>,
        /// What was looked up before.
        prepared: Prepared,
    },
    /// It has its result.
    Done {
        /// What the model reads.
        result: Text,
        /// How it ended.
        outcome: CallOutcome,
    },
}

/// Why a person is asked about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskReason {
    /// Tool or policy say so.
    Policy,
    /// What was allowed is no longer what would happen.
    Changed,
    /// A crash cut it off, and nobody knows whether it happened.
    OutcomeUnknown,
}

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// It ran.
    Succeeded,
    /// It ran and failed.
    Failed,
    /// It was not run: unknown, not permitted, wrong arguments, repeated.
    Refused,
    /// A person said no, or did not answer in time.
    Denied,
    /// A crash cut it off and the person did not want it repeated.
    Unknown,
    /// The turn was stopped.
    Cancelled,
}

/// A tool with its arguments' hash: the same key is the same call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallKey {
    /// The tool's name.
    pub tool: String,
    /// SHA-256 of the arguments in canonical form.
    pub arguments_hash: String,
}

/// One call of the turn, for the job's result, the fallback answer and debugging.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolLogEntry {
    /// The tool.
    pub tool: String,
    /// What it was called with.
    pub arguments: crate::models::Arguments,
    /// What it gave.
    pub result: Text,
    /// How it ended.
    pub outcome: CallOutcome,
}

impl TurnState {
    /// A turn that has not begun.
    pub fn new(request: Request, fence: String) -> Self {
        Self {
            version: STATE_VERSION,
            tainted: request.tainted,
            request,
            phase: Phase::Thinking,
            exchange: Vec::new(),
            round: Vec::new(),
            tool_log: Vec::new(),
            rounds_used: 0,
            gates_used: 0,
            segment: 0,
            denied: Vec::new(),
            recent: Vec::new(),
            usage: TokenUsage::default(),
            fence,
            cut_short: false,
        }
    }

    /// The status that goes with the phase.
    pub fn status(&self) -> TurnStatus {
        match &self.phase {
            Phase::Thinking | Phase::Acting => TurnStatus::Running,
            Phase::AwaitingConfirmation => TurnStatus::AwaitingConfirmation,
            Phase::Over(Outcome::Answered { .. }) => TurnStatus::Complete,
            Phase::Over(Outcome::Failed { .. }) => TurnStatus::Error,
            Phase::Over(Outcome::Stopped { .. }) => TurnStatus::Cancelled,
        }
    }

    /// The approvals that are still open.
    pub fn pending(&self) -> impl Iterator<Item = ApprovalId> + '_ {
        self.round.iter().filter_map(|entry| match entry.status {
            CallStatus::Pending { approval, .. } => Some(approval),
            _ => None,
        })
    }
}

//! A question to a person: what it binds, how it can be answered, how it was.

use crate::domain::{ApprovalId, Risk, SessionId, TurnId, UserName};
use crate::tools::Prepared;
use crate::turn::AskReason;
use cortex_chat::{ChoiceId, Text};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;

/// A question, open or decided, as the store keeps it.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Its id, which choices carry.
    pub id: ApprovalId,
    /// Its code, which people type.
    pub code: String,
    /// The turn that waits for it.
    pub turn: TurnId,
    /// The session in which a "for this session" would hold.
    pub session: SessionId,
    /// Who asked for the turn, and alone may decide.
    pub asker: UserName,
    /// What was shown.
    pub question: Question,
    /// What the decision is bound to.
    pub binding: Binding,
    /// Open or how it was decided.
    pub status: ApprovalStatus,
    /// Not decided and not run after this.
    pub expires_at: Timestamp,
    /// The codes of all questions that were open in the conversation when this one was put, this one included.
    pub shown_with: Vec<String>,
}

/// What a person is shown of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The code.
    pub code: String,
    /// The tool's name.
    pub tool: String,
    /// The tool's own description.
    pub description: String,
    /// Its risk.
    pub risk: Risk,
    /// Why it is asked.
    pub reason: AskReason,
    /// What it would be called with.
    pub arguments: crate::models::Arguments,
    /// What it would do.
    pub prepared: Prepared,
    /// The model's own words before the call, where it wrote any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_words: Option<Text>,
    /// Whether "for this session" can be chosen.
    pub session_offered: bool,
    /// Whether "always" can be chosen.
    pub always_offered: bool,
    /// The codes that `yes all` covers here; none where this is the only question.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub all_covers: Vec<String>,
    /// When nobody can decide it any more.
    pub expires_at: Timestamp,
}

/// What a decision is bound to: what runs is what was shown, or it is asked again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binding {
    /// SHA-256 of the tool's definition.
    pub definition_hash: String,
    /// SHA-256 of the arguments.
    pub arguments_hash: String,
    /// The resolved target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The target's state when it was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_hash: Option<String>,
}

impl Binding {
    /// Binds a call as it was prepared.
    pub fn new(definition_hash: String, arguments: &Value, prepared: &Prepared) -> Self {
        Self {
            definition_hash,
            arguments_hash: crate::tools::arguments_hash(arguments),
            target: prepared.target.clone(),
            state_hash: prepared.state_hash.clone(),
        }
    }
}

/// Where a question stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalStatus {
    /// Nobody has decided.
    Pending,
    /// Allowed, this once or with a grant.
    Allowed,
    /// Denied.
    Denied,
    /// Nobody decided in time.
    Expired,
    /// No longer asked: its turn ended otherwise.
    Void,
}

impl ApprovalStatus {
    /// The word in the store and in sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Void => "void",
        }
    }

    /// The status of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Pending, Self::Allowed, Self::Denied, Self::Expired, Self::Void]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

/// What a person can choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// Allow it this once.
    Once,
    /// Allow it for this session.
    Session,
    /// Allow it always.
    Always,
    /// Deny it.
    Deny,
    /// Show all of it.
    Show,
}

impl Choice {
    const LETTERS: [(Self, char); 5] = [
        (Self::Once, 'o'),
        (Self::Session, 's'),
        (Self::Always, 'a'),
        (Self::Deny, 'd'),
        (Self::Show, 'v'),
    ];

    /// The word in the store and in the audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Once => "once",
            Self::Session => "session",
            Self::Always => "always",
            Self::Deny => "deny",
            Self::Show => "show",
        }
    }

    /// The opaque id of this choice for a question: 34 bytes.
    pub fn id(self, approval: ApprovalId) -> ChoiceId {
        let letter = Self::LETTERS
            .iter()
            .find(|(choice, _)| *choice == self)
            .map_or('v', |(_, letter)| *letter);
        ChoiceId::new(format!("{approval}:{letter}"))
    }

    /// Reads an id back; `None` for anything we did not make.
    pub fn from_id(id: &ChoiceId) -> Option<(ApprovalId, Self)> {
        let (approval, letter) = id.as_str().split_once(':')?;
        let (choice, _) = Self::LETTERS
            .iter()
            .find(|(_, known)| letter.len() == 1 && letter.starts_with(*known))?;
        let approval = ApprovalId::from_str(approval).ok()?;
        // An id can be written in more ways than ours.
        (choice.id(approval) == *id).then_some((approval, *choice))
    }
}

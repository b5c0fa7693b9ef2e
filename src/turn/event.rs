//! What listeners of a turn are told, numbered and in order.

use crate::domain::ApprovalId;
use cortex_chat::Text;
use serde::{Deserialize, Serialize};

/// One event of a turn. Tokens after the last `Reset` add up to the final response.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TurnEvent {
    /// Something was done; one line.
    Progress {
        /// The line.
        text: Text,
    },
    /// More of the answer.
    Token {
        /// The piece.
        text: Text,
    },
    /// The answer's text so far is withdrawn.
    Reset,
    /// A person is asked.
    Confirm {
        /// The questions.
        tools: Vec<Notice>,
        /// What the person is told.
        message: Text,
    },
    /// A question was decided.
    Decided {
        /// Which one.
        approval: ApprovalId,
        /// `allowed`, `denied` or `expired`.
        decision: String,
    },
    /// The answer stands.
    Done {
        /// All of it.
        response: Text,
        /// The kind of the model that wrote it.
        backend: String,
        /// The model's label.
        backend_label: String,
    },
    /// The turn failed.
    Error {
        /// For the person.
        message: Text,
    },
    /// The turn was stopped.
    Cancelled,
}

/// A question as listeners see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// The approval.
    pub approval: ApprovalId,
    /// Its code, for `yes CODE`.
    pub code: String,
    /// The tool.
    pub name: String,
    /// What it would be called with.
    pub args: serde_json::Value,
}

//! Who may use which tool, and when a person must be asked. Pure: a policy and a tool in, a verdict out.

use crate::domain::{Confirm, Risk, Role};
use crate::strings;
use crate::tools::ToolDefinition;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What one user may do, as it stands in the store now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What the user is.
    pub role: Role,
    /// The highest risk offered.
    pub max_risk: Risk,
    /// Tools that need no confirmation although their default says so.
    #[serde(default)]
    pub allow: BTreeSet<String>,
    /// Tools that always ask.
    #[serde(default)]
    pub ask: BTreeSet<String>,
    /// Tools never offered and never run.
    #[serde(default)]
    pub block: BTreeSet<String>,
    /// Tools offered although their risk is above `max_risk`.
    #[serde(default)]
    pub include: BTreeSet<String>,
    /// Tools left out although nothing else forbids them.
    #[serde(default)]
    pub exclude: BTreeSet<String>,
    /// Whether the user's own "always" makes a standing grant.
    pub may_grant_always: bool,
    /// IANA time zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// How much a tool asks of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// Nothing: it runs.
    Run,
    /// A confirmation, which a grant can stand in for.
    Confirm,
    /// A confirmation each time, whatever was granted.
    ConfirmAlways,
}

impl Policy {
    /// Whether the user may use the tool at all; the error is for the model.
    pub fn permits(&self, tool: &ToolDefinition) -> Result<(), String> {
        if self.role < tool.role {
            return Err(strings::role_too_low(tool.role));
        }
        self.reaches(&tool.name, tool.risk)
    }

    /// Whether a tool of this name and risk is within what the user may use; the error is for the model and the person.
    pub fn reaches(&self, tool: &str, risk: Risk) -> Result<(), String> {
        if self.block.contains(tool) {
            return Err(strings::TOOL_BLOCKED.to_owned());
        }
        if self.exclude.contains(tool) {
            return Err(strings::TOOL_NOT_OFFERED.to_owned());
        }
        if risk > self.max_risk && !self.include.contains(tool) {
            return Err(strings::risk_too_high(risk, self.max_risk));
        }
        Ok(())
    }

    /// Whether a person must be asked before this user's call of the tool runs. Block beats ask beats allow.
    ///
    /// In a tainted context the user's `allow` does not count, and tools that reach outside ask at any risk.
    pub fn requirement(&self, tool: &ToolDefinition, tainted: bool) -> Requirement {
        // A high-risk tool asks at least by default, whatever it says of itself.
        let confirm = match tool.confirm {
            Confirm::Never if tool.risk == Risk::High => Confirm::Default,
            confirm => confirm,
        };
        if confirm == Confirm::Always || self.ask.contains(&tool.name) {
            return Requirement::ConfirmAlways;
        }
        if tainted && (tool.outbound || confirm == Confirm::Default) {
            return Requirement::ConfirmAlways;
        }
        match confirm {
            Confirm::Default if !self.allow.contains(&tool.name) => Requirement::Confirm,
            _ => Requirement::Run,
        }
    }
}

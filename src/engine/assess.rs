//! What the gate says of a model's calls, before anything runs.

use super::{Engine, Profile};
use crate::gate::{Policy, Requirement};
use crate::models::Arguments;
use crate::strings;
use crate::turn::{RoundCall, TurnState, Verdict};

impl Engine {
    /// Says of each of these calls whether it may run, must be asked, or is refused. `policy` is `None` for a user who is gone.
    pub(super) fn assess(
        &self,
        state: &TurnState,
        calls: &[usize],
        profile: &Profile,
        policy: Option<&Policy>,
    ) -> Vec<(usize, Verdict)> {
        calls
            .iter()
            .filter_map(|index| state.round.get(*index).map(|call| (*index, call)))
            .map(|(index, call)| (index, self.verdict(state, call, profile, policy)))
            .collect()
    }

    fn verdict(&self, state: &TurnState, call: &RoundCall, profile: &Profile, policy: Option<&Policy>) -> Verdict {
        let Some(policy) = policy else {
            return Verdict::Refuse(strings::USER_REMOVED.to_owned());
        };
        if self.contested.includes(&state.request.address.connector) {
            return Verdict::Refuse(strings::TOOLS_OFF.to_owned());
        }
        let offered = |name: &str| profile.tools.as_ref().is_none_or(|listed| listed.contains(name));
        let Some(definition) = self.definition(&call.call.name).filter(|tool| offered(&tool.name)) else {
            let offers = self.offers(profile, policy);
            let known: Vec<&str> = offers.iter().map(|offer| offer.name.as_str()).collect();
            return Verdict::Refuse(strings::unknown_tool(&known));
        };
        if let Err(reason) = policy.permits(&definition) {
            return Verdict::Refuse(reason);
        }
        let Arguments::Object(arguments) = &call.call.arguments else {
            return Verdict::Refuse(strings::arguments_not_json("not an object"));
        };
        if let Err(error) = self.tools.check_arguments(&definition.name, arguments) {
            return Verdict::Refuse(error.to_string());
        }
        match policy.requirement(&definition, state.tainted) {
            Requirement::Run => Verdict::Run(definition.effect),
            Requirement::Confirm | Requirement::ConfirmAlways => Verdict::Ask(definition.effect),
        }
    }
}

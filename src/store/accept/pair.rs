//! Strangers who write, and admins who let them in, in the transaction that stored their messages.

use super::{Acceptance, Place};
use crate::domain::{Role, UserName};
use crate::router::PairRequest;
use crate::store::pairing::{self, PairingAnswer, PairingAttempt};
use crate::store::{StoreError, identity};
use crate::strings;
use cortex_chat::{ChatKind, Event};

impl Acceptance<'_> {
    /// Whether the stranger has a code, or was given enough of them.
    pub(super) fn stranger_told(&self, event: &Event) -> Result<bool, StoreError> {
        let may_offer = pairing::may_offer(self.connection, self.now, &event.address.connector, &event.sender.id)?;
        Ok(!may_offer)
    }

    pub(super) fn tell_stranger(&mut self, place: &Place, about: &str, event: &Event) -> Result<(), StoreError> {
        let code = pairing::offer(self.connection, self.now, event, place.conversation)?;
        let (connector, sender) = (&event.address.connector, &event.sender.id);
        let text = strings::stranger(&code, connector, sender, pairing::CODE_VALID);
        self.say(place, about, event, &text)
    }

    pub(super) fn is_admin(&self, user: &UserName) -> Result<bool, StoreError> {
        let policy = identity::policy_of(self.connection, user)?;
        Ok(policy.is_some_and(|policy| policy.role == Role::Admin))
    }

    /// `/pair`: what its sender is told.
    pub(super) fn pair(
        &mut self,
        request: Option<&PairRequest>,
        event: &Event,
        user: &UserName,
    ) -> Result<String, StoreError> {
        let via = event.address.connector.as_str();
        let refused = if !self.is_admin(user)? {
            Some(("not an admin", strings::PAIR_ONLY_ADMINS))
        } else if event.chat_kind != ChatKind::OneToOne {
            Some(("in a room", strings::PAIR_ONLY_ALONE))
        } else {
            None
        };
        if let Some((why, sentence)) = refused {
            pairing::refuse_person(self.connection, self.now, &user.0, via, why)?;
            return Ok(sentence.to_owned());
        }
        let Some(request) = request else {
            return Ok(strings::PAIR_HOW.to_owned());
        };
        let attempt = PairingAttempt {
            code: &request.code,
            id: request.id.as_deref(),
            name: request.name.as_deref(),
            by: &user.0,
            via,
        };
        Ok(match pairing::attempt(self.connection, self.now, &attempt)? {
            PairingAnswer::Found(stranger) => {
                let code = request.code.as_str().to_uppercase();
                let name = stranger.display_name.as_ref();
                strings::pairing_preview(&code, &stranger.connector, &stranger.sender, name)
            }
            PairingAnswer::Accepted(accepted) => {
                self.accepted.messages.extend(accepted.messages);
                let stranger = accepted.stranger;
                strings::paired(&stranger.connector, &stranger.sender, &accepted.user, accepted.role)
            }
            PairingAnswer::Refused(why) => why.to_string(),
        })
    }
}

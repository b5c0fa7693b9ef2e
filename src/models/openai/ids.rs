//! Ids of calls: our own, and those that are valid on every wire.

use sha2::{Digest, Sha256};
use std::collections::HashSet;
use uuid::Uuid;

const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Mistral takes exactly nine letters and digits, which everyone else takes too.
const WIRE_ID_LENGTH: usize = 9;

/// A new id of ours, which no other call has.
pub(super) fn new_call_id() -> String {
    // The last 62 bits of a version 7 id are random.
    format!("call_{}", letters(Uuid::now_v7().as_u128() & ((1 << 62) - 1)))
}

/// Gives each call of one request its id on the wire. The same call gets the same id in later requests, so that what the
/// provider has cached of the conversation stays valid.
#[derive(Debug, Default)]
pub(super) struct WireIds {
    used: HashSet<String>,
}

impl WireIds {
    /// The provider's own id, verbatim, unless this request has it already.
    pub(super) fn echo(&mut self, provider_id: &str, call_id: &str) -> String {
        if self.used.insert(provider_id.to_owned()) {
            provider_id.to_owned()
        } else {
            self.generate(call_id)
        }
    }

    /// A valid id made from ours.
    pub(super) fn generate(&mut self, call_id: &str) -> String {
        let mut salt = 0_u32;
        loop {
            let digest = Sha256::new()
                .chain_update(salt.to_be_bytes())
                .chain_update(call_id)
                .finalize();
            let number = digest[..16]
                .iter()
                .fold(0_u128, |number, &byte| number << 8 | u128::from(byte));
            let id = letters(number);
            if self.used.insert(id.clone()) {
                return id;
            }
            salt += 1;
        }
    }
}

fn letters(mut number: u128) -> String {
    let mut text = String::with_capacity(WIRE_ID_LENGTH);
    for _ in 0..WIRE_ID_LENGTH {
        text.push(char::from(LETTERS[(number % 62) as usize]));
        number /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_nine_letters_stable_and_apart() {
        let id = WireIds::default().generate("call_1");
        assert_eq!(id.len(), 9);
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(WireIds::default().generate("call_1"), id);

        let mut ids = WireIds::default();
        assert_ne!(ids.generate("call_1"), ids.generate("call_1"));
        assert_ne!(ids.echo("same", "call_2"), ids.echo("same", "call_3"));
        assert_ne!(new_call_id(), new_call_id());
    }
}

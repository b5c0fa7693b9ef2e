//! What a pairing code looks like: short enough to be read out, random enough not to be found out in the tries that there are.

use crate::store::StoreError;
use rusqlite::Connection;
use uuid::Uuid;

/// Digits and letters that nobody takes for one another. Thirty-two of them, so that five random bits are one of them each.
const ALPHABET: &[u8; 32] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZ";
const LENGTH: u32 = 8;

/// A new code that stands nowhere in the store.
pub(super) fn unused(connection: &Connection) -> Result<String, StoreError> {
    loop {
        let code = of_bits(Uuid::new_v4().as_u128());
        let taken: bool = connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM pairing WHERE code = ?1)")?
            .query_row([&code], |row| row.get(0))?;
        if !taken {
            return Ok(code);
        }
    }
}

/// The code of the lowest forty bits, which are all random in a UUID of version 4.
fn of_bits(bits: u128) -> String {
    (0..LENGTH)
        .map(|place| ALPHABET[(bits >> (5 * place)) as usize % ALPHABET.len()] as char)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_bit_counts_and_every_letter_comes() {
        let zero = of_bits(0);
        assert_eq!(zero, "22222222");
        let others: BTreeSet<String> = (0..5 * LENGTH).map(|bit| of_bits(1 << bit)).collect();
        assert_eq!(others.len(), 40, "each of forty bits changes the code in its own way");
        assert!(!others.contains(&zero));
        let made: String = (0..200).map(|_| of_bits(Uuid::new_v4().as_u128())).collect();
        let seen: BTreeSet<u8> = made.bytes().collect();
        assert_eq!(seen, ALPHABET.iter().copied().collect());
    }

    #[test]
    fn no_letter_is_taken_for_another() {
        let different: BTreeSet<&u8> = ALPHABET.iter().collect();
        assert_eq!(different.len(), 32);
        assert!(!ALPHABET.iter().any(|letter| b"01IO".contains(letter)));
    }
}

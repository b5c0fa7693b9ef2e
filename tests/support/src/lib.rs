//! Wire fakes and helpers for the behaviour tests. They know the wire and nothing of the daemon's insides.

pub mod llm;
//! What the behaviour tests of Cortex have in common.

pub mod terminal;

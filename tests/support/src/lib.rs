//! Wire fakes and helpers for the behaviour tests. They know the wire and nothing of the daemon's insides.

pub mod llm;

pub mod terminal;

//! Wire fakes, a terminal and the daemon itself for the behaviour tests. They know the wire and nothing of the daemon's insides.

pub mod clock;

pub mod daemon;

pub mod disk;

pub mod hostile;

pub mod llm;

pub mod long;

pub mod markdown;

pub mod random;

pub mod telegram;

pub mod terminal;

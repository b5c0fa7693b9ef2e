//! What the behaviour tests of Cortex have in common.

pub mod terminal;

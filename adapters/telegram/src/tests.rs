#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod contract;
mod converting;
mod hostile;

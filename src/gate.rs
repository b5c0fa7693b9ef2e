//! The confirmation gate: who may use which tool, when a person is asked, what they are shown, and what their answer means.
//!
//! Everything here is pure; the store keeps the questions and the engine puts them.

pub mod approval;
pub mod keywords;
pub mod policy;
pub mod preview;
mod visible;

pub use approval::{Approval, ApprovalStatus, Binding, Choice, Question};
pub use keywords::{About, Keywords, Spoken, Word};
pub use policy::{Policy, Requirement};
pub use visible::{in_one_line, make_visible, quoted};

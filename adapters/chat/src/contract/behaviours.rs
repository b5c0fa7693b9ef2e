//! One function a behaviour; each starts a platform of its own.

mod choices;
mod faults;
mod reading;
mod senders;
mod writing;

pub use choices::*;
pub use faults::*;
pub use reading::*;
pub use senders::*;
pub use writing::*;

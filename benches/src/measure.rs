//! The measurements, one a file or a group of them.

mod answers;
mod chats;
mod cost;
mod disk;
mod faults;
mod growth;
mod memory;
mod routing;
mod start;

use crate::Bench;
use crate::report::Report;
use anyhow::Result;

/// Something that can be measured by itself.
pub(crate) struct Measurement {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Bench, &mut Report) -> Result<()>,
}

/// In the order of the table.
pub(crate) const MEASUREMENTS: &[Measurement] = &[
    Measurement {
        name: "disk",
        about: "how long the disk takes to commit a small write",
        run: disk::measure,
    },
    Measurement {
        name: "start",
        about: "from the start of the process to its first poll",
        run: start::measure,
    },
    Measurement {
        name: "routing",
        about: "from the update to the model's request, and from the model's last token to the final text",
        run: routing::measure,
    },
    Measurement {
        name: "answers",
        about: "the first text, the final one and the calls of answers that grow",
        run: answers::measure,
    },
    Measurement {
        name: "memory",
        about: "the share of the memory: idle, after 1,000 conversations, with 1,000 running",
        run: memory::measure,
    },
    Measurement {
        name: "chats",
        about: "200, 1,000 and 5,000 chats at the same instant",
        run: chats::measure,
    },
    Measurement {
        name: "cost",
        about: "what a short message and a long answer cost the processor",
        run: cost::measure,
    },
    Measurement {
        name: "faults",
        about: "killed in mid-answer, written to while down, told to wait in mid-answer",
        run: faults::measure,
    },
    Measurement {
        name: "growth",
        about: "what a message costs as conversations and history grow",
        run: growth::measure,
    },
];

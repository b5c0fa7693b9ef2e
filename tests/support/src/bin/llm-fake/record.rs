//! What was asked and answered, and when.

use serde_json::{Value, json};

/// A request and its answer. Times are microseconds of the machine's monotonic clock.
pub(crate) struct Record {
    /// What the person said last.
    pub(crate) text: String,
    /// How long the request's body was.
    pub(crate) request_bytes: usize,
    /// The form's name.
    pub(crate) name: String,
    /// When the whole request had been read.
    pub(crate) received: u64,
    /// When each piece was about to be written.
    pub(crate) pieces: Vec<u64>,
    /// Whether all of it was written.
    pub(crate) whole: bool,
    /// Whether the client left.
    pub(crate) left: bool,
}

#[derive(Default)]
pub(crate) struct Records {
    all: Vec<Record>,
    /// Counts resets, so that an answer that outlives one writes into no other's record.
    generation: u64,
}

/// Where an answer's record stands.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    generation: u64,
    index: usize,
}

impl Records {
    pub(crate) fn add(&mut self, record: Record) -> Place {
        self.all.push(record);
        Place {
            generation: self.generation,
            index: self.all.len() - 1,
        }
    }

    pub(crate) fn end(&mut self, place: Place, pieces: Vec<u64>, whole: bool) {
        if place.generation == self.generation
            && let Some(record) = self.all.get_mut(place.index)
        {
            record.pieces = pieces;
            record.whole = whole;
            record.left = !whole;
        }
    }

    pub(crate) fn reset(&mut self) {
        self.all.clear();
        self.generation += 1;
    }

    pub(crate) fn stats(&self) -> Value {
        let count = |is: fn(&Record) -> bool| self.all.iter().filter(|record| is(record)).count();
        json!({
            "requests": self.all.len(),
            "whole": count(|record| record.whole),
            "left": count(|record| record.left),
            "running": count(|record| !record.whole && !record.left),
        })
    }

    pub(crate) fn report(&self, from: usize, times: bool) -> Value {
        let report = self.all.iter().skip(from).map(|record| {
            let mut json = json!({
                "text": record.text,
                "name": record.name,
                "request_bytes": record.request_bytes,
                "received": record.received,
                "first": record.pieces.first(),
                "last": record.pieces.last(),
                "whole": record.whole,
                "left": record.left,
            });
            if times {
                json["pieces"] = json!(record.pieces);
            }
            json
        });
        report.collect()
    }
}

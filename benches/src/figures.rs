//! Figures: what was reached, what must be, and the statistics behind them.

use serde_json::{Value, json};
use std::fmt;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Milliseconds,
    Seconds,
    Mebibytes,
    Count,
    /// How many times as much.
    Times,
}

/// What must be reached.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Must {
    Below(f64),
    AtLeast(f64),
    Be(f64),
    /// It stands beside the others for comparison.
    Nothing,
}

/// Something that was measured.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// For programs: stays the same.
    pub(crate) key: String,
    /// For people.
    pub(crate) what: String,
    pub(crate) unit: Unit,
    pub(crate) must: Must,
    pub(crate) reached: f64,
}

impl Figure {
    /// None where nothing must be reached.
    pub(crate) fn holds(&self) -> Option<bool> {
        match self.must {
            Must::Below(limit) => Some(self.reached < limit),
            Must::AtLeast(limit) => Some(self.reached >= limit),
            Must::Be(value) => Some((self.reached - value).abs() < f64::EPSILON),
            Must::Nothing => None,
        }
    }

    pub(crate) fn must_text(&self) -> String {
        match self.must {
            Must::Below(limit) => format!("under {}", self.unit.show_round(limit)),
            Must::AtLeast(limit) => format!("at least {}", self.unit.show_round(limit)),
            Must::Be(value) => self.unit.show_round(value),
            Must::Nothing => String::new(),
        }
    }

    pub(crate) fn reached_text(&self) -> String {
        self.unit.show(self.reached)
    }

    pub(crate) fn json(&self) -> Value {
        let must = match self.must {
            Must::Below(limit) => json!({"below": limit}),
            Must::AtLeast(limit) => json!({"at_least": limit}),
            Must::Be(value) => json!({"be": value}),
            Must::Nothing => Value::Null,
        };
        json!({
            "key": self.key, "what": self.what, "unit": self.unit.word(), "must": must, "reached": self.reached,
            "holds": self.holds(),
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.holds() {
            Some(true) => "+",
            Some(false) => "-",
            None => " ",
        };
        write!(formatter, "{mark} {}: {}", self.what, self.reached_text())?;
        if matches!(self.must, Must::Nothing) {
            return Ok(());
        }
        write!(formatter, " (must be {})", self.must_text())
    }
}

impl Unit {
    fn word(self) -> &'static str {
        match self {
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Mebibytes => "MiB",
            Self::Count => "",
            Self::Times => "times",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Milliseconds | Self::Seconds => format!("{value:.2} {}", self.word()),
            Self::Mebibytes => format!("{value:.1} MiB"),
            Self::Count => format!("{value}"),
            Self::Times => format!("{value:.2} times"),
        }
    }

    fn show_round(self, value: f64) -> String {
        format!("{value} {}", self.word()).trim_end().to_owned()
    }
}

/// The value below which that share of all is; the largest for a share of 1.
pub(crate) fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let place = (sorted.len() as f64 * share).ceil() as usize;
    sorted
        .get(place.saturating_sub(1).min(sorted.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

/// Milliseconds between two times in microseconds; negative when the second came first.
pub(crate) fn millis(from: u64, to: u64) -> f64 {
    (to as f64 - from as f64) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_came() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let of = |share| percentile(&values, share).to_string();
        assert_eq!([of(0.5), of(0.99), of(1.0), of(0.0)], ["50", "99", "100", "1"]);
        assert_eq!(percentile(&[7.0], 0.99).to_string(), "7");
        assert!(percentile(&[], 0.5).is_nan());
    }

    #[test]
    fn figures_tell_whether_they_hold() {
        let figure = |must, reached| Figure {
            key: "k".to_owned(),
            what: "w".to_owned(),
            unit: Unit::Milliseconds,
            must,
            reached,
        };
        assert_eq!(figure(Must::Below(1.5), 1.4).holds(), Some(true));
        assert_eq!(figure(Must::Below(1.5), 1.5).holds(), Some(false));
        assert_eq!(figure(Must::Below(1.5), f64::NAN).holds(), Some(false));
        assert_eq!(figure(Must::Nothing, 1.5).holds(), None);
        assert_eq!(
            figure(Must::Below(1.5), 1.234).to_string(),
            "+ w: 1.23 ms (must be under 1.5 ms)"
        );
    }
}

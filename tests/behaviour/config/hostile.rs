//! Whatever is in the file: an answer, no panic.

use super::parse;
use cortex_test_support::hostile::{spoiled, spoiled_text};
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Values of all types, some of them right somewhere.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:?}").replace("NaN", "nan")),
        any::<bool>().prop_map(|boolean| boolean.to_string()),
        any::<String>().prop_map(|text| toml::Value::from(text).to_string()),
        "[0-9]{1,25}(ms|s|h|d|y| months)".prop_map(|text| format!("\"{text}\"")),
        "https?://[a-z:@?#/\\[\\]0-9.]{0,12}".prop_map(|text| format!("\"{text}\"")),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("0xffffffffffffffffffff".to_owned()),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(", "))),
            inner.prop_map(|value| format!("{{ file = {value} }}")),
        ]
    })
}

/// A line that gives a known key, under a random name where it has one, some value.
fn line() -> impl Strategy<Value = String> {
    let keys: Vec<String> = cortex::config::keys().into_iter().collect();
    (prop::sample::select(keys), "[a-z\"'. é]{0,4}", value())
        .prop_map(|(key, name, value)| format!("{} = {value}", key.replace("NAME", &format!("{name:?}"))))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(256)))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        let _ = parse(&text);
    }

    #[test]
    fn any_text_of_toml_marks_is_answered(text in "[\\[\\]{}a-c.=\"'#\n ,0-9é\u{feff}_-]{0,60}") {
        let _ = parse(&text);
    }

    #[test]
    fn any_values_of_known_keys_are_answered(lines in prop::collection::vec(line(), 1..6)) {
        if let Err(errors) = parse(&lines.join("\n")) {
            prop_assert!(!errors.problems.is_empty());
            for problem in &errors.problems {
                prop_assert!(problem.position.is_some_and(|position| position.line <= lines.len() + 1), "{}", problem);
            }
        }
    }
}

/// The example with something wrong in its text, or in the values behind it.
#[test]
fn spoiled_configs_are_answered() {
    let example = include_str!("../../../config.example.toml");
    let json = serde_json::to_value(toml::from_str::<toml::Value>(example).unwrap()).unwrap();
    let mut random = Random::new(11);
    for number in 0..cases(400) {
        let text = if number % 2 == 0 {
            spoiled_text(example, &mut random)
        } else {
            let changes = 1 + random.below(3);
            // Not all that is JSON is TOML.
            toml::to_string(&spoiled(&json, changes, &mut random)).unwrap_or_default()
        };
        let begun = Instant::now();
        if let Err(errors) = parse(&text) {
            let said = errors.to_string();
            assert!(
                !said.is_empty() && said.len() < 4 * text.len() + 10_000,
                "{} of {}",
                said.len(),
                text.len()
            );
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?} for {text}", begun.elapsed());
    }
}

#[test]
fn deep_nesting_is_answered() {
    for text in [
        "[".repeat(100_000),
        format!("a = {}", "[".repeat(100_000)),
        format!("a{} = 1", ".a".repeat(100_000)),
    ] {
        assert!(parse(&text).is_err());
    }
}

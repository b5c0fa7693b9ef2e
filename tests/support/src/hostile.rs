//! JSON that is almost right: what a program reads from outside, with something wrong in it somewhere.

use crate::random::Random;
use serde_json::{Map, Value, json};

/// Deeper than anyone nests in earnest, and not so deep that JSON itself refuses it.
const DEEP: usize = 100;
const LONG: usize = 20_000;
const ODD_BYTES: &[u8] = b"{}[]\",:\\0e-\x00\x7f\xff";

/// The same with so many things changed, each at any place: taken out, put in the place of another, of another type, huge.
pub fn spoiled(value: &Value, changes: u64, random: &mut Random) -> Value {
    let mut value = value.clone();
    for _ in 0..changes {
        let nodes = count(&value);
        let from = random.place(nodes);
        let elsewhere = node(&value, &mut from.clone()).cloned().unwrap_or_default();
        let mut place = random.place(nodes);
        let replacement = if random.chance(25) { elsewhere } else { oddity(random) };
        spoil(&mut value, &mut place, replacement, random);
    }
    value
}

/// Text that is almost JSON.
pub fn spoiled_text(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        if bytes.is_empty() {
            break;
        }
        let place = random.place(bytes.len());
        match random.below(4) {
            0 => bytes.truncate(place),
            1 => {
                bytes.remove(place);
            }
            2 => bytes[place] = ODD_BYTES[random.place(ODD_BYTES.len())],
            _ => {
                let end = place + random.place(bytes.len() - place);
                let again = bytes[place..end].to_vec();
                bytes.splice(place..place, again);
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value that few expect.
pub fn oddity(random: &mut Random) -> Value {
    let deep = |leaf: Value| (0..DEEP).fold(leaf, |inner, _| json!([inner]));
    match random.below(22) {
        0 => Value::Null,
        1 => json!(random.chance(50)),
        2 => json!(i64::MIN),
        3 => json!(i64::MAX),
        4 => json!(u64::MAX),
        5 => json!(-1),
        6 => json!(0),
        7 => json!(1e308),
        8 => json!(-0.5),
        9 => json!(random.number()),
        10 => json!(""),
        11 => json!("x".repeat(random.place(LONG))),
        12 => json!("\u{202e}👨‍👩‍👧‍👦\u{0}\u{1b}[31m\u{feff}e\u{301}"),
        13 => json!("\n".repeat(random.place(500))),
        14 => json!("../../etc/passwd"),
        15 => json!("2026-02-30T25:61:00Z"),
        16 => json!([]),
        17 => json!({}),
        18 => json!(vec![json!({}); random.place(500)]),
        19 => deep(json!(1)),
        20 => (0..DEEP).fold(json!(1), |inner, _| json!({"a": inner})),
        _ => Value::Object(
            (0..random.below(200))
                .map(|key| (format!("key{key}"), json!(key)))
                .collect::<Map<_, _>>(),
        ),
    }
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

fn count(value: &Value) -> usize {
    1 + children(value).map(count).sum::<usize>()
}

/// The node of that number, counted from the root.
fn node<'a>(value: &'a Value, place: &mut usize) -> Option<&'a Value> {
    if *place == 0 {
        return Some(value);
    }
    *place -= 1;
    children(value).find_map(|child| node(child, place))
}

/// Spoils the node of that number; tells whether it was reached.
fn spoil(value: &mut Value, place: &mut usize, replacement: Value, random: &mut Random) -> bool {
    if *place == 0 {
        match value {
            Value::Object(fields) if !fields.is_empty() && random.chance(50) => {
                let key = fields.keys().nth(random.place(fields.len())).cloned().unwrap_or_default();
                let field = fields.remove(&key);
                if random.chance(20) {
                    fields.insert(format!("{key}_"), field.unwrap_or_default());
                }
            }
            Value::Array(items) if !items.is_empty() && random.chance(50) => {
                let item = items[random.place(items.len())].clone();
                items.resize(items.len() + random.place(300), item);
            }
            _ => *value = replacement,
        }
        return true;
    }
    *place -= 1;
    let inner: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => return false,
    };
    inner
        .into_iter()
        .any(|child| spoil(child, place, replacement.clone(), random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_is_wrong_anywhere() {
        let right = json!({"a": [1, {"b": "c"}], "d": null});
        let mut random = Random::new(1);
        let spoiled: Vec<Value> = (0..200).map(|_| spoiled(&right, 1, &mut random)).collect();
        assert!(spoiled.iter().filter(|spoiled| **spoiled != right).count() > 180);
        assert!(
            spoiled
                .iter()
                .any(|spoiled| spoiled["a"][1]["b"] != "c" && spoiled["a"][0] == 1)
        );
    }
}

//! The registry: names, arguments, hashes, cut output.

use super::World;
use async_trait::async_trait;
use cortex::tools::{
    ArgumentsError, Prepared, Registry, RegistryError, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput,
    arguments_hash, cut_output,
};
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

struct Stub(ToolDefinition);

#[async_trait]
impl Tool for Stub {
    fn definition(&self) -> &ToolDefinition {
        &self.0
    }

    async fn prepare(&self, _: &Value, _: &ToolContext) -> Result<Prepared, ToolError> {
        Ok(Prepared::default())
    }

    async fn run(&self, _: &Value, _: &Prepared, _: &ToolContext) -> Result<ToolOutput, ToolError> {
        Err(ToolError::Failed("a stub".to_owned()))
    }
}

/// A tool like `time_now` but for what is changed in it.
fn stub(change: impl FnOnce(&mut ToolDefinition)) -> Arc<dyn Tool> {
    let mut definition = World::new().tools.definition("time_now").unwrap().clone();
    change(&mut definition);
    Arc::new(Stub(definition))
}

fn wrong(tool: &str, arguments: &Value) -> String {
    World::new().tools.check_arguments(tool, arguments).unwrap_err().to_string()
}

#[test]
fn definitions_and_hashes_stay_as_they_are() {
    let world = World::new();
    let mut all = String::new();
    for definition in world.tools.definitions() {
        let hash = world.tools.definition_hash(&definition.name).unwrap();
        writeln!(all, "{hash}\n{}\n", serde_json::to_string_pretty(definition).unwrap()).unwrap();
    }
    insta::assert_snapshot!("built_in_tools", all);
}

#[test]
fn every_argument_is_described_and_unknown_ones_are_denied() {
    for definition in World::new().tools.definitions() {
        assert_eq!(
            definition.parameters["additionalProperties"],
            json!(false),
            "{}",
            definition.name
        );
        for (name, property) in definition.parameters["properties"].as_object().unwrap() {
            assert!(property["description"].is_string(), "{}.{name}", definition.name);
        }
    }
}

#[test]
fn wrong_arguments_are_named_by_path() {
    assert_eq!(wrong("file_read", &json!({"path": 7})), "path: expected a string");
    assert_eq!(wrong("file_read", &json!({})), "path: is required");
    assert_eq!(wrong("file_read", &json!({"path": ""})), "path: must not be empty");
    assert_eq!(
        wrong("file_read", &json!({"path": "a", "first_line": 0})),
        "first_line: must be 1 or more"
    );
    assert_eq!(
        wrong("file_read", &json!({"path": "a", "first_line": "1"})),
        "first_line: expected a whole number"
    );
    assert_eq!(
        wrong("file_list", &json!({"recursive": "yes"})),
        "recursive: expected true or false"
    );
    assert_eq!(
        wrong("file_list", &json!({"folder": "a"})),
        "folder: no such argument; there are path, recursive"
    );
    assert_eq!(
        wrong("file_write", &json!({"path": "a", "content": "", "mode": "replace"})),
        r#"mode: expected one of "overwrite", "create", "append""#
    );
    assert_eq!(
        wrong("file_read", &json!("notes/a.md")),
        "the arguments must be a JSON object"
    );
    assert_eq!(wrong("no_such_tool", &json!({})), "there is no tool of that name");
}

#[test]
fn null_stands_for_an_argument_left_out() {
    assert_eq!(
        World::new().tools.check_arguments("file_list", &json!({"path": null})),
        Ok(())
    );
}

#[test]
fn several_wrong_arguments_make_one_bounded_line() {
    let sentence = wrong(
        "file_search",
        &json!({"query": 1, "path": 2, "regex": 3, "case_sensitive": 4}),
    );
    assert!(sentence.ends_with("; and more"), "{sentence}");
    let sentence = wrong("file_list", &json!({"x\n".repeat(5_000): 1}));
    assert!(sentence.len() < 500 && !sentence.contains('\n'), "{sentence}");
}

#[test]
fn a_wrong_value_is_not_repeated() {
    let sentence = wrong("file_read", &json!({"path": ["my secret"]}));
    assert!(!sentence.contains("secret"), "{sentence}");
}

#[test]
fn a_nested_wrong_argument_has_its_whole_path() {
    let mut registry = Registry::default();
    let item = json!({"type": "object", "properties": {"size": {"type": "integer"}}});
    let parameters = json!({"type": "object", "properties": {"items": {"type": "array", "items": item}}});
    registry.add(stub(|definition| definition.parameters = parameters)).unwrap();
    let error = registry
        .check_arguments("time_now", &json!({"items": [{"size": 1}, {"size": "big"}]}))
        .unwrap_err();
    assert_eq!(error.to_string(), "items.1.size: expected a whole number");
}

#[test]
fn a_faulty_schema_lets_nothing_through() {
    let mut registry = Registry::default();
    registry
        .add(stub(|definition| definition.parameters = json!({"type": "no such type"})))
        .unwrap();
    assert_eq!(
        registry.check_arguments("time_now", &json!({})),
        Err(ArgumentsError::BadSchema)
    );
}

#[test]
fn names_are_sound_and_taken_once() {
    let mut registry = World::new().tools;
    let taken = registry.add(stub(|_| {})).unwrap_err();
    assert!(matches!(taken, RegistryError::Taken(_)));
    for name in ["", "Read", "a-b", "a b", "ä", &"a".repeat(65)] {
        let bad = registry
            .add(stub(|definition| definition.name = name.to_owned()))
            .unwrap_err();
        assert!(matches!(bad, RegistryError::BadName(_)), "{name}");
    }
}

#[test]
fn the_definition_hash_follows_every_change() {
    let hash = |change: fn(&mut ToolDefinition)| {
        let mut registry = Registry::default();
        registry.add(stub(change)).unwrap();
        registry.definition_hash("time_now").unwrap()
    };
    let unchanged = hash(|_| {});
    assert_eq!(unchanged, World::new().tools.definition_hash("time_now").unwrap());
    assert_ne!(unchanged, hash(|definition| definition.description.push('.')));
    assert_ne!(unchanged, hash(|definition| definition.outbound = true));
    assert_ne!(
        unchanged,
        hash(|definition| definition.parameters["properties"]["more"] = json!({"type": "string"}))
    );
}

#[test]
fn the_arguments_hash_ignores_the_order_of_keys_only() {
    let one: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": [1, 2], "d": "x"}}"#).unwrap();
    let same: Value = serde_json::from_str(r#"{"b": {"d": "x", "c": [1, 2]}, "a": 1}"#).unwrap();
    let other: Value = serde_json::from_str(r#"{"a": 1, "b": {"c": [2, 1], "d": "x"}}"#).unwrap();
    assert_eq!(arguments_hash(&one), arguments_hash(&same));
    assert_ne!(arguments_hash(&one), arguments_hash(&other));
    assert_eq!(
        arguments_hash(&json!({})),
        "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
}

#[test]
fn cut_output_says_how_much_is_missing() {
    assert_eq!(cut_output("short", 5), "short");
    let text = "é".repeat(1_000);
    let cut = cut_output(&text, 101);
    assert!(cut.len() <= 101, "{} bytes", cut.len());
    let (kept, mark) = cut.split_once('\n').unwrap();
    assert_eq!(mark, format!("[cut: {} of 2000 bytes are not shown]", 2_000 - kept.len()));
    assert!(kept.len() > 50 && text.starts_with(kept));
    for limit in 0..60 {
        assert!(cut_output(&text, limit).len() <= limit);
    }
}

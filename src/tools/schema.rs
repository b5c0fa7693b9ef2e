//! From a tool's argument struct to the schema that models see, and from a model's arguments to that struct.

use super::ToolError;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The JSON schema of an argument struct: whole in itself, without the parts that providers stumble over.
pub(super) fn parameters<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    schema.remove("title");
    schema.remove("description");
    schema.to_value()
}

/// The arguments as the struct. They were checked against the schema before, so a failure here is rare and told plainly.
pub(super) fn arguments<T: DeserializeOwned>(arguments: &Value) -> Result<T, ToolError> {
    T::deserialize(arguments).map_err(|_| ToolError::Refused("the arguments do not fit the tool's schema".to_owned()))
}

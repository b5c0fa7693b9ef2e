//! Commands of whoever measures.

use super::Shared;
use super::answer::Form;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::PoisonError;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Wanted {
    from: usize,
    times: bool,
}

/// Carries a command out.
pub(crate) fn command(shared: &Shared, name: &str, body: &[u8]) -> Result<Value, String> {
    let body = if body.is_empty() { b"{}" } else { body };
    match name {
        "form" => {
            let form: Form = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            *shared.form.lock().unwrap_or_else(PoisonError::into_inner) = form;
            Ok(json!(true))
        }
        "records" => {
            let wanted: Wanted = serde_json::from_slice(body).map_err(|error| error.to_string())?;
            Ok(shared.records(|records| records.report(wanted.from, wanted.times)))
        }
        "stats" => Ok(shared.records(|records| records.stats())),
        "reset" => {
            shared.records(super::record::Records::reset);
            Ok(json!(true))
        }
        _ => Err(format!("there is no command {name}")),
    }
}

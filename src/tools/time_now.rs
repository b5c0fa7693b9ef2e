//! `time_now`: the date and the time, here or in another zone.

use super::schema;
use super::wording::one_line;
use super::{Effect, Prepared, Tool, ToolContext, ToolDefinition, ToolError, ToolOutput};
use crate::domain::{Confirm, Risk, Role};
use async_trait::async_trait;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// Tells the present moment; a parameter, so that tests can stop it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Longer than any name in the time zone database.
const LONGEST_ZONE: usize = 64;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// The time zone by its IANA name, such as "Europe/Paris". Left out: the person's own.
    time_zone: Option<String>,
}

pub(super) struct TimeNow {
    definition: ToolDefinition,
    clock: Clock,
}

impl TimeNow {
    pub(super) fn new(clock: Clock) -> Self {
        let definition = ToolDefinition {
            name: "time_now".to_owned(),
            description: "Tells the present date, weekday, time, time zone and UTC offset.".to_owned(),
            parameters: schema::parameters::<Arguments>(),
            risk: Risk::Low,
            confirm: Confirm::Never,
            role: Role::User,
            effect: Effect::ReadOnly,
            outbound: false,
            untrusted_results: false,
            time_limit: Duration::from_secs(5),
            output_limit_bytes: 1_024,
        };
        Self { definition, clock }
    }
}

#[async_trait]
impl Tool for TimeNow {
    fn definition(&self) -> &ToolDefinition {
        &self.definition
    }

    async fn prepare(&self, arguments: &Value, context: &ToolContext) -> Result<Prepared, ToolError> {
        zone(arguments, context)?;
        Ok(Prepared {
            grant_shape: Some("time_now".to_owned()),
            affects: "tells the time".into(),
            ..Prepared::default()
        })
    }

    async fn run(&self, arguments: &Value, _prepared: &Prepared, context: &ToolContext) -> Result<ToolOutput, ToolError> {
        let (zone, name) = zone(arguments, context)?;
        let now = (self.clock)().to_zoned(zone);
        let text = format!(
            "{} {name} (UTC{})",
            now.strftime("%A, %Y-%m-%d %H:%M:%S"),
            now.strftime("%:z")
        );
        Ok(ToolOutput {
            text,
            summary: "looked at the clock".to_owned(),
        })
    }
}

/// The zone that was asked for, else the person's, else UTC; with the name to show.
fn zone(arguments: &Value, context: &ToolContext) -> Result<(TimeZone, String), ToolError> {
    let arguments: Arguments = schema::arguments(arguments)?;
    if let Some(asked) = arguments.time_zone {
        let zone = by_name(&asked).ok_or_else(|| {
            let asked = one_line(&asked, LONGEST_ZONE);
            ToolError::Refused(format!(
                "time_zone: there is no zone {asked}; use an IANA name such as Europe/Paris"
            ))
        })?;
        return Ok(named(zone));
    }
    // A wrong name in the person's profile is not the model's to mend.
    Ok(named(context.time_zone.as_deref().and_then(by_name).unwrap_or(TimeZone::UTC)))
}

fn by_name(name: &str) -> Option<TimeZone> {
    // Some databases look zones up as files: nothing but the characters of zone names gets there.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-' | b'+');
    if name.is_empty() || name.len() > LONGEST_ZONE || !name.bytes().all(plain) || name.starts_with('/') {
        return None;
    }
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown())
}

fn named(zone: TimeZone) -> (TimeZone, String) {
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    (zone, name)
}

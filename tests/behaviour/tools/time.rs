//! `time_now`.

use super::World;
use serde_json::json;

#[tokio::test]
async fn tells_the_time_in_a_named_zone() {
    let world = World::new();
    let text = world.call("time_now", &json!({"time_zone": "Asia/Kolkata"})).await.unwrap();
    assert_eq!(text, "Sunday, 2026-03-29 06:00:00 Asia/Kolkata (UTC+05:30)");
}

#[tokio::test]
async fn uses_the_persons_zone_across_a_change_of_the_clocks() {
    let mut world = World::new();
    world.context.time_zone = Some("America/New_York".to_owned());
    let text = world.call("time_now", &json!({})).await.unwrap();
    assert_eq!(text, "Saturday, 2026-03-28 20:30:00 America/New_York (UTC-04:00)");
}

#[tokio::test]
async fn falls_back_to_utc() {
    let world = World::new();
    assert_eq!(
        world.call("time_now", &json!({})).await.unwrap(),
        "Sunday, 2026-03-29 00:30:00 UTC (UTC+00:00)"
    );
}

#[tokio::test]
async fn refuses_a_zone_that_does_not_exist() {
    let world = World::new();
    for zone in ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "UTC\0"] {
        let sentence = world.refusal("time_now", &json!({"time_zone": zone})).await;
        assert!(sentence.starts_with("time_zone: there is no zone"), "{sentence}");
    }
}

//! Updates that are almost right: each is converted or passed over, and what comes of it is no larger than it was.

use super::converting::{converter, group, private};
use cortex_test_support::hostile::spoiled;
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What an event may have beyond its update: names of our own.
const OURS_BYTES: usize = 4096;

/// Updates with much in them.
fn updates() -> Vec<Value> {
    let words = json!({
        "text": "@cortexbot see example.org 😀 and this", "message_thread_id": 12, "is_topic_message": true,
        "entities": [{"type": "mention", "offset": 0, "length": 10}, {"type": "url", "offset": 15, "length": 11},
            {"type": "text_link", "offset": 30, "length": 3, "url": "https://example.org/"},
            {"type": "text_mention", "offset": 34, "length": 4, "user": {"id": 99}}],
        "reply_to_message": {"message_id": 3, "from": {"id": 6}, "text": "words", "forward_origin": {"type": "hidden_user"}},
        "quote": {"text": "wor", "position": 0}, "via_bot": {"id": 3},
    });
    let photo = json!({
        "photo": [{"file_id": "s", "file_size": 1}, {"file_id": "l", "file_size": 9}], "caption": "look",
        "caption_entities": [{"type": "bold", "offset": 0, "length": 4}], "media_group_id": "g1",
    });
    let file = json!({"document": {"file_id": "d", "file_name": "a.pdf", "mime_type": "application/pdf", "file_size": 99}});
    let rich = json!({"rich_message": {"blocks": [{"type": "paragraph", "text": "words"},
        {"type": "list", "items": [{"blocks": [{"type": "paragraph", "text": ["a", {"type": "bold", "text": "b"}]}]}]}]}});
    let sent_as = json!({"text": "x", "sender_chat": {"id": -1007, "type": "channel"}, "migrate_to_chat_id": -100_500});
    let kinds = [
        ("message", private(&words)),
        ("message", group(&words)),
        ("edited_message", group(&photo)),
        ("message", private(&file)),
        ("message", private(&rich)),
        ("message", group(&sent_as)),
        ("channel_post", group(&photo)),
        (
            "callback_query",
            json!({"id": "4400000000007000000000001", "from": {"id": 5, "is_bot": false, "first_name": "Ann"},
                "chat_instance": "-83", "data": "01890a5dac96774bbcceb302099a8057:o", "message": group(&words)}),
        ),
        (
            "stopped_message_generation",
            json!({"chat": {"id": 5, "type": "private"}, "draft_id": 7, "message_thread_id": 12}),
        ),
        (
            "my_chat_member",
            json!({"chat": {"id": -40, "type": "group", "title": "Us"}, "from": {"id": 5}, "date": 1_700_000_000,
                "old_chat_member": {"status": "left"}, "new_chat_member": {"status": "kicked", "until_date": 0}}),
        ),
    ];
    let updates = kinds.into_iter();
    updates
        .map(|(kind, body)| json!({"update_id": 870_000_001, kind: body}))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(1000)))]

    #[test]
    fn spoiled_updates_are_converted_or_passed_over(seed: u64, changes in 1..8_u64) {
        let mut random = Random::new(seed);
        let updates = updates();
        let update = spoiled(&updates[random.place(updates.len())], changes, &mut random);
        let Some(converted) = converter().convert(&update) else {
            prop_assert!(update["update_id"].as_i64().is_none_or(|id| id < 0), "passed over: {}", update);
            return Ok(());
        };
        prop_assert_eq!(Some(converted.update_id), update["update_id"].as_i64());
        // What is kept of it is stored: no small update fills the disk.
        let (came, kept) = (update.to_string().len(), serde_json::to_string(&converted.event).unwrap().len());
        prop_assert!(kept <= 2 * came + OURS_BYTES, "{} of {}", kept, came);
    }
}

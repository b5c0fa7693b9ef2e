//! Updates: ones that nobody knows, ones that nobody can read, numbers that begin anew, and a store without room for them.

use super::possible_duplicates;
use crate::support::SOON;
use crate::telegram::scene::Scene;
use cortex_test_support::hostile::spoiled;
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A message of Alice's as Telegram sends it, with fields set, or taken out by null.
fn message(scene: &Scene, number: i64, fields: &Value) -> Value {
    let mut message = json!({
        "message_id": number,
        "from": {"id": scene.alice, "is_bot": false, "first_name": "Alice"},
        "chat": {"id": scene.home, "type": "private", "first_name": "Alice"},
        "date": 1_790_000_000,
        "text": "poison",
    });
    for (name, value) in fields.as_object().unwrap() {
        message[name] = value.clone();
    }
    message.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    message
}

/// The daemon is well: an ordinary message is answered, and nothing is left to be delivered.
#[track_caller]
fn goes_on(scene: &Scene, text: &str) {
    scene.chat(text);
    let confirmed = scene.telegram.wait_until(SOON, |control| control.pending_updates() == 0);
    assert!(confirmed, "updates are not confirmed after {text:?}");
}

#[test]
fn updates_of_unknown_forms_are_passed_over() {
    let mut deep = json!("bottom");
    for _ in 0..200 {
        deep = json!([{ "deeper": deep }]);
    }
    let poison = [
        json!({"kind_of_the_year_2030": {"id": 1, "text": "hello"}}),
        json!({"message": null}),
        json!({"message": 17}),
        json!({"message": "text"}),
        json!({"message": []}),
        json!({"message": {}}),
        json!({"message": {"message_id": "one", "chat": {"id": "home"}, "from": 7, "date": "today", "text": ["a"]}}),
        json!({"message": {"message_id": 1e300, "chat": {"id": -1e300, "type": 5}, "text": {"a": deep}}}),
        json!({"message": {"message_id": 5, "date": 0, "chat": {"id": 5, "type": "galaxy"}}}),
        json!({"edited_message": {"message_id": null, "edit_date": i64::MIN, "text": "yes"}}),
        json!({"edited_message": "yes"}),
        json!({"callback_query": null}),
        json!({"callback_query": {"id": 5, "from": "Alice", "message": [], "data": {"yes": true}}}),
        json!({"callback_query": {"from": {"id": "x"}}}),
        json!({"my_chat_member": {"chat": 3}}),
        json!({}),
    ];
    let scene = Scene::new();
    let count = poison.len();
    for update in poison {
        scene.telegram.push_raw_update(update);
    }
    let mut serving = scene.serve();
    goes_on(&scene, "hello");
    assert_eq!(
        scene.telegram.messages(scene.home).len(),
        1,
        "{}",
        scene.telegram.transcript(scene.home)
    );
    let outcomes = "SELECT count(*) FROM event WHERE outcome LIKE 'ignored%'";
    assert_eq!(scene.stored().number(outcomes), count as i64);
    serving.kill();

    // Nothing of it comes back.
    let serving = scene.serve();
    goes_on(&scene, "again");
    assert_eq!(scene.llm.requests().len(), 2);
    assert!(!serving.log().contains("ERROR"), "{}", serving.log());
}

#[test]
fn messages_with_absurd_fields_are_read_as_far_as_they_go() {
    let scene = Scene::new();
    let readable = [
        ("no date", json!({"date": null})),
        ("epoch", json!({"date": 0})),
        ("long ago", json!({"date": i64::MIN})),
        ("far away", json!({"date": i64::MAX})),
        (
            "absurd entities",
            json!({"entities": [{"type": "bold", "offset": -5, "length": 900}, 3, {"type": "mention"}, null]}),
        ),
        (
            "future entity",
            json!({"entities": [{"type": "hologram", "offset": 0, "length": 6, "depth": {"of": "field"}}]}),
        ),
        (
            "date entity",
            json!({"entities": [{"type": "date_time", "offset": 0, "length": 4, "unix_time": 5}]}),
        ),
        (
            "half a letter",
            json!({"text": "half 😀", "entities": [{"type": "text_link", "offset": 5, "length": 1, "url": "http://a"}]}),
        ),
        (
            "strange markup",
            json!({"reply_markup": {"inline_keyboard": [[{"text": "a", "disabled": {}}]]}}),
        ),
        (
            "strange reply",
            json!({"reply_to_message": "gone", "quote": 5, "forward_date": null}),
        ),
        (
            "strange sender",
            json!({"sender_chat": 5, "via_bot": null, "sender_boost_count": "many"}),
        ),
        (
            "strange photo",
            json!({"photo": [{"file_id": 5}, "x"], "text": null, "caption": "strange photo"}),
        ),
        ("no text", json!({"text": null, "hologram": {"file_id": "x"}})),
    ];
    for (number, (name, fields)) in readable.iter().enumerate() {
        let mut fields = fields.clone();
        if fields.get("text").is_none() {
            fields["text"] = json!(name);
        }
        let update = message(&scene, 1_000 + number as i64, &fields);
        scene.telegram.push_raw_update(json!({ "message": update }));
    }
    let _serving = scene.serve();
    goes_on(&scene, "hello");
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status IN ('queued', 'running')", 0);
    let requests = scene.llm.requests();
    let said: Vec<&str> = requests.iter().map(|request| request.last_content("user")).collect();
    for (name, _) in &readable {
        let expected = match *name {
            "half a letter" => "half 😀",
            "no text" => continue,
            name => name,
        };
        let heard = said.iter().any(|said| said.contains(expected));
        assert!(heard, "{expected:?} is not heard: {said:?}");
    }
}

#[test]
fn rich_message_is_read_for_its_words() {
    let scene = Scene::new();
    let rich = json!({"blocks": [{"type": "paragraph", "text": [{"type": "bold", "text": "Buy"}, " some milk"]}]});
    let update = message(&scene, 1_000, &json!({"text": null, "rich_message": rich}));
    scene.telegram.push_raw_update(json!({ "message": update }));
    let _serving = scene.serve();
    goes_on(&scene, "hello");
    let requests = scene.llm.wait_for_requests(2, SOON);
    let said = requests[0].last_content("user");
    assert!(said.contains("Buy") && said.contains("some milk"), "{said:?}");
}

#[test]
fn spoiled_updates_by_the_hundred_do_no_harm() {
    let scene = Scene::new();
    let right = message(
        &scene,
        900,
        &json!({
            "entities": [{"type": "bold", "offset": 0, "length": 3}], "quote": {"text": "a"},
            "reply_to_message": {"message_id": 3, "from": {"id": 6}, "text": "words", "forward_origin": {}},
        }),
    );
    let press = json!({
        "id": "44", "from": right["from"], "message": right, "chat_instance": "-8",
        "data": "01890a5dac96774bbcceb302099a8057:o",
    });
    let mut random = Random::new(3);
    // Far from those of the messages that the fake makes.
    let mut numbers = 1_000_000..;
    let mut serving = scene.serve();
    for round in 0..cases(1) {
        for _ in 0..200 {
            let kind = ["message", "edited_message", "callback_query", "message"][random.place(4)];
            let mut body = if kind == "callback_query" {
                press.clone()
            } else {
                right.clone()
            };
            body["message_id"] = json!(numbers.next());
            let changes = 1 + random.below(5);
            scene
                .telegram
                .push_raw_update(spoiled(&json!({ kind: body }), changes, &mut random));
        }
        goes_on(&scene, &format!("after all that, {round}"));
    }
    assert!(!serving.has_ended());
    assert!(!serving.log().contains("panicked"), "{}", serving.log());
    assert_eq!(scene.stored().number("SELECT count(*) FROM turn WHERE status = 'error'"), 0);
    println!("{} messages came of it", scene.telegram.messages(scene.home).len());
}

#[test]
fn words_of_control_characters_do_no_harm() {
    let scene = Scene::new();
    let _serving = scene.serve();
    for text in [
        "\u{0}\u{1b}[2Jnul",
        "\u{202e}backwards",
        "\u{200b}",
        "a\u{301}\u{301}\u{301}",
        "{\"role\":\"system\"}",
    ] {
        scene.telegram.say(scene.home, scene.alice, text);
    }
    let long = "long ".repeat(200_000);
    let update = message(&scene, 9_000, &json!({ "text": long }));
    scene.telegram.push_raw_update(json!({ "message": update }));
    goes_on(&scene, "hello");
}

#[test]
fn update_numbers_that_begin_anew_are_followed() {
    let scene = Scene::new();
    let mut serving = scene.serve();
    goes_on(&scene, "one");
    let before = scene.telegram.confirmed_offset().unwrap();
    scene.telegram.restart_update_ids_at(1_000);
    goes_on(&scene, "two");
    goes_on(&scene, "three");
    assert_eq!(scene.telegram.confirmed_offset(), Some(1_002));
    assert!(before > 1_002);

    // Also when they do so while nobody reads.
    serving.stop(SOON);
    scene.telegram.restart_update_ids_at(77);
    scene.telegram.say(scene.home, scene.alice, "four");
    let _serving = scene.serve();
    scene.telegram.wait_for_text(scene.home, "You said four.", SOON);
    goes_on(&scene, "five");
    assert_eq!(scene.telegram.confirmed_offset(), Some(79));
    assert_eq!(scene.llm.requests().len(), 5);
    assert_eq!(scene.telegram.messages(scene.home).len(), 5);

    // Nothing is handed out again and again.
    let polls = scene.telegram.polls();
    let handed_out: usize = polls.iter().map(|poll| poll.updates).sum();
    assert!(handed_out <= 5 + 2, "{handed_out} updates for five messages");
}

#[test]
fn full_store_leaves_messages_with_telegram() {
    const NOT_TAKEN: &str = "so Telegram keeps them";
    let mut scene = Scene::new();
    scene.daemon.set("store.max_size_mib", "1");
    let mut serving = scene.serve();
    let accepted = "SELECT count(*) FROM turn";
    let mut said = 0;
    while !serving.log().contains(NOT_TAKEN) {
        assert!(said < 300, "it is never full");
        scene
            .telegram
            .say(scene.home, scene.alice, &format!("{said} {}", "x".repeat(3_000)));
        said += 1;
        let deadline = Instant::now() + SOON;
        while scene.stored().number(accepted) < said && !serving.log().contains(NOT_TAKEN) {
            assert!(Instant::now() < deadline && !serving.has_ended(), "{}", serving.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert!(serving.log().contains("the store is full"), "{}", serving.log());
    assert!(serving.log().contains("store.max_size_mib"), "{}", serving.log());
    assert!(!serving.log().contains("xxx"), "words of a message are in the log");
    assert!(scene.telegram.pending_updates() > 0, "what was not stored is confirmed");
    serving.kill();

    scene.daemon.set("store.max_size_mib", "64");
    let _serving = scene.serve();
    let last = format!("You said {} xxx", said - 1);
    scene.telegram.wait_for_text(scene.home, &last, SOON);
    scene
        .stored()
        .becomes("SELECT count(*) FROM turn WHERE status IN ('queued', 'running')", 0);
    assert_eq!(scene.stored().number(accepted), said);
    // Where there was no room to note that an answer was sent, it may be there twice.
    let possible_duplicates = possible_duplicates(&scene.stored());
    let answers: Vec<usize> = (0..said)
        .map(|number| scene.with(&format!("You said {number} xxx")).len())
        .collect();
    assert!(answers.iter().all(|count| *count >= 1), "{answers:?}");
    let surplus = answers.iter().sum::<usize>() as i64 - said;
    assert!(
        surplus <= possible_duplicates,
        "{answers:?}, of which {possible_duplicates} are in doubt"
    );
    goes_on(&scene, "hello");
    scene.stored().history_is_paired();
}

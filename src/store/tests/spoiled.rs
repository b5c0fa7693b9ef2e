//! A store with something wrong in the JSON of somebody's rows: nothing panics, and the others are served as ever.

use super::*;
use cortex_test_support::hostile::{spoiled, spoiled_text};
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;

/// Rows about ann, who asked first: `rowid`s would differ where there is no such column.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("turn", "state", "user = 'ann'"),
    ("turn", "more", "user = 'ann'"),
    ("turn_event", "body", "turn IN (SELECT id FROM turn WHERE user = 'ann')"),
    ("approval", "question", "asker = 'ann'"),
    ("approval", "binding", "asker = 'ann'"),
    ("approval", "shown_with", "asker = 'ann'"),
    ("message", "desired", "conversation = 1"),
    ("history", "body", "turn IN (SELECT id FROM turn WHERE user = 'ann')"),
    ("history", "metadata", "turn IN (SELECT id FROM turn WHERE user = 'ann')"),
    ("history", "enclosed", "turn IN (SELECT id FROM turn WHERE user = 'ann')"),
    ("user", "policy", "name = 'ann'"),
    ("event", "body", "sender = 'ann'"),
];

/// Ann has an answer, a question, a turn that was cut off and others that wait; Bob waits in a chat of his own.
async fn busy() -> Rig {
    let rig = Rig::new().await;
    let first = rig.turn("hello").await;
    rig.answer(first, "Hello.").await;
    let asking = rig.turn("write").await;
    rig.asks(asking).await;
    let events = vec![
        rig.message("ann", "home", "cut off"),
        rig.message("ann", "home", "waits"),
        rig.message("ann", "other", "waits too"),
        rig.message("bob", "work", "waits"),
    ];
    assert_eq!(rig.accept(events, 1).await.claimed.len(), 1);
    rig
}

/// The same after a restart.
fn reopened(rig: Rig) -> Rig {
    let Rig {
        store,
        ahead_ms,
        folder,
        settings,
        events,
    } = rig;
    let clock = store.clock.clone();
    drop(store);
    Rig {
        store: Store::open(&folder.path().join("cortex.db"), None, clock).unwrap(),
        ahead_ms,
        folder,
        settings,
        events,
    }
}

/// Spoils a column of ann's, in one row or in all of them.
fn spoil(rig: &Rig, random: &mut Random) -> String {
    let (table, column, whose) = COLUMNS[random.place(COLUMNS.len())];
    let database = rusqlite::Connection::open(rig.folder.path().join("cortex.db")).unwrap();
    let values: Vec<String> = database
        .prepare(&format!(
            "SELECT {column} FROM {table} WHERE {whose} AND {column} IS NOT NULL"
        ))
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let all = random.chance(50);
    for value in values {
        if !all && random.chance(50) {
            continue;
        }
        let wrong = if random.chance(70) {
            let json = serde_json::from_str(&value).unwrap();
            spoiled(&json, 1 + random.below(3), random).to_string()
        } else {
            spoiled_text(&value, random)
        };
        let change = format!("UPDATE {table} SET {column} = ?1 WHERE {column} = ?2 AND {whose}");
        database.execute(&change, [&wrong, &value]).unwrap();
    }
    format!("{table}.{column}")
}

/// Fails where a command broke instead of saying what is wrong.
#[track_caller]
fn no_panic<T>(result: Result<T, StoreError>, what: &str) -> Option<T> {
    match result {
        Err(error @ (StoreError::Panicked | StoreError::Closed)) => panic!("{what}: {error}"),
        result => result.ok(),
    }
}

async fn is_survived(seed: u64) {
    let mut random = Random::new(seed);
    let rig = busy().await;
    rig.store.close();
    let place = spoil(&rig, &mut random);
    let told = format!("seed {seed}, {place}");
    let rig = reopened(rig);
    let store = &rig.store;
    if random.chance(50) {
        // What the config says is written anew; whom an admin let in stays as they are.
        let users = vec![declared("ann"), declared("bob")];
        store.declare_users(users, false).await.unwrap();
    }
    store.recover(3).await.unwrap_or_else(|error| panic!("{told}: {error}"));
    no_panic(store.announce_again("test".into()).await, &told);
    store
        .messages_to_show("test".into())
        .await
        .unwrap_or_else(|error| panic!("{told}: {error}"));

    // Bob's turn is taken up, whatever stands before it, and ends.
    let claimed = store.claim(8, 1000).await.unwrap_or_else(|error| panic!("{told}: {error}"));
    let users: Vec<String> = claimed.iter().map(|turn| turn.state.request.user.0.clone()).collect();
    let bobs = claimed.into_iter().find(|turn| turn.state.request.user.0 == "bob");
    let bobs = bobs.unwrap_or_else(|| panic!("{told}: bob waits behind {users:?}"));
    rig.answer(bobs, "Here you are.").await;

    // Ann can say what she likes.
    let choices = [
        "yes",
        "no",
        "yes all",
        "/status",
        "/approvals",
        "/deny all",
        "/stop",
        "/usage",
        "/new",
        "hello",
    ];
    for _ in 0..4 {
        let event = rig.message("ann", "home", choices[random.place(choices.len())]);
        let batch = EventBatch {
            scope: "all".into(),
            cursor: None,
            events: vec![event],
            caught_up: true,
        };
        no_panic(store.accept("test".into(), batch, Arc::clone(&rig.settings), 8).await, &told);
    }
    rig.pass(Duration::from_hours(48));
    no_panic(store.expire_approvals().await, &told);
    let event = rig.message("bob", "work", "and again?");
    assert_eq!(rig.accept(vec![event], 8).await.claimed.len(), 1, "{told}");
    no_panic(store.note_clean_stop().await, &told);
}

#[tokio::test]
async fn spoiled_rows_of_one_person_are_nobody_elses_trouble() {
    let seeds: Vec<u64> = match std::env::var("CORTEX_SEED") {
        Ok(seed) => vec![seed.parse().unwrap()],
        Err(_) => (0..u64::from(cases(40))).collect(),
    };
    for seed in seeds {
        is_survived(seed).await;
    }
}

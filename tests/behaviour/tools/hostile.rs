//! Arguments with something wrong in them: each call ends in words, soon, and nothing outside of the folders is touched or told.

use super::World;
use cortex::tools::Prepared;
use cortex_test_support::hostile::spoiled;
use cortex_test_support::long::cases;
use cortex_test_support::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);
/// What a model is told of a refusal is no novel; the rest of an answer is bounded by the tool's own limits.
const LONGEST_SENTENCE: usize = 4_096;

/// Calls as they should be.
fn calls() -> Vec<(&'static str, Value)> {
    vec![
        ("time_now", json!({"time_zone": "Europe/Berlin"})),
        ("file_list", json!({"path": "notes", "recursive": true})),
        ("file_read", json!({"path": "notes/a.md", "first_line": 1, "line_count": 2})),
        (
            "file_search",
            json!({"path": "notes", "query": "app", "regex": true, "case_sensitive": false}),
        ),
        (
            "file_write",
            json!({"path": "notes/b.md", "content": "words\n", "mode": "append"}),
        ),
        (
            "file_write",
            json!({"path": "notes/deep/er/c.md", "content": "words\n", "mode": "create"}),
        ),
    ]
}

/// Values that have a meaning for some tool.
fn tricks() -> Vec<Value> {
    let texts = [
        "../state/secret",
        "notes/../../state/secret",
        "/etc/passwd",
        "notes/link",
        "notes/a.md/b",
        "notes//a.md",
        "notes/.",
        "",
        "(a+)+$",
        "[",
        "(?i)a{1000}{1000}",
        "\\p{L}*",
        "a.md\u{0}",
        "notes/\u{202e}a.md",
        "overwrite",
        "Mars/Olympus",
        "+25:00",
    ];
    texts.into_iter().map(Value::from).collect()
}

/// Everything below a folder.
fn files(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_folder = path.symlink_metadata().unwrap().is_dir();
            if is_folder {
                open.push(path.clone());
            }
            found.insert(path.clone(), (!is_folder).then(|| std::fs::read(&path).unwrap_or_default()));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoiled_arguments_are_answered_in_words() {
    let world = World::new();
    world.put("notes/a.md", "apples\nbears\n");
    world.put("state/secret", "the secret\n");
    world.put("outside/secret", "the secret\n");
    world.link("notes/link", world.path("outside/secret"));
    let secrets = || {
        (
            files(&world.path("state")),
            files(&world.path("outside")),
            world.path("notes").exists(),
        )
    };
    let before = secrets();
    let names = std::fs::read_dir(world.path("")).unwrap().count();
    let host = world.disk.path().to_string_lossy().into_owned();
    let mut random = Random::new(7);
    let (calls, tricks) = (calls(), tricks());
    let mut fitting: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..cases(1500) {
        let (tool, arguments) = &calls[random.place(calls.len())];
        let changes = random.below(3);
        let mut arguments = spoiled(arguments, changes, &mut random);
        if let Some(fields) = arguments.as_object_mut()
            && let Some(field) = fields.keys().nth(random.place(fields.len().max(1))).cloned()
            && random.chance(50)
        {
            fields.insert(field, tricks[random.place(tricks.len())].clone());
        }
        let begun = Instant::now();
        let mut said = Vec::new();
        // The schema comes first; what passes it unseen must do no harm either.
        let fits = world
            .tools
            .check_arguments(tool, &arguments)
            .map_err(|error| said.push(error.to_string()));
        *fitting.entry(tool).or_default() += usize::from(fits.is_ok());
        let called = world.tools.get(tool).unwrap();
        let prepared = called.prepare(&arguments, &world.context).await;
        if fits.is_err() && prepared.is_ok() {
            // Only where the struct takes more than the schema says, as with an empty text.
            assert!(arguments.is_object());
        }
        let prepared = prepared.unwrap_or_else(|error| {
            said.push(error.to_string());
            Prepared::default()
        });
        match called.run(&arguments, &prepared, &world.context).await {
            Ok(output) => assert!(
                !output.text.contains("the secret") && !output.text.contains(&host),
                "{arguments}: {}",
                output.text
            ),
            Err(error) => said.push(error.to_string()),
        }
        assert!(begun.elapsed() < SOON, "{:?} for {tool} {arguments}", begun.elapsed());
        for sentence in said {
            assert!(!sentence.contains(&host), "a path of the host: {sentence}");
            assert!(
                sentence.len() < LONGEST_SENTENCE,
                "{} letters: {}",
                sentence.len(),
                &sentence[..200]
            );
        }
    }
    assert_eq!(secrets(), before);
    assert_eq!(std::fs::read_dir(world.path("")).unwrap().count(), names);
    assert!(
        fitting.values().all(|count| *count > 50),
        "too few calls came through: {fitting:?}"
    );
}

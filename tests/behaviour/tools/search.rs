//! `file_search`.

use super::World;
use cortex::tools::{Prepared, ToolError};
use serde_json::json;
use std::time::{Duration, Instant};

#[tokio::test]
async fn finds_lines_in_any_case() {
    let world = World::new();
    world.put("notes/a.md", "first\nBuy MILK\n");
    world.put("notes/plans/b.md", "milk again\n");
    let text = world.call("file_search", &json!({"query": "milk"})).await.unwrap();
    insta::assert_snapshot!(text, @r"
    [2 matching lines in 2 files of 2 searched]
    notes/a.md:2: Buy MILK
    notes/plans/b.md:1: milk again
    ");
}

#[tokio::test]
async fn minds_the_case_when_asked() {
    let world = World::new();
    world.put("notes/a.md", "Milk\nmilk\n");
    let text = world
        .call("file_search", &json!({"query": "milk", "case_sensitive": true}))
        .await
        .unwrap();
    assert_eq!(text, "[1 matching line in 1 file of 1 searched]\nnotes/a.md:2: milk\n");
}

#[tokio::test]
async fn takes_the_query_as_it_is_unless_it_is_a_pattern() {
    let world = World::new();
    world.put("notes/a.md", "a.c\nabc\n");
    let plain = world.call("file_search", &json!({"query": "a.c"})).await.unwrap();
    assert!(!plain.contains("abc"), "{plain}");
    let pattern = world
        .call("file_search", &json!({"query": "^a.c$", "regex": true}))
        .await
        .unwrap();
    assert!(pattern.contains("notes/a.md:2: abc"), "{pattern}");
}

#[tokio::test]
async fn searches_one_folder_or_one_file() {
    let world = World::with(&[("notes", true), ("music", false)], &[]);
    world.put("notes/a.md", "milk\n");
    world.put("notes/plans/b.md", "milk\n");
    world.put("music/c.md", "milk\n");
    for (path, matches) in [("notes/plans", 1), ("notes/a.md", 1), ("notes", 2), ("", 3)] {
        let text = world
            .call("file_search", &json!({"query": "milk", "path": path}))
            .await
            .unwrap();
        assert_eq!(text.lines().count() - 1, matches, "{path}: {text}");
    }
    let sentence = world
        .refusal("file_search", &json!({"query": "milk", "path": "notes/none"}))
        .await;
    assert_eq!(sentence, "notes/none: there is no such file or folder");
}

#[tokio::test]
async fn passes_over_binary_and_huge_files_and_links() {
    let world = World::new();
    world.put("notes/binary", b"milk\0");
    world.put("notes/latin", b"milk caf\xe9");
    world.put("notes/huge", "milk\n".repeat(1_000_000));
    world.put("notes/real/a.md", "milk\n");
    world.link("notes/linked", "real");
    world.link("notes/around", ".");
    world.link("notes/file", "real/a.md");
    let text = world.call("file_search", &json!({"query": "milk"})).await.unwrap();
    assert_eq!(
        text,
        "[1 matching line in 1 file of 1 searched; 6 others passed over: binary, very large, links, or not to be opened]\n\
         notes/real/a.md:1: milk\n"
    );
}

#[tokio::test]
async fn does_not_find_what_is_kept_from_the_tools() {
    let world = World::with(&[("notes", true)], &["notes/config", "state"]);
    world.put("notes/config/keys.toml", "the secret");
    world.put("state/cortex.db", "the secret");
    std::fs::hard_link(world.path("state/cortex.db"), world.path("notes/innocent")).unwrap();
    let text = world.call("file_search", &json!({"query": "secret"})).await.unwrap();
    assert!(text.starts_with("[0 matching lines in 0 files of 0 searched"), "{text}");
    assert!(!text.contains("keys"), "{text}");
}

#[tokio::test]
async fn many_matches_are_cut_and_marked() {
    let world = World::new();
    world.put("notes/a.md", "milk\n".repeat(1_000));
    let text = world.call("file_search", &json!({"query": "milk"})).await.unwrap();
    assert_eq!(text.matches("notes/a.md:").count(), 200);
    assert!(text.ends_with("[cut: there are more matches than fit; search a smaller folder or for something rarer]\n"));
}

#[tokio::test]
async fn long_matching_lines_are_cut_and_marked() {
    let world = World::new();
    world.put("notes/a.md", format!("milk{}", "é".repeat(1_000)));
    let text = world.call("file_search", &json!({"query": "milk"})).await.unwrap();
    assert!(text.len() < 450 && text.ends_with(" [cut: 1704 bytes]\n"), "{text}");
}

#[tokio::test]
async fn a_bad_pattern_is_explained() {
    let world = World::new();
    let sentence = world.refusal("file_search", &json!({"query": "a(b", "regex": true})).await;
    assert_eq!(sentence, "query: not a usable regular expression: error: unclosed group");
    let sentence = world
        .refusal("file_search", &json!({"query": "(a{999}){999}", "regex": true}))
        .await;
    assert_eq!(sentence, "query: not a usable regular expression: it is too large");
}

#[tokio::test]
async fn a_pattern_meant_to_explode_ends_quickly() {
    let world = World::new();
    world.put("notes/a.md", format!("{}!", "a".repeat(100_000)));
    let began = Instant::now();
    world
        .call("file_search", &json!({"query": "(a+)+$", "regex": true}))
        .await
        .unwrap();
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
}

/// Files that take many seconds to search, without taking so long to write: one file under many names.
fn fill_with_work(world: &World) {
    world.put("notes/0", "nothing to see here\n".repeat(150_000));
    for number in 1..300 {
        std::fs::hard_link(world.path("notes/0"), world.path(&format!("notes/{number}"))).unwrap();
    }
}

#[tokio::test]
async fn stopping_ends_a_search() {
    let world = World::new();
    fill_with_work(&world);
    let arguments = json!({"query": "(n|o|t)+[aeiou]{3,40}xyz", "regex": true});
    let tool = world.tools.get("file_search").unwrap();
    let context = world.context.clone();
    let search = tokio::spawn(async move { tool.run(&arguments, &Prepared::default(), &context).await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let stopped = Instant::now();
    world.context.cancel.cancel();
    let error = search.await.unwrap().unwrap_err();
    assert!(
        matches!(&error, ToolError::Failed(sentence) if sentence == "the run was stopped"),
        "{error:?}"
    );
    assert!(stopped.elapsed() < Duration::from_secs(2), "{:?}", stopped.elapsed());
}

#[test]
fn a_stopped_search_leaves_no_work_behind() {
    let world = World::new();
    fill_with_work(&world);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let arguments = json!({"query": "(n|o|t)+[aeiou]{3,40}xyz", "regex": true});
        let tool = world.tools.get("file_search").unwrap();
        let prepared = Prepared::default();
        let search = tool.run(&arguments, &prepared, &world.context);
        // Dropped at its time limit, without a word to its token.
        assert!(tokio::time::timeout(Duration::from_millis(50), search).await.is_err());
    });
    let began = Instant::now();
    // Dropping a runtime waits for blocking work that has begun.
    drop(runtime);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

//! `file_write`.

use super::World;
use cortex::tools::{Prepared, ToolError};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn diff(prepared: &Prepared) -> &str {
    prepared.diff.as_ref().map(cortex_chat::Text::as_str).unwrap_or_default()
}

fn is_changed(result: &Result<String, ToolError>) -> bool {
    matches!(result, Err(ToolError::Changed(_)))
}

/// No half-written file is left beside the real ones.
fn leaves_nothing_behind(world: &World, expected: &[&str]) {
    let mut names: Vec<String> = fs::read_dir(world.path("notes"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, expected);
}

#[tokio::test]
async fn makes_a_file_and_its_folders() {
    let world = World::new();
    let arguments = json!({"path": "plans/2026/a.md", "content": "one\ntwo\n"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    assert_eq!(prepared.target.as_deref(), Some("notes/plans/2026/a.md"));
    assert_eq!(prepared.state_hash.as_deref(), Some("absent"));
    assert_eq!(prepared.grant_shape.as_deref(), Some("file_write to notes/plans/2026/a.md"));
    assert_eq!(prepared.affects.as_str(), "creates notes/plans/2026/a.md, 2 lines");
    assert!(!world.exists("notes/plans"), "preparing changed something");
    let text = world.run("file_write", &arguments, &prepared).await.unwrap();
    assert_eq!(text, "notes/plans/2026/a.md now has 2 lines, 8 bytes.");
    assert_eq!(world.content("notes/plans/2026/a.md"), "one\ntwo\n");
}

#[tokio::test]
async fn shows_a_diff_before_it_overwrites() {
    let world = World::new();
    world.put("notes/a.md", "one\ntwo\nthree\n");
    let arguments = json!({"path": "a.md", "content": "one\n2\n3\nfour\n"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    assert_eq!(prepared.affects.as_str(), "overwrites notes/a.md: 3 lines added, 2 removed");
    insta::assert_snapshot!(diff(&prepared), @r"
    --- notes/a.md
    +++ notes/a.md
    @@ -1,3 +1,4 @@
     one
    -two
    -three
    +2
    +3
    +four
    ");
    world.run("file_write", &arguments, &prepared).await.unwrap();
    assert_eq!(world.content("notes/a.md"), "one\n2\n3\nfour\n");
    leaves_nothing_behind(&world, &["a.md"]);
}

#[tokio::test]
async fn adds_to_the_end() {
    let world = World::new();
    world.put("notes/a.md", "one\n");
    let arguments = json!({"path": "a.md", "content": "two\n", "mode": "append"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    assert_eq!(prepared.affects.as_str(), "adds to notes/a.md: 1 line added, 0 removed");
    world.run("file_write", &arguments, &prepared).await.unwrap();
    assert_eq!(world.content("notes/a.md"), "one\ntwo\n");
}

#[tokio::test]
async fn create_refuses_a_file_that_exists() {
    let world = World::new();
    world.put("notes/a.md", "mine");
    let arguments = json!({"path": "a.md", "content": "x", "mode": "create"});
    let error = world.prepare("file_write", &arguments).await.unwrap_err();
    assert_eq!(error.to_string(), "a.md: the file exists already");
}

#[tokio::test]
async fn create_refuses_a_file_that_appeared_since() {
    let world = World::new();
    let arguments = json!({"path": "a.md", "content": "x", "mode": "create"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    world.put("notes/a.md", "mine");
    assert!(is_changed(&world.run("file_write", &arguments, &prepared).await));
    assert_eq!(world.content("notes/a.md"), "mine");
    leaves_nothing_behind(&world, &["a.md"]);
}

#[tokio::test]
async fn a_file_changed_since_is_left_untouched() {
    for mode in ["overwrite", "append"] {
        let world = World::new();
        world.put("notes/a.md", "shown\n");
        let arguments = json!({"path": "a.md", "content": "x", "mode": mode});
        let prepared = world.prepare("file_write", &arguments).await.unwrap();
        world.put("notes/a.md", "SHOWN\n");
        let error = world.run("file_write", &arguments, &prepared).await.unwrap_err();
        assert!(matches!(error, ToolError::Changed(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "a.md: the file is no longer as it was when this was asked for; nothing was written"
        );
        assert_eq!(world.content("notes/a.md"), "SHOWN\n");
        leaves_nothing_behind(&world, &["a.md"]);
    }
}

#[tokio::test]
async fn a_file_removed_since_is_not_made_again() {
    let world = World::new();
    world.put("notes/a.md", "shown\n");
    let arguments = json!({"path": "a.md", "content": "x"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    fs::remove_file(world.path("notes/a.md")).unwrap();
    assert!(is_changed(&world.run("file_write", &arguments, &prepared).await));
    assert!(!world.exists("notes/a.md"));
}

#[tokio::test]
async fn a_link_that_leads_elsewhere_since_is_refused() {
    let world = World::new();
    world.put("notes/a.md", "same\n");
    world.put("notes/b.md", "same\n");
    world.link("notes/link", "a.md");
    let arguments = json!({"path": "link", "content": "x"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    assert_eq!(prepared.target.as_deref(), Some("notes/a.md"));
    fs::remove_file(world.path("notes/link")).unwrap();
    world.link("notes/link", "b.md");
    assert!(is_changed(&world.run("file_write", &arguments, &prepared).await));
    assert_eq!(world.content("notes/b.md"), "same\n");
}

#[tokio::test]
async fn a_link_inside_the_folder_is_written_through() {
    let world = World::new();
    world.put("notes/real/a.md", "old\n");
    world.link("notes/link", "real");
    world
        .call("file_write", &json!({"path": "link/a.md", "content": "new\n"}))
        .await
        .unwrap();
    assert_eq!(world.content("notes/real/a.md"), "new\n");
    assert!(world.path("notes/link").is_symlink());
}

#[tokio::test]
async fn nothing_is_written_unprepared() {
    let world = World::new();
    let arguments = json!({"path": "a.md", "content": "x"});
    assert!(is_changed(&world.run("file_write", &arguments, &Prepared::default()).await));
    assert!(!world.exists("notes/a.md"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_writes_approved_for_one_state_one_is_done() {
    let world = World::new();
    for _ in 0..20 {
        world.put("notes/a.md", "one\n".repeat(10_000));
        let arguments = json!({"path": "a.md", "content": "two\n", "mode": "append"});
        let prepared = world.prepare("file_write", &arguments).await.unwrap();
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let tool = world.tools.get("file_write").unwrap();
            let (arguments, prepared, context) = (arguments.clone(), prepared.clone(), world.context.clone());
            runs.spawn(async move { tool.run(&arguments, &prepared, &context).await.is_ok() });
        }
        let done = runs.join_all().await.into_iter().filter(|done| *done).count();
        assert_eq!(done, 1);
        assert_eq!(world.content("notes/a.md").matches("two").count(), 1);
    }
    leaves_nothing_behind(&world, &["a.md"]);
}

#[tokio::test]
async fn a_stopped_write_writes_nothing() {
    let world = World::new();
    world.put("notes/a.md", "old\n");
    let arguments = json!({"path": "a.md", "content": "new\n"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    world.context.cancel.cancel();
    assert!(world.run("file_write", &arguments, &prepared).await.is_err());
    assert_eq!(world.content("notes/a.md"), "old\n");
    leaves_nothing_behind(&world, &["a.md"]);
}

#[tokio::test]
async fn permissions_are_kept() {
    let world = World::new();
    world.put("notes/run.sh", "old\n");
    fs::set_permissions(world.path("notes/run.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    world
        .call("file_write", &json!({"path": "run.sh", "content": "new\n"}))
        .await
        .unwrap();
    assert_eq!(
        world.path("notes/run.sh").metadata().unwrap().permissions().mode() & 0o7777,
        0o750
    );
}

#[tokio::test]
async fn a_file_marked_read_only_is_refused() {
    let world = World::new();
    world.put("notes/a.md", "old\n");
    fs::set_permissions(world.path("notes/a.md"), fs::Permissions::from_mode(0o444)).unwrap();
    let sentence = world
        .refusal("file_write", &json!({"path": "a.md", "content": "new\n"}))
        .await;
    assert_eq!(sentence, "a.md: the file is marked as read-only");
}

#[tokio::test]
async fn a_folder_that_is_not_writable_is_refused() {
    let world = World::with(&[("notes", true), ("music", false)], &[]);
    let sentence = world
        .refusal("file_write", &json!({"path": "music/a.md", "content": "x"}))
        .await;
    assert_eq!(sentence, "music/a.md: files in music can be read but not written");
    assert!(!world.exists("music/a.md"));
}

#[test]
fn writing_is_not_offered_where_nothing_is_writable() {
    let names = |world: &World| world.tools.definitions().map(|tool| tool.name.clone()).collect::<Vec<_>>();
    assert_eq!(
        names(&World::with(&[("music", false)], &[])),
        ["file_list", "file_read", "file_search", "time_now"]
    );
    assert_eq!(names(&World::with(&[], &[])), ["time_now"]);
}

#[tokio::test]
async fn too_much_content_is_refused() {
    let world = World::new();
    let sentence = world
        .refusal("file_write", &json!({"path": "a.md", "content": "x".repeat(1 << 21)}))
        .await;
    assert_eq!(sentence, "content: 1.0 MB is the most that one call can write");
}

#[tokio::test]
async fn long_diffs_are_cut_and_marked() {
    let world = World::new();
    let content = "a line ü\n".repeat(5_000);
    let prepared = world
        .prepare("file_write", &json!({"path": "a.md", "content": content}))
        .await
        .unwrap();
    assert_eq!(prepared.affects.as_str(), "creates notes/a.md, 5000 lines");
    assert!(diff(&prepared).len() < 25_000);
    assert!(diff(&prepared).ends_with(" lines of the comparison not shown]\n"));
}

#[tokio::test]
async fn binary_and_large_files_are_noted_instead_of_compared() {
    let world = World::new();
    world.put("notes/a.png", b"\x89PNG\0");
    let prepared = world
        .prepare("file_write", &json!({"path": "a.png", "content": "text"}))
        .await
        .unwrap();
    assert_eq!(
        prepared.affects.as_str(),
        "overwrites notes/a.png, a binary file: 5 bytes before, 4 bytes after; not shown"
    );
    assert!(prepared.diff.is_none());
    world.put("notes/big.txt", "x\n".repeat(500_000));
    let prepared = world
        .prepare("file_write", &json!({"path": "big.txt", "content": "text"}))
        .await
        .unwrap();
    assert_eq!(
        prepared.affects.as_str(),
        "overwrites notes/big.txt: 1.0 MB before, 4 bytes after; too large for a comparison"
    );
    assert!(prepared.diff.is_none());
}

#[tokio::test]
async fn writing_the_same_says_so() {
    let world = World::new();
    world.put("notes/a.md", "same\n");
    let prepared = world
        .prepare("file_write", &json!({"path": "a.md", "content": "same\n"}))
        .await
        .unwrap();
    assert_eq!(prepared.affects.as_str(), "leaves notes/a.md as it is");
}

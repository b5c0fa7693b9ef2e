//! `file_list` and `file_read`.

use super::World;
use cortex::tools::ToolError;
use serde_json::json;
use std::fs;
use std::time::{Duration, SystemTime};

#[tokio::test]
async fn lists_a_folder_sorted_with_sizes_and_times() {
    let world = World::new();
    world.put("notes/b.md", "x".repeat(1_234));
    world.put("notes/a.md", "x");
    world.put("notes/plans/deep.md", "x");
    world.link("notes/link", "a.md");
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_772_000_000);
    for path in ["notes/a.md", "notes/b.md", "notes/plans"] {
        fs::File::open(world.path(path)).unwrap().set_modified(time).unwrap();
    }
    insta::assert_snapshot!(world.call("file_list", &json!({"path": "notes"})).await.unwrap(), @r"
    file    notes/a.md  1 byte  2026-02-25 06:13 UTC
    file    notes/b.md  1.2 KB  2026-02-25 06:13 UTC
    link    notes/link
    folder  notes/plans/  2026-02-25 06:13 UTC
    ");
}

#[tokio::test]
async fn lists_below_only_when_asked() {
    let world = World::new();
    world.put("notes/plans/old/deep.md", "x");
    let flat = world.call("file_list", &json!({})).await.unwrap();
    assert!(!flat.contains("deep.md"), "{flat}");
    let deep = world
        .call("file_list", &json!({"path": "notes/", "recursive": true}))
        .await
        .unwrap();
    assert!(deep.contains("notes/plans/old/deep.md  1 byte"), "{deep}");
}

#[tokio::test]
async fn lists_the_top_folders_where_there_are_several() {
    let world = World::with(&[("notes", true), ("music", false)], &[]);
    let text = world.call("file_list", &json!({})).await.unwrap();
    assert_eq!(
        text,
        "folder  notes/  files can be read and written\nfolder  music/  files can be read\n"
    );
}

#[tokio::test]
async fn a_long_list_is_cut_and_marked() {
    let world = World::new();
    for number in 0..510 {
        world.put(&format!("notes/{number:03}"), "");
    }
    let text = world.call("file_list", &json!({})).await.unwrap();
    assert!(text.contains("notes/499") && !text.contains("notes/500"), "{text}");
    assert!(
        text.ends_with("[cut: there are more than these 500 entries; list a folder below notes]\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_name_cannot_forge_a_line_of_the_list() {
    let world = World::new();
    world.put("notes/a\nfile    notes/forged", "x");
    let text = world.call("file_list", &json!({})).await.unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[tokio::test]
async fn an_empty_folder_says_so() {
    assert_eq!(
        World::new().call("file_list", &json!({"path": "."})).await.unwrap(),
        "notes/ is empty\n"
    );
}

#[tokio::test]
async fn a_missing_folder_is_told_by_the_path_as_written() {
    let sentence = World::new().refusal("file_list", &json!({"path": "plans"})).await;
    assert_eq!(sentence, "plans: there is no such file or folder");
}

#[tokio::test]
async fn reads_a_file_with_and_without_the_folders_name() {
    let world = World::new();
    world.put("notes/plans/a.md", "one\ntwo\n");
    for path in ["notes/plans/a.md", "plans/a.md", "./plans/a.md"] {
        let text = world.call("file_read", &json!({"path": path})).await.unwrap();
        assert_eq!(text, "[notes/plans/a.md: lines 1 to 2 of 2 lines]\none\ntwo\n");
    }
}

#[tokio::test]
async fn needs_the_folders_name_where_there_are_several() {
    let world = World::with(&[("notes", true), ("music", false)], &[]);
    world.put("music/a.md", "la\n");
    let text = world.call("file_read", &json!({"path": "music/a.md"})).await.unwrap();
    assert!(text.contains("la"), "{text}");
    let sentence = world.refusal("file_read", &json!({"path": "a.md"})).await;
    assert_eq!(sentence, "a.md: there is no such folder; the folders are notes, music");
}

#[tokio::test]
async fn reads_some_lines_and_tells_how_to_read_on() {
    let world = World::new();
    world.put("notes/a.md", "1\n2\n3\n4\n5");
    let text = world
        .call("file_read", &json!({"path": "a.md", "first_line": 2, "line_count": 2}))
        .await
        .unwrap();
    assert_eq!(
        text,
        "[notes/a.md: lines 2 to 3 of 5 lines]\n2\n3\n[2 more lines; read on with first_line 4]\n"
    );
    let text = world
        .call("file_read", &json!({"path": "a.md", "first_line": 5}))
        .await
        .unwrap();
    assert_eq!(text, "[notes/a.md: lines 5 to 5 of 5 lines]\n5\n");
    let arguments = json!({"path": "a.md", "first_line": 6});
    let error = world.call("file_read", &arguments).await.unwrap_err();
    assert_eq!(error.to_string(), "a.md: first_line is 6, but the file has 5 lines");
}

#[tokio::test]
async fn a_long_file_is_read_in_parts_that_join_to_the_whole() {
    let world = World::new();
    let whole = format!("a line {}\n", "ü".repeat(40)).repeat(5_000);
    world.put("notes/long.md", &whole);
    let mut joined = String::new();
    let mut first = 1;
    loop {
        let text = world
            .call("file_read", &json!({"path": "long.md", "first_line": first}))
            .await
            .unwrap();
        assert!(text.len() <= world.tools.definition("file_read").unwrap().output_limit_bytes);
        joined.extend(
            text.lines()
                .filter(|line| !line.starts_with('['))
                .map(|line| format!("{line}\n")),
        );
        let Some((_, next)) = text.rsplit_once("first_line ") else {
            break;
        };
        first = next.trim_end_matches("]\n").parse().unwrap();
    }
    assert_eq!(joined, whole);
}

#[tokio::test]
async fn a_very_long_line_is_cut_and_marked() {
    let world = World::new();
    world.put("notes/a.txt", format!("{}\nnext\n", "ü".repeat(50_000)));
    let text = world.call("file_read", &json!({"path": "a.txt"})).await.unwrap();
    assert!(text.len() < 64 * 1_024);
    assert!(text.contains("bytes of line 1 are not shown]"), "no mark");
    assert!(text.ends_with("[1 more line; read on with first_line 2]\n"));
}

#[tokio::test]
async fn a_binary_file_is_refused_with_its_size_and_kind() {
    let world = World::new();
    world.put("notes/a.png", b"\x89PNG\r\n\x1a\n\0\0\0");
    world.put("notes/b.bin", b"\0\x01\x02");
    world.put("notes/c.txt", b"caf\xe9");
    let sentence = |path: &'static str| {
        let world = &world;
        async move { world.call("file_read", &json!({"path": path})).await.unwrap_err().to_string() }
    };
    assert_eq!(sentence("a.png").await, "a.png: is no UTF-8 text but a PNG image (11 bytes)");
    assert_eq!(sentence("b.bin").await, "b.bin: is no UTF-8 text but binary data (3 bytes)");
    assert_eq!(
        sentence("c.txt").await,
        "c.txt: is no UTF-8 text but text in another encoding, or binary data (4 bytes)"
    );
}

#[tokio::test]
async fn a_huge_file_is_refused_unread() {
    let world = World::new();
    let file = fs::File::create(world.path("notes/huge")).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = world.call("file_read", &json!({"path": "huge"})).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "huge: the file has 1.1 TB, and 17 MB is the most that can be read; use file_search"
    );
}

#[tokio::test]
async fn a_link_moved_after_the_preparation_is_noticed() {
    let world = World::new();
    world.put("notes/a.md", "a");
    world.put("notes/b.md", "b");
    world.link("notes/link", "a.md");
    let arguments = json!({"path": "link"});
    let prepared = world.prepare("file_read", &arguments).await.unwrap();
    assert_eq!(prepared.target.as_deref(), Some("notes/a.md"));
    fs::remove_file(world.path("notes/link")).unwrap();
    world.link("notes/link", "b.md");
    let error = world.run("file_read", &arguments, &prepared).await.unwrap_err();
    assert!(matches!(error, ToolError::Changed(_)), "{error:?}");
}

#[tokio::test]
async fn progress_lines_hold_no_contents() {
    let world = World::new();
    world.put("notes/a.md", "the secret word");
    for (tool, arguments, expected) in [
        ("file_read", json!({"path": "a.md"}), "read notes/a.md (15 bytes)"),
        ("file_list", json!({}), "listed notes (1 entry)"),
        (
            "file_search",
            json!({"query": "secret"}),
            "searched notes: 1 matching line in 1 file",
        ),
        (
            "file_write",
            json!({"path": "a.md", "content": "secret"}),
            "wrote notes/a.md (6 bytes)",
        ),
    ] {
        let prepared = world.prepare(tool, &arguments).await.unwrap();
        let output = world
            .tools
            .get(tool)
            .unwrap()
            .run(&arguments, &prepared, &world.context)
            .await
            .unwrap();
        assert_eq!(output.summary, expected);
    }
}

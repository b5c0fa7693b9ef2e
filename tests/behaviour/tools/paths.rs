//! Tricks with paths: each is refused in words, and nothing outside is read, written or told.

use super::{World, context, tools_over};
use cortex::tools::{FolderSettings, Folders, FoldersError, Prepared};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};
use serde_json::json;
use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tempfile::TempDir;

/// Tries reading, writing, searching and listing; each must be refused with this sentence.
async fn refused_everywhere(world: &World, path: &str, expected: &str) {
    for (tool, arguments) in attempts(path) {
        let sentence = world.refusal(tool, &arguments).await;
        assert_eq!(sentence, expected, "{tool}");
    }
}

fn attempts(path: &str) -> [(&'static str, serde_json::Value); 4] {
    [
        ("file_read", json!({"path": path})),
        ("file_write", json!({"path": path, "content": "x"})),
        ("file_search", json!({"path": path, "query": "x"})),
        ("file_list", json!({"path": path})),
    ]
}

fn world_with_a_secret() -> World {
    let world = World::new();
    world.put("state/secret", "the secret\n");
    world.put("outside/secret", "the secret\n");
    world
}

#[tokio::test]
async fn two_dots_are_refused() {
    let world = world_with_a_secret();
    for path in ["../outside/secret", "notes/../../outside/secret", "a/../b", "notes/.."] {
        refused_everywhere(&world, path, &format!("{path}: a path cannot contain ..")).await;
    }
}

#[tokio::test]
async fn absolute_paths_are_refused() {
    let world = world_with_a_secret();
    for path in ["/etc/passwd", "//etc/passwd", "/proc/self/environ", "/"] {
        let expected = format!("{path}: paths start with the name of a folder (notes), not with /");
        refused_everywhere(&world, path, &expected).await;
    }
}

#[tokio::test]
async fn empty_names_are_refused() {
    let world = world_with_a_secret();
    refused_everywhere(&world, "notes//a", "notes//a: a path cannot contain empty names").await;
}

#[tokio::test]
async fn a_zero_byte_is_refused() {
    let world = world_with_a_secret();
    refused_everywhere(
        &world,
        "a.md\0.txt",
        "a.md\\u{0}.txt: a path cannot contain control characters",
    )
    .await;
}

#[tokio::test]
async fn very_long_paths_are_refused_in_few_words() {
    let world = world_with_a_secret();
    let sentence = world.refusal("file_list", &json!({"path": "a/".repeat(50_000)})).await;
    assert!(
        sentence.ends_with("…: the path is longer than 1024 bytes") && sentence.len() < 200,
        "{sentence}"
    );
    let sentence = world.refusal("file_list", &json!({"path": "a".repeat(256)})).await;
    assert!(sentence.ends_with("…: a name in it is longer than 255 bytes"), "{sentence}");
    let sentence = world.refusal("file_list", &json!({"path": "a/".repeat(65)})).await;
    assert!(sentence.ends_with("…: the path has more than 64 parts"), "{sentence}");
}

#[tokio::test]
async fn a_link_out_of_the_folder_is_refused() {
    let world = world_with_a_secret();
    world.link("notes/relative", "../outside");
    world.link("notes/absolute", world.path("outside"));
    world.link("notes/file", "../outside/secret");
    for path in ["relative/secret", "absolute/secret", "file", "relative/new.md"] {
        refused_everywhere(&world, path, &format!("{path}: a link in it leads outside of the folder")).await;
    }
    assert!(!world.exists("outside/new.md"));
    assert_eq!(world.content("outside/secret"), "the secret\n");
}

#[tokio::test]
async fn a_link_to_nowhere_is_not_filled() {
    let world = world_with_a_secret();
    world.link("notes/dangling", "not-there");
    world.link("notes/outside", "../outside/new.md");
    let sentence = world
        .refusal("file_write", &json!({"path": "dangling", "content": "x"}))
        .await;
    assert_eq!(sentence, "dangling: a link in it leads nowhere");
    world.refusal("file_write", &json!({"path": "outside", "content": "x"})).await;
    assert!(!world.exists("outside/new.md") && !world.exists("notes/not-there"));
}

#[tokio::test]
async fn links_in_a_circle_are_refused() {
    let world = world_with_a_secret();
    world.link("notes/a", "b");
    world.link("notes/b", "a");
    refused_everywhere(&world, "a", "a: it leads through too many links").await;
}

#[tokio::test]
async fn a_kept_place_inside_the_folder_is_refused() {
    let world = World::with(&[("notes", true)], &["notes/state", "notes/cortex.toml"]);
    world.put("notes/state/secret", "the secret\n");
    world.put("notes/cortex.toml", "the secret\n");
    for path in [
        "state",
        "state/secret",
        "state/new",
        "state/new/er",
        "cortex.toml",
        "./state/secret",
    ] {
        refused_everywhere(&world, path, &format!("{path}: is kept from the tools")).await;
    }
    assert!(!world.exists("notes/state/new"));
    let list = world.call("file_list", &json!({"recursive": true})).await.unwrap();
    assert_eq!(list, "notes/ is empty\n");
}

#[tokio::test]
async fn a_link_to_a_kept_place_is_refused() {
    let world = World::with(&[("notes", true)], &["notes/private/state"]);
    world.put("notes/private/state/secret", "the secret\n");
    world.link("notes/link", "private/state");
    world.link("notes/file", "private/state/secret");
    for path in ["link", "link/secret", "link/new", "file"] {
        refused_everywhere(&world, path, &format!("{path}: is kept from the tools")).await;
    }
    assert_eq!(world.content("notes/private/state/secret"), "the secret\n");
}

#[tokio::test]
async fn a_kept_place_named_through_a_link_is_refused() {
    let disk = TempDir::new().unwrap();
    fs::create_dir_all(disk.path().join("notes/real")).unwrap();
    std::os::unix::fs::symlink("notes/real", disk.path().join("state")).unwrap();
    let world = World::over(disk, &[("notes", true)], &["state"]);
    world.put("notes/real/secret", "the secret\n");
    refused_everywhere(&world, "real/secret", "real/secret: is kept from the tools").await;
}

#[tokio::test]
async fn a_kept_place_made_later_is_refused() {
    let world = World::with(&[("notes", true)], &["notes/state/cortex.db"]);
    for path in ["state/cortex.db", "state/cortex.db-wal", "STATE/Cortex.DB"] {
        let sentence = world.refusal("file_write", &json!({"path": path, "content": "x"})).await;
        assert_eq!(sentence, format!("{path}: is kept from the tools"));
    }
    world.put("notes/state/cortex.db", "the secret\n");
    refused_everywhere(&world, "state/cortex.db", "state/cortex.db: is kept from the tools").await;
}

#[tokio::test]
async fn another_name_for_a_kept_file_is_refused() {
    let world = World::with(&[("notes", true)], &["cortex.toml", "state"]);
    world.put("cortex.toml", "the secret\n");
    world.put("state/deep/er/secret", "the secret\n");
    fs::hard_link(world.path("cortex.toml"), world.path("notes/one")).unwrap();
    fs::hard_link(world.path("state/deep/er/secret"), world.path("notes/two")).unwrap();
    for path in ["one", "two"] {
        for (tool, arguments) in &attempts(path)[..3] {
            let sentence = match world.prepare(tool, arguments).await {
                Err(error) => error.to_string(),
                Ok(prepared) => panic!("{tool}: {:?}", prepared.target),
            };
            assert_eq!(sentence, format!("{path}: is kept from the tools"), "{tool}");
        }
    }
    // An innocent file with two names is no kept one.
    world.put("notes/three", "hello\n");
    fs::hard_link(world.path("notes/three"), world.path("notes/four")).unwrap();
    assert!(
        world
            .call("file_read", &json!({"path": "four"}))
            .await
            .unwrap()
            .contains("hello")
    );
}

#[tokio::test]
async fn a_pipe_does_not_hang() {
    let world = world_with_a_secret();
    mknodat(CWD, world.path("notes/pipe"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let tries = async {
        for (tool, arguments) in &attempts("pipe")[..3] {
            assert_eq!(
                world.refusal(tool, arguments).await,
                "pipe: is not an ordinary file",
                "{tool}"
            );
        }
        world.call("file_search", &json!({"query": "x"})).await.unwrap();
        let list = world.call("file_list", &json!({})).await.unwrap();
        assert_eq!(list, "other   notes/pipe\n");
    };
    tokio::time::timeout(Duration::from_secs(20), tries)
        .await
        .expect("a pipe made a tool wait");
}

#[tokio::test]
async fn a_pipe_that_takes_a_files_place_does_not_hang() {
    let world = world_with_a_secret();
    world.put("notes/a.md", "shown\n");
    let arguments = json!({"path": "a.md", "content": "x"});
    let prepared = world.prepare("file_write", &arguments).await.unwrap();
    fs::remove_file(world.path("notes/a.md")).unwrap();
    mknodat(CWD, world.path("notes/a.md"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let run = world.run("file_write", &arguments, &prepared);
    tokio::time::timeout(Duration::from_secs(20), run)
        .await
        .expect("a pipe made a tool wait")
        .unwrap_err();
}

#[tokio::test]
async fn a_socket_is_refused() {
    let world = world_with_a_secret();
    let _socket = UnixListener::bind(world.path("notes/socket")).unwrap();
    let sentence = world.refusal("file_read", &json!({"path": "socket"})).await;
    assert_eq!(sentence, "socket: is not an ordinary file");
}

#[tokio::test]
async fn a_device_is_refused() {
    let settings = FolderSettings {
        name: "dev".to_owned(),
        path: "/dev".into(),
        writable: true,
    };
    let tools = tools_over(Folders::open(&[settings], &[]).unwrap());
    for (tool, arguments) in &attempts("zero")[..3] {
        let error = tools.get(tool).unwrap().prepare(arguments, &context()).await.unwrap_err();
        assert_eq!(error.to_string(), "zero: is not an ordinary file", "{tool}");
        tools
            .get(tool)
            .unwrap()
            .run(arguments, &Prepared::default(), &context())
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn the_kernels_own_files_are_refused() {
    let world = world_with_a_secret();
    world.link("notes/proc", "/proc/self");
    refused_everywhere(
        &world,
        "proc/environ",
        "proc/environ: a link in it leads outside of the folder",
    )
    .await;

    let proc = FolderSettings {
        name: "proc".to_owned(),
        path: "/proc".into(),
        writable: false,
    };
    assert!(matches!(Folders::open(&[proc], &[]), Err(FoldersError::Kernel { .. })));

    let all = FolderSettings {
        name: "all".to_owned(),
        path: "/".into(),
        writable: true,
    };
    let tools = tools_over(Folders::open(&[all], &[]).unwrap());
    for path in [
        "proc/self/environ",
        "proc/self/root/etc/passwd",
        "proc/self/fd/0",
        "sys/kernel/notes",
    ] {
        let read = tools.get("file_read").unwrap();
        read.prepare(&json!({"path": path}), &context()).await.unwrap_err();
        read.run(&json!({"path": path}), &Prepared::default(), &context())
            .await
            .unwrap_err();
    }
}

#[tokio::test]
async fn look_alikes_of_dots_and_slashes_are_plain_names() {
    let world = world_with_a_secret();
    for path in [
        "．．/outside/secret",
        "‥/outside/secret",
        "..∕outside∕secret",
        "..\\outside\\secret",
        "~/outside",
        "%2e%2e/outside",
    ] {
        let sentence = world.refusal("file_read", &json!({"path": path})).await;
        assert_eq!(sentence, format!("{path}: there is no such file"));
    }
    // Two spellings of one letter are two names, as for the file system; neither leaves the folder.
    world
        .call("file_write", &json!({"path": "caf\u{e9}.md", "content": "x"}))
        .await
        .unwrap();
    world
        .call("file_write", &json!({"path": "cafe\u{301}.md", "content": "x"}))
        .await
        .unwrap();
    assert_eq!(fs::read_dir(world.path("notes")).unwrap().count(), 2);
}

#[tokio::test]
async fn a_file_on_the_way_is_no_folder() {
    let world = world_with_a_secret();
    world.put("notes/a.md", "x");
    refused_everywhere(&world, "a.md/b", "a.md/b: a part of it is a file, not a folder").await;
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let world = world_with_a_secret();
    world.put("notes/plans/a.md", "x");
    for (tool, arguments) in &attempts("plans")[..2] {
        assert_eq!(world.refusal(tool, arguments).await, "plans: is a folder, not a file");
    }
    assert_eq!(
        world.refusal("file_read", &json!({"path": "notes"})).await,
        "notes: is a folder, not a file"
    );
}

#[test]
fn folders_are_checked_when_they_are_opened() {
    let disk = TempDir::new().unwrap();
    fs::create_dir_all(disk.path().join("state/inner")).unwrap();
    let folder = |name: &str, path: &Path| FolderSettings {
        name: name.to_owned(),
        path: path.to_owned(),
        writable: false,
    };
    let state = disk.path().join("state");
    let open = |folders: &[FolderSettings]| Folders::open(folders, std::slice::from_ref(&state)).unwrap_err();

    assert!(matches!(
        open(&[folder("a", &disk.path().join("none"))]),
        FoldersError::Open { .. }
    ));
    assert!(matches!(open(&[folder("A/b", disk.path())]), FoldersError::BadName(_)));
    assert!(matches!(
        open(&[folder("a", disk.path()), folder("a", disk.path())]),
        FoldersError::NameTwice(_)
    ));
    assert!(matches!(open(&[folder("a", &state)]), FoldersError::Excluded { .. }));
    assert!(matches!(
        open(&[folder("a", &state.join("inner"))]),
        FoldersError::Excluded { .. }
    ));
}

/// Puts one thing after another at a place, each in one step, until it is told to stop.
fn keep_swapping(world: &World, place: &str, others: &[&str], stop: &Arc<AtomicBool>) -> JoinHandle<()> {
    let place = world.path(place);
    let others: Vec<PathBuf> = others.iter().map(|other| world.path(other)).collect();
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            for other in &others {
                // Exchanged, so that there is something at the place at every moment.
                renameat_with(CWD, other, CWD, &place, RenameFlags::EXCHANGE).unwrap();
                thread::yield_now();
            }
        }
    })
}

#[tokio::test]
async fn swapping_things_in_between_leaks_nothing() {
    let world = world_with_a_secret();
    world.put("notes/a.md", "fine\n");
    world.put("notes/d/secret", "fine\n");
    world.link("link", "../outside/secret");
    world.link("folder-link", "../outside");
    world.link("kept-link", "../state");
    mknodat(CWD, world.path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o644), 0).unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let swaps = [
        keep_swapping(&world, "notes/a.md", &["link", "pipe"], &stop),
        keep_swapping(&world, "notes/d", &["folder-link", "kept-link"], &stop),
    ];
    let mut fine = 0;
    let tries = async {
        for _ in 0..300 {
            for path in ["a.md", "d/secret"] {
                for (tool, arguments) in &attempts(path)[..3] {
                    if let Ok(text) = world.call(tool, arguments).await {
                        assert!(!text.contains("the secret"), "{tool} {path}: {text}");
                        fine += 1;
                    }
                }
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_mins(1), tries).await;
    stop.store(true, Ordering::Relaxed);
    for swap in swaps {
        swap.join().unwrap();
    }
    in_time.expect("a pipe made a tool wait");
    assert!(fine > 0, "nothing was ever reached, so nothing was tried");
    assert_eq!(world.content("outside/secret"), "the secret\n");
    assert_eq!(world.content("state/secret"), "the secret\n");
}

/// Needs the right to mount: `cargo test --test behaviour -- --ignored mounted`.
#[tokio::test]
#[ignore = "needs the right to mount"]
async fn a_kept_place_mounted_into_the_folder_is_refused() {
    let world = world_with_a_secret();
    world.put("state/inner/deep/secret", "the secret\n");
    world.put("notes/file", "");
    fs::create_dir(world.path("notes/whole")).unwrap();
    fs::create_dir(world.path("notes/part")).unwrap();
    let mounts = [
        ("state", "notes/whole"),
        ("state/inner/deep", "notes/part"),
        ("state/secret", "notes/file"),
    ];
    let mount = |from: &str, to: &str| {
        Command::new("mount")
            .arg("--bind")
            .arg(world.path(from))
            .arg(world.path(to))
            .status()
            .unwrap()
    };
    for (from, to) in mounts {
        assert!(mount(from, to).success());
    }
    let mut told = Vec::new();
    for path in [
        "whole",
        "whole/secret",
        "whole/new",
        "part",
        "part/secret",
        "part/new",
        "file",
    ] {
        for (tool, arguments) in &attempts(path)[..3] {
            told.push((path, world.prepare(tool, arguments).await.map_err(|error| error.to_string())));
        }
    }
    for (_, to) in mounts {
        Command::new("umount").arg(world.path(to)).status().unwrap();
    }
    for (path, result) in told {
        assert_eq!(result, Err(format!("{path}: is kept from the tools")));
    }
}

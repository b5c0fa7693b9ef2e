//! Strangers, their codes, and the admin who lets them in. Ann is the admin, Bob a user, Eve the stranger.

use super::*;
use std::sync::atomic::{AtomicI64, Ordering};

const MINUTE: i64 = 60_000;

struct Door {
    rig: Rig,
    minutes: Arc<AtomicI64>,
}

impl Door {
    async fn new() -> Self {
        let minutes = Arc::new(AtomicI64::new(0));
        let rig = Rig::at(clock(&minutes)).await;
        rig.store.declare_users(people(), false).await.unwrap();
        Self { rig, minutes }
    }

    fn wait(&self, minutes: i64) {
        self.minutes.fetch_add(minutes, Ordering::Relaxed);
    }

    /// What everybody is told in answer to this message, with the chat that it goes to.
    async fn say_in(&self, kind: ChatKind, from: &str, text: &str) -> Vec<(String, String)> {
        let chat = if kind == ChatKind::OneToOne { from } else { "room" };
        let event = Event {
            chat_kind: kind,
            ..self.rig.message(from, chat, text)
        };
        self.hand_in(event).await
    }

    async fn hand_in(&self, mut event: Event) -> Vec<(String, String)> {
        event.sender.display_name = Some(Text::from("**Bob**\n`\u{202E}"));
        let told = self.rig.accept(vec![event], 0).await.messages;
        let told = told.into_iter().map(|row| {
            let text = row.desired.unwrap().body.to_plain_text();
            (row.address.chat.as_str().to_owned(), text)
        });
        told.collect()
    }

    async fn say(&self, from: &str, text: &str) -> Vec<(String, String)> {
        self.say_in(ChatKind::OneToOne, from, text).await
    }

    /// The one sentence that Ann gets.
    async fn ann(&self, text: &str) -> String {
        let told = self.say("ann", text).await;
        assert!(told.len() == 1 && told[0].0 == "ann", "{told:?}");
        told[0].1.clone()
    }

    /// The code that a stranger gets for a message.
    async fn code(&self, stranger: &str) -> String {
        let told = self.say(stranger, "hello").await;
        assert!(told[0].1.starts_with("I only talk with people I know."), "{told:?}");
        self.words("SELECT code FROM pairing ORDER BY number DESC").remove(0)
    }

    fn words(&self, sql: &str) -> Vec<String> {
        let connection = rusqlite::Connection::open(self.path()).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    fn path(&self) -> std::path::PathBuf {
        self.rig.folder.path().join("cortex.db")
    }

    fn beside(&self) -> StoreBeside {
        StoreBeside::open(&self.path(), clock(&self.minutes)).unwrap()
    }

    /// The daemon stops, and starts with another config.
    async fn restart(self, users: Vec<DeclaredUser>) -> Self {
        let (path, clock) = (self.path(), clock(&self.minutes));
        let Rig {
            store,
            ahead_ms,
            folder,
            settings,
            events,
        } = self.rig;
        store.close();
        drop(store);
        let store = Store::open(&path, None, clock).unwrap();
        store.declare_users(users, false).await.unwrap();
        let rig = Rig {
            store,
            ahead_ms,
            folder,
            settings,
            events,
        };
        Self { rig, ..self }
    }

    fn user_of(&self, sender: &str) -> Option<String> {
        self.words(&format!("SELECT user FROM identity WHERE sender = '{sender}'"))
            .pop()
    }
}

fn clock(minutes: &Arc<AtomicI64>) -> Clock {
    let minutes = Arc::clone(minutes);
    let start = 1_800_000_000_000;
    Clock::from_source(move || Timestamp::from_millisecond(start + minutes.load(Ordering::Relaxed) * MINUTE).unwrap())
}

fn people() -> Vec<DeclaredUser> {
    let mut ann = declared("ann");
    ann.policy.role = Role::Admin;
    vec![ann, declared("bob")]
}

/// A code that was never given.
const FORGED: &str = "ZZZZZZZZ";
const LOCKED: &str = "Too many wrong codes or ids were tried";
const NO_SUCH_CODE: &str = "There is no such code";

#[tokio::test]
async fn code_lets_its_stranger_in_once_and_they_are_told() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    let told = door.say("ann", &format!("/pair {} eve", code.to_lowercase())).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(
        told[0],
        (
            "eve".to_owned(),
            "You can talk to me now. /help shows what I can do.".to_owned()
        )
    );
    assert_eq!(
        told[1].1,
        "test:eve is now the user test:eve, with the role user. I have told them."
    );
    assert_eq!(door.user_of("eve").unwrap(), "test:eve");
    assert_eq!(door.rig.number("SELECT count(*) FROM message WHERE send_state = 'unsent'"), 3);
    door.say("eve", "hello").await;
    assert_eq!(door.rig.number("SELECT count(*) FROM turn WHERE user = 'test:eve'"), 1);
    let policy = door.words("SELECT policy FROM user WHERE name = 'test:eve'").remove(0);
    assert!(
        policy.contains(r#""role":"user""#) && policy.contains(r#""may_grant_always":true"#),
        "{policy}"
    );
    let again = door.ann(&format!("/pair {code} eve")).await;
    assert!(again.starts_with(NO_SUCH_CODE), "{again}");
}

#[tokio::test]
async fn admin_sees_the_id_and_the_claimed_name_as_a_claim_before_anybody_is_let_in() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    let shown = door.ann(&format!("/pair {code}")).await;
    assert!(shown.contains("Connector: test") && shown.contains("Id: eve"), "{shown}");
    assert!(
        shown.contains("They call themselves **Bob** `⟨U+202E⟩ (their own words;"),
        "neither markup nor hidden characters: {shown}"
    );
    assert!(shown.contains(&format!("/pair {code} eve")), "{shown}");
    assert_eq!(door.user_of("eve"), None);
    let with_connector = door.say("ann", &format!("/pair {code} test:eve")).await;
    assert_eq!(with_connector.len(), 2, "the id as the stranger is told it will do too");
}

#[tokio::test]
async fn code_runs_out_after_ten_minutes() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    door.wait(10);
    let told = door.ann(&format!("/pair {code} eve")).await;
    assert!(told.starts_with(NO_SUCH_CODE), "{told}");
    assert_eq!(door.user_of("eve"), None);
}

#[tokio::test]
async fn code_of_one_lets_in_no_other() {
    let door = Door::new().await;
    let (of_eve, of_mallory) = (door.code("eve").await, door.code("mallory").await);
    assert_ne!(of_eve, of_mallory);
    for id in ["mallory", "Eve", "other:eve", "eve:", "ann"] {
        let told = door.ann(&format!("/pair {of_eve} {id}")).await;
        assert!(
            told.starts_with("I gave that code to another id") || told.starts_with(LOCKED),
            "{told}"
        );
    }
    assert_eq!(door.rig.number("SELECT count(*) FROM user"), 2);
}

#[tokio::test]
async fn wrong_codes_and_ids_lock_the_pairing_for_a_while() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    for _ in 0..2 {
        assert!(door.ann(&format!("/pair {FORGED}")).await.starts_with(NO_SUCH_CODE));
        assert!(
            door.ann(&format!("/pair {code} mallory"))
                .await
                .starts_with("I gave that code")
        );
    }
    assert!(door.ann(&format!("/pair {FORGED} eve")).await.starts_with(LOCKED));
    assert!(
        door.ann(&format!("/pair {code} eve")).await.starts_with(LOCKED),
        "not even the right one"
    );
    let door = door.restart(people()).await;
    assert!(
        door.ann(&format!("/pair {code} eve")).await.starts_with(LOCKED),
        "a restart unlocks nothing"
    );
    let answer = door.beside().pair(&by_tool(&code.as_str().into(), Some("eve"))).unwrap();
    assert!(matches!(answer, PairingAnswer::Refused(PairingRefusal::Locked)), "{answer:?}");
    door.wait(10);
    let code = door.code("eve").await;
    assert_eq!(door.say("ann", &format!("/pair {code} eve")).await.len(), 2);
}

#[tokio::test]
async fn wrong_tries_far_apart_lock_nothing() {
    let door = Door::new().await;
    for _ in 0..8 {
        assert!(door.ann(&format!("/pair {FORGED}")).await.starts_with(NO_SUCH_CODE));
        door.wait(3);
    }
}

#[tokio::test]
async fn stranger_is_told_again_when_the_code_has_run_out_and_three_times_a_day() {
    let door = Door::new().await;
    for _ in 0..3 {
        door.code("eve").await;
        for text in ["hello?", "/start", "/help", "/pair", "/stop"] {
            assert!(door.say("eve", text).await.is_empty(), "{text}");
        }
        door.wait(11);
    }
    assert!(door.say("eve", "hello").await.is_empty());
    door.code("mallory").await;
    door.wait(24 * 60);
    door.code("eve").await;
}

#[tokio::test]
async fn stranger_in_a_room_is_ignored() {
    let door = Door::new().await;
    assert!(door.say_in(ChatKind::Room, "eve", "hello").await.is_empty());
    assert_eq!(door.rig.number("SELECT count(*) FROM pairing"), 0);
}

#[tokio::test]
async fn stranger_who_does_not_write_is_told_nothing() {
    let door = Door::new().await;
    let event = door.rig.message("eve", "eve", "");
    let joined = Event {
        kind: EventKind::Other {
            name: "joined".into(),
            content: None,
        },
        ..event
    };
    assert!(door.hand_in(joined).await.is_empty());
}

#[tokio::test]
async fn only_an_admin_lets_in_and_not_in_a_room() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    let pair = format!("/pair {code} eve");
    assert_eq!(door.say("bob", &pair).await[0].1, strings::PAIR_ONLY_ADMINS);
    let in_room = door.say_in(ChatKind::Room, "ann", &pair).await;
    assert_eq!(in_room[0].1, strings::PAIR_ONLY_ALONE);
    let mut forwarded = door.rig.message("ann", "ann", &pair);
    if let EventKind::Message(message) = &mut forwarded.kind {
        message.provenance = Provenance::Forwarded;
    }
    assert_eq!(door.hand_in(forwarded).await[0].1, strings::MUST_BE_TYPED);
    assert!(door.say("eve", &pair).await.is_empty());
    assert_eq!(door.user_of("eve"), None);
    let mut people = people();
    people[0].policy.role = Role::User;
    let door = door.restart(people).await;
    assert_eq!(door.ann(&pair).await, strings::PAIR_ONLY_ADMINS);
}

#[tokio::test]
async fn name_links_to_a_user_or_makes_one() {
    let door = Door::new().await;
    let code = door.code("bobs-phone").await;
    assert!(
        door.say("ann", &format!("/pair {code} bobs-phone bob")).await[1]
            .1
            .contains("the user bob")
    );
    assert_eq!(door.user_of("bobs-phone").unwrap(), "bob");
    let code = door.code("eve").await;
    assert_eq!(
        door.ann(&format!("/pair {code} eve eve:2")).await,
        Text::from("The name of a user has 1 to 64 letters a-z, A-Z, digits, _, - or ..").as_str()
    );
    assert!(
        door.say("ann", &format!("/pair {code} eve eve")).await[1]
            .1
            .contains("the user eve")
    );
    let code = door.code("mallory").await;
    let admin = door.say("ann", &format!("/pair {code} mallory ann")).await;
    assert!(admin[1].1.contains("the user ann, with the role admin"), "{admin:?}");
}

#[tokio::test]
async fn paired_people_outlive_restarts_and_the_config_wins() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    door.say("ann", &format!("/pair {code} eve")).await;
    let code = door.code("bobs-phone").await;
    door.say("ann", &format!("/pair {code} bobs-phone bob")).await;
    let door = door.restart(people()).await;
    let door = door.restart(people()).await;
    assert_eq!(door.user_of("eve").unwrap(), "test:eve");
    assert_eq!(door.user_of("bobs-phone").unwrap(), "bob");

    let with_eve = || people().into_iter().chain([declared("eve")]).collect();
    let door = door.restart(with_eve()).await;
    assert_eq!(door.user_of("eve").unwrap(), "eve");
    assert_eq!(
        door.words("SELECT name FROM user WHERE removed_at IS NULL"),
        ["ann", "bob", "eve"]
    );
    // Named by the config, gone with it: Eve, and Bob with all that was his.
    let door = door.restart(people().into_iter().take(1).collect()).await;
    assert_eq!(door.words("SELECT name FROM user WHERE removed_at IS NULL"), ["ann"]);
    assert_eq!(door.words("SELECT sender FROM identity"), ["ann"]);
    let door = door.restart(people()).await;
    assert_eq!(door.user_of("bobs-phone"), None, "a later Bob may be another one");
    door.code("bobs-phone").await;
}

#[tokio::test]
async fn terminal_changes_nothing_for_somebody_who_was_let_in() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    door.say("ann", &format!("/pair {code} eve eve")).await;
    let mut at_terminal = declared("eve");
    at_terminal.policy.role = Role::Admin;
    at_terminal.identities = vec![("console".into(), "local".into())];
    at_terminal.for_this_run = true;
    let door = door.restart(vec![at_terminal]).await;
    assert_eq!(door.user_of("local").unwrap(), "eve");
    let door = door.restart(people()).await;
    assert_eq!(door.user_of("eve").unwrap(), "eve");
    assert_eq!(door.user_of("local"), None);
    assert!(door.words("SELECT policy FROM user WHERE name = 'eve'")[0].contains(r#""role":"user""#));
}

#[tokio::test]
async fn removed_person_is_a_stranger_again_without_their_grants() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    door.say("ann", &format!("/pair {code} eve")).await;
    let grant = "INSERT INTO grant (user, conversation, tool, shape, definition_hash, approval, created_at)
                 VALUES ('test:eve', 1, 'file_write', 's', 'h', 'a', 0)";
    door.rig.change(grant).unwrap();
    let mut beside = door.beside();
    assert_eq!(beside.remove("nobody", "tool").unwrap(), Removal::Nobody);
    assert_eq!(beside.remove("bob", "tool").unwrap(), Removal::NotPaired(Origin::Config));
    assert_eq!(beside.remove("test:bob", "tool").unwrap(), Removal::NotPaired(Origin::Config));
    let name = UserName("test:eve".into());
    assert_eq!(beside.remove("test:eve", "tool").unwrap(), Removal::User(name));
    assert_eq!(door.rig.number("SELECT count(*) FROM grant WHERE revoked_at IS NULL"), 0);
    let code = door.code("eve").await;
    assert_eq!(
        door.say("ann", &format!("/pair {code} eve")).await.len(),
        2,
        "and can be let in again"
    );
}

#[tokio::test]
async fn one_identity_of_several_can_be_taken_away() {
    let door = Door::new().await;
    for id in ["eve", "eve2"] {
        let code = door.code(id).await;
        door.say("ann", &format!("/pair {code} {id} eve")).await;
    }
    let eve = UserName("eve".into());
    assert_eq!(
        door.beside().remove("test:eve2", "tool").unwrap(),
        Removal::Identity(eve.clone())
    );
    assert_eq!(door.user_of("eve").unwrap(), "eve");
    assert_eq!(door.beside().remove("test:eve", "tool").unwrap(), Removal::User(eve));
    assert_eq!(door.words("SELECT name FROM user WHERE removed_at IS NULL"), ["ann", "bob"]);
}

#[tokio::test]
async fn tool_beside_the_daemon_lets_in_and_the_daemon_shows_the_word() {
    let door = Door::new().await;
    let code: Text = door.code("eve").await.into();
    let mut beside = door.beside();
    let found = beside.pair(&by_tool(&code, None)).unwrap();
    assert!(matches!(found, PairingAnswer::Found(stranger) if stranger.sender.as_str() == "eve"));
    assert!(door.rig.store.take_handed_over().await.unwrap().is_empty());
    let accepted = beside.pair(&by_tool(&code, Some("eve"))).unwrap();
    assert!(matches!(accepted, PairingAnswer::Accepted(_)), "{accepted:?}");
    let told = door.rig.store.take_handed_over().await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].address.chat.as_str(), "eve");
    assert!(door.rig.store.take_handed_over().await.unwrap().is_empty());
    door.say("eve", "hello").await;
    assert_eq!(door.rig.number("SELECT count(*) FROM turn"), 1);
    let again = beside.pair(&by_tool(&code, Some("eve"))).unwrap();
    assert!(matches!(again, PairingAnswer::Refused(PairingRefusal::NoSuchCode)));
}

#[tokio::test]
async fn somebody_whom_the_config_named_meanwhile_is_not_let_in_twice() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    let door = door.restart(people().into_iter().chain([declared("eve")]).collect()).await;
    assert_eq!(
        door.ann(&format!("/pair {code} eve other")).await,
        "That person is already the user eve."
    );
    assert_eq!(door.user_of("eve").unwrap(), "eve");
}

#[tokio::test]
async fn audit_tells_what_became_of_codes_and_never_a_code() {
    let door = Door::new().await;
    let code = door.code("eve").await;
    door.ann(&format!("/pair {FORGED}")).await;
    door.say("bob", &format!("/pair {code} eve")).await;
    door.say("ann", &format!("/pair {code} eve")).await;
    door.beside().remove("test:eve", "tool").unwrap();
    let audit = door.words("SELECT kind || ' ' || user || ' ' || body FROM audit ORDER BY number");
    insta::assert_snapshot!(audit.join("\n"), @r#"
    pairing_offered  {"connector":"test","sender":"eve"}
    pairing_refused ann {"reason":"wrong code","via":"test"}
    pairing_refused bob {"reason":"not an admin","via":"test"}
    pairing_accepted ann {"connector":"test","sender":"eve","user":"test:eve","via":"test"}
    user_removed tool {"name":"test:eve"}
    "#);
    assert!(!audit.join("").contains(&code));
}

#[tokio::test]
async fn tool_touches_no_store_of_another_version() {
    let door = Door::new().await;
    let open = || StoreBeside::open(&door.path(), Clock::system()).map(drop);
    let mut beside = door.beside();
    door.rig.change("PRAGMA user_version = 99").unwrap();
    assert!(matches!(open(), Err(OpenError::Newer { .. })));
    assert!(beside.users().is_err(), "one that was open before sees it too");
    door.rig.change("PRAGMA user_version = 1").unwrap();
    assert!(matches!(open(), Err(OpenError::Older { .. })));
    let nowhere = door.path().with_file_name("nowhere.db");
    assert!(matches!(
        StoreBeside::open(&nowhere, Clock::system()),
        Err(OpenError::Missing { .. })
    ));
    assert!(!nowhere.exists());
}

fn by_tool<'a>(code: &'a Text, id: Option<&'a str>) -> PairingAttempt<'a> {
    PairingAttempt {
        code,
        id,
        name: None,
        by: "tool",
        via: "tool",
    }
}

//! Groups: whom the bot listens to there, whom it answers where, and who is nobody.

use crate::support::SOON;
use crate::telegram::scene::Scene;
use cortex_test_support::telegram::{BotMessage, MessageHandle, Options, Say};
use serde_json::json;
use std::time::Duration;

const MENTION: &str = "@cortex_test_bot";

/// A scene with a group of Alice and Bob, both known, and Eve, who is not.
struct Group {
    scene: Scene,
    bob: i64,
    eve: i64,
    room: i64,
}

impl Group {
    fn new() -> Self {
        Self::of(|scene| scene.telegram.supergroup("Us"))
    }

    fn forum() -> Self {
        Self::of(|scene| scene.telegram.forum("Us"))
    }

    fn of(make: impl Fn(&Scene) -> i64) -> Self {
        let mut scene = Scene::new();
        let bob = scene.befriend("Bob");
        let eve = scene.telegram.user("Eve");
        let room = make(&scene);
        for member in [scene.alice, bob, eve] {
            scene.telegram.add_user(room, member);
        }
        Self { scene, bob, eve, room }
    }

    fn heard(&self, say: Say<'_>) -> MessageHandle {
        self.scene.heard(say)
    }

    fn write(&self, user: i64, text: &str) -> Say<'_> {
        self.scene.telegram.compose(self.room, user, text)
    }

    /// Somebody mentions the bot, which answers.
    #[track_caller]
    fn ask(&self, user: i64, text: &str) -> BotMessage {
        self.scene.telegram.say(self.room, user, &format!("{MENTION} {text}"));
        self.scene
            .telegram
            .wait_for_text(self.room, &format!("You said {text}."), SOON)
    }

    fn messages(&self) -> Vec<BotMessage> {
        self.scene.telegram.messages(self.room)
    }

    fn transcript(&self) -> String {
        self.scene.telegram.transcript(self.room)
    }
}

#[test]
fn group_must_speak_to_the_bot() {
    let us = Group::new();
    let alice = us.scene.alice;
    let _serving = us.scene.serve();
    us.heard(us.write(alice, "nice weather"));
    us.heard(us.write(alice, "ask cortex_test_bot or @cortex_test_bottle or @cortex_test_bot2"));
    us.heard(us.write(alice, "mail to someone@cortex_test_bot.example"));
    assert!(us.messages().is_empty(), "{}", us.transcript());
    assert_eq!(us.scene.llm.requests().len(), 0);
    let stored = "SELECT count(*) FROM event WHERE outcome = 'ignored: not addressed'";
    assert_eq!(us.scene.stored().number(stored), 3);

    // By name, wherever it stands, in any case; as a reply; by a link to the bot; by a command.
    let answer = us.ask(alice, "hello");
    us.scene.telegram.say(us.room, alice, "what do you think, @Cortex_Test_Bot?");
    us.scene
        .telegram
        .wait_for_text(us.room, "You said what do you think, @Cortex_Test_Bot?.", SOON);
    us.write(alice, "and that?").reply_to(answer.handle()).send();
    us.scene.telegram.wait_for_text(us.room, "You said and that?.", SOON);
    let link = json!([{"type": "text_mention", "offset": 4, "length": 6, "user": us.scene.telegram.bot()}]);
    us.write(alice, "hey Cortex, there?").field("entities", link).send();
    us.scene.telegram.wait_for_text(us.room, "You said hey Cortex, there?.", SOON);
    us.scene.telegram.say(us.room, alice, "/status");
    us.scene.telegram.wait_for_text(us.room, "alice", SOON);

    // A reply to somebody else is not for the bot.
    let bobs = us.heard(us.write(us.bob, "I am here"));
    us.heard(us.write(alice, "good").reply_to(bobs));
    assert_eq!(us.messages().len(), 5, "{}", us.transcript());
}

#[test]
fn photo_that_mentions_the_bot_is_for_it() {
    let us = Group::new();
    let _serving = us.scene.serve();
    us.heard(us.write(us.scene.alice, "a cat").photo(b"\xff\xd8"));
    assert!(us.messages().is_empty(), "{}", us.transcript());
    us.write(us.scene.alice, "@cortex_test_bot what is it?")
        .photo(b"\xff\xd8")
        .send();
    us.scene.telegram.wait_for_text(us.room, "what is it?", SOON);
}

#[test]
fn commands_of_other_bots_are_left_to_them() {
    let us = Group::new();
    let alice = us.scene.alice;
    let _serving = us.scene.serve();
    for other in [
        "/new@otherbot",
        "/weather",
        "/weather@otherbot now",
        "/new@cortex_test_bottle",
    ] {
        us.heard(us.write(alice, other));
    }
    assert!(us.messages().is_empty(), "{}", us.transcript());
    us.scene.telegram.say(us.room, alice, "/new@cortex_test_bot");
    us.scene.telegram.wait_for_text(us.room, "A new session has begun", SOON);
    us.scene.telegram.say(us.room, alice, "/new@Cortex_Test_Bot");
    let twice = |messages: &[BotMessage]| messages.len() == 2;
    us.scene.telegram.wait_for(us.room, twice, SOON);
    us.scene.telegram.say(us.room, alice, "/new");
    us.scene.telegram.wait_for(us.room, |messages| messages.len() == 3, SOON);
}

#[test]
fn bot_without_sight_of_the_group_is_still_reached() {
    let mut scene = Scene::on(Options {
        reads_all_group_messages: false,
        ..Options::default()
    });
    let bob = scene.befriend("Bob");
    let group = scene.telegram.supergroup("Us");
    scene.telegram.add_user(group, scene.alice);
    let _serving = scene.serve();
    scene.telegram.say(group, bob, "not for you");
    scene.telegram.say(group, scene.alice, "@cortex_test_bot hello");
    let answer = scene.telegram.wait_for_text(group, "You said hello.", SOON);
    scene
        .telegram
        .compose(group, scene.alice, "and this?")
        .reply_to(answer.handle())
        .send();
    scene.telegram.wait_for_text(group, "You said and this?.", SOON);
}

#[test]
fn strangers_in_groups_get_no_answer() {
    let us = Group::new();
    let _serving = us.scene.serve();
    us.heard(us.write(us.eve, "@cortex_test_bot hello"));
    us.heard(us.write(us.eve, "/help@cortex_test_bot"));
    let answer = us.ask(us.scene.alice, "hello");
    us.heard(us.write(us.eve, "and me?").reply_to(answer.handle()));
    us.ask(us.bob, "still there?");
    assert_eq!(us.messages().len(), 2, "{}", us.transcript());
    assert_eq!(us.scene.llm.requests().len(), 2);
}

#[test]
fn those_who_hide_are_nobody() {
    let us = Group::new();
    let helper = us.scene.telegram.other_bot("Helper");
    let channel = us.scene.telegram.channel("News");
    let _serving = us.scene.serve();
    let telegram = &us.scene.telegram;
    for text in ["@cortex_test_bot hello", "/help@cortex_test_bot", "/stop@cortex_test_bot"] {
        us.heard(telegram.compose_as_group(us.room, text));
        us.heard(telegram.compose_linked(us.room, channel, text));
        us.heard(us.write(helper, text));
        us.heard(
            us.write(us.eve, text)
                .field("from", json!({"id": 777_000, "first_name": "Telegram"})),
        );
    }
    // A channel's own posts do not even come.
    telegram.compose_post(channel, "@cortex_test_bot hello").send();
    us.ask(us.scene.alice, "anybody?");
    assert_eq!(us.messages().len(), 1, "{}", us.transcript());
    assert_eq!(us.scene.llm.requests().len(), 1);
    assert!(us.scene.telegram.messages(channel).is_empty());
}

#[test]
fn topics_are_conversations_of_their_own() {
    let us = Group::forum();
    let alice = us.scene.alice;
    let (cats, dogs) = (
        us.scene.telegram.topic(us.room, "Cats"),
        us.scene.telegram.topic(us.room, "Dogs"),
    );
    let _serving = us.scene.serve();
    let in_topic = |text: &str, topic: i64| us.write(alice, &format!("{MENTION} {text}")).thread(topic).send();
    let request = in_topic("count 100", cats);
    us.scene.telegram.wait_for_text(us.room, "w5", SOON);
    in_topic("hello dogs", dogs);
    us.scene.telegram.say(us.room, alice, "@cortex_test_bot hello all");
    let dogs_answer = us.scene.telegram.wait_for_text(us.room, "You said hello dogs.", SOON);
    let general = us.scene.telegram.wait_for_text(us.room, "You said hello all.", SOON);
    assert!(
        us.messages().iter().all(|message| !message.text.contains("w100")),
        "a busy topic holds up others"
    );
    assert_eq!((dogs_answer.thread, general.thread), (Some(dogs), None));
    let whole = us.scene.wait_for_final(us.room, "w99 w100");
    assert_eq!((whole.thread, whole.reply_to), (Some(cats), Some(request.message_id)));

    // None of them knows of the others' words.
    in_topic("what did I say?", dogs);
    us.scene.telegram.wait_for_text(us.room, "You said what did I say?.", SOON);
    let heard = us.scene.llm.last_request().body.to_string();
    assert!(
        heard.contains("hello dogs") && !heard.contains("w100") && !heard.contains("hello all"),
        "{heard}"
    );
    // A message in a topic that replies to nothing is not a reply to the bot.
    us.heard(us.write(alice, "not for you").thread(dogs));
    assert_eq!(us.messages().len(), 4, "{}", us.transcript());
}

#[test]
fn questions_are_asked_in_their_topic() {
    let us = Group::forum();
    let topic = us.scene.telegram.topic(us.room, "Notes");
    let _serving = us.scene.serve();
    let request = us
        .write(us.scene.alice, "@cortex_test_bot write a.md one")
        .thread(topic)
        .send();
    let asked = us.scene.asked(request);
    assert_eq!(asked.prompt.thread, Some(topic));
    us.scene.telegram.press(us.scene.alice, asked.prompt.handle(), "Allow once");
    us.scene.becomes(asked.prompt.handle(), "allowed once by alice");
    let reply = us.scene.telegram.wait_for_text(us.room, "files/a.md now has", SOON);
    assert_eq!((reply.thread, reply.reply_to), (Some(topic), Some(request.message_id)));

    // The code holds in its topic; elsewhere it names nothing.
    let request = us
        .write(us.scene.alice, "@cortex_test_bot write b.md one")
        .thread(topic)
        .send();
    let asked = us.scene.asked(request);
    us.heard(us.write(us.scene.alice, &format!("yes {}", asked.code())));
    assert_eq!(us.scene.daemon.read_file("b.md"), None);
    us.write(us.scene.alice, &format!("yes {}", asked.code()))
        .thread(topic)
        .send();
    us.scene.becomes(asked.prompt.handle(), "allowed once by alice");
}

#[test]
fn thread_of_replies_is_no_topic() {
    let us = Group::new();
    let _serving = us.scene.serve();
    let answer = us.ask(us.scene.alice, "hello");
    us.write(us.scene.alice, "go on").reply_to(answer.handle()).send();
    let second = us.scene.telegram.wait_for_text(us.room, "You said go on.", SOON);
    assert_eq!(second.thread, None);
    let heard = us.scene.llm.last_request().body.to_string();
    assert!(heard.contains("You said hello."), "it is another conversation: {heard}");
}

#[test]
fn only_the_asker_decides_in_a_group() {
    let us = Group::new();
    let _serving = us.scene.serve();
    let telegram = &us.scene.telegram;
    let alices = us
        .scene
        .asked(telegram.say(us.room, us.scene.alice, "@cortex_test_bot write a.md one"));
    let bobs = us
        .scene
        .asked(telegram.say(us.room, us.bob, "@cortex_test_bot write b.md two"));
    // Each tries the other's.
    for (user, theirs) in [(us.scene.alice, &bobs), (us.bob, &alices)] {
        let press = telegram.press(user, theirs.prompt.handle(), "Allow once");
        assert!(telegram.wait_for_answer(&press, SOON).text.contains("not yours to decide"));
        us.heard(us.write(user, &format!("yes {}", theirs.code())));
    }
    let pending = "SELECT count(*) FROM approval WHERE status = 'pending'";
    assert_eq!(us.scene.stored().number(pending), 2);

    telegram.press(us.bob, bobs.prompt.handle(), "Allow once");
    us.scene.becomes(bobs.prompt.handle(), "allowed once by bob");
    telegram.wait_for_text(us.room, "files/b.md now has", SOON);
    us.write(us.scene.alice, &format!("no {}", alices.code())).send();
    us.scene.becomes(alices.prompt.handle(), "denied by alice");
    assert_eq!(us.scene.daemon.read_file("a.md"), None);
    assert_eq!(us.scene.daemon.read_file("b.md").as_deref(), Some("two"));
}

#[test]
fn two_people_in_a_group_take_turns() {
    let us = Group::new();
    let _serving = us.scene.serve();
    let first = us.scene.telegram.say(us.room, us.scene.alice, "@cortex_test_bot count 40");
    us.scene.telegram.wait_for_text(us.room, "w5", SOON);
    let second = us.scene.telegram.say(us.room, us.bob, "@cortex_test_bot count 20");
    let both = |messages: &[BotMessage]| {
        let is_whole = |replied: i64, words: &str| {
            let of = |message: &&BotMessage| message.reply_to == Some(replied) && message.text.ends_with(words);
            messages.iter().any(|message| of(&message) && message.keyboard.is_empty())
        };
        is_whole(first.message_id, "w40") && is_whole(second.message_id, "w20")
    };
    us.scene.telegram.wait_for(us.room, both, SOON);
}

#[test]
fn bot_that_is_removed_and_added_again_goes_on() {
    let us = Group::new();
    let mut serving = us.scene.serve();
    us.scene.telegram.say(us.room, us.scene.alice, "@cortex_test_bot count 40");
    us.scene.telegram.wait_for_text(us.room, "w5", SOON);
    us.scene.telegram.remove_bot(us.room, us.eve);
    us.scene
        .stored()
        .becomes("SELECT count(*) FROM audit WHERE kind = 'undeliverable'", 1);
    std::thread::sleep(Duration::from_millis(200));
    assert!(!serving.has_ended(), "{}", serving.log());
    us.scene.chat("hello");
    us.scene.telegram.add_bot(us.room, us.scene.alice);
    us.ask(us.scene.alice, "hello again");
}

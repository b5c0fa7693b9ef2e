//! A busy bot that is killed again and again, at moments that nobody has chosen: by the fakes' own records, nothing is lost,
//! nothing happens twice, and nothing is left half done.

use crate::support::{PROGRAM, Stored, read, results, write};
use cortex_test_support::daemon::{Serving, TestDaemon};
use cortex_test_support::disk::Kept;
use cortex_test_support::llm::{LlmFake, Reply, Request};
use cortex_test_support::long::is_long;
use cortex_test_support::random::Random;
use cortex_test_support::telegram::{BotMessage, MessageHandle, TelegramFake};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PRIVATE_CHATS: usize = 16;
const GROUPS: usize = 4;
/// Questions that a chat has open at once.
const MOST_OPEN: usize = 2;
const TICK: Duration = Duration::from_millis(10);
/// How long a daemon lives, in milliseconds: from before it polls until answers are over.
const LIVES: std::ops::Range<u64> = 20..1500;
const DOWN_MS: u64 = 60;
const SETTLED_WITHIN: Duration = Duration::from_mins(1);
const WORD_EVERY: Duration = Duration::from_millis(20);

const UNKNOWN: &str = "do not know whether it took effect";
const NOT_SHOWN: &str = "SELECT count(*) FROM message WHERE shown_version < desired_version";
const TURNS_NOT_OVER: &str = "SELECT count(*) FROM turn WHERE status NOT IN ('complete', 'error', 'stopped')";

/// What a request is about follows from its number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An answer that grows slowly.
    Think,
    /// Two files, side by side.
    Look,
    /// A line in a file, which a person must allow.
    Note,
    /// A look and two lines at once, each of which a person must allow.
    NoteTwice,
}

fn kind(number: usize) -> Kind {
    [Kind::Think, Kind::Look, Kind::Note, Kind::NoteTwice][number % 4]
}

/// The lines that a request wants to add, with their files. Chats have files of their own, so that requests of one chat can be
/// in each other's way.
fn lines(chat: usize, number: usize) -> Vec<(String, String)> {
    let line = |letter: &str| (format!("{letter}{chat}.md"), format!("<{number}{letter}>"));
    match kind(number) {
        Kind::Think | Kind::Look => Vec::new(),
        Kind::Note => vec![line("a")],
        Kind::NoteTwice => vec![line("a"), line("b")],
    }
}

fn is_denied(number: usize) -> bool {
    number % 11 == 6
}

fn request_text(chat: usize, number: usize) -> String {
    format!("do #{number} in {chat}.")
}

fn answer(number: usize) -> String {
    format!("Answer {number}: this is what came of it, told word by word, down to the end of {number}.")
}

fn model(request: &Request) -> Reply {
    let said = request.last_content("user");
    let (_, task) = said.rsplit_once("do #").expect("a request has its number");
    let task = task.split_once('.').expect("a request has an end").0;
    let (number, chat) = task.split_once(" in ").expect("a request names its chat");
    let (number, chat) = (number.parse().unwrap(), chat.parse().unwrap());
    if !results(request).is_empty() {
        return Reply::text(&answer(number));
    }
    let mut calls = Vec::new();
    if matches!(kind(number), Kind::Look | Kind::NoteTwice) {
        calls.push(read("files/x.md"));
    }
    if kind(number) == Kind::Look {
        calls.push(read("files/y.md"));
    }
    for (file, line) in lines(chat, number) {
        calls.push(write(&format!("files/{file}"), &format!("{line}\n"), "append"));
    }
    match kind(number) {
        Kind::Think => Reply::text_slowly(&answer(number), WORD_EVERY),
        Kind::Look => Reply::text_and_calls("Let me look.", &calls),
        Kind::Note | Kind::NoteTwice => Reply::calls(&calls),
    }
}

/// Where people write.
struct Room {
    chat: i64,
    person: i64,
    is_group: bool,
    requests: Vec<usize>,
}

struct Town {
    telegram: TelegramFake,
    rooms: Vec<Room>,
    random: Random,
    asked: usize,
    pressed: BTreeSet<(i64, i64)>,
    /// Requests of which it was once not known whether a line was written.
    unknown: BTreeSet<usize>,
    presses: usize,
}

impl Town {
    /// What people do while the bot is at work, or dead.
    fn tick(&mut self, may_ask: bool) {
        let place = self.random.place(self.rooms.len());
        if may_ask && self.open_requests(place) < MOST_OPEN {
            self.ask(place);
        }
        for place in 0..self.rooms.len() {
            for message in self.telegram.messages(self.rooms[place].chat) {
                // People take their time, each their own.
                if is_open_prompt(&message) && self.random.chance(15) {
                    self.press(place, &message);
                }
            }
        }
    }

    fn ask(&mut self, place: usize) {
        self.asked += 1;
        let room = &mut self.rooms[place];
        let text = request_text(place, self.asked);
        let text = if room.is_group {
            format!("@cortex_test_bot {text}")
        } else {
            text
        };
        self.telegram.say(room.chat, room.person, &text);
        room.requests.push(self.asked);
    }

    fn press(&mut self, place: usize, prompt: &BotMessage) {
        let room = &self.rooms[place];
        if !self.pressed.insert((room.chat, prompt.message_id)) {
            return;
        }
        let is_about = |number: &&usize| {
            // The preview shows lines of other requests around it, without a plus.
            let mut lines = lines(place, **number).into_iter();
            lines.any(|(_, line)| prompt.text.contains(&format!("+{line}")))
        };
        let number = room.requests.iter().find(is_about);
        let number = *number.unwrap_or_else(|| panic!("a prompt about nothing: {}", prompt.text));
        let is_unknown = prompt.text.contains(UNKNOWN);
        if is_unknown {
            self.unknown.insert(number);
        }
        let label = if is_unknown || is_denied(number) {
            "Deny"
        } else {
            "Allow once"
        };
        let message = MessageHandle {
            chat: room.chat,
            message_id: prompt.message_id,
        };
        self.telegram.press(room.person, message, label);
        self.presses += 1;
    }

    fn open_requests(&self, place: usize) -> usize {
        let room = &self.rooms[place];
        let standing = self.telegram.messages(room.chat);
        let is_open = |number: &&usize| {
            let answer = answer(**number);
            !standing
                .iter()
                .any(|message| message.text == answer && message.keyboard.is_empty())
        };
        // Older ones were answered when these were asked.
        room.requests.iter().rev().take(2 * MOST_OPEN).filter(is_open).count()
    }

    fn is_settled(&self, daemon: &TestDaemon) -> bool {
        let answered = (0..self.rooms.len()).all(|place| self.open_requests(place) == 0);
        let stored = || Stored::of(daemon);
        answered
            && self.telegram.pending_updates() == 0
            && stored().try_number(NOT_SHOWN) == Some(0)
            && stored().try_number(TURNS_NOT_OVER) == Some(0)
    }

    fn transcripts(&self) -> String {
        let transcripts = self.rooms.iter().map(|room| self.telegram.transcript(room.chat));
        transcripts.collect::<Vec<_>>().join("\n---\n")
    }
}

fn is_open_prompt(message: &BotMessage) -> bool {
    message.text.contains("may I run") && !message.keyboard.is_empty()
}

/// Whether nothing about it will change any more.
fn is_finished(message: &BotMessage) -> bool {
    message.keyboard.is_empty() && !message.text.contains('…')
}

fn settle_in(llm: &LlmFake, seed: u64) -> (Town, TestDaemon) {
    llm.answer_with(model);
    let telegram = TelegramFake::start();
    let people: Vec<i64> = (0..PRIVATE_CHATS)
        .map(|number| telegram.user(&format!("Person{number}")))
        .collect();
    let mut rooms: Vec<Room> = Vec::new();
    let room = |chat, person, is_group| Room {
        chat,
        person,
        is_group,
        requests: Vec::new(),
    };
    for person in &people {
        rooms.push(room(telegram.private_chat(*person), *person, false));
    }
    for (number, person) in people.iter().enumerate().take(GROUPS) {
        let group = telegram.supergroup(&format!("Group{number}"));
        telegram.add_user(group, *person);
        rooms.push(room(group, *person, true));
    }
    let mut daemon = TestDaemon::on_telegram(PROGRAM, llm, &telegram, people[0])
        .with("engine.max_attempts", "10")
        .with("engine.concurrent_turns", "20")
        .on_recorded_disk();
    for (number, person) in people.iter().enumerate().skip(1) {
        daemon.set(
            &format!("users.person{number}.identities"),
            &format!("[\"telegram:{person}\"]"),
        );
    }
    daemon.write_file("x.md", "apples");
    daemon.write_file("y.md", "bears");
    let town = Town {
        telegram,
        rooms,
        random: Random::new(seed),
        asked: 0,
        pressed: BTreeSet::new(),
        unknown: BTreeSet::new(),
        presses: 0,
    };
    (town, daemon)
}

/// The daemon's lives and deaths. Gives how many of them were power losses.
fn live_and_die(town: &mut Town, daemon: &TestDaemon, kills: usize) -> usize {
    let mut power_losses = 0;
    for _ in 0..kills {
        let mut serving = daemon.serve();
        let life = LIVES.start + town.random.below(LIVES.end - LIVES.start);
        let dies_at = Instant::now() + Duration::from_millis(life);
        while Instant::now() < dies_at {
            town.tick(true);
            assert!(!serving.has_ended(), "died by itself:\n{}", serving.log());
            std::thread::sleep(TICK.min(dies_at.saturating_duration_since(Instant::now())));
        }
        serving.kill();
        assert!(!serving.log().contains("panicked"), "{}", serving.log());
        match town.random.below(3) {
            0 => {}
            more => {
                let seed = town.random.number();
                daemon.lose_power(if more == 1 { Kept::Nothing } else { Kept::Some(seed) });
                power_losses += 1;
            }
        }
        let up_at = Instant::now() + Duration::from_millis(town.random.below(DOWN_MS));
        while Instant::now() < up_at {
            town.tick(true);
            std::thread::sleep(TICK);
        }
    }
    power_losses
}

fn wait_until_settled(town: &mut Town, daemon: &TestDaemon, serving: &Serving, seed: u64) {
    let deadline = Instant::now() + SETTLED_WITHIN;
    while !town.is_settled(daemon) {
        assert!(
            Instant::now() < deadline,
            "it does not settle (seed {seed}):\n{}\n{}",
            town.transcripts(),
            serving.log()
        );
        town.tick(false);
        std::thread::sleep(TICK);
    }
}

#[test]
fn busy_bot_survives_kills_at_any_moment() {
    let kills = if is_long() { 200 } else { 30 };
    let seed = std::env::var("CORTEX_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs())
    });
    println!("CORTEX_SEED={seed}");
    let llm = LlmFake::start();
    let (mut town, daemon) = settle_in(&llm, seed);
    let power_losses = live_and_die(&mut town, &daemon, kills);
    let mut serving = daemon.serve();
    wait_until_settled(&mut town, &daemon, &serving, seed);
    assert!(serving.stop(Duration::from_secs(10)).success(), "{}", serving.log());

    let stored = Stored::of(&daemon);
    let doubts = doubts(&stored);
    let mut copies = 0;
    for place in 0..town.rooms.len() {
        copies += check_chat(&town, place, &doubts);
    }
    check_lines(&town, &daemon);
    check_store(&town, &stored);
    let in_doubt: usize = doubts.values().sum();
    println!(
        "{kills} kills, {power_losses} of them power losses; {} requests answered, {} presses, {} lines of unknown outcome; \
         {in_doubt} sends in doubt (possible_duplicate), of which {copies} stand twice",
        town.asked,
        town.presses,
        town.unknown.len(),
    );
    llm.finish();
}

/// How many sends of a chat may stand twice, as the daemon has put them on record.
fn doubts(stored: &Stored) -> BTreeMap<i64, usize> {
    let chats = stored.words(
        "SELECT conversation.chat FROM audit
         JOIN message ON message.id = json_extract(audit.body, '$.message')
         JOIN conversation ON conversation.id = message.conversation
         WHERE audit.kind = 'possible_duplicate'",
    );
    let mut doubts = BTreeMap::new();
    for chat in chats {
        *doubts.entry(chat.parse().unwrap()).or_default() += 1;
    }
    doubts
}

/// Each request was answered whole, in one place, once, and nothing else is left standing; but for copies that nobody knows of,
/// of which no more can be than sends in doubt. Gives how many there are.
fn check_chat(town: &Town, place: usize, doubts: &BTreeMap<i64, usize>) -> usize {
    let room = &town.rooms[place];
    let transcript = town.telegram.transcript(room.chat);
    let standing = town.telegram.messages(room.chat);
    let mut copies = 0;
    for number in &room.requests {
        let answer = answer(*number);
        let answers = standing.iter().filter(|message| message.text == answer).count();
        assert!(answers > 0, "#{number} was not answered:\n{transcript}");
        copies += answers - 1;
    }
    for message in &standing {
        let is_answer = room.requests.iter().any(|number| message.text == answer(*number));
        let is_piece = message.text.contains("Answer ") && !is_answer;
        if is_piece || !is_finished(message) {
            copies += 1;
            println!("a copy that nobody knows of: {:?}", message.text);
        }
    }
    let in_doubt = doubts.get(&room.chat).copied().unwrap_or(0);
    assert!(
        copies <= in_doubt,
        "{copies} copies, and {in_doubt} sends in doubt in {}:\n{transcript}",
        room.chat
    );
    copies
}

/// What was allowed was done once, what was denied never.
fn check_lines(town: &Town, daemon: &TestDaemon) {
    for (place, room) in town.rooms.iter().enumerate() {
        for number in &room.requests {
            for (file, line) in lines(place, *number) {
                let content = daemon.read_file(&file).unwrap_or_default();
                let times = content.lines().filter(|written| *written == line).count();
                let is_right = match (is_denied(*number), town.unknown.contains(number)) {
                    (true, _) => times == 0,
                    (false, true) => times <= 1,
                    (false, false) => times == 1,
                };
                assert!(
                    is_right,
                    "{line} stands {times} times:\n{}",
                    town.telegram.transcript(room.chat)
                );
            }
        }
    }
}

fn check_store(town: &Town, stored: &Stored) {
    let count = |sql: &str| stored.number(sql);
    assert_eq!(count("SELECT count(*) FROM turn"), town.asked as i64);
    let failed = stored.words("SELECT id || ' ' || status || ' ' || state FROM turn WHERE status != 'complete'");
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(count("SELECT count(*) FROM approval WHERE status = 'pending'"), 0);
    assert_eq!(
        count("SELECT count(*) FROM tool_run WHERE tool = 'file_write' AND approval IS NULL"),
        0
    );
    let most = "SELECT coalesce(max(runs), 0) FROM (SELECT count(*) AS runs FROM tool_run WHERE approval IS NOT NULL GROUP BY approval)";
    assert!(count(most) <= 1, "an approval was used twice");
    stored.history_is_paired();
}

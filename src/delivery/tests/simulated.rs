//! Chats and the queue between them at a clock that the test moves, under any order of what is to be shown and of what the platform
//! answers: the platform's limits are kept, finals go first, and in the end everything is shown.

use super::*;
use crate::delivery::chat::{Chat, Need};
use crate::delivery::job::{Ended, Task};
use crate::delivery::pacer::ChatKey;
use crate::delivery::queue::{Queue, Urgency};
use cortex_test_support::long::cases;
use proptest::prelude::*;
use std::collections::BTreeSet;

const CHATS: usize = 4;
const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
/// Everything is shown so long after the last thing came, whatever the platform asked for before.
const ALL_SHOWN_WITHIN: Duration = Duration::from_hours(2);

/// Something that comes to be shown.
#[derive(Clone, Debug)]
enum Comes {
    Begins,
    Grows,
    Ends,
    Notice,
}

/// How a call ends.
#[derive(Clone, Debug)]
enum Answer {
    Done,
    Limited(u64),
    Down,
    Unknown,
}

#[derive(Clone, Debug)]
struct Plan {
    interval: Duration,
    per_minute: Option<u32>,
    per_second: Option<u32>,
    /// After so many milliseconds, in which chat.
    comes: Vec<(u64, usize, Comes)>,
    /// Milliseconds before the call and after it.
    answers: Vec<(u64, u64, Answer)>,
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let what = prop_oneof![
        2 => Just(Comes::Begins),
        6 => Just(Comes::Grows),
        2 => Just(Comes::Ends),
        1 => Just(Comes::Notice),
    ];
    let after = prop_oneof![4 => 0..200_u64, 2 => 0..3_000_u64, 1 => 0..90_000_u64];
    let answer = prop_oneof![
        12 => Just(Answer::Done),
        1 => (0..40_u64).prop_map(Answer::Limited),
        1 => Just(Answer::Down),
        1 => Just(Answer::Unknown),
    ];
    let comes = prop::collection::vec((after, 0..CHATS, what), 1..80);
    let answers = prop::collection::vec((0..30_u64, 0..400_u64, answer), 0..80);
    let limits = (0..4_000_u64, prop::option::of(3..25_u32), prop::option::of(1..6_u32));
    (limits, comes, answers).prop_map(|((interval, per_minute, per_second), comes, answers)| Plan {
        interval: Duration::from_millis(interval),
        per_minute,
        per_second,
        comes,
        answers,
    })
}

/// A call as the platform sees it.
#[derive(Debug)]
struct Made {
    chat: usize,
    /// When the account was found free, which is a little before the call.
    begun: Instant,
    at: Instant,
    over: Instant,
    is_typing: bool,
    shows: Option<(MessageId, Option<u64>)>,
    is_limited: Option<Duration>,
}

struct World {
    capabilities: Capabilities,
    now: Instant,
    chats: Vec<Chat>,
    growing: Vec<Option<(TurnId, Arc<LiveAnswer>)>>,
    queue: Queue,
    wake: Vec<Option<Instant>>,
    in_flight: Vec<(Instant, usize, Ended)>,
    answers: std::vec::IntoIter<(u64, u64, Answer)>,
    made: Vec<Made>,
    /// Finals and notices that came.
    wanted: BTreeSet<MessageId>,
    /// Finals that were not called for yet, or in vain, by chat.
    finals: Vec<BTreeSet<MessageId>>,
    notices: BTreeSet<MessageId>,
}

fn key(chat: usize) -> ChatKey {
    format!("chat {chat}").as_str().into()
}

impl World {
    fn new(plan: &Plan) -> Self {
        let pace = ChatPace {
            intervals: vec![(Duration::ZERO, plan.interval)],
            calls_per_minute: plan.per_minute,
        };
        let capabilities = Capabilities {
            one_to_one_pace: pace.clone(),
            room_pace: pace,
            account_calls_per_second: plan.per_second,
            ..super::capabilities()
        };
        Self {
            queue: Queue::new(plan.per_second),
            capabilities,
            now: Instant::now(),
            chats: (0..CHATS).map(|_| Chat::new(ChatKind::OneToOne)).collect(),
            growing: vec![None; CHATS],
            wake: vec![None; CHATS],
            in_flight: Vec::new(),
            answers: plan.answers.clone().into_iter(),
            made: Vec::new(),
            wanted: BTreeSet::new(),
            finals: vec![BTreeSet::new(); CHATS],
            notices: BTreeSet::new(),
        }
    }

    fn live(&mut self, plan: &Plan) {
        let mut at = self.now;
        let comes: Vec<(Instant, usize, Comes)> = plan
            .comes
            .iter()
            .map(|(after, chat, what)| {
                at += Duration::from_millis(*after);
                (at, *chat, what.clone())
            })
            .collect();
        for (at, chat, what) in comes {
            self.pass_until(at);
            self.take(chat, &what);
            self.look_at(chat);
        }
        for chat in 0..CHATS {
            self.take(chat, &Comes::Ends);
            self.look_at(chat);
        }
        self.pass_until(self.now + ALL_SHOWN_WITHIN);
    }

    fn pass_until(&mut self, end: Instant) {
        while let Some(next) = self.next_moment().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            if let Some(place) = self.in_flight.iter().position(|(over, ..)| *over <= self.now) {
                let (_, chat, ended) = self.in_flight.swap_remove(place);
                // What may have arrived is not sent again at once, and nothing waits for it.
                if let (Task::Show(show), Ok(_) | Err(OutboundError::Unknown(_))) = (&ended.task, &ended.result)
                    && show.version.is_some()
                {
                    self.finals[chat].remove(&show.id);
                }
                let _ = self.chats[chat].finish(ended, self.now);
                self.look_at(chat);
                continue;
            }
            for chat in 0..CHATS {
                if self.wake[chat].is_some_and(|wake| wake <= self.now) {
                    self.wake[chat] = None;
                    self.line_up(chat);
                }
            }
            self.serve();
        }
        self.now = end;
    }

    fn next_moment(&self) -> Option<Instant> {
        let over = self.in_flight.iter().map(|(over, ..)| *over);
        let wakes = self.wake.iter().flatten().copied();
        over.chain(wakes).chain(self.queue.wake_at()).min()
    }

    fn take(&mut self, chat: usize, what: &Comes) {
        match what {
            Comes::Begins if self.growing[chat].is_none() => {
                let turn = TurnId::new();
                let answer = Arc::new(LiveAnswer::new(LiveForm {
                    limit: self.capabilities.text_limit,
                    reply_to: None,
                    placeholder: false,
                    stop: None,
                }));
                self.chats[chat].begin_live(LiveStart {
                    turn,
                    segment: 0,
                    conversation: 1,
                    address: address(&key(chat).to_string()),
                    chat_kind: ChatKind::OneToOne,
                    answer: Arc::clone(&answer),
                    standing: Vec::new(),
                });
                self.growing[chat] = Some((turn, answer));
            }
            Comes::Begins => {}
            Comes::Grows => {
                if let Some((_, answer)) = &self.growing[chat] {
                    let _ = answer.push_text("more ");
                }
            }
            Comes::Ends => {
                if let Some((turn, answer)) = self.growing[chat].take() {
                    answer.close();
                    let id = MessageId::answer(turn, 0, 0);
                    self.finals[chat].insert(id.clone());
                    self.want(chat, row(id, &key(chat).to_string(), "final"));
                    self.chats[chat].end_live(turn, &answer);
                }
            }
            Comes::Notice => {
                let mut notice = notice(&format!("e{}", self.notices.len()), &key(chat).to_string(), "word");
                notice.desired.as_mut().unwrap().kind = MessageKind::Notice;
                self.notices.insert(notice.id.clone());
                self.want(chat, notice);
            }
        }
    }

    fn want(&mut self, chat: usize, row: MessageRow) {
        self.wanted.insert(row.id.clone());
        self.chats[chat].put(row);
    }

    fn look_at(&mut self, chat: usize) {
        self.line_up(chat);
        self.serve();
    }

    fn line_up(&mut self, chat: usize) {
        match self.chats[chat].need(self.now, &self.capabilities) {
            Need::Call(urgency, at) => {
                assert!(at.is_none_or(|at| at > self.now), "it looks again and again");
                self.wake[chat] = at;
                self.queue.join(&key(chat), urgency);
            }
            Need::Look(at) => {
                assert!(at > self.now, "it looks again and again");
                self.wake[chat] = Some(at);
                self.queue.leave(&key(chat));
            }
            Need::Nothing => self.queue.leave(&key(chat)),
        }
    }

    fn serve(&mut self) {
        while let Some(next) = self.queue.next(self.now) {
            let chat = (0..CHATS).find(|chat| key(*chat) == next).unwrap();
            self.check_that_none_is_more_urgent(chat);
            match self.chats[chat].begin_call(self.now, &self.capabilities) {
                Some((_, task)) => self.call(chat, task),
                None => self.line_up(chat),
            }
        }
    }

    fn urgency(&mut self, chat: usize) -> Option<Urgency> {
        match self.chats[chat].need(self.now, &self.capabilities) {
            Need::Call(urgency, _) => Some(urgency),
            Need::Look(_) | Need::Nothing => None,
        }
    }

    fn check_that_none_is_more_urgent(&mut self, chat: usize) {
        let Some(urgency) = self.urgency(chat) else { return };
        for other in 0..CHATS {
            // One that waits for its time is lined up when that comes, even where a slowing is forgotten before.
            let waits = self.wake[other].is_some_and(|wake| wake <= self.now) || !self.queue.has(&key(other));
            let other = self.urgency(other).filter(|_| !waits);
            assert!(
                other.is_none_or(|other| other >= urgency),
                "{other:?} waits behind {urgency:?}"
            );
        }
    }

    fn call(&mut self, chat: usize, task: Task) {
        self.queue.count(self.now);
        let (before, after, answer) = self.answers.next().unwrap_or((0, 0, Answer::Done));
        let at = self.now + Duration::from_millis(before);
        let over = at + Duration::from_millis(after);
        let (mut shows, mut is_new) = (None, false);
        if let Task::Show(show) = &task {
            shows = Some((show.id.clone(), show.version));
            is_new = show.reference.is_none();
        }
        let is_final = shows
            .as_ref()
            .is_some_and(|(id, version)| version.is_some() && !self.notices.contains(id));
        assert!(self.finals[chat].is_empty() || is_final, "a final waits behind {shows:?}");
        let result = match answer {
            Answer::Done => Ok(Some(MessageRef::new(format!("m{}", self.made.len())))),
            Answer::Limited(seconds) => Err(limited(Duration::from_secs(seconds))),
            Answer::Down => Err(transient()),
            Answer::Unknown => Err(unknown()),
        };
        let is_limited = match &result {
            Err(OutboundError::RateLimited { retry_after }) => Some(*retry_after),
            _ => None,
        };
        self.made.push(Made {
            chat,
            begun: self.now,
            at,
            over,
            is_typing: matches!(task, Task::Signal(_)),
            shows,
            is_limited,
        });
        let ended = Ended {
            chat: key(chat),
            task,
            result,
            calls: vec![at],
            is_new,
            instead: Vec::new(),
        };
        self.in_flight.push((over, chat, ended));
    }

    fn check(&mut self, plan: &Plan) {
        for chat in 0..CHATS {
            let made: Vec<&Made> = self.made.iter().filter(|made| made.chat == chat).collect();
            check_chat(&made, plan);
            assert!(self.chats[chat].is_drained(), "not all is shown");
        }
        if let Some(limit) = plan.per_second {
            let begun: Vec<Instant> = self.made.iter().map(|made| made.begun).collect();
            assert!(most_within(&begun, SECOND) <= limit as usize, "too many calls of the account");
        }
        for id in &self.wanted {
            let shows = |made: &&Made| made.shows.as_ref().is_some_and(|(shown, _)| shown == id);
            let last = self.made.iter().rfind(shows);
            let version = last.and_then(|made| made.shows.as_ref()?.1);
            assert_eq!(version, Some(1), "{id} does not stand in its final form");
        }
    }
}

fn check_chat(made: &[&Made], plan: &Plan) {
    let mut shown_at: Option<Instant> = None;
    let mut blocked_until: Option<Instant> = None;
    for (place, call) in made.iter().enumerate() {
        let earlier = place.checked_sub(1).map(|earlier| made[earlier]);
        assert!(
            earlier.is_none_or(|earlier| call.begun >= earlier.over),
            "two calls at a time"
        );
        assert!(
            blocked_until.is_none_or(|until| call.at >= until),
            "a call inside of the window"
        );
        let last = if call.is_typing {
            earlier.map(|earlier| earlier.at)
        } else {
            shown_at
        };
        assert!(
            last.is_none_or(|last| call.at >= last + plan.interval),
            "too soon after the last"
        );
        if !call.is_typing {
            shown_at = Some(call.at);
        }
        blocked_until = call.is_limited.map(|wait| call.over + wait).or(blocked_until);
    }
    if let Some(limit) = plan.per_minute {
        let at: Vec<Instant> = made.iter().map(|call| call.at).collect();
        assert!(most_within(&at, MINUTE) <= limit as usize, "too many calls in a minute");
    }
}

/// The most of ascending times within such a stretch.
fn most_within(times: &[Instant], length: Duration) -> usize {
    let within = |first: usize| times[first..].iter().take_while(|at| **at < times[first] + length).count();
    (0..times.len()).map(within).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn limits_are_kept_and_finals_go_first_whatever_happens(plan in any_plan()) {
        let mut world = World::new(&plan);
        world.live(&plan);
        world.check(&plan);
    }
}

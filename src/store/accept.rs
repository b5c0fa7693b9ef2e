//! `accept`: events come in, and what they mean is decided and stored in the same transaction.

mod commands;
mod inbox;
mod pair;
mod place;
mod request;

use super::approvals::{self, DecisionRecord};
use super::claim::{self, ClaimedTurn};
use super::message::{Desire, MessageId, MessageRow, Notice, desire, notify};
use super::{Store, StoreError, identity, moved, query};
use crate::contested::Contested;
use crate::domain::{ApprovalId, TurnId, UserName};
use crate::failpoint;
use crate::gate::{Choice, Keywords};
use crate::router::{self, Intent, Situation};
use crate::strings;
use crate::turn::{TurnEvent, TurnState};
use cortex_chat::{
    Address, ChatId, ChoiceReply, ConnectorName, Document, Event, EventBatch, EventKind, MessageKind, MessageRef,
    OutgoingMessage, SenderKind, Text, TextLimit, TextUnit,
};
use inbox::insert_event;
use place::Place;
pub(super) use request::enclosed_json;
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The characters of a reply to a choice, by the contract with the adapters.
const LONGEST_REPLY: usize = 200;

/// A message stands in the chat a little before that is on record: a call and a commit later at most, where it is quick.
const RECORDED_WITHIN_MS: i64 = 1_000;

/// What the router's transaction needs of the config.
#[derive(Clone, Debug)]
pub struct RouterSettings {
    /// The words that decide.
    pub keywords: Keywords,
    /// The profile that answers.
    pub profile: String,
    /// Tokens of history that a turn is given.
    pub history_tokens: u64,
    /// Whether strangers become users by writing.
    pub open_access: bool,
    /// The tokens that one user may use up in a day (UTC).
    pub daily_tokens_per_user: Option<u64>,
    /// Messages' limits by connector.
    pub text_limits: BTreeMap<ConnectorName, TextLimit>,
    /// The connectors on which references tell which of two messages came first.
    pub references_count_up: BTreeSet<ConnectorName>,
    /// The connectors on which those who take a choice can be told something that nobody else sees.
    pub replies_to_choices: BTreeSet<ConnectorName>,
    /// Open questions are put again after an absence longer than this; for connectors whose messages outlive the process.
    pub announce_again_after: BTreeMap<ConnectorName, Duration>,
    /// What a person is shown of the model in `/status`.
    pub model_label: String,
    /// How often an event may take the daemon down before it is set aside.
    pub max_attempts: u32,
    /// Accounts that somebody else reads too; `/status` says so.
    pub contested: Contested,
}

impl RouterSettings {
    /// Whether an event may be about a question, open or decided: a choice, a reply, a keyword.
    pub fn may_be_about_the_gate(&self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Message(message) => message.reply_to.is_some() || self.keywords.read(message.text.as_str()).is_some(),
            EventKind::Edit(_) | EventKind::Moved { .. } => false,
            _ => true,
        }
    }

    /// The limit of a connector's messages.
    pub fn text_limit(&self, connector: &ConnectorName) -> TextLimit {
        // The smallest of any platform stands in for one that is not known.
        const SMALLEST: TextLimit = TextLimit {
            max: 4_000,
            unit: TextUnit::Utf16,
        };
        self.text_limits.get(connector).copied().unwrap_or(SMALLEST)
    }
}

/// What came of a batch.
#[derive(Debug, Default)]
pub struct Accepted {
    /// Turns that were taken up at once.
    pub claimed: Vec<ClaimedTurn>,
    /// Messages to bring to the platforms.
    pub messages: Vec<MessageRow>,
    /// Running turns to stop.
    pub stop: Vec<TurnId>,
    /// Turns that go on from another state, with the version of that: whoever works on an earlier one must let go.
    pub replaced: Vec<(TurnId, u64)>,
    /// For the turns' listeners.
    pub events: Vec<(TurnId, TurnEvent)>,
    /// What those who took a choice are told.
    pub replies: Vec<ChoiceReply>,
    /// Whether a turn waits that is to be taken up otherwise: when its time comes, or at once in another conversation.
    pub waits: bool,
}

impl Store {
    /// Stores events and the cursor after them, decides what they mean, and takes up at most `claim_up_to` turns.
    /// An event that is already there is passed over.
    pub async fn accept(
        &self,
        connector: ConnectorName,
        batch: impl Into<Arc<EventBatch>>,
        settings: Arc<RouterSettings>,
        claim_up_to: usize,
    ) -> Result<Accepted, StoreError> {
        let batch = batch.into();
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let mut acceptance = Acceptance {
                connection,
                settings: &settings,
                now,
                claim_up_to,
                accepted: Accepted::default(),
            };
            for event in &batch.events {
                acceptance.take(&connector, event)?;
            }
            if let Some(position) = &batch.cursor {
                acceptance.move_cursor(&connector, &batch.scope, position)?;
                if batch.caught_up {
                    acceptance.catch_up(&connector, &batch.scope)?;
                }
            }
            failpoint::hit("accept.before_commit");
            Ok(acceptance.accepted)
        })
        .await
    }

    /// The cursor stored last for a scope.
    pub async fn cursor(&self, connector: ConnectorName, scope: String) -> Result<Option<String>, StoreError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached("SELECT position FROM cursor WHERE connector = ?1 AND scope = ?2")?
                .query_row([connector.as_str(), scope.as_str()], |row| row.get(0))
                .optional()?)
        })
        .await
    }
}

struct Acceptance<'a> {
    connection: &'a Connection,
    settings: &'a RouterSettings,
    now: i64,
    claim_up_to: usize,
    accepted: Accepted,
}

impl Acceptance<'_> {
    fn take(&mut self, connector: &ConnectorName, event: &Event) -> Result<(), StoreError> {
        let Some(event_number) = insert_event(self.connection, self.now, connector, event, "")? else {
            return Ok(());
        };
        if let EventKind::Moved { to } = &event.kind {
            return self.move_chat(event, event_number, to);
        }
        let user = identity::user_of(self.connection, connector.as_str(), event.sender.id.as_str())?;
        let user = match user {
            None if self.settings.open_access && event.sender.kind == SenderKind::Person => Some(identity::welcome(
                self.connection,
                &event.address.connector,
                &event.sender.id,
            )?),
            known => known,
        };
        // Whoever is passed over leaves no conversation behind.
        let place = self.find_place(event)?;
        let about_gate = self.settings.may_be_about_the_gate(event);
        let (approvals, newest_is_prompt_of) = match &place {
            Some(place) => (
                approvals::views(self.connection, place.conversation, about_gate, chosen(event))?,
                self.newest_prompt_before(event, place)?,
            ),
            None => (Vec::new(), None),
        };
        let unfinished = match (&event.kind, &place) {
            (EventKind::Message(_), Some(place)) if user.is_some() => self.unfinished(event, place)?,
            _ => None,
        };
        let edited = match (&event.kind, &place) {
            (EventKind::Edit(message), Some(place)) if user.is_some() => self.edited(place, &message.reference)?,
            _ => None,
        };
        let to_stop = match (&event.kind, &place) {
            (EventKind::Choice { choice, .. }, Some(place)) => self.to_stop(choice, place, user.as_ref())?,
            _ => None,
        };
        let situation = Situation {
            user: user.as_ref(),
            quietly: self.can_reply(event),
            stranger_told: user.is_none() && self.stranger_told(event)?,
            keywords: &self.settings.keywords,
            approvals: &approvals,
            newest_is_prompt_of,
            unfinished: unfinished.as_ref(),
            edited: edited.as_ref(),
            to_stop: to_stop.as_ref(),
        };
        let intent = router::route(event, &situation);
        if let Some(unfinished) = &unfinished
            && !matches!(intent, Intent::Join(_))
        {
            self.wait_no_longer(unfinished.turn)?;
        }
        let place = match (&intent, place) {
            (Intent::Ignore(reason), place) => {
                self.forget_words(event, event_number)?;
                self.note_outcome(event, event_number, &format!("ignored: {reason}"))?;
                return place.map_or(Ok(()), |place| self.claim_next(place.conversation));
            }
            (_, Some(place)) => place,
            (_, None) => self.make_place(event)?,
        };
        let outcome = self.carry_out(intent, event, event_number, &place, user.as_ref())?;
        self.note_outcome(event, event_number, &outcome)?;
        self.claim_next(place.conversation)
    }

    /// The question whose prompt is the newest message of ours, if it stood there when the event happened: a word that was said
    /// before is no answer to it, however late it is read.
    fn newest_prompt_before(&self, event: &Event, place: &Place) -> Result<Option<ApprovalId>, StoreError> {
        let Some(newest) = approvals::newest_prompt(self.connection, place.conversation)? else {
            return Ok(None);
        };
        let EventKind::Message(message) = &event.kind else {
            return Ok(Some(newest.approval));
        };
        let number = |reference: &MessageRef| reference.as_str().parse::<i64>().ok();
        let stood_there = if self.settings.references_count_up.contains(&event.address.connector) {
            let prompt = newest.reference.as_ref().and_then(number);
            prompt
                .zip(number(&message.reference))
                .is_some_and(|(prompt, word)| prompt < word)
        } else {
            newest
                .sent_at
                .is_some_and(|sent_at| sent_at - RECORDED_WITHIN_MS <= event.at.as_millisecond())
        };
        Ok(stood_there.then_some(newest.approval))
    }

    /// Of what nobody is served for, only that it came is kept.
    fn forget_words(&self, event: &Event, event_number: i64) -> Result<(), StoreError> {
        if !matches!(event.kind, EventKind::Other { .. }) {
            self.connection
                .prepare_cached("UPDATE event SET body = '{}' WHERE id = ?1")?
                .execute([event_number])?;
        }
        Ok(())
    }

    fn note_outcome(&self, event: &Event, event_number: i64, outcome: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("UPDATE event SET outcome = ?2 WHERE id = ?1")?
            .execute(params![event_number, outcome])?;
        self.connection
            .prepare_cached("DELETE FROM event_attempt WHERE connector = ?1 AND event_id = ?2")?
            .execute([event.address.connector.as_str(), event.id.as_str()])?;
        Ok(())
    }

    /// Nobody did this, so nobody is asked whether they may.
    fn move_chat(&mut self, event: &Event, event_number: i64, to: &ChatId) -> Result<(), StoreError> {
        let Address { connector, chat, .. } = &event.address;
        let moved = moved::move_chat(self.connection, self.now, connector, chat, to)?;
        self.accepted.messages.extend(moved.messages);
        self.accepted.waits |= !moved.replaced.is_empty();
        self.accepted.replaced.extend(moved.replaced);
        self.note_outcome(event, event_number, "moved")
    }

    fn move_cursor(&self, connector: &ConnectorName, scope: &str, position: &str) -> Result<(), StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO cursor (connector, scope, position, updated_at) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (connector, scope) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at",
            )?
            .execute(params![connector.as_str(), scope, position, self.now])?;
        Ok(())
    }

    /// Notes that there is nothing more to read now. Puts open questions again where that was not so for long: what was pressed
    /// meanwhile and is still delivered has been handled by now, what is lost has to be asked for once more.
    fn catch_up(&mut self, connector: &ConnectorName, scope: &str) -> Result<(), StoreError> {
        let last: Option<i64> = self
            .connection
            .prepare_cached("SELECT max(caught_up_at) FROM cursor WHERE connector = ?1")?
            .query_row([connector.as_str()], |row| row.get(0))?;
        self.connection
            .prepare_cached("UPDATE cursor SET caught_up_at = ?3 WHERE connector = ?1 AND scope = ?2")?
            .execute(params![connector.as_str(), scope, self.now])?;
        let (Some(last), Some(longest)) = (last, self.settings.announce_again_after.get(connector)) else {
            return Ok(());
        };
        let longest = i64::try_from(longest.as_millis()).unwrap_or(i64::MAX);
        if self.now - last > longest {
            tracing::info!(connector.name = %connector, away.s = (self.now - last) / 1000, "back after an absence: open questions are put again");
            let shown_before = self.now - longest;
            let messages = approvals::announce_after_absence(self.connection, self.now, connector, shown_before)?;
            self.accepted.messages.extend(messages);
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        intent: Intent,
        event: &Event,
        event_number: i64,
        place: &Place,
        user: Option<&UserName>,
    ) -> Result<String, StoreError> {
        let about = format!("e{event_number}");
        match (intent, user) {
            (Intent::TellStranger, _) => {
                self.tell_stranger(place, &about, event)?;
                Ok("stranger told".to_owned())
            }
            (Intent::Say(text), _) => {
                self.tell(place, &about, event, &text)?;
                Ok("told".to_owned())
            }
            (Intent::Ask { .. }, Some(user)) if self.is_over_budget(user)? => {
                self.say(place, &about, event, strings::OVER_BUDGET)?;
                Ok("over budget".to_owned())
            }
            (Intent::Ask { .. }, Some(user)) => {
                let turn = self.new_turn(event, event_number, place, user)?;
                let ahead = query::open_turns_before(self.connection, self.now, place.conversation, turn)?;
                if ahead > 0 {
                    self.say_in_passing(place, &about, event, &strings::queued(ahead))?;
                }
                Ok(format!("turn {turn}"))
            }
            (Intent::Join(turn), Some(_)) => {
                self.join(turn, event, event_number, place)?;
                Ok(format!("joined turn {turn}"))
            }
            (Intent::Replace(turn), Some(user)) => self.replace(turn, event, event_number, place, user),
            (Intent::TellBegun(turn), Some(_)) => {
                self.tell_begun(turn, event, place)?;
                Ok("told".to_owned())
            }
            (
                Intent::Decide {
                    approvals,
                    choice: Choice::Show,
                    ..
                },
                Some(_),
            ) => {
                self.reply(event, strings::decided(Choice::Show));
                for (number, approval) in approvals.iter().enumerate() {
                    self.show_whole(place, &format!("{about}.{number}"), *approval)?;
                }
                Ok("shown".to_owned())
            }
            (
                Intent::Decide {
                    approvals,
                    choice,
                    reason,
                },
                Some(user),
            ) => {
                self.decide(place, &about, event, &approvals, choice, reason.as_ref(), user)?;
                Ok(format!("decided: {}", choice.as_str()))
            }
            (Intent::StopTurn(turn), Some(_)) => {
                let word = if self.stop_turn(place, turn)? {
                    strings::stopped(1)
                } else {
                    strings::OVER_ALREADY.to_owned()
                };
                self.reply(event, &word);
                Ok(format!("stopped turn {turn}"))
            }
            (Intent::Run(command), Some(user)) => self.run_command(command, event, &about, place, user),
            (Intent::Ignore(_), _) | (_, None) => Ok("ignored: stranger".to_owned()),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one decision with all that belongs to it")]
    fn decide(
        &mut self,
        place: &Place,
        about: &str,
        event: &Event,
        approvals: &[ApprovalId],
        choice: Choice,
        reason: Option<&Text>,
        user: &UserName,
    ) -> Result<(), StoreError> {
        for (number, approval) in approvals.iter().enumerate() {
            let record = DecisionRecord {
                choice,
                by: user,
                via: event.address.connector.as_str(),
                reason,
            };
            let decided = approvals::decide(self.connection, self.now, *approval, &record)?;
            self.accepted.messages.extend(decided.messages);
            self.accepted.events.extend(decided.event);
            match (decided.tell, decided.word) {
                (Some(word), _) => self.tell(place, &format!("{about}.{number}"), event, &word)?,
                (None, Some(word)) => self.reply(event, word),
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Says something to an event: quietly to whoever took a choice, where that is possible. The message of an edit still gets its
    /// answer.
    fn tell(&mut self, place: &Place, about: &str, event: &Event, text: &str) -> Result<(), StoreError> {
        match event.kind {
            EventKind::Choice { .. } if self.can_reply(event) => {
                self.reply(event, text);
                Ok(())
            }
            EventKind::Edit(_) => self.say_in_passing(place, about, event, text),
            _ => self.say(place, about, event, text),
        }
    }

    fn can_reply(&self, event: &Event) -> bool {
        matches!(event.kind, EventKind::Choice { .. }) && self.settings.replies_to_choices.contains(&event.address.connector)
    }

    /// Tells whoever took a choice what came of it, where nobody else sees that.
    fn reply(&mut self, event: &Event, text: &str) {
        if !self.can_reply(event) {
            return;
        }
        let fits = text.chars().count() <= LONGEST_REPLY;
        let text = if fits {
            text.to_owned()
        } else {
            text.chars().take(LONGEST_REPLY - 1).chain(['…']).collect()
        };
        self.accepted.replies.push(ChoiceReply {
            event: event.id.clone(),
            text: Text::new(text),
        });
    }

    /// Answers an event with a word; that is all that it gets.
    fn say(&mut self, place: &Place, about: &str, event: &Event, text: &str) -> Result<(), StoreError> {
        self.notify(place, about, event, text, true)
    }

    /// Says something to an event whose answer is still to come.
    fn say_in_passing(&mut self, place: &Place, about: &str, event: &Event, text: &str) -> Result<(), StoreError> {
        self.notify(place, about, event, text, false)
    }

    fn notify(&mut self, place: &Place, about: &str, event: &Event, text: &str, settles: bool) -> Result<(), StoreError> {
        let notice = Notice {
            conversation: place.conversation,
            about,
            body: Document::parse(text),
            reply_to: message_of(event),
            settles,
            limit: self.settings.text_limit(&event.address.connector),
        };
        let rows = notify(self.connection, self.now, notice)?;
        self.accepted.messages.extend(rows);
        Ok(())
    }

    fn claim_next(&mut self, conversation: i64) -> Result<(), StoreError> {
        if self.accepted.claimed.len() < self.claim_up_to {
            let claimed = claim::next_in(self.connection, self.now, conversation, self.settings.history_tokens)?;
            self.accepted.claimed.extend(claimed);
        }
        Ok(())
    }

    /// Whether the user has used up today's tokens.
    fn is_over_budget(&self, user: &UserName) -> Result<bool, StoreError> {
        let Some(budget) = self.settings.daily_tokens_per_user else {
            return Ok(false);
        };
        Ok(query::tokens_today(self.connection, self.now, user)? >= budget)
    }
}

/// The question that a choice names, which may be one decided long ago.
fn chosen(event: &Event) -> Option<ApprovalId> {
    match &event.kind {
        EventKind::Choice { choice, .. } => Choice::from_id(choice).map(|(approval, _)| approval),
        _ => None,
    }
}

fn message_of(event: &Event) -> Option<&MessageRef> {
    match &event.kind {
        EventKind::Message(message) | EventKind::Edit(message) => Some(&message.reference),
        _ => None,
    }
}

/// A turn's last word, for turns that end before anything was shown of them.
pub(super) fn last_word(
    connection: &Connection,
    now: i64,
    conversation: i64,
    turn: TurnId,
    state: &TurnState,
    text: &str,
) -> Result<MessageRow, StoreError> {
    let content = OutgoingMessage {
        kind: MessageKind::Answer,
        body: Document::parse(text),
        choices: Vec::new(),
        reply_to: state.request.reply_to.clone(),
        live: false,
        last: true,
    };
    let id = MessageId::answer(turn, state.segment, 0);
    desire(
        connection,
        now,
        &Desire {
            id,
            conversation,
            turn: Some(turn),
            approval: None,
            content: Some(content),
        },
    )
}

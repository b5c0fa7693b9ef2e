//! `accept`: events come in, and what they mean is decided and stored in the same transaction.

mod commands;

use super::approvals::{self, DecisionRecord};
use super::claim::{self, ClaimedTurn};
use super::message::{Desire, MessageId, MessageRow, Notice, desire, notify};
use super::rows::{chat_kind_word, to_json};
use super::{Store, StoreError, identity, query};
use crate::contested::Contested;
use crate::domain::{ApprovalId, SessionId, TurnId, UserName};
use crate::failpoint;
use crate::gate::{Choice, Keywords};
use crate::models::Message;
use crate::router::{self, Intent, Situation};
use crate::strings;
use crate::turn::{MemorySwitches, Mode, Request, TurnEvent, TurnState};
use cortex_chat::{
    ConnectorName, Document, Event, EventBatch, EventKind, MessageKind, MessageRef, OutgoingMessage, SenderKind, Text,
    TextLimit, TextUnit,
};
use rusqlite::{Connection, OptionalExtension as _, params};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A stranger is told once in this time.
const STRANGER_TOLD_EVERY: Duration = Duration::from_hours(24);

/// An event that took the daemon down this many times is set aside. The first time is not counted on disk: only
/// after an unclean stop are attempts counted, so a count of three means three.
const MAX_EVENT_ATTEMPTS: i64 = 3;

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
    /// What a person is shown of the model in `/status`.
    pub model_label: String,
    /// Accounts that somebody else reads too; `/status` says so.
    pub contested: Contested,
}

impl RouterSettings {
    /// Whether an event may be about a question, open or decided: a choice, a reply, a keyword.
    pub fn may_be_about_the_gate(&self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Message(message) => message.reply_to.is_some() || self.keywords.read(message.text.as_str()).is_some(),
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
    /// For the turns' listeners.
    pub events: Vec<(TurnId, TurnEvent)>,
}

impl Store {
    /// Stores events and the cursor after them, decides what they mean, and takes up at most `claim_up_to` turns.
    /// An event that is already there is passed over.
    pub async fn accept(
        &self,
        connector: ConnectorName,
        batch: EventBatch,
        settings: Arc<RouterSettings>,
        claim_up_to: usize,
    ) -> Result<Accepted, StoreError> {
        let now = self.clock.now().as_millisecond();
        self.write(move |connection| {
            let mut acceptance = Acceptance { connection, settings: &settings, now, claim_up_to, accepted: Accepted::default() };
            for event in &batch.events {
                acceptance.take(&connector, event)?;
            }
            if let Some(cursor) = &batch.cursor {
                connection
                    .prepare_cached(
                        "INSERT INTO cursor (connector, scope, position, updated_at) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (connector, scope) DO UPDATE SET position = excluded.position, updated_at = excluded.updated_at",
                    )?
                    .execute(params![connector.as_str(), batch.scope, cursor, now])?;
            }
            failpoint::hit("accept.before_commit");
            Ok(acceptance.accepted)
        })
        .await
    }

    /// Counts an attempt to handle an event, before it is handled; used after an unclean stop. When it took the daemon down too
    /// often, it is set aside instead, and what its sender is told is given back.
    pub async fn count_event_attempt(
        &self,
        connector: ConnectorName,
        event: &Event,
        settings: Arc<RouterSettings>,
    ) -> Result<Option<Vec<MessageRow>>, StoreError> {
        let (event, now) = (event.clone(), self.clock.now().as_millisecond());
        self.write(move |connection| {
            let known: bool = connection.query_row(
                "SELECT EXISTS (SELECT 1 FROM event WHERE connector = ?1 AND event_id = ?2)",
                [connector.as_str(), event.id.as_str()],
                |row| row.get(0),
            )?;
            if known {
                return Ok(None);
            }
            let attempts: i64 = connection.query_row(
                "INSERT INTO event_attempt (connector, event_id, attempts) VALUES (?1, ?2, 1)
                 ON CONFLICT (connector, event_id) DO UPDATE SET attempts = attempts + 1 RETURNING attempts",
                [connector.as_str(), event.id.as_str()],
                |row| row.get(0),
            )?;
            if attempts < MAX_EVENT_ATTEMPTS {
                return Ok(None);
            }
            let accepted = Accepted::default();
            let mut acceptance = Acceptance {
                connection,
                settings: &settings,
                now,
                claim_up_to: 0,
                accepted,
            };
            if let Some(event_number) = insert_event(connection, now, &connector, &event, "set aside")?
                && identity::user_of(connection, connector.as_str(), event.sender.id.as_str())?.is_some()
            {
                let place = acceptance.place(&event)?;
                acceptance.say(&place, &format!("e{event_number}"), &event, strings::EVENT_SET_ASIDE)?;
            }
            Ok(Some(acceptance.accepted.messages))
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

/// The conversation of an event, found or made.
struct Place {
    conversation: i64,
    session: SessionId,
    running: Option<TurnId>,
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
        let user = identity::user_of(self.connection, connector.as_str(), event.sender.id.as_str())?;
        let user = match user {
            None if self.settings.open_access && event.sender.kind == SenderKind::Person => Some(identity::welcome(
                self.connection,
                &event.address.connector,
                &event.sender.id,
            )?),
            known => known,
        };
        let place = self.place(event)?;
        let about_gate = self.settings.may_be_about_the_gate(event);
        let approvals = approvals::views(self.connection, place.conversation, about_gate, chosen(event))?;
        let newest_is_prompt_of = approvals::newest_message_is_prompt_of(self.connection, place.conversation)?;
        let situation = Situation {
            user: user.as_ref(),
            stranger_told: user.is_none() && self.stranger_told(event, event_number)?,
            keywords: &self.settings.keywords,
            approvals: &approvals,
            newest_is_prompt_of,
        };
        let intent = router::route(event, &situation);
        let outcome = self.carry_out(intent, event, event_number, &place, user.as_ref())?;
        self.connection
            .prepare_cached("UPDATE event SET outcome = ?2 WHERE id = ?1")?
            .execute(params![event_number, outcome])?;
        self.connection
            .prepare_cached("DELETE FROM event_attempt WHERE connector = ?1 AND event_id = ?2")?
            .execute([connector.as_str(), event.id.as_str()])?;
        self.claim_next(place.conversation)
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
            (Intent::Ignore(reason), _) => Ok(format!("ignored: {reason}")),
            (Intent::TellStranger, _) => {
                self.say(place, &about, event, strings::STRANGER)?;
                Ok("stranger told".to_owned())
            }
            (Intent::Say(text), _) => {
                self.say(place, &about, event, &text)?;
                Ok("told".to_owned())
            }
            (Intent::Ask { .. }, Some(user)) if self.is_over_budget(user)? => {
                self.say(place, &about, event, strings::OVER_BUDGET)?;
                Ok("over budget".to_owned())
            }
            (Intent::Ask { tainted }, Some(user)) => {
                let turn = self.new_turn(event, place, user, tainted)?;
                let ahead = query::open_turns_before(self.connection, place.conversation, turn)?;
                if ahead > 0 {
                    self.say_in_passing(place, &about, event, &strings::queued(ahead))?;
                }
                Ok(format!("turn {turn}"))
            }
            (
                Intent::Decide {
                    approvals,
                    choice: Choice::Show,
                    ..
                },
                Some(_),
            ) => {
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
            (Intent::Run(command), Some(user)) => self.run_command(command, event, &about, place, user),
            (_, None) => Ok("ignored: stranger".to_owned()),
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
            if let Some(word) = decided.tell {
                self.say(place, &format!("{about}.{number}"), event, &word)?;
            }
        }
        Ok(())
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

    fn new_turn(&mut self, event: &Event, place: &Place, user: &UserName, tainted: bool) -> Result<TurnId, StoreError> {
        let EventKind::Message(message) = &event.kind else {
            return Err(StoreError::Corrupt {
                place: "event".to_owned(),
                problem: "a request that is no message".to_owned(),
            });
        };
        let request = Request {
            text: message.text.clone(),
            user: user.clone(),
            session: place.session,
            address: event.address.clone(),
            chat_kind: event.chat_kind,
            reply_to: Some(message.reference.clone()),
            profile: self.settings.profile.clone(),
            persona: None,
            mode: Mode::Chat,
            tier: 2,
            memory: MemorySwitches::default(),
            respond: true,
            tainted,
        };
        let turn = TurnId::new();
        let words = Message::User {
            text: request.text.clone(),
        };
        let state = TurnState::new(request, uuid::Uuid::new_v4().simple().to_string());
        self.connection
            .prepare_cached(
                "INSERT INTO turn (id, conversation, session, user, status, resumed, attempts, version, state, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, 'queued', 0, 0, 0, ?5, ?6, ?6)",
            )?
            .execute(params![
                turn.to_string(),
                place.conversation,
                place.session.to_string(),
                user.0,
                to_json(&state)?,
                self.now
            ])?;
        self.connection
            .prepare_cached(
                "INSERT INTO history (session, turn, open, body, metadata, tainted, at) VALUES (?1, ?2, 1, ?3, '{}', ?4, ?5)",
            )?
            .execute(params![place.session.to_string(), turn.to_string(), to_json(&words)?, tainted, self.now])?;
        Ok(turn)
    }

    fn claim_next(&mut self, conversation: i64) -> Result<(), StoreError> {
        if self.accepted.claimed.len() < self.claim_up_to {
            let claimed = claim::next_in(self.connection, self.now, conversation, self.settings.history_tokens)?;
            self.accepted.claimed.extend(claimed);
        }
        Ok(())
    }

    fn place(&self, event: &Event) -> Result<Place, StoreError> {
        let address = &event.address;
        let thread = address.thread.as_ref().map_or("", |thread| thread.as_str());
        let found = self
            .connection
            .prepare_cached(
                "SELECT id, session, running_turn FROM conversation WHERE connector = ?1 AND chat = ?2 AND thread = ?3",
            )?
            .query_row(params![address.connector.as_str(), address.chat.as_str(), thread], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, Option<String>>(2)?,
                ))
            })
            .optional()?;
        if let Some((conversation, session, running)) = found {
            let place = format!("conversation.session of {conversation}");
            return Ok(Place {
                conversation,
                session: super::rows::from_id(&session, &place)?,
                running: running.and_then(|turn| turn.parse().ok()),
            });
        }
        let session = SessionId::new();
        self.connection
            .prepare_cached(
                "INSERT INTO conversation (connector, chat, thread, chat_kind, session, epoch) VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            )?
            .execute(params![
                address.connector.as_str(),
                address.chat.as_str(),
                thread,
                chat_kind_word(event.chat_kind),
                session.to_string()
            ])?;
        let conversation = self.connection.last_insert_rowid();
        self.start_session(conversation, session)?;
        Ok(Place {
            conversation,
            session,
            running: None,
        })
    }

    fn start_session(&self, conversation: i64, session: SessionId) -> Result<(), StoreError> {
        self.connection
            .prepare_cached("INSERT INTO session (id, conversation, started_at) VALUES (?1, ?2, ?3)")?
            .execute(params![session.to_string(), conversation, self.now])?;
        Ok(())
    }

    /// Whether the user has used up today's tokens.
    fn is_over_budget(&self, user: &UserName) -> Result<bool, StoreError> {
        let Some(budget) = self.settings.daily_tokens_per_user else {
            return Ok(false);
        };
        Ok(query::tokens_today(self.connection, self.now, user)? >= budget)
    }

    fn stranger_told(&self, event: &Event, event_number: i64) -> Result<bool, StoreError> {
        let since = self.now - i64::try_from(STRANGER_TOLD_EVERY.as_millis()).unwrap_or(i64::MAX);
        Ok(self
            .connection
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM event WHERE connector = ?1 AND sender = ?2 AND received_at > ?3
                 AND outcome = 'stranger told' AND id < ?4)",
            )?
            .query_row(
                params![
                    event.address.connector.as_str(),
                    event.sender.id.as_str(),
                    since,
                    event_number
                ],
                |row| row.get(0),
            )?)
    }
}

/// Puts an event into the inbox; `None` when it is already there.
fn insert_event(
    connection: &Connection,
    now: i64,
    connector: &ConnectorName,
    event: &Event,
    outcome: &str,
) -> Result<Option<i64>, StoreError> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO event (connector, event_id, received_at, occurred_at, sender, body, outcome)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (connector, event_id) DO NOTHING",
        )?
        .execute(params![
            connector.as_str(),
            event.id.as_str(),
            now,
            event.at.as_millisecond(),
            event.sender.id.as_str(),
            to_json(event)?,
            outcome
        ])?;
    Ok((inserted > 0).then(|| connection.last_insert_rowid()))
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

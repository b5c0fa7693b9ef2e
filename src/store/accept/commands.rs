//! What the commands of the chat do, in the transaction that stored them.

use super::{Acceptance, Place};
use crate::domain::{ApprovalId, SessionId, TurnId, UserName};
use crate::gate::Choice;
use crate::router::{COMMANDS, Command, TurnToStop, Which};
use crate::store::message::{Notice, notify};
use crate::store::{OpenTurn, StoreError, approvals, query, step};
use crate::strings;
use crate::turn::{TurnStatus, turn_to_stop};
use cortex_chat::{ChoiceId, ConnectorName, Event, Text};
use rusqlite::{OptionalExtension as _, params};

impl Acceptance<'_> {
    pub(super) fn run_command(
        &mut self,
        command: Command,
        event: &Event,
        about: &str,
        place: &Place,
        user: &UserName,
    ) -> Result<String, StoreError> {
        let reply = match command {
            Command::Help => strings::help(COMMANDS, self.is_admin(user)?),
            Command::New => {
                self.new_session(place)?;
                strings::NEW_SESSION.to_owned()
            }
            Command::Stop => {
                let stopped = self.stop(place, user)?;
                strings::stopped(stopped)
            }
            Command::Status => {
                let facts = query::status(self.connection, place.conversation, user)?;
                let text = query::status_text(&facts, &self.settings.model_label);
                if self.settings.contested.includes(&event.address.connector) {
                    format!("{text}\n{}", strings::STATUS_TOOLS_OFF)
                } else {
                    text
                }
            }
            Command::Approvals => query::approvals_text(self.connection, place.conversation)?,
            Command::Usage => query::usage_text(self.connection, self.now, user)?,
            Command::Deny { which, reason } => return self.deny(&which, reason.as_ref(), event, about, place, user),
            Command::Pair(request) => self.pair(request.as_ref(), event, user)?,
            Command::Unknown(name) => strings::unknown_command(&name),
        };
        self.say(place, about, event, &reply)?;
        Ok("command".to_owned())
    }

    fn deny(
        &mut self,
        which: &Which,
        reason: Option<&Text>,
        event: &Event,
        about: &str,
        place: &Place,
        user: &UserName,
    ) -> Result<String, StoreError> {
        let open = approvals::open_of(self.connection, place.conversation, user)?;
        let codes: Vec<&str> = open.iter().map(|(_, code)| code.as_str()).collect();
        let wanted: Vec<ApprovalId> = match which {
            Which::All => open.iter().map(|(id, _)| *id).collect(),
            Which::Code(wanted) => open.iter().filter(|(_, code)| code == wanted).map(|(id, _)| *id).collect(),
            Which::Unnamed if open.len() == 1 => vec![open[0].0],
            Which::Unnamed => Vec::new(),
        };
        if wanted.is_empty() {
            let word = match which {
                Which::Code(code) => strings::no_such_code(code),
                Which::Unnamed if codes.len() > 1 => strings::which_to_deny(&codes),
                _ => strings::NOTHING_TO_DECIDE.to_owned(),
            };
            self.say(place, about, event, &word)?;
        }
        self.decide(place, about, event, &wanted, Choice::Deny, reason, user)?;
        Ok("command".to_owned())
    }

    pub(super) fn show_whole(&mut self, place: &Place, about: &str, approval: ApprovalId) -> Result<(), StoreError> {
        if let Some(approval) = approvals::by_id(self.connection, approval)? {
            let limit = self.settings.text_limit(&self.connector_of(place)?);
            let body = crate::gate::preview::whole(&approval.question);
            let (conversation, settles) = (place.conversation, true);
            let notice = Notice {
                conversation,
                about,
                body,
                reply_to: None,
                settles,
                limit,
            };
            let rows = notify(self.connection, self.now, notice)?;
            self.accepted.messages.extend(rows);
        }
        Ok(())
    }

    fn connector_of(&self, place: &Place) -> Result<ConnectorName, StoreError> {
        let name: String = self
            .connection
            .prepare_cached("SELECT connector FROM conversation WHERE id = ?1")?
            .query_row([place.conversation], |row| row.get(0))?;
        Ok(name.into())
    }

    fn new_session(&self, place: &Place) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE session SET ended_at = ?2 WHERE id = ?1",
            params![place.session.to_string(), self.now],
        )?;
        let session = SessionId::new();
        self.connection.execute(
            "UPDATE conversation SET session = ?2 WHERE id = ?1",
            params![place.conversation, session.to_string()],
        )?;
        self.start_session(place.conversation, session)
    }

    /// Stops the sender's running turn and drops their queued ones; those that wait for a decision stay.
    fn stop(&mut self, place: &Place, user: &UserName) -> Result<usize, StoreError> {
        let mut stopped = 0;
        for open in query::open_turns(self.connection, place.conversation)? {
            if &open.user == user && self.stop_open(place, &open)? {
                stopped += 1;
            }
        }
        Ok(stopped)
    }

    /// Stops one turn, if it is at work or queued.
    pub(super) fn stop_turn(&mut self, place: &Place, turn: TurnId) -> Result<bool, StoreError> {
        let open = query::open_turns(self.connection, place.conversation)?;
        match open.iter().find(|open| open.id == turn) {
            Some(open) => self.stop_open(place, open),
            None => Ok(false),
        }
    }

    fn stop_open(&mut self, place: &Place, open: &OpenTurn) -> Result<bool, StoreError> {
        if Some(open.id) == place.running {
            self.connection
                .execute("UPDATE turn SET stop_requested = 1 WHERE id = ?1", [open.id.to_string()])?;
            self.accepted.stop.push(open.id);
        } else if open.is_queued {
            let messages = step::cancel_queued(self.connection, self.now, open.id)?;
            self.accepted.messages.extend(messages);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// The turn that a choice would stop, if it is one of this conversation.
    pub(super) fn to_stop(
        &self,
        choice: &ChoiceId,
        place: &Place,
        user: Option<&UserName>,
    ) -> Result<Option<TurnToStop>, StoreError> {
        let (Some(turn), Some(user)) = (turn_to_stop(choice), user) else {
            return Ok(None);
        };
        let found: Option<(String, String, bool)> = self
            .connection
            .prepare_cached("SELECT user, status, stop_requested FROM turn WHERE id = ?1 AND conversation = ?2")?
            .query_row(params![turn.to_string(), place.conversation], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let Some((asker, status, stop_requested)) = found else {
            return Ok(None);
        };
        Ok(Some(TurnToStop {
            asker: UserName(asker),
            by_admin: self.is_admin(user)?,
            status: TurnStatus::from_word(&status).filter(|_| !stop_requested),
        }))
    }
}

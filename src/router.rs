//! What an event means: a request, a decision, a command, or nothing for us. Pure: it is given what it must know, and touches nothing.

mod command;

pub use command::{COMMANDS, Command, PairRequest, Which};

use crate::domain::{ApprovalId, Risk, TurnId, UserName};
use crate::gate::{About, ApprovalStatus, Choice, Keywords, Word};
use crate::strings;
use crate::turn::{TurnStatus, turn_to_stop};
use cortex_chat::{
    ChatKind, ChoiceId, Event, EventKind, IncomingMessage, MessageRef, MoreToCome, Provenance, SenderId, SenderKind, Text,
};
use jiff::{SignedDuration, Timestamp};

/// Parts of one text are sent within this time of each other, by a platform's clock that may tell whole seconds. What was typed
/// later is a message of its own, also when both arrive together after an outage.
const PARTS_APART: SignedDuration = SignedDuration::from_secs(3);

/// What the router must know to understand an event.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// Who the sender is to us.
    pub user: Option<&'a UserName>,
    /// Whether the sender of this event can be told something that nobody else sees.
    pub quietly: bool,
    /// Whether this stranger has been told how to be let in, and need not be told again.
    pub stranger_told: bool,
    /// The words that decide.
    pub keywords: &'a Keywords,
    /// The conversation's questions: all open ones, and those decided lately.
    pub approvals: &'a [ApprovalView],
    /// The question whose prompt is the newest message of the bot in this conversation, where it is one.
    pub newest_is_prompt_of: Option<ApprovalId>,
    /// The sender's request here that may still get more messages.
    pub unfinished: Option<&'a Unfinished>,
    /// The request that an edited message belongs to.
    pub edited: Option<&'a EditedRequest>,
    /// The turn that a choice would stop.
    pub to_stop: Option<&'a TurnToStop>,
}

/// A request that waits a moment for the messages that belong to it.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Its turn.
    pub turn: TurnId,
    /// Why more may come.
    pub more: MoreToCome,
    /// How its last message came to be.
    pub provenance: Provenance,
    /// When its last message was sent, by the platform's clock.
    pub last_at: Timestamp,
}

/// A request one of whose messages was edited.
#[derive(Clone, Debug)]
pub struct EditedRequest {
    /// Its turn.
    pub turn: TurnId,
    /// Who wrote the message.
    pub author: SenderId,
    /// What the message said before.
    pub text: Text,
    /// How far the turn is.
    pub stage: Stage,
}

/// A turn that somebody wants to stop.
#[derive(Clone, Debug)]
pub struct TurnToStop {
    /// Who asked for it.
    pub asker: UserName,
    /// Whether whoever wants to stop it is an admin.
    pub by_admin: bool,
    /// How it stands; nothing where it is about to be stopped already.
    pub status: Option<TurnStatus>,
}

/// How far a turn is, as far as its person is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was done for it that could be seen: at most a model was called.
    Untouched,
    /// Tools were run for it, or a person was asked.
    Begun,
    /// It is over, or about to be.
    Over,
}

/// What the router sees of a question.
#[derive(Clone, Debug)]
pub struct ApprovalView {
    /// Its id.
    pub id: ApprovalId,
    /// Its code.
    pub code: String,
    /// Who alone may decide.
    pub asker: UserName,
    /// The tool's risk.
    pub risk: Risk,
    /// Open or decided.
    pub status: ApprovalStatus,
    /// The messages that showed it.
    pub prompts: Vec<MessageRef>,
    /// The codes that were open when it was put.
    pub shown_with: Vec<String>,
}

/// What is to be done about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Nothing; the word says why, for the store.
    Ignore(&'static str),
    /// Tell the sender something.
    Say(String),
    /// Tell a stranger that they are one, and how to be let in.
    TellStranger,
    /// A new request.
    Ask {
        /// Whether the words are somebody else's.
        tainted: bool,
    },
    /// More of a request that waits for it.
    Join(TurnId),
    /// Other words in place of those of a request.
    Replace(TurnId),
    /// Tell the sender that the work on a request has gone too far to change it.
    TellBegun(TurnId),
    /// Decide questions.
    Decide {
        /// Which ones.
        approvals: Vec<ApprovalId>,
        /// How.
        choice: Choice,
        /// What was said with it.
        reason: Option<Text>,
    },
    /// Stop a turn that is at work or queued.
    StopTurn(TurnId),
    /// Do what a command says.
    Run(Command),
}

/// Understands one event.
pub fn route(event: &Event, situation: &Situation<'_>) -> Intent {
    let nobodys_press = matches!(event.kind, EventKind::Choice { .. }) && situation.user.is_none();
    if nobodys_press && situation.quietly {
        return Intent::Say(strings::NOT_YOURS_TO_DECIDE.to_owned());
    }
    if event.sender.kind != SenderKind::Person {
        return Intent::Ignore("not a person");
    }
    let Some(user) = situation.user else {
        let writes = matches!(event.kind, EventKind::Message(_));
        let may_tell = writes && event.chat_kind == ChatKind::OneToOne && !situation.stranger_told;
        return if may_tell {
            Intent::TellStranger
        } else {
            Intent::Ignore("stranger")
        };
    };
    match &event.kind {
        EventKind::Message(message) => route_message(event, message, user, situation),
        EventKind::Choice { choice, .. } => route_choice(choice, user, situation),
        EventKind::Stop => Intent::Run(Command::Stop),
        EventKind::Reaction { .. } => Intent::Ignore("reaction"),
        EventKind::Edit(message) => route_edit(event, message, situation),
        EventKind::Moved { .. } => Intent::Ignore("moved"),
        EventKind::Other { .. } => Intent::Ignore("not for us"),
    }
}

fn route_choice(choice: &ChoiceId, user: &UserName, situation: &Situation<'_>) -> Intent {
    if let Some(turn) = turn_to_stop(choice) {
        return stop(turn, user, situation);
    }
    match Choice::from_id(choice) {
        Some((approval, choice)) => decide(&[approval], choice, None, user, situation),
        None => Intent::Say(strings::NOTHING_TO_DECIDE.to_owned()),
    }
}

fn stop(turn: TurnId, user: &UserName, situation: &Situation<'_>) -> Intent {
    let Some(target) = situation.to_stop else {
        return Intent::Say(strings::OVER_ALREADY.to_owned());
    };
    if &target.asker != user && !target.by_admin {
        return Intent::Say(strings::NOT_YOURS_TO_STOP.to_owned());
    }
    match target.status {
        Some(TurnStatus::Queued | TurnStatus::Running) => Intent::StopTurn(turn),
        Some(TurnStatus::AwaitingConfirmation) => Intent::Say(strings::WAITS_NOT_RUNS.to_owned()),
        _ => Intent::Say(strings::OVER_ALREADY.to_owned()),
    }
}

fn route_message(event: &Event, message: &IncomingMessage, user: &UserName, situation: &Situation<'_>) -> Intent {
    let text = message.text.as_str();
    if message.provenance != Provenance::Typed {
        let about_gate = Command::read(text).is_some() || situation.keywords.read(text).is_some();
        return if about_gate {
            Intent::Say(strings::MUST_BE_TYPED.to_owned())
        } else {
            ordinary(event, message, situation)
        };
    }
    if let Some(command) = Command::read(text) {
        return if message.addressed {
            Intent::Run(command)
        } else {
            Intent::Ignore("not addressed")
        };
    }
    let prompt = message
        .reply_to
        .as_ref()
        .and_then(|replied| situation.approvals.iter().find(|approval| approval.prompts.contains(replied)));
    let spoken = situation.keywords.read(text);
    match (prompt, spoken) {
        (prompt, Some(spoken)) => match (spoken.about, prompt) {
            (About::Code(code), _) => match situation.approvals.iter().find(|approval| approval.code == code) {
                Some(approval) => decide(&[approval.id], choice_of(spoken.word), None, user, situation),
                None if message.addressed => Intent::Say(strings::no_such_code(&code)),
                None => Intent::Ignore("not addressed"),
            },
            (About::All, prompt) => decide_all(message, spoken.word, prompt, user, situation),
            (About::Unnamed, Some(prompt)) => decide(&[prompt.id], choice_of(spoken.word), None, user, situation),
            (About::Unnamed, None) => {
                bare_keyword(event, spoken.word, user, situation).unwrap_or_else(|| ordinary(event, message, situation))
            }
        },
        (Some(prompt), None) if !message.text.is_blank() => {
            decide(&[prompt.id], Choice::Deny, Some(message.text.clone()), user, situation)
        }
        (_, None) => ordinary(event, message, situation),
    }
}

/// An edit changes a request as long as nothing was done for it. It never decides, and never is a command.
fn route_edit(event: &Event, message: &IncomingMessage, situation: &Situation<'_>) -> Intent {
    let Some(edited) = situation.edited else {
        return Intent::Ignore("edit of no request");
    };
    if edited.author != event.sender.id || message.provenance != Provenance::Typed {
        return Intent::Ignore("edit of another's words");
    }
    if edited.text == message.text {
        return Intent::Ignore("edit that changes no word");
    }
    match edited.stage {
        Stage::Over => Intent::Ignore("edit of a request that is over"),
        Stage::Begun => Intent::TellBegun(edited.turn),
        Stage::Untouched if Command::read(message.text.as_str()).is_some() => Intent::Say(strings::MUST_BE_TYPED.to_owned()),
        Stage::Untouched if message.text.is_blank() && message.attachments.is_empty() => Intent::Ignore("empty"),
        Stage::Untouched => Intent::Replace(edited.turn),
    }
}

fn ordinary(event: &Event, message: &IncomingMessage, situation: &Situation<'_>) -> Intent {
    if let Some(unfinished) = situation.unfinished
        && belongs_to(unfinished, event, message)
    {
        return Intent::Join(unfinished.turn);
    }
    if !message.addressed {
        return Intent::Ignore("not addressed");
    }
    if message.text.is_blank() && message.attachments.is_empty() {
        return Intent::Ignore("empty");
    }
    Intent::Ask {
        tainted: is_foreign(message),
    }
}

/// Whether a message is the next part of a request, which speaks to the bot if its first part does.
fn belongs_to(unfinished: &Unfinished, event: &Event, message: &IncomingMessage) -> bool {
    if message.provenance != unfinished.provenance {
        return false;
    }
    match (&unfinished.more, &message.more) {
        (MoreToCome::Album(album), Some(MoreToCome::Album(same))) => album == same,
        (MoreToCome::LongText, more) => {
            let is_plain = message.reply_to.is_none() && message.quote.is_none() && message.attachments.is_empty();
            is_plain
                && !matches!(more, Some(MoreToCome::Album(_)))
                && !message.text.is_blank()
                && event.at.duration_since(unfinished.last_at).abs() <= PARTS_APART
        }
        (MoreToCome::Album(_), _) => false,
    }
}

/// Whether a message holds words of somebody who is not trusted.
pub fn is_foreign(message: &IncomingMessage) -> bool {
    matches!(message.provenance, Provenance::Forwarded | Provenance::ViaBot)
        || message.quote.as_ref().is_some_and(|quote| quote.foreign)
}

/// A keyword that names nothing decides only where nobody can be mistaken about what it means.
fn bare_keyword(event: &Event, word: Word, user: &UserName, situation: &Situation<'_>) -> Option<Intent> {
    let mut open = situation
        .approvals
        .iter()
        .filter(|approval| approval.status == ApprovalStatus::Pending);
    let (only, others) = (open.next()?, open.next());
    let unmistakable = event.chat_kind == ChatKind::OneToOne
        && others.is_none()
        && situation.newest_is_prompt_of == Some(only.id)
        && only.risk != Risk::High
        && word != Word::Always;
    unmistakable.then(|| decide(&[only.id], choice_of(word), None, user, situation))
}

/// "All" means the set that was shown: with the prompt replied to, else with the newest one; the sender's own questions alone,
/// and never one of high risk.
fn decide_all(
    message: &IncomingMessage,
    word: Word,
    prompt: Option<&ApprovalView>,
    user: &UserName,
    situation: &Situation<'_>,
) -> Intent {
    let newest = || {
        let newest = situation.newest_is_prompt_of;
        situation.approvals.iter().find(|approval| Some(approval.id) == newest)
    };
    let Some(shown) = prompt.or_else(newest) else {
        return if message.addressed {
            Intent::Say(strings::NOTHING_TO_DECIDE.to_owned())
        } else {
            Intent::Ignore("not addressed")
        };
    };
    let covered: Vec<ApprovalId> = situation
        .approvals
        .iter()
        .filter(|approval| approval.status == ApprovalStatus::Pending && &approval.asker == user)
        .filter(|approval| shown.shown_with.contains(&approval.code))
        .filter(|approval| word == Word::No || approval.risk != Risk::High)
        .map(|approval| approval.id)
        .collect();
    decide(&covered, choice_of(word), None, user, situation)
}

fn decide(ids: &[ApprovalId], choice: Choice, reason: Option<Text>, user: &UserName, situation: &Situation<'_>) -> Intent {
    let views: Vec<_> = situation
        .approvals
        .iter()
        .filter(|approval| ids.contains(&approval.id))
        .collect();
    if views.is_empty() {
        return Intent::Say(strings::NOTHING_TO_DECIDE.to_owned());
    }
    if views.iter().any(|approval| &approval.asker != user) {
        return Intent::Say(strings::NOT_YOURS_TO_DECIDE.to_owned());
    }
    match views.iter().find(|approval| approval.status != ApprovalStatus::Pending) {
        Some(decided) => Intent::Say(strings::already_decided(&decided.code, decided.status.as_str())),
        None => Intent::Decide {
            approvals: views.iter().map(|approval| approval.id).collect(),
            choice,
            reason,
        },
    }
}

fn choice_of(word: Word) -> Choice {
    match word {
        Word::Yes => Choice::Once,
        Word::Session => Choice::Session,
        Word::Always => Choice::Always,
        Word::No => Choice::Deny,
        Word::Show => Choice::Show,
    }
}

#[cfg(test)]
mod tests;

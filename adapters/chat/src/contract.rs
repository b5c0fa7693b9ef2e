//! What every adapter must do, in words and as tests.
//!
//! # Reading
//!
//! - Events are handed over in the order in which they happened, each batch with the cursor that follows it.
//! - Nothing is confirmed to the platform before [`Inbox::accept`](crate::Inbox::accept) has returned `Ok`. After a refusal the
//!   reading ends with that error or the same events are handed over again; either way they come with the same ids.
//! - A connector that is built anew goes on from the stored cursors: nothing that happened in between is lost, and what was stored
//!   comes again at most with the same id, after a clean stop not at all.
//! - A sender is named by the platform's immutable id. Display names are for sentences; other people's accounts, bots and senders
//!   that cannot be known are told apart.
//! - A message tells whether it was one-to-one or in a room, whether it speaks to the bot, what it answers (by the reference that
//!   [`Outbound::send`](crate::Outbound::send) returned), and whether its sender typed it or passes on what others wrote.
//! - What people change later comes as an edit with the reference of the message.
//! - A taken choice comes with its id and the message that offered it, and who took it can be told a word where the platform can
//!   do that.
//! - Soon after its start, and again whenever there is nothing to read, a connector reports that it has caught up.
//! - A platform that is away is waited for. Somebody else who reads the same account is reported.
//! - `run` ends with `Ok` soon after its shutdown, in the middle of a wait too.
//!
//! # Writing
//!
//! - A send shows the text; an edit replaces it in place; an edit to what stands already is `Ok` or
//!   [`NotModified`](crate::OutboundError::NotModified). What was taken away cannot be edited: that is
//!   [`Gone`](crate::OutboundError::Gone).
//! - Choices are shown with their message. An edit without choices takes them away, one with choices keeps them.
//! - A text that is as long as [`Capabilities::text_limit`](crate::Capabilities::text_limit) is taken, a longer one is
//!   [`TooLong`](crate::OutboundError::TooLong).
//! - Whatever a text contains is shown literally and whole: no markup beside that of the document, no control characters, nothing
//!   that changes the order of others.
//! - Every call is made once. A rate limit is [`RateLimited`](crate::OutboundError::RateLimited) with the platform's time and is not
//!   waited out; a lost answer is [`Unknown`](crate::OutboundError::Unknown); a platform that cannot be reached is
//!   [`Transient`](crate::OutboundError::Transient); one that does not let us write is
//!   [`Forbidden`](crate::OutboundError::Forbidden).
//! - Where [`Capabilities`](crate::Capabilities) says that sends can be found or repeated, that is true.
//! - A signal that fails does no harm to the chat.
//! - No error, no `Debug` output and no log line contains a credential or the text of a message.
//!
//! # How an adapter is held to it
//!
//! Its tests implement [`Platform`] over a fake of the wire, and call [`contract_tests!`](crate::contract_tests) with it, which makes
//! a test of each behaviour. What the platform does not have is declared in [`Platform::LACKS`], and each declaration is checked: a
//! behaviour is left out only if the harness says `false` or `None` where it was declared that it would.

mod behaviours;
mod inbox;
mod log;
mod running;

#[cfg(test)]
mod tests;

pub use behaviours::*;
pub use inbox::RecordingInbox;

use crate::{Address, Choice, Connector, MessageRef};
use async_trait::async_trait;
use std::time::Duration;

/// Longer than anything takes that goes well.
const SOON: Duration = Duration::from_secs(20);
/// How long a behaviour may take in all.
const LONG: Duration = Duration::from_mins(2);

/// A part of the contract that has no meaning on a platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// There is one chat and nobody else in it.
    Rooms,
    /// Nobody changes what they said.
    Edits,
    /// Nobody answers a certain message.
    Replies,
    /// Nobody passes on what others wrote.
    Forwards,
    /// There are no other bots.
    Bots,
    /// Everybody has an account.
    AnonymousSenders,
    /// Nobody has a name beside their id.
    DisplayNames,
    /// What happens while nobody reads is lost, as is what was refused. There are no cursors either.
    KeptEvents,
    /// Nobody else can read the account without harm to it.
    OtherReaders,
    /// Messages may be of any length.
    TextLimit,
    /// There is no limit to the number of calls.
    RateLimits,
    /// A call cannot lose its answer.
    LostAnswers,
    /// The platform is there as long as the process.
    Outages,
    /// The bot may always write.
    Refusals,
    /// There is no credential.
    Secret,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person of the one-to-one chat; also in rooms.
    Person,
    /// Somebody else in the room.
    AnotherPerson,
    /// A bot that is not ours.
    Bot,
    /// Somebody who cannot be known.
    Anonymous,
}

impl Who {
    fn lack(self) -> Lack {
        match self {
            Self::Person | Self::AnotherPerson => Lack::Rooms,
            Self::Bot => Lack::Bots,
            Self::Anonymous => Lack::AnonymousSenders,
        }
    }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with the demand to wait so long.
    RateLimit(Duration),
    /// It has its effect, but its answer does not arrive.
    LostAnswer,
    /// It does not reach the platform.
    Unreachable,
    /// The bot may not write there any more.
    Forbidden,
}

impl Fault {
    fn lack(self) -> Lack {
        match self {
            Self::RateLimit(_) => Lack::RateLimits,
            Self::LostAnswer => Lack::LostAnswers,
            Self::Unreachable => Lack::Outages,
            Self::Forbidden => Lack::Refusals,
        }
    }
}

/// A platform as an adapter's tests fake it, with the people on it.
///
/// What a method does has happened when it returns; that a connector has noticed is waited for by the caller. `false` and `None`
/// say that the platform has no such thing.
#[async_trait]
pub trait Platform: Sized + Send {
    /// What has no meaning here.
    const LACKS: &'static [Lack];

    /// A platform with an account for the bot, and a person who has a one-to-one chat with it.
    async fn start() -> Self;

    /// A connector for the account, as a new process would build it. An earlier one is no longer running.
    async fn connector(&mut self) -> Connector;

    /// The one-to-one chat.
    fn direct(&self) -> Address;

    /// A room with the bot, [`Who::Person`] and [`Who::AnotherPerson`] in it.
    async fn room(&mut self) -> Option<Address> {
        None
    }

    /// A thread that is a conversation of its own.
    async fn thread(&mut self) -> Option<Address> {
        None
    }

    /// The credential, as it would look in a log.
    fn secret(&self) -> Option<String> {
        None
    }

    /// Somebody says something; in a room it speaks to nobody. Always `true` for the person of the one-to-one chat while a
    /// connector runs.
    async fn say(&mut self, who: Who, at: &Address, text: &str) -> bool;

    /// The person takes a choice of a message; `false` if it is not on offer. A platform where choices are typed has it typed in any
    /// case.
    async fn choose(&mut self, at: &Address, message: &MessageRef, choice: &Choice) -> bool;

    /// The person speaks to the bot in a room.
    async fn mention(&mut self, _at: &Address, _text: &str) -> bool {
        false
    }

    /// The person answers a message of the bot.
    async fn reply(&mut self, _at: &Address, _to: &MessageRef, _text: &str) -> bool {
        false
    }

    /// The person changes what they said.
    async fn change(&mut self, _at: &Address, _said: &MessageRef, _text: &str) -> bool {
        false
    }

    /// The person passes on what somebody else wrote.
    async fn forward(&mut self, _at: &Address, _text: &str) -> bool {
        false
    }

    /// The person goes by another name from now on.
    async fn rename(&mut self, _name: &str) -> bool {
        false
    }

    /// Another process reads the account.
    async fn read_elsewhere(&mut self) -> bool {
        false
    }

    /// All that the person can read in a chat now of what the bot wrote, with the labels of choices.
    async fn transcript(&mut self, at: &Address) -> String;

    /// What the person who took a choice was told and nobody else.
    async fn told_privately(&mut self) -> Option<String> {
        None
    }

    /// The next call that writes fails so.
    async fn fail(&mut self, _fault: Fault) -> bool {
        false
    }

    /// Reading fails for a moment.
    async fn interrupt_reading(&mut self) -> bool {
        false
    }

    /// How many calls that write have been made, those included that failed on the platform. Asked where calls can fail.
    async fn writes(&mut self) -> usize {
        0
    }
}

/// Makes a `#[tokio::test]` of each behaviour of the contract, for a [`Platform`](crate::contract::Platform).
#[macro_export]
macro_rules! contract_tests {
    ($platform:ty) => {
        $crate::contract_tests! { @each $platform:
            events_arrive_in_order,
            refused_events_come_again,
            restart_loses_and_repeats_nothing,
            crash_after_storing_loses_nothing,
            message_arrives_as_it_was_typed,
            sender_is_known_by_more_than_a_name,
            room_is_told_apart,
            people_in_a_room_are_told_apart,
            thread_is_a_conversation,
            reply_names_the_message,
            change_arrives_as_an_edit,
            forwarded_words_are_marked,
            bots_are_marked,
            anonymous_senders_are_marked,
            idle_connector_has_caught_up,
            shutdown_ends_the_reading,
            reading_goes_on_after_an_interruption,
            other_reader_is_reported,
            edit_replaces_in_place,
            same_edit_changes_nothing,
            deleted_message_is_gone,
            text_up_to_the_limit_is_taken,
            hostile_text_is_literal,
            signal_does_no_harm,
            choices_are_shown_and_taken,
            edit_without_choices_takes_them_away,
            edit_with_choices_keeps_them,
            choice_is_replied_to,
            rate_limit_is_told_and_not_waited_out,
            lost_answer_is_unknown,
            unreachable_platform_is_transient,
            refusal_is_forbidden,
            lost_send_is_found,
            repeated_send_is_one_message,
            nothing_secret_is_told,
        }
    };
    (@each $platform:ty: $($behaviour:ident,)+) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                $crate::contract::in_time($crate::contract::$behaviour::<$platform>()).await;
            }
        )+
    };
}

/// Ends a behaviour that hangs.
#[doc(hidden)]
pub async fn in_time(behaviour: impl Future<Output = ()>) {
    let ended = tokio::time::timeout(LONG, behaviour).await;
    assert!(ended.is_ok(), "it takes too long");
}

/// Whether a part of the contract applies, checked against what was declared.
#[track_caller]
fn applies<P: Platform>(lack: Lack, exists: bool) -> bool {
    let declared = P::LACKS.contains(&lack);
    assert_ne!(
        exists, declared,
        "{lack:?} is declared: {declared}, but the platform has it: {exists}"
    );
    if !exists {
        println!("does not apply: the platform has no {lack:?}");
    }
    exists
}

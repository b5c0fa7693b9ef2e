//! The suite is held to its word: an adapter that does all right passes, and each thing done wrong is noticed.

mod memory;

use super::*;
use memory::{Memory, flaw};

/// An adapter without a flaw.
type Flawless = Memory<{ flaw::NONE }>;

mod flawless {
    crate::contract_tests!(super::Flawless);
}

macro_rules! notices {
    ($($behaviour:ident: $($flaw:ident $complaint:literal),+;)+) => {
        $(mod $behaviour {
            use super::*;
            $(
                #[tokio::test(start_paused = true)]
                #[should_panic(expected = $complaint)]
                #[expect(non_snake_case, reason = "named after the flaw")]
                async fn $flaw() {
                    in_time(crate::contract::$behaviour::<Memory<{ flaw::$flaw }>>()).await;
                }
            )+
        })+
    };
}

mod noticed {
    use super::*;
    notices! {
        events_arrive_in_order: REVERSES r#"left: ["two", "one""#;
        refused_events_come_again:
            CONFIRMS_BEFORE_STORING r#"left: ["later"]"#,
            GIVES_NEW_IDS "the same event has another id";
        restart_loses_and_repeats_nothing: FORGETS_THE_CURSOR r#"left: ["before", "before""#;
        sender_is_known_by_more_than_a_name: KNOWS_PEOPLE_BY_NAME r#"left: SenderId("Another Name")"#;
        reply_names_the_message: DROPS_REPLIES "left: None";
        forwarded_words_are_marked: TRUSTS_FORWARDS "left: Typed";
        bots_are_marked: TAKES_BOTS_FOR_PEOPLE "left: Person";
        idle_connector_has_caught_up: NEVER_CATCHES_UP "nothing says that the connector has caught up";
        shutdown_ends_the_reading: IGNORES_SHUTDOWN "the reading goes on after its shutdown";
        reading_goes_on_after_an_interruption: GIVES_UP_READING "the reading has ended: true";
        other_reader_is_reported: IGNORES_OTHER_READERS "reported was []";
        edit_replaces_in_place: APPENDS_EDITS "first wordssecond words";
        deleted_message_is_gone: EDITS_THE_DEAD "Ok(())";
        text_up_to_the_limit_is_taken: CUTS_TEXT "TextLimit is declared: false, but the platform has it: false";
        hostile_text_is_literal: READS_MARKS "a b c d", SHOWS_CONTROLS r"\u{1b}";
        edit_without_choices_takes_them_away: KEEPS_CHOICES "it was taken all the same";
        edit_with_choices_keeps_them: DROPS_CHOICES "it is on offer";
        rate_limit_is_told_and_not_waited_out: HIDES_LIMITS "Transient", RETRIES "Ok(())";
        lost_answer_is_unknown: TAKES_LOST_FOR_FAILED "Transient";
        lost_send_is_found: FINDS_NOTHING "left: None";
        nothing_secret_is_told:
            TELLS_TEXT "the text of a message is told",
            TELLS_THE_SECRET "the credential is told";
    }
}

#[test]
fn every_behaviour_is_a_test() {
    let list = include_str!("../contract.rs");
    let sources = [
        include_str!("behaviours/choices.rs"),
        include_str!("behaviours/faults.rs"),
        include_str!("behaviours/reading.rs"),
        include_str!("behaviours/senders.rs"),
        include_str!("behaviours/writing.rs"),
    ];
    let mut behaviours = 0;
    for line in sources.iter().flat_map(|source| source.lines()) {
        let Some(rest) = line.strip_prefix("pub async fn ") else {
            continue;
        };
        let name = rest.split('<').next().unwrap_or_default();
        assert!(list.contains(&format!(" {name},\n")), "contract_tests! does not know {name}");
        behaviours += 1;
    }
    assert!(behaviours > 30);
}

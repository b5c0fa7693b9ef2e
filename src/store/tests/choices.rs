//! What those who take a choice are told.

use super::*;
use crate::domain::TurnId;
use crate::gate::Choice;
use crate::turn::stop_choice;
use cortex_chat::ChoiceId;

impl Rig {
    async fn quietly() -> Self {
        let mut rig = Self::new().await;
        let settings = RouterSettings {
            replies_to_choices: BTreeSet::from(["test".into()]),
            ..(*rig.settings).clone()
        };
        rig.settings = Arc::new(settings);
        rig
    }

    fn press(&self, by: &str, choice: ChoiceId) -> Event {
        let mut event = self.message(by, "home", "");
        event.chat_kind = ChatKind::Room;
        event.kind = EventKind::Choice {
            message: "p1".into(),
            choice,
        };
        event
    }
}

fn replies(accepted: &Accepted) -> Vec<&str> {
    accepted.replies.iter().map(|reply| reply.text.as_str()).collect()
}

#[tokio::test]
async fn presses_are_answered_to_their_pressers_alone() {
    let rig = Rig::quietly().await;
    let claimed = rig.turn("write it").await;
    let approval = rig.asks(claimed).await;
    let once = || Choice::Once.id(approval);
    let early = rig
        .accept(
            vec![
                rig.press("stranger", once()),
                rig.press("bob", once()),
                rig.press("ann", Choice::Always.id(approval)),
                rig.press("ann", Choice::Show.id(approval)),
            ],
            0,
        )
        .await;
    assert_eq!(
        replies(&early),
        [
            strings::NOT_YOURS_TO_DECIDE,
            strings::NOT_YOURS_TO_DECIDE,
            strings::ALWAYS_FORBIDDEN,
            strings::decided(Choice::Show)
        ]
    );
    assert_eq!(early.messages.len(), 1, "the whole question, and no word about presses");
    let press = rig.press("ann", once());
    let decided = rig.accept(vec![press.clone()], 0).await;
    assert_eq!(replies(&decided), ["Allowed once."]);
    assert_eq!(decided.replies[0].event, press.id);
    let late = rig
        .accept(vec![rig.press("ann", once()), rig.press("ann", "nonsense".into())], 0)
        .await;
    assert!(replies(&late)[0].contains("already decided"), "{:?}", replies(&late));
    assert_eq!(replies(&late)[1], strings::NOTHING_TO_DECIDE);
    assert!(late.messages.is_empty());
    assert!(rig.accept(vec![press], 0).await.replies.is_empty(), "it is known");
}

#[tokio::test]
async fn press_after_the_time_is_told_so() {
    let rig = Rig::quietly().await;
    let claimed = rig.turn("write it").await;
    let approval = rig.asks(claimed).await;
    rig.pass(Duration::from_hours(25));
    let late = rig.accept(vec![rig.press("ann", Choice::Once.id(approval))], 0).await;
    assert_eq!(replies(&late), [strings::TOO_LATE]);
    assert_eq!(rig.number("SELECT count(*) FROM approval WHERE status = 'expired'"), 1);
}

#[tokio::test]
async fn where_nobody_can_be_told_quietly_the_chat_says_it() {
    let rig = Rig::new().await;
    let claimed = rig.turn("write it").await;
    let approval = rig.asks(claimed).await;
    let told = rig.accept(vec![rig.press("bob", Choice::Once.id(approval))], 0).await;
    assert_eq!(told_in(&told), [strings::NOT_YOURS_TO_DECIDE]);
    let decided = rig.accept(vec![rig.press("ann", Choice::Deny.id(approval))], 0).await;
    assert!(decided.replies.is_empty() && decided.messages.len() == 1);
}

#[tokio::test]
async fn stop_choice_stops_its_turn_and_no_other() {
    let rig = Rig::quietly().await;
    let waiting = rig.turn("write it").await;
    let waits = waiting.id;
    rig.asks(waiting).await;
    let running = rig.turn("running").await;
    let queued = rig.message("ann", "home", "queued");
    rig.accept(vec![queued], 0).await;
    let stop = |by: &str, turn| rig.press(by, stop_choice(turn));

    let foreign = rig
        .accept(vec![stop("bob", running.id), stop("stranger", running.id)], 0)
        .await;
    assert!(foreign.stop.is_empty() && foreign.messages.is_empty());
    assert_eq!(replies(&foreign), [strings::NOT_YOURS_TO_STOP, strings::NOT_YOURS_TO_DECIDE]);
    let pending = rig.accept(vec![stop("ann", waits)], 0).await;
    assert_eq!(replies(&pending), [strings::WAITS_NOT_RUNS]);

    let stopped = rig.accept(vec![stop("ann", running.id), stop("ann", running.id)], 0).await;
    assert_eq!(stopped.stop, [running.id]);
    assert_eq!(replies(&stopped), ["Stopped.", strings::OVER_ALREADY]);
    assert_eq!(rig.number("SELECT count(*) FROM turn WHERE status = 'queued'"), 1);
    let last = rig.store.claim(1, 1000).await.unwrap();
    assert!(last.is_empty(), "the conversation is not free yet");
    let queued: TurnId = rig.text("SELECT id FROM turn WHERE status = 'queued'").parse().unwrap();
    let dropped = rig.accept(vec![stop("ann", queued)], 0).await;
    assert!(dropped.stop.is_empty() && told_in(&dropped) == ["(Stopped.)"]);
    assert_eq!(
        rig.number("SELECT count(*) FROM turn WHERE status = 'awaiting_confirmation'"),
        1
    );
}

//! Choices, and what those who take them are told.

use super::*;
use crate::turn::stop_choice;

#[tokio::test]
async fn stop_under_a_growing_answer_ends_it_and_says_so_to_its_presser() {
    let rig = Rig::new().await;
    rig.says("1", "slow one").await;
    rig.shows(|texts| texts == ["You said slow one."]).await;
    let turn: TurnId = rig.word("SELECT id FROM turn").parse().unwrap();
    let stop = || EventKind::Choice {
        message: "m0".into(),
        choice: stop_choice(turn),
    };
    let told = rig.accept(stop()).await;
    assert_eq!(told.replies.len(), 1);
    assert_eq!(told.replies[0].text.as_str(), "Stopped.");
    let texts = rig.shows(|texts| texts.iter().any(|text| text.contains("Stopped"))).await;
    assert_eq!(texts, ["You said slow one.\n\n(Stopped.)"]);
    assert_eq!(rig.accept(stop()).await.replies[0].text.as_str(), "That is over already.");
    rig.end().await;
}

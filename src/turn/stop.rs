//! The choice under a growing answer that stops its turn.

use crate::domain::TurnId;
use cortex_chat::ChoiceId;

/// Tells these choices from those of the gate.
const PREFIX: &str = "stop:";

/// The opaque id of the choice that stops a turn: 37 bytes.
pub fn stop_choice(turn: TurnId) -> ChoiceId {
    ChoiceId::new(format!("{PREFIX}{turn}"))
}

/// The turn that a choice stops; `None` for anything that [`stop_choice`] did not make.
pub fn turn_to_stop(choice: &ChoiceId) -> Option<TurnId> {
    let turn = choice.as_str().strip_prefix(PREFIX)?.parse().ok()?;
    (stop_choice(turn) == *choice).then_some(turn)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ApprovalId;
    use crate::gate::Choice;

    #[test]
    fn stop_choice_names_its_turn_and_is_no_decision() {
        let turn = TurnId::new();
        let choice = stop_choice(turn);
        assert!(choice.as_str().len() <= 64);
        assert_eq!(turn_to_stop(&choice), Some(turn));
        assert_eq!(Choice::from_id(&choice), None);
        for other in [
            Choice::Once.id(ApprovalId::new()),
            "stop:".into(),
            "stop:x".into(),
            format!("STOP:{turn}").into(),
        ] {
            assert_eq!(turn_to_stop(&other), None, "{other}");
        }
    }
}

//! The actions there are, and who may execute them.

use std::str::FromStr;

/// What a person is on board.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Role {
    Crew,
    Deckhand,
    Steward,
    Bosun,
    Eto,
    ChiefEngineer,
    ChiefOfficer,
    ChiefSteward,
    Purser,
    Captain,
    Manager,
}

impl FromStr for Role {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Ok(match name {
            "crew" => Role::Crew,
            "deckhand" => Role::Deckhand,
            "steward" => Role::Steward,
            "bosun" => Role::Bosun,
            "eto" => Role::Eto,
            "chief_engineer" => Role::ChiefEngineer,
            "chief_officer" => Role::ChiefOfficer,
            "chief_steward" => Role::ChiefSteward,
            "purser" => Role::Purser,
            "captain" => Role::Captain,
            "manager" => Role::Manager,
            _ => return Err(()),
        })
    }
}

/// Something that can be done with parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    ViewPartDetails,
    ViewLowStock,
    ConsumePart,
    ReceivePart,
    AdjustStockQuantity,
}

impl Action {
    /// Every action.
    pub(super) const ALL: [Self; 5] =
        [Self::ViewPartDetails, Self::ViewLowStock, Self::ConsumePart, Self::ReceivePart, Self::AdjustStockQuantity];

    /// Its name on the wire and in the audit log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::ViewPartDetails => "view_part_details",
            Action::ViewLowStock => "view_low_stock",
            Action::ConsumePart => "consume_part",
            Action::ReceivePart => "receive_part",
            Action::AdjustStockQuantity => "adjust_stock_quantity",
        }
    }

    /// The action of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether `role` may execute it. The database asks the same again: `parts_action_roles`.
    pub(super) fn may_execute(self, role: Role) -> bool {
        match self {
            Action::ViewPartDetails | Action::ViewLowStock => true,
            Action::ConsumePart => role == Role::Crew || handles_parts(role),
            Action::ReceivePart => handles_parts(role),
            Action::AdjustStockQuantity => matches!(role, Role::Captain | Role::Manager),
        }
    }
}

fn handles_parts(role: Role) -> bool {
    match role {
        Role::Deckhand
        | Role::Bosun
        | Role::Eto
        | Role::ChiefEngineer
        | Role::ChiefOfficer
        | Role::Captain
        | Role::Manager => true,
        Role::Crew | Role::Steward | Role::ChiefSteward | Role::Purser => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_may_execute_what_the_contract_says() {
        let may = |action: Action, role: &str| action.may_execute(role.parse().expect("a role"));
        assert!(may(Action::ConsumePart, "crew") && !may(Action::ReceivePart, "crew"));
        assert!(may(Action::ReceivePart, "chief_engineer") && !may(Action::AdjustStockQuantity, "chief_engineer"));
        assert!(may(Action::AdjustStockQuantity, "manager") && may(Action::AdjustStockQuantity, "captain"));
        assert!(!may(Action::ConsumePart, "purser") && may(Action::ViewLowStock, "purser"));
    }

    #[test]
    fn an_action_is_found_by_its_exact_name_only() {
        assert_eq!(Action::named("receive_part"), Some(Action::ReceivePart));
        assert_eq!(Action::named("Receive_part"), None);
        assert_eq!(Action::named(""), None);
    }
}

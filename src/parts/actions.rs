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

impl Role {
    /// Every role, from the least to the most.
    pub(super) const ALL: [Self; 11] = [
        Self::Crew,
        Self::Deckhand,
        Self::Steward,
        Self::Bosun,
        Self::Eto,
        Self::ChiefEngineer,
        Self::ChiefOfficer,
        Self::ChiefSteward,
        Self::Purser,
        Self::Captain,
        Self::Manager,
    ];

    /// Its name in the tables and on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Role::Crew => "crew",
            Role::Deckhand => "deckhand",
            Role::Steward => "steward",
            Role::Bosun => "bosun",
            Role::Eto => "eto",
            Role::ChiefEngineer => "chief_engineer",
            Role::ChiefOfficer => "chief_officer",
            Role::ChiefSteward => "chief_steward",
            Role::Purser => "purser",
            Role::Captain => "captain",
            Role::Manager => "manager",
        }
    }
}

impl FromStr for Role {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.name() == name).ok_or(())
    }
}

/// How far an action reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    /// Changes nothing.
    Read,
    /// Changes something.
    Mutate,
    /// Changes something that somebody must sign for.
    Signed,
}

impl Variant {
    /// Its name on the wire.
    pub(super) fn name(self) -> &'static str {
        match self {
            Variant::Read => "READ",
            Variant::Mutate => "MUTATE",
            Variant::Signed => "SIGNED",
        }
    }
}

/// Something that can be done with parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    ViewPartDetails,
    ViewLowStock,
    AddToShoppingList,
    ConsumePart,
    ReceivePart,
    TransferPart,
    ReverseTransaction,
    GeneratePartLabels,
    RequestLabelOutput,
    AdjustStockQuantity,
    WriteOffPart,
}

impl Action {
    /// Every action, in the order of the contract.
    pub(super) const ALL: [Self; 11] = [
        Self::ViewPartDetails,
        Self::ViewLowStock,
        Self::AddToShoppingList,
        Self::ConsumePart,
        Self::ReceivePart,
        Self::TransferPart,
        Self::ReverseTransaction,
        Self::GeneratePartLabels,
        Self::RequestLabelOutput,
        Self::AdjustStockQuantity,
        Self::WriteOffPart,
    ];

    /// Its name on the wire and in the audit log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Action::ViewPartDetails => "view_part_details",
            Action::ViewLowStock => "view_low_stock",
            Action::AddToShoppingList => "add_to_shopping_list",
            Action::ConsumePart => "consume_part",
            Action::ReceivePart => "receive_part",
            Action::TransferPart => "transfer_part",
            Action::ReverseTransaction => "reverse_transaction",
            Action::GeneratePartLabels => "generate_part_labels",
            Action::RequestLabelOutput => "request_label_output",
            Action::AdjustStockQuantity => "adjust_stock_quantity",
            Action::WriteOffPart => "write_off_part",
        }
    }

    /// The action of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// How far it reaches.
    pub(super) fn variant(self) -> Variant {
        match self {
            Action::ViewPartDetails | Action::ViewLowStock => Variant::Read,
            Action::AddToShoppingList
            | Action::ConsumePart
            | Action::ReceivePart
            | Action::TransferPart
            | Action::GeneratePartLabels
            | Action::RequestLabelOutput => Variant::Mutate,
            Action::ReverseTransaction | Action::AdjustStockQuantity | Action::WriteOffPart => Variant::Signed,
        }
    }

    /// Whether `role` may execute it. The database asks the same again: `parts_action_roles`.
    pub(super) fn may_execute(self, role: Role) -> bool {
        match self {
            Action::AddToShoppingList | Action::ConsumePart => role == Role::Crew || self.concerns(role),
            Action::ViewPartDetails
            | Action::ViewLowStock
            | Action::ReceivePart
            | Action::TransferPart
            | Action::ReverseTransaction
            | Action::GeneratePartLabels
            | Action::RequestLabelOutput
            | Action::AdjustStockQuantity
            | Action::WriteOffPart => self.concerns(role),
        }
    }

    /// Whether it is part of the work of `role`: who may have it suggested. Crew may take what they need
    /// without being asked to.
    pub(super) fn concerns(self, role: Role) -> bool {
        match self {
            Action::ViewPartDetails | Action::ViewLowStock => true,
            Action::AddToShoppingList | Action::ConsumePart | Action::ReceivePart => handles_parts(role),
            Action::TransferPart => handles_parts(role) && role != Role::Deckhand,
            Action::GeneratePartLabels | Action::RequestLabelOutput => {
                matches!(role, Role::ChiefEngineer | Role::ChiefOfficer | Role::Captain | Role::Manager)
            }
            Action::ReverseTransaction | Action::AdjustStockQuantity | Action::WriteOffPart => {
                matches!(role, Role::Captain | Role::Manager)
            }
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
        assert!(may(Action::TransferPart, "bosun") && !may(Action::TransferPart, "deckhand"));
        assert!(may(Action::GeneratePartLabels, "chief_officer") && !may(Action::GeneratePartLabels, "eto"));
        assert!(may(Action::AddToShoppingList, "crew") && !Action::AddToShoppingList.concerns(Role::Crew));
    }

    #[test]
    fn an_action_is_found_by_its_exact_name_only() {
        assert_eq!(Action::named("receive_part"), Some(Action::ReceivePart));
        assert_eq!(Action::named("Receive_part"), None);
        assert_eq!(Action::named(""), None);
    }
}

//! Which actions fit a part as it stands, for whom, and in what order.
//!
//! Pure: it looks at values and answers values. What the suggestions say of themselves is put together in
//! `suggestions`.

use super::actions::{Action, Role, Variant};
use super::details::Stock;
use serde::Serialize;
use utoipa::ToSchema;

/// How soon somebody should see to a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Urgency {
    Critical,
    High,
    Medium,
    Low,
}

/// An action that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fit {
    pub(super) action: Action,
    /// Whether it is what should be done next.
    pub(super) is_primary: bool,
    /// How many, where the action asks and the stock tells.
    pub(super) suggested_qty: Option<i64>,
}

impl Urgency {
    /// Nothing left, at most half the minimum, at most the minimum, more.
    pub(super) fn of(stock: &Stock) -> Self {
        match stock.on_hand {
            ..=0 => Urgency::Critical,
            on_hand if on_hand * 2 <= stock.min_level => Urgency::High,
            on_hand if on_hand <= stock.min_level => Urgency::Medium,
            _ => Urgency::Low,
        }
    }
}

/// What fits: first what should be done next, last what only looks.
pub(super) fn fitting(role: Role, stock: &Stock, alert_suppressed: bool) -> Vec<Fit> {
    let fits = Action::ALL.into_iter().filter(|action| action.concerns(role) && makes_sense(*action, stock));
    let mut fits = fits.map(|action| fit(action, stock, alert_suppressed)).collect::<Vec<_>>();
    fits.sort_by_key(|fit| (!fit.is_primary, fit.action.variant() == Variant::Read));
    fits
}

/// What to be aware of.
pub(super) fn warnings(stock: &Stock, is_critical: bool, alert_suppressed: bool) -> Vec<String> {
    let below = format!("below minimum ({}/{})", stock.on_hand, stock.min_level);
    let warnings = [
        (stock.is_out_of_stock, "out of stock".to_owned()),
        (stock.is_low_stock, below),
        (is_critical, "critical part".to_owned()),
        (alert_suppressed, "alerts suppressed".to_owned()),
    ];
    warnings.into_iter().filter(|(holds, _)| *holds).map(|(_, warning)| warning).collect()
}

fn fit(action: Action, stock: &Stock, alert_suppressed: bool) -> Fit {
    let orders = action == Action::AddToShoppingList;
    Fit {
        action,
        is_primary: orders && stock.is_low_stock && !alert_suppressed,
        suggested_qty: orders.then_some(stock.suggested_order_qty),
    }
}

/// Whether the action is about a part, and can be done with what there is of it.
fn makes_sense(action: Action, stock: &Stock) -> bool {
    match action {
        Action::AddToShoppingList => stock.suggested_order_qty > 0,
        Action::ConsumePart | Action::TransferPart | Action::WriteOffPart => !stock.is_out_of_stock,
        Action::ViewPartDetails | Action::ReceivePart | Action::GeneratePartLabels | Action::AdjustStockQuantity => {
            true
        }
        // About the whole store, a ledger row and a document.
        Action::ViewLowStock | Action::ReverseTransaction | Action::RequestLabelOutput => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stock(on_hand: i64, min_level: i64, multiple: i64) -> Stock {
        Stock::new(on_hand, min_level, multiple, None, None)
    }

    fn names(role: Role, stock: &Stock, suppressed: bool) -> Vec<&'static str> {
        fitting(role, stock, suppressed).into_iter().map(|fit| fit.action.name()).collect()
    }

    #[test]
    fn what_is_low_is_ordered_first_and_looked_at_last() {
        let low = stock(2, 6, 3);
        let fits = fitting(Role::Captain, &low, false);
        let first = Fit { action: Action::AddToShoppingList, is_primary: true, suggested_qty: Some(6) };
        assert_eq!(fits.first(), Some(&first));
        assert_eq!(fits.iter().filter(|fit| fit.is_primary || fit.suggested_qty.is_some()).count(), 1);
        assert_eq!(
            names(Role::Captain, &low, false),
            [
                "add_to_shopping_list",
                "consume_part",
                "receive_part",
                "transfer_part",
                "generate_part_labels",
                "adjust_stock_quantity",
                "write_off_part",
                "view_part_details",
            ]
        );
    }

    #[test]
    fn silenced_alerts_leave_the_order_but_press_nobody() {
        let fits = fitting(Role::Captain, &stock(2, 6, 3), true);
        assert!(fits.iter().any(|fit| fit.action == Action::AddToShoppingList && fit.suggested_qty == Some(6)));
        assert!(fits.iter().all(|fit| !fit.is_primary));
    }

    #[test]
    fn nothing_is_ordered_where_nothing_is_missing() {
        for enough in [stock(6, 6, 3), stock(100, 6, 3), stock(0, 0, 1), stock(5, 0, 1)] {
            assert!(!names(Role::Captain, &enough, false).contains(&"add_to_shopping_list"), "{enough:?}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_used_moved_or_written_off() {
        let names = names(Role::Captain, &stock(0, 4, 2), false);
        assert_eq!(
            names,
            [
                "add_to_shopping_list",
                "receive_part",
                "generate_part_labels",
                "adjust_stock_quantity",
                "view_part_details"
            ]
        );
    }

    #[test]
    fn roles_see_what_is_their_work() {
        let low = stock(2, 6, 3);
        for role in [Role::Crew, Role::Steward, Role::ChiefSteward, Role::Purser] {
            assert_eq!(names(role, &low, false), ["view_part_details"]);
        }
        let variants =
            |role| fitting(role, &low, false).into_iter().map(|fit| fit.action.variant()).collect::<Vec<_>>();
        assert!(variants(Role::ChiefEngineer).contains(&Variant::Mutate));
        assert!(!variants(Role::ChiefEngineer).contains(&Variant::Signed));
        for role in [Role::Captain, Role::Manager] {
            assert!(variants(role).contains(&Variant::Signed));
        }
        assert!(!names(Role::Deckhand, &low, false).contains(&"transfer_part"));
        assert!(names(Role::Deckhand, &low, false).contains(&"receive_part"));
    }

    #[test]
    fn urgency_has_four_steps() {
        let urgency = |on_hand, min_level| Urgency::of(&stock(on_hand, min_level, 1));
        assert_eq!(urgency(0, 10), Urgency::Critical);
        assert_eq!((urgency(1, 10), urgency(5, 10)), (Urgency::High, Urgency::High));
        assert_eq!((urgency(6, 10), urgency(10, 10)), (Urgency::Medium, Urgency::Medium));
        assert_eq!((urgency(11, 10), urgency(3, 0)), (Urgency::Low, Urgency::Low));
        // Half of five is two and a half.
        assert_eq!((urgency(2, 5), urgency(3, 5)), (Urgency::High, Urgency::Medium));
    }

    #[test]
    fn warnings_say_what_is_wrong() {
        assert_eq!(
            warnings(&stock(0, 4, 2), true, true),
            ["out of stock", "below minimum (0/4)", "critical part", "alerts suppressed"]
        );
        assert_eq!(warnings(&stock(2, 6, 3), false, false), ["below minimum (2/6)"]);
        assert_eq!(warnings(&stock(25, 0, 1), false, false), [""; 0]);
    }
}

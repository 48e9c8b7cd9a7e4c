//! Every action with a sound request for it, the route it has of its own, and who may: for the tests that go through all.

use super::client::{Answer, NOTHING, OTHER_YACHT, PLENTY, SOME, User, YACHT, receive};
use crate::harness::Daemon;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::PgPool;
use uuid::Uuid;

/// Nothing has this id.
pub(crate) const UNKNOWN: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const ROLES: [&str; 11] = [
    "crew",
    "deckhand",
    "steward",
    "bosun",
    "eto",
    "chief_engineer",
    "chief_officer",
    "chief_steward",
    "purser",
    "captain",
    "manager",
];
const OFFICERS: [&str; 4] = ["chief_engineer", "chief_officer", "captain", "manager"];

/// An action, and where it may be done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deed {
    pub(crate) action: &'static str,
    /// Its own route; `{part_id}` is taken from the payload.
    pub(crate) route: &'static str,
    pub(crate) success: u16,
}

pub(crate) const DEEDS: [Deed; 11] = [
    Deed { action: "view_part_details", route: "/v1/parts/{part_id}", success: 200 },
    Deed { action: "view_low_stock", route: "/v1/parts/low-stock", success: 200 },
    Deed { action: "add_to_shopping_list", route: "/v1/parts/shopping-list", success: 200 },
    Deed { action: "consume_part", route: "/v1/parts/consume", success: 200 },
    Deed { action: "receive_part", route: "/v1/parts/receive", success: 201 },
    Deed { action: "transfer_part", route: "/v1/parts/transfer", success: 200 },
    Deed { action: "reverse_transaction", route: "/v1/parts/reverse", success: 200 },
    Deed { action: "generate_part_labels", route: "/v1/parts/labels/generate", success: 200 },
    Deed { action: "request_label_output", route: "/v1/parts/labels/output", success: 200 },
    Deed { action: "adjust_stock_quantity", route: "/v1/parts/adjust-stock", success: 200 },
    Deed { action: "write_off_part", route: "/v1/parts/write-off", success: 200 },
];

/// What the contract says of who may do what.
pub(crate) fn may(action: &str, role: &str) -> bool {
    let handles_parts = OFFICERS.contains(&role) || ["deckhand", "bosun", "eto"].contains(&role);
    match action {
        "view_part_details" | "view_low_stock" => true,
        "add_to_shopping_list" | "consume_part" => handles_parts || role == "crew",
        "receive_part" => handles_parts,
        "transfer_part" => handles_parts && role != "deckhand",
        "generate_part_labels" | "request_label_output" => OFFICERS.contains(&role),
        "reverse_transaction" | "adjust_stock_quantity" | "write_off_part" => ["captain", "manager"].contains(&role),
        _ => panic!("{action} is not in the contract"),
    }
}

fn signature() -> Value {
    json!({ "pin": "739104", "totp": "281930", "reason_code": "count" })
}

/// The test yacht: its people and places, and somebody who can make what a request needs.
pub(crate) struct Aboard<'d> {
    pub(crate) daemon: &'d Daemon,
    pub(crate) captain: User,
    pub(crate) places: [Uuid; 2],
    people: Vec<(String, String)>,
}

impl<'d> Aboard<'d> {
    pub(crate) async fn of(daemon: &'d Daemon, database: &PgPool) -> Self {
        let place = async |name: &'static str| -> Uuid {
            sqlx::query_scalar("select id from pms_part_locations where yacht_id = $1::uuid and name = $2")
                .bind(YACHT)
                .bind(name)
                .fetch_one(database)
                .await
                .unwrap()
        };
        let people: Vec<(String, String)> = sqlx::query_as(
            "select distinct on (role) role, user_id::text from auth_users_roles
             where yacht_id = $1::uuid and is_active order by role, user_id",
        )
        .bind(YACHT)
        .fetch_all(database)
        .await
        .unwrap();
        let places = [place("engine_room").await, place("engine_workshop").await];
        let mut aboard = Self { daemon, captain: User::of(daemon, super::client::CAPTAIN), places, people };
        aboard.captain = aboard.person("captain");
        aboard
    }

    pub(crate) fn person(&self, role: &str) -> User {
        let (_, user) = self.people.iter().find(|(of, _)| of == role).unwrap();
        User::of(self.daemon, user)
    }

    /// A request that nothing is wrong with. What it needs is made first, so that each call gives a fresh one.
    pub(crate) async fn sound(&self, action: &str) -> Value {
        match action {
            "view_part_details" => json!({ "part_id": PLENTY }),
            "view_low_stock" => json!({}),
            "add_to_shopping_list" => json!({ "part_id": NOTHING, "quantity_requested": 3 }),
            "consume_part" => json!({ "part_id": PLENTY, "quantity": 1 }),
            "receive_part" => receive(PLENTY, 2, &Uuid::now_v7().to_string()),
            "transfer_part" => {
                self.received().await;
                let [from, to] = self.places;
                json!({ "part_id": PLENTY, "quantity": 1, "from_location_id": from, "to_location_id": to })
            }
            "reverse_transaction" => {
                let received = self.received().await;
                json!({ "transaction_id": received, "reason": "counted twice", "signature": signature() })
            }
            "generate_part_labels" => json!({ "part_ids": [PLENTY, SOME] }),
            "request_label_output" => json!({ "document_id": self.document().await, "output": "download" }),
            "adjust_stock_quantity" => {
                json!({ "part_id": SOME, "quantity_change": 1, "reason": "found one", "signature": signature() })
            }
            "write_off_part" => {
                self.received().await;
                json!({ "part_id": PLENTY, "quantity": 1, "reason": "damaged", "signature": signature() })
            }
            _ => panic!("{action} is not in the contract"),
        }
    }

    /// Another one, for a key that was used.
    pub(crate) fn other(&self, action: &str, sound: &Value) -> Value {
        let mut other = sound.clone();
        match action {
            "generate_part_labels" => other["part_ids"] = json!([SOME]),
            "request_label_output" => other["output"] = json!("print"),
            "reverse_transaction" => other["reason"] = json!("another reason"),
            "adjust_stock_quantity" => other["quantity_change"] = json!(2),
            "add_to_shopping_list" => other["quantity_requested"] = json!(4),
            _ => other["quantity"] = json!(2),
        }
        other
    }

    /// The same about something that is not there; none where an action names nothing.
    pub(crate) async fn unknown(&self, action: &str) -> Option<Value> {
        let mut unknown = self.sound(action).await;
        let name = match action {
            "view_low_stock" => return None,
            "generate_part_labels" => {
                unknown["part_ids"] = json!([PLENTY, UNKNOWN]);
                return Some(unknown);
            }
            "reverse_transaction" => "transaction_id",
            "request_label_output" => "document_id",
            _ => "part_id",
        };
        unknown[name] = json!(UNKNOWN);
        Some(unknown)
    }

    /// Two pieces received at the first place: the ledger row.
    async fn received(&self) -> String {
        let mut body = receive(PLENTY, 2, &Uuid::now_v7().to_string());
        body["to_location_id"] = json!(self.places[0]);
        let body = self.captain.post("/v1/parts/receive", &body).await.is(201);
        body["transaction_id"].as_str().unwrap().to_owned()
    }

    /// A sheet of labels.
    pub(crate) async fn document(&self) -> String {
        let labels = json!({ "part_ids": [PLENTY] });
        let body = self.captain.post("/v1/parts/labels/generate", &labels).await.is(200);
        body["document_id"].as_str().unwrap().to_owned()
    }
}

impl Deed {
    /// Does it on its own route.
    pub(crate) async fn on_its_route(self, user: &User, payload: &Value) -> Answer {
        if !self.route.contains("{part_id}") && self.action != "view_low_stock" {
            return user.post(self.route, payload).await;
        }
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut pairs: Vec<(String, String)> =
            payload.as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value))).collect();
        let part = pairs.iter().position(|(name, _)| name == "part_id" && self.route.contains('{'));
        let path = match part {
            Some(index) => self.route.replace("{part_id}", &pairs.remove(index).1),
            None => self.route.to_owned(),
        };
        user.send(user.request(Method::GET, &path).query(&pairs)).await
    }

    /// Does it by its name.
    pub(crate) async fn by_name(self, user: &User, payload: &Value) -> Answer {
        user.execute(self.action, payload.clone()).await
    }

    /// A request that names the other yacht.
    pub(crate) fn elsewhere(payload: &Value) -> Value {
        let mut payload = payload.clone();
        payload["yacht_id"] = json!(OTHER_YACHT);
        payload
    }
}

//! `probe.read` and `probe.write`: one part of a yacht that is flagged for tests is read, and moved there and back.

use super::Went;
use super::own_api::Answer;
use crate::signals::Sensors;
use crate::store::Bench;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

impl Sensors {
    /// Reads the part.
    pub(super) async fn read_stock(&self) -> Went {
        let read = async {
            let bench = self.bench().await?;
            let path = format!("/v1/parts/{}", bench.part);
            let answer = self.own_api.ask(bench.user, Method::GET, &path, None).await?;
            let part = &answer.body["data"];
            let whole = part["id"] == json!(bench.part) && part["stock"]["on_hand"].is_i64();
            expect(&answer, 200, whole)
        };
        went(read.await)
    }

    /// Receives one and consumes it again. In this order, so that an empty shelf is no failure.
    pub(super) async fn move_stock(&self) -> Went {
        let moved = async {
            let bench = self.bench().await?;
            let body = |what: &str| {
                json!({ "part_id": bench.part, "quantity": 1, "notes": "synthetic request of the daemon",
                        "idempotency_key": format!("probe-{what}-{}", Uuid::now_v7()) })
            };
            let answer =
                self.own_api.ask(bench.user, Method::POST, "/v1/parts/receive", Some(&body("receive"))).await?;
            let whole = answer.body["part_id"] == json!(bench.part) && answer.body["quantity_received"] == 1;
            expect(&answer, 201, whole)?;
            let answer =
                self.own_api.ask(bench.user, Method::POST, "/v1/parts/consume", Some(&body("consume"))).await?;
            let (change, number) = (&answer.body["data"], |value: &Value| value.as_i64().unwrap_or_default());
            let whole = answer.body["part_id"] == json!(bench.part)
                && number(&change["quantity_before"]) - number(&change["quantity_after"]) == 1;
            expect(&answer, 200, whole)
        };
        went(moved.await)
    }

    async fn bench(&self) -> Result<Bench, Went> {
        if let Some(why) = self.own_api.missing() {
            return Err(Went::Untried(why.to_owned()));
        }
        let bench = self.store.probe_bench().await.map_err(|error| Went::Untried(error.to_string()))?;
        let nobody = "no yacht is flagged `synthetic` or `is_test` and has an engineer or captain and a stocked part";
        bench.ok_or_else(|| Went::Untried(nobody.to_owned()))
    }
}

fn went(outcome: Result<(), Went>) -> Went {
    outcome.err().unwrap_or(Went::Well)
}

fn expect(answer: &Answer, status: u16, whole: bool) -> Result<(), Went> {
    if answer.status != status {
        return Err(Went::Wrong(format!("expected {status}, got {}", answer.status)));
    }
    if whole { Ok(()) } else { Err(Went::Wrong(format!("{status} with another body than expected"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_status_and_another_body_are_wrong() {
        let answer = |status| Answer { status, body: Value::Null };
        assert_eq!(went(expect(&answer(200), 200, true)), Went::Well);
        for (status, whole) in [(200, false), (500, true), (404, true)] {
            assert!(matches!(went(expect(&answer(status), 200, whole)), Went::Wrong(_)), "{status} {whole}");
        }
    }
}

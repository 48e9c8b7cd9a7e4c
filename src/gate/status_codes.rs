//! The handlers, exercised at every status code they may answer with.

use super::Target;
use super::acceptance::{movable_part, signature};
use super::book::{Evidence, Verdict, ensure};
use super::people::of;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

const CONSUME: &str = "consume what was received";

/// Each of 200, 201, 400, 401, 403, 404 and 409, from the handler that should give it.
pub(super) async fn matrix(target: &Target, evidence: &mut Evidence) -> Verdict {
    target.writable.clone()?;
    let (crew, hod, captain) = (of(&target.people.crew)?, of(&target.people.hod)?, of(&target.people.captain)?);
    let part = movable_part(target).await?;
    let (nobodys, yacht) = (Uuid::new_v4(), target.yacht);
    let receipt = json!({
        "yacht_id": yacht, "part_id": part, "quantity": 1, "idempotency_key": format!("codes-{}", Uuid::now_v7()),
    });
    let adjustment = |signature: Value| json!({ "yacht_id": yacht, "part_id": part, "quantity_change": 0, "reason": "status codes", "signature": signature });
    let post = |token, path: &'static str, body: Value| (path, target.api.by(Method::POST, path, token).json(&body));
    let low_stock = "/v1/parts/low-stock?limit=1";
    // Consuming what was received leaves the stock as it was found.
    let asked = [
        (200, "low stock as HOD", (low_stock, target.api.by(Method::GET, low_stock, hod))),
        (201, "receive as HOD", post(hod, "/v1/parts/receive", receipt.clone())),
        (409, "the same key again", post(hod, "/v1/parts/receive", receipt)),
        (200, CONSUME, post(hod, "/v1/parts/consume", json!({ "part_id": part, "quantity": 1 }))),
        (400, "adjust without a signature", post(captain, "/v1/parts/adjust-stock", adjustment(Value::Null))),
        (400, "consume 0", post(hod, "/v1/parts/consume", json!({ "part_id": part, "quantity": 0 }))),
        (401, "low stock without a token", (low_stock, target.api.request(Method::GET, low_stock))),
        (403, "adjust as crew", post(crew, "/v1/parts/adjust-stock", adjustment(signature()))),
        (403, "another yacht's low stock", foreign(target, hod)),
        (404, "consume an unknown part", post(hod, "/v1/parts/consume", json!({ "part_id": nobodys, "quantity": 1 }))),
    ];
    let mut wrong = Vec::new();
    let mut seen = Vec::new();
    let mut received = false;
    for (expected, what, (path, request)) in asked {
        if what == CONSUME && !received {
            wrong.push(format!("{what}: nothing was received"));
            continue;
        }
        let told = target.api.send(request).await;
        let status = told.as_ref().ok().map(|answer| answer.status);
        seen.push(json!({ "what": what, "path": path, "expected": expected, "got": status }));
        match told {
            Ok(answer) => {
                received |= answer.status == 201;
                wrong.extend(answer.meant(&[expected]).err().map(|why| format!("{what}: {why}")));
            }
            Err(why) => wrong.push(format!("{what}: {why}")),
        }
    }
    evidence.insert("asked".to_owned(), json!(seen));
    ensure(wrong.is_empty(), || wrong.join("; "))?;
    Ok("200, 201, 400, 401, 403, 404 and 409, each from its handler".to_owned())
}

fn foreign(target: &Target, token: &secrecy::SecretString) -> (&'static str, reqwest::RequestBuilder) {
    let path = format!("/v1/parts/low-stock?yacht_id={}", Uuid::new_v4());
    ("/v1/parts/low-stock?yacht_id=…", target.api.by(Method::GET, &path, token))
}

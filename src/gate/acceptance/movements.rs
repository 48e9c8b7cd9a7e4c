//! Receiving, and receiving again.

use crate::gate::Target;
use crate::gate::book::{Evidence, Verdict, ensure};
use crate::gate::database::rows;
use crate::gate::people::of;
use serde_json::{Value, json};
use uuid::Uuid;

/// What was received, and under which key.
#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) part: Uuid,
    body: Value,
    new_level: i64,
}

impl Received {
    pub(super) fn told(&self) -> String {
        format!("1 received, now {}; ledger and audit row are there", self.new_level)
    }
}

/// A part that is safe to move: kept in one place, which is where receipts go, and well stocked.
pub(in crate::gate) async fn movable_part(target: &Target) -> Result<Uuid, String> {
    let sql = rows!(
        "select p.id
         from public.pms_parts p
         join public.pms_inventory_stock s on s.part_id = p.id and s.deleted_at is null
         left join public.pms_part_locations l on l.id = p.primary_location_id
         where p.yacht_id = $1::uuid and p.deleted_at is null and s.quantity between 5 and 1000000
             and s.location = coalesce(l.name, s.location)
             and s.quantity > p.min_level
             and not exists (select from public.pms_inventory_stock o where o.part_id = p.id and o.id <> s.id)
         order by p.id limit 1"
    );
    let found = target.database.row(sql, &[&target.yacht.to_string()]).await?;
    let id = found.and_then(|row| row["id"].as_str().and_then(|id| id.parse().ok()));
    id.ok_or_else(|| "the yacht has no part in one place with at least 5 in stock".to_owned())
}

/// A fresh key is 201, the stock rises by what was received, and it is written down.
pub(super) async fn receive(target: &Target, evidence: &mut Evidence) -> Result<Received, String> {
    target.writable.clone()?;
    let token = of(&target.people.hod)?;
    let part = movable_part(target).await?;
    let key = format!("acceptance-{}", Uuid::now_v7());
    let body = json!({
        "yacht_id": target.yacht, "part_id": part, "quantity": 1, "quantity_received": 1,
        "idempotency_key": key, "notes": "acceptance run",
    });
    evidence.insert("request".to_owned(), body.clone());
    let answer = target.api.post(token, "/v1/parts/receive", &body).await?;
    evidence.insert("status".to_owned(), answer.status.into());
    evidence.insert("response".to_owned(), answer.body.clone());
    let answer = answer.expect(201)?;
    let new_level = answer["new_stock_level"].as_i64().ok_or("the answer has no new_stock_level")?;

    let written = ledger_row(target, &key).await?;
    evidence.insert("ledger_row".to_owned(), json!(written));
    let written = written.ok_or("no ledger row has the key")?;
    let number = |name: &str| written[name].as_i64().unwrap_or_default();
    ensure(number("quantity_change") == 1, || format!("the ledger moved by {}, not 1", number("quantity_change")))?;
    ensure(number("quantity_before") + 1 == new_level && number("quantity_after") == new_level, || {
        let (before, after) = (number("quantity_before"), number("quantity_after"));
        format!("the answer says {new_level} in stock, the ledger {before} before and {after} after")
    })?;
    ensure(number("audit_rows") >= 1, || "the receipt has no audit row".to_owned())?;
    Ok(Received { part, body, new_level })
}

/// The ledger row of a key, with how many audit rows speak of it, how many rows have that key, and what the same
/// person has received since.
async fn ledger_row(target: &Target, key: &str) -> Result<Option<Value>, String> {
    let sql = rows!(
        "select t.id, t.quantity_change, t.quantity_before, t.quantity_after, t.created_at,
             (select count(*) from public.pms_audit_log a
              where a.yacht_id = t.yacht_id and a.metadata ->> 'transaction_id' = t.id::text) as audit_rows,
             count(*) over () as rows_with_key,
             (select count(*) from public.pms_inventory_transactions o
              where o.stock_id = t.stock_id and o.user_id = t.user_id and o.transaction_type = 'received'
                  and o.created_at >= t.created_at and o.id <> t.id) as received_since
         from public.pms_inventory_transactions t
         where t.yacht_id = $1::uuid and t.idempotency_key = $2"
    );
    target.database.row(sql, &[&target.yacht.to_string(), key]).await
}

/// The same key again is 409, and nothing moves.
pub(super) async fn again(target: &Target, received: &Received, evidence: &mut Evidence) -> Verdict {
    let token = of(&target.people.hod)?;
    let key = received.body["idempotency_key"].as_str().unwrap_or_default();
    evidence.insert("request".to_owned(), received.body.clone());
    let answer = target.api.post(token, "/v1/parts/receive", &received.body).await?;
    evidence.insert("status".to_owned(), answer.status.into());
    evidence.insert("response".to_owned(), answer.body.clone());
    let row = ledger_row(target, key).await?;
    evidence.insert("ledger_row".to_owned(), json!(row));
    answer.expect(409)?;
    let number = |name: &str| row.as_ref().and_then(|row| row[name].as_i64()).unwrap_or_default();
    ensure(number("rows_with_key") == 1, || format!("{} ledger rows have the key, not 1", number("rows_with_key")))?;
    ensure(number("received_since") == 0, || "refused, and received all the same".to_owned())?;
    Ok("the same key was refused, and nothing moved".to_owned())
}

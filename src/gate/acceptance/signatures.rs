//! Signed adjustments: refused without a signature, written with one, and provable afterwards.
//!
//! Which check fails says what is broken. A signature that the API does not ask for fails "adjust_stock 400
//! without signature". One that it asks for and does not keep, or keeps half, fails "audit signature keys",
//! which alone looks at signatures, at those of every writer, and by the data.

use super::movements::movable_part;
use crate::clock;
use crate::config::named;
use crate::gate::Target;
use crate::gate::book::{Evidence, Verdict, ensure};
use crate::gate::database::rows;
use crate::gate::facts;
use crate::gate::people::of;
use serde_json::{Value, json};
use uuid::Uuid;

const PATH: &str = "/v1/parts/adjust-stock";

/// A signed adjustment that was answered with 200.
#[derive(Clone, Debug)]
pub(super) struct Adjusted {
    /// Where it is written down: the id of its ledger row.
    transaction: String,
    by: i64,
    restored: bool,
}

impl Adjusted {
    pub(super) fn told(&self) -> String {
        let after = if self.restored { "; the stock is as it was found" } else { "" };
        format!("signed, moved by {}{after}", self.by)
    }
}

fn request(target: &Target, part: Uuid, change: i64, signature: Option<Value>) -> Value {
    let mut body = json!({
        "yacht_id": target.yacht, "part_id": part, "quantity_change": change, "reason": "acceptance run",
    });
    if let (Some(body), Some(signature)) = (body.as_object_mut(), signature) {
        body.insert("signature".to_owned(), signature);
    }
    body
}

/// PIN and code of the captain: as given, else placeholders, which a deployment accepts from people who are not
/// enrolled.
pub(in crate::gate) fn signature() -> Value {
    let placeholder = || "000000".to_owned();
    let code = named("CAPTAIN_TOTP_SECRET").and_then(|secret| code(&secret)).or_else(|| named("CAPTAIN_TOTP"));
    json!({
        "pin": named("CAPTAIN_PIN").unwrap_or_else(placeholder),
        "totp": code.unwrap_or_else(placeholder),
        "reason_code": "acceptance",
    })
}

/// The code that a generator shows now.
fn code(secret: &str) -> Option<String> {
    let secret = <[u8; 20]>::try_from(base32(secret)?).ok()?;
    let generator = totp_rs::Builder::new().with_secret(secret).build().ok()?;
    Some(generator.generate(u64::try_from(clock::wall().timestamp()).ok()?).to_string())
}

/// Without a signature it is 400, which says so, and nothing moves.
pub(super) async fn without(target: &Target, evidence: &mut Evidence) -> Verdict {
    target.writable.clone()?;
    let token = of(&target.people.captain)?;
    let part = movable_part(target).await?;
    let before = signed_moves(target, part).await?;
    let body = request(target, part, 1, None);
    evidence.insert("request".to_owned(), body.clone());
    let answer = target.api.post(token, PATH, &body).await?;
    evidence.insert("status".to_owned(), answer.status.into());
    evidence.insert("response".to_owned(), answer.body.clone());
    let told = answer.expect(400)?;
    let text = told.to_string().to_lowercase();
    ensure(text.contains("signature"), || format!("a 400 that does not speak of the signature: {text}"))?;
    let after = signed_moves(target, part).await?;
    ensure(before == after, || "refused, and moved all the same".to_owned())?;
    Ok("refused, and nothing moved".to_owned())
}

async fn signed_moves(target: &Target, part: Uuid) -> Result<i64, String> {
    let sql = rows!(
        "select count(*) as n from public.pms_inventory_transactions t
         join public.pms_inventory_stock s on s.id = t.stock_id
         where s.part_id = $1::uuid and t.transaction_type = 'adjusted' and t.reason = 'acceptance run'"
    );
    target.database.number(sql, &[&part.to_string()]).await
}

/// With a signature it is 200. Takes away what was received; where nothing was, adds one and takes it away again.
pub(super) async fn with(target: &Target, received: Option<Uuid>, evidence: &mut Evidence) -> Result<Adjusted, String> {
    target.writable.clone()?;
    let Some(part) = received else {
        let part = movable_part(target).await?;
        let adjusted = adjust(target, part, 1, evidence).await?;
        adjust(target, part, -1, &mut Evidence::new()).await?;
        return Ok(Adjusted { restored: true, ..adjusted });
    };
    Ok(Adjusted { restored: true, ..adjust(target, part, -1, evidence).await? })
}

async fn adjust(target: &Target, part: Uuid, by: i64, evidence: &mut Evidence) -> Result<Adjusted, String> {
    let token = of(&target.people.captain)?;
    // What is kept of the request has no PIN and no code.
    evidence.insert("request".to_owned(), request(target, part, by, Some(json!("(given)"))));
    let answer = target.api.post(token, PATH, &request(target, part, by, Some(signature()))).await?;
    evidence.insert("status".to_owned(), answer.status.into());
    let unproven = answer.body["error_code"] == "INVALID_SIGNATURE";
    let hint = if unproven { "; an enrolled captain signs with CAPTAIN_PIN and CAPTAIN_TOTP_SECRET" } else { "" };
    let body = answer.expect(200).map_err(|why| format!("{why}{hint}"))?;
    let fields = ["status", "transaction_id", "part_id", "old_quantity", "new_quantity", "adjustment", "is_signed"];
    let kept: Evidence = fields.iter().map(|name| ((*name).to_owned(), body[*name].clone())).collect();
    evidence.insert("response".to_owned(), Value::Object(kept));
    ensure(body["is_signed"] == true, || "the answer does not say is_signed".to_owned())?;
    let moved = body["new_quantity"].as_i64().zip(body["old_quantity"].as_i64()).map(|(new, old)| new - old);
    ensure(moved == Some(by), || format!("asked to move by {by}, the answer says {moved:?}"))?;
    let transaction = body["transaction_id"].as_str().ok_or("the answer names no ledger row")?.to_owned();
    let ledger = target
        .database
        .number(
            rows!("select quantity_change as n from public.pms_inventory_transactions where id = $1::uuid"),
            &[&transaction],
        )
        .await?;
    ensure(ledger == by, || format!("asked to move by {by}, the ledger moved by {ledger}"))?;
    Ok(Adjusted { transaction, by, restored: false })
}

/// The signature that was just given is kept whole, and no audit row of anybody proves nothing.
pub(super) async fn keys(target: &Target, adjusted: Result<&Adjusted, String>, evidence: &mut Evidence) -> Verdict {
    // Looked at first: what others wrote is found even where our own adjustment failed.
    let signed = facts::audit_signatures(&target.database, evidence).await?;
    let adjusted = adjusted.map_err(|why| format!("no signature of this run to look at: {why}"))?;
    let row = target
        .database
        .row(
            rows!(
                "select a.id, a.user_id, a.signature, a.created_at from public.pms_audit_log a
                 where a.metadata ->> 'transaction_id' = $1 and a.action = 'adjust_stock_quantity'"
            ),
            &[&adjusted.transaction],
        )
        .await?;
    evidence.insert("row".to_owned(), json!(row));
    let row = row.ok_or("the signed adjustment has no audit row")?;
    let signature = row["signature"].as_object().ok_or("the signature is no JSON object")?;
    for secret in ["pin", "totp"] {
        ensure(!signature.contains_key(secret), || format!("the signature keeps the {secret}"))?;
    }
    ensure(signature.get("user_id") == row.get("user_id"), || "the signature names somebody else".to_owned())?;
    Ok(format!("all five keys are there, in each of {signed} signed rows"))
}

/// RFC 4648, as code generators show their secret: case, blanks and padding do not matter.
fn base32(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut held, mut bits) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            digit @ b'2'..=b'7' => digit - b'2' + 26,
            _ => return None,
        };
        (held, bits) = (held << 5 | u32::from(value), bits + 5);
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_six_digits_and_a_bad_secret_gives_none() {
        let shown = code("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").expect("a code");
        assert!(shown.len() == 6 && shown.chars().all(|c| c.is_ascii_digit()), "{shown}");
        assert_eq!(code("not base32!"), None);
        assert_eq!(base32("gezd gnbv gy3t qojq="), Some(b"1234567890".to_vec()));
    }
}

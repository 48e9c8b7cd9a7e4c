//! Who is suggested what: crew reads, a head of department changes, a captain signs.

use super::movements::movable_part;
use crate::gate::Target;
use crate::gate::book::{Evidence, Verdict, ensure};
use crate::gate::database::rows;
use crate::gate::people::{Pass, of};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What is suggested about one part.
struct Told {
    /// Action and variant.
    items: Vec<(String, String)>,
    /// The actions marked as primary.
    primary: Vec<String>,
}

impl Told {
    fn variants(&self) -> BTreeSet<&str> {
        self.items.iter().map(|(_, variant)| variant.as_str()).collect()
    }
}

/// READ, and nothing else.
pub(super) async fn crew(target: &Target, evidence: &mut Evidence) -> Verdict {
    let (stocked, low) = ask(target, &target.people.crew, evidence).await?;
    for told in [&stocked, &low] {
        ensure(told.variants() == BTreeSet::from(["READ"]), || format!("expected READ alone, got {}", listed(told)))?;
    }
    Ok(format!("READ alone: {}", listed(&stocked)))
}

/// READ and MUTATE, and nothing SIGNED.
pub(super) async fn hod(target: &Target, evidence: &mut Evidence) -> Verdict {
    let (stocked, low) = ask(target, &target.people.hod, evidence).await?;
    for told in [&stocked, &low] {
        ensure(told.variants() == BTreeSet::from(["READ", "MUTATE"]), || {
            format!("expected READ and MUTATE alone, got {}", listed(told))
        })?;
    }
    shopping_first(&low)?;
    Ok(format!("READ and MUTATE: {}", listed(&stocked)))
}

/// READ, MUTATE and SIGNED.
pub(super) async fn captain(target: &Target, evidence: &mut Evidence) -> Verdict {
    let (stocked, low) = ask(target, &target.people.captain, evidence).await?;
    ensure(stocked.variants() == BTreeSet::from(["READ", "MUTATE", "SIGNED"]), || {
        format!("expected READ, MUTATE and SIGNED, got {}", listed(&stocked))
    })?;
    shopping_first(&low)?;
    Ok(format!("READ, MUTATE and SIGNED: {}", listed(&stocked)))
}

/// A part that is low is to be ordered before anything else.
fn shopping_first(low: &Told) -> Result<(), String> {
    ensure(low.primary == ["add_to_shopping_list"], || {
        format!("a part is low, and primary is {:?}, not add_to_shopping_list", low.primary)
    })
}

fn listed(told: &Told) -> String {
    if told.items.is_empty() {
        return "nothing".to_owned();
    }
    told.items.iter().map(|(action, variant)| format!("{action} {variant}")).collect::<Vec<_>>().join(", ")
}

/// About a part that is well stocked, and about one that is low.
async fn ask(target: &Target, who: &Pass, evidence: &mut Evidence) -> Result<(Told, Told), String> {
    let token = of(who)?;
    let (stocked, low) = (movable_part(target).await?, low_part(target).await?);
    let mut told = Vec::new();
    for (name, part) in [("stocked_part", stocked), ("low_part", low)] {
        let path = format!("/v1/parts/suggestions?part_id={part}&yacht_id={}", target.yacht);
        let answer = target.api.get(token, &path).await?;
        let shown = json!({ "part_id": part, "status": answer.status, "suggestions": answer.body["suggestions"] });
        evidence.insert(name.to_owned(), shown);
        told.push(read(&answer.expect(200)?)?);
    }
    match <[Told; 2]>::try_from(told) {
        Ok([stocked, low]) => Ok((stocked, low)),
        Err(_) => Err("expected two answers".to_owned()),
    }
}

fn read(body: &Value) -> Result<Told, String> {
    let items = body["suggestions"].as_array().ok_or("the answer has no suggestions")?;
    let text = |item: &Value, name: &str| item[name].as_str().unwrap_or("?").to_owned();
    let primary = items.iter().filter(|item| item["is_primary"] == true).map(|item| text(item, "action")).collect();
    let items = items.iter().map(|item| (text(item, "action"), text(item, "variant"))).collect();
    Ok(Told { items, primary })
}

/// A tracked part below its minimum, with something to order and nobody who has silenced it. From the tables,
/// so that a broken view hides nothing.
async fn low_part(target: &Target) -> Result<Uuid, String> {
    let sql = rows!(
        "select p.id
         from public.pms_parts p
         join public.pms_inventory_stock s on s.part_id = p.id and s.deleted_at is null
         where p.yacht_id = $1::uuid and p.deleted_at is null and p.min_level > 0
             and not exists (select from public.pms_part_alert_prefs a where a.part_id = p.id)
         group by p.id, p.min_level
         having sum(s.quantity) < p.min_level and sum(s.quantity) > 0
         order by p.id limit 1"
    );
    let found = target.database.row(sql, &[&target.yacht.to_string()]).await?;
    let id = found.and_then(|row| row["id"].as_str().and_then(|id| id.parse().ok()));
    id.ok_or_else(|| "the yacht has no part that is low: nothing to look at".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_suggested_is_read_with_its_variant_and_its_rank() {
        let body = json!({ "suggestions": [
            { "action": "add_to_shopping_list", "variant": "MUTATE", "is_primary": true },
            { "action": "view_part_details", "variant": "READ", "is_primary": false },
        ]});
        let told = read(&body).expect("suggestions");
        assert_eq!(told.variants(), BTreeSet::from(["MUTATE", "READ"]));
        assert_eq!(shopping_first(&told), Ok(()));
        assert!(shopping_first(&read(&json!({ "suggestions": [] })).expect("none")).is_err());
        assert!(read(&json!({ "parts": [] })).is_err(), "another body is no empty list");
    }
}

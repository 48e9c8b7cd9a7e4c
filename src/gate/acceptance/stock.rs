//! What the API says of stock, against the views and the raw ledger.

use crate::gate::Target;
use crate::gate::book::{Evidence, Verdict, ensure};
use crate::gate::database::rows;
use crate::gate::people::of;
use crate::gate::{facts, facts::VIEWS};
use futures_util::{StreamExt, stream};
use indicatif::ProgressBar;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Requests under way at once while parts are compared.
const AT_ONCE: usize = 8;
/// The largest page of the report.
const PAGE: usize = 200;
/// Pages that are read at the most.
const MAX_PAGES: usize = 500;
/// How many differences are shown; all are counted.
const SHOWN: usize = 20;

/// On hand through the API = `pms_part_stock` = the sum of the raw ledger.
pub(super) async fn parity(target: &Target, evidence: &mut Evidence) -> Verdict {
    let views = facts::views(&target.database).await?;
    let definitions: BTreeMap<&str, &str> = views.iter().map(|view| (view.name.as_str(), view.sql.as_str())).collect();
    evidence.insert("view_definitions".to_owned(), json!(definitions));
    let chained = facts::chain(&views);
    evidence.insert("chain".to_owned(), json!([VIEWS[0], VIEWS[1], "sum(quantity_change)"]));
    evidence.insert("chain_proven".to_owned(), chained.is_ok().into());
    chained?;

    let before = sample(target).await?;
    ensure(!before.is_empty(), || "the yacht has no parts to look at".to_owned())?;
    let apart: Vec<&Value> = before.values().filter(|row| row["view"] != row["ledger"]).collect();
    ensure(apart.is_empty(), || {
        format!("pms_part_stock differs from the ledger for {} parts: {}", apart.len(), apart[0])
    })?;
    let told = told_by_api(target, before.keys()).await?;
    // Others may move parts meanwhile: what moved between the two reads is left out, and counted.
    let after = sample(target).await?;
    let still = |id: &String| after.get(id).filter(|row| before.get(id) == Some(*row));
    let compared: Vec<(&String, &Value, i64)> =
        told.iter().filter_map(|(id, on_hand)| Some((id, still(id)?, *on_hand))).collect();
    let different: Vec<Value> = compared
        .iter()
        .filter(|(_, row, on_hand)| row["view"].as_i64() != Some(*on_hand))
        .map(|(id, row, on_hand)| json!({ "part_id": id, "api": on_hand, "sql": row }))
        .collect();
    evidence.insert("parts_compared".to_owned(), compared.len().into());
    evidence.insert("parts_moved_meanwhile".to_owned(), (told.len() - compared.len()).into());
    evidence.insert("differences".to_owned(), different.len().into());
    evidence.insert("shown".to_owned(), different.iter().take(SHOWN).cloned().collect());
    ensure(!compared.is_empty(), || "every part moved while it was looked at: nothing is proven".to_owned())?;
    ensure(different.is_empty(), || {
        format!("{} of {} parts differ between API and ledger: {}", different.len(), compared.len(), different[0])
    })?;
    Ok(format!("{} parts: API = pms_part_stock = sum of the ledger", compared.len()))
}

/// Every tracked part and up to 200 others: the view's number, the ledger's sum, and its length.
async fn sample(target: &Target) -> Result<BTreeMap<String, Value>, String> {
    let sql = rows!(
        "with chosen as (
             (select id from public.pms_parts
              where yacht_id = $1::uuid and deleted_at is null and min_level > 0 order by id limit 2000)
             union all
             (select id from public.pms_parts
              where yacht_id = $1::uuid and deleted_at is null and min_level = 0 order by id limit 200)
         )
         select c.id,
             (select coalesce(sum(v.on_hand), 0)::bigint from public.pms_part_stock v where v.part_id = c.id) as view,
             coalesce(sum(t.quantity_change), 0)::bigint as ledger,
             count(t.id) as movements
         from chosen c
         left join public.pms_inventory_stock s on s.part_id = c.id and s.deleted_at is null
         left join public.pms_inventory_transactions t on t.stock_id = s.id
         group by c.id"
    );
    let rows = target.database.rows(sql, &[&target.yacht.to_string()]).await?;
    Ok(rows.into_iter().filter_map(|row| Some((row["id"].as_str()?.to_owned(), row))).collect())
}

/// On hand as the API tells it, part by part.
async fn told_by_api(target: &Target, parts: impl Iterator<Item = &String>) -> Result<BTreeMap<String, i64>, String> {
    let parts: Vec<String> = parts.cloned().collect();
    let token = of(&target.people.hod)?;
    let bar = ProgressBar::new(u64::try_from(parts.len()).unwrap_or_default()).with_message("parts");
    let mut answers =
        stream::iter(parts).map(|part| async { (on_hand(target, token, &part).await, part) }).buffer_unordered(AT_ONCE);
    let mut told = BTreeMap::new();
    while let Some((answer, part)) = answers.next().await {
        bar.inc(1);
        told.insert(part, answer?);
    }
    bar.finish_and_clear();
    Ok(told)
}

/// On hand of one part.
pub(super) async fn on_hand(target: &Target, token: &SecretString, part: &str) -> Result<i64, String> {
    let body = target.api.get(token, &format!("/v1/parts/{part}")).await?.expect(200)?;
    body["data"]["stock"]["on_hand"].as_i64().ok_or_else(|| format!("part {part}: the answer has no on_hand"))
}

/// The low-stock view shows tracked parts alone, and the API shows what the view shows.
pub(super) async fn filter(target: &Target, evidence: &mut Evidence) -> Verdict {
    let wrong = target
        .database
        .rows(
            rows!(
                "select v.part_id, v.part_name, v.on_hand, v.min_level, count(*) over () as total from public.v_low_stock_report v
                 where (v.min_level > 0 and v.on_hand <= v.min_level) is not true order by v.part_id limit 20"
            ),
            &[],
        )
        .await?;
    evidence.insert("rows_that_should_not_show".to_owned(), facts::total(&wrong).into());
    evidence.insert("shown".to_owned(), json!(wrong));
    let yacht = target.yacht.to_string();
    let baits = target
        .database
        .number(
            rows!(
                "select count(*) as n from public.pms_part_stock
                 where yacht_id = $1::uuid and min_level = 0 and on_hand <= 0"
            ),
            &[&yacht],
        )
        .await?;
    evidence.insert("untracked_parts_at_zero".to_owned(), baits.into());
    ensure(wrong.is_empty(), || {
        format!(
            "{} rows of v_low_stock_report have min_level = 0 or on_hand > min_level: {}",
            facts::total(&wrong),
            wrong[0]
        )
    })?;
    ensure(baits > 0, || "no part with min_level = 0 is at 0: the filter has nothing to leave out".to_owned())?;

    let (before, counted_before) = (in_view(target).await?, counted(target).await?);
    let told = in_api(target).await?;
    let (after, counted_after) = (in_view(target).await?, counted(target).await?);
    evidence.insert("low_by_the_ledger".to_owned(), counted_after.len().into());
    evidence.insert("low_in_view".to_owned(), after.len().into());
    evidence.insert("low_in_api".to_owned(), told.len().into());
    // A part that crossed its limit between the reads may be in either.
    let missing: Vec<&String> = before.intersection(&after).filter(|part| !told.contains(*part)).collect();
    let extra: Vec<&String> = told.iter().filter(|part| !before.contains(*part) && !after.contains(*part)).collect();
    evidence.insert("missing_in_api".to_owned(), json!(missing));
    evidence.insert("only_in_api".to_owned(), json!(extra));
    ensure(missing.is_empty() && extra.is_empty(), || {
        format!("the API's list lacks {} parts of the view and has {} others", missing.len(), extra.len())
    })?;
    // View and API may agree on a wrong list: tables and ledger say what should be on it.
    let low: BTreeSet<&String> = counted_before.intersection(&counted_after).collect();
    let unlisted: Vec<&&String> =
        low.iter().filter(|part| !before.contains(**part) && !after.contains(**part)).collect();
    let uncounted = |part: &&String| !counted_before.contains(*part) && !counted_after.contains(*part);
    let unfounded: Vec<&String> = before.intersection(&after).filter(uncounted).collect();
    evidence.insert("missing_in_view".to_owned(), json!(unlisted));
    evidence.insert("only_in_view".to_owned(), json!(unfounded));
    ensure(unlisted.is_empty() && unfounded.is_empty(), || {
        format!(
            "by the ledger, v_low_stock_report lacks {} parts that are low and has {} that are not",
            unlisted.len(),
            unfounded.len()
        )
    })?;
    ensure(!low.is_empty(), || "by the ledger no tracked part is low: the filter has nothing to show".to_owned())?;
    Ok(format!("no untracked part shows ({baits} could), and view and API list the {} parts that are low", told.len()))
}

/// Parts that are low by the tables and the ledger, without any view.
async fn counted(target: &Target) -> Result<BTreeSet<String>, String> {
    let sql = rows!(
        "select p.id
         from public.pms_parts p
         left join public.pms_inventory_stock s on s.part_id = p.id and s.deleted_at is null
         left join public.pms_inventory_transactions t on t.stock_id = s.id
         where p.yacht_id = $1::uuid and p.deleted_at is null and p.min_level > 0
         group by p.id, p.min_level
         having coalesce(sum(t.quantity_change), 0) <= p.min_level"
    );
    Ok(ids(&target.database.rows(sql, &[&target.yacht.to_string()]).await?))
}

async fn in_view(target: &Target) -> Result<BTreeSet<String>, String> {
    let sql = rows!("select part_id as id from public.v_low_stock_report where yacht_id = $1::uuid");
    Ok(ids(&target.database.rows(sql, &[&target.yacht.to_string()]).await?))
}

async fn in_api(target: &Target) -> Result<BTreeSet<String>, String> {
    let token = of(&target.people.hod)?;
    let mut told = BTreeSet::new();
    for page in 0..MAX_PAGES {
        let path = format!("/v1/parts/low-stock?yacht_id={}&limit={PAGE}&offset={}", target.yacht, page * PAGE);
        let body = target.api.get(token, &path).await?.expect(200)?;
        let parts = body["parts"].as_array().ok_or("the API's low-stock answer has no parts")?;
        told.extend(ids(parts));
        if parts.len() < PAGE {
            return Ok(told);
        }
    }
    Err(format!("the API's low-stock list has more than {MAX_PAGES} pages"))
}

fn ids(rows: &[Value]) -> BTreeSet<String> {
    rows.iter().filter_map(|row| row["id"].as_str().or_else(|| row["part_id"].as_str())).map(str::to_owned).collect()
}

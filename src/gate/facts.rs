//! What can be proven from the database alone. Used by the acceptance run and by the evidence.

use super::book::{Evidence, Verdict, ensure};
use super::database::{Database, rows};
use serde_json::{Value, json};

/// The views of the stock, lowest last.
pub(super) const VIEWS: [&str; 3] = ["pms_part_stock", "v_stock_from_transactions", "v_low_stock_report"];
const TABLES: [&str; 3] = ["pms_parts", "pms_inventory_stock", "pms_inventory_transactions"];

/// A view's definition.
pub(super) struct View {
    pub(super) name: String,
    pub(super) sql: String,
}

/// The definitions of those views that exist.
pub(super) async fn views(database: &Database) -> Result<Vec<View>, String> {
    let found = database
        .rows(
            rows!(
                "select c.relname as name, pg_get_viewdef(c.oid, true) as sql
                 from pg_catalog.pg_class c
                 where c.relnamespace = to_regnamespace('public') and c.relkind in ('v', 'm')
                     and c.relname = any (string_to_array($1, ','))"
            ),
            &[&VIEWS.join(",")],
        )
        .await?;
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    Ok(found.iter().map(|row| View { name: text(row, "name"), sql: text(row, "sql") }).collect())
}

/// The canonical chain: `pms_part_stock` reads `v_stock_from_transactions`, which sums the ledger.
pub(super) fn chain(views: &[View]) -> Result<(), String> {
    let definition = |name: &str| {
        let view = views.iter().find(|view| view.name == name);
        view.map(|view| view.sql.to_lowercase()).ok_or_else(|| format!("the view {name} does not exist"))
    };
    let (top, base) = (definition("pms_part_stock")?, definition("v_stock_from_transactions")?);
    let says = |sql: &str, of: &str, word: &str| {
        ensure(sql.contains(word), || format!("the definition of {of} does not mention {word}"))
    };
    says(&top, "pms_part_stock", "v_stock_from_transactions")?;
    says(&base, "v_stock_from_transactions", "pms_inventory_transactions")?;
    says(&base, "v_stock_from_transactions", "sum(")?;
    says(&base, "v_stock_from_transactions", "quantity_change")
}

/// At most one real yacht in each table. Yachts flagged synthetic or demo are left out; a test yacht is not
/// (it stands for the tenant), so it counts.
pub(super) async fn single_tenant(database: &Database, evidence: &mut Evidence) -> Verdict {
    // to_jsonb, because an older table may lack the columns.
    let counted = database
        .rows(
            rows!(
                "with real as (
                     select y.id from public.yachts y
                     where not coalesce((to_jsonb(y) ->> 'synthetic')::boolean, false)
                         and not coalesce((to_jsonb(y) ->> 'is_demo')::boolean, false)
                 )
                 select 'pms_parts' as table,
                     (select count(distinct yacht_id) from public.pms_parts
                      where yacht_id in (select id from real)) as yachts,
                     exists (select from public.pms_parts) as filled,
                     (select count(*) from public.pms_parts
                      where yacht_id is null or yacht_id not in (select id from public.yachts)) as strays
                 union all
                 select 'pms_inventory_stock',
                     (select count(distinct yacht_id) from public.pms_inventory_stock
                      where yacht_id in (select id from real)),
                     exists (select from public.pms_inventory_stock),
                     (select count(*) from public.pms_inventory_stock
                      where yacht_id is null or yacht_id not in (select id from public.yachts))
                 union all
                 select 'pms_inventory_transactions',
                     (select count(distinct yacht_id) from public.pms_inventory_transactions
                      where yacht_id in (select id from real)),
                     exists (select from public.pms_inventory_transactions),
                     (select count(*) from public.pms_inventory_transactions
                      where yacht_id is null or yacht_id not in (select id from public.yachts))"
            ),
            &[],
        )
        .await?;
    evidence.insert("counted".to_owned(), json!(counted));
    evidence.insert("left_out".to_owned(), json!("yachts flagged synthetic or is_demo; is_test yachts count"));
    let told = told_counts(database).await?;
    evidence.insert("count_distinct_yachts".to_owned(), json!(told));
    ensure(counted.len() == TABLES.len(), || "expected three counts".to_owned())?;
    for row in &counted {
        let (table, yachts) = (row["table"].as_str().unwrap_or_default(), row["yachts"].as_i64());
        ensure(row["filled"] == true, || format!("{table} is empty: nothing to look at"))?;
        // A row of no known yacht is nobody's, and counts for none of them.
        ensure(row["strays"] == 0, || format!("{table} holds {} rows of yachts that do not exist", row["strays"]))?;
        ensure(yachts.is_some_and(|yachts| yachts <= 1), || {
            format!("{table} holds rows of {} yachts", yachts.unwrap_or_default())
        })?;
    }
    for (table, count) in told.iter().flatten() {
        ensure(count.as_i64().is_some_and(|count| count <= 1), || {
            format!("count_distinct_yachts('{table}') says {count}")
        })?;
    }
    Ok(format!("at most one yacht in each of {} tables", counted.len()))
}

/// What the database's own function says, where there is one.
async fn told_counts(database: &Database) -> Result<Option<serde_json::Map<String, Value>>, String> {
    let there = rows!("select to_regprocedure('public.count_distinct_yachts(text)') is not null as there");
    if !database.row(there, &[]).await?.is_some_and(|row| row["there"] == true) {
        return Ok(None);
    }
    let mut told = serde_json::Map::new();
    for table in TABLES {
        let count = database.number(rows!("select public.count_distinct_yachts($1) as n"), &[table]).await?;
        told.insert(table.to_owned(), count.into());
    }
    Ok(Some(told))
}

/// Audit rows whose signature proves nothing, whoever wrote them. By the data: a constraint may be missing.
pub(super) async fn audit_signatures(database: &Database, evidence: &mut Evidence) -> Result<i64, String> {
    let violations = database
        .rows(
            rows!(
                "select a.id, a.action, a.created_at, count(*) over () as total,
                     case
                         when a.signature is null then 'signature is SQL NULL'
                         when jsonb_typeof(to_jsonb(a.signature)) = 'null' then 'signature is JSON null'
                         when jsonb_typeof(to_jsonb(a.signature)) <> 'object' then 'signature is no object'
                         else 'a required key is missing'
                     end as violation
                 from public.pms_audit_log a
                 where a.signature is null
                     or jsonb_typeof(to_jsonb(a.signature)) <> 'object'
                     or (a.action in ('adjust_stock_quantity', 'write_off_part', 'reverse_transaction')
                         and exists (
                             select from unnest(array['user_id', 'role_at_signing', 'signature_type',
                                                      'signature_hash', 'signed_at']) as k (name)
                             where coalesce(to_jsonb(a.signature) ->> k.name, '') = ''))
                 order by a.created_at desc limit 20"
            ),
            &[],
        )
        .await?;
    let signed = database
        .number(
            rows!(
                "select count(*) as n from public.pms_audit_log
                 where action in ('adjust_stock_quantity', 'write_off_part', 'reverse_transaction')"
            ),
            &[],
        )
        .await?;
    evidence.insert("signed_audit_rows".to_owned(), signed.into());
    evidence.insert("violations".to_owned(), total(&violations).into());
    evidence.insert("newest_violations".to_owned(), json!(violations));
    match violations.first() {
        None => Ok(signed),
        Some(newest) => Err(format!(
            "{} audit rows prove nothing; the newest, {}: {}",
            total(&violations),
            newest["id"].as_str().unwrap_or_default(),
            newest["violation"].as_str().unwrap_or_default()
        )),
    }
}

/// Ledger rows that no audit row speaks of. `initial` rows are exempt.
pub(super) async fn unaudited(database: &Database, evidence: &mut Evidence) -> Result<(), String> {
    let lonely = database
        .rows(
            rows!(
                "select t.id, t.transaction_type, t.created_at, count(*) over () as total
                 from public.pms_inventory_transactions t
                 where t.transaction_type <> 'initial'
                     and not exists (
                         select from public.pms_audit_log a
                         where a.metadata ->> 'transaction_id' = t.id::text and a.yacht_id = t.yacht_id)
                 order by t.created_at desc limit 20"
            ),
            &[],
        )
        .await?;
    evidence.insert("ledger_rows_without_audit".to_owned(), json!(lonely));
    ensure(lonely.is_empty(), || format!("{} ledger rows have no audit row", total(&lonely)))
}

/// Stock rows whose cache is not the sum of their ledger, over the whole database.
pub(super) async fn drift(database: &Database, evidence: &mut Evidence) -> Verdict {
    let rows = database
        .rows(
            rows!(
                "select s.id as stock_id, s.part_id, s.location, s.quantity as cached, coalesce(l.sum, 0) as ledger,
                     count(*) over () as total
                 from public.pms_inventory_stock s
                 left join (select stock_id, sum(quantity_change) as sum
                            from public.pms_inventory_transactions group by stock_id) l on l.stock_id = s.id
                 where s.quantity <> coalesce(l.sum, 0)
                 order by s.id limit 20"
            ),
            &[],
        )
        .await?;
    let looked_at = database.number(rows!("select count(*) as n from public.pms_inventory_stock"), &[]).await?;
    evidence.insert("stock_rows".to_owned(), looked_at.into());
    evidence.insert("drifting".to_owned(), total(&rows).into());
    evidence.insert("rows".to_owned(), json!(rows));
    ensure(looked_at > 0, || "there is no stock to look at".to_owned())?;
    ensure(rows.is_empty(), || format!("{} of {looked_at} stock rows differ from their ledger", total(&rows)))?;
    Ok(format!("{looked_at} stock rows equal their ledger"))
}

/// How many rows there are in all, where only the first are shown.
pub(super) fn total(rows: &[Value]) -> i64 {
    rows.first().and_then(|row| row["total"].as_i64()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(name: &str, sql: &str) -> View {
        View { name: name.to_owned(), sql: sql.to_owned() }
    }

    #[test]
    fn the_chain_holds_only_where_each_view_reads_the_next() {
        let top = || view("pms_part_stock", "SELECT … FROM v_stock_from_transactions v");
        let sum = "SELECT COALESCE(sum(l.quantity_change), 0) FROM pms_inventory_transactions l";
        assert_eq!(chain(&[top(), view("v_stock_from_transactions", sum)]), Ok(()));
        let cached = view("v_stock_from_transactions", "SELECT quantity FROM pms_inventory_stock");
        assert!(chain(&[top(), cached]).is_err_and(|why| why.contains("pms_inventory_transactions")));
        assert!(chain(&[top()]).is_err_and(|why| why.contains("does not exist")));
        let past = view("pms_part_stock", "SELECT quantity FROM pms_inventory_stock");
        assert!(chain(&[past, view("v_stock_from_transactions", sum)]).is_err());
    }
}

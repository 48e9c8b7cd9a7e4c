//! Whether the API and the SQL connection are of one database: else proofs of one would be held for the other,
//! and the flag that says "for tests" would be read where nothing is moved.

use super::Target;
use super::database::rows;
use super::people::of;
use serde_json::Value;

/// Why the two are not taken for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Apart {
    /// They are seen to differ.
    Differ(String),
    /// It cannot be seen.
    Unknown(String),
}

/// Reads the parts that were moved last by SQL and through the API: name and number on hand have to be the same.
/// The newest movements are what tells copies of one database apart.
pub(crate) async fn together(target: &Target) -> Result<(), Apart> {
    let before = by_sql(target).await.map_err(Apart::Unknown)?;
    let token = of(&target.people.hod).map_err(Apart::Unknown)?;
    if before.is_empty() {
        return Err(Apart::Unknown("the yacht has no stock to compare".to_owned()));
    }
    let mut told = Vec::new();
    for row in &before {
        let part = row["id"].as_str().unwrap_or_default();
        let answer = target.api.get(token, &format!("/v1/parts/{part}")).await.map_err(Apart::Unknown)?;
        told.push((answer.status, answer.told(), answer.body));
    }
    let after = by_sql(target).await.map_err(Apart::Unknown)?;
    // What others moved meanwhile may be told either way.
    let unmoved = before.iter().zip(told).filter(|(row, _)| after.contains(row));
    let mut compared = false;
    for (row, (status, said, body)) in unmoved {
        compare(row, status, &said, &body)?;
        compared = true;
    }
    if compared { Ok(()) } else { Err(Apart::Unknown("every part moved while it was looked at".to_owned())) }
}

/// The API may err about a number, which is for the checks to find: either SQL figure will do.
fn compare(row: &Value, status: u16, said: &str, body: &Value) -> Result<(), Apart> {
    let part = row["id"].as_str().unwrap_or_default();
    match status {
        200 => {}
        404 => return Err(Apart::Differ(format!("the API does not know the part {part} of the database"))),
        _ => return Err(Apart::Unknown(format!("part {part}: the API answered {said}"))),
    }
    let (name, on_hand) = (&body["data"]["name"], &body["data"]["stock"]["on_hand"]);
    if *name == row["name"] && (*on_hand == row["view"] || *on_hand == row["ledger"]) {
        return Ok(());
    }
    let (here, view) = (&row["name"], &row["view"]);
    Err(Apart::Differ(format!("part {part} is {name} with {on_hand} on hand by the API, {here} with {view} by SQL")))
}

async fn by_sql(target: &Target) -> Result<Vec<Value>, String> {
    let sql = rows!(
        "select p.id, p.name,
             (select coalesce(sum(v.on_hand), 0)::bigint from public.pms_part_stock v where v.part_id = p.id) as view,
             coalesce(sum(t.quantity_change), 0)::bigint as ledger
         from public.pms_parts p
         join public.pms_inventory_stock s on s.part_id = p.id and s.deleted_at is null
         join public.pms_inventory_transactions t on t.stock_id = s.id
         where p.yacht_id = $1::uuid and p.deleted_at is null
         group by p.id order by max(t.created_at) desc, p.id limit 5"
    );
    target.database.rows(sql, &[&target.yacht.to_string()]).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn another_name_or_number_or_no_such_part_is_another_database() {
        let row = json!({ "id": "p", "name": "Filter", "view": 4, "ledger": 5 });
        let told = |name: &str, on_hand: i64| json!({ "data": { "name": name, "stock": { "on_hand": on_hand } } });
        let differs = |compared| matches!(compared, Err(Apart::Differ(_)));
        assert_eq!(compare(&row, 200, "", &told("Filter", 4)), Ok(()));
        assert_eq!(compare(&row, 200, "", &told("Filter", 5)), Ok(()));
        assert!(differs(compare(&row, 200, "", &told("Filter", 6))));
        assert!(differs(compare(&row, 200, "", &told("Pump", 4))));
        assert!(differs(compare(&row, 404, "", &Value::Null)));
        assert!(!differs(compare(&row, 401, "401", &Value::Null)), "who is not let in has seen nothing");
    }
}

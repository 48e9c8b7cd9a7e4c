//! Row level security as the database has it.

use crate::gate::Target;
use crate::gate::book::{Evidence, Verdict, ensure};
use crate::gate::database::rows;
use crate::gate::people::elsewhere;
use serde_json::{Value, json};
use uuid::Uuid;

/// Tables that hold a yacht's rows. Without one of these there is nothing to protect, which is a failure.
const MUST_HAVE: [&str; 4] = ["pms_parts", "pms_inventory_stock", "pms_inventory_transactions", "pms_audit_log"];
/// Tables that must be protected where they exist.
const MAY_HAVE: [&str; 9] = [
    "pms_part_locations",
    "pms_part_usage",
    "pms_shopping_list_items",
    "pms_part_alert_prefs",
    "pms_idempotency",
    "pms_signature_chain",
    "doc_metadata",
    "auth_users_profiles",
    "auth_users_roles",
];

/// Roles that people have.
const PEOPLE: [&str; 3] = ["public", "anon", "authenticated"];

/// How many rows of a yacht a table holds, and whether people may read it at all.
macro_rules! rows_of {
    ($($table:literal),+) => {
        [$((
            $table,
            concat!(
                "select json_agg(t) from (select count(*) as n, has_any_column_privilege('authenticated', 'public.",
                $table, "', 'select') as readable from public.", $table, " where yacht_id = $1::uuid) t"
            ),
        )),+]
    };
}
const ROWS_OF: [(&str, &str); 4] =
    rows_of!["pms_parts", "pms_inventory_stock", "pms_inventory_transactions", "pms_audit_log"];

/// Each table has row level security switched on; those that people read have policies; nobody may rewrite
/// history.
pub(super) async fn tables(target: &Target, evidence: &mut Evidence) -> Verdict {
    let names = [&MUST_HAVE[..], &MAY_HAVE[..]].concat();
    let list = names.join(",");
    let tables = target
        .database
        .rows(
            rows!(
                "select c.relname as name, c.relrowsecurity as enabled, c.relforcerowsecurity as forced,
                     (select count(*) from pg_catalog.pg_policy p where p.polrelid = c.oid) as policies
                 from pg_catalog.pg_class c
                 where c.relnamespace = to_regnamespace('public') and c.relkind in ('r', 'p')
                     and c.relname = any (string_to_array($1, ','))
                 order by c.relname"
            ),
            &[&list],
        )
        .await?;
    let policies = target
        .database
        .rows(
            rows!(
                "select p.tablename, p.policyname, p.permissive, p.roles::text[] as roles, p.cmd, p.qual, p.with_check,
                     exists (select from pg_catalog.pg_attribute a
                             where a.attrelid = to_regclass(format('public.%I', p.tablename))
                                 and a.attname = 'yacht_id' and not a.attisdropped) as by_yacht
                 from pg_catalog.pg_policies p
                 where p.schemaname = 'public' and p.tablename = any (string_to_array($1, ','))
                 order by p.tablename, p.policyname"
            ),
            &[&list],
        )
        .await?;
    evidence.insert("tables".to_owned(), json!(tables));
    evidence.insert("policies".to_owned(), json!(policies));
    let told = judge(&tables, &policies)?;
    Ok(format!("{told}; {}", foreigner(target, evidence).await?))
}

/// The proof by rows: somebody of another yacht sees nothing of this one. A policy's text may mislead.
async fn foreigner(target: &Target, evidence: &mut Evidence) -> Verdict {
    // Where nobody else has a yacht, a user whom nobody knows.
    let user = elsewhere(&target.database, target.yacht).await.unwrap_or_else(|_| Uuid::new_v4());
    if let Err(why) = target.database.rows_seen_by(user, rows!("select 1 as n"), &[]).await {
        evidence.insert("seen_by_another_yacht".to_owned(), json!({ "not_tried": why }));
        return Ok(format!("by their text alone, since the login cannot act as authenticated ({why})"));
    }
    let yacht = target.yacht.to_string();
    let mut counted = Vec::new();
    for (table, sql) in ROWS_OF {
        let there = target.database.row(sql, &[&yacht]).await?.unwrap_or_default();
        let readable = there["readable"] == true;
        let seen = if readable {
            target.database.rows_seen_by(user, sql, &[&yacht]).await?.first().and_then(|row| row["n"].as_i64())
        } else {
            Some(0)
        };
        counted.push(json!({ "table": table, "rows": there["n"], "readable": readable, "seen": seen }));
    }
    evidence.insert("seen_by_another_yacht".to_owned(), json!({ "user": user, "tables": counted }));
    ensure(counted.iter().any(|row| row["rows"].as_i64() > Some(0)), || {
        format!("the yacht {yacht} has no rows: nothing that another could see")
    })?;
    let open = counted.iter().find(|row| row["seen"] != 0);
    ensure(open.is_none(), || {
        format!("somebody of another yacht sees rows of {yacht}: {}", open.unwrap_or(&Value::Null))
    })?;
    Ok("nobody of another yacht sees a row".to_owned())
}

fn judge(tables: &[Value], policies: &[Value]) -> Verdict {
    let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    for required in MUST_HAVE {
        let table = tables.iter().find(|table| table["name"] == required);
        let table = table.ok_or_else(|| format!("there is no table {required}"))?;
        ensure(table["policies"].as_i64() > Some(0), || format!("{required} has no policy"))?;
    }
    let open: Vec<String> = tables.iter().filter(|table| table["enabled"] != true).map(name).collect();
    ensure(open.is_empty(), || format!("row level security is off on {}", open.join(", ")))?;
    let rewriting = policies.iter().find(|policy| {
        let history = policy["tablename"] == "pms_inventory_transactions" || policy["tablename"] == "pms_audit_log";
        let changes = ["UPDATE", "DELETE", "ALL"].iter().any(|command| policy["cmd"] == *command);
        history && changes && of_people(policy)
    });
    ensure(rewriting.is_none(), || {
        let policy = rewriting.map(|policy| policy["policyname"].to_string()).unwrap_or_default();
        format!("the policy {policy} lets people change what is written in ledger or audit log")
    })?;
    let wide = policies.iter().find(|policy| {
        let reads = policy["cmd"] == "SELECT" || policy["cmd"] == "ALL";
        let by_yacht = policy["qual"].as_str().is_some_and(|qual| qual.contains("yacht_id"));
        policy["by_yacht"] == true && policy["permissive"] == "PERMISSIVE" && reads && of_people(policy) && !by_yacht
    });
    ensure(wide.is_none(), || {
        let policy = wide.unwrap_or(&Value::Null);
        format!("the policy {} on {} shows people rows of every yacht", policy["policyname"], policy["tablename"])
    })?;
    Ok(format!("on for {} tables, with {} policies", tables.len(), policies.len()))
}

fn of_people(policy: &Value) -> bool {
    policy["roles"].as_array().is_some_and(|of| of.iter().any(|role| PEOPLE.iter().any(|people| role == people)))
}

/// Policies of the stored files: from `storage.policies` where there is one, and from `storage.objects`.
pub(super) async fn storage(target: &Target, evidence: &mut Evidence) -> Verdict {
    let there = target
        .database
        .row(
            rows!(
                "select to_regclass('storage.objects') is not null as objects,
                     to_regclass('storage.policies') is not null as policies,
                     coalesce((select c.relrowsecurity from pg_catalog.pg_class c
                               where c.oid = to_regclass('storage.objects')), false) as enabled"
            ),
            &[],
        )
        .await?
        .unwrap_or_default();
    evidence.insert("there".to_owned(), there.clone());
    let on_objects = target
        .database
        .rows(
            rows!(
                "select policyname, roles::text[] as roles, cmd, qual, with_check from pg_catalog.pg_policies
                 where schemaname = 'storage' and tablename = 'objects' order by policyname"
            ),
            &[],
        )
        .await?;
    let listed = if there["policies"] == true {
        target.database.rows(rows!("select bucket_id, name, definition from storage.policies"), &[]).await?
    } else {
        Vec::new()
    };
    evidence.insert("on_objects".to_owned(), json!(on_objects));
    evidence.insert("listed".to_owned(), json!(listed));
    ensure(there["objects"] == true, || "there is no storage.objects".to_owned())?;
    ensure(there["enabled"] == true, || "row level security is off on storage.objects".to_owned())?;
    ensure(!on_objects.is_empty(), || "storage.objects has no policy".to_owned())?;
    Ok(format!("{} policies on storage.objects", on_objects.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, enabled: bool) -> Value {
        json!({ "name": name, "enabled": enabled, "policies": 1 })
    }

    #[test]
    fn a_table_left_open_or_missing_is_named() {
        let mut tables: Vec<Value> = MUST_HAVE.iter().map(|name| table(name, true)).collect();
        assert!(judge(&tables, &[]).is_ok());
        tables.push(table("pms_part_usage", false));
        assert!(judge(&tables, &[]).is_err_and(|why| why.contains("off on pms_part_usage")));
        assert!(judge(&tables[1..], &[]).is_err_and(|why| why.contains("pms_parts")));
    }

    #[test]
    fn history_that_people_may_rewrite_is_a_failure() {
        let tables: Vec<Value> = MUST_HAVE.iter().map(|name| table(name, true)).collect();
        let policy = |command: &str, role: &str| json!({ "tablename": "pms_audit_log", "policyname": "p", "cmd": command, "roles": [role] });
        assert!(judge(&tables, &[policy("SELECT", "authenticated")]).is_ok());
        assert!(judge(&tables, &[policy("ALL", "service_role")]).is_ok());
        assert!(judge(&tables, &[policy("DELETE", "authenticated")]).is_err());
    }

    #[test]
    fn a_policy_that_does_not_ask_for_the_yacht_is_a_failure() {
        let tables: Vec<Value> = MUST_HAVE.iter().map(|name| table(name, true)).collect();
        let policy = |qual: Value, role: &str, permissive: &str| {
            json!({
                "tablename": "pms_parts", "policyname": "p", "cmd": "SELECT", "roles": [role], "qual": qual,
                "permissive": permissive, "by_yacht": true,
            })
        };
        let fails = |qual: Value| judge(&tables, &[policy(qual, "authenticated", "PERMISSIVE")]).is_err();
        assert!(fails(Value::Null) && fails(json!("true")) && fails(json!("(id IS NOT NULL)")));
        assert!(!fails(json!("(yacht_id = ( SELECT get_user_yacht_id() AS get_user_yacht_id))")));
        assert!(judge(&tables, &[policy(json!("true"), "service_role", "PERMISSIVE")]).is_ok());
        assert!(judge(&tables, &[policy(json!("true"), "anon", "RESTRICTIVE")]).is_ok(), "it only narrows");
    }
}

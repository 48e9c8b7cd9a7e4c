//! Questions in SQL: what each answer comes to, and what no text can do.

use crate::harness::{Daemon, slow};
use rampart::store::{Asked, Pooler, Pools, Questions, Reach, Store};
use serde_json::Value;
use std::sync::Arc;

async fn questions() -> (Daemon, Questions) {
    let daemon = Daemon::start().await;
    // As the owner: the login that could do most.
    let url = daemon.database.owner.url();
    let reach = Reach { url: url.clone(), direct: url, pooler: Pooler::None };
    let store = Store::new(Arc::new(Pools::open(&reach).unwrap()), uuid::Uuid::now_v7());
    let questions = store.questions().await.unwrap();
    (daemon, questions)
}

#[tokio::test]
async fn each_answer_has_its_own_outcome() {
    let (_daemon, mut questions) = questions().await;
    let outcomes = [
        ("select 3", Asked::Number(3.0)),
        ("select 0.25::numeric", Asked::Number(0.25)),
        ("select count(distinct yacht_id) from pms_parts", Asked::Number(2.0)),
        ("select count(*) from v_low_stock_report where false", Asked::Number(0.0)),
        ("with one as (select 1 as n) select n from one;", Asked::Number(1.0)),
        ("values (7)", Asked::Number(7.0)),
        ("select null::int", Asked::Null),
        ("select max(quantity) from pms_inventory_stock where false", Asked::Null),
        ("select 'NaN'::float8", Asked::NotFinite),
        ("select '-Infinity'::float8", Asked::NotFinite),
        ("select 1 where false", Asked::NoRow),
        ("select generate_series(1, 2)", Asked::SeveralRows),
        ("select generate_series(1, 1000000000)", Asked::SeveralRows),
        ("select 1 as n, 2 as n", Asked::Columns),
        ("select from pms_parts limit 1", Asked::Columns),
        ("select 'three'", Asked::NotANumber),
        ("select true", Asked::NotANumber),
        ("select array[1]", Asked::NotANumber),
        ("select now()", Asked::NotANumber),
    ];
    for (text, outcome) in outcomes {
        assert_eq!(questions.ask(text).await.unwrap_or_else(|error| panic!("{text}: {error}")), outcome, "{text}");
    }
}

#[tokio::test]
async fn no_text_writes_waits_or_becomes_somebody_else() {
    let (daemon, mut questions) = questions().await;
    let refused = [
        // Several statements, and statements that are no question.
        "select 1; select 2",
        "delete from pms_parts returning 1",
        "set role rampart_owner",
        "reset role",
        "commit",
        "copy pms_parts to stdout",
        "with gone as (delete from pms_audit_log returning 1) select count(*) from gone",
        "select nextval('rampart.journal_seq')",
        // Other roles, by every way into them.
        "select set_config('role', 'rampart_owner', true)",
        "select set_config('role', 'none', false)",
        "select set_config('session_authorization', 'rampart_owner', false)",
        "select count(*) from (select set_config('role', 'none', true)) r, \
         query_to_xml('select pin_hash from pms_signature_enrolments', true, true, '') x",
        // The way back to writing.
        "select set_config('transaction_read_only', 'off', true)",
        "select count(*) from query_to_xml('delete from public.pms_parts returning 1', true, true, '')",
        // What is none of its business.
        "select count(*) from pms_signature_enrolments",
        "select count(*) from auth_users_profiles",
        "select count(*) from rampart.journal",
        "select count(*) from rampart.probe_bench()",
        "select rampart.ask('select 1')",
        "select audit_violations from rampart.commit_step()",
        "select 1/0",
        "not sql at all",
        "",
        // Time.
        "select count(*) from pg_sleep(60)",
    ];
    for text in refused {
        let answer = questions.ask(text).await;
        assert!(answer.is_err(), "{text}: {answer:?}");
    }
    let who = "select count(*) from (select 1) t where current_user = 'rampart_metrics' and current_setting('transaction_read_only') = 'on'";
    assert_eq!(questions.ask(who).await.unwrap(), Asked::Number(1.0));
    // What a text leaves in its session ends with the round.
    assert_eq!(
        questions.ask("select count(*) from pg_advisory_lock(hashtext('rampart.journal_seq'))").await.unwrap(),
        Asked::Number(1.0)
    );
    questions.close().await.unwrap();
    daemon.start_rollout().await;
}

#[tokio::test]
async fn a_question_of_a_policy_decides() {
    let broken =
        r#"  broken: { signal: { sql: "select count(*) from pms_parts where name = 'broken'" }, rollback_if: "> 0" }"#;
    let daemon = Daemon::with(&format!("{}{broken}\n", slow())).await;
    daemon.start_rollout().await;
    let check =
        |status: &Value| status["checks"].as_array().unwrap().iter().find(|check| check["name"] == "broken").cloned();
    let value = |status: &Value| check(status).map_or(Value::Null, |check| check["value"].clone());
    let status = daemon.until(|status| value(status) == 0.0).await;
    assert_eq!(check(&status).unwrap()["signal"], "sql");
    assert_eq!(status["phase"], "ramping");
    daemon.sql("update pms_parts set name = 'broken' where id = (select min(id::text)::uuid from pms_parts)").await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "broken");
}

#[tokio::test]
async fn a_statement_is_told_its_flag_and_how_far_back_it_looks() {
    let places = r#"  places: { signal: { sql: "select count(*) from pms_part_locations where name like '$flag %' and created_at > now() - interval '$window'" }, rollback_if: "> 0" }"#;
    let daemon = Daemon::with(&format!("{}{places}\n", slow())).await;
    // Neither of another flag nor older than the stage.
    let old = "insert into pms_part_locations (yacht_id, name, created_at)
               select id, n, at from (select id from yachts order by id limit 1) y, (values
                 ('other_flag new', now() + interval '1 hour'), ('part_lens_v2 old', now() - interval '1 minute')) v (n, at)";
    daemon.sql(old).await;
    daemon.start_rollout().await;
    daemon
        .until(|status| {
            status["checks"].as_array().unwrap().iter().any(|check| check["name"] == "places" && check["value"] == 0.0)
        })
        .await;
    let new = "insert into pms_part_locations (yacht_id, name)
               select id, 'part_lens_v2 new' from yachts order by id limit 1";
    daemon.sql(new).await;
    let status = daemon.until(|status| status["phase"] == "rolled_back").await;
    assert_eq!(status["cause"]["check"], "places");
}

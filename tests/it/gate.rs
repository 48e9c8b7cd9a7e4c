//! The approval gate, as people run it: `accept`, `evidence`, `stress`, `token --export`.

use crate::harness::{Daemon, JWT_SECRET, OWNER, SERVICE_KEY};
use crate::parts::client::{CREW, OTHER_YACHT, User, YACHT};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TWELVE: [&str; 12] = [
    "canonical view parity",
    "view filter fix",
    "single-tenant assertion",
    "receive_part 201",
    "idempotency 409",
    "adjust_stock 400 without signature",
    "adjust_stock 200 with signature",
    "audit signature keys",
    "suggestions for crew",
    "suggestions for HOD",
    "suggestions for captain",
    "zero 5xx overall",
];

/// Where the gate is pointed at.
struct Gate {
    base: String,
    database: String,
    out: PathBuf,
}

impl Gate {
    fn of(daemon: &Daemon) -> Self {
        let out = daemon.folder.join("test-evidence");
        Self { base: daemon.base.clone(), database: daemon.database.owner.url(), out }
    }

    fn run(&self, args: &[&str]) -> Output {
        self.run_as("", args)
    }

    /// In the name of whoever a token is of.
    fn run_as(&self, token: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
        for name in ["HOD_JWT", "CAPTAIN_JWT", "CREW_JWT", "TEST_YACHT_ID", "CONCURRENCY", "REQUESTS"] {
            command.env_remove(name);
        }
        command
            .args(args)
            .env("API_BASE", &self.base)
            .env("RAMPART_URL", &self.base)
            .env("RAMPART_TOKEN", OWNER)
            .env("TEST_JWT", token)
            .env("DATABASE_URL", &self.database)
            .env("TENANT_1_SUPABASE_JWT_SECRET", JWT_SECRET)
            .env("TENANT_1_SUPABASE_SERVICE_KEY", SERVICE_KEY)
            .env("OUTPUT_JSON", self.out.join("stress-results.json"))
            .output()
            .unwrap()
    }

    fn accept(&self) -> Output {
        self.run(&["accept", "--no-record", "--out", self.out.to_str().unwrap()])
    }

    fn evidence(&self) -> Output {
        self.run(&["evidence", "--no-record", "--out", self.out.to_str().unwrap()])
    }

    fn document(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.out.join(name)).unwrap()).unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Names of the checks that ended so.
fn named<'a>(said: &'a str, how: &str) -> Vec<&'a str> {
    let rest = said.lines().filter_map(|line| line.strip_prefix(how)?.trim_start().split_once(' '));
    rest.map(|(_, line)| line.split(" — ").next().unwrap_or_default()).collect()
}

async fn total_stock(daemon: &Daemon) -> i64 {
    sqlx::query_scalar("select sum(quantity_change) from pms_inventory_transactions")
        .fetch_one(&mut daemon.owner().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_sound_api_is_accepted_with_evidence_for_every_check_and_left_as_it_was() {
    let daemon = Daemon::start().await;
    let (gate, before) = (Gate::of(&daemon), total_stock(&daemon).await);
    let accepted = gate.accept();
    let said = stdout(&accepted);
    assert_eq!(named(&said, "passed"), TWELVE, "{said}{}", stderr(&accepted));
    assert!(said.ends_with("RESULTS: 12/12 passed (100%)\n5xx ERRORS: 0\n"), "{said}");
    assert_eq!(accepted.status.code(), Some(0));
    assert_eq!(total_stock(&daemon).await, before, "what was received was taken back");

    let summary = gate.document("comprehensive_acceptance_summary.json");
    let names: Vec<&str> = summary["checks"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
    assert_eq!(names, TWELVE);
    assert_eq!(summary["five_xx_count"], 0);
    assert_eq!(summary["success_rate"], 100.0);
    assert!(gate.document("canonical_parity.json")["evidence"]["parts_compared"].as_u64() > Some(200));
    assert!(gate.document("view_filter_fix.json")["evidence"]["untracked_parts_at_zero"].as_u64() > Some(0));
    for (file, status) in [
        ("receive_part_201.json", 201),
        ("idempotency_409.json", 409),
        ("adjust_stock_no_sig_400.json", 400),
        ("adjust_stock_with_sig_200.json", 200),
    ] {
        assert_eq!(gate.document(file)["evidence"]["status"], status, "{file}");
    }
    for file in ["single_tenant_assertion.json", "role_based_suggestions.json", "zero_5xx_comprehensive.json"] {
        assert!(gate.document(file)["checks"].is_array(), "{file}");
    }
    no_secret_in(&gate.out);
}

/// No token (every JWT begins so), service key or PIN in any file.
fn no_secret_in(folder: &Path) {
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        for secret in ["eyJ", SERVICE_KEY, JWT_SECRET, "\"pin\":", "\"totp\":"] {
            assert!(!text.contains(secret), "{secret} in {}", path.display());
        }
    }
}

#[tokio::test]
async fn each_break_fails_the_check_that_is_named_after_it() {
    let daemon = Daemon::start().await;
    let gate = Gate::of(&daemon);
    let failing = |broken: &[&str]| {
        let accepted = gate.accept();
        let said = stdout(&accepted);
        assert_eq!(named(&said, "FAILED"), broken, "{said}");
        assert_eq!(accepted.status.code(), Some(1));
    };
    let owner = |statement: &'static str| daemon.sql(statement);

    owner(
        "do $$ begin
             execute 'create or replace view v_low_stock_report with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_low_stock_report'::regclass), 'min_level > 0', 'min_level >= 0');
         end $$",
    )
    .await;
    failing(&["view filter fix"]);
    owner(
        "do $$ begin
             execute 'create or replace view v_low_stock_report with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_low_stock_report'::regclass), 'min_level >= 0', 'min_level > 0');
         end $$",
    )
    .await;

    // Nothing shows, neither in the view nor in the API that reads it.
    owner(
        "do $$ begin
             execute 'create or replace view v_low_stock_report with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_low_stock_report'::regclass), 'min_level > 0',
                            'min_level > 0 and min_level < 0');
         end $$",
    )
    .await;
    failing(&["view filter fix"]);
    owner(
        "do $$ begin
             execute 'create or replace view v_low_stock_report with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_low_stock_report'::regclass), 'min_level < 0', 'min_level > 0');
         end $$",
    )
    .await;

    // One more on hand than the ledger says.
    owner(
        "do $$ begin
             execute 'create or replace view v_stock_from_transactions with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_stock_from_transactions'::regclass),
                            'COALESCE(sum(l.quantity_change), (0)::bigint)',
                            'COALESCE(sum(l.quantity_change) + 1, (0)::bigint)');
         end $$",
    )
    .await;
    failing(&["canonical view parity", "view filter fix"]);
    owner(
        "do $$ begin
             execute 'create or replace view v_stock_from_transactions with (security_invoker = true) as '
                 || replace(pg_get_viewdef('v_stock_from_transactions'::regclass), ' + 1', '');
         end $$;
         update yachts set is_demo = false",
    )
    .await;
    failing(&["single-tenant assertion"]);
    owner("update yachts set is_demo = true where not is_test").await;

    // The signature is asked for, answered, and not kept.
    owner(
        "do $$ begin
             execute replace(pg_get_functiondef('parts_adjust_commit'::regproc),
                             'v_stock, v_change, v_signature,', 'v_stock, v_change, ''{}''::jsonb,');
         end $$",
    )
    .await;
    failing(&["audit signature keys"]);
    owner(
        "do $$ begin
             execute replace(pg_get_functiondef('parts_adjust_commit'::regproc),
                             'v_stock, v_change, ''{}''::jsonb,', 'v_stock, v_change, v_signature,');
         end $$;
         alter table pms_audit_log disable trigger user;
         update pms_audit_log set signature = '{\"user_id\":\"u\",\"role_at_signing\":\"captain\",
             \"signature_type\":\"pin_totp\",\"signature_hash\":\"h\",\"signed_at\":\"now\"}'
         where action = 'adjust_stock_quantity' and signature = '{}';
         alter table pms_audit_log alter column signature drop not null;
         update pms_audit_log set signature = null where id = (select min(id::text)::uuid from pms_audit_log);
         alter table pms_audit_log enable trigger user",
    )
    .await;
    failing(&["audit signature keys"]);
}

#[tokio::test]
async fn a_dead_api_fails_every_check_that_asks_it_and_the_others_still_run() {
    let daemon = Daemon::start().await;
    // A port that is taken and never listened on refuses everybody, and nobody else can be given it meanwhile.
    let refusing = tokio::net::TcpSocket::new_v4().unwrap();
    refusing.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let gate = Gate { base: format!("http://{}", refusing.local_addr().unwrap()), ..Gate::of(&daemon) };
    let (_database, folder) = daemon.kill();
    let accepted = gate.accept();
    let said = stdout(&accepted);
    assert_eq!(accepted.status.code(), Some(1));
    let failed = named(&said, "FAILED");
    assert_eq!(failed.len(), 11, "{said}");
    assert_eq!(named(&said, "passed"), ["single-tenant assertion"]);
    assert!(said.contains("canonical view parity — no answer to GET"), "{said}");
    assert!(said.contains("zero 5xx overall") && said.contains("nothing to look at"), "{said}");
    insta::assert_snapshot!(said);
    let stressed = gate.run(&["stress", "--no-record", "--requests", "5", "--read-only", "--json"]);
    assert_eq!(stressed.status.code(), Some(1), "{}", stderr(&stressed));
    let told: Value = serde_json::from_str(&stdout(&stressed)).unwrap();
    assert_eq!((&told["completed"], &told["passed"]), (&Value::from(0), &Value::from(false)));
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_yacht_that_is_not_for_tests_is_not_written_to_unless_that_is_said_in_full() {
    let daemon = Daemon::start().await;
    let (gate, before) = (Gate::of(&daemon), total_stock(&daemon).await);
    for command in ["accept", "stress"] {
        let refused = gate.run(&[command, "--no-record", "--yacht", OTHER_YACHT]);
        assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
        assert!(stderr(&refused).contains("--yes-write-to-a-yacht-that-is-not-for-tests"), "{}", stderr(&refused));
    }
    assert_eq!(total_stock(&daemon).await, before);
    assert!(!gate.out.exists(), "nothing was run");
    let reading = gate.run(&["stress", "--no-record", "--yacht", OTHER_YACHT, "--routes", "details", "--read-only"]);
    assert!(stdout(&reading).contains("50 of 50 answered"), "{}{}", stdout(&reading), stderr(&reading));
}

#[tokio::test]
async fn the_evidence_names_a_table_that_is_left_open() {
    let daemon = Daemon::start().await;
    let gate = Gate::of(&daemon);
    let said = stdout(&gate.evidence());
    let passed = named(&said, "passed");
    for name in [
        "view definitions",
        "row level security",
        "single-tenant assertion",
        "drift",
        "transaction parity",
        "audit signatures",
    ] {
        assert!(passed.contains(&name), "{name}: {said}");
    }
    for view in ["pms_part_stock", "v_stock_from_transactions", "v_low_stock_report"] {
        let sql = std::fs::read_to_string(gate.out.join(format!("viewdef_{view}.sql"))).unwrap();
        assert!(sql.to_lowercase().contains("select"), "{sql}");
    }
    assert!(gate.document("rls_policies.json")["evidence"]["policies"].as_array().unwrap().len() > 5);
    assert!(gate.document("transaction_parity_samples.json")["evidence"]["samples"].as_array().unwrap().len() == 100);
    assert!(gate.document("storage_policies.json")["checks"].is_array());

    // Nothing of ours is needed to see that.
    daemon
        .sql(
            "drop function count_distinct_yachts(text), check_inventory_drift(), audit_violation_sweep(text);
             alter table pms_part_usage disable row level security",
        )
        .await;
    let open = gate.evidence();
    assert_eq!(named(&stdout(&open), "passed").len(), passed.len() - 1, "{open:?}");
    assert_eq!(open.status.code(), Some(1));
    assert!(stdout(&open).contains("row level security — row level security is off on pms_part_usage"), "{open:?}");
}

#[tokio::test]
async fn an_empty_database_proves_nothing_and_every_check_says_why() {
    let database = rampart_postgres::testing::database().await;
    let out = std::env::temp_dir().join(format!("rampart-evidence-{}", uuid::Uuid::now_v7()));
    let gate = Gate { base: "http://127.0.0.1:1".to_owned(), database: database.owner.url(), out };
    let evidence = gate.evidence();
    assert_eq!(evidence.status.code(), Some(1));
    let said = stdout(&evidence);
    assert_eq!((named(&said, "FAILED").len(), named(&said, "passed").len()), (7, 0), "{said}");
    std::fs::remove_dir_all(&gate.out).unwrap();
    let accepted = gate.accept();
    assert_eq!(accepted.status.code(), Some(1), "{}", stderr(&accepted));
    assert!(stdout(&accepted).contains("nothing is moved: whether the yacht is for tests is not known"));
    std::fs::remove_dir_all(&gate.out).unwrap();
}

#[tokio::test]
async fn the_recommended_checks_run_when_they_are_asked_for() {
    let daemon = Daemon::start().await;
    let (gate, before) = (Gate::of(&daemon), total_stock(&daemon).await);
    let out = gate.out.to_str().unwrap();
    let accepted = gate.run(&["accept", "--no-record", "--recommended", "--json", "--out", out]);
    let told: Value = serde_json::from_str(&stdout(&accepted)).unwrap();
    let reports = told["reports"].as_array().unwrap();
    let passed = |item: &str| reports.iter().find(|report| report["item"] == item).unwrap()["passed"] == true;
    assert_eq!(reports.len(), 4);
    assert!(passed("status_codes"), "{told:#}");
    assert!(passed("role_suggestions"), "{told:#}");
    assert!(passed("storage_rls"), "{told:#}");
    assert_eq!(total_stock(&daemon).await, before, "what was received was consumed");
    assert_eq!(gate.document("status_codes.json")["passed"], true);
}

#[tokio::test]
async fn a_stress_run_is_judged_by_what_was_measured() {
    let daemon = Daemon::start().await;
    let (gate, before) = (Gate::of(&daemon), total_stock(&daemon).await);
    let page = gate.out.join("stress.html");
    let routes = "low-stock,details,receive,consume";
    let closed = gate.run(&["stress", "--no-record", "--routes", routes, "--html", page.to_str().unwrap()]);
    let said = stdout(&closed);
    assert!(said.contains(" ms │"), "{said}{}", stderr(&closed));
    assert!(named(&said, "passed").iter().filter(|name| **name != "p95 < 500 ms").count() == 3, "{said}");
    let told = gate.document("stress-results.json");
    // How quick this build is on this machine is not the test's business; how it is judged, is.
    let within = told["p95_ms"].as_f64().unwrap() < 500.0;
    assert_eq!(closed.status.code(), Some(i32::from(!within)), "{said}");
    assert_eq!((&told["passed"], named(&said, "FAILED").is_empty()), (&Value::from(within), within), "{said}");
    assert_eq!((&told["requests"], &told["completed"]), (&Value::from(50), &Value::from(50)));
    assert_eq!((&told["success_rate"], &told["five_xx_count"]), (&Value::from(100.0), &Value::from(0)));
    assert_eq!(told["lenses"]["v2"], 50, "the lens under test");
    assert_eq!(told["corrected_for_coordinated_omission"], false);
    let buckets: u64 = told["histogram"].as_array().unwrap().iter().filter_map(|b| b["count"].as_u64()).sum();
    assert_eq!(buckets, 50);
    let of = |route: &str| told["routes"][route]["completed"].as_u64();
    assert!((of("receive"), of("low-stock")) > (Some(0), Some(0)) && told["latency_ms"]["p95"].as_f64() > Some(0.0));
    assert_eq!(total_stock(&daemon).await, before, "as many out as in");
    let refused = gate.run_as(&daemon.token(CREW), &["stress", "--no-record", "--routes", "receive,consume", "--json"]);
    let told: Value = serde_json::from_str(&stdout(&refused)).unwrap();
    assert_eq!((&told["statuses"]["403"], &told["passed"]), (&Value::from(50), &Value::from(false)));
    assert_eq!(total_stock(&daemon).await, before, "who may not receive consumes nothing");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("class=\"bar\"") && !html.contains("http-equiv") && !html.contains("src="), "{html}");

    let open = gate.run(&["stress", "--no-record", "--routes", "details", "--rate", "40", "--for", "1s", "--json"]);
    let told: Value = serde_json::from_str(&stdout(&open)).unwrap();
    assert_eq!((&told["completed"], &told["pace"]["loop"]), (&Value::from(40), &Value::from("open")));
    assert!(told["seconds"].as_f64() > Some(0.9) && told["corrected_for_coordinated_omission"] == true);
    no_secret_in(&gate.out);

    daemon.sql("drop view v_low_stock_report").await;
    let broken = gate.run(&["stress", "--no-record", "--routes", "low-stock", "--requests", "3", "--concurrency", "1"]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(named(&stdout(&broken), "FAILED").contains(&"zero 5xx"), "{}", stdout(&broken));
    assert_eq!(gate.run(&["stress", "--rate", "9000", "--for", "10m"]).status.code(), Some(2), "too much");
}

#[tokio::test]
async fn exported_tokens_can_be_sourced_wherever_the_clock_stands() {
    let daemon = Daemon::start().await;
    let script = r#"set -eu
        "$RAMPART" token --export > "$FILE"; . "$FILE"
        printf '%s\n' "$HOD_JWT" "$CAPTAIN_JWT" "$CREW_JWT" "$TEST_JWT" "$TEST_YACHT_ID""#;
    let sourced = Command::new("sh")
        .args(["-c", script])
        .env("RAMPART", env!("CARGO_BIN_EXE_rampart"))
        .env("FILE", daemon.folder.join("tokens.sh"))
        .env("TZ", "Pacific/Auckland")
        .env("TENANT_1_SUPABASE_JWT_SECRET", JWT_SECRET)
        .output()
        .unwrap();
    assert!(sourced.status.success(), "{}", stderr(&sourced));
    let said = stdout(&sourced);
    let lines: Vec<&str> = said.lines().collect();
    let [hod, captain, crew, test, yacht] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*yacht, YACHT);
    for token in [hod, captain, crew, test] {
        let user = User::with_token(&daemon, (*token).to_owned());
        user.get("/v1/parts/low-stock?limit=1").await.is(200);
    }
}

#[tokio::test]
async fn a_run_that_cannot_be_recorded_says_so_and_fails_only_where_recording_was_asked_for() {
    let daemon = Daemon::start().await;
    let gate = Gate { base: daemon.base.clone(), ..Gate::of(&daemon) };
    let out = gate.out.join("stress.json");
    let stress = |more: &[&str]| {
        let args = ["stress", "--out", out.to_str().unwrap(), "--url", "http://127.0.0.1:1"];
        gate.run(&[args.as_slice(), more].concat())
    };
    let quiet = stress(&[]);
    // How quick this build is on this machine is not the test's business.
    let within = gate.document("stress.json")["passed"] == true;
    assert_eq!(quiet.status.code(), Some(i32::from(!within)), "{}", stderr(&quiet));
    assert!(stderr(&quiet).contains("not recorded: stress: no daemon answers"), "{}", stderr(&quiet));
    assert_eq!(stress(&["--record"]).status.code(), Some(1));
    let part = stress(&["--routes", "details", "--requests", "2"]);
    assert!(stderr(&part).contains("not recorded: stress: only all kinds of requests"), "{}", stderr(&part));
}

#[tokio::test]
async fn an_api_and_a_database_that_are_not_of_one_deployment_prove_nothing() {
    let (daemon, other) = (Daemon::start().await, Daemon::start().await);
    let gate = Gate { database: other.database.owner.url(), ..Gate::of(&daemon) };
    other.sql("update pms_parts set name = name || ' of the other'").await;
    let before = total_stock(&daemon).await;
    let out = gate.out.to_str().unwrap();
    for command in [&["accept", "--out", out][..], &["stress"], &["evidence", "--out", out]] {
        let refused = gate.run(command);
        assert_eq!(refused.status.code(), Some(2), "{}", stdout(&refused));
        assert!(stderr(&refused).contains("do not belong together"), "{}", stderr(&refused));
    }
    assert_eq!(total_stock(&daemon).await, before);
    assert!(!gate.out.exists(), "nothing was run");

    // The text of this policy names the yacht, and yet shows everything.
    other.sql("create policy wide on pms_parts for select to authenticated using (yacht_id is not null)").await;
    let evidence = stdout(&gate.evidence());
    assert!(evidence.contains("row level security — somebody of another yacht sees rows"), "{evidence}");
}

/// What MISSION lists, and nothing else is asked of the folder.
const ARTIFACTS: [&str; 16] = [
    "comprehensive_acceptance_summary.json",
    "canonical_parity.json",
    "view_filter_fix.json",
    "single_tenant_assertion.json",
    "receive_part_201.json",
    "idempotency_409.json",
    "adjust_stock_no_sig_400.json",
    "adjust_stock_with_sig_200.json",
    "role_based_suggestions.json",
    "zero_5xx_comprehensive.json",
    "viewdef_pms_part_stock.sql",
    "viewdef_v_stock_from_transactions.sql",
    "viewdef_v_low_stock_report.sql",
    "rls_policies.json",
    "storage_policies.json",
    "transaction_parity_samples.json",
];

#[tokio::test]
async fn what_is_proven_opens_the_gate_and_an_altered_proof_closes_it() {
    let gated =
        format!("{}gate: {{ require: [acceptance, sql_evidence, role_suggestions] }}\n", crate::harness::slow());
    let daemon = Daemon::with(&gated).await;
    let gate = Gate::of(&daemon);
    let out = gate.out.to_str().unwrap();
    let start = || stderr(&daemon.cli(&["rollout", "start"]));
    let refused = start();
    for item in ["acceptance", "sql_evidence", "role_suggestions"] {
        assert!(refused.contains(&format!("{item} (never run)")), "{refused}");
    }
    assert_eq!(gate.run(&["accept", "--record", "--out", out]).status.code(), Some(0));
    let refused = start();
    assert!(refused.contains("sql_evidence (never run)") && !refused.contains("acceptance"), "{refused}");
    assert_eq!(gate.run(&["evidence", "--record", "--out", out]).status.code(), Some(0));
    for name in ARTIFACTS {
        assert!(gate.out.join(name).metadata().is_ok_and(|file| file.len() > 0), "{name}");
    }

    let altered = gate.out.join("canonical_parity.json");
    let whole = std::fs::read(&altered).unwrap();
    std::fs::write(&altered, b"{}").unwrap();
    let refused = start();
    assert!(refused.contains("canonical_parity.json does not match its recorded hash"), "{refused}");
    std::fs::write(&altered, whole).unwrap();
    // What it says is what the traffic can prove, not a refusal.
    let started = start();
    assert!(started.lines().all(|line| line.contains("canary requests within the soak")), "{started}");
    assert_eq!(daemon.status().await["percent"], 5.0);
}

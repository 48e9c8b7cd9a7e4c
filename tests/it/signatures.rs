//! Signatures that prove something: enrolment, codes that are good once, the lock, and the chain.

use crate::harness::{Daemon, SIGNING_KEY, slow};
use crate::parts::client::{CAPTAIN, NOTHING, PLENTY, User, adjust, database};
use serde_json::{Value, json};
use sqlx::PgPool;
use std::io::Write;
use std::process::{Command, Output, Stdio};

const OTHER_ON_BOARD: &str = "b72c35ff-e309-4a19-a617-bfc706a78c0f";
const PIN: &str = "captains-own-pin";
const STEP_SECONDS: i64 = 30;

fn rampart(daemon: &Daemon, args: &[&str], key: &str, stdin: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(args)
        .env("DATABASE_URL", daemon.database.owner.url())
        .env("RAMPART_SIGNING_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A phone with a code generator on it.
struct Generator(totp_rs::Totp);

impl Generator {
    fn enrolled(daemon: &Daemon, user: &str) -> Self {
        let output = rampart(daemon, &["token", "enroll", "--user", user, "--pin-stdin"], "", &format!("{PIN}\n"));
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains(PIN), "a PIN that was typed in is not shown: {said}");
        let secret = said.lines().find_map(|line| line.strip_prefix("secret  ")).expect("a secret");
        assert!(said.contains(&format!("otpauth://totp/Rampart:{user}?secret={secret}&issuer=Rampart")), "{said}");
        let bits: String = secret
            .chars()
            .map(|letter| format!("{:05b}", "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".find(letter).unwrap()))
            .collect();
        let bytes: Vec<u8> = bits
            .as_bytes()
            .chunks(8)
            .map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap())
            .collect();
        let secret = <[u8; 20]>::try_from(bytes).expect("160 bits");
        Self(totp_rs::Builder::new().with_secret(secret).build().expect("a generator"))
    }

    /// The code shown now, or so many steps later. Codes of this step and the next stay good for a test's time.
    fn code(&self, steps: i64) -> String {
        let time = rampart::clock::wall().timestamp() + steps * STEP_SECONDS;
        self.0.generate(time.unsigned_abs()).to_string()
    }

    fn wrong_code(&self) -> String {
        let near: Vec<String> = (-2..=3).map(|steps| self.code(steps)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

fn signed(part: &str, quantity: i64, pin: &str, totp: &str) -> Value {
    let mut body = adjust(part, quantity);
    body["signature"] = json!({ "pin": pin, "totp": totp, "reason_code": "count" });
    body
}

async fn adjusted(user: &User, body: &Value) -> crate::parts::client::Answer {
    user.post("/v1/parts/adjust-stock", body).await
}

async fn texts(database: &PgPool, sql: &'static str) -> String {
    sqlx::query_scalar::<_, Option<String>>(sql).fetch_one(database).await.unwrap().unwrap_or_default()
}

#[tokio::test]
async fn a_code_signs_one_action_and_a_repeated_request_is_answered_as_before() {
    let daemon = Daemon::with_env(&slow(), &[("RAMPART_LOG", "debug")]).await;
    let (captain, database) = (User::of(&daemon, CAPTAIN), database(&daemon).await);
    let generator = Generator::enrolled(&daemon, CAPTAIN);
    let code = generator.code(0);
    let body = adjusted(&captain, &signed(PLENTY, 90, PIN, &code)).await.is(200);
    assert_eq!(body["audit"]["signature"]["verified"], true, "{body}");
    let again = adjusted(&captain, &signed(NOTHING, 3, PIN, &code)).await.fails(403, "INVALID_SIGNATURE");
    assert!(!again.to_string().contains(&code));
    assert_eq!((captain.on_hand(PLENTY).await, captain.on_hand(NOTHING).await), (90, 0));

    // Refused before the code is looked at, so it is not used up.
    let next = generator.code(1);
    adjusted(&captain, &signed(PLENTY, -1, PIN, &next)).await.fails(400, "VALIDATION_ERROR");
    let mut keyed = signed(PLENTY, 80, PIN, &next);
    keyed["idempotency_key"] = json!("count of march");
    let first = adjusted(&captain, &keyed).await.is(200);
    let replay = adjusted(&captain, &keyed).await;
    assert_eq!(replay.header("idempotent-replayed"), "true");
    assert_eq!(replay.is(200), first);

    let unenrolled = User::of(&daemon, OTHER_ON_BOARD);
    let body = adjusted(&unenrolled, &adjust(PLENTY, 100)).await.is(200);
    assert_eq!(body["audit"]["signature"]["verified"], false, "{body}");

    let audit = texts(&database, "select string_agg(a::text, '') from pms_audit_log a").await;
    let idempotency = texts(&database, "select string_agg(i::text, '') from pms_idempotency i").await;
    let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
    for text in [audit, idempotency, log] {
        assert!(!text.contains(PIN), "{text}");
        for code in [&code, &next] {
            let quoted = format!("\"{code}\"");
            assert!(!text.contains(&quoted) && !text.contains(&quoted.replace('"', "\"\"")), "{text}");
        }
    }
    let verified = rampart(&daemon, &["audit", "verify"], SIGNING_KEY, "");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}

#[tokio::test]
async fn two_requests_at_once_cannot_share_a_code() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let code = Generator::enrolled(&daemon, CAPTAIN).code(0);
    let (one, other) = (signed(PLENTY, 90, PIN, &code), signed(NOTHING, 3, PIN, &code));
    let (one, other) = tokio::join!(adjusted(&captain, &one), adjusted(&captain, &other));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{} {}", one.body, other.body);
}

#[tokio::test]
async fn five_wrong_attempts_lock_and_what_says_nothing_of_the_pin_is_no_attempt() {
    let daemon = Daemon::start().await;
    let (captain, database) = (User::of(&daemon, CAPTAIN), database(&daemon).await);
    let generator = Generator::enrolled(&daemon, CAPTAIN);
    let unknown = "00000000-0000-4000-8000-0000000000ff";
    for _ in 0..6 {
        adjusted(&captain, &signed(unknown, 1, "wrong", "000000")).await.fails(404, "NOT_FOUND");
    }
    // All at once: none of them may slip past the count.
    let (code, wrong) = (generator.code(0), generator.wrong_code());
    let (wrong_pin, wrong_code) = (signed(PLENTY, 90, "wrong", &code), signed(PLENTY, 90, PIN, &wrong));
    let attempts = (0..12).map(|number| adjusted(&captain, if number % 2 == 0 { &wrong_pin } else { &wrong_code }));
    for answer in futures_util::future::join_all(attempts).await {
        answer.fails(403, "INVALID_SIGNATURE");
    }
    let right = signed(PLENTY, 90, PIN, &code);
    let locked = adjusted(&captain, &right).await.fails(403, "INVALID_SIGNATURE");
    assert!(locked["message"].as_str().unwrap().contains("later"), "{locked}");
    let attempts = texts(&database, "select failed_attempts::text from pms_signature_enrolments").await;
    assert_eq!(attempts, "5", "nothing was compared while locked");
    // A quarter of an hour passes.
    sqlx::query("update pms_signature_enrolments set locked_until = now()").execute(&database).await.unwrap();
    adjusted(&captain, &signed(PLENTY, 90, PIN, &generator.code(0))).await.is(200);
    let attempts = texts(&database, "select failed_attempts::text from pms_signature_enrolments").await;
    assert_eq!(attempts, "0", "a success forgets them");
}

#[tokio::test]
async fn where_signatures_must_be_proven_only_the_enrolled_sign() {
    let daemon = Daemon::with_env(&slow(), &[("REQUIRE_ENROLLED_SIGNATURES", "true")]).await;
    let captain = User::of(&daemon, CAPTAIN);
    adjusted(&captain, &adjust(PLENTY, 90)).await.fails(403, "INVALID_SIGNATURE");
    let generator = Generator::enrolled(&daemon, CAPTAIN);
    adjusted(&captain, &signed(PLENTY, 90, PIN, &generator.code(0))).await.is(200);
    assert!(rampart(&daemon, &["token", "revoke", "--user", CAPTAIN], "", "").status.success());
    adjusted(&captain, &signed(PLENTY, 90, PIN, &generator.code(1))).await.fails(403, "INVALID_SIGNATURE");
    let nobody = ["token", "enroll", "--user", "00000000-0000-4000-8000-0000000000ff"];
    assert_eq!(rampart(&daemon, &nobody, "", "").status.code(), Some(2));
}

#[tokio::test]
async fn the_owners_commands_go_around_a_pooler_where_a_way_is_named() {
    let daemon = Daemon::start().await;
    for (args, status) in [
        (["token", "revoke", "--user", CAPTAIN], 1),
        (["audit", "verify", "--yacht", "85fe1119-b04c-41ac-80f1-829d23322598"], 2),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(args)
            .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/a-pooler-that-is-away")
            .env("RAMPART_LISTEN_URL", daemon.database.owner.url())
            .env("RAMPART_SIGNING_KEY", SIGNING_KEY)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{said}");
        assert!(said.contains("was not enrolled") || said.contains("nothing was ever signed"), "{said}");
    }
}

#[tokio::test]
async fn nobody_who_can_come_over_rest_reads_enrolments_or_resets_the_count() {
    let daemon = Daemon::start().await;
    let open = texts(
        &database(&daemon).await,
        "select string_agg(r.name || ' ' || p.proname, ', ')
         from pg_proc p cross join (values ('anon'), ('authenticated'), ('service_role')) r (name)
         where p.proname in ('signature_attempt', 'signature_forgive', 'signature_spend')
             and has_function_privilege(r.name, p.oid, 'execute')
             or p.proname = 'signature_attempt'
             and has_table_privilege(r.name, 'pms_signature_enrolments', 'select, insert, update, delete')",
    )
    .await;
    assert_eq!(open, "");
}

#[tokio::test]
async fn tampering_with_the_audit_log_is_named_at_its_row() {
    let daemon = Daemon::start().await;
    let captain = User::of(&daemon, CAPTAIN);
    let mut rows = Vec::new();
    // Counts that confirm the stock: signed, and no ledger row holds on to them.
    for _ in 0..3 {
        let body = adjusted(&captain, &adjust(PLENTY, 100)).await.is(200);
        rows.push(body["audit"]["id"].as_str().unwrap().to_owned());
    }
    let verify = |key: &str| {
        let output = rampart(&daemon, &["audit", "verify", "--yacht", crate::parts::client::YACHT], key, "");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let broken = |row: &str, what: &str| {
        let (code, said) = verify(SIGNING_KEY);
        assert!(code == Some(1) && said.contains(row) && said.contains(what), "{code:?} {said}");
    };
    let (code, said) = verify(SIGNING_KEY);
    assert!(code == Some(0) && said.contains("3 signatures, the chain is whole"), "{code:?} {said}");
    let (code, said) = verify("another-key");
    assert!(code == Some(1) && said.contains(&rows[0]) && said.contains("cannot be checked"), "{code:?} {said}");

    daemon.sql("alter table pms_audit_log disable trigger pms_audit_log_append_only").await;
    let second = "where metadata ->> 'chain_position' = '2'";
    let reason = |reason: &str| {
        format!("update pms_audit_log set signature = jsonb_set(signature, '{{reason}}', '\"{reason}\"') {second}")
    };
    let run = async |sql: String| {
        sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut daemon.owner().await).await.unwrap();
    };
    run(reason("another reason")).await;
    broken(&rows[1], "altered");
    run(reason("annual count")).await;
    assert_eq!(verify(SIGNING_KEY).0, Some(0), "put back, it is whole again");

    let swap = "update pms_audit_log set metadata = jsonb_set(metadata, '{chain_position}',
                    to_jsonb(5 - (metadata ->> 'chain_position')::int))
                where metadata ->> 'chain_position' in ('2', '3')";
    run(swap.to_owned()).await;
    broken(&rows[2], "moved");
    run(swap.to_owned()).await;
    run("update pms_audit_log set new_values = new_values || '{\"quantity\": 7}' where metadata ->> 'chain_position' = '1'".to_owned()).await;
    broken(&rows[0], "new_quantity");
    run("update pms_audit_log set new_values = new_values || '{\"quantity\": 100}' where metadata ->> 'chain_position' = '1'".to_owned()).await;
    run(format!("delete from pms_audit_log {second}")).await;
    broken(&rows[2], "missing");
    run("delete from pms_audit_log where metadata ? 'chain_position' and metadata ->> 'chain_position' = '3'"
        .to_owned())
    .await;
    broken("the end of the chain", "head");
}

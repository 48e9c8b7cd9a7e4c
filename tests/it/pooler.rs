//! The daemon behind a pooler in transaction mode: more connections than sessions, and no session is its own.

use crate::harness::{Daemon, FLAG, VIEWER, slow};
use crate::parts::client::{CAPTAIN, CREW, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, User, YACHT};
use rampart_postgres::Login;
use serde_json::{Value, json};
use sqlx::{Executor, PgConnection};
use std::collections::HashSet;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Sessions of the server, for the daemon's thirty connections.
const SESSIONS: usize = 5;
const AT_ONCE: usize = 20;
/// How long a change may take to be served where the database tells of it.
const TOLD_WITHIN: Duration = Duration::from_millis(500);

/// A PgBouncer in front of the test server.
struct Pooler {
    child: Child,
    url: String,
}

impl Pooler {
    /// Knows one login, the one that the daemon has.
    fn start(login: &Login, folder: &Path) -> Self {
        let folder = folder.join("pooler");
        std::fs::create_dir(&folder).unwrap();
        let (server, port) = (login.socket_dir().display(), login.port());
        let list = format!("\"{}\" \"{}\"\n", login.user(), login.password());
        let (list_path, settings_path) = (folder.join("users"), folder.join("pgbouncer.ini"));
        std::fs::write(&list_path, list).unwrap();
        let settings = format!(
            "[databases]\n* = host={server} port={port}\n\
             [pgbouncer]\npool_mode = transaction\ndefault_pool_size = {SESSIONS}\nmax_client_conn = 100\n\
             unix_socket_dir = {0}\nlisten_port = 6432\nauth_type = scram-sha-256\nauth_file = {0}/users\n",
            folder.display()
        );
        std::fs::write(&settings_path, settings).unwrap();
        // Whoever runs the server owns its socket; whoever runs this test owns what it just wrote.
        let owner = std::fs::metadata(login.socket_dir().join(format!(".s.PGSQL.{port}"))).unwrap();
        let root = std::fs::metadata(&settings_path).unwrap().uid() == 0;
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]);
        if root {
            // It refuses to run as root, and must reach the server's socket: it runs as whoever runs the server.
            for path in [&folder, &list_path, &settings_path] {
                chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
            }
            let (user, group) = (format!("--reuid={}", owner.uid()), format!("--regid={}", owner.gid()));
            command.args([&user, &group, "--clear-groups"]);
        }
        let mut child = command
            .arg("--")
            .arg(pgbouncer())
            .arg(&settings_path)
            .current_dir("/")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let up = lines.by_ref().inspect(|line| said.push(line.clone())).any(|line| line.contains("process up"));
        assert!(up, "the pooler did not start: {said:#?}");
        std::thread::spawn(move || lines.for_each(drop));
        let socket = folder.display().to_string().replace('/', "%2F");
        let url = format!("postgres://{}:{}@{socket}:6432/{}", login.user(), login.password(), login.database());
        Self { child, url }
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian keeps it where only root looks.
fn pgbouncer() -> PathBuf {
    let usual = Path::new("/usr/sbin/pgbouncer");
    if usual.exists() { usual.to_owned() } else { PathBuf::from("pgbouncer") }
}

/// A daemon that reaches its database through a pooler, as the role that may do least.
async fn behind_a_pooler(policy: &str) -> (Daemon, Pooler) {
    let (database, folder) = Daemon::prepare(policy).await;
    let pooler = Pooler::start(&database.app, &folder);
    // Nobody listens there.
    let targets = "targets: [{ name: ops, kind: slack, url: 'http://127.0.0.1:1' }]\n";
    std::fs::write(folder.join("notify.yaml"), targets).unwrap();
    let environment = [
        ("RAMPART_NOTIFY", folder.join("notify.yaml").display().to_string()),
        ("DATABASE_URL", pooler.url.clone()),
        ("RAMPART_DB_POOLER", "transaction".to_owned()),
        ("RAMPART_LISTEN_URL", database.owner.url()),
    ];
    let environment = environment.each_ref().map(|(name, value)| (*name, value.as_str()));
    (Daemon::on_with(database, folder, &environment).await, pooler)
}

async fn parts_of(owner: &mut PgConnection, yacht: &str) -> HashSet<String> {
    let parts: Vec<uuid::Uuid> = sqlx::query_scalar("select id from pms_parts where yacht_id = $1::text::uuid")
        .bind(yacht)
        .fetch_all(owner)
        .await
        .unwrap();
    parts.iter().map(ToString::to_string).collect()
}

/// Users of two yachts read and consume, many at once; everybody sees what is theirs and nothing else.
async fn crowd(daemon: &Daemon, lens: &'static str) {
    let mut owner = daemon.owner().await;
    let (ours, theirs) = (parts_of(&mut owner, YACHT).await, parts_of(&mut owner, OTHER_YACHT).await);
    assert!(!ours.is_empty() && !theirs.is_empty() && ours.is_disjoint(&theirs));
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..AT_ONCE {
        let (captain, crew) = (if worker % 2 == 0 { CAPTAIN } else { OTHER_CAPTAIN }, User::of(daemon, CREW));
        let (reader, own) = (User::of(daemon, captain), if worker % 2 == 0 { ours.clone() } else { theirs.clone() });
        tasks.spawn(async move {
            for round in 0..10 {
                let answer = reader.get("/v1/parts/low-stock?limit=200").await;
                assert_eq!(answer.header("x-part-lens"), lens);
                let body = answer.is(200);
                let seen = body["data"]["parts"].as_array().or(body["parts"].as_array()).expect("parts").clone();
                let id = |part: &Value| part["id"].as_str().or(part["part_id"].as_str()).expect("an id").to_owned();
                assert!(seen.iter().all(|part| own.contains(&id(part))), "rows of another yacht");
                if round % 5 == 0 {
                    let key = format!("{lens} {worker} {round}");
                    let consume = json!({ "part_id": PLENTY, "quantity": 1, "idempotency_key": key });
                    crew.execute("consume_part", consume).await.is(200);
                }
            }
        });
    }
    // A panic of a task is one of ours.
    tasks.join_all().await;
}

#[tokio::test]
async fn twenty_at_once_share_five_sessions_without_a_5xx_and_never_see_each_others_rows() {
    let (daemon, _pooler) = behind_a_pooler(&format!("{}notify: [ops]\n", slow())).await;
    let before = User::of(&daemon, CREW).on_hand(PLENTY).await;
    crowd(&daemon, "v1").await;

    daemon.start_rollout().await;
    let (status, body) = daemon.order("stage", json!({ "percent": 100, "reason": "everybody" })).await;
    assert_eq!(status, 200, "{body}");
    crowd(&daemon, "v2").await;
    // Every consumption once: two for each worker and lens.
    assert_eq!(User::of(&daemon, CREW).on_hand(PLENTY).await, before - 4 * AT_ONCE as i64);

    let status = daemon.status().await;
    assert_eq!((&status["phase"], &status["percent"]), (&json!("ramping"), &json!(100.0)), "{status:#}");
    let (status, body) = daemon.order("rollback", json!({ "reason": "enough" })).await;
    assert_eq!((status, &body["phase"]), (200, &json!("rolled_back")), "{body}");
    assert_eq!(daemon.low_stock(CREW).await, (200, "v1".to_owned()));

    // The notification was planned, tried, and will be tried again.
    let told = async || daemon.ops(VIEWER, "GET", "/notifications", None).await.1["targets"][0].clone();
    while told().await["last_error"] != "connection refused" {
        tokio::task::yield_now().await;
    }
    assert_eq!(told().await["waiting"], 1);

    let log = std::fs::read_to_string(daemon.folder.join("log")).unwrap();
    for trouble in ["prepared statement", "unsupported startup parameter", "ERROR"] {
        assert!(!log.contains(trouble), "{log}");
    }
    // The sessions that everybody shares belong to a role that may do next to nothing.
    let shared: i64 = sqlx::query_scalar(
        "select count(*) from pg_stat_activity where datname = current_database() and usename = 'rampart_app'",
    )
    .fetch_one(&mut daemon.owner().await)
    .await
    .unwrap();
    assert!((1..=SESSIONS as i64).contains(&shared), "{shared} sessions");
}

/// The session that listens, once there is one other than `gone`.
async fn listening(owner: &mut PgConnection, gone: Option<i32>) -> i32 {
    let waited = async {
        loop {
            let sessions: Vec<i32> = sqlx::query_scalar(
                "select pid from pg_stat_activity
                 where datname = current_database() and application_name = 'rampart' and query like 'LISTEN %'",
            )
            .fetch_all(&mut *owner)
            .await
            .unwrap();
            match sessions.as_slice() {
                [one] if Some(*one) != gone => return *one,
                // The old one may still be there, and nothing tells when the new one has come.
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), waited).await.expect("nobody listens")
}

#[tokio::test]
async fn a_listener_that_was_cut_off_comes_back_and_is_told_at_once() {
    let (daemon, _pooler) = behind_a_pooler(&slow()).await;
    let mut owner = daemon.owner().await;
    let first = listening(&mut owner, None).await;
    let killed: bool =
        sqlx::query_scalar("select pg_terminate_backend($1)").bind(first).fetch_one(&mut owner).await.unwrap();
    assert!(killed);
    listening(&mut owner, Some(first)).await;
    // By the clock alone a change would be noticed within a second, so that one in two would come in time by luck:
    // of six in a row hardly ever all.
    for percent in [5, 10, 20, 30, 40, 50] {
        let statement = format!(
            "update feature_flags set enabled = true, canary_percentage = {percent}, updated_at = now()
             where flag_name = '{FLAG}'"
        );
        owner.execute(sqlx::AssertSqlSafe(statement)).await.unwrap();
        let served = daemon.until(|status| status["percent"] == f64::from(percent));
        assert!(
            tokio::time::timeout(TOLD_WITHIN, served).await.is_ok(),
            "{percent} % is not served in {TOLD_WITHIN:?}"
        );
    }
}

#[test]
fn without_a_way_around_the_pooler_it_does_not_start() {
    let folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("part_lens_v2.yaml"), slow()).unwrap();
    for command in ["serve", "migrate"] {
        let refused = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args([command, "--listen", "127.0.0.1:0", "--db-pooler", "transaction", "--policies"])
            .arg(&folder)
            .env("DATABASE_URL", "postgres://somebody@127.0.0.1:1/nothing")
            .env_remove("RAMPART_LISTEN_URL")
            .env_remove("PORT")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(said.contains("RAMPART_LISTEN_URL is not set"), "{said}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

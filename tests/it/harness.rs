//! A real daemon, as a process of its own, on a fresh database of the server that all tests share.

use rampart_postgres::testing::{TestDatabase, database};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

pub(crate) const FLAG: &str = "part_lens_v2";
pub(crate) const VIEWER: &str = "viewer-token-for-tests";
pub(crate) const OPERATOR: &str = "operator-token-for-tests";
pub(crate) const OWNER: &str = "owner-token-for-tests-1";
pub(crate) const JWT_SECRET: &str = "a-secret-for-tests-of-32-letters";
pub(crate) const SERVICE_KEY: &str = "service-key-for-tests";
pub(crate) const SIGNING_KEY: &str = "a-signing-key-for-tests";
/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);

/// Seconds instead of hours, and few samples.
pub(crate) const QUICK: &str = r#"
flag: part_lens_v2
stages:
  - { percent: 5,   soak: 2s, min_requests: 1 }
  - { percent: 20,  soak: 2s, min_requests: 1 }
  - { percent: 50,  soak: 2s, min_requests: 1 }
  - { percent: 100, soak: 2s, min_requests: 1 }
tick: 1s
checks:
  server_errors:         { signal: live.5xx, scope: all, rollback_if: "> 0" }
  null_audit_signatures: { signal: audit.violations, rollback_if: "> 0" }
  rls_bypasses:          { signal: probe.rls, rollback_if: "> 0" }
  data_inconsistency:    { signal: report.data_inconsistency, rollback_if: "> 0" }
  user_reports:          { signal: report.any, advance_if: "== 0" }
"#;

/// The same with an hour a stage: it stays where it is put.
pub(crate) fn slow() -> String {
    QUICK.replace("soak: 2s", "soak: 1h")
}

pub(crate) struct Daemon {
    pub(crate) base: String,
    pub(crate) database: TestDatabase,
    pub(crate) folder: PathBuf,
    child: Child,
    http: reqwest::Client,
}

impl Daemon {
    /// With a policy whose stages last an hour.
    pub(crate) async fn start() -> Self {
        Self::with(&slow()).await
    }

    pub(crate) async fn with(policy: &str) -> Self {
        Self::with_env(policy, &[]).await
    }

    /// With further variables, or other values of those that tests set.
    pub(crate) async fn with_env(policy: &str, env: &[(&str, &str)]) -> Self {
        let (database, folder) = Self::prepare(policy).await;
        Self::on_with(database, folder, env).await
    }

    /// A fresh, seeded database, and a folder with the policy.
    pub(crate) async fn prepare(policy: &str) -> (TestDatabase, PathBuf) {
        let database = database().await;
        let folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir_all(folder.join("policies")).unwrap();
        std::fs::write(folder.join("policies/part_lens_v2.yaml"), policy).unwrap();
        let seeded = Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(["migrate", "--seed"])
            .env("DATABASE_URL", database.owner.url())
            .env_remove("SQLX_OFFLINE")
            .output()
            .unwrap();
        assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
        (database, folder)
    }

    /// A daemon on a database that was made before.
    pub(crate) async fn on(database: TestDatabase, folder: PathBuf) -> Self {
        Self::on_with(database, folder, &[]).await
    }

    /// The same with more in its environment.
    pub(crate) async fn on_with(database: TestDatabase, folder: PathBuf, env: &[(&str, &str)]) -> Self {
        let (child, base) = spawn(&database, &folder, env);
        let daemon = Self { base, database, folder, child, http: reqwest::Client::new() };
        daemon.until(|status| status["phase"].is_string()).await;
        daemon
    }

    /// Kills the process as a power failure would, and answers what it stood on.
    pub(crate) fn kill(mut self) -> (TestDatabase, PathBuf) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let stood_on = (self.database.clone(), self.folder.clone());
        self.folder = PathBuf::new();
        stood_on
    }

    /// Asks the process to stop, waits until it has, and answers what it stood on.
    pub(crate) fn stop(mut self) -> (TestDatabase, PathBuf) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(asked.success());
        assert!(self.child.wait().unwrap().success());
        let stood_on = (self.database.clone(), self.folder.clone());
        self.folder = PathBuf::new();
        stood_on
    }

    pub(crate) fn token(&self, user: &str) -> String {
        let now = rampart::clock::wall().timestamp();
        let claims =
            json!({ "sub": user, "aud": "authenticated", "role": "authenticated", "iat": now, "exp": now + 3600 });
        let key = jsonwebtoken::EncodingKey::from_secret(JWT_SECRET.as_bytes());
        jsonwebtoken::encode(&jsonwebtoken::Header::default(), &claims, &key).unwrap()
    }

    /// A call of the ops API: status and body.
    pub(crate) async fn ops(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let (status, body, _) = self.ops_with(token, method, path, body, &[]).await;
        (status, body)
    }

    pub(crate) async fn ops_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> (u16, Value, reqwest::header::HeaderMap) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}/api/v1{path}", self.base)).bearer_auth(token);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)), headers)
    }

    pub(crate) async fn order(&self, command: &str, body: Value) -> (u16, Value) {
        self.ops(OWNER, "POST", &format!("/rollouts/{FLAG}/{command}"), Some(body)).await
    }

    pub(crate) async fn start_rollout(&self) -> Value {
        let (status, body) = self.order("start", json!({})).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    pub(crate) async fn status(&self) -> Value {
        self.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}"), None).await.1
    }

    /// The journal's entries, oldest first.
    pub(crate) async fn journal(&self) -> Vec<Value> {
        let (_, journal) = self.ops(VIEWER, "GET", &format!("/rollouts/{FLAG}/journal?limit=500"), None).await;
        journal["entries"].as_array().unwrap().clone()
    }

    /// Waits until the status is as wanted, and answers it.
    pub(crate) async fn until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        self.within(PATIENCE, wanted).await
    }

    /// The same for what takes its time.
    pub(crate) async fn within(&self, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let waited = async {
            loop {
                let seen =
                    self.http.get(format!("{}/api/v1/rollouts/{FLAG}", self.base)).bearer_auth(VIEWER).send().await;
                if let Ok(response) = seen
                    && let Ok(status) = response.json::<Value>().await
                    && wanted(&status)
                {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        match tokio::time::timeout(patience, waited).await {
            Ok(status) => status,
            Err(_) => panic!("waited in vain; it stands at {:#}", self.status().await),
        }
    }

    /// A request of the parts API by a user: status and lens.
    pub(crate) async fn low_stock(&self, user: &str) -> (u16, String) {
        let request = self.http.get(format!("{}/v1/parts/low-stock", self.base)).bearer_auth(self.token(user));
        let response = request.send().await.unwrap();
        let lens = response.headers().get("x-part-lens").map(|lens| lens.to_str().unwrap().to_owned());
        (response.status().as_u16(), lens.unwrap_or_default())
    }

    /// Users of the test yacht whom the flag is on for at `percent`, and one whom it is off for.
    pub(crate) async fn people_at(&self, percent: u8) -> (Vec<String>, String) {
        let mut connection = self.owner().await;
        let users: Vec<uuid::Uuid> = sqlx::query_scalar(
            "select p.id from auth_users_profiles p join auth_users_roles r on r.user_id = p.id
             where p.is_active and r.is_active and p.yacht_id = '85fe1119-b04c-41ac-80f1-829d23322598' order by p.id",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        let (on, off): (Vec<String>, Vec<String>) = users
            .iter()
            .map(ToString::to_string)
            .partition(|user| rampart_core::flag::bucket(FLAG, user).number() <= u16::from(percent));
        (on, off.first().cloned().unwrap_or_default())
    }

    /// A connection as whoever owns the database: what people type into psql.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.database.owner.url()).await.unwrap()
    }

    /// Types a statement as the owner.
    pub(crate) async fn sql(&self, statement: &'static str) {
        self.owner().await.execute(sqlx::raw_sql(statement)).await.unwrap();
    }

    /// What `feature_flags` says: enabled, percent.
    pub(crate) async fn flag_row(&self) -> (bool, f64) {
        sqlx::query_as("select enabled, canary_percentage::float8 from feature_flags where flag_name = 'part_lens_v2'")
            .fetch_one(&mut self.owner().await)
            .await
            .unwrap()
    }

    /// What the ops API answers a viewer, as text.
    pub(crate) async fn ops_text(&self, path: &str) -> String {
        let request = self.http.get(format!("{}/api/v1{path}", self.base)).bearer_auth(VIEWER);
        request.send().await.unwrap().text().await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}{path}", self.base)).send().await.unwrap()
    }

    /// The command line, against this daemon.
    pub(crate) fn cli(&self, args: &[&str]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_rampart"))
            .args(args)
            .env("RAMPART_URL", &self.base)
            .env("RAMPART_TOKEN", OWNER)
            .output()
            .unwrap()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Already gone where a test killed it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.folder.starts_with(std::env::temp_dir()) {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

fn spawn(database: &TestDatabase, folder: &Path, env: &[(&str, &str)]) -> (Child, String) {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_rampart"))
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("DATABASE_URL", database.owner.url())
        .env("RAMPART_POLICIES", folder.join("policies"))
        .env("RAMPART_DATA_DIR", folder.join("data"))
        .env("RAMPART_OPS_TOKENS", format!("{VIEWER}:viewer,{OPERATOR}:operator,{OWNER}:release_owner"))
        .env("TENANT_1_SUPABASE_JWT_SECRET", JWT_SECRET)
        .env("TENANT_1_SUPABASE_SERVICE_KEY", SERVICE_KEY)
        .env("RAMPART_SIGNING_KEY", SIGNING_KEY)
        .env("RAMPART_OPEN_METRICS", "true")
        .env("RAMPART_LOG_FORMAT", "text")
        .env_remove("PORT")
        .envs(env.iter().copied())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let page = lines.find_map(|line| line.ok()?.strip_prefix("page      ").map(str::to_owned));
    let Some(page) = page else {
        panic!("the daemon did not start: {}", std::fs::read_to_string(folder.join("log")).unwrap());
    };
    (child, page.trim_end_matches('/').to_owned())
}

//! A daemon with its people, its orders, and a way past it into the database.

use crate::process::{Folder, Process};
use crate::wire::{Answer, Connection, request};
use rampart::clock::{Stopwatch, wall};
use rampart::secrets::Generated;
use rampart::user_token::token_for;
use rampart_core::flag::bucket;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor, PgConnection};
use std::time::Duration;
use uuid::Uuid;

pub(crate) const FLAG: &str = "part_lens_v2";
/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const TOKEN_SECONDS: u32 = 3600;
/// The percent a rollout of the policy begins with.
pub(crate) const FIRST_PERCENT: f64 = 5.0;

/// Takes the new lens its view away, as a migration gone wrong would: its reads answer 500, those of the old stay.
pub(crate) const BREAK: &str = "revoke select on public.v_stock_from_transactions from authenticated";
pub(crate) const MEND: &str = "grant select on public.v_stock_from_transactions to authenticated";

pub(crate) struct Daemon {
    pub(crate) process: Process,
    generated: Generated,
    owner_url: String,
    http: reqwest::Client,
    // Dropped last: the process writes into it until it has ended.
    _folder: Folder,
}

impl Daemon {
    /// One on a fresh data directory, with its flag waiting at 0 %.
    pub(crate) async fn fresh() -> Self {
        let folder = Folder::make();
        let process = Process::start(&folder.path).await;
        let generated = Generated::load(&folder.path).unwrap().unwrap();
        let owner_url = rampart_postgres::attach(&folder.path).unwrap().url();
        Self { process, generated, owner_url, http: reqwest::Client::new(), _folder: folder }
    }

    /// A connection of the database's owner: another client, past the daemon.
    pub(crate) async fn owner(&self) -> PgConnection {
        PgConnection::connect(&self.owner_url).await.unwrap()
    }

    pub(crate) fn owner_url(&self) -> &str {
        &self.owner_url
    }

    /// A connection to the HTTP interface.
    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.process.address).await.unwrap()
    }

    /// Reads of the low-stock report, one a person of the test yacht whom the flag is on for at `percent`.
    pub(crate) async fn low_stock_reads(&self, percent: u16) -> Vec<Vec<u8>> {
        let people: Vec<Uuid> = sqlx::query_scalar(
            "select p.id from auth_users_profiles p join auth_users_roles r on r.user_id = p.id
             where p.is_active and r.is_active and p.yacht_id = '85fe1119-b04c-41ac-80f1-829d23322598' order by p.id",
        )
        .fetch_all(&mut self.owner().await)
        .await
        .unwrap();
        let within = |user: &&Uuid| bucket(FLAG, &user.to_string()).number() <= percent;
        let read = |user: &Uuid| request("/v1/parts/low-stock", Some(&self.token(*user)));
        people.iter().filter(within).map(read).collect()
    }

    /// A user's token.
    pub(crate) fn token(&self, user: Uuid) -> String {
        token_for(user, &self.generated.jwt_secret, wall(), TOKEN_SECONDS).unwrap()
    }

    /// The key that may force a lens.
    pub(crate) fn service_key(&self) -> String {
        self.generated.service_key.expose_secret().to_owned()
    }

    /// Gives an order of the ops API, which answers once it is committed. More orders than any person gives within a
    /// minute are told to wait, and wait.
    pub(crate) async fn order(&self, command: &str, body: Value) {
        loop {
            let order = self
                .http
                .post(format!("http://{}/api/v1/rollouts/{FLAG}/{command}", self.process.address))
                .bearer_auth(self.generated.ops_token("release_owner").unwrap());
            let response = order.json(&body).send().await.unwrap();
            let Some(after) = response.headers().get("retry-after").filter(|_| response.status() == 429) else {
                assert!(response.status().is_success(), "{command}: {}", response.text().await.unwrap());
                return;
            };
            let seconds = after.to_str().unwrap().parse().unwrap();
            tokio::time::sleep(Duration::from_secs(seconds)).await;
        }
    }

    /// The phase the rollout is in.
    pub(crate) async fn phase(&self) -> String {
        let response = self
            .http
            .get(format!("http://{}/api/v1/rollouts/{FLAG}", self.process.address))
            .bearer_auth(self.generated.ops_token("viewer").unwrap())
            .send()
            .await
            .unwrap();
        response.json::<Value>().await.unwrap()["phase"].as_str().unwrap_or_default().to_owned()
    }

    /// The event stream, as an open page has it.
    pub(crate) async fn events(
        &self,
    ) -> impl futures_util::Stream<Item = reqwest::Result<impl AsRef<[u8]> + use<>>> + use<> {
        let response = self
            .http
            .get(format!("http://{}/api/v1/events", self.process.address))
            .bearer_auth(self.generated.ops_token("viewer").unwrap())
            .send()
            .await
            .unwrap();
        response.error_for_status().unwrap().bytes_stream()
    }

    /// Begins a rollout, and waits until `reader` is served by the new lens.
    pub(crate) async fn begin(&self, reader: &mut Connection, read: &[u8]) {
        let command = if self.phase().await == "waiting" { "start" } else { "restart" };
        self.order(command, json!({ "reason": "bench" })).await;
        until_answer(reader, read, |answer| answer.status == 200 && answer.v2).await;
    }

    /// Waits until the rollout is in `phase`.
    pub(crate) async fn until_phase(&self, phase: &str) {
        let watch = Stopwatch::start();
        while self.phase().await != phase {
            assert!(watch.elapsed() < PATIENCE, "waited in vain for {phase}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The daemon's metrics.
    pub(crate) async fn metrics(&self) -> String {
        self.http.get(format!("http://{}/metrics", self.process.address)).send().await.unwrap().text().await.unwrap()
    }
}

/// Sends `request` again and again until its answer is as wanted.
pub(crate) async fn until_answer(
    connection: &mut Connection,
    request: &[u8],
    wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let watch = Stopwatch::start();
    loop {
        let answer = connection.send(request).await.unwrap();
        if wanted(&answer) {
            return answer;
        }
        assert!(watch.elapsed() < PATIENCE, "waited in vain; the last answer was {}", answer.status);
    }
}

/// Types a statement; once it returns it is committed.
pub(crate) async fn sql(connection: &mut PgConnection, statement: &'static str) {
    connection.execute(sqlx::raw_sql(statement)).await.unwrap();
}

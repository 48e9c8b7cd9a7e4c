//! What the other rooms may ask of this one: whom there is to tell, how far it has come, a test, another try.

use super::letter::Letter;
use super::send::{self, Undelivered};
use super::settings::Recipients;
use super::target::{Kind, Target};
use super::{alertmanager, slack, webhook};
use crate::clock::{self, DatabaseClock};
use crate::config::SettingsError;
use crate::controller::Policies;
use crate::store::{DeadLetter, Store, StoreError, TargetCount, Unplanned};
use crate::telemetry::Metrics;
use futures_util::future::join_all;
use rampart_core::{FlagKey, Timestamp};
use reqwest::{Client, Url};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use utoipa::ToSchema;
use uuid::Uuid;

/// Delivers, and knows how far it has come. Share it behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Notifier {
    pub(super) store: Store,
    pub(super) targets: Vec<Target>,
    pub(super) metrics: Arc<Metrics>,
    /// Wakes the planner.
    pub(super) nudge: Arc<Notify>,
    policies: Arc<Policies>,
    clock: Arc<DatabaseClock>,
    public: Option<Url>,
    http: Client,
}

/// Where notifications go and how far they have come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notifications)]
pub(crate) struct Overview {
    targets: Vec<TargetStatus>,
    dead: Vec<DeadLetter>,
    /// What in the settings or the policies keeps somebody from being told.
    warnings: Vec<String>,
}

/// How far it has come with one target.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Target)]
struct TargetStatus {
    name: String,
    kind: &'static str,
    host: String,
    waiting: i64,
    delivered: i64,
    dead: i64,
    #[schema(value_type = Option<String>, format = DateTime)]
    last_delivered_at: Option<Timestamp>,
    last_error: Option<String>,
}

/// How a test went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TestResult {
    target: String,
    ok: bool,
    detail: String,
}

/// What came of asking for another try.
#[derive(Debug)]
pub(crate) enum Retried {
    /// It is tried again, with this target.
    Yes(String),
    /// There is no such dead letter.
    Unknown,
}

impl Notifier {
    pub(crate) fn new(
        recipients: Recipients,
        store: Store,
        policies: Arc<Policies>,
        metrics: Arc<Metrics>,
        clock: Arc<DatabaseClock>,
        nudge: Arc<Notify>,
    ) -> Result<Arc<Self>, SettingsError> {
        let Recipients { targets, public } = recipients;
        let http = send::client().map_err(|error| SettingsError(format!("RAMPART_NOTIFY: {error}")))?;
        Ok(Arc::new(Self { store, targets, metrics, nudge, policies, clock, public, http }))
    }

    /// What keeps somebody from being told.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut policies_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for loaded in self.policies.all() {
            for name in loaded.policy.notify.iter().filter(|name| self.target(name).is_none()) {
                policies_of.entry(name.clone()).or_default().push(loaded.policy.flag.to_string());
            }
        }
        let why = if self.targets.is_empty() { "RAMPART_NOTIFY names no targets" } else { "no target has that name" };
        let warning = |(name, flags): (String, Vec<String>)| {
            format!("nobody is told who is called {name:?} in the policy of {}: {why}", flags.join(", "))
        };
        policies_of.into_iter().map(warning).collect()
    }

    /// Whom a notification goes to: whom the policy in force names, or, where there is none any more, the one that the
    /// rollout is pinned to. So a mistyped name can be mended while a rollout runs.
    pub(super) fn whom(&self, unplanned: &Unplanned) -> Vec<String> {
        let in_force = unplanned.flag.parse::<FlagKey>().ok().and_then(|flag| self.policies.get(&flag));
        let names = in_force.map_or_else(|| unplanned.pinned.clone(), |loaded| loaded.policy.notify.clone());
        let takes = |target: &&Target| !unplanned.quiet || target.kind == Kind::Alertmanager;
        names.iter().filter_map(|name| self.target(name)).filter(takes).map(|target| target.name.clone()).collect()
    }

    fn target(&self, name: &str) -> Option<&Target> {
        self.targets.iter().find(|target| target.name == name)
    }

    /// The link and the time are added here; everything else is the outbox's.
    pub(super) fn letter(&self, due: crate::store::Due) -> Letter {
        Letter::of(due, self.public.as_ref())
    }

    /// One attempt to bring a letter to a target.
    pub(super) async fn send(&self, target: &Target, letter: &Letter) -> Result<(), Undelivered> {
        let url = target.url().map_err(Undelivered::passing)?;
        let mut request = match target.kind {
            Kind::Webhook => {
                let secrets = target.secrets().map_err(Undelivered::passing)?;
                let secrets = secrets.ok_or_else(|| Undelivered::passing("it has no secret"))?;
                let worded =
                    target.template.as_ref().map(|template| letter.worded(template.word(letter, str::to_owned)));
                // Receivers compare it with their own clocks.
                webhook::request(worded.as_ref().unwrap_or(letter), &secrets, clock::wall())
            }
            Kind::Slack => slack::request(letter, target.template.as_ref()),
            Kind::Alertmanager if letter.is_test() => alertmanager::test(letter),
            Kind::Alertmanager => {
                let told = self.store.newest_of_each_kind(&letter.flag).await;
                let told = told.map_err(|error| Undelivered::passing(error.to_string()))?;
                // What ends alerts that were never raised needs no request.
                let Some(request) = alertmanager::request(letter, &told) else { return Ok(()) };
                request
            }
        };
        let authorization = target.authorization().map_err(Undelivered::passing)?;
        request.headers.extend(authorization.map(|text| ("authorization", text)));
        send::send(&self.http, url, request).await
    }

    /// Everything a person wants to know.
    pub(crate) async fn overview(&self) -> Result<Overview, StoreError> {
        let (counts, dead) = (self.store.delivery_counts().await?, self.store.dead_letters().await?);
        let targets = self.targets.iter().map(|target| status(target, &counts)).collect();
        Ok(Overview { targets, dead, warnings: self.warnings() })
    }

    /// Sends a test to one target, or to all, past the outbox. None where there is no such target.
    pub(crate) async fn test(&self, name: Option<&str>, by: &str) -> Option<Vec<TestResult>> {
        let targets: Vec<&Target> = match name {
            Some(name) => vec![self.target(name)?],
            None => self.targets.iter().collect(),
        };
        let letter = Letter::test(by, self.clock.now(), self.public.as_ref());
        let test = async |target: &Target| {
            let sent = self.send(target, &letter).await;
            let ok = sent.is_ok();
            let detail = sent.map_or_else(Undelivered::told, |()| "it was taken".to_owned());
            TestResult { target: target.name.clone(), ok, detail }
        };
        Some(join_all(targets.into_iter().map(test)).await)
    }

    /// The names of the targets.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.targets.iter().map(|target| target.name.as_str()).collect()
    }

    /// Tries a dead letter again.
    pub(crate) async fn retry(&self, id: Uuid) -> Result<Retried, StoreError> {
        let Some(target) = self.store.retry_delivery(id).await? else { return Ok(Retried::Unknown) };
        self.nudge.notify_one();
        Ok(Retried::Yes(target))
    }
}

fn status(target: &Target, counts: &[TargetCount]) -> TargetStatus {
    let count = counts.iter().find(|count| count.target == target.name);
    let number = |of: fn(&TargetCount) -> i64| count.map_or(0, of);
    TargetStatus {
        name: target.name.clone(),
        kind: target.kind.name(),
        host: target.host.clone(),
        waiting: number(|count| count.waiting),
        delivered: number(|count| count.delivered),
        dead: number(|count| count.dead),
        last_delivered_at: count.and_then(|count| count.last_delivered_at),
        last_error: count.and_then(|count| count.last_error.clone()),
    }
}

//! The daemon: database, controller and HTTP, started in order and stopped in reverse.

use crate::build_info::BuildInfo;
use crate::clock::DatabaseClock;
use crate::config::{self, Secrets, Settings, SettingsError};
use crate::controller::{Controller, Life, Parts, Policies};
use crate::flags::Flags;
use crate::notify::Notifier;
use crate::parts::{CrewReports, PartsConfig, PartsState, StorageConfig, SupabaseConfig};
use crate::secrets::Generated;
use crate::signals::{OwnApi, prometheus};
use crate::store::{self, Pooler, Pools, Reach, Store};
use crate::telemetry::Metrics;
use crate::web::{OpsTokens, Shared};
use anyhow::Context;
use rampart_postgres::{Cluster, Login};
use secrecy::ExposeSecret;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// How long requests under way may take to finish once the daemon is asked to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running daemon.
#[derive(Debug)]
pub struct Daemon {
    /// Where the parts API answers.
    pub address: SocketAddr,
    /// Where the page and the ops API answer.
    pub ops_address: SocketAddr,
    /// Where the private PostgreSQL answers, if it is private.
    pub private: Option<Login>,
    /// Secrets made for the private database.
    pub generated: Option<Generated>,
    cluster: Option<Cluster>,
    pools: Arc<Pools>,
    stop_serving: CancellationToken,
    life: Life,
    tasks: TaskTracker,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Daemon {
    /// Starts everything. Nothing is served before the policies are sound and the schema is in place.
    pub async fn start(settings: &Settings) -> anyhow::Result<Self> {
        let policies = Arc::new(Policies::load(&settings.policies)?);
        let prometheus = prometheus::Client::new(&settings.prometheus)?;
        let recipients = settings.notify.read()?;
        let address = settings.address()?;
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let ops_listener = match settings.ops_listen {
            Some(ops) => Some(TcpListener::bind(ops).await.with_context(|| format!("cannot listen on {ops}"))?),
            None => None,
        };
        let (cluster, generated, owner_url, reach) = database(settings).await?;
        let secrets = Secrets::from_env(generated.as_ref())?;
        let tokens =
            OpsTokens::parse(secrets.ops_tokens.expose_secret()).map_err(|error| SettingsError(error.to_string()))?;
        store::migrate(&owner_url).await.context("cannot bring the database's schema up to date")?;
        if cluster.is_some() {
            store::seed(&owner_url).await.context("cannot put the demo's seeds into the database")?;
        }

        let build = tokio::task::spawn_blocking(BuildInfo::of_this_program).await?.context("cannot read what runs")?;
        let (pools, replica) = (Arc::new(Pools::open(&reach)?), Uuid::now_v7());
        let (flags, clock) = (Arc::new(Flags::default()), Arc::new(DatabaseClock::default()));
        let metrics = Arc::new(Metrics::new(&build.version, &build.git_commit, replica)?);
        let store = Store::new(pools.clone(), replica);
        let controller = Controller::new(Parts {
            store,
            flags: flags.clone(),
            policies: policies.clone(),
            metrics: metrics.clone(),
            clock: clock.clone(),
            build: build.revision(),
            prometheus,
            own_api: OwnApi::new(
                listener.local_addr()?,
                secrets.jwt.first().cloned(),
                secrets.service_keys.first().cloned(),
            )?,
        });
        controller.be_born(&listener.local_addr()?.to_string(), cluster.is_some()).await?;
        let reports = CrewReports { store: controller.store().clone(), filed: controller.report_nudge() };
        let config = parts_config(settings, secrets, &build);
        let parts = Arc::new(PartsState::new(config, pools.clone(), flags.clone(), reports)?);
        for (route, method) in crate::parts::operations(&parts) {
            metrics.expect(&route, &method);
        }
        let (life, stop_serving, tasks) = (Life::default(), CancellationToken::new(), TaskTracker::new());
        // The first turn comes before the first request, so that nobody is served by a guess.
        controller.refresh().await;
        let (users, changed_users) = mpsc::unbounded_channel();
        controller.run(&tasks, &life, users);
        let (store, nudge) = (controller.store().clone(), controller.outbox_nudge());
        let notifier = Notifier::new(recipients, store, policies, metrics.clone(), clock, nudge)?;
        notifier.run(&tasks, &life.stop);
        let sweeper = parts.clone();
        tasks.spawn(async move { sweeper.sweep_storage().await });
        tasks.spawn(parts.clone().keep_keys_fresh(life.stop.clone()));
        tasks.spawn(forget_changed_users(parts.clone(), changed_users, life.stop.clone()));

        let address = listener.local_addr()?;
        let ops_address = ops_listener.as_ref().map_or(Ok(address), TcpListener::local_addr)?;
        let open = settings.open_metrics;
        let shared = Shared::new(controller, flags, metrics, tokens, open, build, notifier, stop_serving.clone());
        let serving = tokio::spawn(crate::web::serve(shared, crate::parts::router(parts), listener, ops_listener));
        let private = cluster.as_ref().map(|cluster| cluster.owner().clone());
        Ok(Self { address, ops_address, private, generated, cluster, pools, stop_serving, life, tasks, serving })
    }

    /// Runs until `asked` is done, or until something that cannot be mended has happened.
    pub async fn run_until(mut self, asked: impl Future<Output = ()>) -> anyhow::Result<()> {
        let gave_up = async {
            match &self.cluster {
                Some(cluster) => cluster.gave_up().await.into(),
                None => std::future::pending::<anyhow::Error>().await,
            }
        };
        let ended = tokio::select! {
            () = asked => Ok(()),
            () = self.life.failed.cancelled() => Err(anyhow::anyhow!("a task of the guard has ended")),
            error = gave_up => Err(error),
            served = &mut self.serving => served.context("the server's task ended")?.context("the server ended"),
        };
        self.stop().await?;
        ended
    }

    /// Stops everything, the database last.
    pub async fn stop(self) -> anyhow::Result<()> {
        // The guard stops last: whatever goes wrong while requests are answered to the end still counts.
        self.stop_serving.cancel();
        let serving = self.serving;
        if !serving.is_finished() && tokio::time::timeout(PATIENCE, serving).await.is_err() {
            tracing::warn!("some requests were still under way and are cut off");
        }
        self.life.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(PATIENCE, self.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        // A connection to a host that vanished may never be given back.
        if tokio::time::timeout(PATIENCE, self.pools.close()).await.is_err() {
            tracing::warn!("some connections to the database did not end in time");
        }
        if let Some(cluster) = self.cluster {
            cluster.stop().await?;
        }
        Ok(())
    }
}

/// The database: the one that is named, else a private one. Answers the owner's URL and how the daemon reaches it.
async fn database(settings: &Settings) -> anyhow::Result<(Option<Cluster>, Option<Generated>, String, Reach)> {
    if let Some(reach) = settings.reach()? {
        return Ok((None, None, reach.direct.clone(), reach));
    }
    let cluster = Cluster::start(&settings.private_postgres()?).await?;
    let generated = Generated::load_or_make(&settings.data_dir)
        .with_context(|| format!("cannot keep secrets in {}", settings.data_dir.display()))?;
    let (owner, app) = (cluster.owner().url(), cluster.app().url());
    let reach = Reach { url: app.clone(), direct: app, pooler: Pooler::None };
    Ok((Some(cluster), Some(generated), owner, reach))
}

fn parts_config(settings: &Settings, secrets: Secrets, build: &BuildInfo) -> PartsConfig {
    PartsConfig {
        storage: storage_config(settings, &secrets),
        jwt_secrets: secrets.jwt,
        jwks_url: secrets.jwks_url,
        service_keys: secrets.service_keys,
        signing_key: secrets.signing_key,
        require_enrolled_signatures: secrets.require_enrolled_signatures,
        cors_origins: secrets.cors_origins,
        build: build.clone(),
    }
}

/// With a Supabase project and its key, storage is kept there; else on disk.
fn storage_config(settings: &Settings, secrets: &Secrets) -> StorageConfig {
    let supabase = config::supabase_url().zip(secrets.service_keys.first());
    if supabase.is_none()
        && let Some(marker) = config::deployment()
    {
        tracing::warn!(
            %marker,
            "this looks like a deployment, and photos and labels are kept on this machine's disk, which other replicas \
             do not see and a platform may wipe: set TENANT_1_SUPABASE_URL and TENANT_1_SUPABASE_SERVICE_KEY"
        );
    }
    StorageConfig {
        folder: settings.data_dir.join("storage"),
        supabase: supabase.map(|(url, key)| SupabaseConfig { url, service_key: key.clone() }),
        service_yacht: config::named("DEFAULT_YACHT_CODE"),
    }
}

/// Drops what is cached of a user the moment the database says that it changed.
async fn forget_changed_users(
    parts: Arc<PartsState>,
    mut users: mpsc::UnboundedReceiver<String>,
    stop: CancellationToken,
) {
    loop {
        let user = tokio::select! {
            () = stop.cancelled() => return,
            user = users.recv() => user,
        };
        match user.as_deref() {
            None => return,
            Some("*") => parts.forget_all(),
            Some(user) => parts.forget_user(user),
        }
    }
}

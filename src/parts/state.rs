//! What the room is given, and what it keeps between requests.

use super::auth::Auth;
use super::crew_report::CrewReports;
use super::jwks::Jwks;
use super::people::People;
use super::signature::SigningKey;
use super::storage::{Storage, StorageConfig};
use crate::build_info::BuildInfo;
use crate::flags::Flags;
use crate::store::Pools;
use axum::http::HeaderValue;
use reqwest::Url;
use secrecy::SecretString;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How long the database may take to show that it is there, when a pool had no connection to give.
const SIGN_OF_LIFE: Duration = Duration::from_millis(250);

/// What the parts API is told by the settings.
#[derive(Debug)]
pub struct PartsConfig {
    /// Secrets of HS256 tokens; any of them may verify one.
    pub jwt_secrets: Vec<SecretString>,
    /// Where the issuer of tokens publishes its keys, for ES256 and RS256.
    pub jwks_url: Option<Url>,
    /// Keys that may force a lens.
    pub service_keys: Vec<SecretString>,
    /// The key of the signature chain.
    pub signing_key: SecretString,
    /// Whether a user without an enrolled PIN and code generator may sign.
    pub require_enrolled_signatures: bool,
    /// Where photos and labels are kept.
    pub storage: StorageConfig,
    /// Origins whose pages may read our answers.
    pub cors_origins: Vec<HeaderValue>,
    /// What `/version` says.
    pub build: BuildInfo,
}

/// Why the parts API does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Without one, no token could be told from a forged one.
    #[error("no secret to verify tokens with\nhint: set TENANT_1_SUPABASE_JWT_SECRET or SUPABASE_JWKS_URL")]
    NoJwtSecret,
    /// An empty key would sign what anybody can sign.
    #[error("the signing key is empty\nhint: set RAMPART_SIGNING_KEY")]
    NoSigningKey,
    /// An empty key would let everybody force a lens.
    #[error("a service key is empty")]
    EmptyServiceKey,
    /// Nothing could be stored.
    #[error(
        "Supabase's storage cannot be called\nhint: TENANT_1_SUPABASE_URL must be a URL, and the service key plain text"
    )]
    BadSupabase,
    /// Without a client the issuer's keys cannot be fetched.
    #[error("cannot make an HTTP client for SUPABASE_JWKS_URL")]
    NoHttpClient,
}

/// Everything a request needs. Share it behind an `Arc`.
#[derive(Debug)]
pub struct PartsState {
    /// Connections.
    pub pools: Arc<Pools>,
    /// The flags that choose the lens.
    pub flags: Arc<Flags>,
    /// Where reports by people on board go.
    pub(super) reports: CrewReports,
    /// Who may ask.
    pub(super) auth: Auth,
    /// Whom we know for the next few seconds.
    pub(super) people: People,
    /// The signature chain's key.
    pub(super) signing: SigningKey,
    /// Whether presence of a signature is not enough.
    pub(super) require_enrolled_signatures: bool,
    /// Photos and labels.
    pub(super) storage: Storage,
    /// Whose pages may read our answers.
    pub(super) cors_origins: Vec<HeaderValue>,
    /// Which build this is.
    pub(super) build: BuildInfo,
}

impl PartsState {
    /// Refuses to start without secrets: there is no developer mode to forget about.
    pub fn new(
        config: PartsConfig,
        pools: Arc<Pools>,
        flags: Arc<Flags>,
        reports: CrewReports,
    ) -> Result<Self, ConfigError> {
        let jwks = config.jwks_url.map(Jwks::new).transpose().map_err(|_| ConfigError::NoHttpClient)?;
        Ok(Self {
            pools,
            flags,
            reports,
            storage: Storage::new(config.storage)?,
            auth: Auth::new(&config.jwt_secrets, &config.service_keys, jwks.map(Arc::new))?,
            people: People::default(),
            signing: SigningKey::new(&config.signing_key)?,
            require_enrolled_signatures: config.require_enrolled_signatures,
            cors_origins: config.cors_origins,
            build: config.build,
        })
    }

    /// Fetches the keys of whoever issues tokens, now and then until `stop`; done at once where none is named.
    pub async fn keep_keys_fresh(self: Arc<Self>, stop: CancellationToken) {
        if let Some(jwks) = &self.auth.jwks {
            jwks.keep_fresh(stop).await;
        }
    }

    /// Drops what is remembered of a user; for `NOTIFY rampart_users, '<user id>'`.
    pub fn forget_user(&self, user: &str) {
        match user.parse() {
            Ok(user) => self.people.forget(user),
            Err(_) => self.people.forget_all(),
        }
    }

    /// Drops what is remembered of everybody; for `NOTIFY rampart_users, '*'` and a lost listener.
    pub fn forget_all(&self) {
        self.people.forget_all();
    }

    /// Removes what crashes have left of uploads; for the start.
    pub async fn sweep_storage(&self) {
        if self.storage.is_unused() {
            return;
        }
        match self.storage.sweep(&self.pools).await {
            Ok(0) => {}
            Ok(files) => tracing::info!(storage.files = files, "removed what was left of uploads"),
            Err(error) => tracing::warn!(error.cause = ?error.cause, "cannot look for what is left of uploads"),
        }
    }

    /// Whether the database is there although a pool had no connection to give: then the pool was busy.
    pub(super) async fn database_answers(&self) -> bool {
        tokio::time::timeout(SIGN_OF_LIFE, self.pools.answers()).await.unwrap_or(false)
    }
}

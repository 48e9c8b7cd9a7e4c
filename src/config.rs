//! Settings: each a flag and an environment variable; secrets from the environment or files alone.

use crate::secrets::Generated;
use crate::store::{Pooler, Reach};
use clap::Args;
use rampart_postgres::{Config as PostgresConfig, Durability};
use secrecy::{ExposeSecret, SecretString};
use std::env;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Names that say "this is a production deployment": without `DATABASE_URL` beside them, a variable was lost.
const PLATFORM_MARKERS: [&str; 10] = [
    // Set by our own Dockerfile and systemd unit.
    "RAMPART_DEPLOYMENT",
    "RENDER",
    "FLY_APP_NAME",
    "DYNO",
    "K_SERVICE",
    "KUBERNETES_SERVICE_HOST",
    "RAILWAY_ENVIRONMENT",
    "AWS_EXECUTION_ENV",
    "WEBSITE_INSTANCE_ID",
    "VERCEL",
];
/// Where the secret that verifies users' tokens may stand.
const JWT_SECRETS: [&str; 4] =
    ["TENANT_1_SUPABASE_JWT_SECRET", "MASTER_SUPABASE_JWT_SECRET", "TENANT_SUPABASE_JWT_SECRET", "SUPABASE_JWT_SECRET"];
/// Where the service key may stand.
const SERVICE_KEYS: [&str; 4] = [
    "TENANT_1_SUPABASE_SERVICE_KEY",
    "MASTER_SUPABASE_SERVICE_KEY",
    "TENANT_SUPABASE_SERVICE_KEY",
    "SUPABASE_SERVICE_KEY",
];

/// The daemon's settings.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// PostgreSQL 15 or newer; without it a private one is run under the data directory, with demo seeds.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
    /// What DATABASE_URL leads through.
    #[arg(long, env = "RAMPART_DB_POOLER", value_enum, default_value = "none")]
    pub db_pooler: Pooler,
    /// Straight to the database as its owner, where DATABASE_URL leads through a pooler: for LISTEN, migrations and
    /// the guard.
    #[arg(long, env = "RAMPART_LISTEN_URL", hide_env_values = true)]
    pub listen_url: Option<String>,
    /// Where to listen. PORT, where set, means every address at that port.
    #[arg(long, env = "RAMPART_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the ops API and the page listen, if not beside the parts API.
    #[arg(long, env = "RAMPART_OPS_LISTEN")]
    pub ops_listen: Option<SocketAddr>,
    /// Where the private PostgreSQL and generated secrets live.
    #[arg(long, env = "RAMPART_DATA_DIR", default_value = ".rampart")]
    pub data_dir: PathBuf,
    /// The folder of policy files.
    #[arg(long, env = "RAMPART_POLICIES", default_value = "policies")]
    pub policies: PathBuf,
    /// Whether /metrics answers without a token.
    #[arg(long, env = "RAMPART_OPEN_METRICS")]
    pub open_metrics: bool,
    /// Let the private PostgreSQL also listen on this port of 127.0.0.1.
    #[arg(long, env = "RAMPART_POSTGRES_PORT")]
    pub postgres_port: Option<u16>,
    /// Where PostgreSQL's programs are, if not in the usual places.
    #[arg(long, env = "RAMPART_POSTGRES_BIN")]
    pub postgres_bin: Option<PathBuf>,
}

/// A setting that is missing or makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct SettingsError(pub String);

impl Settings {
    /// The address to listen on.
    pub fn address(&self) -> Result<SocketAddr, SettingsError> {
        listen_address(self.listen)
    }

    /// How to reach the database that is named; none where none is.
    pub fn reach(&self) -> Result<Option<Reach>, SettingsError> {
        let Some(url) = self.database_url.clone() else { return Ok(None) };
        let direct = match (self.db_pooler, &self.listen_url) {
            (_, Some(direct)) => direct.clone(),
            (Pooler::None, None) => url.clone(),
            (Pooler::Transaction, None) => {
                return Err(SettingsError(
                    "RAMPART_DB_POOLER is transaction, but RAMPART_LISTEN_URL is not set: nobody can listen through \
                     such a pooler\nhint: set RAMPART_LISTEN_URL to a URL that leads straight to the database"
                        .to_owned(),
                ));
            }
        };
        Ok(Some(Reach { url, direct, pooler: self.db_pooler }))
    }

    /// How to run the private PostgreSQL. Refused where the environment looks like a production
    /// deployment, so that a lost variable never serves demo data there.
    pub fn private_postgres(&self) -> Result<PostgresConfig, SettingsError> {
        if let Some(marker) = production_marker(env::vars_os().filter_map(|(name, _)| name.into_string().ok())) {
            return Err(SettingsError(format!(
                "DATABASE_URL is not set, but {marker} is: this looks like a deployment, and the private demo database \
                 is not for those\nhint: set DATABASE_URL, or unset {marker}"
            )));
        }
        Ok(PostgresConfig {
            bin_dir: self.postgres_bin.clone(),
            tcp_port: self.postgres_port,
            durability: Durability::Safe,
            ..PostgresConfig::new(&self.data_dir)
        })
    }
}

/// `listen`, unless the platform names a port: that is for every address.
pub(crate) fn listen_address(listen: SocketAddr) -> Result<SocketAddr, SettingsError> {
    match named("PORT") {
        None => Ok(listen),
        Some(port) => {
            let port =
                port.parse::<u16>().map_err(|_| SettingsError(format!("PORT: expected a port, got {port:?}")))?;
            Ok(SocketAddr::from(([0, 0, 0, 0], port)))
        }
    }
}

fn production_marker(names: impl Iterator<Item = String>) -> Option<String> {
    let mut names: Vec<String> = names.filter(|name| is_marker(name)).collect();
    names.sort();
    names.into_iter().next()
}

fn is_marker(name: &str) -> bool {
    PLATFORM_MARKERS.contains(&name) || name.contains("SUPABASE_")
}

/// What only the environment may say.
#[derive(Debug)]
pub struct Secrets {
    /// Any of these verifies a user's token.
    pub jwt: Vec<SecretString>,
    /// Any of these is a service key.
    pub service_keys: Vec<SecretString>,
    /// Signs audit entries.
    pub signing_key: SecretString,
    /// `token:role,…` of the ops API.
    pub ops_tokens: SecretString,
    /// Refuse signatures of people who have not enrolled.
    pub require_enrolled_signatures: bool,
}

impl Secrets {
    /// Reads them from the environment; what is missing is taken from `generated`, where there is any.
    pub fn from_env(generated: Option<&Generated>) -> Result<Self, SettingsError> {
        let jwt = Self::jwt_from_env(generated)?;
        let one = |name: &str, generated: Option<&SecretString>| {
            any_of(&[name], generated)
                .into_iter()
                .next()
                .ok_or_else(|| SettingsError(format!("expected {name} to be set")))
        };
        Ok(Self {
            service_keys: any_of(&SERVICE_KEYS, generated.map(|generated| &generated.service_key)),
            signing_key: one("RAMPART_SIGNING_KEY", generated.map(|generated| &generated.signing_key))?,
            ops_tokens: one("RAMPART_OPS_TOKENS", generated.map(|generated| &generated.ops_tokens))?,
            require_enrolled_signatures: named("REQUIRE_ENROLLED_SIGNATURES").is_some_and(|value| value == "true"),
            jwt,
        })
    }

    /// The secrets that verify users' tokens. Without any the daemon does not start.
    pub fn jwt_from_env(generated: Option<&Generated>) -> Result<Vec<SecretString>, SettingsError> {
        let jwt = any_of(&JWT_SECRETS, generated.map(|generated| &generated.jwt_secret));
        if jwt.is_empty() {
            return Err(SettingsError(format!(
                "expected the secret of users' tokens in one of {}",
                JWT_SECRETS.join(", ")
            )));
        }
        if jwt.iter().any(|secret| secret.expose_secret().len() < 16) {
            return Err(SettingsError("the secret of users' tokens: expected at least 16 characters".to_owned()));
        }
        Ok(jwt)
    }
}

/// Every one of the variables that is set; where none is, what was generated.
fn any_of(names: &[&str], generated: Option<&SecretString>) -> Vec<SecretString> {
    let mut found: Vec<SecretString> = names.iter().filter_map(|name| named(name)).map(SecretString::from).collect();
    if found.is_empty() {
        found.extend(generated.cloned());
    }
    found
}

/// An environment variable that is set to something.
pub(crate) fn named(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_that_looks_like_a_deployment_is_a_marker() {
        let marker = |names: &[&str]| production_marker(names.iter().map(ToString::to_string));
        assert_eq!(marker(&["PATH", "HOME", "PORT"]), None);
        for name in [
            "RENDER",
            "RAMPART_DEPLOYMENT",
            "TENANT_1_SUPABASE_URL",
            "yTEST_YACHT_001_SUPABASE_URL",
            "KUBERNETES_SERVICE_HOST",
        ] {
            assert_eq!(marker(&["PATH", name]).as_deref(), Some(name));
        }
    }

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn reach(arguments: &[&str]) -> Result<Option<Reach>, String> {
        let line = ["rampart", "--database-url", "postgres://pooler/x"].iter().chain(arguments);
        let settings = <Line as clap::Parser>::try_parse_from(line).map_err(|error| error.to_string())?.settings;
        settings.reach().map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_pooler_everything_goes_the_one_way_and_behind_one_a_way_around_it_must_be_named() {
        let reach_of = |arguments: &[&str]| reach(arguments).unwrap().map(|reach| (reach.url, reach.direct));
        let (pooler, direct) = ("postgres://pooler/x".to_owned(), "postgres://direct/x".to_owned());
        assert_eq!(reach_of(&[]), Some((pooler.clone(), pooler.clone())));
        let around = ["--db-pooler", "transaction", "--listen-url", "postgres://direct/x"];
        assert_eq!(reach_of(&around), Some((pooler, direct)));
        assert!(reach(&around[..2]).unwrap_err().contains("RAMPART_LISTEN_URL is not set"));
    }
}

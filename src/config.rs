//! Settings: each a flag and an environment variable; secrets from the environment or files alone.

use crate::notify::NotifySettings;
use crate::secrets::Generated;
use crate::signals::prometheus::PrometheusSettings;
use crate::store::{Pooler, Reach};
use axum::http::HeaderValue;
use clap::Args;
use rampart_postgres::{Config as PostgresConfig, Durability};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use std::collections::BTreeMap;
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
/// What may stand before the names below, the one that counts most first. A yacht's own names begin with its code,
/// which begins with `y`: `yTEST_YACHT_001_SUPABASE_JWT_SECRET`.
const PREFIXES: [&str; 4] = ["TENANT_1_", "MASTER_", "TENANT_", ""];
/// The secret that verifies users' tokens.
const JWT_SECRET: &str = "SUPABASE_JWT_SECRET";
/// A service key.
const SERVICE_KEY: &str = "SUPABASE_SERVICE_KEY";
/// The Supabase project whose database this is.
const SUPABASE_URL: &str = "SUPABASE_URL";
/// The yacht whose names go before those of other yachts.
const DEFAULT_YACHT: &str = "DEFAULT_YACHT_CODE";
/// Where the issuer of tokens publishes its keys.
const JWKS_URL: &str = "SUPABASE_JWKS_URL";
/// Origins whose pages may read what the parts API answers.
const CORS_ORIGINS: &str = "RAMPART_CORS_ORIGINS";
/// The password of a DATABASE_URL that has none.
const DB_PASSWORD: &str = "TENANT_1_DB_PASSWORD";
/// Whether a signature must be proven.
const REQUIRE_ENROLLED: &str = "REQUIRE_ENROLLED_SIGNATURES";

/// Where Supabase's own URL may stand; storage is kept there then.
const SUPABASE_URLS: [&str; 4] =
    ["TENANT_1_SUPABASE_URL", "MASTER_SUPABASE_URL", "TENANT_SUPABASE_URL", "SUPABASE_URL"];

/// The daemon's settings.
#[derive(Clone, Debug, Args)]
pub struct Settings {
    /// PostgreSQL 15 or newer; without it a private one is run under the data directory, with demo seeds.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = with_password)]
    pub database_url: Option<String>,
    /// What DATABASE_URL leads through.
    #[arg(long, env = "RAMPART_DB_POOLER", value_enum, default_value = "none")]
    pub db_pooler: Pooler,
    /// Straight to the database as its owner, where DATABASE_URL leads through a pooler: for LISTEN, migrations and
    /// the guard.
    #[arg(long, env = "RAMPART_LISTEN_URL", hide_env_values = true, value_parser = with_password)]
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
    /// The Prometheus server.
    #[command(flatten)]
    pub prometheus: PrometheusSettings,
    /// Who is told of what happens.
    #[command(flatten)]
    pub notify: NotifySettings,
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
        if let Some(marker) = deployment() {
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

/// The URL of the Supabase project whose storage is used, if any.
pub(crate) fn supabase_url() -> Option<String> {
    SUPABASE_URLS.into_iter().find_map(named)
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

/// The variable that says "this is a production deployment", if any.
pub(crate) fn deployment() -> Option<String> {
    production_marker(env::vars_os().filter_map(|(name, _)| name.into_string().ok()))
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
    /// Where the issuer of tokens publishes its keys.
    pub jwks_url: Option<Url>,
    /// Any of these is a service key.
    pub service_keys: Vec<SecretString>,
    /// Signs audit entries.
    pub signing_key: SecretString,
    /// `token:role,…` of the ops API.
    pub ops_tokens: SecretString,
    /// Refuse signatures of people who have not enrolled.
    pub require_enrolled_signatures: bool,
    /// Origins whose pages may read what the parts API answers.
    pub cors_origins: Vec<HeaderValue>,
}

impl Secrets {
    /// Reads them from the environment; what is missing is taken from `generated`, where there is any.
    pub fn from_env(generated: Option<&Generated>) -> Result<Self, SettingsError> {
        one_project(&env_pairs())?;
        let jwks_url = named(JWKS_URL).map(|url| jwks_url(&url)).transpose()?;
        let jwt = match Self::jwt_secrets(generated)? {
            none if none.is_empty() && jwks_url.is_none() => return Err(no_jwt_secret()),
            secrets => secrets,
        };
        Ok(Self {
            service_keys: Self::service_keys_from_env(generated),
            signing_key: Self::signing_key_from_env(generated)?,
            ops_tokens: one("RAMPART_OPS_TOKENS", generated.map(|generated| &generated.ops_tokens))?,
            require_enrolled_signatures: truth(REQUIRE_ENROLLED, named(REQUIRE_ENROLLED).as_deref())?,
            cors_origins: named(CORS_ORIGINS).map_or(Ok(Vec::new()), |origins| self::origins(&origins))?,
            jwks_url,
            jwt,
        })
    }

    /// The key of the signature chain.
    pub fn signing_key_from_env(generated: Option<&Generated>) -> Result<SecretString, SettingsError> {
        one("RAMPART_SIGNING_KEY", generated.map(|generated| &generated.signing_key))
    }

    /// The service keys; there may be none.
    pub fn service_keys_from_env(generated: Option<&Generated>) -> Vec<SecretString> {
        any_of(SERVICE_KEY, generated.map(|generated| &generated.service_key))
    }

    /// The secrets that verify users' tokens; at least one.
    pub fn jwt_from_env(generated: Option<&Generated>) -> Result<Vec<SecretString>, SettingsError> {
        let secrets = Self::jwt_secrets(generated)?;
        if secrets.is_empty() { Err(no_jwt_secret()) } else { Ok(secrets) }
    }

    fn jwt_secrets(generated: Option<&Generated>) -> Result<Vec<SecretString>, SettingsError> {
        let secrets = any_of(JWT_SECRET, generated.map(|generated| &generated.jwt_secret));
        if secrets.iter().any(|secret| secret.expose_secret().len() < 16) {
            return Err(SettingsError("the secret of users' tokens: expected at least 16 characters".to_owned()));
        }
        Ok(secrets)
    }
}

fn no_jwt_secret() -> SettingsError {
    let names = PREFIXES.map(|prefix| format!("{prefix}{JWT_SECRET}")).join(", ");
    SettingsError(format!(
        "expected the secret of users' tokens in one of {names}, y<YACHT_CODE>_{JWT_SECRET}, or {JWKS_URL}"
    ))
}

fn one(name: &str, generated: Option<&SecretString>) -> Result<SecretString, SettingsError> {
    let secret = named(name).map(SecretString::from).or_else(|| generated.cloned());
    secret.ok_or_else(|| SettingsError(format!("expected {name} to be set")))
}

/// Every one of the variables of this kind that is set; where none is, what was generated.
fn any_of(kind: &str, generated: Option<&SecretString>) -> Vec<SecretString> {
    let set = in_order(kind, &env_pairs()).into_iter();
    let mut found: Vec<SecretString> = set.map(|(_, value)| SecretString::from(value)).collect();
    if found.is_empty() {
        found.extend(generated.cloned());
    }
    found
}

/// The variables of a kind with their names: those for everybody, then the default yacht's, then other yachts'.
fn in_order(kind: &str, env: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let default = env.get(DEFAULT_YACHT).map(|code| format!("y{}_{kind}", code.strip_prefix('y').unwrap_or(code)));
    let mut names: Vec<String> = PREFIXES.iter().map(|prefix| format!("{prefix}{kind}")).chain(default).collect();
    let yachts = env.keys().filter(|name| name.starts_with('y') && name.ends_with(&format!("_{kind}")));
    for name in yachts {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names.into_iter().filter_map(|name| env.get(&name).cloned().map(|value| (name, value))).collect()
}

/// One daemon has one database. The project that issues tokens may be another one, so MASTER_SUPABASE_URL is not
/// compared.
fn one_project(env: &BTreeMap<String, String>) -> Result<(), SettingsError> {
    let plain = |url: &str| url.trim().trim_end_matches('/').to_lowercase();
    let urls = in_order(SUPABASE_URL, env);
    let mut urls = urls.iter().filter(|(name, _)| !name.starts_with("MASTER_"));
    let Some((first, url)) = urls.next() else { return Ok(()) };
    match urls.find(|(_, other)| plain(other) != plain(url)) {
        None => Ok(()),
        Some((second, _)) => Err(SettingsError(format!(
            "{first} and {second} name different Supabase projects: one daemon has one database\n\
             hint: run one daemon for each project"
        ))),
    }
}

fn truth(name: &str, value: Option<&str>) -> Result<bool, SettingsError> {
    match value.map(str::to_lowercase).as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1") => Ok(true),
        // Taken for "no", a typing mistake would open what was meant to be closed.
        Some(_) => Err(SettingsError(format!("{name}: expected true or false"))),
    }
}

/// Keys that came over plain HTTP could be anybody's.
fn jwks_url(text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text.trim()).ok().filter(|url| {
        let here = url.host_str().is_some_and(|host| ["localhost", "127.0.0.1", "[::1]"].contains(&host));
        url.scheme() == "https" || (url.scheme() == "http" && here)
    });
    url.ok_or_else(|| SettingsError(format!("{JWKS_URL}: expected an https URL")))
}

/// Exact origins, separated by commas.
fn origins(text: &str) -> Result<Vec<HeaderValue>, SettingsError> {
    text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).map(origin).collect()
}

fn origin(text: &str) -> Result<HeaderValue, SettingsError> {
    if text.contains('*') {
        return Err(SettingsError(format!(
            "{CORS_ORIGINS}: {text:?}: pages of unknown origin are not let in; name each"
        )));
    }
    let parsed = Url::parse(text).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
    let plain = parsed.map(|url| url.origin().ascii_serialization());
    let wrong = || {
        let hint = plain.as_ref().map(|plain| format!("\nhint: did you mean {plain}?")).unwrap_or_default();
        SettingsError(format!("{CORS_ORIGINS}: {text:?} is no origin like https://app.example.com{hint}"))
    };
    if plain.as_deref() != Some(text) {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

/// A DATABASE_URL, with the password of TENANT_1_DB_PASSWORD where it has none of its own.
pub(crate) fn with_password(url: &str) -> Result<String, SettingsError> {
    filled(url, named(DB_PASSWORD).as_deref())
}

fn filled(url: &str, password: Option<&str>) -> Result<String, SettingsError> {
    let Some(password) = password else { return Ok(url.to_owned()) };
    let Ok(mut parsed) = Url::parse(url) else { return Ok(url.to_owned()) };
    let has_one = parsed.password().is_some() || parsed.query_pairs().any(|(name, _)| name == "password");
    if has_one || parsed.username().is_empty() {
        return Ok(url.to_owned());
    }
    parsed
        .set_password(Some(password))
        .map_err(|()| SettingsError(format!("{DB_PASSWORD}: DATABASE_URL has no place for a password")))?;
    Ok(parsed.into())
}

/// The names that are read here and are no flags of the command line.
#[cfg(test)]
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let fixed =
        [JWT_SECRET, SERVICE_KEY, SUPABASE_URL, DEFAULT_YACHT, JWKS_URL, CORS_ORIGINS, DB_PASSWORD, REQUIRE_ENROLLED];
    fixed.into_iter().chain(["PORT", "RAMPART_SIGNING_KEY", "RAMPART_OPS_TOKENS"])
}

/// The environment, without variables that are set to nothing.
fn env_pairs() -> BTreeMap<String, String> {
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    env::vars_os().filter_map(text).filter(|(_, value)| !value.trim().is_empty()).collect()
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

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_yachts_secret_counts_and_the_default_yachts_comes_before_the_others() {
        let mut env = env(&[
            ("yA_1_SUPABASE_JWT_SECRET", "a"),
            ("yTEST_YACHT_001_SUPABASE_JWT_SECRET", "test"),
            ("yTEST_YACHT_001_SUPABASE_SERVICE_KEY", "key"),
            ("SUPABASE_JWT_SECRET", "all"),
            ("NOT_A_SUPABASE_JWT_SECRET", "no"),
        ]);
        let values = |kind, env: &_| in_order(kind, env).into_iter().map(|(_, value)| value).collect::<Vec<_>>();
        assert_eq!(values(JWT_SECRET, &env), ["all", "a", "test"]);
        for code in ["yTEST_YACHT_001", "TEST_YACHT_001"] {
            env.insert(DEFAULT_YACHT.to_owned(), code.to_owned());
            assert_eq!(values(JWT_SECRET, &env), ["all", "test", "a"]);
        }
        assert_eq!(values(SERVICE_KEY, &env), ["key"]);
    }

    #[test]
    fn two_projects_are_refused_and_two_spellings_are_not() {
        let urls = |tenant, yacht| {
            one_project(&env(&[
                ("TENANT_1_SUPABASE_URL", tenant),
                ("MASTER_SUPABASE_URL", "https://issuer.supabase.co"),
                ("yA_SUPABASE_URL", yacht),
            ]))
        };
        assert!(urls("https://one.supabase.co", "https://ONE.supabase.co/").is_ok());
        let refused = urls("https://one.supabase.co", "https://two.supabase.co").expect_err("two").to_string();
        assert!(refused.contains("TENANT_1_SUPABASE_URL") && refused.contains("yA_SUPABASE_URL"), "{refused}");
    }

    #[test]
    fn an_origin_is_exact_or_refused_by_name() {
        let taken = |text: &str| origins(text).map(|origins| origins.len()).map_err(|error| error.to_string());
        assert_eq!(taken("https://app.example.com, http://localhost:3000"), Ok(2));
        assert_eq!(taken(" , "), Ok(0));
        for wrong in
            ["https://a.example/", "https://a.example:443", "a.example", "null", "ftp://a.example", "https://*.a"]
        {
            let text = format!("https://b.example,{wrong}");
            let told = taken(&text);
            assert!(told.is_err_and(|told| told.contains(wrong)), "{wrong}");
        }
        assert!(taken("*").is_err_and(|told| told.contains('*')));
    }

    #[test]
    fn a_password_fills_a_gap_and_replaces_nothing() {
        let filled = |url| filled(url, Some("p@ss/word")).expect("a URL");
        assert_eq!(filled("postgres://u@h:5432/d"), "postgres://u:p%40ss%2Fword@h:5432/d");
        for kept in ["postgres://u:own@h/d", "postgres://u@h/d?password=own", "host=h user=u"] {
            assert_eq!(filled(kept), kept);
        }
    }

    #[test]
    fn a_truth_value_is_said_plainly_and_keys_come_safely() {
        assert_eq!(truth("X", Some("True")).ok(), Some(true));
        assert_eq!(truth("X", None).ok(), Some(false));
        assert!(truth("X", Some("yes please")).is_err());
        assert!(jwks_url("https://p.supabase.co/auth/v1/.well-known/jwks.json").is_ok());
        assert!(jwks_url("http://127.0.0.1:1/jwks.json").is_ok());
        assert!(jwks_url("http://p.supabase.co/jwks.json").is_err());
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

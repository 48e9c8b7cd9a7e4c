//! What `accept`, `evidence` and `stress` share: where the API and its database are, in whose name to ask, how
//! to print a check, and how to have a run recorded.

use super::client::Target as Daemon;
use super::{Answer, WrongUse, coloured};
use crate::config::{Secrets, named, with_password};
use crate::gate::{Apart, Api, CheckResult, Database, People, Report, TEST_YACHT, Target, together};
use crate::secrets::Generated;
use owo_colors::OwoColorize;
use secrecy::SecretString;
use std::io::Write;
use std::path::{Path, PathBuf};
use uuid::Uuid;

const ANYWHERE: &str = "--yes-write-to-a-yacht-that-is-not-for-tests";

/// What is tested, and who is told.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Common {
    /// The API under test; where none is named, the daemon's address.
    #[arg(long, env = "API_BASE", value_name = "URL")]
    api: Option<String>,
    /// Its database; else of TENANT_1_SUPABASE_URL and TENANT_1_DB_PASSWORD; else the data directory's.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL", value_parser = with_password)]
    database_url: Option<String>,
    /// Whose parts are looked at and moved.
    #[arg(long, env = "TEST_YACHT_ID", default_value_t = TEST_YACHT)]
    yacht: Uuid,
    /// Move parts of a yacht that is not flagged is_test.
    #[arg(long = "yes-write-to-a-yacht-that-is-not-for-tests")]
    write_anywhere: bool,
    #[command(flatten)]
    daemon: Daemon,
    /// Fail where the run cannot be recorded by the daemon.
    #[arg(long, conflicts_with = "no_record")]
    record: bool,
    /// Do not record the run.
    #[arg(long)]
    no_record: bool,
    /// As JSON, for programs.
    #[arg(long)]
    pub(super) json: bool,
}

/// What a command wants to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    /// Read the database alone.
    ReadDatabase,
    /// Ask the API, and move nothing.
    Read,
    /// Move parts, and move them back.
    Write,
}

impl Common {
    /// Everything a run needs. Refuses to write to a yacht that is not for tests.
    pub(super) async fn target(&self, intent: Intent) -> anyhow::Result<Target> {
        let base = self.api.clone().unwrap_or_else(|| self.daemon.url().to_owned());
        // The data directory's secrets are those of a daemon on this machine; nobody else is shown them.
        let generated = if is_here(&base)? { Generated::load(self.daemon.data_dir())? } else { None };
        let secret = Secrets::jwt_from_env(generated.as_ref()).ok().and_then(|secrets| secrets.into_iter().next());
        let service_key = Secrets::service_keys_from_env(generated.as_ref()).into_iter().next();
        let database = self.database(&base).await?;
        // Evidence asks the API only to see whether it is of the same database as the SQL.
        let asks = intent != Intent::ReadDatabase || !self.no_record;
        let nobody = || Err("nobody is asked".to_owned());
        let people = if asks {
            People::gather(&database, secret.as_ref(), self.yacht).await
        } else {
            People { crew: nobody(), hod: nobody(), captain: nobody(), stranger: nobody() }
        };
        let mut api = Api::new(&base, service_key)?;
        api.hide(people.tokens().chain(secret).chain(named("TEST_JWT").map(SecretString::from)));
        let (together, writable) = (nobody().map(|_: SecretString| ()), Err("this run only reads".to_owned()));
        let mut target = Target { api, database, yacht: self.yacht, people, together, writable };
        if asks {
            target.together = belonging(&target).await?;
        }
        if intent == Intent::Write {
            let unproven = |why: &String| format!("nothing is moved: {why}");
            let writable = self.writable(&target.database).await?;
            target.writable = writable.and_then(|()| target.together.as_ref().copied().map_err(unproven));
        }
        Ok(target)
    }

    async fn database(&self, base: &str) -> Result<Database, WrongUse> {
        if let Some(url) = &self.database_url {
            return Ok(Database::connect(url).await);
        }
        if let (Some(url), Some(password)) = (named("TENANT_1_SUPABASE_URL"), named("TENANT_1_DB_PASSWORD")) {
            return Ok(match supabase(&url, &password) {
                Some(url) => Database::connect(&url).await,
                None => {
                    Database::none(format!("TENANT_1_SUPABASE_URL: expected https://<project>.supabase.co, got {url}"))
                }
            });
        }
        if named("TENANT_1_SUPABASE_URL").is_some() {
            return Ok(Database::none("TENANT_1_SUPABASE_URL is set, and TENANT_1_DB_PASSWORD is not"));
        }
        // The data directory's database is that of a daemon on this machine, and of no other API.
        if !is_here(base)? || !(self.no_record || is_here(self.daemon.url())?) {
            return Ok(Database::none("DATABASE_URL is not set, and the API or the daemon is on another machine"));
        }
        Ok(match rampart_postgres::attach(self.daemon.data_dir()) {
            Ok(login) => Database::connect(&login.url()).await,
            Err(error) => Database::none(format!("DATABASE_URL is not set, and {error}")),
        })
    }

    /// Whether parts may be moved. Where the database cannot be asked, they are not.
    async fn writable(&self, database: &Database) -> anyhow::Result<Result<(), String>> {
        if self.write_anywhere {
            return Ok(Ok(()));
        }
        match database.is_for_tests(self.yacht).await {
            Ok(true) => Ok(Ok(())),
            Ok(false) => Err(WrongUse(format!(
                "the yacht {} is not flagged is_test, and this run would move its parts\nhint: name a test yacht with \
                 --yacht, or say {ANYWHERE}",
                self.yacht
            ))
            .into()),
            Err(why) => Ok(Err(format!("nothing is moved: whether the yacht is for tests is not known ({why})"))),
        }
    }

    /// Prints a check as it ends, for people.
    pub(super) fn tell(&self, check: &CheckResult) {
        if !self.json {
            say(&line(check, coloured(&std::io::stdout())));
        }
    }

    /// Has the runs recorded by the daemon. Answers no where that was asked for and failed.
    pub(super) async fn record(&self, target: &Target, reports: &[&Report], place: &dyn Fn(&str) -> PathBuf) -> Answer {
        if self.no_record {
            return Answer::Yes;
        }
        let mut answer = Answer::Yes;
        for report in reports {
            let proof = report.no_proof.clone().map_or(Ok(()), Err).and_then(|()| target.together.clone());
            let sent = match proof {
                Ok(()) => self.send(report, place).await,
                Err(why) => Err(why),
            };
            match sent {
                Ok(()) => eprintln!("recorded: {}", report.item.name()),
                Err(why) => {
                    eprintln!("not recorded: {}: {why}", report.item.name());
                    answer = if self.record { Answer::No } else { answer };
                }
            }
        }
        answer
    }

    async fn send(&self, report: &Report, place: &dyn Fn(&str) -> PathBuf) -> Result<(), String> {
        let client = self.daemon.client().map_err(|error| first_line(&error))?;
        let sent = client.post(&format!("/gate/{}", report.item.name()), &report.wire(place)).await;
        match sent.map_err(|error| first_line(&error))? {
            Ok(_) => Ok(()),
            Err(refused) => {
                let told = format!("the daemon answered {} {}", refused.status.as_u16(), refused.detail);
                Err(told.trim_end().to_owned())
            }
        }
    }
}

/// Whether API and database belong together, as far as can be seen. Refuses where they are seen not to.
async fn belonging(target: &Target) -> Result<Result<(), String>, WrongUse> {
    match together(target).await {
        Ok(()) => Ok(Ok(())),
        Err(Apart::Unknown(why)) => {
            Ok(Err(format!("whether the API and the SQL connection are of one database is not known ({why})")))
        }
        Err(Apart::Differ(how)) => Err(WrongUse(format!(
            "the API {} and the SQL connection do not belong together: {how}\nhint: --api and --database-url have to \
             name one deployment",
            target.api.base()
        ))),
    }
}

fn first_line(error: &anyhow::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// `passed` or `FAILED` where there is no colour: a sign alone is easily overlooked.
fn line(check: &CheckResult, coloured: bool) -> String {
    match (coloured, check.passed) {
        (true, true) => check.line().green().to_string(),
        (true, false) => check.line().red().to_string(),
        (false, true) => format!("passed {}", check.line()),
        (false, false) => format!("FAILED {}", check.line()),
    }
}

/// A line on stdout; whoever closed the pipe does not want to know.
pub(super) fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Where a file of `folder` is.
pub(super) fn within(folder: &Path) -> impl Fn(&str) -> PathBuf {
    |name| folder.join(name)
}

/// Whether the API is on this machine.
fn is_here(base: &str) -> Result<bool, WrongUse> {
    let wrong =
        |why: String| WrongUse(format!("--api: expected a URL such as http://127.0.0.1:8080, got {base}: {why}"));
    let url = reqwest::Url::parse(base).map_err(|error| wrong(error.to_string()))?;
    let host = url.host_str().ok_or_else(|| wrong("it names no host".to_owned()))?;
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    Ok(host == "localhost" || address.is_ok_and(|address| address.is_loopback()))
}

/// The database of a Supabase project, of the project's URL.
fn supabase(url: &str, password: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let project = url.host_str()?.strip_suffix(".supabase.co")?;
    let mut database =
        reqwest::Url::parse(&format!("postgres://postgres@db.{project}.supabase.co:5432/postgres")).ok()?;
    database.set_password(Some(password)).ok()?;
    Some(database.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_projects_database_follows_from_its_url() {
        let url = supabase("https://abcd.supabase.co", "p@ss/word");
        assert_eq!(url.as_deref(), Some("postgres://postgres:p%40ss%2Fword@db.abcd.supabase.co:5432/postgres"));
        assert_eq!(supabase("https://example.com", "p"), None);
    }

    #[test]
    fn only_loopback_is_here() {
        for (base, here) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:1", true),
            ("http://[::1]:1", true),
            ("https://parts.example.com", false),
            ("http://127.0.0.1.example.com", false),
        ] {
            assert_eq!(is_here(base).ok(), Some(here), "{base}");
        }
        assert!(is_here("somewhere").is_err());
    }

    #[test]
    fn without_colour_a_line_says_in_words_how_it_ended() {
        let check = |passed| CheckResult { name: "drift", passed, detail: "3 rows".to_owned(), artifact: None };
        assert_eq!(line(&check(true), false), "passed ✓ drift — 3 rows");
        assert_eq!(line(&check(false), false), "FAILED ✗ drift — 3 rows");
    }
}

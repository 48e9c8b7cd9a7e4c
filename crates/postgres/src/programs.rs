//! Finding PostgreSQL's programs.

use crate::error::Error;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The oldest major version we run on.
const OLDEST_MAJOR: u32 = 15;
/// What a folder must hold to be of use.
const NEEDED: [&str; 3] = ["initdb", "postgres", "psql"];

/// One installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) bin_dir: PathBuf,
    pub(crate) major: u32,
}

impl Programs {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.bin_dir.join(name)
    }
}

/// Finds an installation: the version that made `cluster` if there is one, else the first that is new enough. Looks in
/// `configured` alone if that is given, else asks `pg_config`, then the places where Debian, Homebrew and Red Hat put
/// it, newest version first, then PATH.
pub(crate) fn find(configured: Option<&Path>, cluster: &Path) -> Result<Programs, Error> {
    let made_by = major_of_cluster(cluster)?;
    let folders = match configured {
        Some(folder) => vec![folder.to_owned()],
        None => usual_places(),
    };
    let mut installed = BTreeSet::new();
    for bin_dir in &folders {
        let Some(major) = major_of_programs(bin_dir) else {
            continue;
        };
        installed.insert(major);
        if made_by.unwrap_or(major) == major && major >= OLDEST_MAJOR {
            return Ok(Programs { bin_dir: bin_dir.clone(), major });
        }
    }
    match made_by {
        Some(made_by) if !installed.is_empty() => Err(Error::OtherMajor {
            cluster: cluster.to_owned(),
            made_by,
            installed: joined(installed.iter().map(ToString::to_string)),
        }),
        Some(_) | None => {
            Err(Error::ProgramsMissing { searched: joined(folders.iter().map(|folder| folder.display().to_string())) })
        }
    }
}

/// The major version that made the cluster; `None` when there is no cluster.
fn major_of_cluster(cluster: &Path) -> Result<Option<u32>, Error> {
    if !cluster.exists() {
        return Ok(None);
    }
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| Error::Damaged {
            path,
            expected: "a major version of PostgreSQL",
            hint: "restore the data directory from a backup, or choose another with RAMPART_DATA_DIR",
        }),
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => Err(Error::Damaged {
            path: cluster.to_owned(),
            expected: "a PostgreSQL cluster with a PG_VERSION file",
            hint: "restore the data directory from a backup, or choose another with RAMPART_DATA_DIR",
        }),
        Err(source) => Err(Error::io("read", &path, source)),
    }
}

/// The major version of the programs in `bin_dir`; `None` unless all are there.
fn major_of_programs(bin_dir: &Path) -> Option<u32> {
    if !NEEDED.iter().all(|name| bin_dir.join(name).is_file()) {
        return None;
    }
    let output = Command::new(bin_dir.join("postgres")).arg("--version").output().ok()?;
    parse_major(&String::from_utf8_lossy(&output.stdout))
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` and `postgres (PostgreSQL) 18beta1`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim();
    let digits = number.find(|c: char| !c.is_ascii_digit());
    number[..digits.unwrap_or(number.len())].parse().ok()
}

fn usual_places() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output()
        && output.status.success()
    {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    places.extend(versioned("/usr/lib/postgresql", "", "bin"));
    for brew in ["/opt/homebrew/opt", "/usr/local/opt"] {
        places.extend(versioned(brew, "postgresql@", "bin"));
    }
    places.extend(versioned("/usr", "pgsql-", "bin"));
    places.push("/usr/local/pgsql/bin".into());
    places
        .extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths).filter(|folder| folder.is_absolute()));
    let mut seen = BTreeSet::new();
    places.retain(|place| seen.insert(place.clone()));
    places
}

/// The folders `<parent>/<prefix><number>/<rest>`, highest number first.
fn versioned(parent: &str, prefix: &str, rest: &str) -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let number = name.to_str()?.strip_prefix(prefix)?.parse().ok()?;
            Some((number, entry.path().join(rest)))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, path)| path).collect()
}

fn joined(words: impl Iterator<Item = String>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_releases_and_betas() {
        let debian = "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n";
        assert_eq!(parse_major(debian), Some(15));
        assert_eq!(parse_major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(parse_major("postgres (PostgreSQL) 17"), Some(17));
        assert_eq!(parse_major("something else 17"), None);
    }
}

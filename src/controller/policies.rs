//! The policies in force: read at start, read again when a file changes.

use crate::clock;
use crate::digest::hex_sha256;
use arc_swap::ArcSwap;
use rampart_core::FlagKey;
use rampart_core::policy::{self, Mistakes, Policy};
use rampart_core::rollout::PolicyRevision;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// A policy with where it came from.
#[derive(Clone, Debug)]
pub struct LoadedPolicy {
    /// What it says.
    pub policy: Policy,
    /// A digest of its text.
    pub revision: PolicyRevision,
    /// Its text.
    pub source: String,
    /// Its file.
    pub file: PathBuf,
}

/// Why a folder of policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    /// The folder or a file cannot be read.
    #[error("cannot read {path}: {error}")]
    Unreadable {
        /// What.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A policy has mistakes; each is shown with its place.
    #[error("{0}")]
    Mistakes(Mistakes),
    /// Two files speak of one flag.
    #[error("{second}: the flag {flag} has a policy already, in {first}")]
    TwoForOneFlag {
        /// The flag.
        flag: FlagKey,
        /// The file read first.
        first: String,
        /// The file read second.
        second: String,
    },
    /// There is nothing to do.
    #[error("{0}: expected at least one policy file (*.yaml)")]
    None(String),
}

#[derive(Debug, Default)]
struct Book {
    policies: BTreeMap<FlagKey, Arc<LoadedPolicy>>,
    error: Option<String>,
    /// The files it was made of; nothing where they have to be read again in any case.
    seen: Option<Vec<Seen>>,
}

/// A file as it looks from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    file: PathBuf,
    length: u64,
    modified: SystemTime,
}

/// A file that was written this recently may be written again without looking any different.
const UNSETTLED: Duration = Duration::from_secs(2);

/// Every policy in force.
#[derive(Debug)]
pub struct Policies {
    folder: PathBuf,
    book: ArcSwap<Book>,
}

impl Policies {
    /// Reads every `*.yaml` of `folder`; all mistakes of a file are in the error.
    pub fn load(folder: &Path) -> Result<Self, PolicyFault> {
        let files = files_of(folder)?;
        let book = Book { policies: read(folder, &files)?, error: None, seen: settled(files) };
        Ok(Self { folder: folder.to_owned(), book: ArcSwap::from_pointee(book) })
    }

    /// Reads the folder again where its files look different: every turn asks, and seldom is there anything new.
    /// Where something is wrong the old policies stay, and the page says so.
    pub fn reload(&self) {
        let book = self.book.load();
        let files = files_of(&self.folder);
        if files.as_ref().is_ok_and(|files| book.seen.as_ref() == Some(files)) {
            return;
        }
        let kept =
            |fault: &PolicyFault, seen| Book { policies: book.policies.clone(), error: Some(fault.to_string()), seen };
        let next = match files.map(|files| (read(&self.folder, &files), files)) {
            Ok((Ok(policies), files)) => Book { policies, error: None, seen: settled(files) },
            // A right to read comes back without the file looking any different.
            Err(fault) | Ok((Err(fault @ PolicyFault::Unreadable { .. }), _)) => kept(&fault, None),
            Ok((Err(fault), files)) => kept(&fault, settled(files)),
        };
        if next.error != book.error
            && let Some(error) = &next.error
        {
            tracing::error!(policy.error = %error, "policy not reloaded; the old one stays in force");
        }
        self.book.store(Arc::new(next));
    }

    /// The policy in force for a flag.
    pub fn get(&self, flag: &FlagKey) -> Option<Arc<LoadedPolicy>> {
        self.book.load().policies.get(flag).cloned()
    }

    /// Every policy in force, by flag.
    pub fn all(&self) -> Vec<Arc<LoadedPolicy>> {
        self.book.load().policies.values().cloned().collect()
    }

    /// What is wrong with the files as they are now.
    pub fn error(&self) -> Option<String> {
        self.book.load().error.clone()
    }
}

/// The first 12 hexadecimal digits of the text's SHA-256.
pub(crate) fn revision_of(source: &str) -> PolicyRevision {
    PolicyRevision(hex_sha256(source.as_bytes()).chars().take(12).collect())
}

/// Every policy file of the folder, as it looks before it is read: what is written while it is read looks
/// different by the next turn.
fn files_of(folder: &Path) -> Result<Vec<Seen>, PolicyFault> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let file = entry.map_err(|error| unreadable(folder, error))?.path();
        if file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            // Of the file a link leads to, since that is what changes.
            let metadata = std::fs::metadata(&file).map_err(|error| unreadable(&file, error))?;
            let modified = metadata.modified().map_err(|error| unreadable(&file, error))?;
            files.push(Seen { length: metadata.len(), modified, file });
        }
    }
    files.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(files)
}

/// The files, where none of them may still change without looking different.
fn settled(files: Vec<Seen>) -> Option<Vec<Seen>> {
    let now = SystemTime::from(clock::wall());
    let old = |seen: &Seen| now.duration_since(seen.modified).is_ok_and(|age| age > UNSETTLED);
    files.iter().all(old).then_some(files)
}

fn read(folder: &Path, files: &[Seen]) -> Result<BTreeMap<FlagKey, Arc<LoadedPolicy>>, PolicyFault> {
    let mut policies: BTreeMap<FlagKey, Arc<LoadedPolicy>> = BTreeMap::new();
    for Seen { file, .. } in files {
        let source = std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        let policy = policy::parse(&file.display().to_string(), &source).map_err(PolicyFault::Mistakes)?;
        let flag = policy.flag.clone();
        let loaded = LoadedPolicy { revision: revision_of(&source), policy, source, file: file.clone() };
        if let Some(first) = policies.insert(flag.clone(), Arc::new(loaded)) {
            let (first, second) = (first.file.display().to_string(), file.display().to_string());
            return Err(PolicyFault::TwoForOneFlag { flag, first, second });
        }
    }
    if policies.is_empty() { Err(PolicyFault::None(folder.display().to_string())) } else { Ok(policies) }
}

fn unreadable(path: &Path, error: std::io::Error) -> PolicyFault {
    PolicyFault::Unreadable { path: path.display().to_string(), error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, File};

    const SOUND: &str =
        "flag: f\nstages: [{ percent: 100, soak: 1h }]\nchecks: { a: { signal: live.5xx, rollback_if: \"> 0\" } }\n";

    /// Writes a policy as if it had been there for a while.
    fn write(folder: &Path, text: &str, hours_ago: u64) {
        let file = folder.join("f.yaml");
        fs::write(&file, text).unwrap();
        let then = SystemTime::from(clock::wall()) - Duration::from_secs(3600 * hours_ago);
        File::options().write(true).open(&file).unwrap().set_modified(then).unwrap();
    }

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("rampart-policies-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn files_are_read_again_only_where_they_look_different() {
        let folder = folder("quiet");
        write(&folder, SOUND, 3);
        let policies = Policies::load(&folder).unwrap();
        let read = policies.all()[0].clone();
        policies.reload();
        assert!(Arc::ptr_eq(&read, &policies.all()[0]), "nothing changed, and it was read again");
        // As long as before, and different only in when it was written.
        write(&folder, &SOUND.replace("1h", "2h"), 2);
        policies.reload();
        assert_eq!(policies.all()[0].policy.stages[0].soak, rampart_core::Millis::hours(2));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_was_only_just_written_is_read_until_it_has_settled() {
        let folder = folder("fresh");
        write(&folder, SOUND, 0);
        let policies = Policies::load(&folder).unwrap();
        let seen = fs::metadata(folder.join("f.yaml")).unwrap().modified().unwrap();
        fs::write(folder.join("f.yaml"), SOUND.replace("1h", "2h")).unwrap();
        File::options().write(true).open(folder.join("f.yaml")).unwrap().set_modified(seen).unwrap();
        policies.reload();
        assert_eq!(policies.all()[0].policy.stages[0].soak, rampart_core::Millis::hours(2));
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_broken_file_keeps_the_last_good_policy_until_it_is_mended() {
        let folder = folder("broken");
        write(&folder, SOUND, 5);
        let policies = Policies::load(&folder).unwrap();
        write(&folder, "flag: [", 4);
        for _ in 0..2 {
            policies.reload();
            assert_eq!(policies.all().len(), 1);
            assert!(policies.error().unwrap().contains("f.yaml:1:"), "{:?}", policies.error());
        }
        fs::remove_file(folder.join("f.yaml")).unwrap();
        policies.reload();
        assert!(policies.error().unwrap().contains("expected at least one"), "{:?}", policies.error());
        write(&folder, SOUND, 3);
        policies.reload();
        assert_eq!((policies.error(), policies.all().len()), (None, 1));
        fs::remove_dir_all(folder).unwrap();
    }
}

//! The policies in force: read at start, read again when a file changes.

use arc_swap::ArcSwap;
use aws_lc_rs::digest;
use rampart_core::FlagKey;
use rampart_core::policy::{self, Mistakes, Policy};
use rampart_core::rollout::PolicyRevision;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
}

/// Every policy in force.
#[derive(Debug)]
pub struct Policies {
    folder: PathBuf,
    book: ArcSwap<Book>,
}

impl Policies {
    /// Reads every `*.yaml` of `folder`; all mistakes of a file are in the error.
    pub fn load(folder: &Path) -> Result<Self, PolicyFault> {
        let policies = read_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), book: ArcSwap::from_pointee(Book { policies, error: None }) })
    }

    /// Reads the folder again. Where something is wrong the old policies stay, and the page says so.
    pub fn reload(&self) {
        let book = self.book.load();
        let next = match read_folder(&self.folder) {
            Ok(policies) => Book { policies, error: None },
            Err(fault) => Book { policies: book.policies.clone(), error: Some(fault.to_string()) },
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
    let digest = digest::digest(&digest::SHA256, source.as_bytes());
    PolicyRevision(digest.as_ref().iter().take(6).map(|byte| format!("{byte:02x}")).collect())
}

fn read_folder(folder: &Path) -> Result<BTreeMap<FlagKey, Arc<LoadedPolicy>>, PolicyFault> {
    let unreadable = |path: &Path, error| PolicyFault::Unreadable { path: path.display().to_string(), error };
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect())
        .map_err(|error| unreadable(folder, error))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    let mut policies: BTreeMap<FlagKey, Arc<LoadedPolicy>> = BTreeMap::new();
    for file in files {
        let source = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, error))?;
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

//! Files of evidence.

use super::report::Artifact;
use anyhow::Context;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes every artifact into `folder`, which is made where it is missing; answers its absolute path. Each
/// file appears whole or not at all, so that nobody reads half a proof.
pub(crate) fn write(folder: &Path, artifacts: &[Artifact]) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for artifact in artifacts {
        let path = folder.join(artifact.name);
        whole(&path, artifact.text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    folder.canonicalize().with_context(|| format!("cannot find {}", folder.display()))
}

/// Writes beside and renames.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}.new", std::process::id()));
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(unfinished, path)
}

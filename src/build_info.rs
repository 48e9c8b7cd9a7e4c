//! What runs.

use crate::digest::hex_sha256_of;
use std::fs::File;

/// How much of the program's digest names it, in hexadecimal digits.
const MARK: usize = 12;

/// The version and commit of this build.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// The crate's version.
    pub version: String,
    /// The commit, where the environment or the build names one; else `exe-` and a digest of the program.
    pub git_commit: String,
    /// The name of the environment (`RAMPART_ENVIRONMENT`); else `development`.
    pub environment: String,
}

impl BuildInfo {
    /// Reads `GIT_COMMIT`, `RENDER_GIT_COMMIT` and `RAMPART_ENVIRONMENT`; where no commit is named, the whole
    /// program, which is not for a thread that others wait for.
    pub fn of_this_program() -> std::io::Result<Self> {
        let set = |value: &String| !value.trim().is_empty();
        let named = |name: &str| std::env::var(name).ok().filter(set);
        let built = option_env!("GIT_COMMIT").map(str::to_owned).filter(set);
        let commit = named("GIT_COMMIT").or_else(|| named("RENDER_GIT_COMMIT")).or(built);
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: commit.map_or_else(mark_of_this_program, Ok)?,
            environment: named("RAMPART_ENVIRONMENT").unwrap_or_else(|| "development".to_owned()),
        })
    }

    /// What a rollout rolls out: the version with the commit.
    pub fn revision(&self) -> rampart_core::rollout::Build {
        rampart_core::rollout::Build(format!("{}+{}", self.version, self.git_commit))
    }
}

/// Two builds that nobody labelled must not pass for one: evidence of the one would count for the other.
fn mark_of_this_program() -> std::io::Result<String> {
    // What the kernel runs, even where another file has taken its place since.
    let program = File::open("/proc/self/exe").or_else(|_| File::open(std::env::current_exe()?))?;
    let digest = hex_sha256_of(program)?;
    Ok(format!("exe-{}", &digest[..MARK]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unlabelled_build_is_named_after_its_bytes() {
        let mark = mark_of_this_program().expect("a program runs");
        let bytes = std::fs::read(std::env::current_exe().expect("a program runs")).expect("it is readable");
        assert_eq!(mark, format!("exe-{}", &crate::digest::hex_sha256(&bytes)[..12]));
    }
}

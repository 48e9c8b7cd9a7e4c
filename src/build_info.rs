//! What runs.

/// The version and commit of this build.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// The crate's version.
    pub version: String,
    /// The commit, where the environment or the build names one; else `unknown`.
    pub git_commit: String,
    /// The name of the environment (`RAMPART_ENVIRONMENT`); else `development`.
    pub environment: String,
}

impl BuildInfo {
    /// Reads `GIT_COMMIT`, `RENDER_GIT_COMMIT` and `RAMPART_ENVIRONMENT`.
    pub fn from_env() -> Self {
        let named = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let built = option_env!("GIT_COMMIT").map(str::to_owned);
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_commit: named("GIT_COMMIT")
                .or_else(|| named("RENDER_GIT_COMMIT"))
                .or(built)
                .unwrap_or_else(|| "unknown".into()),
            environment: named("RAMPART_ENVIRONMENT").unwrap_or_else(|| "development".to_owned()),
        }
    }

    /// What a rollout rolls out: the version with the commit.
    pub fn revision(&self) -> rampart_core::rollout::Build {
        rampart_core::rollout::Build(format!("{}+{}", self.version, self.git_commit))
    }
}

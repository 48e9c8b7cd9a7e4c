//! The shipped policy, hurried: an hour lasts eight seconds, and the limits on samples match.

use anyhow::{Context, ensure};
use std::path::Path;

const SHIPPED: &str = include_str!("../../../policies/part_lens_v2.yaml");

/// What differs from the shipped policy, and nothing else does.
const HURRIED: [(&str, &str); 10] = [
    ("soak: 1h, min_requests: 100", "soak: 8s, min_requests: 20"),
    ("soak: 2h", "soak: 16s, min_requests: 40"),
    ("soak: 4h", "soak: 32s, min_requests: 40"),
    ("soak: 8h", "soak: 64s, min_requests: 40"),
    ("tick: 5s", "tick: 1s"),
    ("window: 5m,    advance_if: \"< 0.1%\"", "window: 20s,   advance_if: \"< 0.1%\", min_samples: 20"),
    ("window: 5m,    advance_if: \"< 500ms\"", "window: 20s,   advance_if: \"< 500ms\""),
    ("min_samples: 200", "min_samples: 20"),
    ("require:   [acceptance, sql_evidence, role_suggestions]", "require:   []"),
    ("recommend: [stress, storage_rls, status_codes]", "recommend: []"),
];

/// Writes it into `folder`.
pub(super) fn write(folder: &Path) -> anyhow::Result<()> {
    let mut text = SHIPPED.to_owned();
    for (shipped, hurried) in HURRIED {
        ensure!(text.contains(shipped), "the shipped policy no longer says {shipped:?}");
        text = text.replace(shipped, hurried);
    }
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(folder.join("part_lens_v2.yaml"), text))
        .context("cannot write the demo's policy")
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hurried_policy_is_still_the_shipped_one_and_sound() {
        let folder = std::env::temp_dir().join(format!("rampart-hurried-{}", std::process::id()));
        super::write(&folder).expect("every replaced text is there");
        let text = std::fs::read_to_string(folder.join("part_lens_v2.yaml")).expect("it was written");
        let policy = rampart_core::policy::parse("demo", &text).expect("it is sound");
        assert_eq!(policy.stages.iter().map(|stage| stage.soak.0).sum::<u64>(), 120_000);
        std::fs::remove_dir_all(folder).expect("it can be removed");
    }
}

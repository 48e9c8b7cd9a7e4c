//! `rampart demo` under a real Prometheus: it ends as it should, for the right reason, or it says so and fails.

use std::process::{Command, Output, Stdio};

fn demo(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rampart"));
    for name in ["DATABASE_URL", "RAMPART_PROMETHEUS_URL", "RAMPART_TOKEN", "RAMPART_URL"] {
        command.env_remove(name);
    }
    let demo = ["demo", "--listen", "127.0.0.1:0", "--hour", "2"];
    command.args(demo).args(args).stdin(Stdio::null()).output().unwrap()
}

fn ended_well(done: &Output) -> String {
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert_eq!(done.status.code(), Some(0), "{said}\n{}", String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("\nthis is the expected end\n"), "{said}");
    said
}

#[test]
fn what_prometheus_measures_rolls_back_what_was_broken() {
    let said = ended_well(&demo(&["--signals", "prometheus", "--break", "errors", "--at", "5"]));
    assert!(
        said.contains("\nrolled_back at 0 %: Rolled back to 0 % on ") && said.contains(" · server errors: "),
        "{said}"
    );
    assert!(said.contains("\nreplay: ") && said.contains("metrics   http://127.0.0.1:"), "{said}");
}

#[test]
fn while_prometheus_is_away_the_ramp_waits_says_why_and_then_goes_on_to_its_end() {
    let said = ended_well(&demo(&["--signals", "prometheus", "--break", "prometheus", "--at", "5"]));
    assert!(said.contains("now breaking: Prometheus is killed"), "{said}");
    let told = said.lines().find_map(|line| line.strip_prefix("while Prometheus was away: ")).unwrap();
    assert!(told.starts_with("Holding at ") && told.contains("refused"), "{told}");
    assert!(said.contains("\ncompleted at 100 %: "), "{said}");
}

#[test]
fn what_cannot_be_broken_is_refused_before_anything_starts() {
    let refused = demo(&["--break", "prometheus"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("`--break prometheus` needs `--signals prometheus`"), "{said}");
}

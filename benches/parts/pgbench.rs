//! The rival: PostgreSQL's own benchmark, with the API's statements.

use crate::CLIENTS;
use std::process::Command;
use std::time::Duration;

/// Transactions a second of `script`. The owner may switch to `rampart_app`, as which the API runs.
pub(crate) fn run(url: &str, script: &str, time: Duration) -> f64 {
    let file = std::env::temp_dir().join(format!("rampart-pgbench-{}.sql", uuid::Uuid::now_v7()));
    std::fs::write(&file, script).unwrap();
    let output = Command::new("pgbench")
        .args(["--no-vacuum", "--protocol", "prepared", "--jobs", "1"])
        .args(["--client", &CLIENTS.to_string(), "--time", &time.as_secs().to_string()])
        .arg("--file")
        .arg(&file)
        .arg(url)
        .env("PGOPTIONS", "-c role=rampart_app")
        .output()
        .expect("pgbench is part of PostgreSQL");
    std::fs::remove_file(&file).unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let failed = told.lines().find_map(|line| line.strip_prefix("number of failed transactions: ")).unwrap_or("0");
    assert!(failed.starts_with('0'), "{failed} failed");
    let rate = told.lines().find_map(|line| line.strip_prefix("tps = ")).and_then(|line| line.split(' ').next());
    rate.and_then(|rate| rate.parse().ok()).expect("pgbench tells its rate")
}

//! `rampart policy check|show|try`

use super::Answer;
use anyhow::Context;
use rampart_core::policy;
use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Check policies: every mistake at once, with its place. Exit code 1 where there is one.
    #[command(after_help = "Example: rampart policy check policies/part_lens_v2.yaml")]
    Check {
        /// Policy files, or folders of them.
        #[arg(default_value = "policies")]
        paths: Vec<PathBuf>,
    },
    /// Show a policy as the tables a release owner thinks in.
    #[command(after_help = "Example: rampart policy show policies/part_lens_v2.yaml")]
    Show {
        /// A policy file.
        file: PathBuf,
        /// As JSON, with every default filled in.
        #[arg(long)]
        json: bool,
    },
    /// Run a policy in a virtual world against a scenario, and draw what happens.
    Try(super::policy_try::Args),
}

pub(super) fn run(command: &Command) -> anyhow::Result<Answer> {
    match command {
        Command::Check { paths } => check(paths),
        Command::Show { file, json } => show(file, *json),
        Command::Try(args) => super::policy_try::run(args),
    }
}

fn check(paths: &[PathBuf]) -> anyhow::Result<Answer> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(files_of(path)?);
    }
    if files.is_empty() {
        anyhow::bail!("expected at least one policy file (*.yaml)");
    }
    let mut answer = Answer::Yes;
    for file in &files {
        let source = read(file)?;
        match policy::parse(&file.display().to_string(), &source) {
            Ok(policy) => {
                println!("{}: {} stages, {} checks, sound", file.display(), policy.stages.len(), policy.checks.len())
            }
            Err(mistakes) => {
                eprintln!("{mistakes}");
                answer = Answer::No;
            }
        }
    }
    Ok(answer)
}

fn show(file: &Path, json: bool) -> anyhow::Result<Answer> {
    let source = read(file)?;
    match policy::parse(&file.display().to_string(), &source) {
        Ok(policy) if json => println!("{}", serde_json::to_string_pretty(&policy)?),
        Ok(policy) => print!("{}", policy::show(&policy)),
        Err(mistakes) => {
            eprintln!("{mistakes}");
            return Ok(Answer::No);
        }
    }
    Ok(Answer::Yes)
}

fn files_of(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    files.sort();
    Ok(files)
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

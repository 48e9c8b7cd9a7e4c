//! `rampart completions` and `rampart man`: what a shell and `man` want to know, made from the command line itself.

use super::Answer;
use clap_complete::Shell;
use std::io::{Write, stdout};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart completions bash > /etc/bash_completion.d/rampart")]
pub(super) struct CompletionsArgs {
    /// Which shell.
    shell: Shell,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: rampart man | man -l -\n         rampart man --folder /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write a page for each command into this folder, in place of printing the first.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionsArgs, mut command: clap::Command) -> Answer {
    clap_complete::generate(args.shell, &mut command, "rampart", &mut stdout());
    Answer::Yes
}

pub(super) fn man(args: &ManArgs, command: clap::Command) -> anyhow::Result<Answer> {
    match &args.folder {
        Some(folder) => {
            std::fs::create_dir_all(folder)?;
            clap_mangen::generate_to(command, folder)?;
        }
        None => {
            let mut page = Vec::new();
            clap_mangen::Man::new(command).render(&mut page)?;
            stdout().write_all(&page)?;
        }
    }
    Ok(Answer::Yes)
}

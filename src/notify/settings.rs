//! Where the targets are written down, and where the page answers.

use super::read;
use super::target::Target;
use crate::config::SettingsError;
use clap::Args;
use reqwest::Url;
use std::path::PathBuf;

/// The settings of notifications.
#[derive(Clone, Debug, Default, Args)]
pub struct NotifySettings {
    /// The file that says whom the names in `notify` of a policy stand for, and how they are told.
    #[arg(long, env = "RAMPART_NOTIFY")]
    pub notify: Option<PathBuf>,
    /// Where people open the page, for links in notifications.
    #[arg(long, env = "RAMPART_PUBLIC_URL")]
    pub public_url: Option<String>,
}

/// The settings, read and found sound.
#[derive(Debug, Default)]
pub(crate) struct Recipients {
    pub(super) targets: Vec<Target>,
    pub(super) public: Option<Url>,
}

impl NotifySettings {
    /// Reads the file and every secret it names.
    pub(crate) fn read(&self) -> Result<Recipients, SettingsError> {
        let targets = self.notify.as_deref().map_or(Ok(Vec::new()), read::targets)?;
        let public = self.public_url.as_deref().map(public).transpose()?;
        Ok(Recipients { targets, public })
    }
}

fn public(text: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(text.trim()).ok().filter(|url| {
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        ["http", "https"].contains(&url.scheme()) && plain && url.fragment().is_none()
    });
    let expected = "RAMPART_PUBLIC_URL: expected the address of the page, such as https://rampart.example.com/";
    url.ok_or_else(|| SettingsError(expected.to_owned()))
}

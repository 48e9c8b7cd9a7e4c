//! How to reach the server as one of its roles.

use crate::folder::Folder;
use std::fmt::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One role's way into one database.
#[derive(Clone)]
pub struct Login {
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) database: String,
    pub(crate) socket_dir: PathBuf,
    pub(crate) port: u16,
    pub(crate) passwords: PathBuf,
    pub(crate) psql: PathBuf,
}

impl Login {
    pub(crate) fn new(
        folder: &Folder,
        (user, password): (&str, &str),
        socket_dir: &Path,
        port: u16,
        bin_dir: &Path,
    ) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            database: "rampart".to_owned(),
            socket_dir: socket_dir.to_owned(),
            port,
            passwords: folder.passwords(),
            psql: bin_dir.join("psql"),
        }
    }

    /// The role's name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The role's password. Never print it.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The folder of the server's socket.
    pub fn socket_dir(&self) -> &Path {
        &self.socket_dir
    }

    /// The number in the socket's name.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The same role in another database of the same server.
    pub fn with_database(&self, database: impl Into<String>) -> Self {
        Self { database: database.into(), ..self.clone() }
    }

    /// `postgres://user:password@%2Fsocket%2Ffolder:port/database`, which sqlx and libpq both read. It holds the
    /// password: never print it.
    ///
    /// The folder stands where the host does, rather than in a `host` parameter, because a URL with a user must name a
    /// host, and any stand-in would send a careless reader to some server on localhost.
    pub fn url(&self) -> String {
        format!(
            "postgres://{}:{}@{}:{}/{}",
            percent_encoded(&self.user),
            percent_encoded(&self.password),
            percent_encoded(&self.socket_dir.to_string_lossy()),
            self.port,
            percent_encoded(&self.database),
        )
    }

    /// A line for a shell that opens `psql`; it names the file with the password, not the password.
    pub fn psql_line(&self) -> String {
        format!(
            "PGPASSFILE={} {} {}",
            shell_quoted(&self.passwords.to_string_lossy()),
            shell_quoted(&self.psql.to_string_lossy()),
            shell_quoted(&self.conninfo()),
        )
    }

    /// The same as [`Self::psql_line`], ready to run; further arguments may be added.
    pub fn psql(&self) -> Command {
        let mut command = Command::new(&self.psql);
        for (name, _) in std::env::vars_os() {
            if name.as_encoded_bytes().starts_with(b"PG") {
                command.env_remove(name);
            }
        }
        command.env("PGPASSFILE", &self.passwords).arg(self.conninfo());
        command
    }

    fn conninfo(&self) -> String {
        format!(
            "host={} port={} user={} dbname={}",
            conninfo_quoted(&self.socket_dir.to_string_lossy()),
            self.port,
            conninfo_quoted(&self.user),
            conninfo_quoted(&self.database),
        )
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .field("password", &"(redacted)")
            .field("database", &self.database)
            .field("socket_dir", &self.socket_dir)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(encoded, "%{byte:02X}").ok();
        }
        encoded
    })
}

fn conninfo_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-@:".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(socket_dir: &str) -> Login {
        Login {
            user: "rampart_owner".into(),
            password: "c0ffee".into(),
            database: "rampart".into(),
            socket_dir: socket_dir.into(),
            port: 5432,
            passwords: "/d/postgres/passwords".into(),
            psql: "/b/psql".into(),
        }
    }

    #[test]
    fn the_url_carries_the_folder_where_the_host_stands() {
        assert_eq!(login("/d/my socket").url(), "postgres://rampart_owner:c0ffee@%2Fd%2Fmy%20socket:5432/rampart");
    }

    #[test]
    fn the_psql_line_quotes_and_hides_the_password() {
        let line = login("/d/it's").psql_line();
        assert_eq!(
            line,
            r#"PGPASSFILE=/d/postgres/passwords /b/psql 'host='\''/d/it\'\''s'\'' port=5432 user=rampart_owner dbname=rampart'"#
        );
        assert!(!line.contains("c0ffee"));
    }

    #[test]
    fn debug_output_hides_the_password() {
        assert!(!format!("{:?}", login("/d")).contains("c0ffee"));
    }
}

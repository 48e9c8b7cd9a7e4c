//! Who gets in, from where, and what they may do.

use crate::support::{Scratch, is_root, sql, try_sql};
use rampart_postgres::{Cluster, Login, attach};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::{Command, Stdio};

fn shell(line: &str) -> String {
    let output = Command::new("/bin/sh").args(["-c", line]).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[tokio::test]
async fn the_application_obeys_row_level_security_and_the_owner_is_no_superuser() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let (owner, app) = (cluster.owner(), cluster.app());

    let powers = "select rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolinherit, rolreplication \
                  from pg_roles where rolname = current_user";
    assert_eq!(sql(app, powers), "f|f|f|f|f|f");
    assert_eq!(sql(owner, powers), "f|f|t|f|t|f");

    sql(
        owner,
        "create table guarded as select 1 as n; alter table guarded enable row level security; \
         grant select on guarded to rampart_app, service_role; create table closed ()",
    );
    assert_eq!(sql(app, "select count(*) from guarded"), "0");
    assert_eq!(sql(app, "set role authenticated; select current_user"), "authenticated");
    assert_eq!(sql(owner, "set role service_role; select count(*) from guarded"), "1");
    for forbidden in [
        "set role service_role",
        "set role rampart_owner",
        "alter role rampart_app bypassrls",
        "select * from closed",
        "create table public.mine ()",
    ] {
        let refusal = try_sql(app, forbidden).unwrap_err();
        assert!(refusal.contains("permission denied") || refusal.contains("must be"), "{refusal}");
    }
    try_sql(owner, "alter role rampart_app bypassrls").unwrap_err();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_superuser_and_wrong_passwords_are_turned_away() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let attempt = |url: String| {
        Command::new(cluster.owner().psql().get_program())
            .args(["-X", "-c", "select 1"])
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let url = cluster.owner().url();
    assert!(attempt(url.clone()).status.success());
    let superuser = attempt(url.replace("rampart_owner:", "postgres:"));
    let said = String::from_utf8_lossy(&superuser.stderr).into_owned();
    assert!(said.contains("password authentication failed"), "{said}");
    let wrong = attempt(url.replace(cluster.owner().password(), "wrong"));
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("password authentication failed"), "{said}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn secrets_and_the_socket_are_closed_to_others() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let folder = scratch.config().data_dir.join("postgres");
    let mode = |name: &str| {
        let metadata = fs::metadata(folder.join(name)).unwrap();
        metadata.permissions().mode() & 0o777
    };
    for name in ["passwords", "running", "daemon.lock", "server.log"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    for private in [&folder.join("cluster"), cluster.socket_dir()] {
        let mode = fs::metadata(private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", private.display());
    }
    let log = fs::read_to_string(cluster.log_path()).unwrap();
    assert!(!log.contains(cluster.owner().password()));
    if is_root() {
        let owner = fs::metadata(folder.join("cluster")).unwrap().uid();
        assert_ne!(owner, 0, "the server must not run as root");
    }
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn the_printed_line_opens_psql_without_showing_the_password() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let line = cluster.owner().psql_line();
    assert!(!line.contains(cluster.owner().password()));
    assert_eq!(shell(&format!("{line} -XAtc 'select current_user'")), "rampart_owner");
    cluster.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_network_port_is_opened() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "show listen_addresses"), "");
    assert_eq!(listening_sockets(cluster.pid().unwrap()).unwrap_or(0), 0);
    cluster.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_network_port_is_opened_on_the_loopback_when_asked() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    config.tcp_port = Some(port);
    let cluster = Cluster::start(&config).await.unwrap();
    assert_eq!(sql(cluster.owner(), "show listen_addresses"), "127.0.0.1");
    assert_eq!(listening_sockets(cluster.pid().unwrap()).unwrap_or(1), 1);
    let owner = cluster.owner();
    let over_tcp = Command::new(owner.psql().get_program())
        .args(["-XAtc", "select 1"])
        .arg(format!("host=127.0.0.1 port={port} user=rampart_owner dbname=rampart"))
        .env("PGPASSWORD", owner.password())
        .output()
        .unwrap();
    assert_eq!(over_tcp.stdout, b"1\n");
    cluster.stop().await.unwrap();
}

/// How many TCP sockets a process listens on; `None` where we may not look, as root may not in many containers.
#[cfg(target_os = "linux")]
fn listening_sockets(pid: u32) -> Option<usize> {
    let mut own = Vec::new();
    for descriptor in fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten() {
        own.push(fs::read_link(descriptor.path()).ok()?.to_string_lossy().into_owned());
    }
    let listening = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().map(str::to_owned).collect::<Vec<_>>())
        .filter(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let listens = fields.get(3) == Some(&"0A");
            let inode = fields.get(9).copied().unwrap_or_default();
            listens && own.contains(&format!("socket:[{inode}]"))
        })
        .count();
    Some(listening)
}

#[tokio::test]
async fn a_data_directory_with_a_long_or_odd_path_works() {
    let scratch = Scratch::new();
    for name in ["x".repeat(200), "it's a, \"dir\" %20".to_owned()] {
        let mut config = scratch.config();
        config.data_dir = scratch.path().join(name);
        let cluster = Cluster::start(&config).await.unwrap();
        assert!(cluster.socket_dir().as_os_str().len() <= 92);
        let line = cluster.owner().psql_line();
        assert_eq!(shell(&format!("{line} -XAtc 'select 1'")), "1");
        assert_eq!(sql(&attach(&config.data_dir).unwrap(), "select 1"), "1");
        let socket_dir = cluster.socket_dir().to_owned();
        cluster.stop().await.unwrap();
        assert_eq!(socket_dir.exists(), socket_dir.starts_with(scratch.path()));
    }
}

#[tokio::test]
async fn a_data_directory_the_server_may_not_pass_through_to_works() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    sql(cluster.owner(), "create table kept as select 7 as n");
    crate::support::kill_hard(cluster.pid().unwrap());
    let socket_dir = cluster.socket_dir().to_owned();
    drop(cluster);

    let cluster = restarted(&scratch).await;
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    cluster.stop().await.unwrap();
    if is_root() {
        assert!(!socket_dir.starts_with(scratch.path()));
        assert!(!socket_dir.exists());
    }
}

/// Starts as soon as the folder is free.
async fn restarted(scratch: &Scratch) -> Cluster {
    loop {
        match Cluster::start(&scratch.config()).await {
            Ok(cluster) => return cluster,
            Err(rampart_postgres::Error::Held { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn another_process_attaches_while_the_server_runs() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let attached: Login = attach(&scratch.config().data_dir).unwrap();
    assert_eq!(attached.url(), cluster.owner().url());
    assert_eq!(sql(&attached, "select current_database()"), "rampart");
    cluster.stop().await.unwrap();
}

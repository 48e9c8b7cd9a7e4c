//! Data outlive every way in which a server can end.

use crate::support::{Scratch, daemon, eventually, kill_hard, orphan, sql};
use rampart_postgres::{Cluster, attach};

#[tokio::test]
async fn data_are_kept_across_a_clean_restart() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let url = cluster.owner().url();
    sql(cluster.owner(), "create table kept as select 7 as n");
    cluster.stop().await.unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(cluster.owner().url(), url);
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    assert_eq!(sql(cluster.owner(), "show data_checksums"), "on");
    assert_eq!(sql(cluster.owner(), "show fsync"), "on");
    assert_eq!(sql(cluster.owner(), "show server_encoding"), "UTF8");
    cluster.stop().await.unwrap();
    assert!(!scratch.names().contains(&"running".to_owned()));
}

#[tokio::test]
async fn a_killed_server_is_restarted_in_place_with_what_was_committed() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    sql(cluster.owner(), "create table kept as select 7 as n");
    let killed = cluster.pid().unwrap();
    kill_hard(killed);

    eventually("a new server", || cluster.pid().filter(|pid| *pid != killed)).await;
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_killed_daemon_takes_its_server_along_and_the_next_recovers_what_was_committed() {
    let scratch = Scratch::new();
    let data_dir = scratch.config().data_dir;
    let mut first = daemon(&data_dir);
    let owner = eventually("the daemon's server", || attach(&data_dir).ok()).await;
    sql(&owner, "create table kept as select 7 as n");
    first.kill().unwrap();
    first.wait().unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_daemon_and_its_server_killed_together_lose_nothing_committed() {
    let scratch = Scratch::new();
    let data_dir = scratch.config().data_dir;
    let mut first = daemon(&data_dir);
    let owner = eventually("the daemon's server", || attach(&data_dir).ok()).await;
    sql(&owner, "create table kept as select 7 as n");
    let pid_file = std::fs::read_to_string(data_dir.join("postgres/cluster/postmaster.pid"));
    let server = pid_file.unwrap().lines().next().unwrap().parse().unwrap();
    kill_hard(server);
    first.kill().unwrap();
    first.wait().unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_daemon_killed_while_it_makes_the_cluster_leaves_nothing_in_the_way() {
    let scratch = Scratch::new();
    let mut first = daemon(&scratch.config().data_dir);
    eventually("a cluster in the making", || {
        scratch.names().iter().any(|name| name.starts_with("new-") && !name.contains('.')).then_some(())
    })
    .await;
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!scratch.names().contains(&"cluster".to_owned()));

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "select 1"), "1");
    cluster.stop().await.unwrap();
    let leftovers = scratch.names();
    assert!(!leftovers.iter().any(|name| name.starts_with("new-")), "{leftovers:?}");
}

#[tokio::test]
async fn a_server_without_a_daemon_is_stopped_and_replaced() {
    let scratch = Scratch::new();
    let data_dir = scratch.config().data_dir;
    orphan(&data_dir);
    let before = attach(&data_dir).unwrap();
    sql(&before, "create table kept as select 7 as n");
    let pid_file = data_dir.join("postgres/cluster/postmaster.pid");
    let old_pid = std::fs::read_to_string(&pid_file).unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "select n from kept"), "7");
    assert_eq!(sql(cluster.owner(), "show fsync"), "on");
    assert_ne!(std::fs::read_to_string(&pid_file).unwrap().lines().next(), old_pid.lines().next());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_pid_file_that_names_a_stranger_is_no_obstacle() {
    let scratch = Scratch::new();
    Cluster::start(&scratch.config()).await.unwrap().stop().await.unwrap();
    let pid_file = scratch.config().data_dir.join("postgres/cluster/postmaster.pid");
    std::fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_eq!(sql(cluster.owner(), "select 1"), "1");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn dropping_the_cluster_stops_the_server() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    drop(cluster);
    let cluster =
        eventually("the folder to be free", || (!scratch.names().contains(&"running".to_owned())).then_some(())).await;
    let () = cluster;
    assert!(attach(&scratch.config().data_dir).is_err());
}

#[tokio::test]
async fn lost_passwords_are_replaced() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let lost = cluster.app().password().to_owned();
    cluster.stop().await.unwrap();
    std::fs::remove_file(scratch.config().data_dir.join("postgres/passwords")).unwrap();

    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    assert_ne!(cluster.app().password(), lost);
    assert_eq!(sql(cluster.app(), "select current_user"), "rampart_app");
    assert_eq!(sql(cluster.owner(), "select current_user"), "rampart_owner");
    cluster.stop().await.unwrap();
}

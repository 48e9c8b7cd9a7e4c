//! What is refused, and in which words.

use crate::support::{Scratch, is_root, names_in};
use rampart_postgres::{Cluster, Error, attach};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn program(folder: &Path, name: &str, script: &str) {
    let path = folder.join(name);
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_second_daemon_is_refused_with_the_pid_of_the_first() {
    let scratch = Scratch::new();
    let cluster = Cluster::start(&scratch.config()).await.unwrap();
    let error = Cluster::start(&scratch.config()).await.unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, Error::Held { .. }), "{text}");
    assert!(text.contains(&format!("pid {}", std::process::id())), "{text}");
    assert!(text.contains("hint:"), "{text}");
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn attaching_needs_a_running_daemon() {
    let scratch = Scratch::new();
    let data_dir = scratch.config().data_dir;
    let never = attach(&data_dir).unwrap_err();
    assert!(matches!(never, Error::NotRunning { .. }), "{never}");

    Cluster::start(&scratch.config()).await.unwrap().stop().await.unwrap();
    let stopped = attach(&data_dir).unwrap_err();
    assert!(matches!(stopped, Error::NotRunning { .. }), "{stopped}");
    assert!(stopped.to_string().contains("rampart serve"), "{stopped}");
}

#[tokio::test]
async fn missing_programs_are_named_with_how_to_install_them() {
    let scratch = Scratch::new();
    let mut config = scratch.config();
    config.bin_dir = Some(scratch.path().to_owned());
    let text = Cluster::start(&config).await.unwrap_err().to_string();
    assert!(text.contains("apt-get install postgresql"), "{text}");
    assert!(text.contains("brew install"), "{text}");
    assert!(text.contains(&scratch.path().display().to_string()), "{text}");
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_left_alone() {
    let scratch = Scratch::new();
    let cluster = scratch.config().data_dir.join("postgres/cluster");
    fs::create_dir_all(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "9\n").unwrap();
    let error = Cluster::start(&scratch.config()).await.unwrap_err();
    assert!(matches!(error, Error::OtherMajor { made_by: 9, .. }), "{error}");
    assert_eq!(names_in(&cluster), ["PG_VERSION"]);
}

#[tokio::test]
async fn a_failed_initdb_leaves_nothing_and_says_why() {
    let scratch = Scratch::new();
    let bin_dir = scratch.path().join("bin");
    fs::create_dir(&bin_dir).unwrap();
    fs::set_permissions(&bin_dir, fs::Permissions::from_mode(0o755)).unwrap();
    program(&bin_dir, "postgres", "echo 'postgres (PostgreSQL) 17.1'");
    program(&bin_dir, "psql", "exit 1");
    program(&bin_dir, "initdb", "touch \"$2/PG_VERSION\"; echo 'the disk is full' >&2; exit 1");
    let mut config = scratch.config();
    config.bin_dir = Some(bin_dir);
    let error = Cluster::start(&config).await.unwrap_err();
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert_eq!(scratch.names(), ["daemon.lock"]);
}

#[tokio::test]
async fn a_server_that_cannot_start_shows_the_end_of_its_log() {
    let scratch = Scratch::new();
    Cluster::start(&scratch.config()).await.unwrap().stop().await.unwrap();
    let control = scratch.config().data_dir.join("postgres/cluster/global/pg_control");
    fs::remove_file(control).unwrap();
    let error = Cluster::start(&scratch.config()).await.unwrap_err();
    assert!(matches!(error, Error::DiedAtStart { .. }), "{error}");
    assert!(error.to_string().contains("pg_control"), "{error}");
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_refused() {
    if is_root() {
        return;
    }
    let scratch = Scratch::new();
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o500)).unwrap();
    let error = Cluster::start(&scratch.config()).await.unwrap_err();
    assert!(matches!(error, Error::NotWritable { .. }), "{error}");
    assert!(error.to_string().contains("hint:"), "{error}");
    fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
}

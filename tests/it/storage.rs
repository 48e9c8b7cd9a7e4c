//! Storage as its clients see it: whose paths, which roles, how large, of what type, and what is left behind.

#[path = "storage_client.rs"]
pub(crate) mod client;
#[path = "storage_supabase.rs"]
mod supabase;
#[path = "storage_wall.rs"]
mod wall;

use crate::harness::{Daemon, SERVICE_KEY};
use crate::parts::client::{CAPTAIN, CREW, HOD, OTHER_CAPTAIN, OTHER_YACHT, User, YACHT, database, number};
use client::{JPEG, PDF, PNG, Shelf, eventually, files, someone};
use serde_json::json;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

pub(crate) const PHOTOS: &str = "pms-part-photos";
pub(crate) const RECEIVING: &str = "pms-receiving-images";
pub(crate) const LABELS: &str = "pms-label-pdfs";

#[tokio::test]
async fn a_photo_comes_back_as_it_was_sent_and_goes_when_it_is_deleted() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/oil%20filter.png");
    let body = captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.has(200);
    assert_eq!(body["Key"], format!("{PHOTOS}/{YACHT}/parts/p1/oil filter.png"));
    assert!(body["Id"].as_str().is_some_and(|id| id.parse::<uuid::Uuid>().is_ok()), "{body}");

    let photo = captain.get(PHOTOS, &path).await;
    assert_eq!((photo.status, photo.bytes.as_slice()), (200, PNG));
    assert_eq!(photo.header("content-type"), "image/png");
    assert_eq!(photo.header("content-length"), PNG.len().to_string());
    assert_eq!(photo.header("x-content-type-options"), "nosniff");
    assert!(!photo.header("x-request-id").is_empty());
    assert_eq!(photo.header("x-part-lens"), "v1");

    let body = captain.delete(PHOTOS, &path).await.has(200);
    assert_eq!(body["name"], format!("{YACHT}/parts/p1/oil filter.png"));
    captain.get(PHOTOS, &path).await.refuses(404, "not_found");
    captain.delete(PHOTOS, &path).await.refuses(404, "not_found");
    assert_eq!(files(&daemon), 0, "the bytes are gone as well");
}

#[tokio::test]
async fn a_form_is_taken_as_supabases_clients_send_it() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let part = |field: &str, file: &str, mime: &str| {
        [
            format!(
                "--edge\r\ncontent-disposition: form-data; name=\"cacheControl\"\r\n\r\n3600\r\n--edge\r\n\
                 content-disposition: form-data; name=\"{field}\"{file}\r\ncontent-type: {mime}\r\n\r\n"
            )
            .into_bytes(),
            PDF.to_vec(),
            b"\r\n--edge--\r\n".to_vec(),
        ]
        .concat()
    };
    let form = "multipart/form-data; boundary=edge";
    let path = |name: &str| format!("{YACHT}/receiving/r1/{name}");
    captain.put(RECEIVING, &path("a.pdf"), form, part("file", "", "application/pdf")).await.has(200);
    let unnamed = part("", "; filename=\"b.pdf\"", "application/pdf");
    captain.put(RECEIVING, &path("b.pdf"), form, unnamed).await.has(200);
    assert_eq!(captain.get(RECEIVING, &path("b.pdf")).await.bytes, PDF);
    let other = part("note", "", "application/pdf");
    captain.put(RECEIVING, &path("c.pdf"), form, other).await.refuses(400, "InvalidRequest");
    captain.put(RECEIVING, &path("c.pdf"), form, b"--edge".to_vec()).await.refuses(400, "InvalidRequest");
    captain.put(RECEIVING, &path("c.pdf"), "multipart/form-data", vec![]).await.refuses(400, "InvalidRequest");
    let lied = part("file", "", "image/png");
    captain.put(RECEIVING, &path("c.pdf"), form, lied).await.refuses(415, "invalid_mime_type");
    assert_eq!(files(&daemon), 2);
}

#[tokio::test]
async fn another_yachts_path_is_a_403_for_everybody_and_every_verb() {
    let daemon = Daemon::start().await;
    let (database, folder) = daemon.kill();
    let daemon = Daemon::on_with(database, folder, &[("DEFAULT_YACHT_CODE", "yTEST_YACHT_001")]).await;
    let other = Shelf::of(&daemon, OTHER_CAPTAIN);
    let theirs = format!("{OTHER_YACHT}/parts/p1/a.png");
    other.put(PHOTOS, &theirs, "image/png", PNG.to_vec()).await.has(200);
    let service = Shelf::with_token(&daemon, SERVICE_KEY.to_owned());
    let captain = Shelf::of(&daemon, CAPTAIN);
    // The key beside a token gives the token no rights.
    let both = captain.clone().with_header("apikey", SERVICE_KEY);
    let key_alone = Shelf::nobody(&daemon).with_header("apikey", SERVICE_KEY);
    for caller in [&service, &captain, &both, &key_alone, &Shelf::of(&daemon, CREW)] {
        for path in [&theirs, &format!("{OTHER_YACHT}/parts/p1/new.png"), &format!("{}/parts/x", uuid::Uuid::nil())] {
            caller.put(PHOTOS, path, "image/png", PNG.to_vec()).await.refuses(403, "Unauthorized");
            caller.get(PHOTOS, path).await.refuses(403, "Unauthorized");
            caller.delete(PHOTOS, path).await.refuses(403, "Unauthorized");
        }
    }
    assert_eq!(other.get(PHOTOS, &theirs).await.bytes, PNG);
    // On the yacht it stands for, the service key works.
    for caller in [&service, &key_alone] {
        let ours = format!("{YACHT}/parts/p1/a.png");
        caller.put(PHOTOS, &ours, "image/png", PNG.to_vec()).await.has(200);
        assert_eq!(caller.get(PHOTOS, &ours).await.bytes, PNG);
        caller.delete(PHOTOS, &ours).await.has(200);
    }
}

#[tokio::test]
async fn the_service_key_stands_for_no_yacht_until_one_is_named() {
    let daemon = Daemon::start().await;
    let service = Shelf::with_token(&daemon, SERVICE_KEY.to_owned());
    let path = format!("{YACHT}/parts/p1/a.png");
    service.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.refuses(403, "Unauthorized");
    service.get(PHOTOS, &path).await.refuses(403, "Unauthorized");
    service.delete(PHOTOS, &path).await.refuses(403, "Unauthorized");
    for stranger in [Shelf::nobody(&daemon), Shelf::with_token(&daemon, "no.such.token".to_owned())] {
        stranger.get(PHOTOS, &path).await.refuses(401, "Unauthorized");
    }
}

#[tokio::test]
async fn each_role_may_store_and_delete_exactly_what_the_contract_lists() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    // Whether the role may store photos, store labels, delete.
    let roles = [
        ("crew", [false, false, false]),
        ("deckhand", [true, false, false]),
        ("steward", [false, false, false]),
        ("bosun", [true, false, false]),
        ("eto", [true, false, false]),
        ("chief_engineer", [true, true, false]),
        ("chief_officer", [true, true, false]),
        ("chief_steward", [false, false, false]),
        ("purser", [false, false, false]),
        ("captain", [true, true, true]),
        ("manager", [true, true, true]),
    ];
    for (role, [may_photo, may_label, may_delete]) in roles {
        let user = Shelf::of(&daemon, &someone(&daemon, role).await);
        let stores = [
            (PHOTOS, format!("{YACHT}/parts/{role}/a"), "image/png", PNG, may_photo),
            (RECEIVING, format!("{YACHT}/receiving/{role}/a"), "image/jpeg", JPEG, may_photo),
            (LABELS, format!("{YACHT}/labels/{role}"), "application/pdf", PDF, may_label),
        ];
        for (bucket, path, mime, bytes, may) in stores {
            let answer = user.put(bucket, &path, mime, bytes.to_vec()).await;
            if may {
                answer.has(200);
            } else {
                answer.refuses(403, "Unauthorized");
                captain.put(bucket, &path, mime, bytes.to_vec()).await.has(200);
            }
            assert_eq!(user.get(bucket, &path).await.bytes, bytes, "{role}: everybody on board may look");
            let answer = user.delete(bucket, &path).await;
            if may_delete {
                answer.has(200);
            } else {
                answer.refuses(403, "Unauthorized");
                assert_eq!(captain.get(bucket, &path).await.bytes, bytes);
            }
        }
    }
}

#[tokio::test]
async fn the_largest_photo_is_taken_and_a_byte_more_is_a_413_that_leaves_nothing() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let limit = 10 * 1024 * 1024;
    let photo = |bytes: usize| [PNG, &vec![7; bytes - PNG.len()]].concat();
    let path = |name: &str| format!("{YACHT}/parts/p1/{name}");
    captain.put(PHOTOS, &path("most"), "image/png", photo(limit)).await.has(200);
    assert_eq!(captain.get(PHOTOS, &path("most")).await.bytes.len(), limit);
    captain.put(PHOTOS, &path("more"), "image/png", photo(limit + 1)).await.refuses(413, "Payload too large");
    let head = "--edge\r\ncontent-disposition: form-data; name=\"file\"\r\ncontent-type: image/png\r\n\r\n";
    let form = |bytes: usize| [head.as_bytes(), &photo(bytes), b"\r\n--edge--\r\n"].concat();
    let mime = "multipart/form-data; boundary=edge";
    captain.put(PHOTOS, &path("form"), mime, form(limit)).await.has(200);
    captain.put(PHOTOS, &path("more"), mime, form(limit + 1)).await.refuses(413, "Payload too large");
    captain.put(PHOTOS, &path("more"), mime, form(limit + 2 * 1024 * 1024)).await.refuses(413, "Payload too large");
    captain.get(PHOTOS, &path("more")).await.refuses(404, "not_found");
    assert_eq!(files(&daemon), 2);
    // A refusal comes through, however much was still to be sent.
    let crew = Shelf::of(&daemon, CREW);
    crew.put(PHOTOS, &path("crew"), "image/png", photo(limit)).await.refuses(403, "Unauthorized");
}

#[tokio::test]
async fn what_a_file_is_said_to_be_it_must_be_and_its_bucket_must_take_it() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let folders = [(PHOTOS, "parts"), (RECEIVING, "receiving"), (LABELS, "labels")];
    for (bucket, folder) in folders {
        let wrong: [(&str, &[u8]); 7] = [
            ("image/svg+xml", b"<svg onload=\"alert(1)\"/>"),
            ("text/html", b"<script>"),
            ("image/png", JPEG),
            ("application/pdf", b"PK\x03\x04 no pdf at all"),
            ("image/jpeg", b""),
            ("image/jpeg", b"\xff\xd8"),
            ("", PNG),
        ];
        for (mime, bytes) in wrong {
            let answer = captain.put(bucket, &format!("{YACHT}/{folder}/x/a"), mime, bytes.to_vec()).await;
            answer.refuses(415, "invalid_mime_type");
        }
    }
    let photos = format!("{YACHT}/parts/x/a");
    captain.put(PHOTOS, &photos, "application/pdf", PDF.to_vec()).await.refuses(415, "invalid_mime_type");
    let labels = format!("{YACHT}/labels/a");
    captain.put(LABELS, &labels, "image/png", PNG.to_vec()).await.refuses(415, "invalid_mime_type");
    assert_eq!(files(&daemon), 0, "nothing is left of what was refused");
    assert_eq!(number(&database(&daemon).await, "select count(*) from storage.objects").await, 0);
}

#[tokio::test]
async fn a_second_upload_is_a_409_and_the_first_bytes_stay() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/receiving/r1/note");
    captain.put(RECEIVING, &path, "image/png", PNG.to_vec()).await.has(200);
    let upsert = captain.clone().with_header("x-upsert", "true");
    for caller in [&captain, &upsert] {
        caller.put(RECEIVING, &path, "image/jpeg", JPEG.to_vec()).await.refuses(409, "Duplicate");
    }
    let photo = captain.get(RECEIVING, &path).await;
    assert_eq!((photo.bytes.as_slice(), photo.header("content-type")), (PNG, "image/png"));
    assert_eq!(files(&daemon), 1);

    let racing = format!("{YACHT}/receiving/r1/race");
    let uploads = (0..8).map(|_| captain.put(RECEIVING, &racing, "image/png", PNG.to_vec()));
    let answers = futures_util::future::join_all(uploads).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "one of those who race");
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)));
    assert_eq!(files(&daemon), 2);
}

#[tokio::test]
async fn no_path_climbs_out_of_its_yacht() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let long = "x".repeat(1024);
    for path in [
        &format!("{YACHT}/parts/../../{OTHER_YACHT}/parts/a"),
        &format!("{YACHT}/parts/%2e%2e/%2E%2e/{OTHER_YACHT}/parts/a"),
        &format!("{YACHT}%2fparts/p1/a"),
        &format!("{YACHT}/parts%5c..%5ca"),
        &format!("{YACHT}/parts\\a"),
        &format!("{YACHT}/parts//a"),
        &format!("{YACHT}/parts/a%00.png"),
        &format!("{YACHT}/parts/a%0d%0aset-cookie:b"),
        &format!("{YACHT}/parts/%ff"),
        &format!("{YACHT}/parts/%"),
        &format!("{YACHT}/parts/./a"),
        &format!("{YACHT}/parts/{long}"),
    ] {
        // As it stands: other clients would tidy it first.
        for verb in ["GET", "POST", "DELETE"] {
            let status = captain.raw(verb, PHOTOS, path, PNG).await;
            assert_eq!(status, 400, "{verb} {path}");
        }
    }
    // What is no path of the bucket's shape is nobody's place.
    for (bucket, path) in [
        (PHOTOS, format!("{YACHT}/labels/a")),
        (PHOTOS, format!("{YACHT}/parts")),
        (RECEIVING, format!("{YACHT}/parts/a")),
        (PHOTOS, format!("{}/parts/a", YACHT.to_uppercase())),
        (PHOTOS, "parts/a".to_owned()),
    ] {
        captain.put(bucket, &path, "image/png", PNG.to_vec()).await.refuses(403, "Unauthorized");
    }
    captain.put("avatars", &format!("{YACHT}/parts/a"), "image/png", PNG.to_vec()).await.refuses(404, "not_found");
    captain.get(PHOTOS, &format!("{YACHT}/parts/none")).await.refuses(404, "not_found");
    let user = User::of(&daemon, HOD);
    assert_eq!(user.get("/storage/v1/bucket").await.body["statusCode"], json!("404"));
    assert_eq!(files(&daemon), 0);
}

#[tokio::test]
async fn what_a_crash_has_left_is_swept_away_and_nothing_else() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/a");
    captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.has(200);
    let kept = client::home(&daemon);
    let long_ago = std::time::SystemTime::from(rampart::clock::wall()) - Duration::from_secs(4000);
    let leave = |folder: &std::path::Path, old: bool| {
        let path = folder.join(uuid::Uuid::now_v7().to_string());
        let file = std::fs::File::create(&path).expect("a file");
        if old {
            file.set_modified(long_ago).expect("its time");
        }
        path
    };
    let incoming = daemon.folder.join("data/storage/incoming");
    let (orphan, fresh) = (leave(&kept, true), leave(&kept, false));
    let (unfinished, under_way) = (leave(&incoming, true), leave(&incoming, false));
    for entry in std::fs::read_dir(&kept).expect("the folder").flatten() {
        if entry.path() != fresh {
            std::fs::File::options().write(true).open(entry.path()).unwrap().set_modified(long_ago).unwrap();
        }
    }
    let (database, folder) = daemon.kill();
    let daemon = Daemon::on(database, folder).await;
    eventually(|| !orphan.exists() && !unfinished.exists()).await;
    assert!(fresh.exists() && under_way.exists(), "these may belong to somebody");
    assert_eq!(Shelf::of(&daemon, CAPTAIN).get(PHOTOS, &path).await.bytes, PNG);
}

#[tokio::test]
async fn requests_count_in_their_cohort_and_a_slow_link_is_no_latency_of_ours() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/slow");
    let mut upload = captain.begin(PHOTOS, &path, PNG.len()).await;
    upload.write_all(&PNG[..9]).await.expect("sent");
    // The link is slow, so the test must be.
    tokio::time::sleep(Duration::from_secs(2)).await;
    upload.write_all(&PNG[9..]).await.expect("sent");
    assert_eq!(client::status(upload).await, 200);
    let metrics = daemon.get("/metrics").await.text().await.expect("metrics");
    let route = r#"route="/storage/v1/object/{bucket}/{*path}""#;
    let value = |name: &str| {
        let line = metrics.lines().find(|line| line.starts_with(name) && line.contains(route) && !line.ends_with(" 0"));
        let line = line.unwrap_or_else(|| panic!("no {name} in\n{metrics}"));
        assert!(line.contains(r#"cohort="control""#), "{line}");
        line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).expect("a number")
    };
    assert_eq!(value("rampart_http_requests_total{"), 1.0);
    assert!(value("rampart_http_request_duration_seconds_sum{") < 1.5, "waiting for the client counts as its own");
}

#[tokio::test]
async fn who_hangs_up_in_the_middle_leaves_nothing() {
    let daemon = Daemon::start().await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/half");
    let mut upload = captain.begin(PHOTOS, &path, PNG.len()).await;
    upload.write_all(&PNG[..20]).await.expect("sent");
    eventually(|| files(&daemon) == 1).await;
    drop(upload);
    eventually(|| files(&daemon) == 0).await;
    captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.has(200);
}

//! Storage kept at Supabase; another daemon stands in for it, reached over real HTTP.

use super::client::{PNG, Shelf, files};
use super::{LABELS, PHOTOS};
use crate::harness::{Daemon, SERVICE_KEY};
use crate::parts::client::{CAPTAIN, CREW, HOD, OTHER_CAPTAIN, OTHER_YACHT, PLENTY, User, YACHT, database, number};
use serde_json::json;

async fn in_front_of(supabase: &str) -> Daemon {
    let daemon = Daemon::start().await;
    let (database, folder) = daemon.kill();
    let settings = [("TENANT_1_SUPABASE_URL", supabase), ("DEFAULT_YACHT_CODE", "yTEST_YACHT_001")];
    Daemon::on_with(database, folder, &settings).await
}

#[tokio::test]
async fn objects_go_to_supabase_with_the_users_own_token_and_none_stay_here() {
    let supabase = Daemon::start().await;
    let daemon = in_front_of(&supabase.base).await;
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/oil%20filter%C3%A9.png");
    captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.has(200);
    captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.refuses(409, "Duplicate");
    let there = Shelf::of(&supabase, CAPTAIN).get(PHOTOS, &path).await;
    let here = captain.get(PHOTOS, &path).await;
    assert_eq!((there.bytes.as_slice(), here.bytes.as_slice()), (PNG, PNG));
    assert_eq!((here.header("content-type"), here.header("x-content-type-options")), ("image/png", "nosniff"));
    assert_eq!((files(&daemon), files(&supabase)), (0, 1));
    let theirs = database(&supabase).await;
    let own = "select count(*) from storage.objects where owner = '5af9d61d-9b2e-4db4-a54c-a3c95eec70e5'";
    assert_eq!(number(&theirs, own).await, 1, "uploaded as the user, not with the key");
    Shelf::of(&daemon, HOD).delete(PHOTOS, &path).await.refuses(403, "Unauthorized");
    captain.delete(PHOTOS, &path).await.has(200);
    captain.get(PHOTOS, &path).await.refuses(404, "not_found");
    // The key alone stands for a yacht here and for none over there: Supabase's refusal is passed back.
    let service = Shelf::with_token(&daemon, SERVICE_KEY.to_owned());
    service.get(PHOTOS, &path).await.refuses(403, "Unauthorized");
    let theirs = format!("{OTHER_YACHT}/parts/p1/a.png");
    Shelf::of(&supabase, OTHER_CAPTAIN).put(PHOTOS, &theirs, "image/png", PNG.to_vec()).await.has(200);
    for caller in [service, captain, Shelf::of(&daemon, CREW)] {
        caller.get(PHOTOS, &theirs).await.refuses(403, "Unauthorized");
    }
}

#[tokio::test]
async fn labels_are_stored_at_supabase_too() {
    let supabase = Daemon::start().await;
    let daemon = in_front_of(&supabase.base).await;
    let body = User::of(&daemon, HOD).execute("generate_part_labels", json!({ "part_ids": [PLENTY] })).await.is(200);
    let path = body["storage_path"].as_str().expect("a path").to_owned();
    assert!(Shelf::of(&supabase, HOD).get(LABELS, &path).await.bytes.starts_with(b"%PDF-"));
    assert_eq!((files(&daemon), files(&supabase)), (0, 1));
}

#[tokio::test]
async fn a_supabase_that_is_away_is_a_503_and_leaves_nothing_behind() {
    let supabase = Daemon::start().await;
    let daemon = in_front_of(&supabase.base).await;
    drop(supabase);
    let captain = Shelf::of(&daemon, CAPTAIN);
    let path = format!("{YACHT}/parts/p1/a.png");
    captain.put(PHOTOS, &path, "image/png", PNG.to_vec()).await.refuses(503, "STORAGE_UNAVAILABLE");
    captain.get(PHOTOS, &path).await.refuses(503, "STORAGE_UNAVAILABLE");
    let hod = User::of(&daemon, HOD);
    hod.execute("generate_part_labels", json!({ "part_ids": [PLENTY] })).await.fails(503, "STORAGE_UNAVAILABLE");
    assert_eq!(files(&daemon), 0);
    let database = database(&daemon).await;
    assert_eq!(number(&database, "select count(*) from doc_metadata").await, 0);
}

//! The API's description: everything in it is there, nothing in it dangles, and its page needs nobody else.

use crate::harness::Daemon;
use crate::parts::client::{CAPTAIN, PLENTY, User};
use reqwest::Method;
use serde_json::Value;

/// Every `$ref` of a document.
fn references<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|value| references(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn every_route_of_the_contract_is_described_and_every_described_one_is_there() {
    let daemon = Daemon::start().await;
    let api: Value = daemon.get("/openapi.json").await.json().await.unwrap();
    let mut found = Vec::new();
    references(&api, &mut found);
    assert!(found.len() > 20);
    for reference in found {
        assert!(api.pointer(reference.trim_start_matches('#')).is_some(), "{reference} leads nowhere");
    }
    let (captain, stranger) = (User::of(&daemon, CAPTAIN), User::with_token(&daemon, "nobody".to_owned()));
    let mut routes = Vec::new();
    for (path, operations) in api["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let made = path.replace("{part_id}", PLENTY).replace("{bucket}", "none").replace("{path}", "none");
            let with = captain.send(captain.request(method.clone(), &made)).await;
            assert!(operation["responses"][with.status.to_string()].is_object(), "{method} {path}: {}", with.status);
            if operation.get("security").is_some() {
                let without = stranger.send(stranger.request(method.clone(), &made)).await;
                assert_eq!(without.status, 401, "{method} {path}");
            } else {
                assert_eq!(with.status, 200, "{method} {path}");
            }
            routes.push(format!("{method} {path}"));
        }
    }
    let expected = [
        "DELETE /storage/v1/object/{bucket}/{path}",
        "GET /storage/v1/object/{bucket}/{path}",
        "GET /v1/actions/health",
        "GET /v1/actions/list",
        "GET /v1/parts/low-stock",
        "GET /v1/parts/suggestions",
        "GET /v1/parts/{part_id}",
        "GET /v1/parts/{part_id}/transactions",
        "GET /version",
        "POST /storage/v1/object/{bucket}/{path}",
        "POST /v1/actions/execute",
        "POST /v1/actions/suggestions",
        "POST /v1/parts/adjust-stock",
        "POST /v1/parts/adjust-stock/prefill",
        "POST /v1/parts/consume",
        "POST /v1/parts/labels/generate",
        "POST /v1/parts/labels/output",
        "POST /v1/parts/receive",
        "POST /v1/parts/report",
        "POST /v1/parts/reverse",
        "POST /v1/parts/shopping-list",
        "POST /v1/parts/shopping-list/prefill",
        "POST /v1/parts/transfer",
        "POST /v1/parts/write-off",
    ];
    routes.sort();
    assert_eq!(routes, expected);
}

#[tokio::test]
async fn the_page_of_the_description_comes_whole_from_here() {
    let daemon = Daemon::start().await;
    let page = daemon.get("/docs/").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    let files: Vec<&str> =
        page.split(['"', '\'']).filter(|text| [".js", ".css"].iter().any(|ending| text.ends_with(ending))).collect();
    assert!(files.len() >= 3, "{page}");
    for file in files {
        assert!(!file.contains("//"), "{file} is somebody else's");
        let served = daemon.get(&format!("/docs/{}", file.trim_start_matches("./"))).await;
        assert_eq!(served.status(), 200, "{file}");
    }
}

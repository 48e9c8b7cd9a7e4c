//! The ops API describes itself, to those who may use it.

use crate::harness::{Daemon, VIEWER};
use serde_json::Value;

#[tokio::test]
async fn the_description_is_for_those_with_a_token_and_what_it_describes_is_there() {
    let daemon = Daemon::start().await;
    assert_eq!(daemon.get("/api/v1/openapi.json").await.status(), 401);
    let (status, description) = daemon.ops(VIEWER, "GET", "/openapi.json", None).await;
    assert_eq!((status, &description["openapi"]), (200, &Value::from("3.1.0")));
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() > 25, "{paths:?}");
    for (path, operations) in paths {
        // The stream never ends, and a recording is no JSON document.
        if operations["get"].is_null() || ["/events", "/rollouts/{flag}/recording"].contains(&path.as_str()) {
            continue;
        }
        let parameters = operations["get"]["parameters"].as_array().unwrap();
        let filled = parameters.iter().filter(|one| one["in"] == "path").fold(path.clone(), |path, one| {
            path.replace(&format!("{{{}}}", one["name"].as_str().unwrap()), one["example"].as_str().unwrap())
        });
        let (status, answer) = daemon.ops(VIEWER, "GET", &filled, None).await;
        let routed = answer["detail"] != "there is no such route" && answer["title"] != "Another method is expected";
        assert!(status < 500 && status != 405 && routed, "{path}: {status} {answer}");
    }
}

#[tokio::test]
async fn the_description_can_be_read_in_a_browser_without_another_origin() {
    let daemon = Daemon::start().await;
    let page = daemon.get("/api/v1/docs/").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(page.contains("swagger-ui") && !page.contains("https://"), "{page}");
    let set_up = daemon.get("/api/v1/docs/swagger-initializer.js").await.text().await.unwrap();
    assert!(set_up.contains("/api/v1/openapi.json"), "{set_up}");
}

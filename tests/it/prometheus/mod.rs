//! The Prometheus signal: against real servers, and against what only calls itself one.

mod backtest;
mod daemon;
mod fuzz;
mod rude;
pub(crate) mod servers;

use rampart::signals::prometheus::{
    Bins, Buckets, Client, LARGEST_ANSWER, PrometheusSettings, Trouble, Witness, by_label, increase, matrix, one_number,
};
use rampart_core::{Millis, Timestamp};
use rude::{Rude, Rudeness, http};
use servers::{Make, Server, Target, client};
use std::sync::atomic::Ordering;
use std::time::Duration;

const STALE_AFTER: Millis = Millis::seconds(30);

const METRICS: &str = "\
# TYPE answered counter
answered{flag=\"a\",status=\"200\"} 100
answered{flag=\"b\",status=\"200\"} 50
# TYPE level gauge
level 0.25
level_nan NaN
level_inf +Inf
# TYPE took_seconds histogram
took_seconds_bucket{le=\"0.5\"} 10
took_seconds_bucket{le=\"1.0\"} 11
took_seconds_bucket{le=\"+Inf\"} 12
took_seconds_sum 7
took_seconds_count 12
";

fn now() -> Timestamp {
    rampart::clock::wall()
}

async fn real_server_answers(make: Make) {
    let target = Target::with(METRICS).await;
    let server = Server::start(make, target.address).await;
    let found = server.until("level", |answer| one_number(answer, now(), STALE_AFTER).is_ok()).await;
    assert_eq!(one_number(&found, now(), STALE_AFTER), Ok(0.25));

    let one = async |query: &str| one_number(&server.client.instant(query, None).await?, now(), STALE_AFTER);
    assert_eq!(one("no_such_series").await, Err(Trouble::Empty));
    assert_eq!(one("answered").await, Err(Trouble::Several(2)));
    assert_eq!(one("sum(answered)").await, Ok(150.0));
    assert_eq!(one("level[1m]").await, Err(Trouble::Range));
    let refused = server.trouble("sum(").await;
    let status = if make == Make::Prometheus { 400 } else { 422 };
    assert!(matches!(&refused, Trouble::Refused(code, said) if *code == status && said.contains("pars")), "{refused}");

    let flags = server.client.instant("sum by (flag) (answered)", None).await.unwrap();
    let flags = by_label(&flags, "flag", now(), STALE_AFTER).unwrap();
    assert_eq!((&flags["a"], &flags["b"]), (&Ok(100.0), &Ok(50.0)));

    // Counters as they were sampled, not as increase() guesses them.
    let more = METRICS.replace("} 100", "} 103").replace("} 11\n", "} 31\n").replace("} 12\n", "} 32\n");
    target.tell(&format!("{more}answered{{flag=\"a\",status=\"500\"}} 2\n"));
    server.until(r#"answered{status="500"}"#, |answer| one_number(answer, now(), STALE_AFTER).is_ok()).await;
    let all = server.client.instant("answered[1m]", None).await.unwrap();
    let all = matrix(&all).unwrap();
    assert_eq!(increase(all, &Witness::of(all)), 5.0, "3 good ones and 2 failures");
    let failures = server.client.instant(r#"answered{status="500"}[1m]"#, None).await.unwrap();
    assert_eq!(increase(matrix(&failures).unwrap(), &Witness::of(all)), 2.0);
    let bins = Bins { start: now() - chrono::Duration::minutes(4), width: Millis::minutes(5), count: 1 };
    assert_eq!(bins.increases(all, &Witness::of(all), Millis::hours(1)), [Some(5.0)]);

    let buckets = server.client.instant("took_seconds_bucket[1m]", None).await.unwrap();
    let buckets = matrix(&buckets).unwrap();
    let buckets = Buckets::of(buckets, &Witness::of(buckets)).unwrap();
    assert_eq!(
        (buckets.total(), buckets.over(0.5), buckets.over(1.0), buckets.over(0.7)),
        (20.0, Some(20.0), Some(0.0), None)
    );

    assert_eq!(one("vector(1)").await, Ok(1.0));
    if make == Make::VictoriaMetrics {
        // Its ranges end half a minute ago, and this test is younger.
        return;
    }
    let range = server.client.range("level", now() - chrono::Duration::seconds(1), now(), Millis(200)).await.unwrap();
    assert_eq!(matrix(&range).unwrap().len(), 1);
}

#[tokio::test]
async fn a_prometheus_answers_numbers_and_every_other_thing_has_its_name() {
    real_server_answers(Make::Prometheus).await;
}

#[tokio::test]
async fn a_victoria_metrics_answers_numbers_and_every_other_thing_has_its_name() {
    real_server_answers(Make::VictoriaMetrics).await;
}

#[tokio::test]
async fn what_only_a_prometheus_says_is_told_apart_too() {
    let server = Server::start(Make::Prometheus, Target::with(METRICS).await.address).await;
    server.until("level_nan", |answer| one_number(answer, now(), STALE_AFTER) == Err(Trouble::NotANumber)).await;
    let one = async |query: &str| one_number(&server.client.instant(query, None).await?, now(), STALE_AFTER);
    assert_eq!(one("level_inf").await, Err(Trouble::Infinite(true)));
    assert_eq!(one("-level_inf").await, Err(Trouble::Infinite(false)));
    assert_eq!(one("0 * level / 0").await, Err(Trouble::NotANumber));
    assert_eq!(one("scalar(level)").await, Err(Trouble::Scalar));
    assert_eq!(one("\"hello\"").await, Err(Trouble::Text));
    let long_ago = now() - chrono::Duration::minutes(1);
    let found = server.client.instant("vector(1)", Some(long_ago)).await.unwrap();
    assert!(matches!(one_number(&found, now(), STALE_AFTER), Err(Trouble::Stale(_))));
    // A server that is gone says nothing.
    let client = client(&server.url);
    drop(server);
    assert!(matches!(client.instant("level", None).await, Err(Trouble::Unreachable(_))));
}

/// What a rude server leads to, where a patient client waits half a second.
async fn rude(rudeness: Rudeness) -> Trouble {
    let server = Rude::start(rudeness).await;
    client(&server.url()).with_deadline(Millis(500)).instant("up", None).await.unwrap_err()
}

#[tokio::test]
async fn a_server_that_hangs_drips_or_breaks_off_is_late_or_broken_and_is_waited_for_no_longer_than_the_deadline() {
    let late = Trouble::Late(Millis(500));
    let both = async { tokio::join!(rude(Rudeness::Hangs), rude(Rudeness::Drips)) };
    let found = tokio::time::timeout(Duration::from_secs(5), both).await.unwrap();
    assert_eq!(found, (late.clone(), late));
    assert!(matches!(rude(Rudeness::BreaksOff).await, Trouble::CutOff(_)));
}

#[tokio::test]
async fn of_a_hundred_megabytes_only_the_first_eight_are_read() {
    let server = Rude::start(Rudeness::Pours(100)).await;
    let found = client(&server.url()).instant("up", None).await;
    assert_eq!(found, Err(Trouble::TooLarge(LARGEST_ANSWER)));
    // What was taken beyond the limit lies in the buffers of the two sockets.
    assert!(server.poured.load(Ordering::Relaxed) < 50 << 20, "{:?}", server.poured);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Rude::start(Rudeness::Says(http("200 OK", "", "{}"))).await;
    let to = format!("location: {}/secret\r\n", elsewhere.url());
    let found = rude(Rudeness::Says(http("307 Temporary Redirect", &to, ""))).await;
    assert_eq!(found, Trouble::Redirect(307));
    assert!(!found.to_string().contains("secret"));
}

#[tokio::test]
async fn refusals_and_broken_answers_are_faults() {
    let json = "content-type: application/json\r\n";
    let failed = r#"{"status":"error","errorType":"execution","error":"too many samples"}"#;
    let said = async |status: &str, body: &str| rude(Rudeness::Says(http(status, json, body))).await;
    assert_eq!(said("503 Service Unavailable", failed).await, Trouble::Refused(503, "too many samples".to_owned()));
    assert_eq!(said("401 Unauthorized", "").await, Trouble::Refused(401, String::new()));
    assert_eq!(said("200 OK", failed).await, Trouble::Failed("execution: too many samples".to_owned()));
    assert!(matches!(said("200 OK", r#"{"status":"succ"#).await, Trouble::Broken(_)));
    assert!(matches!(rude(Rudeness::Says("what is HTTP?\r\n\r\n".to_owned())).await, Trouble::CutOff(_)));
}

#[tokio::test]
async fn credentials_come_from_files_are_read_again_and_are_never_shown() {
    let folder = std::env::temp_dir().join(format!("rampart-it-{}", uuid::Uuid::now_v7()));
    std::fs::create_dir_all(&folder).unwrap();
    let (token, headers) = (folder.join("token"), folder.join("headers"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/select/0/prometheus", listener.local_addr().unwrap());
    let echo = |headers: axum::http::HeaderMap, uri: axum::http::Uri| async move {
        let said = |name: &str| headers.get(name).map_or("none", |value| value.to_str().unwrap()).to_owned();
        let words = format!("{} {} {}", uri.path(), said("authorization"), said("x-scope-orgid"));
        axum::Json(serde_json::json!({ "status": "error", "error": words }))
    };
    let app = axum::Router::new().fallback(echo);
    tokio::spawn(async move { axum::serve(listener, app).await });
    let asked = async |settings: &PrometheusSettings| {
        let client = Client::new(settings).unwrap().unwrap();
        let said = client.instant("up", None).await.unwrap_err();
        assert!(!format!("{client:?}").contains("s3cret"), "{client:?}");
        said.to_string()
    };
    let path = "the server cannot answer: /select/0/prometheus/api/v1/query";

    let bearer = PrometheusSettings {
        url: Some(url.clone()),
        bearer_file: Some(token.clone()),
        headers_file: Some(headers.clone()),
        ..PrometheusSettings::default()
    };
    std::fs::write(&headers, "X-Scope-OrgID: fleet\n\n").unwrap();
    std::fs::write(&token, "s3cret\n").unwrap();
    assert_eq!(asked(&bearer).await, format!("{path} Bearer s3cret fleet"));
    std::fs::write(&token, "s3cret-2").unwrap();
    assert_eq!(asked(&bearer).await, format!("{path} Bearer s3cret-2 fleet"));
    let basic = PrometheusSettings { bearer_file: None, basic_file: Some(token.clone()), ..bearer.clone() };
    std::fs::write(&token, "user:pass:word\n").unwrap();
    assert_eq!(asked(&basic).await, format!("{path} Basic dXNlcjpwYXNzOndvcmQ= fleet"));

    for (text, wrong) in [("s3cret", "expected user:password"), ("s3c:ret\nmore", "expected one line")] {
        std::fs::write(&token, text).unwrap();
        let told = asked(&basic).await;
        assert!(told.contains(wrong) && !told.contains("s3c"), "{told}");
    }
    std::fs::write(&headers, "s3cret without a colon").unwrap();
    let told = asked(&basic).await;
    assert!(told.contains("name: value") && !told.contains("s3cret"), "{told}");
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(asked(&bearer).await.starts_with("no credentials: "));
    assert!(Client::new(&PrometheusSettings { basic_file: Some(token), ..bearer }).is_err());
}

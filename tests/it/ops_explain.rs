//! Why one person gets what they get.

use crate::harness::{Daemon, FLAG, VIEWER, slow};
use serde_json::{Value, json};

async fn explained(daemon: &Daemon, subject: &str) -> Value {
    let (status, body) = daemon.ops(VIEWER, "GET", &format!("/flags/{FLAG}/explain?subject={subject}"), None).await;
    assert_eq!(status, 200, "{body}");
    body
}

#[tokio::test]
async fn a_subject_learns_its_bucket_the_stage_that_turns_it_on_and_what_it_has_now() {
    let daemon = Daemon::with(&format!("{}targets: {{ on: [ann], off: [bob] }}\n", slow())).await;
    let (stage, subject) = (0..)
        .map(|n| format!("subject-{n}"))
        .find_map(|subject| {
            let number = rampart_core::flag::bucket(FLAG, &subject).number();
            (6..=20).contains(&number).then_some((json!({ "index": 1, "percent": 20.0 }), subject))
        })
        .unwrap();
    let before = explained(&daemon, &subject).await;
    assert_eq!((&before["value"], &before["reason"]), (&json!(false), &json!("disabled")), "{before}");
    assert_eq!((&before["stage"], &before["targeted"], &before["buckets"]), (&stage, &Value::Null, &json!(100)));

    daemon.start_rollout().await;
    let outside = explained(&daemon, &subject).await;
    assert_eq!(
        (&outside["value"], &outside["reason"], &outside["percent"]),
        (&json!(false), &json!("split"), &json!(5.0))
    );
    assert_eq!(daemon.order("advance", json!({ "reason": "now" })).await.0, 200);
    let inside = explained(&daemon, &subject).await;
    let bucket = rampart_core::flag::bucket(FLAG, &subject).number();
    assert_eq!((&inside["value"], &inside["bucket"]), (&json!(true), &json!(bucket)));
    let sentence =
        format!("On: bucket {bucket} of 100 is within 20 %; the stage of 20 % turns bucket {bucket} of 100 on");
    assert_eq!(inside["sentence"], json!(sentence));

    let (ann, bob) = (explained(&daemon, "ann").await, explained(&daemon, "bob").await);
    assert_eq!((&ann["value"], &ann["targeted"]), (&json!(true), &json!(true)), "{ann}");
    assert_eq!((&bob["value"], &bob["targeted"]), (&json!(false), &json!(false)), "{bob}");
}

#[tokio::test]
async fn a_question_without_a_subject_or_of_no_flag_is_refused() {
    let daemon = Daemon::start().await;
    for (path, status) in [
        (format!("/flags/{FLAG}/explain"), 400),
        (format!("/flags/{FLAG}/explain?subject="), 400),
        (format!("/flags/{FLAG}/explain?subject={}", "x".repeat(201)), 400),
        ("/flags/nothing/explain?subject=x".to_owned(), 404),
    ] {
        assert_eq!(daemon.ops(VIEWER, "GET", &path, None).await.0, status, "{path}");
    }
}

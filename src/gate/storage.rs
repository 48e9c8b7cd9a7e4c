//! Files of one yacht stay with it: another yacht's captain gets 403, and so does the service key.

use super::Target;
use super::acceptance::movable_part;
use super::book::{Evidence, Verdict, ensure};
use super::people::of;
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use uuid::Uuid;

const BUCKET: &str = "pms-part-photos";
/// The smallest PNG: one transparent pixel.
const PIXEL: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1,
    0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];

/// First that the way is open to those who may use it (a door that is shut for all proves nothing), then that it
/// is shut for everybody else; at last the file is taken away again.
pub(super) async fn cross_yacht(target: &Target, evidence: &mut Evidence) -> Verdict {
    target.writable.clone()?;
    let (captain, stranger) = (of(&target.people.captain)?, of(&target.people.stranger)?);
    let key = target.api.service_key().ok_or("no service key to try (TENANT_1_SUPABASE_SERVICE_KEY)")?;
    let part = movable_part(target).await?;
    let own = path(target.yacht, part);
    let bare = |method, path: &str| {
        let request = target.api.request(method, path).bearer_auth(key.expose_secret());
        request.header("apikey", key.expose_secret())
    };
    let file = |request: RequestBuilder| request.header("content-type", "image/png").body(PIXEL);
    // Without the service key, unless that is what is tried: it may be heard before the user's token.
    let by =
        |method, path: &str, token: &SecretString| target.api.request(method, path).bearer_auth(token.expose_secret());
    let nobodys = path(Uuid::new_v4(), part);

    let mut seen = Vec::new();
    let mut wrong = Vec::new();
    let mut ask = async |what: &str, expected: &[u16], request: RequestBuilder| {
        let told = target.api.send(request).await;
        seen.push(json!({ "what": what, "expected": expected, "got": told.as_ref().ok().map(|told| told.status) }));
        match told {
            Ok(answer) if expected.contains(&answer.status) => {}
            Ok(answer) => wrong.push(format!("{what}: got {}", answer.told())),
            Err(why) => wrong.push(format!("{what}: {why}")),
        }
    };
    ask("own captain uploads", &[200, 201], file(by(Method::POST, &own, captain))).await;
    ask("own captain reads", &[200], by(Method::GET, &own, captain)).await;
    ask("another yacht's captain reads", &[403], by(Method::GET, &own, stranger)).await;
    ask("another yacht's captain uploads", &[403], file(by(Method::POST, &path(target.yacht, part), stranger))).await;
    ask("another yacht's captain deletes", &[403], by(Method::DELETE, &own, stranger)).await;
    let with_key = by(Method::GET, &own, stranger).header("apikey", key.expose_secret());
    ask("another yacht's captain reads, with the service key", &[403], with_key).await;
    // The key stands for the one yacht of a deployment, which may be this one; never for any other.
    ask("the service key reads the deployment's own yacht, or nothing", &[200, 403], bare(Method::GET, &own)).await;
    ask("the service key reads another yacht's", &[403], bare(Method::GET, &nobodys)).await;
    ask("the service key uploads to another yacht's", &[403], file(bare(Method::POST, &nobodys))).await;
    ask("the service key deletes another yacht's", &[403], bare(Method::DELETE, &nobodys)).await;
    ask("own captain deletes", &[200, 204], by(Method::DELETE, &own, captain)).await;
    let asked = seen.len();
    evidence.insert("asked".to_owned(), json!(seen));
    ensure(wrong.is_empty(), || wrong.join("; "))?;
    Ok(format!("{asked} requests: the own captain may, nobody else"))
}

fn path(yacht: Uuid, part: Uuid) -> String {
    format!("/storage/v1/object/{BUCKET}/{yacht}/parts/{part}/acceptance-{}.png", Uuid::now_v7())
}

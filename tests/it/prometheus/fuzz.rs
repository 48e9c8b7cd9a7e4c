//! Whatever bytes come, the decoder and everything behind it answers and never panics.

use super::{STALE_AFTER, now};
use proptest::prelude::*;
use rampart::signals::prometheus::{Bins, Buckets, Witness, by_label, decode, gap_limit, increase, matrix, one_number};
use rampart_core::Millis;

const SEEDS: [&str; 6] = [
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"flag":"a"},"value":[1700000000.123,"0.5"]}]},"warnings":["w"]}"#,
    r#"{"status":"success","isPartial":false,"data":{"resultType":"matrix","result":[{"metric":{"le":"0.5","job":"j"},"values":[[1700000000,"1"],[1700000010,"NaN"],[1700000020,"3"]]},{"metric":{"le":"+Inf","job":"j"},"values":[[1700000000,"1"],[1700000020,"9"]]}]}}"#,
    r#"{"status":"success","data":{"resultType":"scalar","result":[1700000000,"+Inf"]}}"#,
    r#"{"status":"success","data":{"resultType":"string","result":[1700000000,"text"]}}"#,
    r#"{"status":"error","errorType":"bad_data","error":"parse error"}"#,
    r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{"count":"1"}]}]}}"#,
];

/// Pieces that mean something to the format.
const WORDS: [&str; 16] = [
    "1e308",
    "-1e308",
    "\"NaN\"",
    "\"-Inf\"",
    "\"1e999\"",
    "null",
    "[",
    "]",
    "{",
    "}",
    "\"le\":\"x\"",
    "\"\\ud800\"",
    "99999999999999999999",
    "\"vector\"",
    "\"matrix\"",
    ",",
];

/// A seed with some bytes changed, left out or put in.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..4, any::<u8>());
    (prop::sample::select(&SEEDS), prop::collection::vec(change, 0..6)).prop_map(|(seed, changes)| {
        let mut bytes = seed.as_bytes().to_vec();
        for (here, word, kind, byte) in changes {
            let here = here.index(bytes.len().max(1));
            match kind {
                0 if here < bytes.len() => bytes[here] = byte,
                1 => bytes.truncate(here),
                2 if here < bytes.len() => drop(bytes.drain(here..(here + 9).min(bytes.len()))),
                _ => drop(
                    bytes.splice(here.min(bytes.len())..here.min(bytes.len()), WORDS[word.index(WORDS.len())].bytes()),
                ),
            }
        }
        bytes
    })
}

fn digest(status: u16, bytes: &[u8]) {
    let answer = match decode(status, Some("application/json"), bytes) {
        Ok(answer) => answer,
        Err(trouble) => {
            assert!(trouble.to_string().chars().count() < 400, "{trouble}");
            return;
        }
    };
    if let Ok(number) = one_number(&answer, now(), STALE_AFTER) {
        assert!(number.is_finite());
    }
    let _ = by_label(&answer, "flag", now(), STALE_AFTER);
    if let Ok(series) = matrix(&answer) {
        let witness = Witness::of(series);
        assert!(increase(series, &witness) >= 0.0);
        let bins = Bins { start: now(), width: Millis::seconds(60), count: 3 };
        bins.increases(series, &witness, gap_limit(series).unwrap_or_default());
        if let Some(buckets) = Buckets::of(series, &witness) {
            let _ = (buckets.p95(), buckets.against_harm(Some(0.5)), buckets.against_health(None));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_however_mutilated_makes_it_panic(bytes in mutated(), status in prop::sample::select(&[200_u16, 200, 302, 500])) {
        digest(status, &bytes);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        digest(200, &bytes);
    }
}

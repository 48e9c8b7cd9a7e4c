//! From the bytes of an answer to what they say. Pure, and deaf to nothing: whatever comes has an outcome.
//!
//! The format is that of <https://prometheus.io/docs/prometheus/latest/querying/api/>; `isPartial` is VictoriaMetrics'.

use super::answer::{Answer, Data, Labels, Point, Sample, Series};
use super::trouble::Trouble;
use rampart_core::Timestamp;
use serde::de::{self, IgnoredAny, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

/// Letters of somebody else's text that are shown.
const SHOWN: usize = 200;

/// Understands an answer with this status and this content type.
pub fn decode(status: u16, content: Option<&str>, body: &[u8]) -> Result<Answer, Trouble> {
    match status {
        200..=299 => understand(content, body),
        300..=399 => Err(Trouble::Redirect(status)),
        _ => Err(Trouble::Refused(status, complaint(body))),
    }
}

#[derive(Deserialize)]
struct Envelope {
    status: String,
    data: Option<Found>,
    #[serde(default, rename = "errorType")]
    error_type: Option<String>,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    infos: Option<Vec<String>>,
    #[serde(default, rename = "isPartial")]
    partial: Option<bool>,
}

#[derive(Deserialize)]
#[serde(tag = "resultType", content = "result", rename_all = "lowercase")]
enum Found {
    Vector(Vec<RawPoint>),
    Matrix(Vec<RawSeries>),
    Scalar(Pair),
    String((f64, String)),
}

/// A time in seconds, and a value that is written as text.
type Pair = (f64, Written);

/// A number in quotes, `NaN`, `+Inf` and `-Inf` among them. Answers have many, so none is kept as text.
struct Written(f64);

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reader)
    }
}

struct Reader;

impl Visitor<'_> for Reader {
    type Value = Written;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Written, E> {
        text.parse().map(Written).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[derive(Deserialize)]
struct RawPoint {
    metric: Labels,
    value: Option<Pair>,
    histogram: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct RawSeries {
    metric: Labels,
    #[serde(default)]
    values: Vec<Pair>,
    histograms: Option<IgnoredAny>,
}

fn understand(content: Option<&str>, body: &[u8]) -> Result<Answer, Trouble> {
    let envelope: Envelope = serde_json::from_slice(body).map_err(|error| not_json(content, &error))?;
    if envelope.status != "success" {
        let said = [envelope.error_type, envelope.error].into_iter().flatten().collect::<Vec<_>>().join(": ");
        return Err(Trouble::Failed(shown(if said.is_empty() { &envelope.status } else { &said })));
    }
    let found = envelope.data.ok_or_else(|| broken("success without data"))?;
    let words = |said: Option<Vec<String>>| said.unwrap_or_default().iter().map(|text| shown(text)).collect();
    Ok(Answer {
        data: data(found)?,
        warnings: words(envelope.warnings),
        infos: words(envelope.infos),
        partial: envelope.partial.unwrap_or(false),
    })
}

fn data(found: Found) -> Result<Data, Trouble> {
    match found {
        Found::Vector(points) => vector(points),
        Found::Matrix(all) => series(all),
        Found::Scalar(pair) => sample(&pair).map(Data::Scalar),
        Found::String((_, text)) => Ok(Data::Text(shown(&text))),
    }
}

fn vector(raw: Vec<RawPoint>) -> Result<Data, Trouble> {
    if raw.iter().any(|point| point.histogram.is_some()) {
        return Ok(Data::Histograms);
    }
    let point = |raw: RawPoint| {
        let value = raw.value.ok_or_else(|| broken("a series without a value"))?;
        Ok(Point { labels: raw.metric, sample: sample(&value)? })
    };
    raw.into_iter().map(point).collect::<Result<_, Trouble>>().map(Data::Vector)
}

fn series(raw: Vec<RawSeries>) -> Result<Data, Trouble> {
    if raw.iter().any(|series| series.histograms.is_some()) {
        return Ok(Data::Histograms);
    }
    let series = |raw: RawSeries| {
        let samples = raw.values.iter().map(sample).collect::<Result<_, Trouble>>()?;
        Ok(Series { labels: raw.metric, samples })
    };
    raw.into_iter().map(series).collect::<Result<_, Trouble>>().map(Data::Matrix)
}

fn sample((at, Written(value)): &Pair) -> Result<Sample, Trouble> {
    // `as` saturates, and what is beyond the calendar is refused in the next line.
    let at = Timestamp::from_timestamp_micros((at * 1e6).round() as i64);
    Ok(Sample { at: at.ok_or_else(|| broken("a time beyond the calendar"))?, value: *value })
}

/// What the body of a refusal says: its error, or else its first words.
fn complaint(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Complaint {
        error: String,
    }
    match serde_json::from_slice::<Complaint>(body) {
        Ok(said) => shown(&said.error),
        Err(_) => shown(&String::from_utf8_lossy(body.get(..SHOWN * 4).unwrap_or(body))),
    }
}

fn not_json(content: Option<&str>, error: &serde_json::Error) -> Trouble {
    match content.filter(|content| !content.contains("json")) {
        // A page to sign in at, mostly.
        Some(content) => broken(&format!("it is {content}, not JSON")),
        None => broken(&error.to_string()),
    }
}

fn broken(what: &str) -> Trouble {
    Trouble::Broken(shown(what))
}

/// The beginning of somebody else's text, on one line.
fn shown(text: &str) -> String {
    let plain: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let plain = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match plain.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", plain.get(..end).unwrap_or_default()),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Result<Answer, Trouble> {
        decode(200, Some("application/json"), body.as_bytes())
    }

    fn words(status: u16, content: Option<&str>, body: &str) -> String {
        decode(status, content, body.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn every_kind_of_result_is_told_apart() {
        let of = |kind: &str, result: &str| {
            answer(&format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#))
                .unwrap()
                .data
        };
        let at = Timestamp::from_timestamp_millis(1_500).unwrap();
        let labels = Labels::from([("flag".to_owned(), "a".to_owned())]);
        let sample = Sample { at, value: 0.25 };
        assert_eq!(
            of("vector", r#"[{"metric":{"flag":"a"},"value":[1.5,"0.25"]}]"#),
            Data::Vector(vec![Point { labels: labels.clone(), sample }])
        );
        assert_eq!(
            of("matrix", r#"[{"metric":{"flag":"a"},"values":[[1.5,"0.25"]]}]"#),
            Data::Matrix(vec![Series { labels, samples: vec![sample] }])
        );
        assert_eq!(of("scalar", r#"[1.5,"0.25"]"#), Data::Scalar(sample));
        assert_eq!(of("string", r#"[1.5,"hello"]"#), Data::Text("hello".to_owned()));
        let native = r#"[{"metric":{},"histogram":[1.5,{"count":"1","sum":"2","buckets":[[0,"1","2","1"]]}]}]"#;
        assert_eq!(of("vector", native), Data::Histograms);
        assert_eq!(of("matrix", &native.replace("histogram\"", "histograms\"")), Data::Histograms);
    }

    #[test]
    fn what_the_server_says_beside_its_answer_is_kept() {
        let found = answer(
            r#"{"status":"success","isPartial":true,"data":{"result":[],"resultType":"vector"},
               "warnings":["store a is down"],"infos":["not a counter"]}"#,
        )
        .unwrap();
        assert_eq!((found.warnings, found.partial), (vec!["store a is down".to_owned()], true));
        assert_eq!((found.infos, found.data), (vec!["not a counter".to_owned()], Data::Vector(vec![])));
    }

    #[test]
    fn a_refusal_says_why_in_few_words() {
        let said = r#"{"status":"error","errorType":"bad_data","error":"parse error: unexpected <EOF>"}"#;
        assert_eq!(words(400, None, said), "the server answers 400: parse error: unexpected <EOF>");
        assert_eq!(words(200, None, said), "the server cannot answer: bad_data: parse error: unexpected <EOF>");
        assert_eq!(words(502, None, "<h1>Bad\r\n\tGateway</h1>"), "the server answers 502: <h1>Bad Gateway</h1>");
        assert_eq!(words(503, None, ""), "the server answers 503");
        let long = words(500, None, &"ü".repeat(100_000));
        assert!(long.chars().count() < SHOWN + 40 && long.ends_with('…'), "{long}");
        assert!(words(302, None, "").contains("redirects (302)"));
    }

    #[test]
    fn what_is_not_the_format_is_a_fault() {
        assert_eq!(
            words(200, Some("text/html"), "<html>please sign in</html>"),
            "the answer cannot be read: it is text/html, not JSON"
        );
        for broken in [
            "",
            "null",
            "[]",
            r#"{"status":"success""#,
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"resultType":"tensor","result":[]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{}}]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"one"]}]}}"#,
            r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,2]}]}}"#,
            r#"{"status":"success","data":{"resultType":"scalar","result":[1e300,"1"]}}"#,
        ] {
            assert!(matches!(answer(broken), Err(Trouble::Broken(_))), "{broken}: {:?}", answer(broken));
        }
        let deep = format!(r#"{{"status":"success","data":{}"#, "[".repeat(100_000));
        assert!(matches!(answer(&deep), Err(Trouble::Broken(_))));
    }
}

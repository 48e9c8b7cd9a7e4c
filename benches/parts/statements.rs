//! The statements the API sends, as scripts of pgbench: the text is taken from the cache that the compiler checked
//! them against, so the two cannot drift apart.

use serde_json::Value;
use uuid::Uuid;

const CACHE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
/// A chief engineer of the test yacht.
pub(crate) const USER: Uuid = Uuid::from_u128(0x89b1262c_ff59_4591_b954_757cdf3d609d);
const YACHT: &str = "85fe1119-b04c-41ac-80f1-829d23322598";

/// One low-stock report of fifty parts.
pub(crate) fn low_stock(v2: bool) -> String {
    let own = if v2 { "from public.v_low_stock_report r" } else { "cross join lateral" };
    let filled = fill(&cached(&["with low as", own]), &["':yacht'::uuid", "null", "null", "50", "0"]);
    transaction(&[], &filled)
}

/// One part, another one each time.
pub(crate) fn details(v2: bool, parts: &[Uuid]) -> String {
    let own = if v2 { "join public.pms_part_stock s on" } else { "left join lateral" };
    let filled = fill(&cached(&["p.description, p.category, p.manufacturer", own]), &["':yacht'::uuid", ":part"]);
    transaction(parts, &filled)
}

/// One piece taken.
pub(crate) fn consume(parts: &[Uuid]) -> String {
    let given = [":part", "1", "null", "null", "null", "'v1'", "'benchmark'"];
    transaction(parts, &fill(&cached(&["select public.parts_consume("]), &given))
}

/// One piece received, under a key of its own.
pub(crate) fn receive(parts: &[Uuid]) -> String {
    let given = [":part", "1", "gen_random_uuid()::text", "null", "null", "null", "null", "'v1'", "'benchmark'"];
    transaction(parts, &fill(&cached(&["select public.parts_receive("]), &given))
}

/// The text of the one statement that holds all of `marks`.
fn cached(marks: &[&str]) -> String {
    let texts = std::fs::read_dir(CACHE).unwrap().map(|entry| {
        let entry: Value = serde_json::from_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap()).unwrap();
        entry["query"].as_str().unwrap().to_owned()
    });
    let found: Vec<String> = texts.filter(|text| marks.iter().all(|mark| text.contains(mark))).collect();
    assert_eq!(found.len(), 1, "statements with {marks:?}");
    found.into_iter().next().unwrap()
}

/// Its parameters replaced, its comments gone, on one line as pgbench wants it.
fn fill(text: &str, given: &[&str]) -> String {
    let lines = text.lines().map(|line| line.split("--").next().unwrap().trim());
    let mut text = lines.collect::<Vec<_>>().join(" ");
    for (index, value) in given.iter().enumerate().rev() {
        text = text.replace(&format!("${}", index + 1), value);
    }
    text.replace("':yacht'", &format!("'{YACHT}'"))
}

/// One of `parts` by chance: chosen in the statement, for pgbench has no variables of text.
fn any_of(parts: &[Uuid]) -> String {
    let list: Vec<String> = parts.iter().map(|part| format!("'{part}'")).collect();
    format!("(array[{}]::uuid[])[:n]", list.join(","))
}

/// `statement` as the API runs it: begun, as the user, committed.
fn transaction(parts: &[Uuid], statement: &str) -> String {
    let chance = format!("\\set n random(1, {})\n", parts.len().max(1));
    let statement = statement.replace(":part", &any_of(parts));
    format!(
        "{chance}begin;\n\
         select set_config('role', 'authenticated', true), \
         set_config('request.jwt.claims', '{{\"role\":\"authenticated\",\"sub\":\"{USER}\"}}', true);\n\
         {statement};\n\
         commit;\n"
    )
}

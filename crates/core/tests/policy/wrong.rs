//! Wrong policies, each a file beside what is said about it: would a release owner know what to change?

use rampart_core::policy::parse;
use std::path::PathBuf;

fn files() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/policy/wrong");
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    files.sort();
    files
}

#[test]
fn every_wrong_policy_is_answered_with_the_place_and_the_way_out() {
    let files = files();
    assert!(files.len() >= 30, "{}", files.len());
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let Err(mistakes) = parse(&format!("wrong/{name}.yaml"), &std::fs::read_to_string(&file).unwrap()) else {
            panic!("{name} is sound")
        };
        for mistake in mistakes.iter() {
            assert!(mistake.line > 1 && mistake.column > 0, "{name}: {mistake}");
            assert!(mistake.expected.is_some() || mistake.hint.is_some(), "{name}: no way out of: {mistake}");
        }
        insta::with_settings!({ snapshot_path => "wrong", prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(name, mistakes.to_string());
        });
    }
}

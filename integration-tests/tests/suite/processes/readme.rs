//! Every console block of the README is typed, in order, in a directory with the repository's `envs/`; what comes out is what stands there.
//! `TRYCMD=dump` writes down what came out instead. <https://docs.rs/trycmd>

use integration_tests::process::{ROOT, judged};
use std::path::Path;
use std::process::Command;

#[test]
fn every_console_block_is_true() {
    let dir = tempfile::tempdir().unwrap();
    // A document's commands run in the folder beside it that has its name.
    let (document, place) = (dir.path().join("README.md"), dir.path().join("README.in"));
    std::fs::create_dir(&place).unwrap();
    let copied = Command::new("cp").arg("-r").arg(Path::new(ROOT).join("envs")).arg(&place).status().unwrap();
    assert!(copied.success());
    let text = std::fs::read_to_string(Path::new(ROOT).join("README.md")).unwrap();
    assert!(text.contains("```console\n$ orchestrator ") && text.matches("\n$ ").count() >= 5, "the README shows nothing");
    std::fs::write(&document, &text).unwrap();
    let cases = trycmd::TestCases::new();
    cases.register_bin("orchestrator", judged()).env("ORCHESTRATOR_SPEED", "6000");
    if let Some((name, value)) = integration_tests::models::environment() {
        cases.env(name, value.to_str().unwrap());
    }
    cases.case(&document);
    cases.run();
    assert!(place.join(".orchestrator/local").is_dir(), "nothing was typed");
}

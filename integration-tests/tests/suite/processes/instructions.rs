//! What pieces of the engine's work cost, in instructions: time on a shared machine is noise, these are not. valgrind's callgrind counts
//! them; `UPDATE_INSTRUCTIONS=1` writes `benches/instructions.json` anew. <https://valgrind.org/docs/manual/cl-manual.html>
#![allow(clippy::disallowed_methods)]

use integration_tests::bench::work::{MOST, PIECES};
use integration_tests::process::{ROOT, binaries, skipped};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;

/// A piece may cost so much more than the file says.
const MORE: f64 = 1.05;

/// The instructions of one time: the start of the process and what is prepared stands in both counts.
fn count(piece: &str) -> u64 {
    let all = |times: usize| {
        let mut callgrind = Command::new("valgrind");
        callgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]).arg(binaries().join("bench"));
        let output = callgrind.args(["--work", piece, &times.to_string()]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let collected = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse::<u64>().ok());
        collected.unwrap_or_else(|| panic!("{piece}: {said}"))
    };
    (all(MOST) - all(1)) / (MOST as u64 - 1)
}

fn toolchain() -> String {
    let output = Command::new("rustc").arg("-Vv").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let line = |name: &str| said.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    format!("{}, {}, {}", line("rustc "), line("host: "), if cfg!(debug_assertions) { "dev" } else { "release" })
}

#[test]
fn no_piece_costs_more_than_it_did() {
    if !Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skipped("there is no valgrind to count instructions with");
    }
    let path = Path::new(ROOT).join("benches/instructions.json");
    let counts: Map<String, Value> = PIECES.into_iter().map(|piece| (piece.to_owned(), json!(count(piece)))).collect();
    let now = json!({"toolchain": toolchain(), "instructions": counts});
    integration_tests::told!("{now}");
    if std::env::var_os("UPDATE_INSTRUCTIONS").is_some() {
        return std::fs::write(path, format!("{now:#}\n")).unwrap();
    }
    let before: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    if before["toolchain"] != now["toolchain"] {
        return skipped(&format!("benches/instructions.json was counted by {}", before["toolchain"]));
    }
    for piece in PIECES {
        let cost = |of: &Value| of["instructions"][piece].as_f64().unwrap();
        let more = cost(&now) / cost(&before);
        assert!(more <= MORE, "{piece} costs {more:.3} times as many instructions (UPDATE_INSTRUCTIONS=1 if that is meant)");
    }
}

//! Env files as nobody should write them: no panic, a named file and key, nothing called; or a plan.
//! `PROPTEST_CASES=20000 cargo test -p integration-tests --test suite hostile` for a longer walk, `SWEEP=full` for every setting with
//! every odd value, each accepted one deployed.

mod binary;
mod values;

use integration_tests::process::cases;
use integration_tests::sweep::full;
use integration_tests::{Bench, EVERYTHING};
use orchestrator::stack;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use values::{ODD, settings};

const BASE: &str = "stack = \"shop\"\nregion = \"eu-north-1\"\n[tags]\nteam = \"blue\"\n";

/// What became of an env file.
#[derive(Debug)]
enum Verdict {
    /// Refused before anything was called, in these words.
    Refused(String),
    /// Refused after a look into AWS: a version, a zone or a key that is not there.
    NotThere(String),
    /// There is a plan.
    Planned,
}

/// The road of the binary: files, tables, declaration, plan.
async fn road(dir: &Path) -> Verdict {
    let tables: Vec<&str> = stack::LAYERS.iter().map(|layer| layer.as_str()).collect();
    let read = cli::Settings::load(dir, "test", None, &tables).and_then(|settings| Ok((stack::Configs::read(&settings)?, settings)));
    let (configs, settings) = match read {
        Ok(read) => read,
        Err(problem) => {
            assert!(matches!(problem, cli::Problem::Config(_)), "not exit code 3: {problem:?}");
            return Verdict::Refused(problem.render());
        }
    };
    let bench = Bench::new();
    let verdict = match bench.plan_of(&settings, &configs).await {
        Ok(plan) => {
            assert!(plan.stops.is_empty() && plan.changes(), "{:?}", plan.stops);
            Verdict::Planned
        }
        Err(problem) => Verdict::NotThere(problem),
    };
    assert_eq!(bench.changing_calls(), 0, "a plan changed something");
    if matches!(verdict, Verdict::Planned) && full() {
        deployed(dir).await;
    }
    verdict
}

/// What is accepted is what AWS takes.
async fn deployed(dir: &Path) {
    let env = std::fs::read_to_string(dir.join("test.toml")).unwrap();
    let env = env.trim_start_matches('\u{feff}');
    let outcome = Bench::new().deploy(env).await.unwrap_or_else(|problem| panic!("{problem}"));
    assert!(outcome.ok(), "accepted, and refused by AWS: {:#?}", outcome.failed);
}

/// Whether an error says where: the file, and the key or the line.
fn is_located(said: &str) -> bool {
    let file = ["test.toml", "base.toml", "--env"].iter().any(|file| said.contains(file));
    let key = settings().iter().any(|key| said.contains(key.as_str())) || said.contains(" line ") || said.contains("unknown key `");
    file && (key || said.contains("bytes") || said.contains("--env"))
}

/// Takes `text` along the road.
fn take(text: &[u8], what: &str) -> Verdict {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("base.toml"), BASE).unwrap();
    std::fs::write(dir.path().join("test.toml"), text).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let walked = catch_unwind(AssertUnwindSafe(|| runtime.block_on(road(dir.path()))));
    let Ok(verdict) = walked else { panic!("it panicked with {what}") };
    match &verdict {
        Verdict::Refused(said) => {
            assert!(is_located(said), "no file and key with {what}: {said}");
            assert!(said.len() < 3000 && !said.contains(['\0', '\u{202e}', '\u{1b}']), "not fit for a terminal with {what}: {said}");
        }
        Verdict::NotThere(said) => assert!(settings().iter().any(|key| said.contains(key.as_str())), "no key with {what}: {said}"),
        Verdict::Planned => {}
    }
    verdict
}

/// Takes the whole settings with `key = value` along the road; a wrong type is said of exactly this key.
fn take_setting(key: &str, value: &str) -> bool {
    match take(with(key, value).as_bytes(), &format!("{key} = {value}")) {
        Verdict::Refused(said) if said.contains("invalid type") => {
            let at = said.split("test.toml: ").nth(1).and_then(|rest| rest.split(": invalid type").next()).unwrap_or_default();
            let doubled = key.split('.').next().is_some_and(|table| at.matches(table).count() > key.matches(table).count());
            assert!((at == key || at.starts_with(&format!("{key}."))) && !doubled, "{key} = {value}: {said}");
            false
        }
        Verdict::Refused(_) | Verdict::NotThere(_) => false,
        Verdict::Planned => true,
    }
}

/// The whole settings, one assignment a line; the one of `key` is replaced.
fn with(key: &str, value: &str) -> String {
    let mut lines = Vec::new();
    let mut table = String::new();
    for line in EVERYTHING.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            table = format!("{}.", name.trim_end_matches(']'));
        } else {
            lines.push(format!("{table}{line}"));
        }
    }
    let name = |line: &str| line.split(" = ").next().unwrap_or_default().to_owned();
    let around = |other: &str| other == key || other.starts_with(&format!("{key}.")) || key.starts_with(&format!("{other}."));
    lines.retain(|line| !around(&name(line)));
    lines.push(format!("{key} = {value}"));
    lines.join("\n")
}

fn runner(usual: u32) -> TestRunner {
    let (cases, seed) = (cases(usual), [7u8; 32]);
    integration_tests::told!("{cases} cases (PROPTEST_CASES for more), seed {:?}", seed[0]);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

#[test]
fn a_setting_with_an_odd_value_is_refused_with_its_key_or_planned() {
    let keys = settings();
    assert!(keys.len() > 80, "{keys:?}");
    let mut planned = 0;
    if full() {
        for (key, value) in keys.iter().flat_map(|key| ODD.iter().map(move |value| (key, value))) {
            planned += usize::from(take_setting(key, value));
        }
        integration_tests::told!("all {} settings with all {} values: {planned} were deployed", keys.len(), ODD.len());
        return;
    }
    let counted = std::cell::Cell::new(0);
    let strategy = (0..keys.len(), 0..ODD.len());
    let result = runner(400).run(&strategy, |(key, value)| {
        counted.set(counted.get() + u32::from(take_setting(&keys[key], ODD[value])));
        Ok(())
    });
    result.unwrap();
    integration_tests::told!("{} of them were planned", counted.get());
    assert!(counted.get() > 0, "nothing was accepted: the base is wrong");
}

#[test]
fn a_file_with_damage_anywhere_is_refused_with_its_line_or_key_or_planned() {
    let scraps: Vec<&[u8]> = vec![
        b"\xff",
        b"\0",
        b"\n",
        b"\r\n",
        b"[",
        b"]]",
        b"\"",
        b"'''",
        b"=",
        b".",
        b"# \xe2\x80\xae\n",
        b"[[x]]\n",
        b"9",
        b"_",
        b"\xf0\x9f\xa6\x80",
        b"{",
        b"[network]\n",
        b"e309",
        b"\xcc\x81",
        b"\xef\xbb\xbf",
    ];
    let strategy = proptest::collection::vec((any::<prop::sample::Index>(), 0..scraps.len(), 0usize..12), 1..4);
    let result = runner(300).run(&strategy, |damages| {
        let mut text = EVERYTHING.as_bytes().to_vec();
        for (at, scrap, eaten) in damages {
            let at = at.index(text.len());
            let end = (at + eaten).min(text.len());
            text.splice(at..end, scraps[scrap].iter().copied());
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        take(&text, &shown);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn files_that_are_no_env_files() {
    let (deep, tables) = (format!("network.cidr = {}{}", "[".repeat(5000), "]".repeat(5000)), format!("[{}a]\nb = 1", "a.".repeat(5000)));
    let (inline, dotted) = (format!("a = {}1{}", "{b = ".repeat(3000), "}".repeat(3000)), format!("{}a = 1", "network.".repeat(9000)));
    let big = format!("# {}\n", "x".repeat(10 << 20));
    let long = format!("[tags]\nteam = \"{}\"", "é".repeat(200_000));
    for (what, text) in [
        ("brackets", deep.as_bytes()),
        ("headers", tables.as_bytes()),
        ("inline tables", inline.as_bytes()),
        ("dotted keys", dotted.as_bytes()),
        ("10 MB", big.as_bytes()),
        ("a long value", long.as_bytes()),
        ("a key twice", b"[network]\nzones = 2\nzones = 3"),
        ("a table twice", b"[network]\nzones = 2\n[network]\nnat = \"none\""),
        ("UTF-16", b"\xff\xfe[\0n\0e\0t\0"),
        ("binary", b"\x7fELF\x02\x01\x01\0\0"),
    ] {
        let verdict = take(text, what);
        assert!(matches!(verdict, Verdict::Refused(_)), "{what}: {verdict:?}");
    }
    let crlf = EVERYTHING.replace('\n', "\r\n");
    let marked = format!("\u{feff}{EVERYTHING}");
    for (what, text) in [("nothing", ""), ("CRLF", crlf.as_str()), ("a byte order mark", marked.as_str()), ("comments", "# nothing\n\n#")] {
        let verdict = take(text.as_bytes(), what);
        assert!(matches!(verdict, Verdict::Planned), "{what}: {verdict:?}");
    }
}

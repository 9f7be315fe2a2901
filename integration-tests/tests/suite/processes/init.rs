//! `init`: the file of a new environment, from options and from answers; what it writes can be planned, nothing is overwritten.

use integration_tests::process::{command, said};
use integration_tests::terminal::Terminal;
use integration_tests::{Bench, settings};
use std::path::Path;
use std::process::{Output, Stdio};

fn run(dir: &Path, args: &[&str]) -> Output {
    let mut command = command(dir, args);
    command.stdin(Stdio::null()).env("ORCHESTRATOR_EMBEDDED", "true").env("ORCHESTRATOR_SPEED", "6000").output().unwrap()
}

fn must(dir: &Path, args: &[&str], code: i32) -> String {
    let output = run(dir, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
    said(&output)
}

const SHOP: [&str; 6] = ["--stack", "shop", "--region", "eu-north-1", "--image", "shop/app:1.0"];

#[test]
fn what_it_writes_can_be_planned_and_deployed() {
    for size in ["small", "production"] {
        let dir = tempfile::tempdir().unwrap();
        let init = [&["init", "--env", "dev", "--size", size], &SHOP[..]].concat();
        let told = must(dir.path(), &init, 0);
        assert!(told.contains("wrote envs/base.toml") && told.contains("wrote envs/dev.toml"), "{told}");
        assert!(told.contains("hint: read what was written, then `orchestrator plan --env dev`"), "{told}");
        let text = std::fs::read_to_string(dir.path().join("envs/dev.toml")).unwrap();
        assert!(text.lines().filter(|line| line.starts_with('#')).count() >= 5, "no comments: {text}");
        assert!(must(dir.path(), &["plan", "--env", "dev"], 0).contains("to create"));
        must(dir.path(), &["deploy", "--env", "dev", "--yes"], 0);
        must(dir.path(), &["plan", "--env", "dev", "--detailed-exitcode"], 0);
    }
}

#[test]
fn nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let init = [&["init", "--env", "dev", "--size", "small"], &SHOP[..]].concat();
    must(dir.path(), &init, 0);
    let read = || ["base", "dev"].map(|name| std::fs::read_to_string(dir.path().join(format!("envs/{name}.toml"))).unwrap());
    std::fs::write(dir.path().join("envs/dev.toml"), read()[1].replace("max = 3", "max = 4")).unwrap();
    let before = read();
    let again = must(dir.path(), &[&["init", "--env", "dev", "--size", "production"], &SHOP[..]].concat(), 0);
    assert!(again.contains("envs/dev.toml is there and stays as it is") && !again.contains("wrote"), "{again}");
    // A second environment takes what the base says.
    must(dir.path(), &["init", "--env", "prod", "--size", "production", "--image", "shop/app:1.0"], 0);
    assert_eq!(read(), before);
    let prod = std::fs::read_to_string(dir.path().join("envs/prod.toml")).unwrap();
    assert!(!prod.contains("\nstack =") && !prod.contains("\nregion ="), "{prod}");
    must(dir.path(), &["init", "--env", "other", "--size", "small", "--image", "a/b", "--stack", "other"], 0);
    let other = std::fs::read_to_string(dir.path().join("envs/other.toml")).unwrap();
    assert!(other.contains("stack = \"other\"") && !other.contains("\nregion ="), "{other}");
}

#[test]
fn without_a_terminal_it_says_which_options_are_missing() {
    let dir = tempfile::tempdir().unwrap();
    let told = must(dir.path(), &["init", "--env", "dev", "--region", "eu-north-1"], 5);
    assert!(told.contains("add --stack, --image, --size") && told.contains("hint: "), "{told}");
    assert!(!dir.path().join("envs").exists(), "something was written");
    for env in ["../dev", "base", "a.b", ""] {
        must(dir.path(), &[&["init", "--size", "small", &format!("--env={env}")], &SHOP[..]].concat(), 3);
    }
    assert!(!dir.path().join("envs").exists(), "something was written");
    let unknown = must(dir.path(), &["plan", "--env", "dev"], 3);
    assert!(unknown.contains("hint: `orchestrator init --env dev` writes that file"), "{unknown}");
}

#[test]
fn an_answer_is_text_and_no_toml() {
    let dir = tempfile::tempdir().unwrap();
    let image = "a\"]\n[bastion]\nenabled = true #\\";
    must(dir.path(), &["init", "--env", "dev", "--size", "small", "--stack", "shop", "--region", "eu-north-1", "--image", image], 0);
    let text = std::fs::read_to_string(dir.path().join("envs/dev.toml")).unwrap();
    let table: toml::Table = toml::from_str(&text).unwrap();
    assert_eq!(table["compute"]["image"].as_str(), Some(image));
    assert_eq!(table["bastion"]["enabled"].as_bool(), Some(false));
}

#[tokio::test(start_paused = true)]
async fn a_domain_is_served_with_https_from_its_zone() {
    let dir = tempfile::tempdir().unwrap();
    must(dir.path(), &[&["init", "--env", "test", "--size", "small", "--domain", "shop.example.com"], &SHOP[..]].concat(), 0);
    let text = std::fs::read_to_string(dir.path().join("envs/test.toml")).unwrap();
    let settings = settings(&text);
    let configs = orchestrator::stack::Configs::read(&settings).unwrap();
    let plan = Bench::new().plan_of(&settings, &configs).await.unwrap();
    assert!(plan.steps.keys().any(|id| id.starts_with("edge/certificate")), "{:?}", plan.steps.keys());
    assert!(plan.stops.is_empty());
}

/// In a terminal of its own, by `script`.
#[test]
fn in_a_terminal_it_asks_five_questions() {
    let dir = tempfile::tempdir().unwrap();
    let line = format!("{} init --env dev", integration_tests::process::judged().display());
    let terminal = Terminal { dir: dir.path(), size: (120, 40), variables: &[("ORCHESTRATOR_EMBEDDED", "true")] };
    let (code, drawn) = terminal.answer(&line, &[("What is the stack called?", "shop\neu-north-1\n\nshop/app:2.0\n\n\n")]);
    assert_eq!(code, Some(0), "{drawn}");
    for question in ["Which AWS region", "Which image runs", "By which name", "How large? small or production [small]"] {
        assert!(drawn.contains(question), "{question}: {drawn}");
    }
    let text = std::fs::read_to_string(dir.path().join("envs/dev.toml")).unwrap();
    assert!(text.contains("image = \"shop/app:2.0\"") && text.contains("https = false"), "{text}");
}

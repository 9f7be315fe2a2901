//! The same with the real binary, and what only a process has: variables, paths, a file system that refuses.

use integration_tests::process::{command, said};
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;
use std::process::Output;

const ENV: &str = "embedded = true\n";

fn envs(dir: &Path) -> std::path::PathBuf {
    let envs = dir.join("envs");
    std::fs::create_dir(&envs).unwrap();
    std::fs::write(envs.join("base.toml"), "stack = \"shop\"\nregion = \"eu-north-1\"\n").unwrap();
    std::fs::write(envs.join("test.toml"), ENV).unwrap();
    envs
}

/// Exit code 3, every one of `words`, no panic, and nothing was called or written.
fn refused(dir: &Path, output: &Output, what: &str, words: &[&str]) {
    let text = said(output);
    assert_eq!(output.status.code(), Some(3), "{what}: {text}");
    assert!(!text.contains("panicked"), "{what}: {text}");
    words.iter().for_each(|word| assert!(text.contains(word), "{what}: no `{word}` in {text}"));
    assert!(!dir.join(".orchestrator").exists(), "{what}: something was called");
}

fn plan(dir: &Path) -> std::process::Command {
    command(dir, &["plan", "--env", "test", "--config", "envs"])
}

#[test]
fn a_variable_is_refused_with_its_name_or_key() {
    let dir = tempfile::tempdir().unwrap();
    envs(dir.path());
    let deep = "[".repeat(60_000);
    let long = "x".repeat(100_000);
    let parts = format!("ORCHESTRATOR_{}A", "A__".repeat(20_000));
    for (name, value, words) in [
        ("ORCHESTRATOR_NETWORK__ZONES", "many", &["ORCHESTRATOR_", "network.zones"] as &[&str]),
        ("ORCHESTRATOR_NETWORK__CIDR", "\u{202e}0.0.0.0/0", &["ORCHESTRATOR_", "network.cidr"]),
        ("ORCHESTRATOR_NETWORK__CIDR", deep.as_str(), &["ORCHESTRATOR_NETWORK__CIDR", "nested"]),
        ("ORCHESTRATOR_STACK", long.as_str(), &["ORCHESTRATOR_STACK", "bytes"]),
        ("ORCHESTRATOR_SPEED", "nan", &["ORCHESTRATOR_", "speed"]),
        ("ORCHESTRATOR_SPEED", "1e400", &["ORCHESTRATOR_", "speed"]),
        ("ORCHESTRATOR_NETWORK", "5", &["ORCHESTRATOR_", "network"]),
        ("ORCHESTRATOR_TAGS", "[1, 2", &["ORCHESTRATOR_", "tags"]),
        ("ORCHESTRATOR_NO_SUCH", "1", &["ORCHESTRATOR_", "`no_such`"]),
        ("ORCHESTRATOR_REGION", "../eu", &["ORCHESTRATOR_", "region"]),
        (parts.as_str(), "1", &["ORCHESTRATOR_", "parts"]),
    ] {
        let output = plan(dir.path()).env(name, value).output().unwrap();
        let what = format!("{name:.60}={value:.60}");
        refused(dir.path(), &output, &what, words);
        assert!(said(&output).len() < 4000, "{what}: it was repeated");
    }
    let broken = OsString::from_vec(vec![b'a', 0xff]);
    let output = plan(dir.path()).env("ORCHESTRATOR_STACK", broken).output().unwrap();
    refused(dir.path(), &output, "not UTF-8", &["ORCHESTRATOR_STACK", "UTF-8"]);
}

#[test]
fn a_path_to_somewhere_else_is_no_environment() {
    let dir = tempfile::tempdir().unwrap();
    envs(dir.path());
    for env in ["../../etc/passwd", "/etc/passwd", "../test", "..", ".", "", "test/../test", "a\nb", "\u{202e}tset", "-test", "base.toml"] {
        let output = command(dir.path(), &["plan", "--config", "envs", &format!("--env={env}")]).output().unwrap();
        refused(dir.path(), &output, env, &["environment"]);
    }
    let output = command(dir.path(), &["plan", "--env", "test", "--config", "nowhere"]).output().unwrap();
    refused(dir.path(), &output, "no directory", &["nowhere/test.toml"]);
    let output = command(dir.path(), &["plan", "--no-such-flag"]).output().unwrap();
    refused(dir.path(), &output, "an argument", &["--no-such-flag"]);
    let output = command(dir.path(), &["plan", "--env", "test", "--config", "envs", "--region", "Mars"]).output().unwrap();
    refused(dir.path(), &output, "a region", &["--region", "`Mars`"]);
}

#[test]
fn what_is_no_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let envs = envs(dir.path());
    let file = envs.join("test.toml");
    let fresh = |make: &dyn Fn(&Path)| {
        // What was made before may be a directory.
        std::fs::remove_file(&file).or_else(|_| std::fs::remove_dir(&file)).unwrap();
        make(&file);
        plan(dir.path()).output().unwrap()
    };
    refused(dir.path(), &fresh(&|file| std::fs::create_dir(file).unwrap()), "a directory", &["envs/test.toml", "not a file"]);
    let circle = |file: &Path| std::os::unix::fs::symlink("test.toml", file).unwrap();
    refused(dir.path(), &fresh(&circle), "a circle of links", &["envs/test.toml"]);
    let dangling = |file: &Path| std::os::unix::fs::symlink("nowhere", file).unwrap();
    refused(dir.path(), &fresh(&dangling), "a link to nothing", &["envs/test.toml"]);
    let endless = |file: &Path| std::os::unix::fs::symlink("/dev/zero", file).unwrap();
    refused(dir.path(), &fresh(&endless), "a device", &["envs/test.toml", "not a file"]);
    let pipe = |file: &Path| assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
    refused(dir.path(), &fresh(&pipe), "a pipe", &["envs/test.toml", "not a file"]);
    let large = |file: &Path| std::fs::write(file, vec![b'#'; 10 << 20]).unwrap();
    refused(dir.path(), &fresh(&large), "10 MB", &["envs/test.toml", "bytes"]);
    let unreadable = |file: &Path| {
        std::fs::write(file, ENV).unwrap();
        std::fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    };
    let output = fresh(&unreadable);
    // The owner of the machine reads everything.
    if std::fs::read(&file).is_err() {
        refused(dir.path(), &output, "unreadable", &["envs/test.toml", "cannot be read"]);
    } else {
        assert!(output.status.success(), "{}", said(&output));
    }
}

#[test]
fn a_key_file_elsewhere_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let envs = envs(dir.path());
    std::fs::write(dir.path().join("private"), "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n")
        .unwrap();
    for path in ["../../../../../../etc/shadow", "/etc/passwd", "/dev/zero", "/proc/self/environ", ".", "nowhere", "private"] {
        let ssh =
            format!("{ENV}[bastion]\nenabled = true\nmode = \"ssh\"\nssh_cidrs = [\"198.51.100.0/24\"]\npublic_key_file = \"{path}\"\n");
        std::fs::write(envs.join("test.toml"), ssh).unwrap();
        let output = plan(dir.path()).env("CANARY", "c2VjcmV0").output().unwrap();
        refused(dir.path(), &output, path, &["envs/test.toml", "bastion.public_key_file"]);
        let text = said(&output);
        assert!(!text.contains("root:") && !text.contains("c2VjcmV0"), "{path}: {text}");
    }
}

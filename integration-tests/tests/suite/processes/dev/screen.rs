//! `dev` in a terminal of its own (a pty, by `script`).
#![allow(clippy::disallowed_macros)]

use super::Home;
use integration_tests::process::binary;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";
const FRAME: &str = "\u{1b}[H\u{1b}[J";

/// How it is drawn: without colours, as it stands in the terminal.
fn plain(drawn: &str) -> String {
    anstream::adapter::strip_str(drawn).to_string().replace('\r', "")
}

/// What is pressed or edited when this is seen.
type Steps<'a> = [(&'a str, &'a dyn Fn(&mut dyn Write))];

fn watched(home: &Home, (columns, rows): (usize, usize), steps: &Steps<'_>) -> (Option<i32>, String) {
    let line = format!("stty cols {columns} rows {rows}; {} dev --emulator embedded --app app", binary().display());
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(home.path()).env("TERM", "xterm-256color").env("ORCHESTRATOR_SPEED", "6000");
    script.env("SHELL", "/bin/bash").env("NO_COLOR", "1").env_remove("AWS_ENDPOINT_URL");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut shown, mut bytes, mut from, mut next) = (Vec::new(), [0; 4096], 0, steps.iter());
    let mut step = next.next();
    while let Ok(read @ 1..) = stdout.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&shown).into_owned();
        let Some((words, act)) = step else { continue };
        // On the screen of a whole frame, since the last step.
        let frame = text.rsplit(FRAME).next().unwrap_or_default();
        if text.matches(FRAME).count() > from && frame.contains(words) && frame.contains("\u{1b}[?2026l") && frame.contains("watching") {
            from = text.matches(FRAME).count();
            std::thread::sleep(Duration::from_millis(200));
            act(&mut stdin);
            step = next.next();
        }
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn it_has_a_screen_of_its_own_and_leaves_the_terminal_as_it_was() {
    if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
        integration_tests::process::skipped("there is no `script` to make a terminal");
        return;
    }
    let home = Home::new();
    let steps: &Steps<'_> = &[
        ("\"level\":\"INFO\"", &|_| home.set("[compute]\nmemroy = 5")),
        ("did you mean `memory`", &|_| home.set("[compute]\nmemory = 1024")),
        ("app:2, rollout completed", &|stdin| stdin.write_all(b"\x03").unwrap()),
    ];
    let (code, shown) = watched(&home, (140, 40), steps);
    assert_eq!(code, Some(0), "{shown}");
    let (entered, left) = (shown.matches(ENTER).count(), shown.matches(LEAVE).count());
    assert!(entered == 3 && left == 3, "{entered} and {left}: {shown}");
    for screen in shown.split(ENTER).skip(1).map(|rest| rest.split(LEAVE).next().unwrap()) {
        let last = plain(screen.rsplit(FRAME).next().unwrap());
        for part in ["local on the embedded AWS\n", "http://shop-local-alb-", "| compute ", "tasks run", "watching "] {
            assert!(last.contains(part), "{part}: {last}");
        }
        let lines: Vec<&str> = last.lines().collect();
        assert!(lines.len() <= 40 && lines.iter().all(|line| line.chars().count() <= 140), "{last}");
    }
    // Deploys are told on the first screen, and stay there.
    let told = plain(&shown.split(ENTER).map(|part| part.rsplit(LEAVE).next().unwrap()).collect::<String>());
    assert!(told.contains("81 done, 0 failed") && told.contains("memory: 512 → 1024") && told.contains("3 done, 0 failed"), "{told}");
    let after = shown.rsplit(LEAVE).next().unwrap();
    assert!(after.contains("the embedded AWS stays as it is") && !after.contains("\u{1b}[?"), "{after}");
}

//! `status --watch` in a terminal of its own (a pty, by `script`): what it draws, how it ends, what it leaves behind.
#![allow(clippy::disallowed_macros)]

use futures::future::BoxFuture;
use integration_tests::gate::{self, Arrival, Keeper, Pass};
use integration_tests::process::{binary, command};
use integration_tests::processes::Shop;
use serde_json::json;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Lets everything through.
struct Open;

impl Keeper for Open {
    fn arrives(&self, _: &Arrival) -> Pass {
        Pass::Through
    }
}

/// Answers nothing.
struct Silent;

impl Keeper for Silent {
    fn arrives(&self, _: &Arrival) -> Pass {
        Pass::Through
    }

    fn holds(&self, _: &Arrival) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

/// How a frame begins, and on which screen.
const FRAME: &str = "\u{1b}[H\u{1b}[J";
const ENTER: &str = "\u{1b}[?1049h\u{1b}[?25l";
const LEAVE: &str = "\u{1b}[?25h\u{1b}[?1049l";

/// Watches in a terminal of this size until so many frames were drawn, then presses Ctrl-C; the exit code and everything drawn.
fn watched(dir: &Path, url: &str, (columns, rows): (usize, usize), frames: usize, variables: &str) -> (Option<i32>, String) {
    let watch = format!("{} status --watch 1s --env local --endpoint-url {url}", binary().display());
    // The shell shows that it has the terminal again, with the settings that it had.
    let line = format!(
        "stty cols {columns} rows {rows}; before=$(stty -g); {variables} {watch}; code=$?; [ \"$before\" = \"$(stty -g)\" ] && echo SAME; exit $code"
    );
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).current_dir(dir).env("TERM", "xterm-256color").env("ORCHESTRATOR_SPEED", "6000");
    script.env("SHELL", "/bin/bash").env_remove("NO_COLOR").env_remove("AWS_ENDPOINT_URL");
    let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    let mut pressed = false;
    let mut bytes = [0; 4096];
    while let Ok(read @ 1..) = stdout.read(&mut bytes) {
        shown.extend_from_slice(&bytes[..read]);
        let text = String::from_utf8_lossy(&shown);
        // In the pause after a whole frame, or, for none, before the first.
        let ready = text.matches("\u{1b}[?2026l").count() >= frames && text.contains(ENTER);
        if ready && !pressed {
            pressed = true;
            std::thread::sleep(Duration::from_millis(100));
            stdin.write_all(b"\x03").unwrap();
        }
    }
    (child.wait().unwrap().code(), String::from_utf8_lossy(&shown).into_owned())
}

/// Without colours and other sequences, as it stands on the screen.
fn plain(drawn: &str) -> Vec<String> {
    drawn.lines().map(|line| anstream::adapter::strip_str(line).to_string().trim_end().to_owned()).collect()
}

async fn in_terminal(shop: &Shop, size: (usize, usize), frames: usize, variables: &'static str) -> (Option<i32>, String) {
    // Who waits for no frame shall see none.
    let keeper: Arc<dyn Keeper> = if frames == 0 { Arc::new(Silent) } else { Arc::new(Open) };
    let (url, server) = gate::serve(shop.emulator.clone(), keeper).await;
    let dir = shop.dir.path().to_owned();
    let watching = tokio::task::spawn_blocking(move || watched(&dir, &url, size, frames, variables));
    let seen = tokio::time::timeout(Duration::from_secs(120), watching).await.expect("it does not end").unwrap();
    server.abort();
    seen
}

fn no_terminal() -> bool {
    let missing = Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err();
    if missing {
        integration_tests::process::skipped("there is no `script` to make a terminal");
    }
    missing
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refreshes_in_place_and_ctrl_c_ends_it_with_the_code_of_health() {
    if no_terminal() {
        return;
    }
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    for (columns, variables) in [(70, ""), (120, "NO_COLOR=1")] {
        let (code, shown) = in_terminal(&shop, (columns, 60), 3, variables).await;
        assert_eq!(code, Some(0), "{shown}");
        let (before, rest) = shown.split_once(ENTER).unwrap();
        let (screen, after) = rest.split_once(LEAVE).unwrap_or_else(|| panic!("the terminal is left as it was: {shown}"));
        assert_eq!((before.trim(), shown.matches(ENTER).count(), shown.matches(LEAVE).count()), ("", 1, 1), "{shown}");
        let frames: Vec<&str> = screen.split(FRAME).skip(1).collect();
        assert!(frames.len() >= 3, "{} frames: {shown}", frames.len());
        for frame in &frames {
            let lines = plain(frame);
            assert!(lines.iter().any(|line| line.contains("tasks run")) && lines.len() <= 60, "{frame}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "wider than {columns}: {lines:#?}");
            assert_eq!(frame.contains("\u{1b}[32m"), variables.is_empty(), "{frame}");
        }
        // What was seen last stays.
        assert!(plain(after).iter().any(|line| line.contains("tasks run")) && after.contains("SAME"), "{after}");
        assert!(!after.contains("\u{1b}[?"), "{after}");
    }
    shop.emulator.with_world(|world| {
        let alarm = world.regions.values_mut().next().unwrap().alarms.values_mut().next().unwrap();
        alarm.set(json!({"StateValue": "ALARM", "StateReason": "Threshold Crossed: 1 datapoint"}));
    });
    let (code, shown) = in_terminal(&shop, (100, 60), 1, "").await;
    assert!(code == Some(1) && shown.contains("Threshold Crossed") && shown.contains("SAME"), "{shown}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_that_is_taller_than_the_terminal_is_cut_and_an_early_ctrl_c_is_heard() {
    if no_terminal() {
        return;
    }
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    let (code, shown) = in_terminal(&shop, (80, 14), 2, "").await;
    assert_eq!(code, Some(0), "{shown}");
    let screen = shown.split_once(ENTER).unwrap().1.split_once(LEAVE).unwrap().0;
    for frame in screen.split(FRAME).skip(1) {
        let lines = plain(frame.split("\u{1b}[?2026l").next().unwrap().trim_end());
        assert!(lines.len() < 14 && lines.last().unwrap().contains("more lines"), "{lines:#?}");
        assert!(lines[0].contains("layer") || lines.iter().take(3).any(|line| line.contains("layer")), "{lines:#?}");
    }
    // Before anything was seen there is no health to tell of.
    let (code, shown) = in_terminal(&shop, (80, 24), 0, "").await;
    assert!(code == Some(130) && shown.contains(LEAVE) && shown.contains("interrupted"), "{code:?}: {shown}");
}

/// A pipe gets report after report, and no word to a terminal; who has read enough ends it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pipe_gets_reports_one_after_another_until_it_is_closed() {
    let shop = Shop::new(binary(), "");
    let (url, server) = gate::serve(shop.emulator.clone(), Arc::new(Open)).await;
    for (format, mark) in [("human", "network"), ("json", "{\"version\":1")] {
        let mut watch =
            command(shop.dir.path(), &["status", "--watch", "100ms", "--env", "local", "--format", format, "--endpoint-url", &url]);
        let mut child = watch.env("ORCHESTRATOR_SPEED", "6000").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let (mut text, mut bytes) = (String::new(), [0; 4096]);
            let mut stdout = child.stdout.take().unwrap();
            while text.matches(mark).count() < 3 {
                let read = stdout.read(&mut bytes).unwrap();
                assert!(read > 0, "it ended: {text}");
                text.push_str(&String::from_utf8_lossy(&bytes[..read]));
            }
            drop(stdout);
            (text, child.wait().unwrap().code())
        });
        let (text, code) = tokio::time::timeout(Duration::from_secs(60), read).await.expect("it does not end").unwrap();
        assert!(code == Some(0) && !text.contains('\u{1b}'), "{format}: {code:?} {text}");
    }
    server.abort();
}

//! `status --watch` in a terminal of its own (a pty, by `script`): what it draws, how it ends, what it leaves behind.

use integration_tests::gate;
use integration_tests::process::{binary, command};
use integration_tests::processes::{Gate, Shop};
use integration_tests::terminal::{self, CTRL_C, ENTER, FRAME, FRAME_END, LEAVE, Terminal, plain};
use serde_json::json;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Watches in a terminal of this size until so many frames were drawn, then presses Ctrl-C; the exit code and everything drawn.
fn watched(dir: &Path, url: &str, size: (usize, usize), frames: usize, variables: &str) -> (Option<i32>, String) {
    let watch = format!("{} status --watch 1s --env local --endpoint-url {url}", binary().display());
    // The shell shows that it has the terminal again, with the settings that it had.
    let same = "code=$?; [ \"$before\" = \"$(stty -g)\" ] && echo SAME; exit $code";
    let mut pressed = false;
    let line = format!("before=$(stty -g); {variables} {watch}; {same}");
    Terminal { dir, size, variables: &[] }.run(&line, |text, keys| {
        // In the pause after a whole frame, or, for none, before the first.
        if !pressed && text.matches(FRAME_END).count() >= frames && text.contains(ENTER) {
            pressed = true;
            std::thread::sleep(Duration::from_millis(100));
            keys.write_all(CTRL_C).unwrap();
        }
    })
}

/// The lines as they stand on the screen.
fn rows(drawn: &str) -> Vec<String> {
    plain(drawn).lines().map(|line| line.trim_end().to_owned()).collect()
}

async fn in_terminal(shop: &Shop, size: (usize, usize), frames: usize, variables: &'static str) -> (Option<i32>, String) {
    // Who waits for no frame shall see none.
    let keeper = if frames == 0 { Gate::shut() } else { Gate::open() };
    let (url, server) = gate::serve(shop.emulator.clone(), keeper).await;
    let dir = shop.dir.path().to_owned();
    let watching = tokio::task::spawn_blocking(move || watched(&dir, &url, size, frames, variables));
    let seen = tokio::time::timeout(Duration::from_secs(120), watching).await.expect("it does not end").unwrap();
    server.abort();
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_refreshes_in_place_and_ctrl_c_ends_it_with_the_code_of_health() {
    if !terminal::is_here() {
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
            let lines = rows(frame);
            assert!(lines.iter().any(|line| line.contains("tasks run")) && lines.len() <= 60, "{frame}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "wider than {columns}: {lines:#?}");
            assert_eq!(frame.contains("\u{1b}[32m"), variables.is_empty(), "{frame}");
        }
        // What was seen last stays.
        assert!(rows(after).iter().any(|line| line.contains("tasks run")) && after.contains("SAME"), "{after}");
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
    if !terminal::is_here() {
        return;
    }
    let shop = Shop::new(binary(), "");
    shop.must(&["deploy", "--yes"], 0, "deploy").await;
    let (code, shown) = in_terminal(&shop, (80, 14), 2, "").await;
    assert_eq!(code, Some(0), "{shown}");
    let screen = shown.split_once(ENTER).unwrap().1.split_once(LEAVE).unwrap().0;
    for frame in screen.split(FRAME).skip(1) {
        let lines = rows(frame.split(FRAME_END).next().unwrap().trim_end());
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
    let (url, server) = gate::serve(shop.emulator.clone(), Gate::open()).await;
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

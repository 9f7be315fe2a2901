//! `dev` in a terminal of its own (a pty, by `script`).

use super::Home;
use integration_tests::process::judged;
use integration_tests::terminal::{self, CTRL_C, ENTER, FRAME, FRAME_END, LEAVE, Terminal, plain};
use std::io::Write;
use std::time::Duration;

/// What is pressed or edited when this is seen.
type Steps<'a> = [(&'a str, &'a dyn Fn(&mut dyn Write))];

fn watched(home: &Home, size: (usize, usize), steps: &Steps<'_>) -> (Option<i32>, String) {
    let line = format!("{} dev --emulator embedded --app app", judged().display());
    let (mut from, mut next) = (0, steps.iter());
    let mut step = next.next();
    Terminal { dir: home.path(), size, variables: &[("NO_COLOR", "1")] }.run(&line, |text, keys| {
        let Some((words, act)) = step else { return };
        // On the screen of a whole frame, since the last step.
        let (frames, frame) = (text.matches(FRAME).count(), text.rsplit(FRAME).next().unwrap_or_default());
        if frames > from && [*words, FRAME_END, "watching"].iter().all(|part| frame.contains(part)) {
            from = frames;
            std::thread::sleep(Duration::from_millis(200));
            act(keys);
            step = next.next();
        }
    })
}

#[test]
fn it_has_a_screen_of_its_own_and_leaves_the_terminal_as_it_was() {
    if !terminal::is_here() {
        return;
    }
    let home = Home::new();
    let steps: &Steps<'_> = &[
        ("\"level\":\"INFO\"", &|_| home.set("[compute]\nmemroy = 5")),
        ("did you mean `memory`", &|_| home.set("[compute]\nmemory = 1024")),
        ("app:2, rollout completed", &|stdin| stdin.write_all(CTRL_C).unwrap()),
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

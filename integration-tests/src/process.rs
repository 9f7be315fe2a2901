//! The real binary, one process per command.
#![allow(clippy::disallowed_methods)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The workspace.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The folder that the binaries are in, the whole tool's and each layer's; built if they are not.
///
/// # Panics
/// When they do not build.
pub fn binaries() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // In the profile of the suite itself.
        let profile: &[&str] = if cfg!(debug_assertions) { &[] } else { &["--release"] };
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--workspace", "--bins"]).args(profile).current_dir(ROOT);
        assert!(build.status().unwrap().success(), "the binaries do not build");
        // A suite is in `deps` below them, the benchmark beside them.
        let place = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        if place.ends_with("deps") { place.parent().unwrap().to_owned() } else { place }
    })
}

/// Where the whole tool's binary is: built, or the one that `MEASURED_BINARY` names.
///
/// # Panics
/// When it does not build.
pub fn binary() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| match std::env::var_os("MEASURED_BINARY") {
        Some(given) => Path::new(&given).canonicalize().expect("the binary that MEASURED_BINARY names"),
        None => binaries().join("orchestrator"),
    })
}

/// Where its twin is: the same program, whose own world refuses what does not fit AWS's models.
///
/// # Panics
/// When it does not build.
pub fn judged() -> &'static Path {
    static PLACE: OnceLock<PathBuf> = OnceLock::new();
    PLACE.get_or_init(|| {
        // It speaks of itself by the name that it is called by.
        let place = binaries().join("twin");
        std::fs::create_dir_all(&place).unwrap();
        let twin = place.join("orchestrator");
        let linked = std::os::unix::fs::symlink("../judged", &twin);
        assert!(linked.is_ok() || twin.is_symlink(), "{linked:?}");
        twin
    })
}

/// A command of the twin in `dir` that is not told where AWS is.
pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(judged());
    command.args(args).current_dir(dir).env_remove("AWS_ENDPOINT_URL").envs(crate::models::environment());
    command
}

/// Says that a suite, or a part of one, was not run: also to those who only see the runner's summary, which hides what passing tests print.
pub fn skipped(what: &str) {
    writeln!(std::io::stderr(), "skipped: {what}").ok();
}

/// A port of this machine that nobody listens on.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Prints a line for those who look (`--nocapture`). Use `told!`.
#[allow(clippy::disallowed_macros)]
pub fn told(text: std::fmt::Arguments<'_>) {
    println!("{text}");
}

/// A line for those who look: how large a sample was, a figure.
#[macro_export]
macro_rules! told {
    ($($word:tt)*) => {
        $crate::process::told(format_args!($($word)*))
    };
}

/// Everything that a process said.
pub fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// How many random cases a suite tries: `PROPTEST_CASES`, or its usual number.
pub fn cases(usual: u32) -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(usual)
}

//! The `docker` program: see `docs/decisions/004-dev.md` for why not a library.

use crate::problem::Problem;
use std::process::{Command, Stdio};

/// What `docker` says to these arguments. The error is the end of what it said on stderr.
pub(super) async fn docker<S: AsRef<str>>(args: &[S]) -> Result<String, String> {
    let mut command = Command::new("docker");
    command.args(args.iter().map(AsRef::as_ref)).env("DOCKER_CLI_HINTS", "false").stdin(Stdio::null());
    let (give, told) = tokio::sync::oneshot::channel();
    // A thread of its own, which nobody waits for: Ctrl-C need not wait for the end of a build.
    std::thread::spawn(move || give.send(command.output()).ok());
    match told.await {
        Ok(Ok(output)) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
        Ok(Ok(output)) => Err(last(&[output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned()).concat())),
        Ok(Err(error)) => Err(format!("docker cannot be run: {error}")),
        Err(_) => Err("docker cannot be run".into()),
    }
}

/// As [`docker`], where a failure is one of the command.
pub(super) async fn must<S: AsRef<str>>(args: &[S]) -> Result<String, Problem> {
    docker(args).await.map_err(|why| Problem::Io(format!("docker {}: {why}", args.first().map_or("", AsRef::as_ref))))
}

/// Whether an engine answers.
pub(super) async fn is_here() -> bool {
    docker(&["version", "--format", "{{.Server.APIVersion}}"]).await.is_ok()
}

/// How much of a failed build is shown.
const LINES: usize = 20;

fn last(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_long_text_is_kept() {
        let text: String = (0..30).map(|at| format!("line {at}\n\n")).collect();
        assert!(last(&text).starts_with("line 10\n") && last(&text).ends_with("line 29"));
        assert_eq!(last("one"), "one");
    }
}

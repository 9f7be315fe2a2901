//! Who is compared, and how each of them does the same four things to the reference stack.
#![allow(clippy::disallowed_methods)]

use crate::process::{ROOT, binary};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// From an empty account to the whole stack.
    Deploy,
    /// A look at a stack that is as declared.
    Plan,
    /// Another retention of the log groups, planned and applied.
    Change,
    /// Back to an empty account.
    Destroy,
}

/// In the order in which they are done and told.
pub const STEPS: [Step; 4] = [Step::Deploy, Step::Plan, Step::Change, Step::Destroy];

impl Step {
    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Step::Deploy => "first deploy",
            Step::Plan => "no-change plan",
            Step::Change => "one-setting change",
            Step::Destroy => "destroy",
        }
    }
}

/// A tool.
#[derive(Clone, Debug)]
pub enum Contender {
    /// This one. It polls at AWS's own pace, or as fast as the emulator's states change.
    Ours {
        /// Whether it is told how fast the emulator is.
        told: bool,
    },
    /// Terraform with its AWS provider, from this mirror.
    Terraform(PathBuf),
}

/// Everybody who is on this machine.
pub fn contenders() -> Vec<Contender> {
    let mut all = vec![Contender::Ours { told: false }, Contender::Ours { told: true }];
    let mirror = std::env::var_os("TF_PLUGINS").map_or_else(|| PathBuf::from("/opt/tf-plugins"), PathBuf::from);
    let terraform = Command::new("terraform").arg("version").output().is_ok_and(|output| output.status.success());
    all.extend((terraform && mirror.is_dir()).then_some(Contender::Terraform(mirror)));
    all
}

impl Contender {
    /// Its name in the table.
    pub fn name(&self) -> &'static str {
        match self {
            Contender::Ours { told: false } => "orchestrator",
            Contender::Ours { told: true } => "orchestrator, told that states change at once",
            Contender::Terraform(_) => "Terraform",
        }
    }

    /// What it needs in its directory before anything is timed.
    ///
    /// # Panics
    /// When that cannot be had.
    pub fn prepare(&self, dir: &Path) {
        match self {
            Contender::Ours { .. } => {
                let copied = Command::new("cp").arg("-r").arg(Path::new(ROOT).join("envs")).arg(dir).status().unwrap();
                assert!(copied.success());
            }
            Contender::Terraform(mirror) => {
                for file in std::fs::read_dir(Path::new(ROOT).join("benches/terraform")).unwrap().flatten() {
                    std::fs::copy(file.path(), dir.join(file.file_name())).unwrap();
                }
                let mirror = format!("provider_installation {{\n  filesystem_mirror {{\n    path = \"{}\"\n  }}\n}}\n", mirror.display());
                std::fs::write(dir.join("rc"), mirror).unwrap();
                let output = terraform(dir, "http://127.0.0.1:1", &["init"]).output().unwrap();
                assert!(output.status.success(), "{}", crate::process::said(&output));
            }
        }
    }

    /// The command of a step, done for the so many-th time.
    pub fn command(&self, dir: &Path, url: &str, step: Step, time: usize) -> Command {
        // There and back.
        let days = if time.is_multiple_of(2) { "14" } else { "30" };
        match self {
            Contender::Ours { told } => {
                let args: &[&str] = match step {
                    Step::Deploy | Step::Change => &["deploy", "--yes"],
                    Step::Plan => &["plan", "--detailed-exitcode"],
                    Step::Destroy => &["destroy", "--yes", "--allow-destroy", "all"],
                };
                let mut command = Command::new(binary());
                command.args(args).args(["--env", "reference", "--endpoint-url", url]).current_dir(dir);
                command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
                for protected in ["DATABASE", "EDGE"] {
                    command.env(format!("ORCHESTRATOR_{protected}__DELETION_PROTECTION"), "false");
                }
                if *told {
                    command.env("ORCHESTRATOR_EMBEDDED", "true").env("ORCHESTRATOR_SPEED", "1000000");
                }
                if step == Step::Change {
                    command.env("ORCHESTRATOR_OBSERVABILITY__RETENTION_DAYS", days);
                }
                command
            }
            Contender::Terraform(_) => {
                let args: &[&str] = match step {
                    Step::Deploy | Step::Change => &["apply", "-auto-approve"],
                    Step::Plan => &["plan", "-detailed-exitcode"],
                    Step::Destroy => &["destroy", "-auto-approve"],
                };
                let mut command = terraform(dir, url, args);
                if step == Step::Change {
                    command.env("TF_VAR_log_retention_days", days);
                }
                command
            }
        }
    }
}

fn terraform(dir: &Path, url: &str, args: &[&str]) -> Command {
    let mut command = Command::new("terraform");
    command.args(args).arg("-no-color").current_dir(dir).env("TF_CLI_CONFIG_FILE", dir.join("rc")).env("TF_VAR_endpoint", url);
    command.env("CHECKPOINT_DISABLE", "1").env("TF_VAR_repository", ROOT).env("TF_VAR_deletion_protection", "false");
    command
}

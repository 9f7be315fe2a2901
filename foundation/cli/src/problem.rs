//! Everything that ends a command badly, its exit code, and the one way to say it.

use engine::graph::DeclareError;
use engine::ledger::LedgerError;
use engine::planner::PlanError;
use engine::rebuild::RebuildError;
use engine::{Class, Fault, LayerError};
use std::process::ExitCode;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// A setting is wrong.
    #[error("{0}")]
    Config(String),
    /// No file of that name.
    #[error("there is no environment `{env}`: {file} does not exist (there are: {known})")]
    NoEnvironment {
        /// Its name.
        env: String,
        /// Where its file would be.
        file: String,
        /// The names of those that are there.
        known: String,
    },
    /// The ledger refuses.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A call failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The plan may not be applied.
    #[error("{0}")]
    Stopped(String),
    /// The person said no.
    #[error("nothing was changed")]
    Declined,
    /// Ctrl-C or SIGTERM.
    #[error("interrupted: {0}")]
    Interrupted(String),
    /// A file or a terminal.
    #[error("{0}")]
    Io(String),
    /// `doctor` found something that is wrong; it was told already.
    #[error("{failed} checks failed")]
    Unwell {
        /// How many.
        failed: usize,
    },
    /// A destroy that left objects with our tags; they were told already.
    #[error("{count} objects still carry the tags of this stack and environment, and the ledger does not know them")]
    Left {
        /// How many.
        count: usize,
    },
    /// Some steps failed; they were told already.
    #[error("{failed} failed, {skipped} not started")]
    Incomplete {
        /// How many failed.
        failed: usize,
        /// How many were not started.
        skipped: usize,
        /// The worst class.
        class: Class,
    },
}

/// The plan shows changes and `--detailed-exitcode` was given.
pub const EXIT_CHANGES: u8 = 2;
const EXIT_FAILED: u8 = 1;
/// A setting or an argument is wrong.
pub(crate) const EXIT_CONFIG: u8 = 3;
const EXIT_LOCKED: u8 = 4;
const EXIT_STOPPED: u8 = 5;
const EXIT_DENIED: u8 = 6;
/// The run was interrupted.
pub const EXIT_INTERRUPTED: u8 = 130;

impl Problem {
    /// The documented exit code.
    pub fn exit(&self) -> ExitCode {
        ExitCode::from(match self {
            Problem::Config(_) | Problem::NoEnvironment { .. } | Problem::Plan(PlanError::Declare(_)) => EXIT_CONFIG,
            Problem::Ledger(LedgerError::Locked { .. }) => EXIT_LOCKED,
            Problem::Stopped(_) | Problem::Declined => EXIT_STOPPED,
            Problem::Interrupted(_) => EXIT_INTERRUPTED,
            Problem::Fault(Fault { class: Class::Denied, .. })
            | Problem::Plan(PlanError::Observe { fault: Fault { class: Class::Denied, .. }, .. })
            | Problem::Incomplete { class: Class::Denied, .. } => EXIT_DENIED,
            Problem::Ledger(LedgerError::Remote { fault, .. }) if fault.class == Class::Denied => EXIT_DENIED,
            _ => EXIT_FAILED,
        })
    }

    /// The error in three lines: what, which call, what next.
    pub fn render(&self) -> String {
        let mut text = format!("error: {}", crate::render::visible(&self.to_string()));
        let fault = match self {
            Problem::Fault(fault) | Problem::Plan(PlanError::Observe { fault, .. } | PlanError::Defect(fault)) => Some(fault),
            Problem::Ledger(LedgerError::Remote { fault, .. }) => Some(&**fault),
            _ => None,
        };
        if let Some(fault) = fault {
            text += &crate::render::cause(fault);
            text += &crate::render::detail(fault);
        }
        self.hint().map_or_else(|| text.clone(), |hint| format!("{text}\nhint: {hint}"))
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Problem::NoEnvironment { env, .. } if crate::config::is_name(env) => {
                return Some(format!("`orchestrator init --env {}` writes that file", crate::render::visible(env)));
            }
            Problem::NoEnvironment { .. } => "name one of those with --env",
            Problem::Config(_) | Problem::Plan(PlanError::Declare(_)) => {
                "correct the file and run the same command again; nothing was called"
            }
            Problem::Ledger(LedgerError::Locked { holder, .. }) => {
                let run = &holder.run;
                return Some(format!(
                    "wait for that run to end (`--wait 10m` does), or, if it cannot end any more, break its lock: `unlock {run}` with the same --env"
                ));
            }
            Problem::Ledger(LedgerError::Superseded { .. }) => "look what that run does with `status`, then run the same command again",
            Problem::Ledger(LedgerError::Damaged { .. }) => {
                "nothing was called; `doctor --rebuild` with the same --env moves it aside and writes a new one from the tags in AWS"
            }
            Problem::Ledger(LedgerError::Newer { .. }) => "update this tool",
            Problem::Left { .. } => "run `doctor --rebuild`, which makes them known, and then `destroy` again",
            Problem::Incomplete { .. } | Problem::Interrupted(_) => "run the same command again: it continues where it stopped",
            Problem::Ledger(LedgerError::Remote { fault, .. }) => fault.next_step(),
            Problem::Fault(fault) | Problem::Plan(PlanError::Observe { fault, .. } | PlanError::Defect(fault)) => fault.next_step(),
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// A setting above the tables that cannot work, with its file.
pub fn setting(key: &str, problem: &str, settings: &crate::config::Settings) -> Problem {
    Problem::Config(format!("{}: {key}: {problem}", settings.source_of(key)))
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Problem {
        match error {
            RebuildError::Plan(error) => error.into(),
            RebuildError::Ledger(error) => error.into(),
        }
    }
}

/// A declaration's error with the file of its key.
pub fn declare(error: DeclareError, settings: &crate::config::Settings) -> Problem {
    match error {
        DeclareError::Setting { key, problem } => {
            let file = settings.source_of(&key);
            Problem::Config(format!("{file}: {key}: {problem}"))
        }
        other => Problem::Plan(PlanError::Declare(other)),
    }
}

/// Why a layer cannot be declared, with the file of its key or the layer to deploy first.
pub fn layer(error: LayerError, settings: &crate::config::Settings) -> Problem {
    match error {
        LayerError::Declare(error) => declare(error, settings),
        LayerError::Fault(fault) => Problem::Fault(fault),
        LayerError::Upstream { layer, .. } => {
            let env = &settings.env;
            Problem::Stopped(format!(
                "{error}\nhint: run `orchestrator deploy --layer {layer} --env {env}` first, or deploy the whole stack"
            ))
        }
    }
}

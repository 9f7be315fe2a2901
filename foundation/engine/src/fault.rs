//! What went wrong at the seam, in terms that decide what happens next.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The class of a failure: it decides the exit code and the next step.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// Nothing of that identity exists.
    NotFound,
    /// Something of that name exists and is not ours.
    Foreign,
    /// AWS asked to slow down, for longer than the retries lasted.
    Throttled,
    /// The call may have been carried out: its answer was lost.
    InDoubt,
    /// Another object still uses this one, or it is in a state that refuses the call.
    Busy,
    /// The request is wrong: a name, a limit, a combination of settings.
    Invalid,
    /// A quota of the account is used up.
    Quota,
    /// Credentials are missing, expired or not allowed to do this.
    Denied,
    /// The wait ended before the state was reached.
    Timeout,
    /// The other end is broken or out of reach.
    Unavailable,
    /// What was found differs from what the plan promised.
    Stale,
    /// The run was cancelled.
    Cancelled,
    /// A defect of this tool.
    Bug,
}

/// A failure with its class, AWS's own code and request id, and a next step.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What kind of failure.
    pub class: Class,
    /// AWS's error code, for example `DependencyViolation`; empty when there was none.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// The call, for example `ec2:CreateVpc`; empty when it was none.
    pub call: String,
    /// AWS's request id, if it answered.
    pub request_id: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// What was seen of it, a line each: the last words of a container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detail: Vec<String>,
}

impl Fault {
    /// A fault of this class with this sentence.
    pub fn new(class: Class, message: impl Into<String>) -> Fault {
        Fault { class, code: String::new(), message: message.into(), call: String::new(), request_id: None, hint: None, detail: Vec::new() }
    }

    /// Adds a next step.
    pub fn hint(mut self, hint: impl Into<String>) -> Fault {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the call it came from.
    pub fn call(mut self, call: impl Into<String>) -> Fault {
        self.call = call.into();
        self
    }

    /// The code of a fault that came from a ledger which cannot be written.
    pub const LEDGER: &str = "LedgerNotWritten";

    /// The code of a fault that came from a ledger which another run has taken over.
    pub const SUPERSEDED: &str = "Superseded";

    /// The code of a call that was held back because what is known of the locks was heard too long ago.
    pub const OUTDATED: &str = "Outdated";

    /// Whether the run lost its ledger: it cannot write, or another run has taken over.
    pub fn is_ledger(&self) -> bool {
        [Fault::LEDGER, Fault::SUPERSEDED].contains(&self.code.as_str())
    }

    /// Whether nothing of that identity exists.
    pub fn is_not_found(&self) -> bool {
        self.class == Class::NotFound
    }

    /// Whether the credentials ended: no further call can succeed.
    pub fn is_expired(&self) -> bool {
        ["ExpiredToken", "ExpiredTokenException", "RequestExpired"].contains(&self.code.as_str())
    }

    /// What to do next: the fault's own hint or the one of its class.
    pub fn next_step(&self) -> &str {
        if let Some(hint) = &self.hint {
            return hint;
        }
        if self.is_expired() {
            return "get new credentials (for example `aws sso login`) and run the same command again; it continues where it stopped";
        }
        match self.class {
            Class::NotFound => "run `plan` to see what is missing, then `deploy` to create it again",
            Class::Foreign => "choose another name in the configuration, or remove the object that holds this one",
            Class::Throttled => "run the same command again in a minute; it continues where it stopped",
            Class::InDoubt => "run the same command again: it looks for the object before it creates anything",
            Class::Busy => "run the same command again when the object has settled",
            Class::Invalid => "correct the setting and run the same command again",
            Class::Quota => "ask AWS for a higher quota (Service Quotas) or free some of it, then run the command again",
            Class::Denied => "check the credentials (`aws sts get-caller-identity`) and their permissions",
            Class::Timeout => "look at the object in the AWS console, then run the same command again",
            Class::Unavailable => "check the network and https://health.aws.amazon.com, then run the command again",
            Class::Stale => "run `plan` again and look at what changed",
            Class::Cancelled => "run the same command again; it continues where it stopped",
            Class::Bug => "please report this with the run id",
        }
    }
}

//! What goes wrong, at which call: scripted, or seeded.

mod answer;
mod death;
mod script;

pub use answer::{error, truncated};
pub use death::Death;
pub use script::{Of, Weather};

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// AWS asks to slow down; nothing was done.
    Throttle,
    /// AWS answers 500; nothing was done.
    Http500,
    /// AWS answers 503; nothing was done.
    Http503,
    /// The connection is closed before the call was done.
    ResetBefore,
    /// The call was done and its answer lost.
    CommittedThenLost,
    /// The call was done and half of its answer came.
    TruncatedBody,
    /// Nothing was done, and no answer ever comes.
    Silence,
    /// The credentials may not do this.
    AccessDenied,
    /// The credentials have ended.
    ExpiredToken,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 9] = [
        Fault::Throttle,
        Fault::Http500,
        Fault::Http503,
        Fault::ResetBefore,
        Fault::CommittedThenLost,
        Fault::TruncatedBody,
        Fault::Silence,
        Fault::AccessDenied,
        Fault::ExpiredToken,
    ];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Fault::Throttle => "throttle",
            Fault::Http500 => "500",
            Fault::Http503 => "503",
            Fault::ResetBefore => "reset",
            Fault::CommittedThenLost => "lost",
            Fault::TruncatedBody => "truncated",
            Fault::Silence => "silence",
            Fault::AccessDenied => "denied",
            Fault::ExpiredToken => "expired",
        }
    }

    /// The fault of that name.
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }

    /// Whether the call is carried out all the same.
    pub fn commits(self) -> bool {
        matches!(self, Fault::CommittedThenLost | Fault::TruncatedBody)
    }
}

//! What the binary is beside a deployment tool.

use clap::{Subcommand, ValueEnum};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The tool itself.
#[derive(Clone, Debug, Subcommand)]
pub enum ToolCommand {
    /// Serve the embedded AWS over HTTP.
    Emulator {
        /// Where to listen.
        #[arg(long, default_value = "127.0.0.1:4566")]
        listen: SocketAddr,
    },
    /// Print what makes a shell complete commands, options, environments and layers.
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// Write the manual: a page for each command.
    Man {
        /// The directory to write to; it is made when it is missing.
        #[arg(long)]
        out: PathBuf,
    },
}

/// A shell that can complete.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// Fish.
    Fish,
    /// PowerShell.
    #[value(name = "powershell")]
    PowerShell,
}

impl Shell {
    /// Its name, as it is written on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
            Shell::PowerShell => "powershell",
        }
    }
}

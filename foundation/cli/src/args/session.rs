//! exec, tunnel, connect: the ways in.

use clap::{Subcommand, ValueEnum};

/// Get in.
#[derive(Clone, Debug, Subcommand)]
pub enum SessionCommand {
    /// Run a command in a running container, or open a shell there (`compute.exec`).
    Exec {
        /// The task's id or its beginning; the newest one that runs when none is given.
        #[arg(long)]
        task: Option<String>,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<String>,
    },
    /// Make something in the private network reachable on this machine until Ctrl-C, through the bastion or a task.
    Tunnel {
        /// What.
        #[arg(value_enum)]
        to: TunnelTo,
        /// The local port; the database's own when none is given.
        #[arg(long)]
        port: Option<u16>,
    },
    /// Open psql on the database, through a tunnel, with the password from SSM.
    Connect {
        /// The local port of the tunnel; a free one when none is given.
        #[arg(long)]
        port: Option<u16>,
        /// More arguments for psql.
        #[arg(last = true)]
        psql: Vec<String>,
    },
}

/// Where a tunnel leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum TunnelTo {
    /// The database.
    Database,
}

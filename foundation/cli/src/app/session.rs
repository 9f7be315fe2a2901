//! What is asked of a session with a task or the bastion, and what AWS's plugin needs for it.

use secrecy::SecretString;

/// Where a session leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into a container, to run this.
    Into {
        /// The task's id or its beginning.
        task: Option<String>,
        /// One line for the container.
        command: String,
    },
    /// To the database, which then listens on this local port.
    Database {
        /// The local port.
        port: u16,
    },
}

/// An open session: what `session-manager-plugin` is told.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// AWS's answer, with the token that lets one in.
    pub response: SecretString,
    /// What was asked, as JSON.
    pub request: String,
    /// The region.
    pub region: String,
    /// Where Session Manager is.
    pub endpoint: String,
    /// What it goes through, in words.
    pub through: String,
}

/// Where the database is, and who logs in.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its host in the private network.
    pub host: String,
    /// The port there.
    pub port: u16,
    /// The database.
    pub name: String,
    /// The user.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

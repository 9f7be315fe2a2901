//! exec, tunnel, connect: the ways in, each through AWS's Session Manager plugin.

mod plugin;

use super::context::Context;
use crate::app::{App, Session, Way};
use crate::args::SessionCommand;
use crate::document;
use crate::out::{note, tell};
use crate::problem::{EXIT_INTERRUPTED, Problem};
use crate::store;
use engine::LayerName;
use engine::ledger::Folded;
use plugin::Asked;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::ExitCode;

/// What an environment without containers says.
const NOBODY: &str = "this environment is in the embedded AWS, which runs no containers: there is nobody to get in to\nhint: name an \
                      environment in AWS with --env";

/// Runs one of these commands; the exit code is that of what ran.
pub(super) async fn run(at: &Context<'_, impl App>, command: &SessionCommand) -> Result<ExitCode, Problem> {
    if at.settings.top.embedded && at.endpoint_url().is_none() {
        return Err(Problem::Stopped(NOBODY.into()));
    }
    // Before anything is opened that would have to be closed again.
    plugin::check()?;
    let memory = store::memory(at.store).await?;
    let ways = Ways { at, memory: &memory };
    match command {
        SessionCommand::Exec { task, command } => ways.exec(task.clone(), command).await,
        SessionCommand::Tunnel { to: _, port } => ways.tunnel(*port).await,
        SessionCommand::Connect { port, psql } => ways.connect(*port, psql).await,
    }
}

struct Ways<'a, A> {
    at: &'a Context<'a, A>,
    memory: &'a BTreeMap<LayerName, Folded>,
}

impl<A: App> Ways<'_, A> {
    async fn open(&self, way: &Way) -> Result<Session, Problem> {
        self.at.app.open_session(self.at.looking(self.memory), way).await
    }

    /// A session that its own end did not close is closed by AWS after a while.
    async fn close(&self, session: &Session) {
        self.at.app.close_session(self.at.looking(self.memory), &session.id).await.ok();
    }

    async fn exec(&self, task: Option<String>, command: &[String]) -> Result<ExitCode, Problem> {
        let mut asked = Asked::listen()?;
        let session = self.open(&Way::Into { task, command: line(command) }).await?;
        let ended = match plugin::here(&session) {
            Ok(mut running) => tokio::select! {
                ended = running.ended() => ended.map(|status| ExitCode::from(plugin::code(status))),
                () = asked.end() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
            },
            Err(problem) => Err(problem),
        };
        self.close(&session).await;
        ended
    }

    async fn tunnel(&self, port: Option<u16>) -> Result<ExitCode, Problem> {
        let mut asked = Asked::listen()?;
        let port = match port {
            Some(port) => port,
            None => self.at.app.database_port(self.at.looking(self.memory)).await?,
        };
        free(port)?;
        let session = self.open(&Way::Database { port }).await?;
        let ended = self.forward(&session, port, &mut asked).await;
        self.close(&session).await;
        ended
    }

    async fn forward(&self, session: &Session, port: u16, asked: &mut Asked) -> Result<ExitCode, Problem> {
        let mut running = tokio::select! {
            running = plugin::tunnel(session) => running?,
            () = asked.any() => return Ok(ExitCode::from(EXIT_INTERRUPTED)),
        };
        let (host, through) = ("127.0.0.1".to_owned(), session.through.clone());
        if self.at.json() {
            document::write(document::Tunnel { host, port, through, session: session.id.clone() });
        } else {
            tell!("the database listens on {host}:{port} until Ctrl-C (through {through})");
        }
        tokio::select! {
            ended = running.ended() => {
                let code = plugin::code(ended?);
                note!("the tunnel has ended");
                Ok(ExitCode::from(code))
            }
            // Whoever ends a tunnel has had what it was for.
            () = asked.any() => Ok(ExitCode::SUCCESS),
        }
    }

    async fn connect(&self, port: Option<u16>, more: &[String]) -> Result<ExitCode, Problem> {
        let mut asked = Asked::listen()?;
        let login = self.at.app.login(self.at.looking(self.memory)).await?;
        let port = free(port.unwrap_or(0))?;
        let session = self.open(&Way::Database { port }).await?;
        let ended = async {
            let tunnel = tokio::select! {
                tunnel = plugin::tunnel(&session) => tunnel?,
                () = asked.any() => return Ok(ExitCode::from(EXIT_INTERRUPTED)),
            };
            let mut psql = plugin::psql(&login, port, more)?;
            let ended = tokio::select! {
                ended = psql.running.ended() => ended.map(|status| ExitCode::from(plugin::code(status))),
                () = asked.end() => Ok(ExitCode::from(EXIT_INTERRUPTED)),
            };
            drop((psql, tunnel));
            ended
        };
        let ended = ended.await;
        self.close(&session).await;
        ended
    }
}

/// The local port, if it is free; a free one for 0.
fn free(port: u16) -> Result<u16, Problem> {
    let taken =
        |error: std::io::Error| Problem::Stopped(format!("127.0.0.1:{port} cannot be listened on: {error}\nhint: choose another --port"));
    TcpListener::bind(("127.0.0.1", port)).and_then(|listener| listener.local_addr()).map(|at| at.port()).map_err(taken)
}

/// The words as one line that a shell takes apart as they were given. A single word is a line already.
fn line(words: &[String]) -> String {
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c));
    let quoted = |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
    match words {
        [line] => line.clone(),
        words => words.iter().map(quoted).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_words() {
        let words = |words: &[&str]| line(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words(&["sh"]), "sh");
        assert_eq!(words(&["ls | wc -l"]), "ls | wc -l");
        assert_eq!(words(&["python", "-c", "print('a b')"]), "python -c 'print('\\''a b'\\'')'");
        assert_eq!(words(&["echo", ""]), "echo ''");
    }
}

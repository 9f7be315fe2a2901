//! Other programs that a session needs: AWS's Session Manager plugin and psql. They are children of this process and end with it.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html>

use crate::app::{Login, Session};
use crate::commands::stop::on;
use crate::problem::Problem;
use secrecy::ExposeSecret;
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind};
use tokio::sync::mpsc;

const PLUGIN: &str = "session-manager-plugin";
const INSTALL: &str = "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html";
/// Newer ones take the session's token from an environment variable. Older ones take it as an argument, which everybody on the machine
/// can read.
const TOKEN_IN_ARGUMENTS: [u32; 4] = [1, 2, 497, 0];
/// The variable in which AWS's own command line hands it over.
const RESPONSE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// How long a tunnel may take until it listens.
const LISTENS_WITHIN: Duration = Duration::from_secs(30);
/// How often a child is looked at.
const LOOK: Duration = Duration::from_millis(20);

fn cannot(program: &str, error: &std::io::Error) -> Problem {
    Problem::Io(format!("{program} cannot be run: {error}"))
}

/// How the plugin is installed here.
fn install() -> String {
    let line = match std::env::consts::OS {
        "macos" => "brew install --cask session-manager-plugin".to_owned(),
        _ => {
            let arm = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "64bit" };
            let package =
                format!("https://s3.amazonaws.com/session-manager-downloads/plugin/latest/ubuntu_{arm}/session-manager-plugin.deb");
            format!("curl -fsSLO {package} && sudo dpkg -i session-manager-plugin.deb")
        }
    };
    format!("{line}\n  (other systems: {INSTALL})")
}

/// Whether the plugin is there and takes tokens without showing them.
///
/// # Errors
/// [`Problem::Stopped`] with the line that installs it.
pub(super) fn check() -> Result<(), Problem> {
    let told = match Command::new(PLUGIN).arg("--version").stdin(Stdio::null()).output() {
        Ok(told) => String::from_utf8_lossy(&told.stdout).trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let problem = format!("{PLUGIN}, AWS's program for sessions, is not installed\nhint: {}", install());
            return Err(Problem::Stopped(problem));
        }
        Err(error) => return Err(cannot(PLUGIN, &error)),
    };
    if is_newer(&told) {
        return Ok(());
    }
    let problem = format!("{PLUGIN} {told} takes a session's token only as an argument that everybody on this machine can read");
    Err(Problem::Stopped(format!("{problem}\nhint: install a newer one: {}", install())))
}

fn is_newer(version: &str) -> bool {
    let parts: Vec<u32> = version.split('.').map_while(|part| part.trim().parse().ok()).collect();
    parts.as_slice() > TOKEN_IN_ARGUMENTS.as_slice()
}

/// A child that ends with its handle.
pub(super) struct Running {
    child: Child,
    name: &'static str,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Running {
    fn start(mut command: Command, name: &'static str) -> Result<Running, Problem> {
        command.spawn().map(|child| Running { child, name }).map_err(|error| cannot(name, &error))
    }

    fn poll(&mut self) -> Result<Option<ExitStatus>, Problem> {
        self.child.try_wait().map_err(|error| cannot(self.name, &error))
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus, Problem> {
        loop {
            if let Some(status) = self.poll()? {
                return Ok(status);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The exit code of a child as a shell tells it.
pub(super) fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(1)
}

fn command(session: &Session) -> Command {
    let mut command = Command::new(PLUGIN);
    let profile = std::env::var("AWS_PROFILE").unwrap_or_default();
    command.args([RESPONSE, &session.region, "StartSession", &profile, &session.request, &session.endpoint]);
    command.env(RESPONSE, session.response.expose_secret());
    command
}

/// Opens a session on this terminal.
pub(super) fn here(session: &Session) -> Result<Running, Problem> {
    Running::start(command(session), PLUGIN)
}

/// Opens a session that forwards a port, and waits until it listens.
pub(super) async fn tunnel(session: &Session) -> Result<Running, Problem> {
    let mut command = command(session);
    // Not in the terminal's foreground: Ctrl-C is for whoever uses the tunnel.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut running = Running::start(command, PLUGIN)?;
    let (told, mut says) = mpsc::unbounded_channel();
    if let Some(out) = running.child.stdout.take() {
        // Read to its end, so that it never has to wait for somebody who reads.
        std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).for_each(|line| drop(told.send(line))));
    }
    let mut said = String::new();
    let listens = async {
        while let Some(line) = says.recv().await {
            if line.contains("Waiting for connections") {
                return true;
            }
            said = format!("{said}\n  {line}");
        }
        false
    };
    match tokio::time::timeout(LISTENS_WITHIN, listens).await {
        Ok(true) => Ok(running),
        Ok(false) => Err(Problem::Io(format!("{PLUGIN} ended before the tunnel listened:{said}"))),
        Err(_) => Err(Problem::Io(format!("the tunnel does not listen after {} s:{said}", LISTENS_WITHIN.as_secs()))),
    }
}

/// psql on the local end of a tunnel. The password is in a file that only this user can read and that goes with the handle.
pub(super) struct Psql {
    pub(super) running: Running,
    /// Gone when it is dropped.
    _password: tempfile::NamedTempFile,
}

/// Starts psql.
pub(super) fn psql(login: &Login, port: u16, more: &[String]) -> Result<Psql, Problem> {
    let file = password_file(login, port).map_err(|error| Problem::Io(format!("the password cannot be handed to psql: {error}")))?;
    let mut command = Command::new("psql");
    // The name is the database's own, so that its certificate fits; the address is the tunnel's end.
    command.arg("--no-password").args(more).env_remove("PGPASSWORD").env_remove("PGSERVICE");
    command.env("PGHOST", &login.host).env("PGHOSTADDR", "127.0.0.1").env("PGPORT", port.to_string());
    command.env("PGDATABASE", &login.name).env("PGUSER", &login.user).env("PGPASSFILE", file.path());
    if std::env::var_os("PGSSLMODE").is_none() {
        command.env("PGSSLMODE", "require");
    }
    match command.spawn() {
        Ok(child) => Ok(Psql { running: Running { child, name: "psql" }, _password: file }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let line = if cfg!(target_os = "macos") { "brew install libpq" } else { "sudo apt install postgresql-client" };
            Err(Problem::Stopped(format!("psql is not installed\nhint: {line}")))
        }
        Err(error) => Err(cannot("psql", &error)),
    }
}

/// <https://www.postgresql.org/docs/current/libpq-pgpass.html>
fn password_file(login: &Login, port: u16) -> std::io::Result<tempfile::NamedTempFile> {
    // Kept in memory where the system has such a place for its users.
    let dir = std::env::var_os("XDG_RUNTIME_DIR").map(std::path::PathBuf::from).filter(|dir| dir.is_dir());
    let mut builder = tempfile::Builder::new();
    let builder = builder.prefix("orchestrator-");
    let mut file = match dir.map(|dir| builder.tempfile_in(dir)) {
        Some(Ok(file)) => file,
        _ => builder.tempfile()?,
    };
    let part = |text: &str| text.replace('\\', "\\\\").replace(':', "\\:");
    let (host, name, user) = (part(&login.host), part(&login.name), part(&login.user));
    writeln!(file, "{host}:{port}:{name}:{user}:{}", part(login.password.expose_secret()))?;
    file.flush()?;
    Ok(file)
}

/// What asks this process to end while a child runs. None of it ends the process by itself any more: something must be cleared away.
pub(super) struct Asked {
    signals: [Signal; 3],
    interrupt: Signal,
}

impl Asked {
    pub(super) fn listen() -> Result<Asked, Problem> {
        let signals = [on(SignalKind::terminate())?, on(SignalKind::hangup())?, on(SignalKind::quit())?];
        Ok(Asked { signals, interrupt: on(SignalKind::interrupt())? })
    }

    /// Waits until this process is asked to end; Ctrl-C is the child's to understand.
    pub(super) async fn end(&mut self) {
        let [terminate, hangup, quit] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }

    /// Waits for that, or for Ctrl-C.
    pub(super) async fn any(&mut self) {
        let [terminate, hangup, quit] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_that_shows_tokens_is_too_old() {
        for (version, newer) in
            [("1.2.497.0", false), ("1.2.339.0", false), ("1.2.536.0", true), ("1.10.0.0", true), ("2.0", true), ("", false)]
        {
            assert_eq!(is_newer(version), newer, "{version}");
        }
    }

    #[test]
    fn the_password_file_is_the_users_own_and_goes() {
        use std::os::unix::fs::PermissionsExt;
        let password = "a:b\\c".to_owned().into();
        let login = Login { host: "db.example".into(), port: 5432, name: "app".into(), user: "app".into(), password };
        let file = password_file(&login, 15432).unwrap();
        let path = file.path().to_owned();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "db.example:15432:app:app:a\\:b\\\\c\n");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert!(!path.exists());
    }
}

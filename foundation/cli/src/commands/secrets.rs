//! secrets: list, history, set, rotate, reveal; and what a deploy finishes of them.

use super::context::Context;
use super::run::{Ending, Run};
use super::stop::confirmed;
use crate::app::{App, Changing, Finishing, NewValue, Part, SecretChanged, SecretState};
use crate::args::{SecretCommand, SecretsCommand};
use crate::document::{self, Revealed, SecretVersions, Secrets};
use crate::out::{note, tell};
use crate::problem::Problem;
use crate::{render, store};
use engine::{LayerName, Sink};
use secrecy::{ExposeSecret, SecretString};
use std::io::{IsTerminal, Read};
use std::time::Duration;
use zeroize::Zeroize;

/// The longest value that SSM's standard tier keeps, in bytes; a longer text is no secret that was meant.
const LONGEST: u64 = 4096;

/// Runs one of these commands.
pub(super) async fn run(at: &Context<'_, impl App>, command: &SecretCommand) -> Result<(), Problem> {
    let SecretCommand::Secrets { what } = command;
    match what {
        SecretsCommand::List => list(at).await,
        SecretsCommand::History { name } => history(at, name).await,
        SecretsCommand::Set { name, stdin, wait } => {
            let value = asked(name, *stdin).await?;
            change(at, "secrets set", name, NewValue::Given(value), *wait).await
        }
        SecretsCommand::Rotate { name, wait } => change(at, "secrets rotate", name, NewValue::Generated, *wait).await,
        SecretsCommand::Reveal { name, yes } => reveal(at, name, *yes).await,
    }
}

async fn list(at: &Context<'_, impl App>) -> Result<(), Problem> {
    let memory = store::memory(at.store).await?;
    let secrets = at.app.secrets(at.looking(&memory)).await?;
    if at.json() {
        document::write(Secrets { env: at.settings.env.clone(), secrets });
        return Ok(());
    }
    let mut table = render::table(["name", "variable", "version", "age", "due", "read by"]);
    let day = |text: &str| text.split('T').next().unwrap_or_default().to_owned();
    for it in &secrets {
        let SecretState { name, variable, version, age_days, readers, due, overdue, .. } = it;
        let version = version.map_or_else(|| "not deployed".to_owned(), |number| number.to_string());
        let age = age_days.map_or_else(String::new, |days| if days == 1 { "1 day".to_owned() } else { format!("{days} days") });
        let due = due.as_deref().map_or_else(|| "no policy".to_owned(), |due| day(due) + if *overdue { " OVERDUE" } else { "" });
        table.add_row([name.clone(), variable.clone(), version, age, due, readers.join(", ")]);
    }
    tell!("{table}");
    for it in &secrets {
        if let Some(unfinished) = &it.unfinished {
            note!("warning: {}: {unfinished} was not finished; the same command or `deploy` finishes it", it.name);
        }
        if it.overdue {
            note!("hint: `secrets rotate {} --env {}`", it.name, at.settings.env);
        }
    }
    Ok(())
}

async fn history(at: &Context<'_, impl App>, name: &str) -> Result<(), Problem> {
    let memory = store::memory(at.store).await?;
    let looking = at.looking(&memory);
    let versions = at.app.secret_history(looking, name).await?;
    if at.json() {
        document::write(SecretVersions { env: at.settings.env.clone(), name: name.to_owned(), versions });
        return Ok(());
    }
    let mut table = render::table(["version", "at", "by", "run"]);
    for it in versions {
        table.add_row([it.version.to_string(), it.at.unwrap_or_default(), it.by.unwrap_or_default(), it.run.unwrap_or_default()]);
    }
    tell!("{table}");
    Ok(())
}

/// Shows a value: on standard output, which may be a pipe to what needs it, and says on the other one that it was shown.
async fn reveal(at: &Context<'_, impl App>, name: &str, yes: bool) -> Result<(), Problem> {
    let memory = store::memory(at.store).await?;
    let looking = at.looking(&memory);
    // A name that is none is told before anybody is asked.
    at.app.secret_history(looking, name).await?;
    if !yes && !confirmed("The value will be shown. Show it?").await? {
        return Err(Problem::Declined);
    }
    let (value, version) = at.app.reveal_secret(looking, name).await?;
    if at.json() {
        let (env, name, value) = (at.settings.env.clone(), name.to_owned(), value.expose_secret().to_owned());
        document::write(Revealed { env, name, secret_version: version, value });
    } else {
        tell!("{}", value.expose_secret());
    }
    note!("the value of {name} (version {version}) was shown");
    Ok(())
}

/// The value that somebody types or pipes. It is never an argument: those are seen by everybody on the machine.
async fn asked(name: &str, stdin: bool) -> Result<SecretString, Problem> {
    let (typed, prompt) = (!stdin && std::io::stdin().is_terminal(), format!("The new value of {name} (it is not shown): "));
    let (answer, told) = tokio::sync::oneshot::channel();
    // A thread of its own: a signal must not have to wait for the end of the line.
    std::thread::spawn(move || answer.send(if typed { ask(&prompt) } else { piped() }).ok());
    let value = told.await.unwrap_or_else(|_| Err(Problem::Io("the value could not be read".into())))?;
    if value.expose_secret().is_empty() {
        return Err(Problem::Stopped("the value is empty: nothing was changed".into()));
    }
    Ok(value)
}

fn ask(prompt: &str) -> Result<SecretString, Problem> {
    let unreadable = |error: std::io::Error| Problem::Io(format!("the value cannot be read from the terminal: {error}"));
    let value = SecretString::from(rpassword::prompt_password(prompt).map_err(unreadable)?);
    let again = SecretString::from(rpassword::prompt_password("Once more: ").map_err(unreadable)?);
    if value.expose_secret() == again.expose_secret() {
        return Ok(value);
    }
    Err(Problem::Stopped("the two differ: nothing was changed".into()))
}

fn piped() -> Result<SecretString, Problem> {
    let mut bytes = Vec::with_capacity(LONGEST as usize + 2);
    std::io::stdin()
        .take(LONGEST + 2)
        .read_to_end(&mut bytes)
        .map_err(|error| Problem::Io(format!("the value cannot be read: {error}")))?;
    let text =
        std::str::from_utf8(&bytes).map(|text| text.strip_suffix('\n').unwrap_or(text)).map(|text| text.strip_suffix('\r').unwrap_or(text));
    let value = text.map(SecretString::from);
    bytes.zeroize();
    let value = value.map_err(|_| Problem::Stopped("the value is not UTF-8: nothing was changed".into()))?;
    if value.expose_secret().len() as u64 > LONGEST {
        return Err(Problem::Stopped(format!("the value has more than {LONGEST} bytes, and SSM keeps no more: nothing was changed")));
    }
    Ok(value)
}

/// The layers that a change touches.
fn layers(at: &Context<'_, impl App>, name: &str) -> Vec<LayerName> {
    let database = name.to_lowercase().contains("database");
    let touched = [Some(LayerName::Secrets), database.then_some(LayerName::Database), Some(LayerName::Compute)];
    let known = at.app.layers();
    touched.into_iter().flatten().filter(|layer| known.contains(layer)).collect()
}

async fn change(at: &Context<'_, impl App>, command: &'static str, name: &str, value: NewValue, wait: Duration) -> Result<(), Problem> {
    let run = Run::begin(at, &layers(at, name), command, wait).await?;
    let changed = under_lock(at, &run, name, value).await;
    if let Ok(changed) = &changed
        && !at.json()
    {
        tell!("{}", told(changed));
    }
    run.end(changed).await.map(drop)
}

async fn under_lock(at: &Context<'_, impl App>, run: &Run, name: &str, value: NewValue) -> Result<SecretChanged, Problem> {
    let (settings, endpoint_url, ledgers, guard) = (at.settings, at.endpoint_url(), &run.ledgers, &run.guard);
    let work = |sink: Sink| async move {
        let asked = Changing { settings, endpoint_url, name, value, run: &run.id, ledgers, guard, sink: &sink };
        let interrupted = async {
            run.stop.cancel.cancelled().await;
            sink.warn("interrupted: a change of a secret is not left half done, so it goes on (again to leave at once; the same command or `deploy` finishes it)");
            std::future::pending().await
        };
        // What is in flight is never dropped: the other branch has no end.
        tokio::select! {
            changed = at.app.change_secret(asked) => changed,
            changed = interrupted => changed,
        }
    };
    let ending = |changed: &Result<SecretChanged, Problem>| {
        let ok = changed.is_ok();
        let summary = changed.as_ref().map_or_else(ToString::to_string, told);
        Some(Ending { ok, done: usize::from(ok), failed: usize::from(!ok), skipped: 0, summary, noted: true })
    };
    run.carry_out(at, false, work, ending).await
}

fn told(changed: &SecretChanged) -> String {
    let SecretChanged { name, version, before, database, restarted, resumed } = changed;
    let mut text = format!("{name} has version {version} (before: {before})");
    text += if *database { ", in SSM and in the database" } else { ", in SSM" };
    text += if *restarted { "; the tasks were started with it" } else { "; no task reads it" };
    if *resumed { text + " (an earlier run had begun this)" } else { text }
}

/// Whether a change of a secret was begun and not ended, which this run can finish.
pub(super) fn unfinished(run: &Run) -> bool {
    run.ledgers.get(&LayerName::Secrets).is_some_and(|ledger| !ledger.folded().underway.is_empty())
}

/// Finishes a part of what an earlier run began.
pub(super) async fn finish(at: &Context<'_, impl App>, run: &Run, part: Part, sink: &Sink) -> Result<(), Problem> {
    if !unfinished(run) {
        return Ok(());
    }
    let (settings, endpoint_url, ledgers, guard) = (at.settings, at.endpoint_url(), &run.ledgers, &run.guard);
    at.app.finish_secrets(Finishing { settings, endpoint_url, part, ledgers, guard, sink }).await
}

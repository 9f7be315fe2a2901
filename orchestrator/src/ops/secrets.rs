//! secrets: who reads them and how old they are, their versions, their values, and another value.

use super::rotate::{How, Next, Rotation, State};
use crate::connect::connect;
use aws::Aws;
use cli::app::{Changing, Finishing, Looking, NewValue, Part, SecretChanged, SecretState, SecretVersion};
use cli::{Problem, Settings};
use contract::Names;
use engine::ledger::{Folded, Guard};
use engine::{LayerName, Sink};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use secrets::{Known, Values};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds that hold the value of a secret that they read; others only name it.
const READERS: [&str; 2] = ["db_instance", "task_definition"];
const DAY: f64 = 86_400.0;

/// The secrets that the settings declare.
fn declared(settings: &Settings) -> Result<Vec<Known>, Problem> {
    let told = |error| cli::problem::declare(error, settings);
    let names = Names::new(&settings.top.stack, &settings.env).map_err(told)?;
    let config: secrets::Config = settings.table(LayerName::Secrets.as_str())?;
    config.check().map_err(told)?;
    Ok(secrets::known(&config, &names))
}

fn called(settings: &Settings, name: &str) -> Result<Known, Problem> {
    let all = declared(settings)?;
    let names = all.iter().map(|it| if it.is_database() { "database" } else { it.variable.as_str() }).collect::<Vec<_>>().join(", ");
    let unknown = || Problem::Config(format!("there is no secret `{name}` in {} (there are: {names})", settings.env));
    all.into_iter().find(|it| it.is_called(name)).ok_or_else(unknown)
}

fn time(seconds: f64) -> Option<Timestamp> {
    Timestamp::from_millisecond((seconds * 1000.0) as i64).ok()
}

/// Every declared secret.
pub(crate) async fn list(aws: &Aws, asked: Looking<'_>) -> Result<Vec<SecretState>, Problem> {
    let all = declared(asked.settings)?;
    let parameters: Vec<String> = all.iter().map(|it| it.parameter.clone()).collect();
    let present = Values(aws).present(&parameters).await?;
    let now = engine::settle::now();
    let state = |it: &Known| {
        let version = present.get(&it.parameter);
        let changed = version.and_then(|version| version.at);
        let due = changed.zip(it.rotate_after_days).map(|(at, days)| at + f64::from(days) * DAY);
        SecretState {
            name: it.what.clone(),
            variable: it.variable.clone(),
            parameter: it.parameter.clone(),
            version: version.map(|version| version.number),
            changed: changed.and_then(time).map(|at| at.to_string()),
            age_days: changed.map(|at| ((now - at).max(0.0) / DAY) as u64),
            readers: readers(asked.memory, it),
            due: due.and_then(time).and_then(|at| at.round(jiff::Unit::Second).ok()).map(|at| at.to_string()),
            overdue: due.is_some_and(|due| due <= now),
            unfinished: unfinished(asked.memory, it),
        }
    };
    Ok(all.iter().map(state).collect())
}

/// Who has its value, as the ledgers know.
fn readers(memory: &BTreeMap<LayerName, Folded>, secret: &Known) -> Vec<String> {
    let at = secret.address();
    let rows = memory.values().flat_map(|folded| folded.rows.values());
    let reads = rows.filter(|row| READERS.contains(&row.kind.as_str()) && row.reads.contains(&at));
    reads.map(|row| row.who.address.to_string()).collect::<BTreeSet<_>>().into_iter().collect()
}

fn verb(how: How) -> &'static str {
    match how {
        How::Rotate => "secrets rotate",
        How::Set => "secrets set",
    }
}

fn unfinished(memory: &BTreeMap<LayerName, Folded>, secret: &Known) -> Option<String> {
    let state = memory.get(&LayerName::Secrets)?.underway.get(&secret.what)?;
    let State { run, at, how, version, .. } = serde_json::from_value(state.clone()).ok()?;
    Some(format!("`{}` to version {version} of run {run} (since {at})", verb(how)))
}

/// Its versions, with the runs that the ledger knows them from.
pub(crate) async fn history(asked: Looking<'_>, name: &str) -> Result<Vec<SecretVersion>, Problem> {
    let secret = called(asked.settings, name)?;
    let aws = connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
    let folded = asked.memory.get(&LayerName::Secrets);
    let ended = folded.into_iter().flat_map(|folded| &folded.ended).filter(|it| it.task == secret.what).map(|it| &it.outcome);
    let open = folded.and_then(|folded| folded.underway.get(&secret.what));
    let told: Vec<State> = ended.chain(open).filter_map(|state| serde_json::from_value(state.clone()).ok()).collect();
    let run = |version: i64| {
        let state = told.iter().rfind(|state| state.version == version)?;
        Some(format!("{} ({}, {})", state.run, verb(state.how), state.at))
    };
    let versions = Values(&aws).history(&secret.parameter).await?.into_iter();
    Ok(versions
        .map(|it| SecretVersion { version: it.number, at: it.at.and_then(time).map(|at| at.to_string()), by: it.by, run: run(it.number) })
        .collect())
}

/// Its value.
pub(crate) async fn reveal(asked: Looking<'_>, name: &str) -> Result<(SecretString, i64), Problem> {
    let secret = called(asked.settings, name)?;
    let aws = connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
    Ok(Values(&aws).read(&secret.parameter, 0, &Sink::none().ticks(&secret.address())).await?)
}

/// What AWS would refuse, or what no environment variable can hold.
fn check(secret: &Known, value: &SecretString) -> Result<(), Problem> {
    let text = value.expose_secret();
    let problem = match () {
        () if secret.is_database() => database::password::problem(value),
        () if text.is_empty() || text.len() > 4096 => Some("SSM keeps 1 to 4096 bytes"),
        () if text.contains('\0') => Some("an environment variable holds no NUL"),
        () => None,
    };
    problem.map_or(Ok(()), |problem| {
        Err(Problem::Stopped(format!("the value of {} cannot be used: {problem}; nothing was changed", secret.what)))
    })
}

/// Gives it another value.
pub(crate) async fn change(asked: Changing<'_>) -> Result<SecretChanged, Problem> {
    let secret = called(asked.settings, asked.name)?;
    let next = match asked.value {
        NewValue::Generated => Next::Generated,
        NewValue::Given(value) => {
            check(&secret, &value)?;
            Next::Given(value)
        }
    };
    let aws = connect(asked.settings, asked.endpoint_url, asked.guard).await?;
    let rotation = Rotation { aws: &aws, secret: &secret, ledgers: asked.ledgers, sink: asked.sink, run: asked.run };
    Ok(rotation.change(next).await?)
}

/// Finishes what earlier runs began, as far as this run holds the locks for it.
pub(crate) async fn finish(asked: Finishing<'_>) -> Result<(), Problem> {
    let Some(ledger) = asked.ledgers.get(&LayerName::Secrets) else { return Ok(()) };
    let aws = connect(asked.settings, asked.endpoint_url, asked.guard).await?;
    let underway = ledger.folded().underway;
    for secret in declared(asked.settings)?.iter().filter(|secret| underway.contains_key(&secret.what)) {
        let needs =
            [LayerName::Database, LayerName::Compute].into_iter().filter(|layer| *layer == LayerName::Compute || secret.is_database());
        if needs.into_iter().any(|layer| !asked.ledgers.contains_key(&layer)) {
            if asked.part == Part::After {
                asked
                    .sink
                    .warn(format!("a change of {} is not finished: a deploy of the whole stack, or the same command, does", secret.what));
            }
            continue;
        }
        let rotation = Rotation { aws: &aws, secret, ledgers: asked.ledgers, sink: asked.sink, run: "" };
        match asked.part {
            Part::Before => rotation.apply_begun().await?,
            Part::After => drop(rotation.change(Next::Begun).await?),
        }
    }
    Ok(())
}

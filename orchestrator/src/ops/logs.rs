//! logs: from the names of the ledgers to the observability layer.

use crate::connect::connect;
use cli::Problem;
use cli::app::{Exported, Exporting, LogsOf, Reading};
use cli::args::Service;
use contract::Names;
use engine::LayerName;
use engine::ledger::{Folded, Guard};
use engine::log::Queried;
use observability::logs::export::Export;
use observability::logs::{Of, groups, lines, query};

/// The log groups of a service, as they were deployed.
fn named(of: &LogsOf<'_>) -> Result<Vec<String>, Problem> {
    let whose = match of.service {
        Service::App => Of::App,
        Service::Exec => Of::Exec,
        Service::Database => Of::Database,
        Service::Flow => Of::Flow,
    };
    let none = Folded::default();
    Ok(groups(of.looking.memory.get(&LayerName::Observability).unwrap_or(&none), whose)?)
}

/// From when until now, in seconds since 1970.
fn span(of: &LogsOf<'_>) -> (f64, f64) {
    let now = engine::settle::now();
    ((now - of.since.as_secs_f64()).max(0.0), now)
}

fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0) as i64
}

/// Reads lines.
pub(crate) async fn read(asked: Reading<'_>) -> Result<(), Problem> {
    let (of, groups) = (asked.of, named(&asked.of)?);
    let aws = connect(of.looking.settings, of.looking.endpoint_url, &Guard::default()).await?;
    let reading = lines::Reading { aws: &aws, groups: &groups, from: ms(span(&of).0), filter: asked.filter };
    let read = if asked.follow { reading.follow(&asked.lines).await } else { reading.once(&asked.lines).await };
    Ok(read?)
}

/// Runs a saved query; one that is interrupted is stopped.
pub(crate) async fn query(of: LogsOf<'_>, name: &str) -> Result<Queried, Problem> {
    let settings = of.looking.settings;
    let names = Names::new(&settings.top.stack, &settings.env).map_err(|error| cli::problem::declare(error, settings))?;
    let aws = connect(settings, of.looking.endpoint_url, &Guard::default()).await?;
    let (from, to) = span(&of);
    let running = query::start(&aws, &names, name, (from as i64, to.ceil() as i64)).await?;
    tokio::select! {
        found = running.found() => Ok(found?),
        () = of.cancel.cancelled() => {
            running.stop().await?;
            Err(Problem::Interrupted("the query was stopped".into()))
        }
    }
}

/// Exports one group after the other; one that is interrupted is cancelled.
pub(crate) async fn export(asked: Exporting<'_>) -> Result<Vec<Exported>, Problem> {
    let (of, groups) = (asked.of, named(&asked.of)?);
    let aws = connect(of.looking.settings, of.looking.endpoint_url, &Guard::default()).await?;
    let (from, to) = span(&of);
    let name = format!("orchestrator-{}", ms(to));
    let interrupted = |it: &str| Problem::Interrupted(format!("the export of {it} was cancelled"));
    let mut exported = Vec::new();
    for group in groups {
        let (bucket, prefix) = (asked.bucket, asked.prefix);
        let export = Export { aws: &aws, group: &group, from: ms(from), to: ms(to), bucket, prefix, name: &name };
        let id = tokio::select! {
            // An order that is on its way is never dropped: it is known whether it was taken.
            biased;
            id = export.begin() => id?,
            () = of.cancel.cancelled() => return Err(interrupted(&group)),
        };
        let place = tokio::select! {
            place = export.ended(&id) => place?,
            () = of.cancel.cancelled() => {
                export.cancel(&id).await?;
                return Err(interrupted(&group));
            }
        };
        exported.push(Exported { group, place });
    }
    Ok(exported)
}

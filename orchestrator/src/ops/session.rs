//! exec, tunnel, connect: who is reached through whom.

use crate::connect::connect;
use aws::Aws;
use aws::session::{self, Opened};
use cli::app::{Login, Looking, Session, Way};
use cli::{Problem, Settings};
use compute::exec::Place;
use compute::kinds::EcsService;
use contract::Database;
use database::kinds::DbInstance;
use engine::ledger::{Folded, Guard};
use engine::sign::objects;
use engine::{Address, Class, Fault, LayerName, Resource, Sink};
use secrets::Values;
use std::collections::BTreeMap;

/// What is remembered of the newest object of a kind.
fn newest<R: Resource>(memory: &BTreeMap<LayerName, Folded>, layer: LayerName) -> Option<(R, R::Output)> {
    memory.get(&layer).and_then(|folded| objects::<R>(folded).last())
}

fn never(what: &str, settings: &Settings) -> Fault {
    let env = &settings.env;
    Fault::new(Class::Stale, format!("{what} was never deployed to `{env}`")).hint(format!("run `deploy --env {env}` first"))
}

fn place<'a>(asked: &Looking<'a>, aws: &'a Aws, service: &'a EcsService) -> Place<'a> {
    Place { aws, cluster: service.cluster.as_str(), service: &service.name, env: &asked.settings.env }
}

/// Opens a session.
pub(crate) async fn open(asked: Looking<'_>, way: &Way) -> Result<Session, Problem> {
    let aws = connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
    let (opened, through) = match way {
        Way::Into { task, command } => into(&asked, &aws, task.as_deref(), command).await?,
        Way::Database { port } => to_database(&asked, &aws, *port).await?,
    };
    let region = aws.region.clone();
    let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    let endpoint = asked.endpoint_url.map_or_else(|| format!("https://ssm.{region}.{domain}"), str::to_owned);
    Ok(Session { id: opened.id, response: opened.response, request: opened.request.to_string(), region, endpoint, through })
}

async fn into(asked: &Looking<'_>, aws: &Aws, task: Option<&str>, command: &str) -> Result<(Opened, String), Fault> {
    let found = newest::<EcsService>(asked.memory, LayerName::Compute);
    let (service, _) = found.ok_or_else(|| never("the service", asked.settings))?;
    let place = place(asked, aws, &service);
    let door = place.door(task).await?;
    let opened = place.execute(&door, command).await?;
    Ok((opened, format!("the task {}", door.task)))
}

/// Through the bastion where there is one, otherwise through a task that lets operators in.
async fn to_database(asked: &Looking<'_>, aws: &Aws, local: u16) -> Result<(Opened, String), Fault> {
    let database = database(asked)?.1;
    let end = (database.host.as_str(), database.port.as_str());
    if let Some((_, host)) = newest::<bastion::kinds::Instance>(asked.memory, LayerName::Bastion) {
        return Ok((session::forward(aws, host.as_str(), end, local).await?, format!("the bastion {host}")));
    }
    let found = newest::<EcsService>(asked.memory, LayerName::Compute);
    let (service, _) = found.ok_or_else(|| never("neither a bastion nor the service", asked.settings))?;
    let door = place(asked, aws, &service).door(None).await.map_err(|fault| {
        if fault.class != Class::Invalid {
            return fault;
        }
        let message = format!("there is no bastion, and {}", fault.message);
        let env = &asked.settings.env;
        let hint = format!("set `bastion.enabled = true` or `compute.exec = true` in the settings of `{env}` and run `deploy --env {env}`");
        Fault { message, ..fault }.hint(hint)
    })?;
    Ok((session::forward(aws, &door.target, end, local).await?, format!("the task {}", door.task)))
}

fn database(asked: &Looking<'_>) -> Result<(DbInstance, Database), Fault> {
    newest::<DbInstance>(asked.memory, LayerName::Database).ok_or_else(|| never("the database", asked.settings))
}

fn port_of(database: &Database) -> Result<u16, Fault> {
    database.port.parse().map_err(|_| Fault::new(Class::Bug, format!("`{}` is no port", database.port)))
}

/// Closes a session.
pub(crate) async fn close(asked: Looking<'_>, id: &str) -> Result<(), Problem> {
    let aws = connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
    Ok(session::end(&aws, id).await?)
}

/// The port that the database listens on.
pub(crate) fn database_port(asked: &Looking<'_>) -> Result<u16, Problem> {
    Ok(port_of(&database(asked)?.1)?)
}

/// Where the database is, with its password.
pub(crate) async fn login(asked: Looking<'_>) -> Result<Login, Problem> {
    let (spec, it) = database(&asked)?;
    let aws = connect(asked.settings, asked.endpoint_url, &Guard::default()).await?;
    let ticks = Sink::none().ticks(&Address::new(LayerName::Database, "instance"));
    let (password, _) = Values(&aws).read(&spec.password, 0, &ticks).await?;
    let port = port_of(&it)?;
    Ok(Login { host: it.host, port, name: it.name, user: it.user, password })
}

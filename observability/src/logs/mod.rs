//! Reading what was written: lines through a filter, once or from now on; saved queries; exports.

pub mod export;
pub mod lines;
pub mod query;

use engine::ledger::Folded;
use engine::{Address, Class, Fault, LayerName};

/// Whose logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Of {
    /// The application's containers.
    App,
    /// The sessions that operators opened in them.
    Exec,
    /// PostgreSQL and its upgrades.
    Database,
    /// The VPC's traffic.
    Flow,
}

impl Of {
    /// What the layer calls its groups.
    fn names(self) -> &'static [&'static str] {
        match self {
            Of::App => &["log-group-app"],
            Of::Exec => &["log-group-exec"],
            Of::Database => &["log-group-database-postgresql", "log-group-database-upgrade"],
            Of::Flow => &["log-group-flow"],
        }
    }
}

/// The names of the log groups that the layer's ledger knows, also of a layer whose last run did not end well.
///
/// # Errors
/// [`Class::Stale`] when they were not deployed.
pub fn groups(memory: &Folded, of: Of) -> Result<Vec<String>, Fault> {
    let made = of.names().iter().filter_map(|name| {
        let row = memory.made(&Address::new(LayerName::Observability, *name))?;
        Some(row.output.as_ref()?.as_str()?.to_owned())
    });
    let groups: Vec<String> = made.collect();
    if !groups.is_empty() {
        return Ok(groups);
    }
    let missing = Fault::new(Class::Stale, "there is no such log: its log group was not deployed");
    Err(match of {
        Of::Flow => missing.hint("set `observability.flow_logs = true` and run `deploy`: it costs by the gigabyte"),
        _ => missing.hint("run `deploy` first, or `deploy --layer observability`"),
    })
}

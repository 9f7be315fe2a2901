//! The database from top to bottom.

use crate::config::Config;
use crate::kinds::{DbInstance, DbParameterGroup, DbSubnetGroup};
use crate::version::major;
use aws::kinds::alarm::{Alarm, Metric};
use contract::{Database, DatabaseDoors, Names, NetworkDoors, ObservabilityDoors, SecretsDoors};
use engine::handle::Join;
use engine::{DeclareError, Graph, Handle};
use std::collections::{BTreeMap, BTreeSet};

/// What the layer needs to know beside its settings.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The names of the environment.
    pub names: Names,
    /// The exact version, resolved in the region.
    pub engine_version: String,
    /// Where it lives.
    pub network: NetworkDoors,
    /// Its key and its password.
    pub secrets: SecretsDoors,
    /// Where its logs and alarms go.
    pub observability: ObservabilityDoors,
}

/// Declares the layer.
pub(crate) fn declare(config: &Config, inputs: &Inputs, g: &mut Graph) -> Result<DatabaseDoors, DeclareError> {
    let (names, network) = (&inputs.names, &inputs.network);
    let prefix = names.prefix();
    let subnet_group = g.add(
        "subnet-group",
        network.data_subnets.map({
            let name = prefix.clone();
            move |subnets| DbSubnetGroup { name: name.clone(), description: "The data subnets".into(), subnets }
        }),
    );
    // The major is part of the name: an upgrade needs the new group beside the old one.
    let engine = major(&inputs.engine_version);
    let parameter_group = DbParameterGroup {
        name: format!("{prefix}-pg{engine}"),
        family: format!("postgres{engine}"),
        description: "Encrypted connections, slow queries logged".into(),
        parameters: parameters(config),
    };
    let parameter_group = g.add("parameter-group", Handle::known(parameter_group));

    let parts = (&subnet_group, &parameter_group, &network.data_security_group, &inputs.secrets.key, &inputs.secrets.database_password);
    // RDS makes the log groups by itself, without a retention, if they are not there when it starts to export.
    let parts = (&parts.join(), &network.vpc_id).join().after(&inputs.observability.database_log_groups);
    let (config, version, identifier) = (config.clone(), inputs.engine_version.clone(), names.database());
    let instance = parts.map({
        let (config, identifier) = (config.clone(), identifier.clone());
        move |((subnet_group, parameter_group, security_group, key, password), vpc)| DbInstance {
            identifier: identifier.clone(),
            engine_version: version.clone(),
            minor_upgrades: !config.engine_version.contains('.'),
            class: config.class.clone(),
            storage_gb: config.storage_gb,
            max_storage_gb: config.max_storage_gb,
            storage_type: config.storage_type.as_str().into(),
            multi_az: config.multi_az,
            name: config.name.clone(),
            user: config.user.clone(),
            password: password.name,
            port: config.port.into(),
            key,
            vpc,
            subnet_group,
            parameter_group,
            security_groups: BTreeSet::from([security_group]),
            backup_days: config.backup_days,
            backup_window: config.backup_window.clone(),
            maintenance_window: config.maintenance_window.clone(),
            deletion_protection: config.deletion_protection,
            final_snapshot: config.final_snapshot,
            log_exports: config.log_exports.iter().cloned().collect(),
            insights: config.insights,
            iam_auth: config.iam_auth,
            apply_immediately: config.apply_immediately,
        }
    });
    let database = g.add("instance", instance);
    alarms(&config, inputs, g, &database);
    Ok(DatabaseDoors { database })
}

fn parameters(config: &Config) -> BTreeMap<String, String> {
    let mut parameters = config.parameters.clone();
    parameters.entry("rds.force_ssl".into()).or_insert_with(|| "1".into());
    parameters.entry("log_min_duration_statement".into()).or_insert_with(|| config.slow_query_ms.to_string());
    parameters
}

fn alarms(config: &Config, inputs: &Inputs, g: &mut Graph, database: &Handle<Database>) {
    let limits = config.alarms;
    let both = (database, &inputs.observability.alarm_topic).join();
    let mut alarm = |what: &'static str, description: &'static str, metric: &'static str, threshold: f64, above: bool| {
        let name = inputs.names.of(&format!("database-{what}"));
        let spec = both.map(move |(database, topic)| {
            let metric = Metric::new("AWS/RDS", metric, &[("DBInstanceIdentifier", &database.identifier)], "Average");
            let make = if above { Alarm::above } else { Alarm::below };
            make(name.clone(), description, metric, threshold, topic)
        });
        g.add(format!("alarm-{what}"), spec);
    };
    alarm("cpu", "The database's CPU is busy: look at Performance Insights", "CPUUtilization", limits.cpu, true);
    let free = limits.free_storage_gb * 1024.0 * 1024.0 * 1024.0;
    alarm("storage", "The database's disk is nearly full: raise max_storage_gb", "FreeStorageSpace", free, false);
    alarm("connections", "The database has many connections open", "DatabaseConnections", limits.connections, true);
}

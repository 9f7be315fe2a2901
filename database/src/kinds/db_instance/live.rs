//! What RDS says of an instance, in the shape of the declaration.

use super::DbInstance;
use aws_sdk_rds::types::DbInstance as Live;
use contract::{Database, KeyArn, ParameterGroupName, SecurityGroupId, SubnetGroupName, VpcId};

/// The live settings. What is scheduled for the maintenance window counts as done: it is not drift.
pub(super) fn settings(it: &Live, want: &DbInstance) -> DbInstance {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    let pending = it.pending_modified_values();
    let groups = it.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id());
    DbInstance {
        identifier: want.identifier.clone(),
        engine_version: text(pending.and_then(|it| it.engine_version()).or(it.engine_version())),
        minor_upgrades: it.auto_minor_version_upgrade().unwrap_or_default(),
        class: text(pending.and_then(|it| it.db_instance_class()).or(it.db_instance_class())),
        storage_gb: pending.and_then(|it| it.allocated_storage()).or(it.allocated_storage()).unwrap_or_default(),
        max_storage_gb: it.max_allocated_storage().unwrap_or_default(),
        storage_type: text(pending.and_then(|it| it.storage_type()).or(it.storage_type())),
        multi_az: pending.and_then(|it| it.multi_az()).or(it.multi_az()).unwrap_or_default(),
        name: text(it.db_name()),
        user: text(it.master_username()),
        password: want.password.clone(),
        // Until it has an endpoint, the port is what was asked for.
        port: it.endpoint().and_then(|endpoint| endpoint.port()).unwrap_or(want.port),
        key: KeyArn(text(it.kms_key_id())),
        // An end that does not tell is no reason to replace a database.
        vpc: it.db_subnet_group().and_then(|group| group.vpc_id()).map_or_else(|| want.vpc.clone(), |id| VpcId(id.to_owned())),
        subnet_group: SubnetGroupName(text(it.db_subnet_group().and_then(|group| group.db_subnet_group_name()))),
        parameter_group: ParameterGroupName(text(it.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()))),
        security_groups: groups.map(|id| SecurityGroupId(id.to_owned())).collect(),
        backup_days: pending.and_then(|it| it.backup_retention_period()).or(it.backup_retention_period()).unwrap_or_default(),
        backup_window: text(it.preferred_backup_window()),
        maintenance_window: text(it.preferred_maintenance_window()),
        deletion_protection: it.deletion_protection().unwrap_or_default(),
        final_snapshot: want.final_snapshot,
        log_exports: it.enabled_cloudwatch_logs_exports().iter().cloned().collect(),
        insights: it.performance_insights_enabled().unwrap_or_default(),
        iam_auth: it.iam_database_authentication_enabled().unwrap_or_default(),
        apply_immediately: want.apply_immediately,
    }
}

/// Where it is. Before it has an endpoint the host is empty; nobody reads it then.
pub(super) fn output(it: &Live, want: &DbInstance) -> Database {
    let endpoint = it.endpoint();
    Database {
        identifier: want.identifier.clone(),
        host: endpoint.and_then(|endpoint| endpoint.address()).unwrap_or_default().to_owned(),
        port: endpoint.and_then(|endpoint| endpoint.port()).unwrap_or(want.port).to_string(),
        name: it.db_name().unwrap_or_default().to_owned(),
        user: it.master_username().unwrap_or_default().to_owned(),
    }
}

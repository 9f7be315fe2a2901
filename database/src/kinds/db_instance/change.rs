//! Changes in place, and the name of a last snapshot.

use super::DbInstance;
use crate::version::major;
use aws::Aws;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::CloudwatchLogsExportConfiguration;
use std::time::{SystemTime, UNIX_EPOCH};

/// The call that changes what differs, and nothing else; none when nothing does.
pub(super) fn modify(aws: &Aws, want: &DbInstance, live: &DbInstance) -> Option<ModifyDBInstanceFluentBuilder> {
    if want == live {
        return None;
    }
    let differs = |a: &str, b: &str| (a != b).then(|| a.to_owned());
    let call = aws.rds.modify_db_instance().db_instance_identifier(&want.identifier).apply_immediately(want.apply_immediately);
    let call = call
        .set_db_instance_class(differs(&want.class, &live.class))
        .set_engine_version(differs(&want.engine_version, &live.engine_version))
        .set_allow_major_version_upgrade((major(&want.engine_version) != major(&live.engine_version)).then_some(true))
        .set_auto_minor_version_upgrade((want.minor_upgrades != live.minor_upgrades).then_some(want.minor_upgrades))
        .set_allocated_storage((want.storage_gb != live.storage_gb).then_some(want.storage_gb))
        .set_max_allocated_storage((want.max_storage_gb != live.max_storage_gb).then_some(want.max_storage_gb))
        .set_storage_type(differs(&want.storage_type, &live.storage_type))
        .set_multi_az((want.multi_az != live.multi_az).then_some(want.multi_az))
        .set_db_parameter_group_name(differs(want.parameter_group.as_str(), live.parameter_group.as_str()))
        .set_backup_retention_period((want.backup_days != live.backup_days).then_some(want.backup_days))
        .set_preferred_backup_window(differs(&want.backup_window, &live.backup_window))
        .set_preferred_maintenance_window(differs(&want.maintenance_window, &live.maintenance_window))
        .set_deletion_protection((want.deletion_protection != live.deletion_protection).then_some(want.deletion_protection))
        .set_enable_performance_insights((want.insights != live.insights).then_some(want.insights))
        .set_enable_iam_database_authentication((want.iam_auth != live.iam_auth).then_some(want.iam_auth));
    let groups = want.security_groups.iter().map(|id| id.0.clone()).collect();
    let call = if want.security_groups == live.security_groups { call } else { call.set_vpc_security_group_ids(Some(groups)) };
    if want.log_exports == live.log_exports {
        return Some(call);
    }
    let exports = CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(Some(want.log_exports.difference(&live.log_exports).cloned().collect()))
        .set_disable_log_types(Some(live.log_exports.difference(&want.log_exports).cloned().collect()))
        .build();
    Some(call.cloudwatch_logs_export_configuration(exports))
}

/// A name that no earlier snapshot has; another one for each attempt.
pub(super) fn snapshot(identifier: &str, attempt: u32) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let suffix = if attempt == 1 { String::new() } else { format!("-{attempt}") };
    format!("{identifier}-final-{now}{suffix}")
}

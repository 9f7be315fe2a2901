//! Changes of DB instances: some are in force at once, some wait for the maintenance window.

use super::instance::{AT_ONCE, check_storage, check_windows, described_name, invalid, parameter_groups, render, security_groups};
use super::{VERSIONS, major, missing, numbers};
use crate::call::{AwsError, Input};
use crate::durations::{RDS_CHANGE, RDS_SETTLE};
use crate::services::Answer;
use crate::table::merge;
use crate::world::Here;
use serde_json::{Value, json};

/// Settings that wait for the maintenance window unless they are to be applied immediately.
const SCHEDULED: [&str; 3] = ["DBInstanceClass", "EngineVersion", "MultiAZ"];

/// The settings of a change that apply at once, and those that wait.
fn changes(input: &Input, body: &Value) -> Result<(Value, Value), AwsError> {
    let (mut now, mut later) = (json!({}), json!({}));
    for setting in AT_ONCE {
        if let Some(value) = input.opt(setting).filter(|value| body[described_name(setting)] != *value) {
            now[described_name(setting)] = json!(value);
        }
    }
    for setting in SCHEDULED {
        if let Some(value) = input.opt(setting).filter(|value| body[setting] != *value) {
            later[setting] = json!(value);
        }
    }
    if let Some(version) = later["EngineVersion"].as_str() {
        let current = body["EngineVersion"].as_str().unwrap_or_default();
        if !VERSIONS.contains(&version) || numbers(version) < numbers(current) {
            let problem = format!("Cannot upgrade postgres from {current} to {version}");
            return Err(AwsError::bad("InvalidParameterCombination", problem));
        }
        if major(version) != major(current) && input.bool("AllowMajorVersionUpgrade") != Some(true) {
            return Err(AwsError::bad("InvalidParameterCombination", "The AllowMajorVersionUpgrade flag must be present"));
        }
    }
    let size = |value: &Value| value.as_str().and_then(|text| text.parse::<i64>().ok());
    if size(&now["AllocatedStorage"]).is_some_and(|new| size(&body["AllocatedStorage"]).is_some_and(|old| new < old)) {
        return Err(invalid("Invalid storage size: storage cannot shrink"));
    }
    Ok((now, later))
}

pub(super) fn modify(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("DBInstanceIdentifier")?.to_lowercase();
    let groups = security_groups(here, input)?;
    let parameters = input.opt("DBParameterGroupName").map(|name| parameter_groups(here, name)).transpose()?;
    let (settle, slow) = (here.clock.after(RDS_SETTLE), here.clock.after(RDS_CHANGE));
    let it = here.region.db_instances.get_mut(&id).ok_or_else(|| missing("DBInstanceNotFound", "DBInstance", &id))?;
    if it.str("DBInstanceStatus") != "available" {
        let problem = format!("Instance {id} is not available, it is {}", it.str("DBInstanceStatus"));
        return Err(AwsError::bad("InvalidDBInstanceState", problem));
    }
    let (mut now, later) = changes(input, &it.body)?;
    if input.0.get("VpcSecurityGroupIds").is_some() {
        now["VpcSecurityGroups"] = groups;
    }
    if let Some(parameters) = parameters.filter(|new| it.body["DBParameterGroups"] != *new) {
        now["DBParameterGroups"] = parameters;
    }
    if let Some(logs) = input.part("CloudwatchLogsExportConfiguration") {
        let mut exports: Vec<String> = Input(it.body.clone()).strings("EnabledCloudwatchLogsExports");
        exports.retain(|log| !logs.strings("DisableLogTypes").contains(log));
        exports.extend(logs.strings("EnableLogTypes"));
        exports.sort();
        exports.dedup();
        now["EnabledCloudwatchLogsExports"] = json!(exports);
    }
    if let Some(password) = input.opt("MasterUserPassword") {
        it.inside["password"] = json!(password);
    }
    let mut next = it.body.clone();
    merge(&mut next, now.clone());
    check_windows(&next)?;
    check_storage(&next)?;
    let busy = now != json!({});
    it.set(now);
    if later != json!({}) && input.bool("ApplyImmediately") == Some(true) {
        it.set(json!({"DBInstanceStatus": "modifying", "PendingModifiedValues": later}));
        let mut done = later;
        merge(&mut done, json!({"DBInstanceStatus": "available", "PendingModifiedValues": {}}));
        it.later(slow, done);
    } else {
        if later != json!({}) {
            it.set(json!({"PendingModifiedValues": later}));
        }
        if busy {
            it.set(json!({"DBInstanceStatus": "modifying"}));
            it.later(settle, json!({"DBInstanceStatus": "available"}));
        }
    }
    Ok(json!({"DBInstance": render(it)}))
}

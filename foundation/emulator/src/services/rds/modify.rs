//! Changes of DB instances: some are in force at once, some wait for the maintenance window.

use super::instance::{AT_ONCE, check_storage, check_windows, described_name, invalid, parameter_groups, render, security_groups};
use super::{VERSIONS, major, missing, numbers};
use crate::call::{AwsError, Input};
use crate::durations::{RDS_CHANGE, RDS_NOTICED, RDS_PASSWORD, RDS_SETTLE};
use crate::services::Answer;
use crate::table::{Item, merge};
use crate::world::{Here, Region};
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
    let password = password(input)?;
    let (begins, reset_by) = (here.clock.after(RDS_NOTICED), here.clock.after(RDS_NOTICED + RDS_PASSWORD));
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
    if let Some(password) = password {
        reset(it, &password, [begins, reset_by]);
    }
    Ok(json!({"DBInstance": render(it)}))
}

/// What a master password may be.
fn password(input: &Input) -> Result<Option<String>, AwsError> {
    let Some(password) = input.opt("MasterUserPassword") else { return Ok(None) };
    let printable = password.chars().all(|c| c.is_ascii_graphic() && !"/\"@".contains(c));
    if !(8..=128).contains(&password.len()) || !printable {
        let problem = "The parameter MasterUserPassword is not a valid password. Only printable ASCII characters besides '/', '@', '\"', ' ' may be used.";
        return Err(invalid(problem));
    }
    Ok(Some(password.to_owned()))
}

/// A new master password is taken at once, whatever is said of the maintenance window, and is in force a while later.
fn reset(it: &mut Item, password: &str, [begins, ends]: [f64; 2]) {
    it.inside["next_password"] = json!(password);
    let mut pending = it.body["PendingModifiedValues"].clone();
    merge(&mut pending, json!({"MasterUserPassword": null}));
    let without = pending.clone();
    merge(&mut pending, json!({"MasterUserPassword": "****"}));
    it.set(json!({"PendingModifiedValues": pending}));
    it.later(begins, json!({"DBInstanceStatus": "resetting-master-credentials"}));
    it.later(ends, json!({"DBInstanceStatus": "available", "PendingModifiedValues": without}));
}

/// What is in force once it is pending no more.
pub(crate) fn advance(region: &mut Region) {
    for it in region.db_instances.values_mut() {
        let pending = it.body["PendingModifiedValues"].get("MasterUserPassword").is_some();
        if !pending && let Some(next) = it.inside.get("next_password").cloned() {
            merge(&mut it.inside, json!({"password": next, "next_password": null}));
        }
    }
}

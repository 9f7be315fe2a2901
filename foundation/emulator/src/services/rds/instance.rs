//! DB instances: minutes to make, minutes to change, minutes to delete.

use super::{VERSIONS, major, missing};
use crate::call::{AwsError, Input};
use crate::durations::{LOG_FLUSH, RDS_BACKUP, RDS_CREATE, RDS_CREATE_MULTI_AZ, RDS_DELETE, RDS_SETTLE};
use crate::services::Answer;
use crate::table::{Item, copy, merge, page, tags_in, tags_out};
use crate::world::Here;
use serde_json::{Value, json};

/// Settings that are in force as soon as they are set.
pub(super) const AT_ONCE: [&str; 11] = [
    "AllocatedStorage",
    "MaxAllocatedStorage",
    "BackupRetentionPeriod",
    "PreferredBackupWindow",
    "PreferredMaintenanceWindow",
    "DeletionProtection",
    "CopyTagsToSnapshot",
    "AutoMinorVersionUpgrade",
    "StorageType",
    "EnablePerformanceInsights",
    "EnableIAMDatabaseAuthentication",
];

/// What Describe calls a setting that a request calls otherwise.
pub(super) fn described_name(setting: &str) -> &str {
    match setting {
        "EnablePerformanceInsights" => "PerformanceInsightsEnabled",
        "EnableIAMDatabaseAuthentication" => "IAMDatabaseAuthenticationEnabled",
        other => other,
    }
}

pub(super) fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("InvalidParameterValue", message)
}

fn check_identifier(id: &str) -> Result<(), AwsError> {
    let plain = id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let starts = id.starts_with(|c: char| c.is_ascii_alphabetic());
    if plain && starts && id.len() <= 63 && !id.ends_with('-') && !id.contains("--") {
        return Ok(());
    }
    Err(invalid(format!("The parameter DBInstanceIdentifier is not a valid identifier: {id}")))
}

/// Minutes of the day at which a window `hh:mm-hh:mm` starts and ends.
fn minutes(window: &str) -> Option<(u32, u32)> {
    let at = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        Some(hour.parse::<u32>().ok()? * 60 + minute.parse::<u32>().ok()?)
    };
    let (from, to) = window.split_once('-')?;
    Some((at(from)?, at(to)?))
}

/// The two windows may touch and must not overlap.
pub(super) fn check_windows(body: &Value) -> Result<(), AwsError> {
    let (Some(backup), Some(maintenance)) = (body["PreferredBackupWindow"].as_str(), body["PreferredMaintenanceWindow"].as_str()) else {
        return Ok(());
    };
    let maintenance: Vec<&str> = maintenance.split('-').filter_map(|end| end.split_once(':').map(|(_, time)| time)).collect();
    let both = minutes(backup).zip(minutes(&maintenance.join("-")));
    let Some(((from, to), (start, end))) = both else { return Err(invalid("A window is not in the format hh24:mi-hh24:mi")) };
    if from < end && start < to {
        return Err(invalid("The backup window and maintenance window must not overlap."));
    }
    Ok(())
}

pub(super) fn check_storage(body: &Value) -> Result<(), AwsError> {
    let number = |field: &str| body[field].as_str().and_then(|text| text.parse::<i64>().ok());
    let allocated = number("AllocatedStorage").unwrap_or_default();
    if !(20..=65536).contains(&allocated) {
        return Err(invalid(format!("Invalid storage size for engine name postgres: {allocated}")));
    }
    match number("MaxAllocatedStorage") {
        Some(most) if most < allocated => Err(invalid("Invalid max storage size: it must be greater than the allocated storage")),
        _ => Ok(()),
    }
}

pub(super) fn security_groups(here: &Here<'_>, input: &Input) -> Answer {
    let ids = input.strings("VpcSecurityGroupIds");
    if let Some(unknown) = ids.iter().find(|id| !here.region.ec2.security_groups.contains_key(*id)) {
        return Err(invalid(format!("Invalid security group , groupId= {unknown}, groupName= .")));
    }
    Ok(ids.iter().map(|id| json!({"VpcSecurityGroupId": id, "Status": "active"})).collect())
}

pub(super) fn parameter_groups(here: &Here<'_>, name: &str) -> Answer {
    if !name.starts_with("default.") && !here.region.db_parameter_groups.contains_key(name) {
        return Err(missing("DBParameterGroupNotFound", "DBParameterGroup", name));
    }
    Ok(json!([{"DBParameterGroupName": name, "ParameterApplyStatus": "in-sync"}]))
}

fn key(here: &Here<'_>, input: &Input) -> Result<Option<String>, AwsError> {
    match input.opt("KmsKeyId") {
        Some(key) if !crate::services::kms::can_encrypt(here, key) => {
            Err(AwsError::bad("KMSKeyNotAccessibleFault", format!("The KMS key {key} is not accessible.")))
        }
        other => Ok(other.map(str::to_owned)),
    }
}

/// What a create call says, checked against what exists.
fn described(here: &Here<'_>, input: &Input, id: &str) -> Answer {
    check_identifier(id)?;
    let version = input.str("EngineVersion")?;
    if input.str("Engine")? != "postgres" || !VERSIONS.contains(&version) {
        return Err(AwsError::bad("InvalidParameterCombination", format!("Cannot find version {version} for postgres")));
    }
    if !(8..=128).contains(&input.str("MasterUserPassword")?.len()) {
        return Err(invalid("The parameter MasterUserPassword is not a valid password."));
    }
    let group = input.str("DBSubnetGroupName")?;
    let subnet_group = here.region.db_subnet_groups.get(group);
    let subnet_group = subnet_group.ok_or_else(|| missing("DBSubnetGroupNotFoundFault", "DBSubnetGroup", group))?.body.clone();
    let default = format!("default.postgres{}", major(version));
    let mut body = json!({
        "DBInstanceIdentifier": id, "DBInstanceArn": here.arn("rds", &format!("db:{id}")), "DBInstanceStatus": "creating",
        "DBSubnetGroup": subnet_group, "VpcSecurityGroups": security_groups(here, input)?,
        "DBParameterGroups": parameter_groups(here, input.opt("DBParameterGroupName").unwrap_or(&default))?,
        "StorageEncrypted": "false", "MultiAZ": "false", "PubliclyAccessible": "false", "DeletionProtection": "false",
        "AutoMinorVersionUpgrade": "true", "BackupRetentionPeriod": "1", "CopyTagsToSnapshot": "false", "PendingModifiedValues": {},
        "EnabledCloudwatchLogsExports": input.strings("EnableCloudwatchLogsExports"), "LicenseModel": "postgresql-license",
        "CACertificateIdentifier": "rds-ca-rsa2048-g1", "PerformanceInsightsEnabled": "false", "IAMDatabaseAuthenticationEnabled": "false",
        "StorageType": "gp2", "DbInstancePort": "0", "MonitoringInterval": "0",
    });
    let echoed = [
        "Engine",
        "EngineVersion",
        "DBInstanceClass",
        "MasterUsername",
        "DBName",
        "StorageEncrypted",
        "MultiAZ",
        "PubliclyAccessible",
        "MonitoringInterval",
        "Iops",
        "StorageThroughput",
    ];
    merge(&mut body, copy(input, &echoed));
    for setting in AT_ONCE {
        if let Some(value) = input.opt(setting) {
            body[described_name(setting)] = json!(value);
        }
    }
    if let Some(key) = key(here, input)? {
        body["KmsKeyId"] = json!(key);
    }
    check_windows(&body)?;
    check_storage(&body)?;
    Ok(body)
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("DBInstanceIdentifier")?.to_lowercase();
    if here.region.db_instances.contains_key(&id) {
        return Err(AwsError::bad("DBInstanceAlreadyExists", "DB instance already exists"));
    }
    let mut body = described(here, input, &id)?;
    body["DbiResourceId"] = json!(format!("db-{}", here.ids.id("db")[3..].to_uppercase()));
    body["InstanceCreateTime"] = json!(here.clock.stamp());
    let tags = tags_in(input, "Tags", "Key", "Value");
    let mut item = Item::new(body, tags);
    item.inside = json!({"password": input.str("MasterUserPassword")?});
    let slow = if item.str("MultiAZ") == "true" { RDS_CREATE_MULTI_AZ } else { RDS_CREATE };
    let port = input.opt("Port").unwrap_or("5432").to_owned();
    let host = format!("{id}.c0ffee123456.{}.rds.amazonaws.com", here.name);
    let endpoint = json!({"Address": host, "Port": port, "HostedZoneId": "Z2R2ITUGPM61AM"});
    item.later(here.clock.after(slow), json!({"DBInstanceStatus": "backing-up", "Endpoint": endpoint, "DbInstancePort": port}));
    item.later(here.clock.after(slow + RDS_BACKUP), json!({"DBInstanceStatus": "available"}));
    if item.str("MultiAZ") == "true" {
        // The standby is made whole after the instance can be used.
        item.later(here.clock.after(slow + RDS_BACKUP + RDS_SETTLE), json!({"DBInstanceStatus": "modifying"}));
        item.later(here.clock.after(slow + RDS_BACKUP * 2 + RDS_SETTLE), json!({"DBInstanceStatus": "available"}));
    }
    interface(here, &id, &mut item);
    let answer = render(&item);
    here.region.db_instances.insert(id, item);
    Ok(json!({"DBInstance": answer}))
}

/// An instance holds a network interface in one of its subnets, with its groups.
fn interface(here: &mut Here<'_>, id: &str, item: &mut Item) {
    let groups: Vec<Value> =
        item.body["VpcSecurityGroups"].as_array().into_iter().flatten().map(|it| it["VpcSecurityGroupId"].clone()).collect();
    let group = &item.body["DBSubnetGroup"];
    let eni = here.ids.id("eni");
    let body = json!({
        "networkInterfaceId": eni, "subnetId": group["Subnets"][0]["SubnetIdentifier"], "vpcId": group["VpcId"], "groups": groups,
        "description": "RDSNetworkInterface", "status": "in-use", "owner": id,
    });
    item.inside["interface"] = json!(eni);
    here.region.ec2.interfaces.insert(eni, Item::new(body, Default::default()));
}

pub(super) fn render(item: &Item) -> Value {
    let mut body = item.body.clone();
    body["TagList"] = tags_out(&item.tags, "Key", "Value");
    body
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let wanted = input.opt("DBInstanceIdentifier").map(|id| id.rsplit(':').next().unwrap_or(id).to_lowercase());
    let filters = input.parts("Filters");
    let passes = |id: &str, it: &Item| {
        filters.iter().all(|filter| {
            let values = filter.strings("Values");
            let is = |text: &str| values.iter().any(|value| value == text);
            match filter.opt("Name") {
                Some("dbi-resource-id") => is(it.str("DbiResourceId")),
                Some("db-instance-id") => is(id) || is(it.str("DBInstanceArn")),
                Some("engine") => is(it.str("Engine")),
                _ => false,
            }
        })
    };
    let all = here.region.db_instances.iter().filter(|(id, _)| wanted.as_ref().is_none_or(|wanted| wanted == *id));
    let found: Vec<Value> = all.filter(|(id, it)| passes(id, it)).map(|(_, it)| render(it)).collect();
    match wanted {
        Some(id) if found.is_empty() => Err(missing("DBInstanceNotFound", "DBInstance", &id)),
        _ => Ok(page("DBInstances", found, input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker")),
    }
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let id = input.str("DBInstanceIdentifier")?.to_lowercase();
    let (gone, freed) = (here.clock.after(RDS_DELETE), here.clock.after(RDS_DELETE + RDS_SETTLE));
    let stamp = here.clock.stamp();
    let arn = |snapshot: &str| here.arn("rds", &format!("snapshot:{snapshot}"));
    let snapshot = input.opt("FinalDBSnapshotIdentifier").map(|name| (name.to_owned(), arn(name)));
    let it = here.region.db_instances.get_mut(&id).ok_or_else(|| missing("DBInstanceNotFound", "DBInstance", &id))?;
    if it.str("DBInstanceStatus") == "deleting" {
        return Err(AwsError::bad("InvalidDBInstanceState", format!("Instance {id} is already being deleted.")));
    }
    if it.str("DeletionProtection") == "true" {
        let problem = "Cannot delete protected DB Instance, please disable deletion protection and try again.";
        return Err(AwsError::bad("InvalidParameterCombination", problem));
    }
    match (input.bool("SkipFinalSnapshot") == Some(true), snapshot) {
        (true, Some(_)) => {
            return Err(AwsError::bad(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier can not be specified when deleting a instance with SkipFinalSnapshot",
            ));
        }
        (false, None) => {
            return Err(AwsError::bad(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            ));
        }
        (true, None) => {}
        (false, Some((name, arn))) => {
            if here.region.db_snapshots.contains_key(&name) {
                return Err(AwsError::bad(
                    "DBSnapshotAlreadyExists",
                    format!("Cannot create the snapshot because a snapshot with the identifier {name} already exists."),
                ));
            }
            let tags = if it.str("CopyTagsToSnapshot") == "true" { it.tags.clone() } else { Default::default() };
            let body = json!({"DBSnapshotIdentifier": name, "DBSnapshotArn": arn, "DBInstanceIdentifier": id, "Status": "available",
                "SnapshotType": "manual", "Engine": "postgres", "SnapshotCreateTime": stamp});
            here.region.db_snapshots.insert(name, Item::new(body, tags));
        }
    }
    it.next.clear();
    it.set(json!({"DBInstanceStatus": "deleting"}));
    it.later(gone, Value::Null);
    let (answer, groups): (Value, Vec<String>) = (render(it), crate::services::logs::exports(it).collect());
    let eni = it.inside["interface"].as_str().unwrap_or_default().to_owned();
    if let Some(interface) = here.region.ec2.interfaces.get_mut(&eni) {
        interface.later(freed, Value::Null);
    }
    let last = here.clock.after(RDS_DELETE + LOG_FLUSH);
    here.region.late_writers.extend(groups.into_iter().map(|group| (group, last)));
    Ok(json!({"DBInstance": answer}))
}

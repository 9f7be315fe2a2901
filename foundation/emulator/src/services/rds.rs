//! RDS: instances with their slow states, groups and engine versions.

mod group;
mod instance;
mod lifecycle;
mod modify;

pub(crate) use modify::advance;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, page, tags_in, tags_out};
use crate::world::{Here, Region};
use serde_json::{Value, json};

/// The PostgreSQL versions that RDS offers.
const VERSIONS: [&str; 9] = ["13.20", "14.17", "15.12", "16.3", "16.4", "16.8", "16.9", "17.4", "17.5"];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateDBSubnetGroup" => group::create_subnet_group(here, input),
        "DescribeDBSubnetGroups" => group::describe_subnet_groups(here, input),
        "ModifyDBSubnetGroup" => group::modify_subnet_group(here, input),
        "DeleteDBSubnetGroup" => group::delete_subnet_group(here, input),
        "CreateDBParameterGroup" => group::create_parameter_group(here, input),
        "DescribeDBParameterGroups" => group::describe_parameter_groups(here, input),
        "DescribeDBParameters" => group::describe_parameters(here, input),
        "ModifyDBParameterGroup" => group::modify_parameter_group(here, input),
        "ResetDBParameterGroup" => group::reset_parameter_group(here, input),
        "DeleteDBParameterGroup" => group::delete_parameter_group(here, input),
        "DescribeDBEngineVersions" => Ok(engine_versions(input)),
        "DescribeDBMajorEngineVersions" => Ok(lifecycle::major_versions(input)),
        "DescribeOrderableDBInstanceOptions" => Ok(orderable(here, input)),
        "CreateDBInstance" => instance::create(here, input),
        "DescribeDBInstances" => instance::describe(here, input),
        "ModifyDBInstance" => modify::modify(here, input),
        "DeleteDBInstance" => instance::delete(here, input),
        "DescribeDBSnapshots" => {
            let all: Vec<Value> = here.region.db_snapshots.values().map(|it| it.body.clone()).collect();
            Ok(json!({"DBSnapshots": all}))
        }
        "DeleteDBSnapshot" => {
            let id = input.str("DBSnapshotIdentifier")?;
            let gone = here.region.db_snapshots.remove(id);
            gone.map(|it| json!({"DBSnapshot": it.body})).ok_or_else(|| missing("DBSnapshotNotFound", "DBSnapshot", id))
        }
        "AddTagsToResource" => {
            let tags = tags_in(input, "Tags", "Key", "Value");
            tagged(here.region, input)?.tags.extend(tags);
            Ok(json!({}))
        }
        "RemoveTagsFromResource" => {
            let keys = input.strings("TagKeys");
            tagged(here.region, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({"TagList": tags_out(&tagged(here.region, input)?.tags, "Key", "Value")})),
        _ => Err(unknown(call)),
    }
}

/// The error for a name that nothing has.
fn missing(code: &str, what: &str, name: &str) -> AwsError {
    AwsError::new(404, code, format!("{what} {name} not found."))
}

/// The object behind `ResourceName`: `arn:aws:rds:region:account:kind:name`.
fn tagged<'a>(region: &'a mut Region, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("ResourceName")?;
    let mut parts = arn.rsplitn(3, ':');
    let (name, kind) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let (found, code) = match kind {
        "db" => (region.db_instances.get_mut(name), "DBInstanceNotFound"),
        "subgrp" => (region.db_subnet_groups.get_mut(name), "DBSubnetGroupNotFoundFault"),
        "pg" => (region.db_parameter_groups.get_mut(name), "DBParameterGroupNotFound"),
        "snapshot" => (region.db_snapshots.get_mut(name), "DBSnapshotNotFound"),
        _ => (None, "InvalidParameterValue"),
    };
    found.ok_or_else(|| missing(code, "The resource", name))
}

/// `16` of `16.3`.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// Versions as numbers, so that 16.10 is newer than 16.9.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').filter_map(|part| part.parse().ok()).collect()
}

fn engine_versions(input: &Input) -> Value {
    let wanted = input.opt("EngineVersion");
    let family = input.opt("DBParameterGroupFamily").map(|family| family.trim_start_matches("postgres").to_owned());
    let passes = |version: &&&str| {
        let engine = input.opt("Engine").is_none_or(|engine| engine == "postgres");
        let named = wanted.is_none_or(|wanted| **version == wanted || major(version) == wanted);
        engine && named && family.as_deref().is_none_or(|family| major(version) == family)
    };
    let mut found: Vec<&&str> = VERSIONS.iter().filter(passes).collect();
    if input.bool("DefaultOnly") == Some(true) {
        found = found.into_iter().max_by_key(|version| numbers(version)).into_iter().collect();
    }
    let render = |version: &&str| {
        let newer = VERSIONS.iter().filter(|other| numbers(other) > numbers(version));
        let targets: Vec<Value> = newer
            .map(|other| json!({"Engine": "postgres", "EngineVersion": other, "IsMajorVersionUpgrade": major(other) != major(version)}))
            .collect();
        json!({
            "Engine": "postgres", "EngineVersion": version, "DBParameterGroupFamily": format!("postgres{}", major(version)),
            "DBEngineDescription": "PostgreSQL", "DBEngineVersionDescription": format!("PostgreSQL {version}"), "Status": "available",
            "MajorEngineVersion": major(version), "ValidUpgradeTarget": targets,
        })
    };
    let all = found.into_iter().map(render).collect();
    page("DBEngineVersions", all, input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker")
}

fn orderable(here: &Here<'_>, input: &Input) -> Value {
    let zones: Vec<Value> = ["a", "b", "c"].iter().map(|zone| json!({"Name": format!("{}{zone}", here.name)})).collect();
    let classes = ["db.t3.micro", "db.t4g.micro", "db.t4g.small", "db.t4g.medium", "db.m6g.large", "db.m7g.large"];
    let wanted = |class: &&&str| input.opt("DBInstanceClass").is_none_or(|wanted| wanted == **class);
    let versions = VERSIONS.iter().filter(|version| input.opt("EngineVersion").is_none_or(|wanted| wanted == **version));
    let render = |(version, class): (&str, &str)| {
        json!({"Engine": "postgres", "EngineVersion": version, "DBInstanceClass": class, "AvailabilityZones": {"#each": "AvailabilityZone", "#all": zones}, "MultiAZCapable": true,
            "StorageType": "gp3", "SupportsStorageEncryption": true, "SupportsIAMDatabaseAuthentication": true})
    };
    let all = versions.flat_map(|version| classes.iter().filter(wanted).map(|class| render((version, class)))).collect();
    page("OrderableDBInstanceOptions", all, input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker")
}

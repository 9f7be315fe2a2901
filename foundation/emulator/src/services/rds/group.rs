//! Subnet groups and parameter groups.

use super::missing;
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, page, tags_in};
use crate::world::Here;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn used(here: &Here<'_>, field: &str, name: &str) -> bool {
    let of = |it: &Item| match field {
        "subnet" => it.body["DBSubnetGroup"]["DBSubnetGroupName"] == name,
        _ => it.body["DBParameterGroups"][0]["DBParameterGroupName"] == name,
    };
    here.region.db_instances.values().any(of)
}

/// The subnets as RDS renders them, and their VPC.
fn subnets(here: &Here<'_>, input: &Input) -> Result<(Vec<Value>, String), AwsError> {
    let (mut rendered, mut zones, mut vpcs) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for id in input.strings("SubnetIds") {
        let subnet =
            here.region.ec2.subnets.get(&id).ok_or_else(|| AwsError::bad("InvalidSubnet", format!("The subnet {id} does not exist")))?;
        zones.insert(subnet.zone.clone());
        vpcs.insert(subnet.vpc.clone());
        rendered.push(json!({"SubnetIdentifier": id, "SubnetAvailabilityZone": {"Name": subnet.zone}, "SubnetStatus": "Active"}));
    }
    if zones.len() < 2 {
        let problem = "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement. Add subnets to cover at least 2 AZs.";
        return Err(AwsError::bad("DBSubnetGroupDoesNotCoverEnoughAZs", problem));
    }
    match vpcs.pop_first() {
        Some(vpc) if vpcs.is_empty() => Ok((rendered, vpc)),
        _ => Err(AwsError::bad("InvalidSubnet", "The subnets are in more than one VPC")),
    }
}

pub(super) fn create_subnet_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("DBSubnetGroupName")?.to_lowercase();
    let (subnets, vpc) = subnets(here, input)?;
    if here.region.db_subnet_groups.contains_key(&name) {
        return Err(AwsError::bad("DBSubnetGroupAlreadyExists", format!("The DB subnet group '{name}' already exists.")));
    }
    let body = json!({
        "DBSubnetGroupName": name, "DBSubnetGroupDescription": input.str("DBSubnetGroupDescription")?, "VpcId": vpc,
        "SubnetGroupStatus": "Complete", "Subnets": subnets, "DBSubnetGroupArn": here.arn("rds", &format!("subgrp:{name}")),
    });
    here.region.db_subnet_groups.insert(name, Item::new(body.clone(), tags_in(input, "Tags", "Key", "Value")));
    Ok(json!({"DBSubnetGroup": body}))
}

fn described(table: &crate::table::Table, input: &Input, (key, set, code, what): (&str, &str, &str, &str)) -> Answer {
    let wanted = input.opt(key).map(str::to_lowercase);
    let found: Vec<Value> =
        table.iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == *name)).map(|(_, it)| it.body.clone()).collect();
    match wanted {
        Some(name) if found.is_empty() => Err(missing(code, what, &name)),
        _ => Ok(page(set, found, input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker")),
    }
}

pub(super) fn describe_subnet_groups(here: &Here<'_>, input: &Input) -> Answer {
    let names = ("DBSubnetGroupName", "DBSubnetGroups", "DBSubnetGroupNotFoundFault", "DBSubnetGroup");
    described(&here.region.db_subnet_groups, input, names)
}

pub(super) fn modify_subnet_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("DBSubnetGroupName")?;
    let (subnets, vpc) = subnets(here, input)?;
    let it = here.region.db_subnet_groups.get_mut(name).ok_or_else(|| missing("DBSubnetGroupNotFoundFault", "DBSubnetGroup", name))?;
    if it.str("VpcId") != vpc {
        return Err(AwsError::bad("InvalidSubnet", "The new subnets are in another VPC"));
    }
    it.set(json!({"Subnets": subnets}));
    if let Some(description) = input.opt("DBSubnetGroupDescription") {
        it.set(json!({"DBSubnetGroupDescription": description}));
    }
    Ok(json!({"DBSubnetGroup": it.body}))
}

pub(super) fn delete_subnet_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("DBSubnetGroupName")?;
    if used(here, "subnet", name) {
        let problem = format!("Cannot delete the subnet group '{name}' because at least one database instance is still using it.");
        return Err(AwsError::bad("InvalidDBSubnetGroupStateFault", problem));
    }
    let gone = here.region.db_subnet_groups.remove(name);
    gone.map(|_| json!({})).ok_or_else(|| missing("DBSubnetGroupNotFoundFault", "DBSubnetGroup", name))
}

pub(super) fn create_parameter_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, family) = (input.str("DBParameterGroupName")?.to_lowercase(), input.str("DBParameterGroupFamily")?);
    let known = super::VERSIONS.iter().any(|version| format!("postgres{}", super::major(version)) == family);
    if !known {
        return Err(AwsError::bad("InvalidParameterValue", format!("ParameterGroupFamily {family} is not a valid parameter group family")));
    }
    if here.region.db_parameter_groups.contains_key(&name) {
        return Err(AwsError::bad("DBParameterGroupAlreadyExists", format!("Parameter group {name} already exists")));
    }
    let body = json!({
        "DBParameterGroupName": name, "DBParameterGroupFamily": family, "Description": input.str("Description")?,
        "DBParameterGroupArn": here.arn("rds", &format!("pg:{name}")),
    });
    let mut item = Item::new(body.clone(), tags_in(input, "Tags", "Key", "Value"));
    item.inside = json!({});
    here.region.db_parameter_groups.insert(name, item);
    Ok(json!({"DBParameterGroup": body}))
}

pub(super) fn describe_parameter_groups(here: &Here<'_>, input: &Input) -> Answer {
    let names = ("DBParameterGroupName", "DBParameterGroups", "DBParameterGroupNotFound", "DBParameterGroup");
    described(&here.region.db_parameter_groups, input, names)
}

fn parameter_group<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let name = input.str("DBParameterGroupName")?;
    here.region.db_parameter_groups.get_mut(name).ok_or_else(|| missing("DBParameterGroupNotFound", "DBParameterGroup", name))
}

/// Parameters that only a restart applies.
const STATIC: [&str; 4] = ["shared_preload_libraries", "max_connections", "shared_buffers", "wal_buffers"];

pub(super) fn describe_parameters(here: &mut Here<'_>, input: &Input) -> Answer {
    let it = parameter_group(here, input)?;
    let render = |(name, value): (&String, &Value)| {
        let kind = if STATIC.contains(&name.as_str()) { "static" } else { "dynamic" };
        json!({"ParameterName": name, "ParameterValue": value["value"], "ApplyMethod": value["method"], "ApplyType": kind, "Source": "user",
            "IsModifiable": true, "DataType": "string"})
    };
    let mut all: Vec<Value> = it.inside.as_object().into_iter().flatten().map(render).collect();
    if input.opt("Source").is_none_or(|source| source == "engine-default" || source == "system") {
        all.push(json!({"ParameterName": "autovacuum", "ParameterValue": "1", "ApplyType": "dynamic", "Source": "engine-default",
            "IsModifiable": true, "DataType": "boolean"}));
    }
    Ok(page("Parameters", all, input.opt("Marker"), input.int("MaxRecords").unwrap_or(100) as usize, "Marker"))
}

pub(super) fn modify_parameter_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let parameters = input.parts("Parameters");
    if parameters.len() > 20 {
        return Err(AwsError::bad("InvalidParameterValue", "At most 20 parameters can be modified in one request"));
    }
    let it = parameter_group(here, input)?;
    for parameter in &parameters {
        let (name, method) = (parameter.str("ParameterName")?, parameter.opt("ApplyMethod").unwrap_or("pending-reboot"));
        if STATIC.contains(&name) && method == "immediate" {
            let problem = "cannot use immediate apply method for static parameter";
            return Err(AwsError::bad("InvalidParameterCombination", problem));
        }
        it.inside[name] = json!({"value": parameter.opt("ParameterValue"), "method": method});
    }
    let name = it.str("DBParameterGroupName").to_owned();
    if parameters.iter().any(|parameter| parameter.opt("ApplyMethod") != Some("immediate")) {
        let members = here.region.db_instances.values_mut().filter(|it| it.body["DBParameterGroups"][0]["DBParameterGroupName"] == name);
        members.for_each(|it| it.body["DBParameterGroups"][0]["ParameterApplyStatus"] = json!("pending-reboot"));
    }
    Ok(json!({"DBParameterGroupName": name}))
}

pub(super) fn reset_parameter_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let names: Vec<String> = input.parts("Parameters").iter().filter_map(|it| it.opt("ParameterName").map(str::to_owned)).collect();
    let all = input.bool("ResetAllParameters") == Some(true);
    let it = parameter_group(here, input)?;
    if let Some(map) = it.inside.as_object_mut() {
        map.retain(|name, _| !all && !names.contains(name));
    }
    Ok(json!({"DBParameterGroupName": it.str("DBParameterGroupName")}))
}

pub(super) fn delete_parameter_group(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("DBParameterGroupName")?;
    if used(here, "parameter", name) {
        let problem = "One or more database instances are still members of this parameter group, so the group cannot be deleted";
        return Err(AwsError::bad("InvalidDBParameterGroupState", format!("{problem}: {name}")));
    }
    let gone = here.region.db_parameter_groups.remove(name);
    gone.map(|_| json!({})).ok_or_else(|| missing("DBParameterGroupNotFound", "DBParameterGroup", name))
}

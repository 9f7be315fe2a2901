//! CreateTags, DeleteTags, DescribeTags; the tags of everything.

use super::filter::{Facts, page, passes};
use super::{Ec2, Here, Tags, instance, not_found};
use crate::call::{AwsError, Input, pairs};
use crate::services::Answer;
use serde_json::json;

fn tags_of<'a>(ec2: &'a mut Ec2, id: &str) -> Result<&'a mut Tags, AwsError> {
    let kind = id.split('-').next().unwrap_or_default();
    let found = match kind {
        "vpc" => ec2.vpcs.get_mut(id).map(|it| &mut it.tags),
        "subnet" => ec2.subnets.get_mut(id).map(|it| &mut it.tags),
        "igw" => ec2.internet_gateways.get_mut(id).map(|it| &mut it.tags),
        "eipalloc" => ec2.addresses.get_mut(id).map(|it| &mut it.tags),
        "nat" => ec2.nat_gateways.get_mut(id).map(|it| &mut it.tags),
        "rtb" => ec2.route_tables.get_mut(id).map(|it| &mut it.tags),
        "sg" => ec2.security_groups.get_mut(id).map(|it| &mut it.tags),
        "sgr" => ec2.rules.get_mut(id).map(|it| &mut it.tags),
        "vpce" => ec2.endpoints.get_mut(id).map(|it| &mut it.tags),
        "i" => ec2.instances.get_mut(id).map(|it| &mut it.tags),
        "fl" => ec2.flow_logs.get_mut(id).map(|it| &mut it.tags),
        "key" => ec2.key_pairs.values_mut().find(|it| it.str("keyPairId") == id).map(|it| &mut it.tags),
        _ => None,
    };
    found.ok_or_else(|| not_found("InvalidID", id))
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let tags = pairs(&input.parts("Tag"));
    for id in input.strings("ResourceId") {
        let own = tags_of(here.ec2, &id)?;
        own.extend(tags.clone());
        if own.len() > 50 {
            return Err(AwsError::bad("TagLimitExceeded", "The maximum number of tags for a resource is 50"));
        }
    }
    Ok(json!({"return": true}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let tags = pairs(&input.parts("Tag"));
    for id in input.strings("ResourceId") {
        tags_of(here.ec2, &id)?.retain(|key, _| !tags.contains_key(key));
    }
    Ok(json!({"return": true}))
}

/// The id, the type and the tags of everything that lives.
pub(crate) fn all(ec2: &Ec2) -> Vec<(&str, &'static str, &Tags)> {
    let mut all: Vec<(&str, &'static str, &Tags)> = Vec::new();
    all.extend(ec2.vpcs.iter().map(|(id, it)| (id.as_str(), "vpc", &it.tags)));
    all.extend(ec2.subnets.iter().map(|(id, it)| (id.as_str(), "subnet", &it.tags)));
    all.extend(ec2.internet_gateways.iter().map(|(id, it)| (id.as_str(), "internet-gateway", &it.tags)));
    all.extend(ec2.addresses.iter().map(|(id, it)| (id.as_str(), "elastic-ip", &it.tags)));
    all.extend(ec2.nat_gateways.iter().filter(|(_, it)| it.lives()).map(|(id, it)| (id.as_str(), "natgateway", &it.tags)));
    all.extend(ec2.route_tables.iter().map(|(id, it)| (id.as_str(), "route-table", &it.tags)));
    all.extend(ec2.security_groups.iter().map(|(id, it)| (id.as_str(), "security-group", &it.tags)));
    all.extend(ec2.rules.iter().map(|(id, it)| (id.as_str(), "security-group-rule", &it.tags)));
    all.extend(ec2.endpoints.iter().map(|(id, it)| (id.as_str(), "vpc-endpoint", &it.tags)));
    all.extend(ec2.instances.iter().filter(|(_, it)| instance::lives(it)).map(|(id, it)| (id.as_str(), "instance", &it.tags)));
    all.extend(ec2.key_pairs.values().map(|it| (it.str("keyPairId"), "key-pair", &it.tags)));
    all.extend(ec2.flow_logs.iter().map(|(id, it)| (id.as_str(), "vpc-flow-log", &it.tags)));
    all
}

pub(super) fn describe(here: &mut Here<'_>, input: &Input) -> Answer {
    let none = Tags::new();
    let each = all(here.ec2).into_iter().flat_map(|(id, kind, tags)| tags.iter().map(move |(key, value)| [id, kind, key, value]));
    let passing = each.filter(|values| {
        let names = ["resource-id", "resource-type", "key", "value"];
        let more = names.into_iter().zip(values).map(|(name, value)| (name, (*value).to_owned())).collect();
        passes(input, &Facts { tags: &none, more })
    });
    let shown = passing.map(|[id, kind, key, value]| json!({"resourceId": id, "resourceType": kind, "key": key, "value": value}));
    page(input, "tagSet", shown.collect())
}

//! CreateTags, DeleteTags.

use super::{Ec2, Here, Tags, not_found};
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

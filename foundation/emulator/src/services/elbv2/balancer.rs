//! Load balancers. Their network interfaces stay a while after them.

use super::{check_name, defaults, missing, paged};
use crate::call::{AwsError, Input};
use crate::durations::{ALB_CREATE, ALB_FREED};
use crate::services::Answer;
use crate::table::{Item, tags_in};
use crate::world::Here;
use serde_json::{Value, json};

/// The attributes of an application load balancer with AWS's defaults.
pub(super) const ATTRIBUTES: &[(&str, &str)] = &[
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.prefix", ""),
    ("client_keep_alive.seconds", "3600"),
    ("connection_logs.s3.bucket", ""),
    ("connection_logs.s3.enabled", "false"),
    ("connection_logs.s3.prefix", ""),
    ("deletion_protection.enabled", "false"),
    ("idle_timeout.timeout_seconds", "60"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("routing.http2.enabled", "true"),
    ("waf.fail_open.enabled", "false"),
    ("zonal_shift.config.enabled", "false"),
];

/// The zones of the subnets as AWS renders them, and their VPC.
fn zones(here: &Here<'_>, input: &Input) -> Result<(Vec<Value>, String), AwsError> {
    let (mut zones, mut vpc) = (Vec::<Value>::new(), String::new());
    for id in input.strings("Subnets") {
        let subnet = here.region.ec2.subnets.get(&id).ok_or_else(|| missing("SubnetNotFound", &id))?;
        if zones.iter().any(|it| it["ZoneName"] == subnet.zone.as_str()) {
            let problem = "A load balancer cannot be attached to multiple subnets in the same Availability Zone";
            return Err(AwsError::bad("InvalidConfigurationRequest", problem));
        }
        vpc.clone_from(&subnet.vpc);
        zones.push(json!({"ZoneName": subnet.zone, "SubnetId": id, "LoadBalancerAddresses": []}));
    }
    if zones.len() < 2 {
        return Err(AwsError::bad("ValidationError", "At least two subnets in two different Availability Zones must be specified"));
    }
    Ok((zones, vpc))
}

fn groups(here: &Here<'_>, input: &Input) -> Result<Vec<String>, AwsError> {
    let groups = input.strings("SecurityGroups");
    match groups.iter().find(|id| !here.region.ec2.security_groups.contains_key(*id)) {
        Some(unknown) => Err(AwsError::bad("InvalidSecurityGroup", format!("One or more security groups are invalid: {unknown}"))),
        None => Ok(groups),
    }
}

fn named<'a>(here: &'a Here<'_>, name: &str) -> Option<&'a Item> {
    here.region.load_balancers.values().find(|it| it.str("LoadBalancerName") == name)
}

/// Sixteen hexadecimal digits.
pub(super) fn digits(here: &mut Here<'_>) -> String {
    here.ids.id("x").chars().skip(3).take(16).collect()
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = input.str("Name")?.to_owned();
    check_name(&name)?;
    if name.starts_with("internal-") {
        return Err(AwsError::bad("ValidationError", "The load balancer name must not begin with 'internal-'"));
    }
    let (zones, vpc) = zones(here, input)?;
    let (groups, scheme) = (groups(here, input)?, input.opt("Scheme").unwrap_or("internet-facing").to_owned());
    let tags = tags_in(input, "Tags", "Key", "Value");
    if let Some(there) = named(here, &name) {
        // AWS returns an existing balancer with the same settings, whoever made it.
        let same = there.str("Scheme") == scheme
            && there.body["SecurityGroups"] == json!(groups)
            && there.body["AvailabilityZones"] == json!(zones);
        if same {
            return Ok(json!({"LoadBalancers": [there.body]}));
        }
        let problem = format!("A load balancer with the same name '{name}' exists, but with different settings");
        return Err(AwsError::bad("DuplicateLoadBalancerName", problem));
    }
    let public = here.region.ec2.internet_gateways.values().any(|it| it.vpc.as_deref() == Some(vpc.as_str()));
    if scheme == "internet-facing" && !public {
        return Err(AwsError::bad("InvalidSubnet", format!("VPC {vpc} has no internet gateway")));
    }
    let tail = digits(here);
    let arn = here.arn("elasticloadbalancing", &format!("loadbalancer/app/{name}/{tail}"));
    let number: String = tail.bytes().map(|byte| char::from(b'0' + byte % 10)).take(10).collect();
    let body = json!({
        "LoadBalancerArn": arn, "DNSName": format!("{name}-{number}.{}.elb.amazonaws.com", here.name), "CanonicalHostedZoneId": "Z23TAZ6LKFMNIO",
        "CreatedTime": here.clock.stamp(), "LoadBalancerName": name, "Scheme": scheme, "VpcId": vpc, "State": {"Code": "provisioning"},
        "Type": input.opt("Type").unwrap_or("application"), "AvailabilityZones": zones, "SecurityGroups": groups,
        "IpAddressType": input.opt("IpAddressType").unwrap_or("ipv4"),
    });
    let mut item = Item::new(body.clone(), tags);
    item.inside = json!({"attributes": defaults(ATTRIBUTES)});
    item.later(here.clock.after(ALB_CREATE), json!({"State": {"Code": "active"}}));
    for zone in &zones {
        let eni = here.ids.id("eni");
        let interface = json!({"networkInterfaceId": eni, "subnetId": zone["SubnetId"], "vpcId": vpc, "groups": groups, "status": "in-use",
            "description": format!("ELB app/{name}/{tail}"), "owner": arn});
        here.region.ec2.interfaces.insert(eni, Item::new(interface, Default::default()));
    }
    here.region.load_balancers.insert(arn, item);
    Ok(json!({"LoadBalancers": [body]}))
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (names, arns) = (input.strings("Names"), input.strings("LoadBalancerArns"));
    let known = |name: &String| named(here, name).is_some();
    let lost = names.iter().find(|name| !known(name)).or(arns.iter().find(|arn| !here.region.load_balancers.contains_key(*arn)));
    if let Some(lost) = lost {
        return Err(missing("LoadBalancerNotFound", lost));
    }
    let asked = |it: &&Item| {
        let all = names.is_empty() && arns.is_empty();
        all || names.iter().any(|name| name == it.str("LoadBalancerName")) || arns.iter().any(|arn| arn == it.str("LoadBalancerArn"))
    };
    let found = here.region.load_balancers.values().filter(asked).map(|it| it.body.clone()).collect();
    Ok(paged(input, "LoadBalancers", found))
}

/// The interfaces that belong to a balancer.
fn interfaces<'a>(here: &'a mut Here<'_>, arn: &'a str) -> impl Iterator<Item = &'a mut Item> {
    here.region.ec2.interfaces.values_mut().filter(move |it| it.str("owner") == arn)
}

fn balancer<'a>(here: &'a mut Here<'_>, arn: &str) -> Result<&'a mut Item, AwsError> {
    here.region.load_balancers.get_mut(arn).ok_or_else(|| missing("LoadBalancerNotFound", arn))
}

pub(super) fn set_security_groups(here: &mut Here<'_>, input: &Input) -> Answer {
    let (arn, groups) = (input.str("LoadBalancerArn")?, groups(here, input)?);
    balancer(here, arn)?.set(json!({"SecurityGroups": groups}));
    interfaces(here, arn).for_each(|it| it.set(json!({"groups": groups})));
    Ok(json!({"SecurityGroupIds": groups}))
}

pub(super) fn set_subnets(here: &mut Here<'_>, input: &Input) -> Answer {
    let (arn, (zones, _)) = (input.str("LoadBalancerArn")?, zones(here, input)?);
    balancer(here, arn)?.set(json!({"AvailabilityZones": zones}));
    Ok(json!({"AvailabilityZones": zones}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = input.str("LoadBalancerArn")?;
    let freed = here.clock.after(ALB_FREED);
    let Some(found) = here.region.load_balancers.get(arn) else { return Ok(json!({})) };
    if found.inside["attributes"]["deletion_protection.enabled"] == "true" {
        let problem = format!("Load balancer '{arn}' cannot be deleted because deletion protection is enabled");
        return Err(AwsError::bad("OperationNotPermitted", problem));
    }
    here.region.load_balancers.remove(arn);
    here.region.listeners.retain(|_, it| it.str("LoadBalancerArn") != arn);
    here.region.web_acl_associations.remove(arn);
    interfaces(here, arn).for_each(|it| it.later(freed, Value::Null));
    Ok(json!({}))
}

//! Listeners: one per port of a balancer.

use super::{missing, paged};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::{Item, copy, merge, tags_in};
use crate::world::Here;
use serde_json::{Value, json};

/// What a request may set.
const SETTINGS: &[&str] = &["Protocol", "Port", "SslPolicy", "Certificates", "DefaultActions", "AlpnPolicy"];

/// Checks the settings of a listener against what exists.
fn check(here: &Here<'_>, body: &Value) -> Result<(), AwsError> {
    let input = Input(body.clone());
    for action in input.parts("DefaultActions") {
        let groups = match action.opt("TargetGroupArn") {
            Some(arn) => vec![arn.to_owned()],
            None => action.part("ForwardConfig").map_or_else(Vec::new, |forward| {
                forward.parts("TargetGroups").iter().filter_map(|it| it.opt("TargetGroupArn").map(str::to_owned)).collect()
            }),
        };
        if let Some(unknown) = groups.iter().find(|arn| !here.region.target_groups.contains_key(*arn)) {
            return Err(missing("TargetGroupNotFound", unknown));
        }
    }
    if input.opt("Protocol") != Some("HTTPS") {
        return Ok(());
    }
    let arns: Vec<String> = input.parts("Certificates").iter().filter_map(|it| it.opt("CertificateArn").map(str::to_owned)).collect();
    if arns.is_empty() {
        return Err(AwsError::bad("ValidationError", "A certificate must be specified for HTTPS listeners"));
    }
    for arn in arns {
        let certificate = here.region.certificates.get(&arn);
        let certificate = certificate.ok_or_else(|| AwsError::bad("CertificateNotFound", format!("Certificate '{arn}' not found")))?;
        if certificate.str("Status") != "ISSUED" {
            let problem = format!(
                "The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a supported key size."
            );
            return Err(AwsError::bad("UnsupportedCertificate", problem));
        }
    }
    Ok(())
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let balancer = input.str("LoadBalancerArn")?.to_owned();
    if !here.region.load_balancers.contains_key(&balancer) {
        return Err(missing("LoadBalancerNotFound", &balancer));
    }
    let port = input.str("Port")?;
    if here.region.listeners.values().any(|it| it.str("LoadBalancerArn") == balancer && it.str("Port") == port) {
        return Err(AwsError::bad("DuplicateListener", "A listener already exists on this port for this load balancer"));
    }
    let tail = super::balancer::digits(here);
    let arn = format!("{}/{tail}", balancer.replace(":loadbalancer/", ":listener/"));
    let mut body = json!({"ListenerArn": arn, "LoadBalancerArn": balancer});
    merge(&mut body, copy(input, SETTINGS));
    if body["Protocol"] == "HTTPS" && body["SslPolicy"].is_null() {
        body["SslPolicy"] = json!("ELBSecurityPolicy-2016-08");
    }
    check(here, &body)?;
    here.region.listeners.insert(arn, Item::new(body.clone(), tags_in(input, "Tags", "Key", "Value")));
    Ok(json!({"Listeners": [body]}))
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (balancer, arns) = (input.opt("LoadBalancerArn"), input.strings("ListenerArns"));
    if let Some(unknown) = balancer.filter(|arn| !here.region.load_balancers.contains_key(*arn)) {
        return Err(missing("LoadBalancerNotFound", unknown));
    }
    if let Some(unknown) = arns.iter().find(|arn| !here.region.listeners.contains_key(*arn)) {
        return Err(missing("ListenerNotFound", unknown));
    }
    let asked = |it: &&Item| {
        balancer.is_none_or(|arn| it.str("LoadBalancerArn") == arn)
            && (arns.is_empty() || arns.iter().any(|arn| arn == it.str("ListenerArn")))
    };
    let found = here.region.listeners.values().filter(asked).map(|it| it.body.clone()).collect();
    Ok(paged(input, "Listeners", found))
}

pub(super) fn modify(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = input.str("ListenerArn")?;
    let found = here.region.listeners.get(arn).ok_or_else(|| missing("ListenerNotFound", arn))?;
    let mut body = found.body.clone();
    merge(&mut body, copy(input, SETTINGS));
    if body["Protocol"] != "HTTPS" {
        merge(&mut body, json!({"Certificates": null, "SslPolicy": null}));
    }
    check(here, &body)?;
    if let Some(found) = here.region.listeners.get_mut(arn) {
        found.body = body.clone();
    }
    Ok(json!({"Listeners": [body]}))
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = input.str("ListenerArn")?;
    here.region.listeners.remove(arn).map(|_| json!({})).ok_or_else(|| missing("ListenerNotFound", arn))
}

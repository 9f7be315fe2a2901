//! WAF: web ACLs and the load balancers that they protect. A load balancer has one web ACL at most.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, copy, merge, tags_in};
use crate::world::Here;
use serde_json::{Value, json};

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    forget(here);
    match call.action.as_str() {
        "CreateWebACL" => create(here, input),
        "GetWebACL" => get(here, input),
        "ListWebACLs" => list(here, input),
        "DeleteWebACL" => delete(here, input),
        "AssociateWebACL" => associate(here, input),
        "DisassociateWebACL" => {
            here.region.web_acl_associations.remove(input.str("ResourceArn")?);
            Ok(json!({}))
        }
        "GetWebACLForResource" => of_resource(here, input),
        "ListResourcesForWebACL" => resources(here, input),
        _ => Err(unknown(call)),
    }
}

/// An association goes with its load balancer.
fn forget(here: &mut Here<'_>) {
    let region = &mut *here.region;
    region.web_acl_associations.retain(|resource, _| region.load_balancers.contains_key(resource));
}

fn nonexistent() -> AwsError {
    AwsError::bad("WAFNonexistentItemException", "AWS WAF couldn’t perform the operation because your resource doesn’t exist.")
}

fn invalid(field: &str, parameter: &str) -> AwsError {
    let reason = "The parameter has an invalid value";
    AwsError::bad("WAFInvalidParameterException", format!("Error reason: {reason}, field: {field}, parameter: {parameter}"))
}

/// The scope as it stands in ARNs.
fn scope(here: &Here<'_>, input: &Input) -> Result<&'static str, AwsError> {
    match input.str("Scope")? {
        "REGIONAL" => Ok("regional"),
        "CLOUDFRONT" if here.name == "us-east-1" => Ok("global"),
        other => Err(invalid("SCOPE_VALUE", other)),
    }
}

fn check(input: &Input) -> Result<(), AwsError> {
    let name = input.str("Name")?;
    if name.is_empty() || name.len() > 128 || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
        return Err(invalid("NAME", name));
    }
    let action = input.part("DefaultAction").unwrap_or(Input(Value::Null));
    if action.part("Allow").is_some() == action.part("Block").is_some() {
        return Err(invalid("DEFAULT_ACTION", "DefaultAction"));
    }
    if input.part("VisibilityConfig").is_none_or(|config| config.opt("MetricName").is_none()) {
        return Err(invalid("VISIBILITY_CONFIG", "VisibilityConfig"));
    }
    Ok(())
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    check(input)?;
    let (scope, name, id) = (scope(here, input)?, input.str("Name")?, here.ids.uuid());
    if here.region.web_acls.values().any(|it| it.str("Name") == name && it.inside["scope"] == scope) {
        let problem = "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.";
        return Err(AwsError::bad("WAFDuplicateItemException", problem));
    }
    let arn = here.arn("wafv2", &format!("{scope}/webacl/{name}/{id}"));
    let rules = input.list("Rules");
    let mut body = json!({
        "Name": name, "Id": id, "ARN": arn, "Rules": rules, "Capacity": rules.len(), "ManagedByFirewallManager": false,
        "LabelNamespace": format!("awswaf:{}:webacl:{name}:", crate::world::ACCOUNT),
    });
    merge(&mut body, copy(input, &["DefaultAction", "Description", "VisibilityConfig", "CustomResponseBodies", "TokenDomains"]));
    let mut item = Item::new(body, tags_in(input, "Tags", "Key", "Value"));
    item.inside = json!({"scope": scope, "token": here.ids.uuid()});
    let answer = json!({"Summary": summary(&item)});
    here.region.web_acls.insert(arn, item);
    Ok(answer)
}

fn summary(it: &Item) -> Value {
    json!({
        "Name": it.body["Name"], "Id": it.body["Id"], "Description": it.str("Description"), "LockToken": it.inside["token"],
        "ARN": it.body["ARN"],
    })
}

/// The web ACL of an ARN, or of name, scope and id.
fn find<'a>(here: &'a Here<'_>, input: &Input) -> Result<&'a Item, AwsError> {
    if let Some(arn) = input.opt("ARN") {
        return here.region.web_acls.get(arn).ok_or_else(nonexistent);
    }
    let (name, scope, id) = (input.str("Name")?, scope(here, input)?, input.str("Id")?);
    let same = |it: &&Item| it.str("Name") == name && it.inside["scope"] == scope && it.str("Id") == id;
    here.region.web_acls.values().find(same).ok_or_else(nonexistent)
}

fn get(here: &Here<'_>, input: &Input) -> Answer {
    let found = find(here, input)?;
    Ok(json!({"WebACL": found.body, "LockToken": found.inside["token"]}))
}

fn list(here: &Here<'_>, input: &Input) -> Answer {
    let scope = scope(here, input)?;
    let most = input.int("Limit").map_or(100, |most| most.clamp(1, 100)) as usize;
    let after = |it: &&Item| input.opt("NextMarker").is_none_or(|marker| it.str("ARN") > marker);
    let all: Vec<&Item> = here.region.web_acls.values().filter(|it| it.inside["scope"] == scope).filter(after).collect();
    let mut body = json!({"WebACLs": all.iter().take(most).map(|it| summary(it)).collect::<Vec<Value>>()});
    if all.len() > most {
        body["NextMarker"] = json!(all[most - 1].str("ARN"));
    }
    Ok(body)
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = find(here, input)?;
    let arn = found.str("ARN").to_owned();
    if found.inside["token"] != input.str("LockToken")? {
        let problem = "AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it.";
        return Err(AwsError::bad("WAFOptimisticLockException", problem));
    }
    if here.region.web_acl_associations.values().any(|it| it.str("WebACLArn") == arn) {
        let problem = "AWS WAF couldn’t perform the operation because your resource is being used by another resource.";
        return Err(AwsError::bad("WAFAssociatedItemException", problem));
    }
    here.region.web_acls.remove(&arn);
    Ok(json!({}))
}

fn associate(here: &mut Here<'_>, input: &Input) -> Answer {
    let (acl, resource) = (input.str("WebACLArn")?, input.str("ResourceArn")?);
    if here.region.web_acls.get(acl).is_none_or(|it| it.inside["scope"] != "regional") {
        return Err(nonexistent());
    }
    if !here.region.load_balancers.contains_key(resource) {
        return Err(nonexistent());
    }
    let body = json!({"WebACLArn": acl, "ResourceArn": resource});
    here.region.web_acl_associations.insert(resource.to_owned(), Item::new(body, Default::default()));
    Ok(json!({}))
}

fn of_resource(here: &Here<'_>, input: &Input) -> Answer {
    let resource = input.str("ResourceArn")?;
    if !here.region.load_balancers.contains_key(resource) {
        return Err(nonexistent());
    }
    let association = here.region.web_acl_associations.get(resource);
    let acl = association.and_then(|it| here.region.web_acls.get(it.str("WebACLArn")));
    Ok(acl.map_or_else(|| json!({}), |it| json!({"WebACL": it.body})))
}

fn resources(here: &Here<'_>, input: &Input) -> Answer {
    let acl = input.str("WebACLArn")?;
    if !here.region.web_acls.contains_key(acl) {
        return Err(nonexistent());
    }
    // Only load balancers can be protected here.
    let asked = input.opt("ResourceType").is_none_or(|kind| kind == "APPLICATION_LOAD_BALANCER");
    let found = here.region.web_acl_associations.iter().filter(|(_, it)| asked && it.str("WebACLArn") == acl);
    Ok(json!({"ResourceArns": found.map(|(resource, _)| resource).collect::<Vec<_>>()}))
}

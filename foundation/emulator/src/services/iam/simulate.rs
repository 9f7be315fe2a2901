//! The policy simulator: what the policies of a user or role say to actions, without anybody doing them.
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>

use super::{inside, not_found, paged};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::services::sts::CALLER;
use crate::table::Item;
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the simulation is about beside the action: the resource, and the keys of conditions.
struct Request<'a> {
    action: &'a str,
    resource: &'a str,
    context: &'a BTreeMap<String, Vec<String>>,
}

/// What one policy is called, and what it says.
type Policy = (String, Value);

/// AWS's managed policies whose text is known here; the text of another one is not, and it allows nothing.
fn managed(arn: &str) -> Option<Value> {
    let statement = match arn.rsplit('/').next()? {
        "AdministratorAccess" => json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        "PowerUserAccess" => json!({"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "account:*"], "Resource": "*"}),
        "IAMFullAccess" => json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"}),
        _ => return None,
    };
    Some(json!({"Version": "2012-10-17", "Statement": [statement]}))
}

/// The policies of the user or role with this ARN. The caller is an administrator unless the world says something else.
fn policies(here: &Here<'_>, arn: &str) -> Result<Vec<Policy>, AwsError> {
    let invalid = || AwsError::bad("InvalidInput", "Invalid Entity Arn");
    let rest = arn.strip_prefix(&format!("arn:aws:iam::{ACCOUNT}:")).ok_or_else(invalid)?;
    let (kind, path) = rest.split_once('/').ok_or_else(invalid)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    let entity = match kind {
        "role" => here.account.roles.get(name),
        "user" => here.account.users.get(name),
        _ => return Err(invalid()),
    };
    let of = |item: &Item| {
        let inline = inside(item, "policies").into_iter();
        let inline = inline.filter_map(|(name, text)| Some((name, serde_json::from_str(text.as_str()?).ok()?)));
        let attached = inside(item, "attached").into_iter().filter_map(|(arn, _)| Some((arn.clone(), managed(&arn)?)));
        inline.chain(attached).collect()
    };
    match entity {
        Some(item) => Ok(of(item)),
        None if arn == CALLER => {
            Ok(managed("/AdministratorAccess").map(|all| ("AdministratorAccess".to_owned(), all)).into_iter().collect())
        }
        None => Err(not_found(format!("The {kind} with name {name} cannot be found."))),
    }
}

/// Whether a pattern with `*` and `?` fits the whole text.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[from] => {
                at += 1;
                from += 1;
            }
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    at = place + 1;
                    from = taken + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().flat_map(texts).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Bool(flag) => vec![flag.to_string()],
        _ => Vec::new(),
    }
}

/// Whether a condition holds; keys that it needs and nobody gave go to `missing`.
fn holds(operator: &str, wanted: &[String], given: Option<&Vec<String>>) -> bool {
    let (operator, if_exists) = operator.strip_suffix("IfExists").map_or((operator, false), |operator| (operator, true));
    let negative = operator.starts_with("StringNot") || operator.starts_with("ArnNot");
    let Some(given) = given else { return negative || if_exists || operator == "Null" };
    let like = |value: &String, pattern: &String| match operator {
        "StringLike" | "StringNotLike" | "ArnLike" | "ArnNotLike" | "ArnEquals" | "ArnNotEquals" => fits(pattern, value),
        "Bool" | "StringEqualsIgnoreCase" => pattern.eq_ignore_ascii_case(value),
        _ => pattern == value,
    };
    let some = given.iter().any(|value| wanted.iter().any(|pattern| like(value, pattern)));
    some != negative
}

/// Whether a statement is about the request.
fn about(statement: &Value, request: &Request<'_>, missing: &mut BTreeSet<String>) -> bool {
    let action = request.action.to_lowercase();
    let named = |field: &str, text: &str, lower: bool| {
        statement.get(field).map(|all| texts(all).iter().any(|it| fits(&if lower { it.to_lowercase() } else { it.clone() }, text)))
    };
    let acts = named("Action", &action, true).unwrap_or_else(|| !named("NotAction", &action, true).unwrap_or(true));
    let there = named("Resource", request.resource, false);
    let there = there.unwrap_or_else(|| !named("NotResource", request.resource, false).unwrap_or(true));
    if !acts || !there {
        return false;
    }
    let conditions = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
    let mut all = true;
    for (operator, keys) in conditions {
        for (key, wanted) in keys.as_object().into_iter().flatten() {
            let given = request.context.get(&key.to_lowercase());
            if given.is_none() {
                missing.insert(key.clone());
            }
            all &= holds(operator, &texts(wanted), given);
        }
    }
    all
}

/// What the policies say to one action on one resource.
fn decide(policies: &[Policy], request: &Request<'_>) -> Value {
    let (mut allowed, mut denied, mut missing, mut matched) = (false, false, BTreeSet::new(), Vec::new());
    for (name, policy) in policies {
        let statements = match &policy["Statement"] {
            Value::Array(all) => all.clone(),
            one => vec![one.clone()],
        };
        for statement in statements.iter().filter(|it| about(it, request, &mut missing)) {
            matched.push(json!({"SourcePolicyId": name}));
            if statement["Effect"] == "Deny" { denied = true } else { allowed = true }
        }
    }
    let decision = match (denied, allowed) {
        (true, _) => "explicitDeny",
        (_, true) => "allowed",
        _ => "implicitDeny",
    };
    json!({
        "EvalActionName": request.action, "EvalResourceName": request.resource, "EvalDecision": decision, "MatchedStatements": matched,
        "MissingContextValues": missing,
    })
}

/// Every action on every resource, a page of them.
pub(super) fn simulate(here: &Here<'_>, input: &Input) -> Answer {
    let policies = policies(here, input.str("PolicySourceArn")?)?;
    let (actions, mut resources) = (input.strings("ActionNames"), input.strings("ResourceArns"));
    if actions.is_empty() || actions.iter().any(|action| !(3..=128).contains(&action.len()) || !action.contains(':')) {
        let rule = "Member must have length less than or equal to 128, Member must have length greater than or equal to 3";
        return Err(AwsError::bad("ValidationError", format!("1 validation error detected: Value at 'actionNames' failed: [{rule}]")));
    }
    if resources.is_empty() {
        resources.push("*".into());
    }
    let entry = |it: &Input| Some((it.opt("ContextKeyName")?.to_lowercase(), it.strings("ContextKeyValues")));
    let context: BTreeMap<String, Vec<String>> = input.parts("ContextEntries").iter().filter_map(entry).collect();
    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |resource| (action, resource)));
    let all = pairs.map(|(action, resource)| decide(&policies, &Request { action, resource, context: &context }));
    Ok(paged("EvaluationResults", all.collect(), input))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decided(policy: &Value, action: &str, resource: &str, context: &[(&str, &str)]) -> String {
        let context = context.iter().map(|(key, value)| ((*key).to_owned(), vec![(*value).to_owned()])).collect();
        let request = Request { action, resource, context: &context };
        decide(&[("it".into(), policy.clone())], &request)["EvalDecision"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_policy_allows_what_it_names_and_a_denial_wins() {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Action": ["ec2:Describe*", "iam:passrole"], "Resource": "*"},
            {"Effect": "Deny", "Action": "ec2:DescribeVpcs", "Resource": "*"},
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "arn:aws:iam::1:role/shop-?-*"},
        ]});
        assert_eq!(decided(&policy, "ec2:DescribeSubnets", "*", &[]), "allowed");
        assert_eq!(decided(&policy, "iam:PassRole", "*", &[]), "allowed");
        assert_eq!(decided(&policy, "ec2:DescribeVpcs", "*", &[]), "explicitDeny");
        assert_eq!(decided(&policy, "iam:CreateRole", "*", &[]), "implicitDeny");
        assert_eq!(decided(&policy, "iam:CreateRole", "arn:aws:iam::1:role/shop-a-task", &[]), "allowed");
        assert_eq!(decided(&policy, "s3:PutObject", "arn:aws:iam::1:role/shop-a-task", &[]), "implicitDeny");
    }

    #[test]
    fn a_condition_needs_its_key_and_one_that_denies_elsewhere_denies_without() {
        let policy = json!({"Statement": [
            {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}},
            {"Effect": "Deny", "Action": "ec2:*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-north-1"]}}},
        ]});
        assert_eq!(decided(&policy, "ecs:CreateCluster", "*", &[]), "implicitDeny");
        assert_eq!(decided(&policy, "ecs:CreateCluster", "*", &[("aws:requesttag/team", "blue")]), "allowed");
        assert_eq!(decided(&policy, "ec2:CreateVpc", "*", &[("aws:requesttag/team", "blue")]), "explicitDeny");
        let both = [("aws:requesttag/team", "blue"), ("aws:requestedregion", "eu-north-1")];
        assert_eq!(decided(&policy, "ec2:CreateVpc", "*", &both), "allowed");
    }
}

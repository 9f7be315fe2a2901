//! Application Auto Scaling for ECS services: bounds of the desired count and target-tracking policies.

use super::{Answer, ecs, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Tags, copy, page};
use crate::world::{ACCOUNT, Here, Region};
use serde_json::{Value, json};

/// The only dimension of a service.
const DIMENSION: &str = "ecs:service:DesiredCount";

/// The metrics that AWS offers for services.
const METRICS: &[&str] = &["ECSServiceAverageCPUUtilization", "ECSServiceAverageMemoryUtilization", "ALBRequestCountPerTarget"];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "RegisterScalableTarget" => register(here, input),
        "DescribeScalableTargets" => describe_targets(here, input),
        "DeregisterScalableTarget" => deregister(here, input),
        "PutScalingPolicy" => put_policy(here, input),
        "DescribeScalingPolicies" => describe_policies(here, input),
        "DeleteScalingPolicy" => delete_policy(here, input),
        "ListTagsForResource" => Ok(json!({"Tags": tagged(here, input)?.tags})),
        "TagResource" => {
            let tags = tags(input)?;
            let target = tagged(here, input)?;
            target.tags.extend(tags);
            if target.tags.len() > 50 {
                return Err(AwsError::bad("TooManyTagsException", "The resource has more than 50 tags."));
            }
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = input.strings("TagKeys");
            tagged(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(unknown(call)),
    }
}

/// The count that a service may have: within the bounds of its scalable target, if it has one.
pub(crate) fn clamp(region: &Region, resource: &str, count: i64) -> i64 {
    let Some(target) = region.scalable_targets.get(&format!("{resource}/{DIMENSION}")) else { return count };
    let bound = |name: &str| target.body[name].as_i64().unwrap_or(count);
    count.min(bound("MaxCapacity")).max(bound("MinCapacity"))
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("ValidationException", message)
}

fn required<'a>(input: &'a Input, name: &str) -> Result<&'a str, AwsError> {
    let lower = name[..1].to_lowercase() + &name[1..];
    let missing =
        || invalid(format!("1 validation error detected: Value null at '{lower}' failed to satisfy constraint: Member must not be null"));
    input.opt(name).ok_or_else(missing)
}

fn check_namespace(input: &Input) -> Result<(), AwsError> {
    match required(input, "ServiceNamespace")? {
        "ecs" => Ok(()),
        other => Err(invalid(format!("The embedded AWS only scales the service namespace ecs, not {other}"))),
    }
}

/// The resource that a request means, and its key.
fn resource(input: &Input) -> Result<(String, String), AwsError> {
    check_namespace(input)?;
    let (resource, dimension) = (required(input, "ResourceId")?, required(input, "ScalableDimension")?);
    if dimension != DIMENSION || resource.split('/').count() != 3 || !resource.starts_with("service/") {
        return Err(invalid("Unsupported service namespace, resource type or scalable dimension"));
    }
    Ok((resource.to_owned(), format!("{resource}/{dimension}")))
}

fn not_found(what: &str, resource: &str) -> AwsError {
    let message = format!("No {what} found for service namespace: ecs, resource ID: {resource}, scalable dimension: {DIMENSION}");
    AwsError::bad("ObjectNotFoundException", message)
}

/// Tags, which this service carries as a map.
fn tags(input: &Input) -> Result<Tags, AwsError> {
    let map = input.0.get("Tags").and_then(Value::as_object);
    let tags: Tags = map.into_iter().flatten().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    if tags.len() > 50 || tags.iter().any(|(key, value)| key.is_empty() || key.len() > 128 || value.len() > 256 || key.starts_with("aws:"))
    {
        return Err(invalid(
            "Tags: at most 50, keys of 1 to 128 characters that do not begin with aws:, values of at most 256 characters.",
        ));
    }
    Ok(tags)
}

fn tagged<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = required(input, "ResourceARN")?;
    let found = here.region.scalable_targets.values_mut().find(|it| it.str("ScalableTargetARN") == arn);
    found.ok_or_else(|| AwsError::bad("ResourceNotFoundException", format!("The resource {arn} was not found.")))
}

fn register(here: &mut Here<'_>, input: &Input) -> Answer {
    let (resource, key) = resource(input)?;
    let (tags, there) = (tags(input)?, here.region.scalable_targets.get(&key));
    let service = resource.strip_prefix("service/").unwrap_or_default();
    if here.region.services.get(service).is_none_or(|it| it.str("status") != "ACTIVE") {
        return Err(invalid(format!("ECS service doesn't exist: {resource}")));
    }
    let bound = |name: &str| {
        let found = input.int(name).or(there.and_then(|it| it.body[name].as_i64()));
        found
            .filter(|bound| *bound >= 0)
            .ok_or_else(|| invalid(format!("{name} must be given when a target is registered, and not be negative")))
    };
    let (least, most) = (bound("MinCapacity")?, bound("MaxCapacity")?);
    if least > most {
        return Err(invalid("Maximum capacity cannot be less than minimum capacity"));
    }
    if there.is_none() {
        let id = here.ids.uuid().replace('-', "");
        let role = "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService";
        let body = json!({
            "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION, "CreationTime": here.clock.now(),
            "RoleARN": format!("arn:aws:iam::{ACCOUNT}:role/{role}"),
            "SuspendedState": {"DynamicScalingInSuspended": false, "DynamicScalingOutSuspended": false, "ScheduledScalingSuspended": false},
            "ScalableTargetARN": here.arn("application-autoscaling", &format!("scalable-target/{id}")),
        });
        here.region.scalable_targets.insert(key.clone(), Item::new(body, tags));
    }
    let target = here.region.scalable_targets.get_mut(&key).ok_or_else(|| not_found("scalable target", &resource))?;
    target.set(json!({"MinCapacity": least, "MaxCapacity": most}));
    target.set(copy(input, &["SuspendedState"]));
    let arn = target.str("ScalableTargetARN").to_owned();
    ecs::rescale(here, &resource);
    Ok(json!({"ScalableTargetARN": arn}))
}

/// The page size of a request.
fn most(input: &Input) -> usize {
    input.int("MaxResults").unwrap_or(50).clamp(1, 50) as usize
}

fn describe_targets(here: &Here<'_>, input: &Input) -> Answer {
    check_namespace(input)?;
    let ids = input.strings("ResourceIds");
    let wanted = |it: &&Item| (ids.is_empty() || ids.iter().any(|id| id == it.str("ResourceId"))) && of_dimension(input, it);
    let all = here.region.scalable_targets.values().filter(wanted).map(|it| it.body.clone()).collect();
    Ok(page("ScalableTargets", all, input.opt("NextToken"), most(input), "NextToken"))
}

fn of_dimension(input: &Input, it: &Item) -> bool {
    input.opt("ScalableDimension").is_none_or(|dimension| dimension == it.str("ScalableDimension"))
}

fn deregister(here: &mut Here<'_>, input: &Input) -> Answer {
    let (resource, key) = resource(input)?;
    here.region.scalable_targets.remove(&key).ok_or_else(|| not_found("scalable target", &resource))?;
    here.region.scaling_policies.retain(|_, policy| policy.str("ResourceId") != resource);
    Ok(json!({}))
}

/// The metric that a policy follows, if AWS would take the policy.
fn check_tracking(given: &Input) -> Result<Value, AwsError> {
    let target = given.0.get("TargetValue").and_then(Value::as_f64);
    if target.is_none_or(|target| target <= 0.0) {
        return Err(invalid("TargetValue must be given and greater than 0"));
    }
    for name in ["ScaleInCooldown", "ScaleOutCooldown"] {
        if given.int(name).is_some_and(|seconds| seconds < 0) {
            return Err(invalid(format!("{name} must not be negative")));
        }
    }
    match (given.part("PredefinedMetricSpecification"), given.part("CustomizedMetricSpecification")) {
        (Some(metric), None) => {
            let kind = metric.opt("PredefinedMetricType").unwrap_or_default();
            if !METRICS.contains(&kind) {
                return Err(invalid(format!("Invalid predefined metric type for the service namespace ecs: {kind}")));
            }
            if (kind == "ALBRequestCountPerTarget") != metric.opt("ResourceLabel").is_some() {
                return Err(invalid("ResourceLabel must be given for ALBRequestCountPerTarget, and only for it"));
            }
            Ok(metric.0)
        }
        (None, Some(metric)) => Ok(metric.0),
        _ => Err(invalid("Exactly one of PredefinedMetricSpecification and CustomizedMetricSpecification must be given")),
    }
}

/// The metric that an existing policy follows.
fn metric(policy: &Item) -> &Value {
    let tracking = &policy.body["TargetTrackingScalingPolicyConfiguration"];
    tracking.get("PredefinedMetricSpecification").unwrap_or(&tracking["CustomizedMetricSpecification"])
}

fn put_policy(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, (resource, target)) = (required(input, "PolicyName")?, resource(input)?);
    if name.is_empty() || name.len() > 256 || name.chars().any(char::is_control) {
        return Err(invalid("PolicyName has 1 to 256 printable characters"));
    }
    if !here.region.scalable_targets.contains_key(&target) {
        return Err(not_found("scalable target", &resource));
    }
    let key = format!("{target}/{name}");
    let there = here.region.scaling_policies.get(&key);
    if input.opt("PolicyType").or(there.map(|it| it.str("PolicyType"))) != Some("TargetTrackingScaling") {
        return Err(invalid("The embedded AWS only has policies of the type TargetTrackingScaling"));
    }
    if let Some(given) = input.part("TargetTrackingScalingPolicyConfiguration") {
        let wanted = check_tracking(&given)?;
        let same = |(other, it): (&String, &Item)| *other != key && it.str("ResourceId") == resource && *metric(it) == wanted;
        if here.region.scaling_policies.iter().any(same) {
            return Err(invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed."));
        }
    } else if there.is_none() {
        return Err(invalid("TargetTrackingScalingPolicyConfiguration must be given for a new policy"));
    }
    if there.is_none() {
        let id = here.ids.uuid();
        let body = json!({
            "PolicyARN": here.arn("autoscaling", &format!("scalingPolicy:{id}:resource/ecs/{resource}:policyName/{name}")), "PolicyName": name,
            "ServiceNamespace": "ecs", "ResourceId": resource, "ScalableDimension": DIMENSION, "PolicyType": "TargetTrackingScaling",
            "Alarms": [], "CreationTime": here.clock.now(),
        });
        here.region.scaling_policies.insert(key.clone(), Item::new(body, Tags::new()));
    }
    let policy = here.region.scaling_policies.get_mut(&key).ok_or_else(|| not_found("scaling policy", &resource))?;
    policy.set(copy(input, &["TargetTrackingScalingPolicyConfiguration"]));
    Ok(json!({"PolicyARN": policy.str("PolicyARN"), "Alarms": []}))
}

fn describe_policies(here: &Here<'_>, input: &Input) -> Answer {
    check_namespace(input)?;
    let (names, resource) = (input.strings("PolicyNames"), input.opt("ResourceId"));
    if input.opt("ScalableDimension").is_some() && resource.is_none() {
        return Err(invalid("ResourceId must be given with ScalableDimension"));
    }
    let wanted = |it: &&Item| {
        (names.is_empty() || names.iter().any(|name| name == it.str("PolicyName")))
            && resource.is_none_or(|resource| resource == it.str("ResourceId"))
            && of_dimension(input, it)
    };
    let all = here.region.scaling_policies.values().filter(wanted).map(|it| it.body.clone()).collect();
    Ok(page("ScalingPolicies", all, input.opt("NextToken"), most(input), "NextToken"))
}

fn delete_policy(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, (resource, target)) = (required(input, "PolicyName")?, resource(input)?);
    let found = here.region.scaling_policies.remove(&format!("{target}/{name}"));
    found.map(|_| json!({})).ok_or_else(|| not_found("scaling policy", &resource))
}

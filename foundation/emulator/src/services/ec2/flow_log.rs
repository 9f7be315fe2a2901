//! Flow logs of VPCs into CloudWatch Logs.

use super::filter::{Facts, describe as describe_all, tag_set};
use super::{Here, not_found};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::table::Item;
use serde_json::{Value, json};

/// The fields of a line when the request names none.
const FORMAT: &str = "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${bytes} \
                      ${start} ${end} ${action} ${log-status}";

fn bad(message: &str) -> AwsError {
    AwsError::bad("InvalidParameter", message)
}

fn failed(id: &str, code: &str, message: &str) -> Value {
    json!({"resourceId": id, "error": {"code": code, "message": message}})
}

/// What all flow logs of one request have in common.
fn wanted(input: &Input) -> Result<Value, AwsError> {
    let (kind, traffic) = (input.str("ResourceType")?, input.str("TrafficType")?);
    if !["VPC", "Subnet"].contains(&kind) {
        return Err(bad("The embedded AWS knows flow logs of VPCs and subnets only."));
    }
    if !["ACCEPT", "REJECT", "ALL"].contains(&traffic) {
        return Err(AwsError::bad("InvalidParameterValue", format!("Value ({traffic}) for parameter TrafficType is invalid.")));
    }
    if input.opt("LogDestinationType").is_some_and(|to| to != "cloud-watch-logs") {
        return Err(bad("The embedded AWS knows flow logs into CloudWatch Logs only."));
    }
    let by_arn = input.opt("LogDestination").and_then(|arn| arn.split(":log-group:").nth(1)).map(|name| name.trim_end_matches(":*"));
    let group = input.opt("LogGroupName").or(by_arn).filter(|name| !name.is_empty());
    let group = group.ok_or_else(|| bad("LogDestination can't be empty if LogGroupName is not provided."))?;
    let role = input.opt("DeliverLogsPermissionArn").filter(|arn| !arn.is_empty());
    let role = role.ok_or_else(|| bad("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs."))?;
    if !role.starts_with("arn:aws:iam::") {
        return Err(bad("DeliverLogsPermissionArn is not the ARN of a role."));
    }
    let interval = input.opt("MaxAggregationInterval").unwrap_or("600");
    if !["60", "600"].contains(&interval) {
        return Err(bad("Invalid Flow Log Max Aggregation Interval"));
    }
    Ok(json!({
        "trafficType": traffic, "logGroupName": group, "logDestinationType": "cloud-watch-logs",
        "logDestination": input.opt("LogDestination"),
        "deliverLogsPermissionArn": role, "maxAggregationInterval": interval, "logFormat": input.opt("LogFormat").unwrap_or(FORMAT),
        "flowLogStatus": "ACTIVE", "deliverLogsStatus": "SUCCESS",
    }))
}

fn check_resource(here: &Here<'_>, kind: Option<&str>, id: &str) -> Result<(), AwsError> {
    let (there, code) = match kind {
        Some("Subnet") => (here.ec2.subnets.contains_key(id), "InvalidSubnetID.NotFound"),
        _ => (here.ec2.vpcs.contains_key(id), "InvalidVpcID.NotFound"),
    };
    if there { Ok(()) } else { Err(not_found(code, id)) }
}

pub(super) fn create_flow_log(here: &mut Here<'_>, input: &Input) -> Answer {
    let token = input.opt("ClientToken").filter(|token| !token.is_empty());
    let before = here.ec2.flow_logs.iter().filter(|(_, it)| token.is_some() && it.inside["request"]["ClientToken"].as_str() == token);
    let before: Vec<(&String, &Item)> = before.collect();
    if before.iter().any(|(_, it)| it.inside["request"] != input.0) {
        return Err(AwsError::bad("IdempotentParameterMismatch", "The client token was used with other parameters"));
    }
    if !before.is_empty() {
        let ids: Vec<&String> = before.into_iter().map(|(id, _)| id).collect();
        return Ok(json!({"clientToken": token, "flowLogIdSet": ids, "unsuccessful": []}));
    }
    let (common, resources) = (wanted(input)?, input.strings("ResourceId"));
    if resources.is_empty() {
        return Err(AwsError::bad("MissingParameter", "The request must contain the parameter ResourceId"));
    }
    resources.iter().try_for_each(|id| check_resource(here, input.opt("ResourceType"), id))?;
    let (mut made, mut refused) = (Vec::new(), Vec::new());
    for resource in resources {
        let same = |it: &Item| {
            it.str("resourceId") == resource && ["trafficType", "logGroupName"].iter().all(|field| it.body[field] == common[field])
        };
        if here.ec2.flow_logs.values().any(same) {
            let problem = "Error. There is an existing Flow Log with the same configuration and log destination.";
            refused.push(failed(&resource, "FlowLogAlreadyExists", problem));
            continue;
        }
        let id = here.ids.id("fl");
        let mut it = Item::new(common.clone(), input.tags_for("vpc-flow-log"));
        it.set(json!({"flowLogId": id, "resourceId": resource, "creationTime": here.clock.stamp()}));
        it.inside = json!({"request": input.0});
        here.ec2.flow_logs.insert(id.clone(), it);
        made.push(id);
    }
    Ok(json!({"clientToken": token, "flowLogIdSet": made, "unsuccessful": refused}))
}

fn render(it: &Item) -> Value {
    let mut body = it.body.clone();
    body["tagSet"] = tag_set(&it.tags);
    body
}

pub(super) fn describe_flow_logs(here: &mut Here<'_>, input: &Input) -> Answer {
    let fields = [
        ("resource-id", "resourceId"),
        ("flow-log-id", "flowLogId"),
        ("log-group-name", "logGroupName"),
        ("traffic-type", "trafficType"),
        ("log-destination-type", "logDestinationType"),
        ("deliver-log-status", "deliverLogsStatus"),
    ];
    describe_all(
        input,
        "FlowLogId",
        "InvalidFlowLogId.NotFound",
        "flowLogSet",
        &here.ec2.flow_logs,
        |_, it| Facts { tags: &it.tags, more: fields.iter().map(|(name, field)| (*name, it.str(field).to_owned())).collect() },
        |_, it| render(it),
    )
}

pub(super) fn delete_flow_logs(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut missing = Vec::new();
    let last = here.clock.after(crate::durations::LOG_FLUSH);
    for id in input.strings("FlowLogId") {
        if let Some(gone) = here.ec2.flow_logs.remove(&id) {
            here.ec2.ended_flow_logs.insert(gone.str("logGroupName").to_owned(), last);
        } else {
            missing.push(failed(&id, "InvalidFlowLogId.NotFound", &format!("These flow log ids in the input list are not found: [{id}]")));
        }
    }
    Ok(json!({"unsuccessful": missing}))
}

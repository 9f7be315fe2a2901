//! Resource Groups Tagging API: what carries which tags, over all services of a region but IAM.
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use super::{Answer, ec2, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Tags, page, tags_out};
use crate::world::{Here, Region, is_ghost};
use serde_json::{Value, json};

/// The most objects in a page, values of a key and keys in a request.
const PAGE: i64 = 100;
const VALUES: usize = 20;
const KEYS: usize = 50;

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    match call.action.as_str() {
        "GetResources" => get(here, &call.input),
        _ => Err(unknown(call)),
    }
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::bad("InvalidParameterException", message)
}

/// What is asked for.
struct Wanted {
    filters: Vec<(String, Vec<String>)>,
    types: Vec<String>,
    arns: Vec<String>,
}

impl Wanted {
    fn of(input: &Input) -> Result<Wanted, AwsError> {
        let filters: Vec<(String, Vec<String>)> = input
            .parts("TagFilters")
            .iter()
            .map(|filter| (filter.opt("Key").unwrap_or_default().to_owned(), filter.strings("Values")))
            .collect();
        let wanted = Wanted { filters, types: input.strings("ResourceTypeFilters"), arns: input.strings("ResourceARNList") };
        if wanted.filters.len() > KEYS || wanted.filters.iter().any(|(_, values)| values.len() > VALUES) {
            return Err(invalid(format!("TagFilters has more than {KEYS} keys, or more than {VALUES} values of one key")));
        }
        let filtered = !wanted.filters.is_empty() || !wanted.types.is_empty();
        if filtered && !wanted.arns.is_empty() {
            return Err(invalid("ResourceARNList cannot be combined with other filters"));
        }
        Ok(wanted)
    }

    fn takes(&self, arn: &str, tags: &Tags) -> bool {
        let has = |(key, values): &(String, Vec<String>)| tags.get(key).is_some_and(|it| values.is_empty() || values.contains(it));
        let listed = self.arns.is_empty() || self.arns.iter().any(|it| it == arn);
        listed && self.filters.iter().all(has) && (self.types.is_empty() || self.types.iter().any(|of| is_of(arn, of)))
    }
}

/// Whether the ARN is of this service, or of this type of a service: `rds`, `ssm:parameter`.
fn is_of(arn: &str, wanted: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let (service, rest) = (parts.get(2).copied().unwrap_or_default(), parts.get(5).copied().unwrap_or_default());
    match wanted.split_once(':') {
        None => service == wanted,
        Some((of, kind)) => service == of && rest.strip_prefix(kind).is_some_and(|rest| rest.starts_with([':', '/'])),
    }
}

fn get(here: &Here<'_>, input: &Input) -> Answer {
    let most = input.int("ResourcesPerPage").unwrap_or(50);
    if !(1..=PAGE).contains(&most) {
        return Err(invalid(format!("ResourcesPerPage is {most}, and must be from 1 to {PAGE}")));
    }
    let wanted = Wanted::of(input)?;
    let mut all: Vec<(String, &Tags)> = all(here).into_iter().filter(|(arn, tags)| !tags.is_empty() && wanted.takes(arn, tags)).collect();
    all.sort();
    let all = all.into_iter().map(|(arn, tags)| json!({"ResourceARN": arn, "Tags": tags_out(tags, "Key", "Value")})).collect();
    let token = input.opt("PaginationToken").filter(|token| !token.is_empty());
    let mut body = page("ResourceTagMappingList", all, token, most as usize, "PaginationToken");
    if body.get("PaginationToken").is_none() {
        // AWS ends with an empty token.
        body["PaginationToken"] = json!("");
    }
    Ok(body)
}

/// The ARN and the tags of everything in the region.
fn all<'a>(here: &'a Here<'_>) -> Vec<(String, &'a Tags)> {
    let region: &Region = here.region;
    let mut all: Vec<(String, &Tags)> =
        ec2::tags::all(&region.ec2).into_iter().map(|(id, kind, tags)| (here.arn("ec2", &format!("{kind}/{id}")), tags)).collect();
    for table in region.tables() {
        let lives = table.iter().filter(|(_, item)| !is_ghost(item));
        all.extend(lives.filter_map(|(id, item)| Some((arn(id, item)?, &item.tags))));
    }
    all
}

/// The fields that hold an object's own ARN; those that others hold as well, to say where they belong, come last.
const ARNS: &[&str] = &[
    "serviceArn",
    "taskDefinitionArn",
    "clusterArn",
    "logGroupArn",
    "AlarmArn",
    "DBSnapshotArn",
    "DBSubnetGroupArn",
    "DBParameterGroupArn",
    "DBInstanceArn",
    "repositoryArn",
    "ScalableTargetARN",
    "ARN",
    "Arn",
];

/// Its ARN, by its key or one of its fields.
fn arn(id: &str, item: &Item) -> Option<String> {
    let own = |field: &str| item.body.get(field).and_then(Value::as_str);
    Some(id).filter(|id| id.starts_with("arn:")).or_else(|| ARNS.iter().find_map(|field| own(field))).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_told_by_its_own_arn() {
        let of = |id: &str, body| arn(id, &Item::new(body, Tags::new()));
        let service = json!({"clusterArn": "arn:cluster", "taskDefinitionArn": "arn:definition", "serviceArn": "arn:service"});
        assert_eq!(of("shop/app", service).as_deref(), Some("arn:service"));
        assert_eq!(of("/shop/salt", json!({"Name": "/shop/salt", "ARN": "arn:parameter"})).as_deref(), Some("arn:parameter"));
        assert_eq!(of("arn:listener", json!({"LoadBalancerArn": "arn:balancer"})).as_deref(), Some("arn:listener"));
        assert_eq!(of("alias/shop", json!({"TargetKeyId": "0a1b"})), None);
    }
}

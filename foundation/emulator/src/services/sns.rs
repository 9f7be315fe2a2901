//! SNS: topics, their attributes and subscriptions. Nothing is published; whoever subscribes by mail or HTTP stays unconfirmed.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, Tags, copy, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use serde_json::{Map, Value, json};

/// How many topics or subscriptions AWS lists in one answer.
const PAGE: usize = 100;

/// Protocols, and whether somebody must confirm a subscription with them.
const PROTOCOLS: &[(&str, bool)] = &[
    ("email", true),
    ("email-json", true),
    ("http", true),
    ("https", true),
    ("sqs", false),
    ("lambda", false),
    ("firehose", false),
    ("application", false),
    ("sms", false),
];

/// Attributes that a topic may be given; those about delivery feedback have many names more.
const TOPIC_ATTRIBUTES: &[&str] = &[
    "DisplayName",
    "Policy",
    "KmsMasterKeyId",
    "DeliveryPolicy",
    "TracingConfig",
    "SignatureVersion",
    "ContentBasedDeduplication",
    "ArchivePolicy",
    "FifoThroughputScope",
];

/// Attributes that a subscription may be given.
const SUBSCRIPTION_ATTRIBUTES: &[&str] =
    &["DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy", "SubscriptionRoleArn", "ReplayPolicy"];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateTopic" => create(here, input),
        "GetTopicAttributes" => attributes(here, input),
        "SetTopicAttributes" => set_attribute(here, input),
        "DeleteTopic" => {
            // Deleting what is not there succeeds.
            let arn = input.str("TopicArn")?;
            here.region.topics.remove(arn);
            here.region.subscriptions.retain(|_, subscription| subscription.str("TopicArn") != arn);
            Ok(json!({}))
        }
        "ListTopics" => {
            let all = here.region.topics.keys().map(|arn| json!({"TopicArn": arn})).collect();
            Ok(page("Topics", all, input.opt("NextToken"), PAGE, "NextToken"))
        }
        "Subscribe" => subscribe(here, input),
        "GetSubscriptionAttributes" => {
            let arn = subscription_arn(input)?;
            let missing = || not_found("Subscription does not exist");
            here.region.subscriptions.get(arn).map(|found| json!({"Attributes": {"#map": found.body}})).ok_or_else(missing)
        }
        "ListSubscriptionsByTopic" => list_subscriptions(here, input),
        "Unsubscribe" => unsubscribe(here, input),
        "TagResource" => tag(here, input),
        "UntagResource" => {
            let keys = input.strings("TagKeys");
            resource(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "ListTagsForResource" => Ok(json!({"Tags": tags_out(&resource(here, input)?.tags, "Key", "Value")})),
        _ => Err(unknown(call)),
    }
}

fn not_found(message: &str) -> AwsError {
    AwsError::new(404, "NotFound", message)
}

fn invalid(what: impl std::fmt::Display) -> AwsError {
    AwsError::bad("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn topic<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("TopicArn")?;
    if !arn.starts_with("arn:") || arn.split(':').count() != 6 {
        return Err(invalid("TopicArn"));
    }
    here.region.topics.get_mut(arn).ok_or_else(|| not_found("Topic does not exist"))
}

/// The topic of a tag operation.
fn resource<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let arn = input.str("ResourceArn")?;
    here.region.topics.get_mut(arn).ok_or_else(|| AwsError::new(404, "ResourceNotFound", "Resource does not exist"))
}

/// The map `Attributes`, which comes as a list of `key` and `value`.
fn given(input: &Input) -> Map<String, Value> {
    let entries = input.parts("Attributes");
    entries.iter().filter_map(|entry| Some((entry.opt("key")?.to_owned(), json!(entry.opt("value").unwrap_or_default())))).collect()
}

fn check_attribute(name: &str, value: &str) -> Result<(), AwsError> {
    let feedback = ["FeedbackRoleArn", "FeedbackSampleRate"].iter().any(|end| name.ends_with(end));
    match name {
        "Policy" if !serde_json::from_str::<Value>(value).is_ok_and(|policy| policy.is_object()) => Err(invalid("Policy Error: null")),
        "DisplayName" if value.chars().count() > 100 => Err(invalid("DisplayName Reason: must be less than or equal to 100 characters")),
        _ if feedback || TOPIC_ATTRIBUTES.contains(&name) => Ok(()),
        _ => Err(invalid("AttributeName")),
    }
}

/// The policy of a topic that was given none: the account may do everything.
fn usual_policy(arn: &str) -> String {
    let actions = ["GetTopicAttributes", "SetTopicAttributes", "AddPermission", "RemovePermission", "DeleteTopic", "Subscribe"];
    let actions = actions.iter().chain(&["ListSubscriptionsByTopic", "Publish"]).map(|action| json!(format!("SNS:{action}")));
    let statement = json!({
        "Sid": "__default_statement_ID", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": actions.collect::<Value>(),
        "Resource": arn, "Condition": {"StringEquals": {"AWS:SourceOwner": ACCOUNT}},
    });
    json!({"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}).to_string()
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, given, tags) = (input.str("Name")?, given(input), tags_in(input, "Tags", "Key", "Value"));
    let fifo = given.get("FifoTopic").is_some_and(|fifo| fifo == "true");
    let plain = if fifo { name.strip_suffix(".fifo").unwrap_or_default() } else { name };
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if plain.is_empty() || name.len() > 256 || !plain.chars().all(allowed) {
        return Err(invalid("Topic Name"));
    }
    for (name, value) in given.iter().filter(|(name, _)| *name != "FifoTopic") {
        check_attribute(name, value.as_str().unwrap_or_default())?;
    }
    let arn = here.arn("sns", name);
    if let Some(there) = here.region.topics.get(&arn) {
        if tags.iter().any(|(key, value)| !there.has(key, value)) {
            return Err(invalid("Tags Reason: Topic already exists with different tags"));
        }
        if given.iter().any(|(name, value)| (name != "FifoTopic" || fifo) && there.body.get(name) != Some(value)) {
            return Err(invalid("Attributes Reason: Topic already exists with different attributes"));
        }
        return Ok(json!({"TopicArn": arn}));
    }
    check_tags(&tags)?;
    let mut item = Item::new(json!({"TopicArn": arn, "Owner": ACCOUNT, "DisplayName": "", "Policy": usual_policy(&arn)}), tags);
    item.set(Value::Object(given.into_iter().filter(|(name, _)| name != "FifoTopic" || fifo).collect()));
    here.region.topics.insert(arn.clone(), item);
    Ok(json!({"TopicArn": arn}))
}

fn attributes(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut all = topic(here, input)?.body.clone();
    let of_topic = here.region.subscriptions.values().filter(|subscription| subscription.str("TopicArn") == all["TopicArn"]);
    let (pending, confirmed): (Vec<_>, Vec<_>) = of_topic.partition(|subscription| is_pending(subscription));
    let counts = json!({
        "SubscriptionsConfirmed": confirmed.len().to_string(), "SubscriptionsPending": pending.len().to_string(),
        "SubscriptionsDeleted": "0",
    });
    crate::table::merge(&mut all, counts);
    Ok(json!({"Attributes": {"#map": all}}))
}

fn set_attribute(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, value) = (input.str("AttributeName")?, input.opt("AttributeValue").unwrap_or_default());
    let found = topic(here, input)?;
    check_attribute(name, value)?;
    // An empty key takes the encryption away.
    let value = if value.is_empty() && name != "DisplayName" { Value::Null } else { json!(value) };
    found.set(json!({name: value}));
    Ok(json!({}))
}

fn check_tags(tags: &Tags) -> Result<(), AwsError> {
    if tags.len() > 50 {
        return Err(AwsError::bad("TagLimitExceeded", "Could not complete request: tag quota of per resource exceeded"));
    }
    Ok(())
}

fn tag(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = resource(here, input)?;
    let mut all = found.tags.clone();
    all.extend(tags_in(input, "Tags", "Key", "Value"));
    check_tags(&all)?;
    found.tags = all;
    Ok(json!({}))
}

fn is_pending(subscription: &Item) -> bool {
    subscription.str("PendingConfirmation") == "true"
}

/// Whether somebody must confirm a subscription of this endpoint.
fn must_confirm(protocol: &str, endpoint: &str) -> Result<bool, AwsError> {
    let known = PROTOCOLS.iter().find(|(name, _)| *name == protocol);
    let (_, confirm) = known.ok_or_else(|| invalid(format!("Amazon SNS does not support this protocol string: {protocol}")))?;
    let (fits, problem) = match protocol {
        "email" | "email-json" => (endpoint.contains('@'), "Email address"),
        "http" | "https" => (endpoint.starts_with(&format!("{protocol}://")), "Endpoint must match the specified protocol"),
        "sqs" => (endpoint.starts_with("arn:"), "SQS endpoint ARN"),
        "lambda" => (endpoint.starts_with("arn:"), "Lambda endpoint ARN"),
        "sms" => (!endpoint.is_empty(), "Invalid SMS endpoint"),
        _ => (endpoint.starts_with("arn:"), "Endpoint ARN"),
    };
    if fits { Ok(*confirm) } else { Err(invalid(problem)) }
}

fn subscribe(here: &mut Here<'_>, input: &Input) -> Answer {
    topic(here, input)?;
    let (topic, protocol) = (input.str("TopicArn")?, input.str("Protocol")?);
    let endpoint = input.opt("Endpoint").unwrap_or_default();
    let (pending, given) = (must_confirm(protocol, endpoint)?, given(input));
    if let Some(name) = given.keys().find(|name| !SUBSCRIPTION_ATTRIBUTES.contains(&name.as_str())) {
        return Err(invalid(format!("Attributes Reason: Unknown attribute: {name}")));
    }
    let same = |it: &&Item| it.str("TopicArn") == topic && it.str("Protocol") == protocol && it.str("Endpoint") == endpoint;
    let (arn, pending) = match here.region.subscriptions.values().find(same) {
        Some(there) if given.iter().any(|(name, value)| there.body.get(name) != Some(value)) => {
            return Err(invalid("Attributes Reason: Subscription already exists with different attributes"));
        }
        Some(there) => (there.str("SubscriptionArn").to_owned(), is_pending(there)),
        None => {
            let arn = format!("{topic}:{}", here.ids.uuid());
            let mut item = Item::new(
                json!({
                    "SubscriptionArn": arn, "TopicArn": topic, "Protocol": protocol, "Endpoint": endpoint, "Owner": ACCOUNT,
                    "PendingConfirmation": pending.to_string(), "ConfirmationWasAuthenticated": (!pending).to_string(),
                    "RawMessageDelivery": "false", "SubscriptionPrincipal": format!("arn:aws:iam::{ACCOUNT}:root"),
                }),
                Tags::default(),
            );
            item.set(Value::Object(given));
            here.region.subscriptions.insert(arn.clone(), item);
            (arn, pending)
        }
    };
    let hidden = pending && input.bool("ReturnSubscriptionArn") != Some(true);
    Ok(json!({"SubscriptionArn": if hidden { "pending confirmation" } else { arn.as_str() }}))
}

fn list_subscriptions(here: &mut Here<'_>, input: &Input) -> Answer {
    topic(here, input)?;
    let arn = input.str("TopicArn")?;
    let all = here.region.subscriptions.values().filter(|subscription| subscription.str("TopicArn") == arn);
    let all = all.map(|subscription| {
        let mut entry = copy(&Input(subscription.body.clone()), &["SubscriptionArn", "Owner", "Protocol", "Endpoint", "TopicArn"]);
        if is_pending(subscription) {
            entry["SubscriptionArn"] = json!("PendingConfirmation");
        }
        entry
    });
    Ok(page("Subscriptions", all.collect(), input.opt("NextToken"), PAGE, "NextToken"))
}

/// A subscription's ARN; `PendingConfirmation` is none.
fn subscription_arn(input: &Input) -> Result<&str, AwsError> {
    let arn = input.str("SubscriptionArn")?;
    match arn.split(':').count() {
        count @ 0..6 => Err(invalid(format!("SubscriptionArn Reason: An ARN must have at least 6 elements, not {count}"))),
        _ => Ok(arn),
    }
}

fn unsubscribe(here: &mut Here<'_>, input: &Input) -> Answer {
    let arn = subscription_arn(input)?;
    // AWS forgets an unconfirmed subscription by itself or with its topic, never on request.
    if here.region.subscriptions.get(arn).is_some_and(is_pending) {
        return Err(invalid("SubscriptionArn Reason: Cannot unsubscribe a subscription that is pending confirmation"));
    }
    here.region.subscriptions.remove(arn);
    Ok(json!({}))
}

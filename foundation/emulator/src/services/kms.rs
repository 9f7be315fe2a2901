//! KMS: keys, their policies and rotation, aliases. Deleting a key takes days; its aliases go first.

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, copy, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};

const DAY: f64 = 86_400.0;

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "CreateKey" => create(here, input),
        "DescribeKey" => Ok(json!({"KeyMetadata": key(here, input)?.body})),
        "ListKeys" => Ok(list(here, input)),
        "ListResourceTags" => Ok(json!({"Tags": tags_out(&key(here, input)?.tags, "TagKey", "TagValue"), "Truncated": false})),
        "TagResource" => {
            let tags = tags_in(input, "Tags", "TagKey", "TagValue");
            usable(here, input)?.tags.extend(tags);
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = input.strings("TagKeys");
            usable(here, input)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "GetKeyPolicy" => Ok(json!({"Policy": key(here, input)?.inside["policy"], "PolicyName": "default"})),
        "PutKeyPolicy" => {
            let policy = policy(input)?;
            usable(here, input)?.inside["policy"] = policy;
            Ok(json!({}))
        }
        "GetKeyRotationStatus" => Ok(json!({"KeyRotationEnabled": usable(here, input)?.inside["rotation"], "RotationPeriodInDays": 365})),
        "EnableKeyRotation" => rotation(here, input, true),
        "DisableKeyRotation" => rotation(here, input, false),
        "UpdateKeyDescription" => {
            let description = input.str("Description")?.to_owned();
            usable(here, input)?.set(json!({"Description": description}));
            Ok(json!({}))
        }
        "ScheduleKeyDeletion" => schedule(here, input),
        "CancelKeyDeletion" => cancel(here, input),
        "EnableKey" => {
            let found = usable(here, input)?;
            found.set(json!({"KeyState": "Enabled", "Enabled": true}));
            Ok(json!({}))
        }
        "CreateAlias" => create_alias(here, input),
        "UpdateAlias" => update_alias(here, input),
        "DeleteAlias" => {
            let name = input.str("AliasName")?;
            here.region.aliases.remove(name).map(|_| json!({})).ok_or_else(|| not_found(&format!("Alias {name} is not found.")))
        }
        "ListAliases" => list_aliases(here, input),
        _ => Err(unknown(call)),
    }
}

fn not_found(message: &str) -> AwsError {
    AwsError::bad("NotFoundException", message)
}

fn policy(input: &Input) -> Answer {
    let Some(text) = input.opt("Policy") else {
        let root = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Enable IAM User Permissions", "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")}, "Action": "kms:*", "Resource": "*"}]});
        return Ok(json!(root.to_string()));
    };
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let locks_out = |policy: &Value| !policy["Statement"].to_string().contains(":root");
    match parsed {
        None => Err(AwsError::bad("MalformedPolicyDocumentException", "The policy is not valid JSON.")),
        Some(policy) if locks_out(&policy) => Err(AwsError::bad(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
        )),
        Some(_) => Ok(json!(text)),
    }
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let policy = policy(input)?;
    let id = here.ids.uuid();
    let mut body = json!({
        "AWSAccountId": ACCOUNT, "KeyId": id, "Arn": here.arn("kms", &format!("key/{id}")), "CreationDate": here.clock.now(), "Enabled": true,
        "Description": "", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false,
    });
    crate::table::merge(&mut body, copy(input, &["Description", "KeyUsage", "KeySpec"]));
    let mut item = Item::new(body.clone(), tags_in(input, "Tags", "TagKey", "TagValue"));
    item.inside = json!({"policy": policy, "rotation": false});
    here.region.keys.insert(id, item);
    Ok(json!({"KeyMetadata": body}))
}

/// The key of an id, an ARN, an alias or an alias's ARN.
fn find(here: &Here<'_>, name: &str) -> Result<String, AwsError> {
    let last = name.rsplit(':').next().unwrap_or(name);
    let id = match last.strip_prefix("alias/") {
        Some(_) => here.region.aliases.get(last).map(|alias| alias.str("TargetKeyId").to_owned()),
        None => Some(last.strip_prefix("key/").unwrap_or(last).to_owned()),
    };
    let id = id.filter(|id| here.region.keys.contains_key(id));
    id.ok_or_else(|| not_found(&format!("Key '{name}' does not exist")))
}

fn key<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let id = find(here, input.str("KeyId")?)?;
    here.region.keys.get_mut(&id).ok_or_else(|| not_found(&id))
}

/// The key, unless it waits for its deletion.
fn usable<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Item, AwsError> {
    let found = key(here, input)?;
    if found.str("KeyState") == "PendingDeletion" {
        return Err(AwsError::bad("KMSInvalidStateException", format!("{} is pending deletion.", found.str("Arn"))));
    }
    Ok(found)
}

/// Whether a key of that name can encrypt now: what other services ask.
pub(crate) fn can_encrypt(here: &Here<'_>, name: &str) -> bool {
    name.starts_with("alias/aws/") || find(here, name).is_ok_and(|id| here.region.keys[&id].str("KeyState") == "Enabled")
}

fn list(here: &Here<'_>, input: &Input) -> Value {
    let all = here.region.keys.iter().map(|(id, key)| json!({"KeyId": id, "KeyArn": key.str("Arn")})).collect();
    let mut body = page("Keys", all, input.opt("Marker"), input.int("Limit").unwrap_or(100) as usize, "NextMarker");
    body["Truncated"] = json!(body.get("NextMarker").is_some());
    body
}

fn rotation(here: &mut Here<'_>, input: &Input, on: bool) -> Answer {
    usable(here, input)?.inside["rotation"] = json!(on);
    Ok(json!({}))
}

fn schedule(here: &mut Here<'_>, input: &Input) -> Answer {
    let days = input.int("PendingWindowInDays").unwrap_or(30);
    if !(7..=30).contains(&days) {
        return Err(AwsError::bad("ValidationException", "PendingWindowInDays must be between 7 and 30"));
    }
    let at = here.clock.now() + days as f64 * DAY;
    let found = usable(here, input)?;
    found.set(json!({"KeyState": "PendingDeletion", "Enabled": false, "DeletionDate": at}));
    found.later(at, Value::Null);
    Ok(json!({"KeyId": found.str("Arn"), "DeletionDate": at, "KeyState": "PendingDeletion", "PendingWindowInDays": days}))
}

fn cancel(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = key(here, input)?;
    if found.str("KeyState") != "PendingDeletion" {
        return Err(AwsError::bad("KMSInvalidStateException", "The key is not pending deletion."));
    }
    found.next.clear();
    found.set(json!({"KeyState": "Disabled", "DeletionDate": null}));
    Ok(json!({"KeyId": found.str("Arn")}))
}

fn alias_name(input: &Input) -> Result<String, AwsError> {
    let name = input.str("AliasName")?;
    if !name.starts_with("alias/") || name.starts_with("alias/aws/") || name.len() > 256 {
        return Err(AwsError::bad("InvalidAliasNameException", format!("{name} is not an alias name")));
    }
    Ok(name.to_owned())
}

fn create_alias(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, target) = (alias_name(input)?, find(here, input.str("TargetKeyId")?)?);
    if here.region.aliases.contains_key(&name) {
        return Err(AwsError::bad("AlreadyExistsException", format!("An alias with the name {name} already exists")));
    }
    let arn = here.arn("kms", &name);
    let body = json!({"AliasName": name, "AliasArn": arn, "TargetKeyId": target});
    here.region.aliases.insert(name, Item::new(body, Default::default()));
    Ok(json!({}))
}

fn update_alias(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, target) = (alias_name(input)?, find(here, input.str("TargetKeyId")?)?);
    let alias = here.region.aliases.get_mut(&name).ok_or_else(|| not_found(&format!("Alias {name} is not found.")))?;
    alias.set(json!({"TargetKeyId": target}));
    Ok(json!({}))
}

fn list_aliases(here: &Here<'_>, input: &Input) -> Answer {
    let of = input.opt("KeyId").map(|key| find(here, key)).transpose()?;
    let all = here.region.aliases.values().filter(|alias| of.as_deref().is_none_or(|of| alias.str("TargetKeyId") == of));
    let all = all.map(|alias| alias.body.clone()).collect();
    let mut body = page("Aliases", all, input.opt("Marker"), input.int("Limit").unwrap_or(50) as usize, "NextMarker");
    body["Truncated"] = json!(body.get("NextMarker").is_some());
    Ok(body)
}

//! SSM: parameters (values with versions, SecureString under a KMS key, AWS's public ones for machine images) and sessions.

mod session;

pub(crate) use session::open;

mod history;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::{Item, page, tags_in, tags_out};
use crate::world::{ACCOUNT, Here};
use serde_json::{Value, json};
use std::time::Duration;

/// Public parameters that name the newest machine images.
pub(super) const PUBLIC: &[(&str, &str)] = &[
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "ami-0a12023000000x864"),
    ("/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-arm64", "ami-0a12023000000ar64"),
    ("/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2", "ami-0a12000000000x864"),
    ("/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-arm64-gp2", "ami-0a12000000000ar64"),
];

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "PutParameter" => put(here, input),
        "GetParameter" => get(here, input.str("Name")?, input).map(|found| json!({"Parameter": found})),
        "GetParameters" => {
            let (found, missing): (Vec<_>, Vec<_>) =
                input.strings("Names").into_iter().map(|name| (get(here, &name, input), name)).partition(|(got, _)| got.is_ok());
            let found: Vec<Value> = found.into_iter().filter_map(|(got, _)| got.ok()).collect();
            let missing: Vec<String> = missing.into_iter().map(|(_, name)| name).collect();
            Ok(json!({"Parameters": found, "InvalidParameters": missing}))
        }
        "DescribeParameters" => Ok(describe(here, input)),
        "GetParameterHistory" => history::of(here, input),
        "DeleteParameter" => {
            let name = input.str("Name")?;
            here.region.parameters.remove(name).map(|_| json!({})).ok_or_else(|| not_found(name))
        }
        "AddTagsToResource" => {
            let tags = tags_in(input, "Tags", "Key", "Value");
            item(here, input.str("ResourceId")?)?.tags.extend(tags);
            Ok(json!({}))
        }
        "RemoveTagsFromResource" => {
            let keys = input.strings("TagKeys");
            item(here, input.str("ResourceId")?)?.tags.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        "StartSession" => session::start(here, input),
        "TerminateSession" => session::terminate(here, input),
        "DescribeSessions" => session::describe(here, input),
        "ListTagsForResource" => Ok(json!({"TagList": tags_out(&item(here, input.str("ResourceId")?)?.tags, "Key", "Value")})),
        _ => Err(unknown(call)),
    }
}

fn not_found(name: &str) -> AwsError {
    AwsError::bad("ParameterNotFound", format!("Parameter {name} not found."))
}

fn item<'a>(here: &'a mut Here<'_>, name: &str) -> Result<&'a mut Item, AwsError> {
    let missing = AwsError::bad("InvalidResourceId", format!("{name} is not a parameter"));
    here.region.parameters.get_mut(name).ok_or(missing)
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    if name.chars().all(allowed) && name.len() <= 1011 && name.matches('/').count() <= 15 && !name.starts_with("/aws") {
        return Ok(());
    }
    Err(AwsError::bad("ValidationException", format!("Parameter name {name} is not valid")))
}

/// How many writes of parameters AWS takes in a second.
const WRITES: usize = 3;

/// Refuses a write that comes too early after those before.
fn keep_pace(here: &mut Here<'_>) -> Result<(), AwsError> {
    let (now, again) = (here.clock.now(), here.clock.after(Duration::from_secs(1)));
    let writes = &mut here.region.parameter_writes;
    writes.retain(|free| *free > now);
    if writes.len() >= WRITES {
        return Err(AwsError::bad("ThrottlingException", "Rate exceeded"));
    }
    writes.push(again);
    Ok(())
}

fn put(here: &mut Here<'_>, input: &Input) -> Answer {
    let (name, value) = (input.str("Name")?.to_owned(), input.str("Value")?.to_owned());
    check_name(&name)?;
    keep_pace(here)?;
    if value.len() > 4096 {
        return Err(AwsError::bad("ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters."));
    }
    let (tags, overwrite) = (tags_in(input, "Tags", "Key", "Value"), input.bool("Overwrite") == Some(true));
    if overwrite && !tags.is_empty() {
        return Err(AwsError::bad("ValidationException", "Invalid request: tags and overwrite can't be used together."));
    }
    let there = here.region.parameters.get(&name);
    if there.is_some() && !overwrite {
        return Err(AwsError::bad(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option.",
        ));
    }
    let kind = input.opt("Type").or(there.map(|it| it.str("Type"))).unwrap_or("String").to_owned();
    let key = input.opt("KeyId").unwrap_or("alias/aws/ssm").to_owned();
    if kind == "SecureString" && !super::kms::can_encrypt(here, &key) {
        return Err(AwsError::bad("InvalidKeyId", format!("The key {key} cannot be used")));
    }
    let version = there.and_then(|it| it.body["Version"].as_i64()).unwrap_or_default() + 1;
    let mut body = json!({
        "Name": name, "ARN": here.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))), "Type": kind, "Version": version,
        "LastModifiedDate": here.clock.now(), "Tier": "Standard", "DataType": "text", "LastModifiedUser": format!("arn:aws:iam::{ACCOUNT}:user/local"),
    });
    if kind == "SecureString" {
        body["KeyId"] = json!(key);
    }
    if let Some(description) = input.opt("Description").or(there.map(|it| it.str("Description"))).filter(|text| !text.is_empty()) {
        body["Description"] = json!(description);
    }
    let mut fresh = Item::new(body, there.map_or(tags, |it| it.tags.clone()));
    fresh.inside = json!({"value": value});
    if let Some(before) = there {
        fresh.inside["past"] = history::with(before);
    }
    here.region.parameters.insert(name, fresh);
    Ok(json!({"Version": version, "Tier": "Standard"}))
}

fn get(here: &Here<'_>, name: &str, input: &Input) -> Answer {
    if let Some((name, ami)) = PUBLIC.iter().find(|(public, _)| *public == name) {
        return Ok(json!({"Name": name, "Type": "String", "Value": ami, "Version": 1, "DataType": "aws:ec2:image"}));
    }
    let found = here.region.parameters.get(name).ok_or_else(|| not_found(name))?;
    let secure = found.str("Type") == "SecureString";
    if secure && !super::kms::can_encrypt(here, found.str("KeyId")) {
        return Err(AwsError::bad("InvalidKeyId", format!("The key {} cannot be used", found.str("KeyId"))));
    }
    let plain = !secure || input.bool("WithDecryption") == Some(true);
    let value = if plain { found.inside["value"].clone() } else { json!("AQICAHcipher=") };
    // Key, tier and description are DescribeParameters' to tell.
    let told = ["Name", "Type", "Version", "LastModifiedDate", "ARN", "DataType"];
    let mut answer = crate::table::copy(&Input(found.body.clone()), &told);
    answer["Value"] = value;
    Ok(answer)
}

fn describe(here: &Here<'_>, input: &Input) -> Value {
    let filters = input.parts("ParameterFilters");
    let passes = |item: &Item| {
        filters.iter().all(|filter| {
            let (key, values) = (filter.opt("Key").unwrap_or_default(), filter.strings("Values"));
            let prefix = filter.opt("Option") == Some("BeginsWith");
            let matches = |text: &str| values.iter().any(|value| if prefix { text.starts_with(value.as_str()) } else { text == value });
            match key.strip_prefix("tag:") {
                Some(tag) => item.tags.get(tag).is_some_and(|text| values.is_empty() || matches(text)),
                None => matches(item.str(key)),
            }
        })
    };
    let all = here.region.parameters.values().filter(|item| passes(item)).map(|item| item.body.clone()).collect();
    page("Parameters", all, input.opt("NextToken"), input.int("MaxResults").unwrap_or(10) as usize, "NextToken")
}

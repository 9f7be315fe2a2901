//! S3: buckets with their settings, and the objects in them.

mod object;

pub(crate) use object::etag;

use super::{Answer, unknown};
use crate::call::{AwsError, Call, Input};
use crate::table::Tags;
use crate::world::{ACCOUNT, Here};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A bucket.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bucket {
    /// The region that it is in.
    pub region: String,
    /// When it was made.
    pub created: String,
    /// Whether it belongs to another account.
    pub foreign: bool,
    /// Its settings by the name of their document, as documents; the policy as its text.
    pub settings: BTreeMap<String, Value>,
    /// Its tags.
    pub tags: Tags,
    /// Its objects by key.
    pub objects: BTreeMap<String, Object>,
    /// How many versions are not current any more: they are counted, not kept.
    pub noncurrent: usize,
    /// How many of the next conditional writes meet another operation: a test's tool.
    pub conflicts: usize,
}

/// The current version of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Object {
    /// What it holds, in base 64.
    pub body: String,
    /// Its ETag, with its quotes.
    pub etag: String,
    /// When it was written, in seconds since 1970.
    pub modified: f64,
    /// Its headers.
    pub headers: BTreeMap<String, String>,
}

impl Object {
    /// What it holds.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&STANDARD.decode(&self.body).unwrap_or_default()).into_owned()
    }
}

/// Hands a call to its operation.
///
/// # Errors
/// AWS's error.
pub(crate) fn handle(here: &mut Here<'_>, call: &Call) -> Answer {
    let input = &call.input;
    match call.action.as_str() {
        "ListBuckets" => return Ok(list(here)),
        "CreateBucket" => return create(here, input),
        _ => {}
    }
    let found = reached(here, input)?;
    match call.action.as_str() {
        "HeadBucket" => Ok(json!({"#headers": {"x-amz-bucket-region": found.region}})),
        "GetBucketLocation" => Ok(json!({"#xml": {"LocationConstraint": location(&found.region)}})),
        "GetBucketTagging" => tags(found),
        "GetBucketPolicy" => setting(found, "BucketPolicy").map(|policy| json!({"#text": policy})),
        "DeleteBucket" => delete(here, input),
        action if action.starts_with("GetBucket") || action == "GetPublicAccessBlock" => document(found, &action[3..]),
        action if action.starts_with("PutBucket") || action == "PutPublicAccessBlock" => put(here, input, &action[3..]),
        "DeleteBucketLifecycle" => without(here, input, "BucketLifecycleConfiguration"),
        action if action.starts_with("DeleteBucket") || action == "DeletePublicAccessBlock" => without(here, input, &action[6..]),
        "ListObjectsV2" => object::list(found, input),
        "GetObject" => object::get(found, input, true),
        "HeadObject" => object::get(found, input, false),
        "PutObject" => object::put(here, input),
        "DeleteObject" => object::delete(here, input),
        _ => Err(unknown(call)),
    }
}

fn name(input: &Input) -> &str {
    input.opt("Bucket").unwrap_or_default()
}

/// The bucket of a request, if this account may reach it from here.
fn reached<'a>(here: &'a mut Here<'_>, input: &Input) -> Result<&'a mut Bucket, AwsError> {
    let region = here.name;
    let Some(found) = here.account.buckets.get_mut(name(input)) else {
        return Err(AwsError::new(404, "NoSuchBucket", "The specified bucket does not exist"));
    };
    if found.foreign || input.opt("x-amz-expected-bucket-owner").is_some_and(|owner| owner != ACCOUNT) {
        return Err(AwsError::new(403, "AccessDenied", "Access Denied"));
    }
    if found.region != region {
        let text = "The bucket you are attempting to access must be addressed using the specified endpoint.";
        return Err(AwsError::new(301, "PermanentRedirect", format!("{text} It is in {}.", found.region)));
    }
    Ok(found)
}

/// The first region has no name in S3.
fn location(region: &str) -> Option<&str> {
    (region != "us-east-1").then_some(region)
}

fn list(here: &Here<'_>) -> Value {
    let own = here.account.buckets.iter().filter(|(_, bucket)| !bucket.foreign);
    let all: Vec<Value> = own.map(|(name, bucket)| json!({"Name": name, "CreationDate": bucket.created})).collect();
    json!({"#xml": {"ListAllMyBucketsResult": {"Owner": {"ID": ACCOUNT}, "Buckets": {"Bucket": all}}}})
}

fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let name = name(input);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = (3..=63).contains(&name.len()) && name.chars().all(plain) && name.starts_with(ends) && name.ends_with(ends);
    if !fits || name.contains("..") || name.parse::<std::net::Ipv4Addr>().is_ok() {
        return Err(AwsError::bad("InvalidBucketName", "The specified bucket is not valid."));
    }
    let asked = input.part("#xml").and_then(|xml| xml.opt("LocationConstraint").map(str::to_owned));
    if asked.as_deref() != location(here.name) {
        let text = "The location constraint is incompatible for the region specific endpoint this request was sent to.";
        return Err(AwsError::bad("IllegalLocationConstraintException", text));
    }
    match here.account.buckets.get(name) {
        Some(bucket) if bucket.foreign => {
            let text = "The requested bucket name is not available. The bucket namespace is shared by all users of the system.";
            return Err(AwsError::new(409, "BucketAlreadyExists", text));
        }
        // The first region says yes to whoever owns it already.
        Some(_) if here.name != "us-east-1" => {
            let text = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(AwsError::new(409, "BucketAlreadyOwnedByYou", text));
        }
        Some(_) => {}
        None => {
            let mut bucket = Bucket { region: here.name.to_owned(), created: here.clock.stamp(), ..Bucket::default() };
            // What every new bucket has.
            let rule = json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"});
            bucket.settings.insert("BucketEncryption".into(), json!({"Rule": rule}));
            let blocked = BLOCKS.iter().map(|block| ((*block).to_owned(), json!("true")));
            bucket.settings.insert("PublicAccessBlock".into(), Value::Object(blocked.collect()));
            here.account.buckets.insert(name.to_owned(), bucket);
        }
    }
    Ok(json!({"#headers": {"location": format!("/{name}")}}))
}

fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let found = reached(here, input)?;
    if !found.objects.is_empty() || found.noncurrent > 0 {
        let text = "The bucket you tried to delete is not empty";
        let versions = if found.objects.is_empty() { ". You must delete all versions in the bucket." } else { "" };
        return Err(AwsError::new(409, "BucketNotEmpty", format!("{text}{versions}")));
    }
    here.account.buckets.remove(name(input));
    Ok(json!({"#status": 204}))
}

/// Where public access can be blocked.
const BLOCKS: [&str; 4] = ["BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"];

/// The root element of a setting's document.
fn root(name: &str) -> &'static str {
    match name {
        "BucketVersioning" => "VersioningConfiguration",
        "BucketEncryption" => "ServerSideEncryptionConfiguration",
        "PublicAccessBlock" => "PublicAccessBlockConfiguration",
        _ => "LifecycleConfiguration",
    }
}

/// The error where a setting was never made; versioning is an empty document then.
fn unset(name: &str) -> Option<AwsError> {
    let (code, text) = match name {
        "BucketVersioning" => return None,
        "BucketEncryption" => ("ServerSideEncryptionConfigurationNotFoundError", "The server side encryption configuration was not found"),
        "PublicAccessBlock" => ("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"),
        "BucketPolicy" => ("NoSuchBucketPolicy", "The bucket policy does not exist"),
        _ => ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    };
    Some(AwsError::new(404, code, text))
}

fn setting(bucket: &Bucket, name: &str) -> Answer {
    match bucket.settings.get(name) {
        Some(found) => Ok(found.clone()),
        None => unset(name).map_or_else(|| Ok(json!({})), Err),
    }
}

fn document(bucket: &Bucket, name: &str) -> Answer {
    setting(bucket, name).map(|found| json!({"#xml": {root(name): found}}))
}

fn tags(bucket: &Bucket) -> Answer {
    if bucket.tags.is_empty() {
        return Err(AwsError::new(404, "NoSuchTagSet", "The TagSet does not exist"));
    }
    let all: Vec<Value> = bucket.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
    Ok(json!({"#xml": {"Tagging": {"TagSet": {"Tag": all}}}}))
}

/// A list that may have come as its only element.
fn many(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(all) => all.clone(),
        Value::Object(_) => vec![value.clone()],
        _ => Vec::new(),
    }
}

fn malformed() -> AwsError {
    AwsError::bad("MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema")
}

fn put(here: &mut Here<'_>, input: &Input, name: &str) -> Answer {
    let xml = input.part("#xml").map(|xml| xml.0).unwrap_or_default();
    let body = STANDARD.decode(input.opt("#body").unwrap_or_default()).unwrap_or_default();
    let found = reached(here, input)?;
    let valid = match name {
        "BucketVersioning" => ["Enabled", "Suspended"].contains(&xml["Status"].as_str().unwrap_or_default()),
        "BucketEncryption" => {
            let algorithm = &xml["Rule"]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"];
            ["AES256", "aws:kms", "aws:kms:dsse"].contains(&algorithm.as_str().unwrap_or_default())
        }
        "PublicAccessBlock" => xml.as_object().is_some_and(|all| all.keys().all(|key| BLOCKS.contains(&key.as_str()))),
        "BucketLifecycleConfiguration" => {
            let rules = many(&xml["Rule"]);
            let fits = |rule: &Value| rule["Status"].is_string() && (!rule["Filter"].is_null() || !rule["Prefix"].is_null());
            !rules.is_empty() && rules.iter().all(fits)
        }
        "BucketTagging" => !xml["TagSet"].is_null(),
        "BucketPolicy" => {
            let policy = serde_json::from_slice::<Value>(&body).ok().filter(|policy| policy["Statement"].is_array());
            let malformed = || AwsError::bad("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'");
            policy.ok_or_else(malformed)?;
            found.settings.insert(name.to_owned(), json!(String::from_utf8_lossy(&body)));
            return Ok(json!({"#status": 204}));
        }
        _ => false,
    };
    if !valid {
        return Err(malformed());
    }
    if name == "BucketTagging" {
        let text = |tag: &Value, field: &str| tag[field].as_str().unwrap_or_default().to_owned();
        found.tags = many(&xml["TagSet"]["Tag"]).iter().map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect();
        return Ok(json!({"#status": 204}));
    }
    found.settings.insert(name.to_owned(), xml);
    Ok(json!({}))
}

fn without(here: &mut Here<'_>, input: &Input, name: &str) -> Answer {
    let found = reached(here, input)?;
    if name == "BucketTagging" {
        found.tags.clear();
    }
    found.settings.remove(name);
    Ok(json!({"#status": 204}))
}

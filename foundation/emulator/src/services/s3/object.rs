//! Objects: written under conditions, read, listed, deleted.

use super::{Bucket, Object, reached};
use crate::call::{AwsError, Input};
use crate::services::Answer;
use crate::world::Here;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};
use serde_json::{Map, Value, json};

/// Headers that are kept with an object and come back with it.
const KEPT: [&str; 5] = ["content-type", "cache-control", "content-disposition", "content-language", "x-amz-storage-class"];
/// How it is encrypted.
const ALGORITHM: &str = "x-amz-server-side-encryption";
/// With which key.
const KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

fn key(input: &Input) -> &str {
    input.opt("Key").unwrap_or_default()
}

fn no_such_key() -> AwsError {
    AwsError::new(404, "NoSuchKey", "The specified key does not exist.")
}

fn failed() -> AwsError {
    AwsError::new(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
}

fn same(etag: &str, wanted: &str) -> bool {
    wanted == "*" || wanted.trim_matches('"') == etag.trim_matches('"')
}

fn version(bucket: &Bucket, ids: &mut crate::world::Ids) -> Option<String> {
    let status = bucket.settings.get("BucketVersioning").map(|it| &it["Status"])?;
    if status == "Enabled" { Some(ids.uuid().replace('-', "")) } else { Some("null".into()) }
}

/// Whether the conditions of a write hold.
fn conditions(bucket: &mut Bucket, input: &Input) -> Result<(), AwsError> {
    let (matches, none) = (input.opt("if-match"), input.opt("if-none-match"));
    if matches.is_none() && none.is_none() {
        return Ok(());
    }
    if bucket.conflicts > 0 {
        bucket.conflicts -= 1;
        let text = "The conditional request cannot succeed due to a conflicting operation against this resource.";
        return Err(AwsError::new(409, "ConditionalRequestConflict", text));
    }
    let there = bucket.objects.get(key(input));
    match (matches, none) {
        (Some(wanted), _) => match there {
            Some(object) if same(&object.etag, wanted) => Ok(()),
            Some(_) => Err(failed()),
            None => Err(no_such_key()),
        },
        (_, Some("*")) => {
            if there.is_some() {
                Err(failed())
            } else {
                Ok(())
            }
        }
        _ => {
            let text = "A header you provided implies functionality that is not implemented";
            Err(AwsError::new(501, "NotImplemented", text))
        }
    }
}

/// The headers that tell how an object is encrypted: as the request says, or as the bucket does.
fn encryption(bucket: &Bucket, input: &Input) -> Map<String, Value> {
    let default = &bucket.settings.get("BucketEncryption").cloned().unwrap_or_default()["Rule"]["ApplyServerSideEncryptionByDefault"];
    let told = |header: &str, field: &str| input.opt(header).or(default[field].as_str()).map(|value| (header.to_owned(), json!(value)));
    let algorithm = told(ALGORITHM, "SSEAlgorithm");
    let by_key = algorithm.as_ref().is_some_and(|(_, value)| value != "AES256");
    algorithm.into_iter().chain(told(KEY, "KMSMasterKeyID").filter(|_| by_key)).collect()
}

/// The ETag of content that no key of KMS encrypts: its digest.
pub(crate) fn etag(content: &[u8]) -> String {
    format!("\"{}\"", Md5::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

pub(super) fn put(here: &mut Here<'_>, input: &Input) -> Answer {
    let (now, mut ids) = (here.clock.now(), here.ids.clone());
    let found = reached(here, input)?;
    conditions(found, input)?;
    if key(input).len() > 1024 {
        return Err(AwsError::bad("KeyTooLongError", "Your key is too long"));
    }
    let body = input.opt("#body").unwrap_or_default().to_owned();
    let encryption = encryption(found, input);
    let mut hash = Md5::new();
    hash.update(STANDARD.decode(&body).unwrap_or_default());
    // Only without a key of KMS is it the digest of the content alone.
    encryption.get(KEY).iter().for_each(|key| hash.update(key.to_string()));
    let etag = format!("\"{}\"", hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    let mut headers: std::collections::BTreeMap<String, String> =
        encryption.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect();
    let own = |name: &str| KEPT.contains(&name) || name.starts_with("x-amz-meta-");
    let sent = input.0.as_object().into_iter().flatten().filter(|(name, _)| own(name));
    headers.extend(sent.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())));
    let version = version(found, &mut ids);
    let mut answer = encryption;
    answer.insert("etag".into(), json!(etag));
    if let Some(version) = version.filter(|version| version != "null") {
        answer.insert("x-amz-version-id".into(), json!(version.clone()));
        headers.insert("x-amz-version-id".into(), version);
    }
    let keeps = found.settings.get("BucketVersioning").is_some_and(|it| it["Status"] == "Enabled");
    if found.objects.insert(key(input).to_owned(), Object { body, etag, modified: now, headers }).is_some() && keeps {
        found.noncurrent += 1;
    }
    *here.ids = ids;
    Ok(json!({"#headers": answer}))
}

pub(super) fn get(bucket: &Bucket, input: &Input, whole: bool) -> Answer {
    let object = bucket.objects.get(key(input)).ok_or_else(no_such_key)?;
    if input.opt("if-match").is_some_and(|wanted| !same(&object.etag, wanted)) {
        return Err(failed());
    }
    if input.opt("if-none-match").is_some_and(|wanted| same(&object.etag, wanted)) {
        return Err(AwsError::new(304, "NotModified", "Not Modified"));
    }
    let length = STANDARD.decode(&object.body).unwrap_or_default().len();
    let mut headers: Map<String, Value> = object.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
    headers.insert("etag".into(), json!(object.etag));
    headers.insert("last-modified".into(), json!(http_date(object.modified)));
    headers.insert("accept-ranges".into(), json!("bytes"));
    if !whole {
        headers.insert("content-length".into(), json!(length.to_string()));
        return Ok(json!({"#headers": headers}));
    }
    Ok(json!({"#headers": headers, "#body": object.body}))
}

/// `Wed, 25 Nov 2026 10:00:00 GMT`.
fn http_date(at: f64) -> String {
    jiff::Timestamp::from_second(at as i64).unwrap_or_default().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

pub(super) fn delete(here: &mut Here<'_>, input: &Input) -> Answer {
    let mut ids = here.ids.clone();
    let found = reached(here, input)?;
    if input.opt("if-match").is_some() {
        conditions(found, input)?;
    }
    let version = version(found, &mut ids);
    let was = found.objects.remove(key(input)).is_some();
    let headers = match version {
        // A version stays behind the marker, and the marker itself is one.
        Some(version) => {
            found.noncurrent += 1 + usize::from(was);
            json!({"x-amz-delete-marker": "true", "x-amz-version-id": version})
        }
        None => json!({}),
    };
    *here.ids = ids;
    Ok(json!({"#status": 204, "#headers": headers}))
}

pub(super) fn list(bucket: &Bucket, input: &Input) -> Answer {
    let prefix = input.opt("prefix").unwrap_or_default();
    let most = input.int("max-keys").unwrap_or(1000).clamp(0, 1000) as usize;
    let token = input.opt("continuation-token");
    let decoded = token.map(|token| STANDARD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok()));
    let after = match decoded {
        Some(None) => return Err(AwsError::bad("InvalidArgument", "The continuation token provided is incorrect")),
        Some(Some(after)) => after,
        None => input.opt("start-after").unwrap_or_default().to_owned(),
    };
    let mut all = bucket.objects.iter().filter(|(key, _)| key.starts_with(prefix) && **key > after);
    let page: Vec<_> = all.by_ref().take(most).collect();
    let more = all.next().is_some() && most > 0;
    let stamp = |at: f64| jiff::Timestamp::from_millisecond((at * 1000.0) as i64).map(|at| format!("{at:.3}")).unwrap_or_default();
    let contents: Vec<Value> = page
        .iter()
        .map(|(key, object)| {
            let size = STANDARD.decode(&object.body).unwrap_or_default().len();
            let class = "STANDARD";
            json!({"Key": key, "LastModified": stamp(object.modified), "ETag": object.etag, "Size": size, "StorageClass": class})
        })
        .collect();
    let next = page.last().filter(|_| more).map(|(key, _)| STANDARD.encode(key));
    Ok(json!({"#xml": {"ListBucketResult": {
        "Name": input.opt("Bucket"), "Prefix": prefix, "StartAfter": input.opt("start-after"), "KeyCount": contents.len(),
        "MaxKeys": most, "ContinuationToken": token, "NextContinuationToken": next, "IsTruncated": more, "Contents": contents,
    }}}))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::Call;
    use crate::services::{dispatch, s3::Bucket};
    use crate::world::World;

    fn called(world: &mut World, action: &str, mut input: Value) -> Answer {
        input["Bucket"] = json!("ledgers");
        let call = Call { service: "s3".into(), region: "eu-north-1".into(), action: action.into(), input: Input(input) };
        dispatch(world, &call)
    }

    fn code(answer: Answer) -> (u16, String) {
        answer.map_or_else(|error| (error.status, error.code), |_| (200, String::new()))
    }

    fn world() -> World {
        let mut world = World::new(1.0, 1);
        let constraint = json!({"#xml": {"LocationConstraint": "eu-north-1"}});
        called(&mut world, "CreateBucket", constraint.clone()).unwrap();
        assert_eq!(code(called(&mut world, "CreateBucket", constraint)), (409, "BucketAlreadyOwnedByYou".into()));
        world
    }

    #[test]
    fn the_first_of_two_writers_wins() {
        let mut world = world();
        let put = |body: &str| json!({"Key": "a", "if-none-match": "*", "#body": STANDARD.encode(body)});
        let first = called(&mut world, "PutObject", put("hello")).unwrap();
        assert_eq!(first["#headers"]["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
        assert_eq!(code(called(&mut world, "PutObject", put("world"))), (412, "PreconditionFailed".into()));
        assert_eq!(called(&mut world, "GetObject", json!({"Key": "a"})).unwrap()["#body"], STANDARD.encode("hello"));
        let stale = json!({"Key": "a", "if-match": "\"0\""});
        assert_eq!(code(called(&mut world, "DeleteObject", stale)), (412, "PreconditionFailed".into()));
        let own = json!({"Key": "a", "if-match": first["#headers"]["etag"]});
        assert_eq!(code(called(&mut world, "DeleteObject", own.clone())).0, 200);
        assert_eq!(code(called(&mut world, "DeleteObject", own)), (404, "NoSuchKey".into()));
        world.account.buckets.get_mut("ledgers").unwrap().conflicts = 1;
        assert_eq!(code(called(&mut world, "PutObject", put("x"))), (409, "ConditionalRequestConflict".into()));
        assert_eq!(code(called(&mut world, "PutObject", put("x"))).0, 200);
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let mut world = world();
        for number in 0..7 {
            called(&mut world, "PutObject", json!({"Key": format!("e/{number}"), "#body": ""})).unwrap();
        }
        called(&mut world, "PutObject", json!({"Key": "f", "#body": ""})).unwrap();
        let (mut seen, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut input = json!({"prefix": "e/", "max-keys": "3", "start-after": "e/0"});
            if token.is_string() {
                input["continuation-token"] = token;
            }
            let page = called(&mut world, "ListObjectsV2", input).unwrap()["#xml"]["ListBucketResult"].take();
            seen.extend(page["Contents"].as_array().unwrap().iter().map(|it| it["Key"].as_str().unwrap().to_owned()));
            token = page["NextContinuationToken"].clone();
            assert_eq!(page["IsTruncated"], token.is_string());
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen, ["e/1", "e/2", "e/3", "e/4", "e/5", "e/6"]);
    }

    #[test]
    fn a_bucket_of_others_is_refused_and_a_full_one_stays() {
        let mut world = world();
        called(&mut world, "PutObject", json!({"Key": "a", "#body": ""})).unwrap();
        assert_eq!(code(called(&mut world, "DeleteBucket", json!({}))), (409, "BucketNotEmpty".into()));
        world.account.buckets.insert("ledgers".into(), Bucket { foreign: true, ..Bucket::default() });
        assert_eq!(code(called(&mut world, "GetObject", json!({"Key": "a"}))), (403, "AccessDenied".into()));
        let constraint = json!({"#xml": {"LocationConstraint": "eu-north-1"}});
        assert_eq!(code(called(&mut world, "CreateBucket", constraint)), (409, "BucketAlreadyExists".into()));
    }
}

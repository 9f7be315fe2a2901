//! Exports of a log group into a bucket: one at a time, each stream as a packed file.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3ExportTasks.html>

use super::{events, invalid, most, not_found, resource_name, stream};
use crate::call::{AwsError, Input};
use crate::services::s3::Object;
use crate::services::{Answer, s3};
use crate::table::{Item, Tags, page};
use crate::world::Here;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::time::Duration;

/// From the order to its begin, and to its end.
const BEGINS: Duration = Duration::from_secs(5);
const TAKES: Duration = Duration::from_secs(60);

fn status(task: &Item) -> &str {
    task.body["status"]["code"].as_str().unwrap_or_default()
}

fn is(code: &str, message: &str) -> Value {
    json!({"status": {"code": code, "message": message}})
}

pub(super) fn create(here: &mut Here<'_>, input: &Input) -> Answer {
    let group = resource_name(here, input)?;
    let (bucket, prefix) = (input.str("destination")?.to_owned(), input.opt("destinationPrefix").unwrap_or("exportedlogs").to_owned());
    let (Some(from), Some(to)) = (input.int("from"), input.int("to")) else { return Err(invalid("from and to are required")) };
    if from > to {
        return Err(invalid("from must not be later than to"));
    }
    takes(here, &bucket)?;
    let streams = input.opt("logStreamNamePrefix").unwrap_or_default();
    if !stream::of_group(here, &group).any(|stream| stream.str("logStreamName").starts_with(streams)) {
        return Err(not_found("The specified log stream does not exist."));
    }
    if here.region.logs.exports.values().any(|task| ["PENDING", "RUNNING"].contains(&status(task))) {
        return Err(AwsError::bad("LimitExceededException", "Resource limit exceeded."));
    }
    let id = here.ids.uuid();
    let mut body = json!({
        "taskId": id, "logGroupName": group, "from": from, "to": to, "destination": bucket, "destinationPrefix": prefix,
        "status": {"code": "PENDING", "message": "Waiting"}, "executionInfo": {"creationTime": super::now(here)},
    });
    if let Some(name) = input.opt("taskName") {
        body["taskName"] = json!(name);
    }
    let mut item = Item::new(body, Tags::default());
    item.inside = json!({"streams": streams});
    item.later(here.clock.after(BEGINS), is("RUNNING", "Started successfully"));
    item.later(here.clock.after(TAKES), is("COMPLETED", "Completed successfully"));
    here.region.logs.exports.insert(id.clone(), item);
    Ok(json!({"taskId": id}))
}

/// Whether the bucket is here and lets the service write.
fn takes(here: &Here<'_>, bucket: &str) -> Result<(), AwsError> {
    let found = here.account.buckets.get(bucket).filter(|found| !found.foreign && found.region == here.name);
    let found = found.ok_or_else(|| invalid("The specified bucket does not exist or is in a different region."))?;
    let policy = found.settings.get("BucketPolicy").and_then(Value::as_str).unwrap_or_default();
    let lets = |principal: &str| policy.contains(principal) && policy.contains("s3:GetBucketAcl") && policy.contains("s3:PutObject");
    if lets("logs.amazonaws.com") || lets(&format!("logs.{}.amazonaws.com", here.name)) {
        return Ok(());
    }
    Err(invalid(
        "GetBucketAcl call on the given bucket failed. Please check if CloudWatch Logs has been granted permission to perform this operation.",
    ))
}

/// Writes the files of the exports that have ended.
pub(super) fn advance(here: &mut Here<'_>) {
    let ended = |task: &&mut Item| status(task) == "COMPLETED" && task.inside["written"] != json!(true);
    let mut due = Vec::new();
    for task in here.region.logs.exports.values_mut().filter(ended) {
        task.inside["written"] = json!(true);
        due.push(task.clone());
    }
    let at = super::now(here);
    for task in due {
        write(here, &task);
        if let Some(task) = here.region.logs.exports.get_mut(task.str("taskId")) {
            task.body["executionInfo"]["completionTime"] = json!(at);
        }
    }
}

fn write(here: &mut Here<'_>, task: &Item) {
    let (group, now) = (task.str("logGroupName"), here.clock.now());
    let number = |name: &str| task.body[name].as_i64().unwrap_or_default();
    let streams = task.inside["streams"].as_str().unwrap_or_default();
    let place = format!("{}/{}", task.str("destinationPrefix"), task.str("taskId"));
    let mut files = vec![(format!("{}/aws-logs-write-test", task.str("destinationPrefix")), b"Permission Check Successful".to_vec())];
    for stream in stream::of_group(here, group).filter(|stream| stream.str("logStreamName").starts_with(streams)) {
        let mut text = String::new();
        for event in events::kept(here, group, stream).iter().filter(|event| (number("from")..number("to")).contains(&event.at)) {
            let time = jiff::Timestamp::from_millisecond(event.at).unwrap_or_default().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
            text += &format!("{time} {}\n", event.message);
        }
        if !text.is_empty() {
            files.push((format!("{place}/{}/000000.gz", stream.str("logStreamName").replace('/', "-")), packed(text.as_bytes())));
        }
    }
    let Some(bucket) = here.account.buckets.get_mut(task.str("destination")) else { return };
    for (key, content) in files {
        let object = Object { body: STANDARD.encode(&content), etag: s3::etag(&content), modified: now, ..Object::default() };
        bucket.objects.insert(key, object);
    }
}

/// A gzip file whose blocks are stored as they are. <https://www.rfc-editor.org/rfc/rfc1952>
fn packed(content: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let mut blocks = content.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(u8::from(blocks.peek().is_none()));
        file.extend(length.to_le_bytes());
        file.extend((!length).to_le_bytes());
        file.extend(block);
    }
    let mut sum = u32::MAX;
    for byte in content {
        sum ^= u32::from(*byte);
        (0..8).for_each(|_| sum = if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 });
    }
    file.extend((!sum).to_le_bytes());
    file.extend((content.len() as u32).to_le_bytes());
    file
}

pub(super) fn describe(here: &Here<'_>, input: &Input) -> Answer {
    let (id, code) = (input.opt("taskId"), input.opt("statusCode"));
    let wanted = |task: &&Item| id.is_none_or(|id| task.str("taskId") == id) && code.is_none_or(|code| status(task) == code);
    let all = here.region.logs.exports.values().filter(wanted).map(|task| task.body.clone()).collect();
    Ok(page("exportTasks", all, input.opt("nextToken"), most(input, "limit", 50, 50)?, "nextToken"))
}

pub(super) fn cancel(here: &mut Here<'_>, input: &Input) -> Answer {
    let task = here.region.logs.exports.get_mut(input.str("taskId")?);
    let task = task.ok_or_else(|| not_found("The specified export task does not exist."))?;
    if !["PENDING", "RUNNING"].contains(&status(task)) {
        return Err(AwsError::bad("InvalidOperationException", "The specified export task has already finished."));
    }
    task.next.clear();
    task.set(is("CANCELLED", "Cancelled"));
    Ok(json!({}))
}

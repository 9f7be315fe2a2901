//! The bucket as the ledger uses it: every write has a condition, and a conflict is tried again.

use crate::{Aws, FaultExt};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{RequestChecksumCalculation, ResponseChecksumValidation};
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;
use engine::{Class, Fault};
use std::time::Duration;

/// A small object: an answer that takes longer will not come.
const ATTEMPT: Duration = Duration::from_secs(5);
/// All the SDK's attempts of one call.
const OPERATION: Duration = Duration::from_secs(15);
/// How often a write that met another one is tried again.
const CONFLICTS: u32 = 10;

/// How a conditional write ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Put {
    /// It is there.
    Written,
    /// The condition does not hold: somebody was there before, or our own earlier attempt.
    Refused,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug)]
enum Only<'a> {
    New,
    InPlaceOf(&'a str),
}

/// An object that was read.
#[derive(Clone, Debug)]
pub(super) struct Got {
    pub text: Vec<u8>,
    pub etag: String,
}

#[derive(Clone, Debug)]
pub(super) struct Objects {
    s3: Client,
    bucket: String,
    kms_key: Option<String>,
    env: String,
}

impl Objects {
    pub(super) fn new(aws: &Aws, bucket: &str, kms_key: Option<String>, env: &str) -> Objects {
        let limits = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(3))
            .read_timeout(ATTEMPT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(OPERATION)
            .build();
        // What lasts longer than three tries is looked at before the next.
        let config = aws.s3.config().to_builder().timeout_config(limits).retry_config(RetryConfig::standard().with_max_attempts(3));
        // Every document carries a digest of its own.
        let config = config.request_checksum_calculation(RequestChecksumCalculation::WhenRequired);
        let config = config.response_checksum_validation(ResponseChecksumValidation::WhenRequired).build();
        Objects { s3: Client::from_conf(config), bucket: bucket.to_owned(), kms_key, env: env.to_owned() }
    }

    /// Says what to do where the bucket itself is missing.
    fn told(&self, mut fault: Fault) -> Fault {
        if fault.code == "NoSuchBucket" {
            fault.message = format!("there is no bucket {}", self.bucket);
            return fault.hint(format!("run `orchestrator init --env {}`: it makes the bucket", self.env));
        }
        fault
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Got>, Fault> {
        let got = self.s3.get_object().bucket(&self.bucket).key(key).send().await.or_fault("s3:GetObject");
        let got = match got {
            Err(fault) if fault.code == "NoSuchKey" => return Ok(None),
            other => other.map_err(|fault| self.told(fault))?,
        };
        let etag = got.e_tag.unwrap_or_default();
        let lost = |error: aws_sdk_s3::primitives::ByteStreamError| Fault::new(Class::Unavailable, error.to_string()).call("s3:GetObject");
        let text = got.body.collect().await.map_err(lost)?.into_bytes().to_vec();
        Ok(Some(Got { text, etag }))
    }

    fn put(&self, key: &str, body: &str, only: Only<'_>) -> PutObjectFluentBuilder {
        let body = ByteStream::from(body.as_bytes().to_vec());
        let put = self.s3.put_object().bucket(&self.bucket).key(key).content_type("application/json").body(body);
        let put = match only {
            Only::New => put.if_none_match("*"),
            Only::InPlaceOf(etag) => put.if_match(etag),
        };
        match self.kms_key.as_deref() {
            None => put,
            // The account's own key for S3 goes without a name.
            Some("alias/aws/s3") => put.server_side_encryption(ServerSideEncryption::AwsKms),
            Some(key) => put.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key),
        }
    }

    /// Tries a conditional write until it is written or refused. The SDK may retry it: what it wrote itself it cannot write again.
    async fn conditional(&self, key: &str, body: &str, only: Only<'_>) -> Result<Put, Fault> {
        let mut tried = 0;
        loop {
            match self.put(key, body, only).send().await.or_fault("s3:PutObject") {
                Ok(_) => return Ok(Put::Written),
                Err(fault) if fault.code == "PreconditionFailed" => return Ok(Put::Refused),
                Err(fault) if fault.code == "ConditionalRequestConflict" && tried < CONFLICTS => {
                    tried += 1;
                    tokio::time::sleep(jitter(&[key, body], tried)).await;
                }
                Err(fault) => return Err(self.told(fault)),
            }
        }
    }

    /// Writes an object that must not be there yet.
    pub(super) async fn put_new(&self, key: &str, body: &str) -> Result<Put, Fault> {
        self.conditional(key, body, Only::New).await
    }

    /// Writes an object in the place of exactly this one.
    pub(super) async fn replace(&self, key: &str, body: &str, etag: &str) -> Result<Put, Fault> {
        match self.conditional(key, body, Only::InPlaceOf(etag)).await {
            Err(fault) if fault.code == "NoSuchKey" => Ok(Put::Refused),
            other => other,
        }
    }

    /// Deletes exactly this object; one that is gone or another one now is left alone.
    pub(super) async fn remove(&self, key: &str, etag: &str) -> Result<(), Fault> {
        let sent = self.s3.delete_object().bucket(&self.bucket).key(key).if_match(etag).send().await;
        match sent.or_fault("s3:DeleteObject") {
            Ok(_) => Ok(()),
            Err(fault) if ["NoSuchKey", "PreconditionFailed"].contains(&fault.code.as_str()) => Ok(()),
            Err(fault) => Err(self.told(fault)),
        }
    }

    /// Deletes an object that nobody writes any more.
    pub(super) async fn prune(&self, key: &str) -> Result<(), Fault> {
        self.s3.delete_object().bucket(&self.bucket).key(key).send().await.or_fault("s3:DeleteObject").map(|_| ())
    }

    /// The keys that begin with `under`, in their order.
    pub(super) async fn list(&self, under: &str) -> Result<Vec<String>, Fault> {
        let mut pages = self.s3.list_objects_v2().bucket(&self.bucket).prefix(under).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.or_fault("s3:ListObjectsV2").map_err(|fault| self.told(fault))?;
            keys.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(keys)
    }

    /// How an object is named to people.
    pub(super) fn name(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.bucket)
    }
}

/// A pause that grows and is another for each writer: from 25 ms to 3 s.
fn jitter(of: &[&str], tried: u32) -> Duration {
    let digest = engine::plan::digest(&[of, &[&tried.to_string()]].concat());
    let spread = u64::from_str_radix(&digest[..4], 16).unwrap_or_default() % 100;
    Duration::from_millis((50 << tried.min(5)) * (50 + spread) / 100)
}

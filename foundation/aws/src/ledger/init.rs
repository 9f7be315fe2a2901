//! The bucket of a shared ledger: versioned, encrypted, closed to the public and to plain HTTP. Made once; looked at every time.

use super::Shared;
use crate::{Aws, FaultExt};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus,
    CreateBucketConfiguration, ExpirationStatus, LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration,
    PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule, Tag, Tagging, VersioningConfiguration,
};
use engine::{Class, Fault};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The tag that says whose ledgers a bucket holds. It is none of the identity tags: a destroy leaves the bucket.
pub const LEDGER_TAG: &str = "orchestrator:ledger";
/// How many days earlier versions of objects stay.
const EARLIER_DAYS: i32 = 90;
/// The statement of ours in the bucket's policy.
const ONLY_TLS: &str = "OnlyTls";

struct Init<'a> {
    aws: &'a Aws,
    shared: &'a Shared,
    account: String,
    said: Vec<String>,
}

/// Makes the bucket of `shared` or completes it; one line for each thing that was done. `tags` are the configuration's.
///
/// # Errors
/// [`Class::Foreign`] for a bucket of another account, or one that holds what is not ours; every other fault of a call.
pub async fn init(aws: &Aws, shared: &Shared, tags: &BTreeMap<String, String>) -> Result<Vec<String>, Fault> {
    let mut init = Init { aws, shared, account: aws.account().await?, said: Vec::new() };
    let found = init.bucket().await?;
    init.versioning().await?;
    init.encryption().await?;
    init.public_access().await?;
    init.policy().await?;
    init.lifecycle().await?;
    init.tags(found, tags).await?;
    Ok(init.said)
}

impl Init<'_> {
    fn name(&self) -> &str {
        &self.shared.place.bucket
    }

    fn foreign(&self, problem: &str) -> Fault {
        Fault::new(Class::Foreign, format!("the bucket {} {problem}", self.name()))
            .hint("choose another bucket for `ledger` in the environment's file; bucket names are shared by all accounts")
    }

    /// Finds the bucket and its tags, or makes it.
    async fn bucket(&mut self) -> Result<BTreeMap<String, String>, Fault> {
        let s3 = &self.aws.s3;
        let asked = s3.get_bucket_tagging().bucket(self.name()).expected_bucket_owner(&self.account).send().await;
        let tags: BTreeMap<String, String> = match asked.or_fault("s3:GetBucketTagging") {
            Ok(found) => found.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect(),
            Err(fault) if fault.code == "NoSuchTagSet" => BTreeMap::new(),
            Err(fault) if fault.code == "NoSuchBucket" => {
                self.make().await?;
                return Ok(BTreeMap::new());
            }
            Err(fault) if fault.class == Class::Denied && !fault.is_expired() => {
                let why = "cannot be read: it belongs to another account, or these credentials may not read its tags";
                return Err(Fault { request_id: fault.request_id, call: fault.call, ..self.foreign(why) });
            }
            Err(fault) => return Err(fault),
        };
        if !tags.contains_key(LEDGER_TAG) {
            let held = s3.list_objects_v2().bucket(self.name()).max_keys(1).send().await.or_fault("s3:ListObjectsV2")?;
            if held.key_count.unwrap_or_default() > 0 {
                let hint = format!("choose another bucket for `ledger`, or give this one the tag {LEDGER_TAG} to let `init` set it up");
                return Err(self.foreign("holds objects and was not made by this tool").hint(hint));
            }
        }
        Ok(tags)
    }

    async fn make(&mut self) -> Result<(), Fault> {
        let region = self.aws.region.clone();
        let mut create = self.aws.s3.create_bucket().bucket(self.name());
        if region != "us-east-1" {
            let place = BucketLocationConstraint::from(region.as_str());
            create = create.create_bucket_configuration(CreateBucketConfiguration::builder().location_constraint(place).build());
        }
        match create.send().await.or_fault("s3:CreateBucket") {
            Ok(_) => {}
            // An earlier attempt whose answer was lost.
            Err(fault) if fault.code == "BucketAlreadyOwnedByYou" => {}
            Err(fault) if fault.code == "BucketAlreadyExists" => {
                return Err(Fault { request_id: fault.request_id, call: fault.call, ..self.foreign("belongs to somebody else") });
            }
            Err(fault) => return Err(fault),
        }
        self.said.push(format!("made the bucket {} in {region}", self.name()));
        Ok(())
    }

    async fn versioning(&mut self) -> Result<(), Fault> {
        let s3 = &self.aws.s3;
        let now = s3.get_bucket_versioning().bucket(self.name()).send().await.or_fault("s3:GetBucketVersioning")?;
        if now.status == Some(BucketVersioningStatus::Enabled) {
            return Ok(());
        }
        let wanted = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        let put = s3.put_bucket_versioning().bucket(self.name()).versioning_configuration(wanted);
        put.send().await.or_fault("s3:PutBucketVersioning")?;
        self.said.push("it keeps earlier versions".into());
        Ok(())
    }

    async fn encryption(&mut self) -> Result<(), Fault> {
        let s3 = &self.aws.s3;
        let key = self.shared.kms_key.as_deref();
        let algorithm = if key.is_some() { ServerSideEncryption::AwsKms } else { ServerSideEncryption::Aes256 };
        // The account's own key for S3 goes without a name.
        let named = key.filter(|key| *key != "alias/aws/s3").map(str::to_owned);
        let call = "s3:GetBucketEncryption";
        let now = match s3.get_bucket_encryption().bucket(self.name()).send().await.or_fault(call) {
            Ok(found) => found.server_side_encryption_configuration,
            Err(fault) if fault.code == "ServerSideEncryptionConfigurationNotFoundError" => None,
            Err(fault) => return Err(fault),
        };
        let rules = now.iter().flat_map(|it| it.rules.iter());
        let mut defaults = rules.filter_map(|rule| rule.apply_server_side_encryption_by_default.as_ref());
        if defaults.any(|it| it.sse_algorithm == algorithm && it.kms_master_key_id == named) {
            return Ok(());
        }
        let broken = |error: aws_smithy_types::error::operation::BuildError| Fault::new(Class::Bug, error.to_string());
        let default = ServerSideEncryptionByDefault::builder().sse_algorithm(algorithm.clone()).set_kms_master_key_id(named);
        // A key of the bucket: one call of KMS for many objects.
        let rule = ServerSideEncryptionRule::builder()
            .apply_server_side_encryption_by_default(default.build().map_err(broken)?)
            .bucket_key_enabled(key.is_some())
            .build();
        let wanted = ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(broken)?;
        let put = s3.put_bucket_encryption().bucket(self.name()).server_side_encryption_configuration(wanted);
        put.send().await.or_fault("s3:PutBucketEncryption")?;
        self.said.push(format!("it is encrypted with {}", key.map_or_else(|| algorithm.to_string(), |key| format!("{algorithm} ({key})"))));
        Ok(())
    }

    async fn public_access(&mut self) -> Result<(), Fault> {
        let s3 = &self.aws.s3;
        let closed = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .ignore_public_acls(true)
            .block_public_policy(true)
            .restrict_public_buckets(true)
            .build();
        match s3.get_public_access_block().bucket(self.name()).send().await.or_fault("s3:GetPublicAccessBlock") {
            Ok(now) if now.public_access_block_configuration.as_ref() == Some(&closed) => return Ok(()),
            Err(fault) if fault.code != "NoSuchPublicAccessBlockConfiguration" => return Err(fault),
            _ => {}
        }
        let put = s3.put_public_access_block().bucket(self.name()).public_access_block_configuration(closed);
        put.send().await.or_fault("s3:PutPublicAccessBlock")?;
        self.said.push("public access is blocked".into());
        Ok(())
    }

    /// Adds our statement to the policy; what others wrote in it stays.
    async fn policy(&mut self) -> Result<(), Fault> {
        let s3 = &self.aws.s3;
        let now = match s3.get_bucket_policy().bucket(self.name()).send().await.or_fault("s3:GetBucketPolicy") {
            Ok(found) => found.policy,
            Err(fault) if fault.code == "NoSuchBucketPolicy" => None,
            Err(fault) => return Err(fault),
        };
        let mut policy = now.and_then(|text| serde_json::from_str::<Value>(&text).ok());
        let policy = policy.get_or_insert_with(|| json!({"Version": "2012-10-17", "Statement": []}));
        let mut statements = policy["Statement"].as_array().cloned().unwrap_or_else(|| vec![policy["Statement"].clone()]);
        let partition = match self.aws.region.split('-').next() {
            Some("cn") => "aws-cn",
            _ if self.aws.region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        };
        let arn = format!("arn:{partition}:s3:::{}", self.name());
        let wanted = json!({
            "Sid": ONLY_TLS, "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [arn, format!("{arn}/*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        });
        if statements.contains(&wanted) {
            return Ok(());
        }
        statements.retain(|statement| statement["Sid"] != ONLY_TLS);
        statements.push(wanted);
        policy["Statement"] = json!(statements);
        s3.put_bucket_policy().bucket(self.name()).policy(policy.to_string()).send().await.or_fault("s3:PutBucketPolicy")?;
        self.said.push("it answers over TLS only".into());
        Ok(())
    }

    async fn lifecycle(&mut self) -> Result<(), Fault> {
        let s3 = &self.aws.s3;
        let asked = s3.get_bucket_lifecycle_configuration().bucket(self.name()).send().await;
        match asked.or_fault("s3:GetBucketLifecycleConfiguration") {
            // Whatever somebody set is theirs to keep.
            Ok(now) if now.rules.as_ref().is_some_and(|rules| !rules.is_empty()) => return Ok(()),
            Err(fault) if fault.code != "NoSuchLifecycleConfiguration" => return Err(fault),
            _ => {}
        }
        let broken = |error: aws_smithy_types::error::operation::BuildError| Fault::new(Class::Bug, error.to_string());
        let rule = LifecycleRule::builder()
            .id("earlier-versions")
            .status(ExpirationStatus::Enabled)
            .filter(LifecycleRuleFilter::builder().prefix("").build())
            .noncurrent_version_expiration(NoncurrentVersionExpiration::builder().noncurrent_days(EARLIER_DAYS).build())
            .abort_incomplete_multipart_upload(AbortIncompleteMultipartUpload::builder().days_after_initiation(7).build())
            .build()
            .map_err(broken)?;
        let wanted = BucketLifecycleConfiguration::builder().rules(rule).build().map_err(broken)?;
        let put = s3.put_bucket_lifecycle_configuration().bucket(self.name()).lifecycle_configuration(wanted);
        put.send().await.or_fault("s3:PutBucketLifecycleConfiguration")?;
        self.said.push(format!("earlier versions go after {EARLIER_DAYS} days"));
        Ok(())
    }

    async fn tags(&mut self, now: BTreeMap<String, String>, configured: &BTreeMap<String, String>) -> Result<(), Fault> {
        let mut wanted = now.clone();
        wanted.extend(configured.clone());
        // Another stack of ours may share the bucket: it stays the one that made it.
        wanted.entry(LEDGER_TAG.to_owned()).or_insert_with(|| self.shared.stack.clone());
        if wanted == now {
            return Ok(());
        }
        let broken = |error: aws_smithy_types::error::operation::BuildError| Fault::new(Class::Bug, error.to_string());
        let tags: Result<Vec<Tag>, _> = wanted.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
        let tagging = Tagging::builder().set_tag_set(Some(tags.map_err(broken)?)).build().map_err(broken)?;
        let put = self.aws.s3.put_bucket_tagging().bucket(self.name()).tagging(tagging);
        put.send().await.or_fault("s3:PutBucketTagging")?;
        self.said.push(format!("its tags say whose it is: {LEDGER_TAG} = {}", wanted[LEDGER_TAG]));
        Ok(())
    }
}

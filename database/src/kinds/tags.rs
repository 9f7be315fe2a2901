//! Tags of RDS objects, by ARN.

use aws::named::{Tags, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_rds::types::Tag;
use engine::{Fault, Identity};

/// Tags in the SDK's shape.
pub(super) fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The SDK's tags as a map.
pub(super) fn map(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())).collect()
}

/// The tags of an object; `None` when it is gone.
pub(super) async fn of(aws: &Aws, who: &Identity, arn: &str) -> Result<Option<Tags>, Fault> {
    let own = async {
        let answer = aws.rds.list_tags_for_resource().resource_name(arn).send().await.or_gone("rds:ListTagsForResource")?;
        Ok(answer.map(|answer| map(answer.tag_list())))
    };
    aws.tagging.or_own(who, arn, own).await
}

/// Brings the tags of an object to those of `who`.
pub(super) async fn sync(aws: &Aws, arn: &str, who: &Identity, seen: Option<&Tags>) -> Result<(), Fault> {
    let (set, stale) = tag_changes(who, seen);
    if !set.is_empty() {
        aws.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(sdk(&set))).send().await.or_fault("rds:AddTagsToResource")?;
    }
    if !stale.is_empty() {
        let call = aws.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(stale));
        call.send().await.or_fault("rds:RemoveTagsFromResource")?;
    }
    Ok(())
}

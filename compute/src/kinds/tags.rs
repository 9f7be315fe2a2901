//! Tags of ECS.

use aws::named::{Tags, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_ecs::types::Tag;
use engine::{Fault, Identity};

/// The tags of a call.
pub(super) fn given(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags of an answer.
pub(super) fn read(tags: &[Tag]) -> Tags {
    tags.iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned())).collect()
}

/// Whether [`sync`] has something to do.
pub(super) fn differ(who: &Identity, seen: Option<&Tags>) -> bool {
    let (set, stale) = tag_changes(who, seen);
    !set.is_empty() || !stale.is_empty()
}

/// Brings the tags of the object at `arn` to those of `who`.
pub(super) async fn sync(aws: &Aws, arn: &str, who: &Identity, seen: Option<&Tags>) -> Result<(), Fault> {
    let (set, stale) = tag_changes(who, seen);
    if !set.is_empty() {
        aws.ecs.tag_resource().resource_arn(arn).set_tags(Some(given(&set))).send().await.or_fault("ecs:TagResource")?;
    }
    if !stale.is_empty() {
        aws.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(stale)).send().await.or_fault("ecs:UntagResource")?;
    }
    Ok(())
}

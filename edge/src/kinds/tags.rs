//! Tags of load balancers, target groups and listeners, by ARN.

use aws::named::{Tags, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::Tag;
use engine::{Fault, Identity};

/// Tags in the SDK's shape.
pub(super) fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags of one object; `None` when it is gone.
pub(super) async fn one(aws: &Aws, who: &Identity, arn: &str) -> Result<Option<Tags>, Fault> {
    let own = async {
        let answer = aws.elb.describe_tags().resource_arns(arn).send().await.or_gone("elasticloadbalancing:DescribeTags")?;
        let tags = answer.as_ref().and_then(|answer| answer.tag_descriptions().first()).map(|it| it.tags());
        let pair = |tag: &Tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned());
        Ok(tags.map(|tags| tags.iter().map(pair).collect()))
    };
    aws.tagging.or_own(who, arn, own).await
}

/// Brings the tags of an object to those of `who`.
pub(super) async fn sync(aws: &Aws, arn: &str, who: &Identity, seen: Option<&Tags>) -> Result<(), Fault> {
    let (set, stale) = tag_changes(who, seen);
    if !set.is_empty() {
        let call = aws.elb.add_tags().resource_arns(arn).set_tags(Some(sdk(&set)));
        call.send().await.or_fault("elasticloadbalancing:AddTags")?;
    }
    if !stale.is_empty() {
        let call = aws.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(stale));
        call.send().await.or_fault("elasticloadbalancing:RemoveTags")?;
    }
    Ok(())
}

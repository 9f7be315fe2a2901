//! Tags of load balancers, target groups and listeners, by ARN.

use aws::named::{Tags, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_elasticloadbalancingv2::types::Tag;
use engine::{Fault, Identity};
use std::collections::BTreeMap;

/// AWS takes so many names or ARNs in a question.
pub(super) const AT_ONCE: usize = 20;

/// Tags in the SDK's shape.
pub(super) fn sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The tags of objects by ARN, twenty in a call. One that is gone has none.
pub(super) async fn of(aws: &Aws, arns: &[String]) -> Result<BTreeMap<String, Tags>, Fault> {
    let mut all = BTreeMap::new();
    for some in arns.chunks(AT_ONCE) {
        if let Some(found) = describe(aws, some).await? {
            all.extend(found);
            continue;
        }
        // One that went away since it was listed makes the call fail for all of them, and the others are still there.
        for arn in some {
            all.extend(describe(aws, std::slice::from_ref(arn)).await?.unwrap_or_default());
        }
    }
    Ok(all)
}

/// The tags of one object; `None` when it is gone.
pub(super) async fn one(aws: &Aws, who: &Identity, arn: &str) -> Result<Option<Tags>, Fault> {
    let arns = [arn.to_owned()];
    let own = async { Ok(of(aws, &arns).await?.remove(arn)) };
    aws.tagging.or_own(who, arn, own).await
}

async fn describe(aws: &Aws, arns: &[String]) -> Result<Option<BTreeMap<String, Tags>>, Fault> {
    let call = aws.elb.describe_tags().set_resource_arns(Some(arns.to_vec()));
    let Some(answer) = call.send().await.or_gone("elasticloadbalancing:DescribeTags")? else { return Ok(None) };
    let mut all = BTreeMap::new();
    for description in answer.tag_descriptions() {
        let pair = |tag: &Tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned());
        all.insert(description.resource_arn().unwrap_or_default().to_owned(), description.tags().iter().map(pair).collect());
    }
    Ok(Some(all))
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

//! The topic that alarms tell.
//! <https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html>

use aws::named::{Calls, Tags, each, owned, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_sns::types::Tag;
use contract::{KeyArn, TopicArn};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use futures::try_join;
use serde::{Deserialize, Serialize};

/// What the topic should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SnsTopic {
    /// Its name, unique in account and region.
    pub name: String,
    /// The key that messages are encrypted with.
    pub key: KeyArn,
}

impl Resource for SnsTopic {
    const KIND: Kind = "sns_topic";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = TopicArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> TopicArn {
        TopicArn::unknown(at)
    }
}

/// Works on topics.
#[derive(Clone, Debug)]
pub(super) struct SnsTopics(pub Aws);

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

impl SnsTopics {
    async fn tags(&self, arn: &str) -> Result<Option<Tags>, Fault> {
        let answer = self.0.sns.list_tags_for_resource().resource_arn(arn).send().await.or_gone("sns:ListTagsForResource")?;
        Ok(answer.map(|answer| answer.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()))
    }
}

impl Calls<SnsTopic> for SnsTopics {
    async fn look(&self, asks: &[Ask<SnsTopic>]) -> Result<Found<SnsTopic>, Fault> {
        each(asks, |ask| async move {
            let arn = match &ask.last {
                Some(arn) => arn.0.clone(),
                None => format!("arn:aws:sns:{}:{}:{}", self.0.region, self.0.account().await?, ask.want.name),
            };
            let sns = &self.0.sns;
            let topic = async { sns.get_topic_attributes().topic_arn(&arn).send().await.or_gone("sns:GetTopicAttributes") };
            let tags = self.0.tagging.or_own(&ask.who, &arn, self.tags(&arn));
            let (Some(topic), Some(tags)) = try_join!(topic, tags)? else { return Ok(None) };
            let key = topic.attributes().and_then(|all| all.get("KmsMasterKeyId")).cloned().unwrap_or_default();
            let live = SnsTopic { name: ask.want.name.clone(), key: KeyArn(key) };
            Ok(Some(owned(&ask.who, live, TopicArn(arn), tags)))
        })
        .await
    }

    /// Making a topic that exists returns it, if its tags are the same: then it is ours.
    async fn create(&self, who: &Identity, want: &SnsTopic) -> Result<Option<TopicArn>, Fault> {
        let call = self.0.sns.create_topic().name(&want.name).attributes("KmsMasterKeyId", want.key.as_str());
        call.set_tags(Some(tags(&who.tags))).send().await.or_fault("sns:CreateTopic").map(|made| made.topic_arn.map(TopicArn))
    }

    async fn change(&self, who: &Identity, want: &SnsTopic, seen: &Seen<SnsTopic>) -> Result<(), Fault> {
        let arn = seen.output.as_str();
        if seen.live.key != want.key {
            let call = self.0.sns.set_topic_attributes().topic_arn(arn).attribute_name("KmsMasterKeyId");
            call.attribute_value(want.key.as_str()).send().await.or_fault("sns:SetTopicAttributes")?;
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if !set.is_empty() {
            self.0.sns.tag_resource().resource_arn(arn).set_tags(Some(tags(&set))).send().await.or_fault("sns:TagResource")?;
        }
        if !stale.is_empty() {
            self.0.sns.untag_resource().resource_arn(arn).set_tag_keys(Some(stale)).send().await.or_fault("sns:UntagResource")?;
        }
        Ok(())
    }

    async fn remove(&self, _: &SnsTopic, arn: &TopicArn) -> Result<(), Fault> {
        self.0.sns.delete_topic().topic_arn(arn.as_str()).send().await.or_gone("sns:DeleteTopic").map(|_| ())
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<SnsTopic>>, Fault> {
        let mut pages = self.0.sns.list_topics().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(topic) = pages.next().await {
            let arn = topic.or_fault("sns:ListTopics")?.topic_arn.unwrap_or_default();
            let name = arn.rsplit(':').next().filter(|name| scope.may_name(name));
            names.extend(name.map(|name| SnsTopic { name: name.to_owned(), ..SnsTopic::default() }));
        }
        Ok(Some(names))
    }
}

//! A log group. One that a service made by itself before us, without any identity, is taken over and given its retention.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateLogGroup.html>

use aws::named::{Calls, Tags, each, has_identity, several, tag_changes};
use aws::{Aws, FaultExt};
use aws_sdk_cloudwatchlogs::types::LogGroup as Live;
use contract::{KeyArn, LogGroupName};
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Poll, Replace, Resource, Scope, Seen, Ticks};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

/// What the log group should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LogGroup {
    /// Its name.
    pub name: String,
    /// Days that it keeps its events; 0 is for ever.
    pub retention_days: i32,
    /// The key that it is encrypted with.
    pub key: KeyArn,
}

impl Resource for LogGroup {
    const KIND: Kind = "log_group";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = LogGroupName;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, _: &Address) -> LogGroupName {
        LogGroupName(self.name.clone())
    }
}

/// Groups that AWS's own services write to, make when they are missing, and write to once more after their end.
const LATE_WRITERS: [&str; 2] = ["/aws/", "/vpc/"];
/// After so long nothing more comes: they hold what they write for up to a minute.
const QUIET_AFTER: Duration = Duration::from_secs(90);

/// AWS takes so many names in a question.
const AT_ONCE: usize = 50;

/// Works on log groups.
#[derive(Clone, Debug)]
pub(super) struct LogGroups(pub Aws);

impl LogGroups {
    async fn tags(&self, arn: &str) -> Result<Option<Tags>, Fault> {
        let answer = self.0.logs.list_tags_for_resource().resource_arn(arn).send().await.or_gone("logs:ListTagsForResource")?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    async fn get(&self, name: &str) -> Result<Option<Live>, Fault> {
        let answer = self.0.logs.describe_log_groups().log_group_name_prefix(name).send().await.or_fault("logs:DescribeLogGroups")?;
        Ok(answer.log_groups.unwrap_or_default().into_iter().find(|group| group.log_group_name() == Some(name)))
    }

    /// The groups of these names. One alone is found by its beginning, which every emulator knows.
    async fn named(&self, names: Vec<String>) -> Result<Option<Vec<Live>>, Fault> {
        if let [name] = &names[..] {
            return Ok(self.get(name).await?.map(|group| vec![group]));
        }
        let call = self.0.logs.describe_log_groups().set_log_group_identifiers(Some(names)).send().await;
        Ok(call.or_gone("logs:DescribeLogGroups")?.map(|answer| answer.log_groups.unwrap_or_default()))
    }

    async fn end(&self, name: &str) -> Result<(), Fault> {
        self.0.logs.delete_log_group().log_group_name(name).send().await.or_gone("logs:DeleteLogGroup").map(|_| ())
    }

    async fn arn(&self, name: &str) -> Result<String, Fault> {
        Ok(format!("arn:aws:logs:{}:{}:log-group:{name}", self.0.region, self.0.account().await?))
    }

    async fn retain(&self, want: &LogGroup) -> Result<(), Fault> {
        if want.retention_days == 0 {
            return self
                .0
                .logs
                .delete_retention_policy()
                .log_group_name(&want.name)
                .send()
                .await
                .or_fault("logs:DeleteRetentionPolicy")
                .map(|_| ());
        }
        let call = self.0.logs.put_retention_policy().log_group_name(&want.name).retention_in_days(want.retention_days);
        call.send().await.or_fault("logs:PutRetentionPolicy").map(|_| ())
    }
}

impl Calls<LogGroup> for LogGroups {
    async fn look(&self, asks: &[Ask<LogGroup>]) -> Result<Found<LogGroup>, Fault> {
        let names = asks.iter().map(|ask| ask.want.name.clone()).collect();
        let groups = several(names, AT_ONCE, |names| self.named(names)).await?;
        each(asks, |ask| async {
            let Some(group) = groups.iter().find(|it| it.log_group_name() == Some(ask.want.name.as_str())) else { return Ok(None) };
            let arn = group.arn().unwrap_or_default().trim_end_matches(":*");
            let Some(tags) = self.0.tagging.or_own(&ask.who, arn, self.tags(arn)).await? else { return Ok(None) };
            let live = LogGroup {
                name: ask.want.name.clone(),
                retention_days: group.retention_in_days().unwrap_or(0),
                key: KeyArn(group.kms_key_id().unwrap_or_default().to_owned()),
            };
            let ours = ask.who.owns(&tags) || !has_identity(&tags);
            Ok(Some(Seen { output: LogGroupName(live.name.clone()), live, ours, tags: Some(tags) }))
        })
        .await
    }

    async fn create(&self, who: &Identity, want: &LogGroup) -> Result<Option<LogGroupName>, Fault> {
        let tags: HashMap<String, String> = who.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let call = self.0.logs.create_log_group().log_group_name(&want.name).kms_key_id(want.key.as_str()).set_tags(Some(tags));
        call.send().await.or_fault("logs:CreateLogGroup").map(|_| Some(LogGroupName(want.name.clone())))
    }

    /// A create takes no retention: a group gets its own here, also one whose create was interrupted or that a service made.
    async fn settle(&self, want: &LogGroup, _: &LogGroupName, _: &engine::Ticks) -> Result<(), Fault> {
        self.retain(want).await
    }

    async fn change(&self, who: &Identity, want: &LogGroup, seen: &Seen<LogGroup>) -> Result<(), Fault> {
        if seen.live.key != want.key {
            let call = self.0.logs.associate_kms_key().log_group_name(&want.name).kms_key_id(want.key.as_str());
            call.send().await.or_fault("logs:AssociateKmsKey")?;
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        if set.is_empty() && stale.is_empty() {
            return Ok(());
        }
        let arn = self.arn(&want.name).await?;
        if !set.is_empty() {
            let set = set.into_iter().collect::<HashMap<_, _>>();
            self.0.logs.tag_resource().resource_arn(&arn).set_tags(Some(set)).send().await.or_fault("logs:TagResource")?;
        }
        if !stale.is_empty() {
            self.0.logs.untag_resource().resource_arn(&arn).set_tag_keys(Some(stale)).send().await.or_fault("logs:UntagResource")?;
        }
        Ok(())
    }

    async fn remove(&self, spec: &LogGroup, _: &LogGroupName) -> Result<(), Fault> {
        self.end(&spec.name).await
    }

    /// What a writer still held when it ended makes the group again, without retention or tags: it is deleted once more.
    async fn settle_gone(&self, _: &Identity, spec: &LogGroup, ticks: &Ticks) -> Result<(), Fault> {
        if !LATE_WRITERS.iter().any(|prefix| spec.name.starts_with(prefix)) {
            return Ok(());
        }
        let (started, quiet) = (Instant::now(), QUIET_AFTER.div_f64(self.0.speed));
        let look = || async {
            if let Some(group) = self.get(&spec.name).await? {
                let tags = self.tags(group.arn().unwrap_or_default().trim_end_matches(":*")).await?;
                // One with an identity is a successor's.
                if tags.is_some_and(|tags| has_identity(&tags)) {
                    return Ok(Poll::Ready(()));
                }
                self.end(&spec.name).await?;
            }
            let waits = started.elapsed() < quiet;
            Ok(if waits { Poll::Waiting(format!("{} may be written to once more", spec.name)) } else { Poll::Ready(()) })
        };
        self.0.until(QUIET_AFTER * 2).poll(ticks, look).await
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<LogGroup>>, Fault> {
        let mut pages = self.0.logs.describe_log_groups().into_paginator().items().send();
        let mut names = Vec::new();
        while let Some(group) = pages.next().await {
            let name = group.or_fault("logs:DescribeLogGroups")?.log_group_name.filter(|name| scope.may_name(name));
            names.extend(name.map(|name| LogGroup { name, ..LogGroup::default() }));
        }
        Ok(Some(names))
    }
}

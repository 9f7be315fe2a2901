//! A CloudWatch alarm that tells a topic.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html>

use crate::named::{Calls, Tags, each, owned, tag_changes};
use crate::{Aws, FaultExt};
use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricAlarm, MetricDataQuery, MetricStat, Statistic, Tag};
use contract::{AlarmArn, TopicArn};
use engine::{Address, Ask, Class, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Scope, Seen};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One metric as an alarm looks at it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `AWS/RDS`.
    pub namespace: String,
    /// `CPUUtilization`.
    pub name: String,
    /// Whose.
    pub dimensions: BTreeMap<String, String>,
    /// `Average`, `Sum`, `Maximum`, `Minimum`, or a percentile such as `p99`.
    pub statistic: String,
    /// Seconds per data point.
    pub period: i32,
}

impl Metric {
    /// A metric with one data point a minute.
    pub fn new(namespace: &str, name: &str, dimensions: &[(&str, &str)], statistic: &str) -> Metric {
        let dimensions = dimensions.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Metric { namespace: namespace.into(), name: name.into(), dimensions, statistic: statistic.into(), period: 60 }
    }

    fn dimensions(&self) -> Vec<Dimension> {
        self.dimensions.iter().map(|(key, value)| Dimension::builder().name(key).value(value).build()).collect()
    }
}

/// What an alarm looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// One metric.
    Metric(Metric),
    /// An expression over several.
    Math {
        /// `desired - running`.
        expression: String,
        /// The metrics by the names that the expression uses.
        inputs: BTreeMap<String, Metric>,
    },
}

/// When the alarm rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Above the threshold.
    #[default]
    Above,
    /// At the threshold or above.
    AtLeast,
    /// Below the threshold.
    Below,
    /// At the threshold or below.
    AtMost,
}

/// What a missing data point means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// The state stays.
    Ignore,
    /// All is well.
    #[default]
    NotBreaching,
    /// It rings.
    Breaching,
    /// The state becomes `INSUFFICIENT_DATA`.
    Missing,
}

/// What the alarm should be.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Alarm {
    /// Its name, unique in account and region.
    pub name: String,
    /// What it means and what to do.
    pub description: String,
    /// What it looks at.
    pub measure: Measure,
    /// Where it rings.
    pub threshold: f64,
    /// On which side.
    pub comparison: Comparison,
    /// How many data points in a row.
    pub periods: i32,
    /// What a missing one means.
    pub missing: Missing,
    /// Whom it tells when it rings and when it is over.
    pub topic: TopicArn,
}

impl Default for Measure {
    fn default() -> Measure {
        Measure::Metric(Metric::default())
    }
}

impl Alarm {
    /// Rings when five minutes in a row are above the threshold.
    pub fn above(name: String, description: &str, metric: Metric, threshold: f64, topic: TopicArn) -> Alarm {
        let measure = Measure::Metric(metric);
        Alarm {
            name,
            description: description.into(),
            measure,
            threshold,
            comparison: Comparison::Above,
            periods: 5,
            missing: Missing::NotBreaching,
            topic,
        }
    }

    /// Rings when five minutes in a row are below the threshold.
    pub fn below(name: String, description: &str, metric: Metric, threshold: f64, topic: TopicArn) -> Alarm {
        Alarm { comparison: Comparison::Below, ..Alarm::above(name, description, metric, threshold, topic) }
    }
}

impl Resource for Alarm {
    const KIND: Kind = "alarm";
    const REPLACE_ON: &'static [&'static str] = &["name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = AlarmArn;

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Name(self.name.clone())
    }

    fn placeholder(&self, at: &Address) -> AlarmArn {
        AlarmArn::unknown(at)
    }
}

/// Works on alarms.
#[derive(Clone, Debug)]
pub struct Alarms(pub Aws);

const COMPARISONS: [(Comparison, ComparisonOperator); 4] = [
    (Comparison::Above, ComparisonOperator::GreaterThanThreshold),
    (Comparison::AtLeast, ComparisonOperator::GreaterThanOrEqualToThreshold),
    (Comparison::Below, ComparisonOperator::LessThanThreshold),
    (Comparison::AtMost, ComparisonOperator::LessThanOrEqualToThreshold),
];

const MISSINGS: [(Missing, &str); 4] = [
    (Missing::Ignore, "ignore"),
    (Missing::NotBreaching, "notBreaching"),
    (Missing::Breaching, "breaching"),
    (Missing::Missing, "missing"),
];

fn dimensions(of: &[Dimension]) -> BTreeMap<String, String> {
    of.iter().map(|it| (it.name().unwrap_or_default().to_owned(), it.value().unwrap_or_default().to_owned())).collect()
}

fn metric_of(query: &MetricDataQuery) -> Option<(String, Metric)> {
    let stat = query.metric_stat()?;
    let metric = stat.metric()?;
    let metric = Metric {
        namespace: metric.namespace().unwrap_or_default().to_owned(),
        name: metric.metric_name().unwrap_or_default().to_owned(),
        dimensions: dimensions(metric.dimensions()),
        statistic: stat.stat().unwrap_or_default().to_owned(),
        period: stat.period().unwrap_or_default(),
    };
    Some((query.id().unwrap_or_default().to_owned(), metric))
}

fn measure(it: &MetricAlarm) -> Measure {
    if let Some(expression) = it.metrics().iter().find_map(|query| query.expression()) {
        return Measure::Math { expression: expression.to_owned(), inputs: it.metrics().iter().filter_map(metric_of).collect() };
    }
    Measure::Metric(Metric {
        namespace: it.namespace().unwrap_or_default().to_owned(),
        name: it.metric_name().unwrap_or_default().to_owned(),
        dimensions: dimensions(it.dimensions()),
        statistic: it.statistic().map(Statistic::as_str).or(it.extended_statistic()).unwrap_or_default().to_owned(),
        period: it.period().unwrap_or_default(),
    })
}

/// What AWS holds, in the shape of the declaration. Another topic, or none, is a difference.
fn live(it: &MetricAlarm, want: &Alarm) -> Alarm {
    let comparison = COMPARISONS.iter().find(|(_, theirs)| Some(theirs) == it.comparison_operator()).map(|(ours, _)| *ours);
    let missing = MISSINGS.iter().find(|(_, theirs)| Some(*theirs) == it.treat_missing_data()).map_or(Missing::Missing, |(ours, _)| *ours);
    let told = |actions: &[String]| actions == [want.topic.0.clone()];
    let both = told(it.alarm_actions()) && told(it.ok_actions()) && it.actions_enabled() != Some(false);
    Alarm {
        name: want.name.clone(),
        description: it.alarm_description().unwrap_or_default().to_owned(),
        measure: measure(it),
        threshold: it.threshold().unwrap_or_default(),
        comparison: comparison.unwrap_or(Comparison::Above),
        periods: it.evaluation_periods().unwrap_or_default(),
        missing,
        topic: TopicArn(if both { want.topic.0.clone() } else { it.alarm_actions().join(" ") }),
    }
}

fn tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// The ARN of an alarm in the partition, region and account of the topic that it tells: `PutMetricAlarm` does not give it back.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html#amazoncloudwatch-resources-for-iam-policies>
fn arn_beside(topic: &TopicArn, name: &str) -> Option<AlarmArn> {
    let parts: Vec<&str> = topic.as_str().split(':').collect();
    let [_, partition, _, region, account, _] = parts[..] else { return None };
    Some(AlarmArn(format!("arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}")))
}

impl Alarms {
    async fn tags_of(&self, arn: &str) -> Result<Option<Tags>, Fault> {
        let answer = self.0.alarms.list_tags_for_resource().resource_arn(arn).send().await.or_gone("cloudwatch:ListTagsForResource")?;
        let pair = |tag: &Tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned());
        Ok(answer.map(|answer| answer.tags().iter().map(pair).collect()))
    }

    /// The same call makes and changes an alarm; its tags count only when it makes one.
    async fn put(&self, who: &Identity, want: &Alarm) -> Result<(), Fault> {
        let operator = COMPARISONS.iter().find(|(ours, _)| *ours == want.comparison).map(|(_, theirs)| theirs.clone());
        let missing = MISSINGS.iter().find(|(ours, _)| *ours == want.missing).map(|(_, theirs)| (*theirs).to_owned());
        let call = self.0.alarms.put_metric_alarm().alarm_name(&want.name).alarm_description(&want.description).actions_enabled(true);
        let call = call.alarm_actions(want.topic.as_str()).ok_actions(want.topic.as_str()).threshold(want.threshold);
        let call = call.set_comparison_operator(operator).evaluation_periods(want.periods).set_treat_missing_data(missing);
        let call = match &want.measure {
            Measure::Metric(metric) => {
                let call = call.namespace(&metric.namespace).metric_name(&metric.name).period(metric.period);
                let call = call.set_dimensions(Some(metric.dimensions()));
                if metric.statistic.starts_with('p') {
                    call.extended_statistic(&metric.statistic)
                } else {
                    call.statistic(Statistic::from(metric.statistic.as_str()))
                }
            }
            Measure::Math { expression, inputs } => {
                let result = MetricDataQuery::builder().id("result").expression(expression).return_data(true).build();
                let inputs = inputs.iter().map(|(id, metric)| {
                    let named = aws_sdk_cloudwatch::types::Metric::builder().namespace(&metric.namespace).metric_name(&metric.name);
                    let named = named.set_dimensions(Some(metric.dimensions())).build();
                    let stat = MetricStat::builder().metric(named).stat(&metric.statistic).period(metric.period).build();
                    MetricDataQuery::builder().id(id).metric_stat(stat).return_data(false).build()
                });
                call.set_metrics(Some(inputs.chain([result]).collect()))
            }
        };
        call.set_tags(Some(tags(&who.tags))).send().await.or_fault("cloudwatch:PutMetricAlarm").map(|_| ())
    }
}

impl Calls<Alarm> for Alarms {
    async fn look(&self, asks: &[Ask<Alarm>]) -> Result<Found<Alarm>, Fault> {
        let described = asks.chunks(100).map(|asks| async move {
            let names = asks.iter().map(|ask| ask.want.name.clone()).collect();
            let answer = self.0.alarms.describe_alarms().set_alarm_names(Some(names)).max_records(100).send().await;
            Ok::<_, Fault>(answer.or_fault("cloudwatch:DescribeAlarms")?.metric_alarms.unwrap_or_default())
        });
        let alarms = try_join_all(described).await?.concat();
        let alarms: BTreeMap<&str, &MetricAlarm> = alarms.iter().filter_map(|it| Some((it.alarm_name()?, it))).collect();
        each(asks, |ask| {
            let it = alarms.get(ask.want.name.as_str()).copied();
            async move {
                let Some(it) = it else { return Ok(None) };
                let arn = it.alarm_arn().unwrap_or_default();
                let tags = self.0.tagging.or_own(&ask.who, arn, self.tags_of(arn)).await?;
                Ok(tags.map(|tags| owned(&ask.who, live(it, &ask.want), AlarmArn(arn.to_owned()), tags)))
            }
        })
        .await
    }

    /// `PutMetricAlarm` would overwrite somebody else's alarm of that name: [`crate::named::Named`] looks first.
    async fn create(&self, who: &Identity, want: &Alarm) -> Result<Option<AlarmArn>, Fault> {
        self.put(who, want).await?;
        Ok(arn_beside(&want.topic, &want.name))
    }

    async fn change(&self, who: &Identity, want: &Alarm, seen: &Seen<Alarm>) -> Result<(), Fault> {
        let differ = |a: &Alarm, b: &Alarm| serde_json::to_value(a).ok() != serde_json::to_value(b).ok();
        if differ(&seen.live, want) {
            self.put(who, want).await?;
        }
        let (set, stale) = tag_changes(who, seen.tags.as_ref());
        let arn = seen.output.as_str();
        if !set.is_empty() {
            let call = self.0.alarms.tag_resource().resource_arn(arn).set_tags(Some(tags(&set)));
            call.send().await.or_fault("cloudwatch:TagResource")?;
        }
        if !stale.is_empty() {
            let call = self.0.alarms.untag_resource().resource_arn(arn).set_tag_keys(Some(stale));
            call.send().await.or_fault("cloudwatch:UntagResource")?;
        }
        Ok(())
    }

    async fn remove(&self, spec: &Alarm, _: &AlarmArn) -> Result<(), Fault> {
        match self.0.alarms.delete_alarms().alarm_names(&spec.name).send().await.or_gone("cloudwatch:DeleteAlarms") {
            Err(fault) if fault.class == Class::NotFound => Ok(()),
            other => other.map(|_| ()),
        }
    }

    async fn names(&self, scope: &Scope) -> Result<Option<Vec<Alarm>>, Fault> {
        let call = self.0.alarms.describe_alarms().alarm_name_prefix(format!("{}-{}", scope.stack, scope.env));
        let mut pages = call.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let alarms = page.or_fault("cloudwatch:DescribeAlarms")?.metric_alarms.unwrap_or_default();
            names.extend(alarms.into_iter().map(|it| Alarm { name: it.alarm_name.unwrap_or_default(), ..Alarm::default() }));
        }
        Ok(Some(names))
    }
}

//! A metric filter: log events that match become a metric. It belongs to its log group and goes with it.
//! <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html>

use aws::named::{Calls, MANY, each, untagged};
use aws::{Aws, FaultExt};
use aws_sdk_cloudwatchlogs::types::{MetricFilter as Live, MetricTransformation};
use contract::LogGroupName;
use engine::{Address, Ask, Fault, Found, Identity, IdentityBy, Kind, Replace, Resource, Seen};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the filter should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// Its log group.
    pub group: LogGroupName,
    /// Its name in the group.
    pub name: String,
    /// Which events match.
    pub pattern: String,
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name; each event counts one.
    pub metric: String,
}

impl Resource for MetricFilter {
    const KIND: Kind = "metric_filter";
    const REPLACE_ON: &'static [&'static str] = &["group", "name"];
    const REPLACE: Replace = Replace::DeleteFirst;
    type Output = ();

    fn identity(&self, _: u32) -> IdentityBy {
        IdentityBy::Natural(format!("{}/{}", self.group, self.name))
    }

    fn placeholder(&self, _: &Address) {}
}

/// Works on metric filters.
#[derive(Clone, Debug)]
pub(super) struct MetricFilters(pub Aws);

fn live(it: &Live, want: &MetricFilter) -> MetricFilter {
    let to = it.metric_transformations().first();
    MetricFilter {
        pattern: it.filter_pattern().unwrap_or_default().to_owned(),
        namespace: to.map(|to| to.metric_namespace().to_owned()).unwrap_or_default(),
        metric: to.map(|to| to.metric_name().to_owned()).unwrap_or_default(),
        ..want.clone()
    }
}

impl MetricFilters {
    async fn all(&self) -> Result<Vec<Live>, Fault> {
        let (mut pages, mut all) = (self.0.logs.describe_metric_filters().into_paginator().send(), Vec::new());
        while let Some(page) = pages.next().await {
            all.extend(page.or_fault("logs:DescribeMetricFilters")?.metric_filters.unwrap_or_default());
        }
        Ok(all)
    }
}

impl Calls<MetricFilter> for MetricFilters {
    async fn look(&self, asks: &[Ask<MetricFilter>]) -> Result<Found<MetricFilter>, Fault> {
        if asks.len() >= MANY {
            let all = self.all().await?;
            let there: BTreeMap<(&str, &str), &Live> =
                all.iter().filter_map(|it| Some(((it.log_group_name()?, it.filter_name()?), it))).collect();
            let seen = |ask: &Ask<MetricFilter>| {
                let it = there.get(&(ask.want.group.as_str(), ask.want.name.as_str()))?;
                Some((ask.who.address.clone(), untagged(live(it, &ask.want), (), true)))
            };
            return Ok(asks.iter().filter_map(seen).collect());
        }
        each(asks, |ask| async move {
            let call = self.0.logs.describe_metric_filters().log_group_name(ask.want.group.as_str()).filter_name_prefix(&ask.want.name);
            let Some(answer) = call.send().await.or_gone("logs:DescribeMetricFilters")? else { return Ok(None) };
            let it = answer.metric_filters().iter().find(|it| it.filter_name() == Some(ask.want.name.as_str()));
            Ok(it.map(|it| untagged(live(it, &ask.want), (), true)))
        })
        .await
    }

    async fn create(&self, _: &Identity, want: &MetricFilter) -> Result<Option<()>, Fault> {
        let to = MetricTransformation::builder().metric_namespace(&want.namespace).metric_name(&want.metric).metric_value("1");
        let to = to.default_value(0.0).build().map_err(|error| Fault::new(engine::Class::Bug, error.to_string()))?;
        let call = self.0.logs.put_metric_filter().log_group_name(want.group.as_str()).filter_name(&want.name);
        call.filter_pattern(&want.pattern).metric_transformations(to).send().await.or_fault("logs:PutMetricFilter").map(|_| Some(()))
    }

    async fn change(&self, who: &Identity, want: &MetricFilter, seen: &Seen<MetricFilter>) -> Result<(), Fault> {
        if &seen.live == want { Ok(()) } else { self.create(who, want).await.map(|_| ()) }
    }

    async fn remove(&self, spec: &MetricFilter, (): &()) -> Result<(), Fault> {
        let call = self.0.logs.delete_metric_filter().log_group_name(spec.group.as_str()).filter_name(&spec.name);
        call.send().await.or_gone("logs:DeleteMetricFilter").map(|_| ())
    }
}

//! The resource kinds that only this layer declares.

mod dashboard;
mod flow_log;
mod log_group;
mod metric_filter;
mod saved_query;
mod sns_subscription;
mod sns_topic;

pub use dashboard::Dashboard;
pub use flow_log::FlowLog;
pub use log_group::LogGroup;
pub use metric_filter::MetricFilter;
pub(crate) use saved_query::SavedQueries;
pub use saved_query::SavedQuery;
pub use sns_subscription::SnsSubscription;
pub use sns_topic::SnsTopic;

use aws::Aws;
use aws::kinds::alarm::Alarms;
use aws::kinds::iam_role::IamRoles;
use aws::named::Named;
use engine::Kinds;

/// Every kind that this layer ever shipped, with its driver.
pub fn kinds(aws: &Aws) -> Kinds {
    Kinds::new()
        .with(Named(log_group::LogGroups(aws.clone())))
        .with(Named(sns_topic::SnsTopics(aws.clone())))
        .with(Named(sns_subscription::SnsSubscriptions(aws.clone())))
        .with(Named(dashboard::Dashboards(aws.clone())))
        .with(Named(saved_query::SavedQueries(aws.clone())))
        .with(Named(metric_filter::MetricFilters(aws.clone())))
        .with(flow_log::FlowLogs(aws.clone()))
        .with(Named(Alarms(aws.clone())))
        .with(Named(IamRoles(aws.clone())))
}

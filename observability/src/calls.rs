//! The calls that this layer makes, for `doctor` to ask whether they are allowed.

use crate::config::Config;
use aws::permissions::{ALARM, ALL_TAGS, ROLE, TAGS};

/// Every operation that is named in this layer's files: the `permissions` suite compares.
const CALLS: &[&str] = &[
    "cloudwatch:DeleteDashboards",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetDashboard",
    "cloudwatch:PutDashboard",
    "ec2:CreateFlowLogs",
    "ec2:DeleteFlowLogs",
    "ec2:DescribeFlowLogs",
    "logs:AssociateKmsKey",
    "logs:CreateLogGroup",
    "logs:DeleteLogGroup",
    "logs:DeleteMetricFilter",
    "logs:DeleteQueryDefinition",
    "logs:DeleteRetentionPolicy",
    "logs:DescribeLogGroups",
    "logs:DescribeMetricFilters",
    "logs:DescribeQueryDefinitions",
    "logs:ListTagsForResource",
    "logs:PutMetricFilter",
    "logs:PutQueryDefinition",
    "logs:PutRetentionPolicy",
    "logs:TagResource",
    "logs:UntagResource",
    "sns:CreateTopic",
    "sns:DeleteTopic",
    "sns:GetTopicAttributes",
    "sns:ListSubscriptionsByTopic",
    "sns:ListTagsForResource",
    "sns:ListTopics",
    "sns:SetTopicAttributes",
    "sns:Subscribe",
    "sns:TagResource",
    "sns:Unsubscribe",
    "sns:UntagResource",
];

/// What a deploy and a destroy of these settings may call.
pub(crate) fn calls(config: &Config) -> Vec<&'static str> {
    // The role is the one that flow logs write with.
    let used = |call: &&str| config.flow_logs || !["ec2:", "iam:"].iter().any(|service| call.starts_with(service));
    [CALLS, ALARM, ALL_TAGS, ROLE, TAGS].concat().into_iter().filter(used).collect()
}

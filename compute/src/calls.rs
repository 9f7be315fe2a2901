//! The calls that this layer makes, for `doctor` to ask whether they are allowed.

use crate::config::Config;
use aws::permissions::{ALARM, ALL_TAGS, ROLE};

/// Every operation that is named in this layer's files: the `permissions` suite compares.
const CALLS: &[&str] = &[
    "application-autoscaling:DeleteScalingPolicy",
    "application-autoscaling:DeregisterScalableTarget",
    "application-autoscaling:DescribeScalableTargets",
    "application-autoscaling:DescribeScalingPolicies",
    "application-autoscaling:ListTagsForResource",
    "application-autoscaling:PutScalingPolicy",
    "application-autoscaling:RegisterScalableTarget",
    "application-autoscaling:TagResource",
    "application-autoscaling:UntagResource",
    "ecs:CreateCluster",
    "ecs:CreateService",
    "ecs:DeleteCluster",
    "ecs:DeleteService",
    "ecs:DeregisterTaskDefinition",
    "ecs:DescribeClusters",
    "ecs:DescribeServices",
    "ecs:DescribeTaskDefinition",
    "ecs:DescribeTasks",
    "ecs:ListClusters",
    "ecs:ListServices",
    "ecs:ListTaskDefinitions",
    "ecs:ListTasks",
    "ecs:RegisterTaskDefinition",
    "ecs:TagResource",
    "ecs:UntagResource",
    "ecs:UpdateCluster",
    "ecs:UpdateService",
    "iam:CreateServiceLinkedRole",
    "logs:GetLogEvents",
    "ssm:GetParameters",
];

/// What a deploy and a destroy of these settings may call.
pub(crate) fn calls(_: &Config) -> Vec<&'static str> {
    [CALLS, ALARM, ALL_TAGS, ROLE].concat()
}

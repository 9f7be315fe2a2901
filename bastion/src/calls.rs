//! The calls that this layer makes, for `doctor` to ask whether they are allowed.

use crate::config::Config;
use aws::permissions::{ROLE, SECURITY_GROUP, TAGS};

/// Every operation that is named in this layer's files: the `permissions` suite compares.
const CALLS: &[&str] = &[
    "ec2:DeleteKeyPair",
    "ec2:DescribeImages",
    "ec2:DescribeInstances",
    "ec2:DescribeKeyPairs",
    "ec2:ImportKeyPair",
    "ec2:ModifyInstanceAttribute",
    "ec2:ModifyInstanceMetadataOptions",
    "ec2:RunInstances",
    "ec2:TerminateInstances",
    "iam:AddRoleToInstanceProfile",
    "iam:CreateInstanceProfile",
    "iam:DeleteInstanceProfile",
    "iam:GetInstanceProfile",
    "iam:ListInstanceProfiles",
    "iam:RemoveRoleFromInstanceProfile",
    "iam:TagInstanceProfile",
    "iam:UntagInstanceProfile",
    "ssm:GetParameter",
];

/// What a deploy and a destroy of these settings may call.
pub(crate) fn calls(config: &Config) -> Vec<&'static str> {
    // One that is off makes nothing.
    if !config.enabled {
        return Vec::new();
    }
    [CALLS, ROLE, SECURITY_GROUP, TAGS].concat()
}

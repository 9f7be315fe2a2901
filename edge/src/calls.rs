//! The calls that this layer makes, for `doctor` to ask whether they are allowed.

use crate::config::Config;
use aws::permissions::{ALARM, ALL_TAGS};

/// Every operation that is named in this layer's files: the `permissions` suite compares.
const CALLS: &[&str] = &[
    "acm:AddTagsToCertificate",
    "acm:DeleteCertificate",
    "acm:DescribeCertificate",
    "acm:ListCertificates",
    "acm:ListTagsForCertificate",
    "acm:RemoveTagsFromCertificate",
    "acm:RequestCertificate",
    "elasticloadbalancing:AddTags",
    "elasticloadbalancing:CreateListener",
    "elasticloadbalancing:CreateLoadBalancer",
    "elasticloadbalancing:CreateTargetGroup",
    "elasticloadbalancing:DeleteListener",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:DescribeListeners",
    "elasticloadbalancing:DescribeLoadBalancerAttributes",
    "elasticloadbalancing:DescribeLoadBalancers",
    "elasticloadbalancing:DescribeTags",
    "elasticloadbalancing:DescribeTargetGroupAttributes",
    "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth",
    "elasticloadbalancing:ModifyListener",
    "elasticloadbalancing:ModifyLoadBalancerAttributes",
    "elasticloadbalancing:ModifyTargetGroup",
    "elasticloadbalancing:ModifyTargetGroupAttributes",
    "elasticloadbalancing:RemoveTags",
    "elasticloadbalancing:SetSecurityGroups",
    "elasticloadbalancing:SetSubnets",
    "route53:ChangeResourceRecordSets",
    "route53:ListHostedZonesByName",
    "route53:ListResourceRecordSets",
    "wafv2:AssociateWebACL",
    "wafv2:DisassociateWebACL",
    "wafv2:GetWebACLForResource",
];

/// What a deploy and a destroy of these settings may call.
pub(crate) fn calls(config: &Config) -> Vec<&'static str> {
    let used = |call: &&str| match call.split(':').next() {
        Some("acm") => config.https,
        Some("route53") => config.hosted_zone.is_some(),
        Some("wafv2") => config.web_acl_arn.is_some(),
        _ => true,
    };
    [CALLS, ALARM, ALL_TAGS].concat().into_iter().filter(used).collect()
}

//! What a principal may do: from calls to IAM's actions, and what the policy simulator says to them.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>

use crate::{Aws, FaultExt};
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType, ResourceSpecificResult};
use engine::{Fault, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// Alarms.
pub const ALARM: &[&str] = &[
    "cloudwatch:DeleteAlarms",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListTagsForResource",
    "cloudwatch:PutMetricAlarm",
    "cloudwatch:TagResource",
    "cloudwatch:UntagResource",
];

/// Roles.
pub const ROLE: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:ListRoles",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
];

/// Security groups and their rules.
pub const SECURITY_GROUP: &[&str] = &[
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:DeleteSecurityGroup",
    "ec2:DescribeSecurityGroupRules",
    "ec2:DescribeSecurityGroups",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
];

/// Tags of all services at once.
pub const ALL_TAGS: &[&str] = &["tag:GetResources"];

/// Tags in EC2.
pub const TAGS: &[&str] = &["ec2:CreateTags", "ec2:DeleteTags"];

/// A ledger in a bucket, and the bucket.
pub const LEDGER: &[&str] = &[
    "s3:CreateBucket",
    "s3:DeleteObject",
    "s3:GetBucketEncryption",
    "s3:GetBucketLifecycleConfiguration",
    "s3:GetBucketPolicy",
    "s3:GetBucketTagging",
    "s3:GetBucketVersioning",
    "s3:GetObject",
    "s3:GetPublicAccessBlock",
    "s3:ListObjectsV2",
    "s3:PutBucketEncryption",
    "s3:PutBucketLifecycleConfiguration",
    "s3:PutBucketPolicy",
    "s3:PutBucketTagging",
    "s3:PutBucketVersioning",
    "s3:PutObject",
    "s3:PutPublicAccessBlock",
];

/// Actions that are not called as their operation is.
const NAMES: &[(&str, &str)] = &[
    ("s3:GetBucketEncryption", "s3:GetEncryptionConfiguration"),
    ("s3:PutBucketEncryption", "s3:PutEncryptionConfiguration"),
    ("s3:GetBucketLifecycleConfiguration", "s3:GetLifecycleConfiguration"),
    ("s3:PutBucketLifecycleConfiguration", "s3:PutLifecycleConfiguration"),
    ("s3:GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock"),
    ("s3:PutPublicAccessBlock", "s3:PutBucketPublicAccessBlock"),
    ("s3:HeadBucket", "s3:ListBucket"),
    ("s3:ListObjectsV2", "s3:ListBucket"),
    ("s3:HeadObject", "s3:GetObject"),
];

/// What AWS asks for beside the action itself: tags in a create, roles that are handed over, keys that are used.
const MORE: &[(&str, &[&str])] = &[
    ("acm:RequestCertificate", &["acm:AddTagsToCertificate"]),
    ("application-autoscaling:RegisterScalableTarget", &["application-autoscaling:TagResource", "iam:CreateServiceLinkedRole"]),
    ("ec2:CreateFlowLogs", &["ec2:CreateTags", "iam:PassRole"]),
    ("ec2:RunInstances", &["ec2:CreateTags", "iam:PassRole"]),
    ("ecs:CreateCluster", &["ecs:TagResource", "iam:CreateServiceLinkedRole"]),
    ("ecs:RegisterTaskDefinition", &["ecs:TagResource", "iam:PassRole"]),
    ("elasticloadbalancing:CreateLoadBalancer", &["elasticloadbalancing:AddTags", "iam:CreateServiceLinkedRole"]),
    ("rds:CreateDBInstance", &["rds:AddTagsToResource", "iam:CreateServiceLinkedRole"]),
    ("ssm:PutParameter", &["ssm:AddTagsToResource", "kms:Encrypt"]),
    ("ssm:GetParameter", &["kms:Decrypt"]),
    ("wafv2:AssociateWebACL", &["elasticloadbalancing:SetWebACL"]),
];

/// The actions that these calls need, each once.
pub fn actions<'a>(calls: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    let mut all = BTreeSet::new();
    for call in calls {
        // Everybody may ask who they are.
        if call.starts_with("sts:") {
            continue;
        }
        all.insert(NAMES.iter().find(|(name, _)| *name == call).map_or(call, |(_, action)| action));
        all.extend(MORE.iter().filter(|(name, _)| *name == call).flat_map(|(_, more)| more.iter().copied()));
    }
    all
}

/// What a principal may not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Actions that are refused.
    pub denied: Vec<String>,
    /// Actions that are allowed under conditions that the simulator does not know, and the keys of these.
    pub open: BTreeMap<String, Vec<String>>,
}

/// Who can be simulated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Principal {
    /// The root user: nothing in the account limits it.
    Root,
    /// A user or role, by its ARN.
    Entity(String),
    /// Somebody whose policies IAM does not keep: a federated user.
    Unknown,
}

/// The user or role behind the ARN that STS tells. An assumed role's ARN has not the role's path: IAM is asked for it.
pub async fn principal(aws: &Aws, arn: &str) -> Principal {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let [_, partition, service, _, account, rest] = parts[..] else { return Principal::Unknown };
    match (service, rest.split('/').collect::<Vec<_>>()[..].as_ref()) {
        ("iam", ["root"]) => Principal::Root,
        ("iam", _) => Principal::Entity(arn.to_owned()),
        ("sts", ["assumed-role", name, ..]) => {
            let asked = aws.iam.get_role().role_name(*name).send().await.or_fault("iam:GetRole");
            let known = asked.ok().and_then(|answer| answer.role.map(|role| role.arn));
            Principal::Entity(known.unwrap_or_else(|| format!("arn:{partition}:iam::{account}:role/{name}")))
        }
        _ => Principal::Unknown,
    }
}

/// How many actions one call asks for: AWS names no limit, and gives pages of 100 unless it is asked for more.
const AT_ONCE: usize = 100;
/// The most answers in a page.
const PAGE: i32 = 1000;
/// Services that live in one region only.
const GLOBAL: &[&str] = &["iam", "route53"];

/// One simulation: whose policies, of which account, where, with which tags.
#[derive(Clone, Copy, Debug)]
pub struct Simulation<'a> {
    /// The user or role.
    pub principal: &'a str,
    /// The account.
    pub account: &'a str,
    /// Whose objects would be made.
    pub scope: &'a Scope,
    /// ARNs of objects that the settings name: a bucket, a zone.
    pub named: &'a [String],
}

impl Simulation<'_> {
    /// What of `actions` the principal may not do. A policy may name objects: what is refused for all of them is asked again for those
    /// that we would make.
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_SimulatePrincipalPolicy.html>
    ///
    /// # Errors
    /// The fault of `iam:SimulatePrincipalPolicy`.
    pub async fn run(&self, aws: &Aws, actions: &BTreeSet<&str>) -> Result<Verdict, Fault> {
        let mut verdict = Verdict::default();
        let mut refused: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let (global, regional): (Vec<&str>, Vec<&str>) = actions.iter().partition(|action| GLOBAL.contains(&service(action)));
        for group in global.chunks(AT_ONCE).chain(regional.chunks(AT_ONCE)) {
            let allowed = self.ask(aws, group, Vec::new(), &mut BTreeMap::new()).await?;
            for action in group.iter().filter(|action| !allowed.contains(**action)) {
                refused.entry(service(action)).or_default().push(action);
            }
        }
        for (service, group) in refused {
            let mut ours = self.ours(aws, service);
            ours.extend(self.named.iter().filter(|arn| arn.split(':').nth(2) == Some(service)).cloned());
            let allowed = self.ask(aws, &group, ours, &mut verdict.open).await?;
            verdict.open.retain(|action, _| !allowed.contains(action));
            let denied = group.iter().filter(|action| !allowed.contains(**action) && !verdict.open.contains_key(**action));
            verdict.denied.extend(denied.map(|action| (*action).to_owned()));
        }
        verdict.denied.sort();
        Ok(verdict)
    }

    /// The actions that are allowed for one of the resources, or for all when there are none; those that hang on conditions go to `open`.
    async fn ask(
        &self,
        aws: &Aws,
        actions: &[&str],
        resources: Vec<String>,
        open: &mut BTreeMap<String, Vec<String>>,
    ) -> Result<BTreeSet<String>, Fault> {
        let named = actions.iter().map(|action| (*action).to_owned()).collect();
        let resources = Some(resources).filter(|all| !all.is_empty());
        let region = if actions.iter().all(|action| GLOBAL.contains(&service(action))) { "us-east-1" } else { &aws.region };
        let call = aws.iam.simulate_principal_policy().policy_source_arn(self.principal).set_action_names(Some(named));
        let call = call.set_resource_arns(resources).set_context_entries(Some(self.context(region))).max_items(PAGE);
        let mut pages = call.into_paginator().items().send();
        let mut allowed = BTreeSet::new();
        while let Some(one) = pages.next().await {
            let one: EvaluationResult = one.or_fault("iam:SimulatePrincipalPolicy")?;
            // IAM tells of several resources by an answer each, or inside one.
            let inside = |it: &ResourceSpecificResult| *it.eval_resource_decision() == PolicyEvaluationDecisionType::Allowed;
            let name = one.eval_action_name().to_owned();
            if *one.eval_decision() == PolicyEvaluationDecisionType::Allowed || one.resource_specific_results().iter().any(inside) {
                allowed.insert(name);
            } else if !one.missing_context_values().is_empty() {
                open.insert(name, one.missing_context_values().to_vec());
            }
        }
        Ok(allowed)
    }

    /// What conditions may ask for and we know.
    fn context(&self, region: &str) -> Vec<ContextEntry> {
        let entry = |key: String, value: &str| {
            let built = ContextEntry::builder().context_key_name(key).context_key_values(value);
            built.context_key_type(ContextKeyTypeEnum::String).build()
        };
        let own = [(engine::resource::tag::STACK, &self.scope.stack), (engine::resource::tag::ENV, &self.scope.env)];
        let own = own.into_iter().map(|(key, value)| (key.to_owned(), value.clone()));
        let tags: BTreeMap<String, String> = self.scope.tags.clone().into_iter().chain(own).collect();
        let each = tags.iter().flat_map(|(key, value)| ["Request", "Resource"].map(|of| entry(format!("aws:{of}Tag/{key}"), value)));
        let known = [("aws:RequestedRegion", region), ("aws:SecureTransport", "true"), ("iam:PassedToService", "ecs-tasks.amazonaws.com")];
        known.into_iter().map(|(key, value)| entry(key.to_owned(), value)).chain(each).collect()
    }

    /// Objects of a service as we would name them.
    fn ours(&self, aws: &Aws, service: &str) -> Vec<String> {
        let (stack, env) = (&self.scope.stack, &self.scope.env);
        let name = format!("{stack}-{env}");
        const ID: &str = "0123456789abcdef0";
        let ends: Vec<String> = match service {
            "ec2" => EC2.iter().map(|(kind, prefix)| format!("{kind}/{prefix}-{ID}")).collect(),
            "ecs" => vec![format!("cluster/{name}"), format!("service/{name}/app"), format!("task-definition/{name}-app:1")],
            "elasticloadbalancing" => vec![
                format!("loadbalancer/app/{name}-alb/{ID}"),
                format!("targetgroup/{name}-app/{ID}"),
                format!("listener/app/{name}-alb/{ID}/{ID}"),
            ],
            "iam" => ["task", "execution", "bastion", "flow-logs"].iter().map(|role| format!("role/{name}-{role}")).collect(),
            "logs" => vec![format!("log-group:/{stack}/{env}/app"), format!("log-group:/{stack}/{env}/app:*")],
            "rds" => ["db", "subgrp", "pg"].iter().map(|kind| format!("{kind}:{name}")).collect(),
            "ssm" => vec![format!("parameter/{stack}/{env}/database-password")],
            "sns" => vec![format!("{name}-alarms")],
            "cloudwatch" => vec![format!("alarm:{name}-app-cpu"), format!("dashboard/{name}")],
            "kms" => vec!["key/01234567-89ab-cdef-0123-456789abcdef".to_owned(), format!("alias/{name}")],
            "acm" => vec!["certificate/01234567-89ab-cdef-0123-456789abcdef".to_owned()],
            "application-autoscaling" => vec![format!("scalable-target/{ID}")],
            _ => return Vec::new(),
        };
        let partition = self.principal.split(':').nth(1).unwrap_or("aws");
        let region = if GLOBAL.contains(&service) { "" } else { &aws.region };
        ends.into_iter().map(|end| format!("arn:{partition}:{service}:{region}:{}:{end}", self.account)).collect()
    }
}

/// EC2's kinds, and what the ids of their objects begin with.
const EC2: &[(&str, &str)] = &[
    ("vpc", "vpc"),
    ("subnet", "subnet"),
    ("security-group", "sg"),
    ("security-group-rule", "sgr"),
    ("internet-gateway", "igw"),
    ("natgateway", "nat"),
    ("elastic-ip", "eipalloc"),
    ("route-table", "rtb"),
    ("vpc-endpoint", "vpce"),
    ("vpc-flow-log", "fl"),
    ("instance", "i"),
    ("key-pair", "key"),
];

fn service(action: &str) -> &str {
    action.split(':').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_action_has_iams_name_and_what_comes_with_it() {
        let all = actions(["s3:ListObjectsV2", "sts:GetCallerIdentity", "ec2:RunInstances", "ec2:CreateVpc"]);
        assert_eq!(
            all.into_iter().collect::<Vec<_>>(),
            ["ec2:CreateTags", "ec2:CreateVpc", "ec2:RunInstances", "iam:PassRole", "s3:ListBucket"]
        );
    }
}

//! What a deploy of the service would meet: the roles that AWS needs for itself.

use aws::{Aws, FaultExt};
use engine::{Fault, LayerName, Level, Sign};

/// AWS's own roles, and who takes them.
const LINKED: &[(&str, &str)] = &[
    ("AWSServiceRoleForECS", "ECS"),
    ("AWSServiceRoleForElasticLoadBalancing", "the load balancer"),
    ("AWSServiceRoleForRDS", "RDS"),
    ("AWSServiceRoleForApplicationAutoScaling_ECSService", "autoscaling"),
];

/// A line for the service-linked roles.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>
pub(crate) async fn preflight(aws: &Aws) -> Result<Vec<Sign>, Fault> {
    let mut missing = Vec::new();
    for (role, whose) in LINKED {
        if aws.iam.get_role().role_name(*role).send().await.or_gone("iam:GetRole")?.is_none() {
            missing.push(*whose);
        }
    }
    let sign = |text: String| Sign::new(LayerName::Compute, "service-linked roles", Level::Ok, text);
    Ok(vec![match missing.as_slice() {
        [] => sign("AWS's own roles for ECS, the load balancer, RDS and autoscaling are there".into()),
        some => sign(format!("AWS makes its own roles for {} with the first deploy", some.join(", "))),
    }])
}

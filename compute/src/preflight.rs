//! What a deploy of the service would meet: the roles that AWS needs for itself, and whether the image is there.

use crate::config::Config;
use crate::kinds::TaskDefinition;
use crate::permissions::{Reference, reference};
use aws::{Aws, FaultExt};
use aws_sdk_ecr::types::ImageIdentifier;
use engine::ledger::Folded;
use engine::sign::objects;
use engine::{Class, Fault, LayerName, Level, Sign};

/// A line for the roles, and one for the image.
pub(crate) async fn preflight(aws: &Aws, config: &Config, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let (mut signs, image) = futures::try_join!(roles(aws), image(aws, config, memory))?;
    signs.push(image);
    Ok(signs)
}

/// Whether ECR has the image.
/// <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeImages.html>
async fn image(aws: &Aws, config: &Config, memory: &Folded) -> Result<Sign, Fault> {
    let name = &config.image;
    let sign = |level, text: String| Sign::new(LayerName::Compute, "image", level, text).fact("image", name.clone());
    let Some(Reference { account, region, repository, tag, digest }) = reference(name) else {
        return Ok(sign(Level::Ok, format!("whether {name} exists was not asked: only ECR can be")));
    };
    let id = ImageIdentifier::builder().set_image_tag(tag.map(str::to_owned)).set_image_digest(digest.map(str::to_owned)).build();
    let call = aws.ecr.describe_images().registry_id(account).repository_name(repository).image_ids(id);
    // The registry may be in another region than the stack.
    let there = aws_sdk_ecr::config::Builder::new().region(aws_sdk_ecr::config::Region::new(region.to_owned()));
    let Err(fault) = call.customize().config_override(there).send().await.or_fault("ecr:DescribeImages") else {
        return Ok(sign(Level::Ok, format!("{name} is in ECR")));
    };
    // A release decides what runs: the settings' image counts for the next task definition only.
    let runs = objects::<TaskDefinition>(memory).any(|(definition, _)| definition.container.image == *name);
    let level = if runs { Level::Warn } else { Level::Fail };
    match (fault.code.as_str(), fault.class) {
        ("RepositoryNotFoundException", _) => {
            let text = format!("{name}: the repository `{repository}` does not exist in {region}");
            Ok(sign(level, text).hint(format!("make it (`aws ecr create-repository --repository-name {repository}`) and push the image")))
        }
        ("ImageNotFoundException", _) => {
            let text = format!("{name}: the repository is there, and this image is not in it");
            Ok(sign(level, text).hint("push it, or set compute.image to one that is there"))
        }
        (_, Class::Denied | Class::NotFound | Class::Invalid) => {
            let text = format!("whether {name} exists cannot be asked: {}", fault.message);
            Ok(sign(Level::Warn, text)
                .hint("allow ecr:DescribeImages on the repository: deploys do without, and fail late when it is not there"))
        }
        _ => Err(fault),
    }
}

/// AWS's own roles, and who takes them.
const LINKED: &[(&str, &str)] = &[
    ("AWSServiceRoleForECS", "ECS"),
    ("AWSServiceRoleForElasticLoadBalancing", "the load balancer"),
    ("AWSServiceRoleForRDS", "RDS"),
    ("AWSServiceRoleForApplicationAutoScaling_ECSService", "autoscaling"),
];

/// A line for the service-linked roles.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/using-service-linked-roles.html>
async fn roles(aws: &Aws) -> Result<Vec<Sign>, Fault> {
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

//! How the operators' host is, and when its image ends.

use crate::kinds::Instance;
use aws::{Aws, FaultExt};
use engine::ledger::Folded;
use engine::settle::now;
use engine::sign::{ends, objects};
use engine::{Fault, LayerName, Level, Sign};

/// A line for each host, and one for an image that ends.
pub(crate) async fn health(aws: &Aws, memory: &Folded) -> Result<Vec<Sign>, Fault> {
    let mut signs = Vec::new();
    for (_, id) in objects::<Instance>(memory) {
        let call = aws.ec2.describe_instances().instance_ids(id.as_str()).send().await.or_gone("ec2:DescribeInstances")?;
        let found =
            call.and_then(|it| it.reservations).unwrap_or_default().into_iter().flat_map(|it| it.instances.unwrap_or_default()).next();
        let state = found.as_ref().and_then(|it| it.state()?.name()).map_or("gone", |name| name.as_str()).to_owned();
        let level = if state == "running" { Level::Ok } else { Level::Warn };
        signs.push(Sign::new(LayerName::Bastion, "bastion", level, format!("the host {} is {state}", id.as_str())).fact("state", state));
        if let Some(image) = found.as_ref().and_then(|it| it.image_id()) {
            signs.extend(image_ends(aws, image).await?);
        }
    }
    Ok(signs)
}

/// AWS deprecates its machine images; one that is gone altogether has ended as well.
async fn image_ends(aws: &Aws, image: &str) -> Result<Option<Sign>, Fault> {
    let call = aws.ec2.describe_images().image_ids(image).include_deprecated(true).send().await.or_gone("ec2:DescribeImages")?;
    let end = call.as_ref().and_then(|it| it.images().first()?.deprecation_time()).and_then(|text| text.parse::<jiff::Timestamp>().ok());
    Ok(end.and_then(|end| ends(LayerName::Bastion, "image", &format!("the machine image {image}"), end.as_second() as f64, now())))
}
